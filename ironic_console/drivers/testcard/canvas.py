# SPDX-License-Identifier: Apache-2.0
"""An indexed framebuffer: one byte per pixel, filled, written on, inverted.

It owns the pixels and keeps every drawing inside them; it knows neither
what the picture shows nor RFB.
"""

import dataclasses

from ironic_console.drivers.testcard.font import (
    CELL_HEIGHT,
    CELL_WIDTH,
    text_rows,
)
from ironic_console.drivers.testcard.geometry import Rect

#: Inverting a pixel flips this bit of its index, so a palette has at most
#: 128 colours of its own, and what stands out from each 128 later.
INVERTED = 0x80

_INVERT = bytes(index ^ INVERTED for index in range(256))


@dataclasses.dataclass(frozen=True, slots=True)
class Style:
    """How text is written.

    :ivar scale: pixels per dot of the font.
    :ivar paper: colour behind the letters.
    :ivar ink: colour of the letters.
    :ivar dots: rows of each letter that are written, from the top; fewer
        than all leave alone what is below.
    """

    scale: int
    paper: int
    ink: int
    dots: int = CELL_HEIGHT


class Canvas:
    """Pixels in rows, from the top left.

    :ivar bounds: all of it.
    """

    def __init__(self, width: int, height: int, colour: int) -> None:
        self.bounds = Rect(0, 0, width, height)
        self._pixels = bytearray(bytes((colour,)) * (width * height))

    def fill(self, rect: Rect, colour: int) -> None:
        rect = rect.clip(self.bounds)
        line = bytes((colour,)) * rect.width
        for start in self._rows(rect):
            self._pixels[start:start + rect.width] = line

    def invert(self, rect: Rect) -> None:
        """Make each pixel stand out from what it was; twice undoes it."""
        rect = rect.clip(self.bounds)
        for start in self._rows(rect):
            end = start + rect.width
            line = self._pixels[start:end]
            self._pixels[start:end] = line.translate(_INVERT)

    def checkers(self, rect: Rect, cell: tuple[int, int],
                 colours: tuple[int, int]) -> None:
        """Fill with two colours in turn.

        :param cell: width and height of one field, pixels.
        :param colours: the first is at the top left.
        """
        rect = rect.clip(self.bounds)
        width, height = cell
        lines = []
        for phase in (0, 1):
            pair = b''.join(bytes((colours[(phase + n) % 2],)) * width
                            for n in (0, 1))
            count = rect.width // len(pair) + 1
            lines.append((pair * count)[:rect.width])
        for n, start in enumerate(self._rows(rect)):
            line = lines[n // height % 2]
            self._pixels[start:start + rect.width] = line

    def write(self, x: int, y: int, text: str, style: Style) -> Rect:
        """Write a line of text over what is there.

        :returns: the pixels that changed, inside the canvas.
        """
        rect = Rect(x, y, len(text) * CELL_WIDTH * style.scale,
                    style.dots * style.scale)
        seen = rect.clip(self.bounds)
        if not seen:
            return seen
        dye = bytes((style.paper, style.ink)).ljust(256, b'\0')
        rows = text_rows(text, style.scale)[seen.y - y:seen.bottom - y]
        left = seen.x - x
        for start, row in zip(self._rows(seen), rows, strict=True):
            line = row[left:left + seen.width].translate(dye)
            self._pixels[start:start + seen.width] = line
        return seen

    def read(self, rect: Rect) -> bytearray:
        """:returns: indices of the pixels in a rectangle, row by row; it
            has to lie inside."""
        if rect.width == self.bounds.width:
            start = rect.y * rect.width
            return self._pixels[start:start + rect.width * rect.height]
        return bytearray().join([
            self._pixels[start:start + rect.width]
            for start in self._rows(rect)])

    def _rows(self, rect: Rect) -> range:
        """Where each row of a rectangle begins."""
        stride = self.bounds.width
        first = rect.y * stride + rect.x
        return range(first, first + rect.height * stride, stride)
