# SPDX-License-Identifier: Apache-2.0
"""A viewer that says whatever a test wants, and still reads what comes."""

import struct
from collections.abc import Sequence

from tests.helpers.proxy import Browser, wait_until

RAW, ZRLE = 0, 16
DESKTOP_SIZE, LAST_RECT, CURSOR, QEMU_KEY, LED_STATE = (
    -223, -224, -239, -258, -261)
EXTENDED_DESKTOP_SIZE, XVP, FENCE, CONTINUOUS_UPDATES = -308, -309, -312, -313
EXTENDED_CLIPBOARD, EXTENDED_MOUSE_BUTTONS = 0xC0A1E5CE - 2**32, -316
QEMU_AUDIO, GII = -259, -305
#: All that changes what a client may say.
ALL_ENCODINGS = (
    RAW, EXTENDED_MOUSE_BUTTONS, GII, XVP, QEMU_AUDIO, QEMU_KEY,
    EXTENDED_CLIPBOARD, EXTENDED_DESKTOP_SIZE, DESKTOP_SIZE, FENCE,
    CONTINUOUS_UPDATES)
_FENCE_REQUEST = 1 << 31
# The pixel that is looked at, x and y.
_AT = 5


def set_encodings(numbers: Sequence[int]) -> bytes:
    return struct.pack(f'>BxH{len(numbers)}i', 2, len(numbers), *numbers)


class RawViewer:
    """Whatever is said over a connection, whatever comes.

    :param browser: connected; goes through the handshake now.
    :ivar types: of the messages that came, without repetition.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        browser.shake_hands()
        self.types: set[int] = set()
        self._colour: int | None = None

    def say(self, *pieces: bytes) -> None:
        """Send each piece in a frame of its own."""
        for piece in pieces:
            self.browser.send(piece)

    def wait_for_colour(self, colour: int) -> None:
        """Ask for the picture until it has a colour.

        :param colour: 24 bits of red, green and blue.
        """
        def is_there() -> bool:
            self._colour = None
            self.say(struct.pack('>BBHHHH', 3, 0, _AT, _AT, 1, 1))
            while self._colour is None:
                self._read_message()
            return self._colour == colour
        wait_until(is_there, f'the colour {colour:06x}')

    def _read_message(self) -> None:
        read = self.browser.read
        kind = read(1)[0]
        self.types.add(kind)
        if kind == 0:
            self._read_update()
        elif kind == 3:
            read(3)
            read(abs(struct.unpack('>i', read(4))[0]))
        elif kind == 248:
            head = read(8)
            flags = int.from_bytes(head[3:7])
            payload = read(head[7])
            # Who waits for its fences sends no more pictures.
            if flags & _FENCE_REQUEST:
                self.say(struct.pack('>BxxxIB', 248, flags & 3, len(payload))
                         + payload)
        else:
            assert kind in (2, 150), f'server message {kind}'

    def _read_update(self) -> None:
        _, count = struct.unpack('>BH', self.browser.read(3))
        for _ in range(count):
            rectangle = struct.unpack('>HHHHi', self.browser.read(12))
            if rectangle[4] == LAST_RECT:
                return
            self._read_rectangle(*rectangle)

    def _read_rectangle(self, x: int, y: int, width: int, height: int,
                        encoding: int) -> None:
        read = self.browser.read
        if encoding == RAW:
            pixels = memoryview(read(width * height * 4)).cast('I')
            if x <= _AT < x + width and y <= _AT < y + height:
                at = (_AT - y) * width + _AT - x
                self._colour = pixels[at] & 0xffffff
        elif encoding == ZRLE:
            read(int.from_bytes(read(4)))
        elif encoding == EXTENDED_DESKTOP_SIZE:
            read(16 * read(4)[0])
        else:
            assert encoding in (DESKTOP_SIZE, QEMU_KEY), encoding
