# SPDX-License-Identifier: Apache-2.0
"""X11 as bytes; a real server is asked in test_display_program.py."""

import contextlib
import random
import struct

import pytest

from ironic_console.drivers.displays import x11

# A 32 bit visual of no interest, then the root's.
_DEPTHS = (
    struct.pack('<BxHxxxx', 32, 1)
    + struct.pack('<IBBHIII4x', 90, 4, 8, 256, 1, 2, 3)
    + struct.pack('<BxHxxxx', 24, 1)
    + struct.pack('<IBBHIII4x', 33, 4, 8, 256, 0xff0000, 0xff00, 0xff))


def setup(order=0, pad=32, screens=1, visual=33):
    """What a server says about itself."""
    vendor, formats = b'a vendor', bytes(16)
    body = struct.pack(
        '<IIIIHHBBBBBBBB4x', 12101006, 0x200000, 0x1fffff, 256, len(vendor),
        65535, screens, 2, order, order, 32, pad, 8, 255)
    body += vendor + formats
    body += struct.pack('<IIIIIHHHHHHIBBBB', 77, 32, 0xffffff, 0, 0, 640,
                        480, 169, 127, 1, 1, visual, 0, 0, 24, 2)
    body += _DEPTHS
    return struct.pack('<BBHHH', 1, 0, 11, 0, len(body) // 4) + body


def reply(extra=b''):
    return struct.pack('<BBHI', 1, 0, 1, len(extra) // 4).ljust(
        32, b'\0') + extra


EXPOSE = struct.pack('<BBH', 12 | 0x80, 0, 1).ljust(32, b'\0')


def read(data, pieces=1):
    reader = x11.XReader()
    messages = []
    for start in range(0, len(data), max(1, len(data) // pieces)):
        reader.receive_data(data[start:start + max(1, len(data) // pieces)])
        messages += reader.messages()
    return reader, messages


@pytest.mark.parametrize('pieces', [1, 7, 10_000])
def test_stays_in_step_however_the_bytes_come(pieces):
    reader, messages = read(
        setup() + reply(b'more') + EXPOSE + reply(), pieces)
    assert reader.screen == x11.XScreen(
        0x200000, 77, 640, 480, True, 4, (0xff0000, 0xff00, 0xff))
    assert [message.kind for message in messages] == [1, x11.EXPOSE, 1]


def test_an_error_says_which_request_was_wrong():
    error = bytes((0, 8, 1, 0)) + bytes(4) + bytes((2, 0, 31)) + bytes(21)
    _, (message,) = read(setup() + error)
    assert message.is_error
    assert str(message) == 'error 8 for request 31.2'


@pytest.mark.parametrize('data', [
    struct.pack('<BBHHH', 0, 0, 11, 0, 2), b'HTTP/1.1',
    struct.pack('<BBHHH', 1, 0, 11, 0, 65535),
    struct.pack('<BBHHH', 1, 0, 11, 0, 1) + bytes(4),
    setup(screens=0), setup(visual=34), setup(pad=12),
    setup() + struct.pack('<BBHI', 1, 0, 1, 2**31).ljust(32, b'\0'),
])
def test_refuses_what_is_not_x11_or_not_for_us(data):
    with pytest.raises(x11.X11Error):
        read(data)


def test_any_bytes_give_messages_or_an_error():
    chance = random.Random(7)
    for _ in range(300):
        data = bytearray(setup() + chance.randbytes(200))
        for _ in range(chance.randrange(4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with contextlib.suppress(x11.X11Error):
            read(bytes(data))


def test_colours_become_pixels_of_the_screen():
    reader, _ = read(setup())
    assert reader.screen.pixel(0x123456) == 0x123456
    narrow = x11.XScreen(1, 1, 1, 1, True, 4, (0xf800, 0x07e0, 0x001f))
    assert narrow.pixel(0xffffff) == 0xffff
    assert narrow.pixel(0xff0000) == 0xf800
    assert narrow.pixel(0) == 0


def test_rows_of_bitmaps_are_as_the_server_wants_them():
    dots = bytes((1, 0, 0, 0, 0, 0, 0, 0, 1))
    little = x11.XScreen(1, 1, 1, 1, True, 4, (1, 1, 1))
    assert little.pack_row(dots) == b'\x01\x01\0\0'
    big = x11.XScreen(1, 1, 1, 1, False, 2, (1, 1, 1))
    assert big.pack_row(dots) == b'\x80\x80'
    assert little.pack_row(b'') == b''


def test_requests_have_the_length_that_they_say():
    box = x11.Box(1, 2, 3, 4)
    for request in (
            x11.query_extension(b'Composite'), x11.map_window(1),
            x11.create_window(1, 2, box, 3), x11.create_gc(1, 2, 3, 4),
            x11.put_bitmap(1, 2, box, b'12345'), x11.clear_area(1, box),
            x11.grab_keyboard(1), x11.query_composite(140),
            x11.get_overlay_window(140, 1)):
        assert 4 * int.from_bytes(request[2:4], 'little') == len(request)
