# SPDX-License-Identifier: Apache-2.0
"""EncodingFilter: a server hears of what it bears, and all else is as it was.
"""

import struct

import pytest
from hypothesis import given

from ironic_console.common.errors import RemoteProtocolError
from ironic_console.common.rfb.encodings import EncodingFilter
from ironic_console.common.rfb.pressed_keys import PressedKeys
from ironic_console.common.rfb.read_only import ReadOnlyFilter
from tests.helpers.client_messages import TABLE, TYPES, WIRE
from tests.helpers.play import splits
from tests.helpers.properties import (
    CUTS,
    ENCODING_MESSAGES,
    FEW,
    encodings_take_anything,
)

#: What an iDRAC8 bears: Hextile, CopyRect, Raw, DesktopSize.
BORNE = (5, 1, 0, -223)
#: What noVNC 1.7 asks for.
NOVNC = (1, 7, -260, 16, 21, 5, 2, 6, 0, -26, -254, -223, -224, -258, -261,
         -308, -309, -312, -313, -307, -1063131698, -316, 0x574d5664, -239)
KEY_DOWN = struct.pack('>BBxxI', 4, 1, 0xffe3)
KEY_UP = struct.pack('>BBxxI', 4, 0, 0xffe3)


def ask(*numbers):
    return struct.pack(f'>BxH{len(numbers)}i', 2, len(numbers), *numbers)


def after(*pieces, borne=BORNE, rule=PressedKeys):
    """:returns: what the server gets."""
    machine = EncodingFilter(rule(), borne)
    return b''.join(map(machine.receive_data, pieces))


# -- SetEncodings -------------------------------------------------------------

@pytest.mark.parametrize('split', splits())
def test_lets_through_what_is_borne_in_the_order_of_the_client(split):
    assert after(*split(ask(*NOVNC))) == ask(1, 5, 0, -223)


@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize('asked', [(), (16,), (7, -239, 16)])
def test_asks_for_raw_when_nothing_is_left(asked, split):
    assert after(*split(ask(*asked))) == ask(0)


def test_asks_for_raw_even_where_that_is_not_named():
    assert after(ask(16), borne=(5,)) == ask(0)


def test_what_is_all_borne_stays_as_it_is():
    assert after(ask(*BORNE, 0, 0)) == ask(*BORNE, 0, 0)


def test_the_lowest_and_the_highest_number_are_numbers():
    ends = (-2**31, 2**31 - 1)
    assert after(ask(*ends), borne=ends) == ask(*ends)


def test_every_list_is_rewritten():
    assert after(ask(16), ask(16, 1), ask(*NOVNC)) == (
        ask(0) + ask(1) + ask(1, 5, 0, -223))


def test_never_names_what_would_make_a_pointer_event_longer():
    with_bit_7 = WIRE['PointerEvent, bit 7']
    # The one that follows shows that this was taken as 6 bytes.
    assert after(ask(-316, 0), with_bit_7, ask(-316, 16),
                 borne=(0, -316)) == ask(0) + with_bit_7 + ask(0)


def test_the_longest_list_is_held_and_no_longer_one_can_be_said():
    machine = EncodingFilter(PressedKeys(), BORNE)
    whole = ask(*[16] * 65534, 1)
    for begin in range(0, len(whole) - 1, 1000):
        assert machine.receive_data(
            whole[begin:min(begin + 1000, len(whole) - 1)]) == b''
    assert len(machine._held) == 4 + 4 * 65535 - 1
    assert machine.receive_data(whole[-1:]) == ask(1)
    assert not machine._held


# -- all else -----------------------------------------------------------------

@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize('name', [name for name in TABLE
                                  if not name.startswith('SetEncodings')])
def test_follows_every_other_message_and_lets_it_pass(name, split):
    assert after(*split(ask(16, 0) + WIRE[name] + ask(16, 1))) == (
        ask(0) + WIRE[name] + ask(1))


@pytest.mark.parametrize('name', TABLE)
def test_each_message_comes_out_with_its_last_byte(name):
    machine = EncodingFilter(PressedKeys(), BORNE)
    passed = b''.join(machine.receive_data(WIRE[name][at:at + 1])
                      for at in range(len(WIRE[name])))
    assert passed == after(WIRE[name])
    assert passed
    assert not machine._held


def test_nothing_is_nothing():
    assert after(b'') == b''


@pytest.mark.parametrize('length', [2**20, -2**20, 2**31 - 1, -2**31])
def test_a_clipboard_passes_as_it_comes(length):
    machine = EncodingFilter(PressedKeys(), BORNE)
    head = b'\x06\0\0\0' + length.to_bytes(4, signed=True)
    assert machine.receive_data(head) == head
    left = min(abs(length), 2**21)
    while left > 0:
        piece = bytes(min(left, 65537))
        assert machine.receive_data(piece) == piece
        assert not machine._held
        left -= len(piece)
    follows = machine.receive_data(ask(16, 1))
    # Inside of it nothing is a message.
    assert follows == (ask(1) if abs(length) == 2**20 else ask(16, 1))


# -- losing track -------------------------------------------------------------

@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize('lost', [
    b'\xff\x02\0\0', b'\xff\x01\0\x03', b'\xf8' + bytes(7) + b'\x41',
    *(bytes([number]) for number in sorted(set(range(256)) - TYPES))])
def test_lets_all_pass_as_it_is_once_it_is_lost(lost, split):
    said = ask(16, 1) + KEY_DOWN + lost + ask(16, 1)
    assert after(*split(said), ask(16), b'\x02') == (
        ask(1) + KEY_DOWN + lost + ask(16, 1) + ask(16) + b'\x02')


# -- around another rule ------------------------------------------------------

@pytest.mark.parametrize('split', splits())
def test_a_client_that_may_only_look_is_filtered_twice(split):
    said = (ask(*NOVNC) + KEY_DOWN + WIRE['FramebufferUpdateRequest']
            + WIRE['ClientCutText'] + ask(-258))
    assert after(*split(said), rule=ReadOnlyFilter,
                 borne=(*BORNE, -258)) == (
        ask(1, 5, 0, -223) + WIRE['FramebufferUpdateRequest'] + ask(0))


def test_what_the_other_rule_does_not_take_ends_it():
    machine = EncodingFilter(ReadOnlyFilter(), BORNE)
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match='unknown type 7'):
            machine.receive_data(b'\x07')


def test_releases_what_is_down():
    machine = EncodingFilter(PressedKeys(), BORNE)
    machine.receive_data(KEY_DOWN)
    assert machine.releases() == KEY_UP
    machine.receive_data(ask(16, 0)[:-1])
    assert machine.releases() == b''
    assert machine.receive_data(ask(16, 0)[-1:]) == ask(0)
    assert machine.releases() == KEY_UP


def test_releases_nothing_of_who_may_only_look():
    assert EncodingFilter(ReadOnlyFilter(), BORNE).releases() == b''


# -- anything -----------------------------------------------------------------

@FEW
@given(ENCODING_MESSAGES, CUTS)
def test_takes_anything_and_says_the_same_in_any_split(data, cuts):
    encodings_take_anything(data, cuts)


def test_counts_what_a_person_does_as_the_other_rule_does():
    machine = EncodingFilter(PressedKeys(), BORNE)
    machine.receive_data(ask(*NOVNC) + KEY_DOWN + KEY_UP)
    assert machine.inputs == 2
    assert machine.messages == 3
