# SPDX-License-Identifier: Apache-2.0
"""ReadOnlyFilter: no input gets through, in any split, and looking works."""

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironic_console.common.errors import (
    LimitExceeded,
    RemoteProtocolError,
    Side,
)
from ironic_console.common.rfb.pixel_format import PixelFormat
from ironic_console.common.rfb.read_only import ReadOnlyFilter
from tests.helpers.client_messages import TABLE, TYPES, WIRE
from tests.helpers.play import splits
from tests.helpers.properties import (
    CLIENT_MESSAGES,
    CUTS,
    FEW,
    read_only_takes_anything,
)

PASSED_TYPES = {0, 2, 3, 150, 248}
PASSED = {name: WIRE[name] for name, (kind, _) in TABLE.items()
          if kind in PASSED_TYPES}
DROPPED = {name: data for name, data in WIRE.items() if name not in PASSED}
REQUEST = WIRE['FramebufferUpdateRequest']
KEY = WIRE['KeyEvent']

# What noVNC 1.7.0 asks for, in its order.
NOVNC = [1, 50, 7, -260, 16, 21, 5, 2, 6, 0, -26, -254, -223, -224, -258,
         -261, -308, -309, -312, -313, -307, -1063131698, -316, 0x574d5664,
         -239]
HIDDEN = {'ExtendedMouseButtons': -316, 'gii': -305, 'xvp': -309,
          'QEMU audio': -259, 'QEMU key': -258,
          'extended clipboard': 0xC0A1E5CE - 2**32}


def forward(pieces, side=Side.BROWSER):
    """:returns: what the server gets, and the error or None."""
    machine = ReadOnlyFilter(side)
    passed = b''
    try:
        for piece in pieces:
            passed += machine.receive_data(piece)
    except RemoteProtocolError as exc:
        return passed, exc
    return passed, None


def set_encodings(numbers):
    return struct.pack(f'>BxH{len(numbers)}i', 2, len(numbers), *numbers)


def set_pixel_format(**fields):
    return b'\0\0\0\0' + PixelFormat(**fields).pack()


def test_the_table_has_both_kinds():
    assert {TABLE[name][0] for name in DROPPED} == TYPES - PASSED_TYPES


@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize('name', PASSED)
def test_what_a_viewer_needs_passes_unchanged(name, split):
    data = PASSED[name]
    passed, error = forward(split(KEY + data + KEY))
    assert error is None
    assert passed == data


@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize('name', DROPPED)
def test_what_could_act_is_dropped(name, split):
    passed, error = forward(split(REQUEST + DROPPED[name] + REQUEST))
    assert error is None
    assert passed == REQUEST + REQUEST


@pytest.mark.parametrize('split', splits(range(20)))
def test_all_messages_in_a_row(split):
    passed, error = forward(split(b''.join(WIRE.values())))
    assert error is None
    assert passed == b''.join(PASSED.values())


@pytest.mark.parametrize('name', PASSED)
def test_nothing_is_forwarded_before_it_is_whole(name):
    machine = ReadOnlyFilter()
    for place in range(len(PASSED[name]) - 1):
        assert machine.receive_data(PASSED[name][place:place + 1]) == b''
    assert machine.receive_data(PASSED[name][-1:]) == PASSED[name]


def test_has_nothing_to_release():
    reader = ReadOnlyFilter()
    reader.receive_data(WIRE['KeyEvent'] + WIRE['PointerEvent'])
    assert reader.releases() == b''


def test_nothing_gives_nothing():
    machine = ReadOnlyFilter()
    assert machine.receive_data(b'') == b''
    machine.receive_data(REQUEST[:3])
    assert machine.receive_data(b'') == b''
    assert machine.receive_data(REQUEST[3:]) == REQUEST


# -- SetEncodings -------------------------------------------------------------

@pytest.mark.parametrize('split', splits())
def test_the_server_does_not_hear_of_extensions_that_act(split):
    passed, error = forward(split(set_encodings(NOVNC) + REQUEST))
    assert error is None
    assert passed == set_encodings(
        [number for number in NOVNC if number not in HIDDEN.values()]
    ) + REQUEST


@pytest.mark.parametrize('name', HIDDEN)
def test_each_of_them_is_hidden_wherever_it_stands(name):
    number = HIDDEN[name]
    passed, error = forward([set_encodings([number, 0, number, 7, number])])
    assert error is None
    assert passed == set_encodings([0, 7])


def test_a_list_of_nothing_else_becomes_empty():
    passed, _ = forward([set_encodings(list(HIDDEN.values()))])
    assert passed == set_encodings([])


def test_the_longest_list_is_rewritten():
    passed, error = forward([set_encodings([0, -316, 7] * 21845)])
    assert error is None
    assert passed == set_encodings([0, 7] * 21845)


def test_padding_of_the_client_does_not_reach_the_server():
    passed, _ = forward([b'\x02\xff\0\x01' + bytes(4)])
    assert passed == b'\x02\0\0\x01' + bytes(4)


# -- SetPixelFormat -----------------------------------------------------------

GOOD_FORMATS = {
    'noVNC': {'red_shift': 0, 'blue_shift': 16},
    'noVNC to Intel AMT': {
        'bits_per_pixel': 8, 'depth': 8, 'red_max': 3, 'green_max': 3,
        'blue_max': 3, 'red_shift': 0, 'green_shift': 2, 'blue_shift': 4},
    '16 bits': {'bits_per_pixel': 16, 'depth': 16, 'red_max': 31,
                'green_max': 63, 'blue_max': 31, 'red_shift': 11,
                'green_shift': 5},
    'highest shift': {'red_max': 1, 'red_shift': 31},
    'colour map': {'bits_per_pixel': 8, 'depth': 8, 'true_colour': False,
                   'red_max': 0, 'green_max': 0, 'blue_max': 0,
                   'red_shift': 255},
}
BAD_FORMATS = {
    'no bits': ({'bits_per_pixel': 0}, '0 bits per pixel'),
    '24 bits': ({'bits_per_pixel': 24}, '24 bits per pixel'),
    '64 bits': ({'bits_per_pixel': 64}, '64 bits per pixel'),
    'no bits and a colour map': (
        {'bits_per_pixel': 0, 'true_colour': False}, '0 bits per pixel'),
    'no red': ({'red_max': 0}, 'maximum of 0'),
    'no green': ({'green_max': 0}, 'maximum of 0'),
    'no blue': ({'blue_max': 0}, 'maximum of 0'),
    'red shift': ({'red_shift': 32}, 'a shift of 32 in 32 bits'),
    'green shift': ({'green_shift': 255}, 'a shift of 255 in 32 bits'),
    'blue shift': ({'bits_per_pixel': 8, 'red_shift': 0, 'green_shift': 0,
                    'blue_shift': 8}, 'a shift of 8 in 8 bits'),
}


@pytest.mark.parametrize('name', GOOD_FORMATS)
def test_passes_a_good_pixel_format(name):
    data = set_pixel_format(**GOOD_FORMATS[name])
    assert forward([data]) == (data, None)


@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize('name', BAD_FORMATS)
def test_a_pixel_format_that_could_crash_a_server_ends_it(name, split):
    fields, words = BAD_FORMATS[name]
    passed, error = forward(split(set_pixel_format(**fields)))
    assert passed == b''
    assert type(error) is RemoteProtocolError
    assert error.step == 'client message'
    assert words in str(error)


# -- errors -------------------------------------------------------------------

@pytest.mark.parametrize('side', Side)
@pytest.mark.parametrize('number', sorted(set(range(256)) - TYPES))
def test_an_unknown_type_ends_it(number, side):
    passed, error = forward([REQUEST, KEY + bytes([number]) + REQUEST], side)
    assert passed == REQUEST
    assert type(error) is RemoteProtocolError
    assert error.side is side
    assert error.step == 'client message'
    assert f'unknown type {number}' in str(error)


@pytest.mark.parametrize('bad', [
    b'\x07', b'\xff\x02\0\0', b'\xf8' + bytes(7) + b'\x41',
    b'\x06\0\0\0\x7f\xff\xff\xff', set_pixel_format(red_max=0)])
def test_nothing_gets_past_an_error(bad):
    machine = ReadOnlyFilter()
    for data in (REQUEST + KEY + bad, b'', REQUEST, REQUEST):
        with pytest.raises(RemoteProtocolError):
            machine.receive_data(data)


@pytest.mark.parametrize('length', [2**20 + 1, 2**31 - 1, -2**20 - 1, -2**31])
def test_a_clipboard_above_the_limit_ends_it(length):
    head = b'\x06\0\0\0' + length.to_bytes(4, signed=True)
    passed, error = forward([REQUEST, head])
    assert passed == REQUEST
    assert type(error) is LimitExceeded
    assert error.length == abs(length) + 8


# -- memory -------------------------------------------------------------------

@pytest.mark.parametrize('length', [2**20, -2**20])
def test_a_clipboard_is_dropped_without_being_held(length):
    machine = ReadOnlyFilter()
    machine.receive_data(b'\x06\0\0\0' + length.to_bytes(4, signed=True))
    for _ in range(1024):
        assert machine.receive_data(bytes(1024)) == b''
        assert sys.getsizeof(machine._held) < 4096
    assert machine.receive_data(REQUEST) == REQUEST


def test_holds_no_more_than_one_list_of_encodings():
    machine = ReadOnlyFilter()
    machine.receive_data(b'\x02\0\xff\xff')
    for _ in range(65535 - 1):
        machine.receive_data(bytes(4))
    assert len(machine._held) == 4 * 65535
    machine.receive_data(bytes(4))
    assert len(machine._held) == 0


# -- anything -----------------------------------------------------------------

@FEW
@given(CLIENT_MESSAGES, CUTS)
def test_takes_anything_and_forwards_only_what_is_allowed(data, cuts):
    read_only_takes_anything(data, cuts)


@FEW
@given(st.lists(st.one_of(
    st.sampled_from(sorted(WIRE)).map(WIRE.get),
    st.lists(st.one_of(st.sampled_from(sorted(HIDDEN.values())),
                       st.integers(-2**31, 2**31 - 1)),
             max_size=8).map(set_encodings)),
    max_size=12).map(b''.join), CUTS)
def test_takes_all_messages_in_any_order(data, cuts):
    assert read_only_takes_anything(data, cuts) is None


def test_counts_what_a_person_would_do():
    machine = ReadOnlyFilter()
    for name in ('FramebufferUpdateRequest', 'ClientCutText'):
        machine.receive_data(WIRE[name])
    assert machine.inputs == 0
    machine.receive_data(KEY + WIRE['PointerEvent'] + KEY[:3])
    machine.receive_data(KEY[3:])
    assert machine.inputs == 3
    assert machine.messages == 5
