# SPDX-License-Identifier: Apache-2.0
"""As much of the X11 protocol as a text on a screen needs: bytes only.

It owns the formats of requests and of what comes back; it knows no socket
and not what is drawn. "X Window System Protocol, X Version 11", Appendix B
"Protocol Encoding"; "Composite Extension", Version 0.4.
"""

import dataclasses
import struct
from collections.abc import Iterator
from typing import Self

from ironic_console.common.errors import DisplayError

COOKIE_NAME = b'MIT-MAGIC-COOKIE-1'
COMPOSITE = b'Composite'
_COMPOSITE_VERSION = 0, 3

# Appendix B, "Events".
EXPOSE = 12
_ERROR, _REPLY, _GENERIC_EVENT = 0, 1, 35
_SENT = 0x80
_MESSAGE_BYTES = 32
# Little of what we ask or select has more behind it.
_MAX_EXTRA_BYTES = 4096
_MAX_SETUP_BYTES = 65536
_EXPOSURE_MASK = 0x8000
_LSB_FIRST = 0


class X11Error(DisplayError):
    """The X server does not speak X11 as we know it, or refuses."""


@dataclasses.dataclass(frozen=True)
class Box:
    """A rectangle of pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclasses.dataclass(frozen=True)
class XScreen:
    """What the server says about itself, its first screen at least.

    Appendix B, "Connection Setup".

    :ivar first_id: we may name things from here on.
    :ivar lsb_first: the leftmost pixel of a bitmap is a byte's lowest bit.
    :ivar stride_bytes: rows of bitmaps are a multiple of it.
    :ivar masks: of red, green and blue in a pixel.
    """

    first_id: int
    root: int
    width: int
    height: int
    lsb_first: bool
    stride_bytes: int
    masks: tuple[int, int, int]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """:param data: all that follows the first eight bytes.
        :raises X11Error: it is not what we can use.
        """
        try:
            return cls._parse(data)
        except struct.error as exc:
            raise X11Error('the X server says too little about itself',
                           ) from exc

    @classmethod
    def _parse(cls, data: bytes) -> Self:
        first_id, vendor, screens, formats, byte_order, bit_order, pad = (
            struct.unpack_from('<4xI8xHxxBBBBxB', data))
        at = 32 + _padded(vendor) + 8 * formats
        if not screens:
            raise X11Error('the X server has no screen')
        if byte_order != bit_order or pad not in (8, 16, 32):
            raise X11Error('the X server has bitmaps of a kind that we do '
                           'not know')
        root, width, height, visual, depths = struct.unpack_from(
            '<I16xHH8xI3xB', data, at)
        masks = cls._find_masks(data, at + 40, visual, depths)
        return cls(first_id, root, width, height, bit_order == _LSB_FIRST,
                   pad // 8, masks)

    @staticmethod
    def _find_masks(data: bytes, at: int, wanted: int, depths: int,
                    ) -> tuple[int, int, int]:
        for _ in range(depths):
            count, = struct.unpack_from('<xxH', data, at)
            at += 8
            for _ in range(count):
                visual, *masks = struct.unpack_from('<I4xIII', data, at)
                if visual == wanted:
                    return masks[0], masks[1], masks[2]
                at += 24
        raise X11Error('the X server does not describe its pixels')

    def pixel(self, colour: int) -> int:
        """:param colour: 24 bits of red, green and blue.
        :returns: the value of a pixel.
        """
        pixel = 0
        for mask, shift in zip(self.masks, (16, 8, 0), strict=True):
            part = (colour >> shift & 0xff) * mask // 0xff
            pixel |= part & mask
        return pixel

    def pack_row(self, dots: bytes) -> bytes:
        """:param dots: 0 or 1, from the left.
        :returns: a row of a bitmap.
        """
        digits = dots.translate(_DIGITS)
        size = -(-len(dots) // 8)
        size += -size % self.stride_bytes
        if self.lsb_first:
            return int(digits[::-1] or b'0', 2).to_bytes(size, 'little')
        return int(digits.ljust(8 * size, b'0'), 2).to_bytes(size)


_DIGITS = b'01'.ljust(256, b'1')


@dataclasses.dataclass(frozen=True)
class XMessage:
    """A reply, an event, or an error, with its first 32 bytes.

    :ivar kind: 0 for an error, 1 for a reply, otherwise the event's code.
    """

    kind: int
    data: bytes

    @property
    def is_reply(self) -> bool:
        return self.kind == _REPLY

    @property
    def is_error(self) -> bool:
        return self.kind == _ERROR

    def field(self, at: int) -> int:
        """:returns: 32 bits of it."""
        return int.from_bytes(self.data[at:at + 4], 'little')

    def __str__(self) -> str:
        return (f'error {self.data[1]} for request {self.data[10]}'
                f'.{self.data[8]}' if self.is_error
                else f'message {self.kind}')


class XReader:
    """Takes what an X server sends apart.

    :ivar screen: known once the server has let us in.
    """

    def __init__(self) -> None:
        self.screen: XScreen | None = None
        self._data = bytearray()

    def receive_data(self, data: bytes) -> None:
        self._data += data

    def messages(self) -> Iterator[XMessage]:
        """:returns: all that are complete.
        :raises X11Error: it is not X11, or we are refused.
        """
        if not self.screen and not self._read_setup():
            return
        while len(self._data) >= _MESSAGE_BYTES:
            kind = self._data[0] & ~_SENT
            size = _MESSAGE_BYTES
            if kind in (_REPLY, _GENERIC_EVENT):
                extra = 4 * int.from_bytes(self._data[4:8], 'little')
                if extra > _MAX_EXTRA_BYTES:
                    raise X11Error(f'the X server sends {extra} bytes at '
                                   'once')
                size += extra
            if len(self._data) < size:
                return
            message = XMessage(kind, bytes(self._data[:_MESSAGE_BYTES]))
            del self._data[:size]
            yield message

    def _read_setup(self) -> bool:
        if len(self._data) < 8:
            return False
        status = self._data[0]
        size = 4 * int.from_bytes(self._data[6:8], 'little')
        if status != 1 or size > _MAX_SETUP_BYTES:
            raise X11Error('the X server does not let us in')
        if len(self._data) < 8 + size:
            return False
        self.screen = XScreen.parse(bytes(self._data[8:8 + size]))
        del self._data[:8 + size]
        return True


# -- requests: Appendix B, "Requests" -----------------------------------------

def connect(cookie: bytes) -> bytes:
    """Appendix B, "Connection Setup"."""
    return (struct.pack('<cxHHHHxx', b'l', 11, 0, len(COOKIE_NAME),
                        len(cookie)) + _pad(COOKIE_NAME) + _pad(cookie))


def query_extension(name: bytes) -> bytes:
    return _request(98, 0, struct.pack('<Hxx', len(name)) + name)


def create_window(window: int, parent: int, box: Box, pixel: int) -> bytes:
    """No window manager may touch it, and we hear of its exposures."""
    values = struct.pack('<III', pixel, True, _EXPOSURE_MASK)
    return _request(1, 0, struct.pack(
        '<IIhhHHHHII', window, parent, box.x, box.y, box.width, box.height,
        0, 1, 0, 0x2 | 0x200 | 0x800) + values)


def map_window(window: int) -> bytes:
    return _request(8, 0, struct.pack('<I', window))


def create_gc(context: int, window: int, ink: int, paper: int) -> bytes:
    return _request(55, 0, struct.pack('<IIIII', context, window, 0x4 | 0x8,
                                       ink, paper))


def put_bitmap(window: int, context: int, box: Box, rows: bytes) -> bytes:
    """Draw in two colours."""
    return _request(72, 0, struct.pack(
        '<IIHHhhBBxx', window, context, box.width, box.height, box.x, box.y,
        0, 1) + rows)


def clear_area(window: int, box: Box) -> bytes:
    return _request(61, 0, struct.pack('<IhhHH', window, box.x, box.y,
                                       box.width, box.height))


def grab_keyboard(window: int) -> bytes:
    """Keys come to us and to nobody else."""
    return _request(31, 0, struct.pack('<IIBBxx', window, 0, 1, 1))


def query_composite(major: int) -> bytes:
    """:param major: opcode of the extension, as for all of it."""
    return _request(major, 0, struct.pack('<II', *_COMPOSITE_VERSION))


def get_overlay_window(major: int, root: int) -> bytes:
    """The window above all others: Composite Extension, "Overlay Window"."""
    return _request(major, 7, struct.pack('<I', root))


def _request(opcode: int, detail: int, body: bytes) -> bytes:
    body = _pad(body)
    return struct.pack('<BBH', opcode, detail, 1 + len(body) // 4) + body


def _padded(size: int) -> int:
    return size + -size % 4


def _pad(data: bytes) -> bytes:
    return data.ljust(_padded(len(data)), b'\0')
