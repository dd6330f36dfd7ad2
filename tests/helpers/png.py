# SPDX-License-Identifier: Apache-2.0
"""Reads PNG files as browsers write them: 8 bits a channel, not interlaced.

It knows no palettes and no colour profiles. PNG specification, third edition.
"""

import dataclasses
import struct
import zlib
from typing import Self

SIGNATURE = b'\x89PNG\r\n\x1a\n'
_CHANNELS = {2: 3, 6: 4}


@dataclasses.dataclass(frozen=True)
class Picture:
    """Pixels, row by row.

    :ivar rows: each of 3 bytes a pixel: red, green, blue.
    """

    width: int
    height: int
    rows: tuple[bytes, ...]

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        """:returns: red, green and blue, 0 to 255."""
        red, green, blue = self.rows[y][3 * x:3 * x + 3]
        return red, green, blue

    def crop(self, left: int, top: int, width: int, height: int) -> Self:
        """:returns: a part of it."""
        return type(self)(width, height, tuple(
            row[3 * left:3 * (left + width)]
            for row in self.rows[top:top + height]))

    def enlarged(self, times: int) -> Self:
        """:returns: each pixel as a square of so many pixels."""
        rows = []
        for row in self.rows:
            wide = b''.join(row[at:at + 3] * times
                            for at in range(0, len(row), 3))
            rows += [wide] * times
        return type(self)(self.width * times, self.height * times,
                          tuple(rows))


def read(data: bytes) -> Picture:
    """:param data: a whole file."""
    assert data.startswith(SIGNATURE), 'not a PNG file'
    at, compressed, head = len(SIGNATURE), b'', b''
    while at < len(data):
        size, kind = struct.unpack_from('>I4s', data, at)
        body = data[at + 8:at + 8 + size]
        if kind == b'IHDR':
            head = body
        elif kind == b'IDAT':
            compressed += body
        at += size + 12
    width, height, depth, colour, _, _, interlace = struct.unpack(
        '>IIBBBBB', head)
    assert (depth, interlace) == (8, 0), 'a kind of PNG that is not read'
    channels = _CHANNELS[colour]
    raw = zlib.decompress(compressed)
    stride = width * channels
    rows, before = [], bytes(stride)
    for y in range(height):
        line = raw[y * (stride + 1):(y + 1) * (stride + 1)]
        before = _unfilter(line[0], line[1:], before, channels)
        rows.append(_without_alpha(before) if channels == 4 else before)
    return Picture(width, height, tuple(rows))


def _without_alpha(row: bytes) -> bytes:
    rgb = bytearray(len(row) // 4 * 3)
    for channel in range(3):
        rgb[channel::3] = row[channel::4]
    return bytes(rgb)


def _unfilter(kind: int, line: bytes, above: bytes, step: int) -> bytes:
    """Section 9.2."""
    if kind == 0:
        return line
    if kind == 2:
        return bytes((a + b) & 255 for a, b in zip(line, above, strict=True))
    row = bytearray(step)       # what is left of the first pixel is 0
    corners = bytes(step) + above
    for at, value in enumerate(line):
        left, up = row[at], above[at]
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up) // 2
        else:
            guess = _paeth(left, up, corners[at])
        row.append((value + guess) & 255)
    return bytes(row[step:])


def _paeth(left: int, up: int, corner: int) -> int:
    to_left = abs(up - corner)
    to_up = abs(left - corner)
    to_corner = abs(left + up - 2 * corner)
    if to_left <= to_up and to_left <= to_corner:
        return left
    return up if to_up <= to_corner else corner
