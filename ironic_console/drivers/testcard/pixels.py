# SPDX-License-Identifier: Apache-2.0
"""Palette indices to the pixels that a viewer asked for.

It owns the arithmetic of PIXEL_FORMAT (RFC 6143 §7.4) and holds no pixels.
No format that a peer can think of makes it fail once :func:`check` let it
pass.
"""

from collections.abc import Sequence
from typing import Literal

from ironic_console.common.rfb.pixel_format import PixelFormat

#: Red, green and blue from 0 to 255.
Colour = tuple[int, int, int]


class UnusableFormat(ValueError):
    """A pixel format in which no colour can be written."""


def check(pixel_format: PixelFormat) -> None:
    """Judge what a peer wants.

    :raises UnusableFormat: it says why.

    Maxima that are not 2^n - 1 and fields that overlap are unusual, but
    whoever asks for them gets what they ask for.
    """
    bits = pixel_format.bits_per_pixel
    if bits not in (8, 16, 32):
        raise UnusableFormat(f'{bits} bits per pixel, allowed are 8, 16, 32')
    if not pixel_format.true_colour:
        raise UnusableFormat('a colour map is not supported')
    for name, maximum, shift in _fields(pixel_format):
        if maximum == 0:
            raise UnusableFormat(f'the maximum of {name} is 0')
        if shift >= bits:
            raise UnusableFormat(f'{name} is shifted by {shift} of {bits} '
                                 'bits')


def _fields(pixel_format: PixelFormat) -> tuple[tuple[str, int, int], ...]:
    return (('red', pixel_format.red_max, pixel_format.red_shift),
            ('green', pixel_format.green_max, pixel_format.green_shift),
            ('blue', pixel_format.blue_max, pixel_format.blue_shift))


class PixelConverter:
    """Writes one palette in one format.

    :param pixel_format: one that :func:`check` let pass.
    :param palette: up to 256 colours.
    :ivar bytes_per_pixel: 1, 2 or 4.
    """

    def __init__(self, pixel_format: PixelFormat,
                 palette: Sequence[Colour]) -> None:
        self.bytes_per_pixel = pixel_format.bits_per_pixel // 8
        order: Literal['big', 'little'] = (
            'big' if pixel_format.big_endian else 'little')
        fields = [(maximum, shift)
                  for _, maximum, shift in _fields(pixel_format)]
        mask = (1 << pixel_format.bits_per_pixel) - 1
        # RFC 6143 leaves open what spare bits hold. noVNC 1.3.0, Debian 12,
        # 2022, takes them for opacity in part of a Raw rectangle that comes
        # in pieces, and shows nothing there if they are zero.
        spare = mask
        for maximum, shift in fields:
            spare &= ~(maximum << shift)
        pixels = bytearray()
        for colour in palette:
            value = spare
            for level, (maximum, shift) in zip(colour, fields, strict=True):
                value |= (level * maximum + 127) // 255 << shift
            pixels += (value & mask).to_bytes(self.bytes_per_pixel, order)
        # Byte n of every pixel is a function of the index alone: one table
        # per byte turns a whole frame in C.
        self._tables = [
            bytes(pixels[n::self.bytes_per_pixel]).ljust(256, b'\0')
            for n in range(self.bytes_per_pixel)]

    def convert(self, indices: bytes | bytearray) -> bytes | bytearray:
        """:param indices: of the palette.
        :returns: as many pixels."""
        if self.bytes_per_pixel == 1:
            return indices.translate(self._tables[0])
        pixels = bytearray(len(indices) * self.bytes_per_pixel)
        for n, table in enumerate(self._tables):
            if any(table):
                plane = indices.translate(table)
                pixels[n::self.bytes_per_pixel] = plane
        return pixels
