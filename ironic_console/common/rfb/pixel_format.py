# SPDX-License-Identifier: Apache-2.0
"""PIXEL_FORMAT, RFC 6143 §7.4."""

import dataclasses
import struct
from typing import Self

_LAYOUT = struct.Struct('>BBBBHHHBBB3x')


@dataclasses.dataclass(frozen=True)
class PixelFormat:
    """How a pixel lies in memory.

    Maxima are inclusive; shifts are in bits from the least significant.
    """

    bits_per_pixel: int = 32
    depth: int = 24
    big_endian: bool = False
    true_colour: bool = True
    red_max: int = 255
    green_max: int = 255
    blue_max: int = 255
    red_shift: int = 16
    green_shift: int = 8
    blue_shift: int = 0

    SIZE = _LAYOUT.size

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """:param data: 16 bytes."""
        (bits, depth, big, true, red, green, blue, red_shift, green_shift,
         blue_shift) = _LAYOUT.unpack(data)
        return cls(bits, depth, bool(big), bool(true), red, green, blue,
                   red_shift, green_shift, blue_shift)

    def pack(self) -> bytes:
        """:returns: 16 bytes."""
        return _LAYOUT.pack(
            self.bits_per_pixel, self.depth, self.big_endian,
            self.true_colour, self.red_max, self.green_max, self.blue_max,
            self.red_shift, self.green_shift, self.blue_shift)
