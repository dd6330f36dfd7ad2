# SPDX-License-Identifier: Apache-2.0
"""PressedKeys: every key that is down is released, or nothing is said."""

import struct

import pytest
from hypothesis import given

from ironic_console.common.rfb.pressed_keys import MAX_KEYS, PressedKeys
from tests.helpers.client_messages import TABLE, TYPES, WIRE
from tests.helpers.play import splits
from tests.helpers.properties import (
    CLIENT_MESSAGES,
    CUTS,
    FEW,
    pressed_keys_take_anything,
)

CTRL, ALT, DELETE = 0xffe3, 0xffe9, 0xffff
#: Whose length a passive observer cannot tell.
DOUBTFUL = 'PointerEvent, bit 7'


def key(down, keysym):
    return struct.pack('>BBxxI', 4, down, keysym)


def qemu(down, keysym, keycode):
    return struct.pack('>BBHII', 255, 0, down, keysym, keycode)


def after(*pieces):
    """:returns: what releases the keys after these bytes."""
    keys = PressedKeys()
    for piece in pieces:
        assert keys.receive_data(piece) == piece
    return keys.releases()


def test_counts_what_a_person_does():
    keys = PressedKeys()
    look = bytes.fromhex('03 00 0000 0000 0320 0258')
    keys.receive_data(look)
    assert keys.inputs == 0
    pointer = bytes.fromhex('05 00 0001 0002')
    keys.receive_data(key(1, CTRL) + look + key(0, CTRL) + pointer)
    keys.receive_data(qemu(1, CTRL, 29))
    assert keys.inputs == 4
    assert keys.messages == 6
    # Whatever comes when nobody can tell any more.
    keys.receive_data(b'\x77')
    keys.receive_data(look)
    keys.receive_data(b'')
    assert keys.inputs == 5


def test_nothing_is_down_at_first():
    assert after() == b''
    assert after(b'') == b''


@pytest.mark.parametrize('split', splits())
def test_keys_that_are_down_are_released_last_pressed_first(split):
    assert after(*split(key(1, CTRL) + key(1, ALT) + key(1, DELETE))) == (
        key(0, DELETE) + key(0, ALT) + key(0, CTRL))


@pytest.mark.parametrize('split', splits())
def test_qemu_keys_are_released_in_kind(split):
    assert after(*split(qemu(1, CTRL, 29) + key(1, ALT)
                        + qemu(1, DELETE, 0xd3))) == (
        qemu(0, DELETE, 0xd3) + key(0, ALT) + qemu(0, CTRL, 29))


@pytest.mark.parametrize('split', splits())
def test_keys_that_are_up_are_not_released(split):
    assert after(*split(
        key(1, CTRL) + key(1, ALT) + key(0, CTRL) + qemu(1, 97, 30)
        + qemu(0, 97, 30) + key(0, DELETE))) == key(0, ALT)


def test_any_flag_but_0_means_down():
    assert after(key(255, CTRL)) == key(0, CTRL)
    assert after(qemu(256, CTRL, 29)) == qemu(0, CTRL, 29)


def test_a_key_that_repeats_is_released_once():
    assert after(key(1, CTRL) * 3) == key(0, CTRL)


def test_the_same_keycode_is_the_same_key_whatever_it_types():
    assert after(qemu(1, ord('a'), 30), qemu(0, ord('A'), 30)) == b''


def test_without_a_keycode_the_keysym_tells_keys_apart():
    assert after(qemu(1, ord('a'), 0), qemu(1, ord('b'), 0),
                 qemu(0, ord('a'), 0)) == qemu(0, ord('b'), 0)


def test_padding_is_not_repeated():
    assert after(b'\x04\x01\xff\xff\0\0\xff\xe3') == key(0, CTRL)


def pointer(mask, x, y):
    return struct.pack('>BBHH', 5, mask, x, y)


@pytest.mark.parametrize('split', splits())
def test_buttons_that_are_down_are_released_where_the_pointer_is(split):
    assert after(*split(pointer(1, 10, 20) + key(1, CTRL)
                        + pointer(1, 300, 40))) == (
        key(0, CTRL) + pointer(0, 300, 40))


def test_buttons_that_are_up_are_not_released():
    assert after(pointer(5, 1, 2), pointer(0, 1, 3), pointer(0, 7, 8)) == b''


def test_asking_changes_nothing():
    keys = PressedKeys()
    keys.receive_data(key(1, CTRL))
    assert keys.releases() == keys.releases() == key(0, CTRL)


# -- between messages ---------------------------------------------------------

@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize('name', sorted(set(TABLE) - {DOUBTFUL}))
def test_follows_every_message(name, split):
    pressed = {'KeyEvent': key(0, 0xff0d),
               'QEMU extended key': qemu(0, 0xff0d, 28),
               'PointerEvent': b'\x05\0' + WIRE['PointerEvent'][2:]}
    assert after(*split(key(1, CTRL) + WIRE[name])) == (
        pressed.get(name, b'') + key(0, CTRL))


@pytest.mark.parametrize('name', sorted(set(TABLE) - {DOUBTFUL}))
def test_says_nothing_inside_a_message_and_more_behind_it(name):
    keys = PressedKeys()
    keys.receive_data(key(1, CTRL))
    for place in range(len(WIRE[name]) - 1):
        keys.receive_data(WIRE[name][place:place + 1])
        assert keys.releases() == b''
    keys.receive_data(WIRE[name][-1:])
    assert keys.releases().endswith(key(0, CTRL))


# -- losing track -------------------------------------------------------------

@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize('lost', [
    WIRE[DOUBTFUL], b'\x05\xff' + bytes(4), b'\xff\x02\0\0', b'\xff\x01\0\x03',
    b'\xf8' + bytes(7) + b'\x41',
    *(bytes([number]) for number in sorted(set(range(256)) - TYPES))])
def test_loses_track_for_good(lost, split):
    assert after(*split(key(1, CTRL) + lost), key(1, ALT), key(1, ALT),
                 bytes(1000)) == b''


def test_keeps_nothing_once_it_is_lost():
    keys = PressedKeys()
    keys.receive_data(key(1, CTRL) + WIRE['KeyEvent'][:3] + b'\x07')
    keys.receive_data(bytes(4) + b'\x07' + b'\x04')
    assert keys._lost
    assert not keys._down
    assert not keys._held


# -- memory -------------------------------------------------------------------

@pytest.mark.parametrize('length', [2**20, -2**20, 2**31 - 1, -2**31])
def test_skips_a_clipboard_without_holding_it(length):
    keys = PressedKeys()
    keys.receive_data(key(1, CTRL))
    keys.receive_data(b'\x06\0\0\0' + length.to_bytes(4, signed=True))
    left = abs(length)
    while left > 0 and left > abs(length) - 2**20:
        piece = bytes(min(left, 65536))
        assert keys.releases() == b''
        keys.receive_data(piece)
        assert keys._held == b''
        left -= len(piece)
    assert keys.releases() == (b'' if left else key(0, CTRL))


def test_forgets_the_oldest_of_too_many_keys():
    keys = PressedKeys()
    for keysym in range(1000):
        keys.receive_data(key(1, keysym))
    assert keys.releases() == b''.join(
        key(0, keysym) for keysym in range(999, 999 - MAX_KEYS, -1))


# -- anything -----------------------------------------------------------------

@FEW
@given(CLIENT_MESSAGES, CUTS)
def test_takes_anything_and_says_the_same_in_any_split(data, cuts):
    pressed_keys_take_anything(data, cuts)
