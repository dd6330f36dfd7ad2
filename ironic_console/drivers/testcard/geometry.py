# SPDX-License-Identifier: Apache-2.0
"""Rectangles of a screen, and the part of it that a viewer has yet to see.

It knows no pixels and no RFB.
"""

import dataclasses
from collections.abc import Iterable, Iterator

#: A region of more rectangles than this becomes their bounding box: a few
#: pixels sent in vain cost less than many small rectangles.
MAX_RECTS = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in pixels; it may be empty or lie outside the screen.

    :ivar x: its left column.
    :ivar y: its top row.
    """

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column that is not in it any more."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row that is not in it any more."""
        return self.y + self.height

    def __bool__(self) -> bool:
        return self.width > 0 and self.height > 0

    def clip(self, other: 'Rect') -> 'Rect':
        """:returns: what both share; false if that is nothing."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        return Rect(x, y, max(0, min(self.right, other.right) - x),
                    max(0, min(self.bottom, other.bottom) - y))

    def cover(self, other: 'Rect') -> 'Rect':
        """:returns: the smallest that has both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Rect(x, y, max(self.right, other.right) - x,
                    max(self.bottom, other.bottom) - y)

    def without(self, other: 'Rect') -> list['Rect']:
        """:returns: what is left of it, in up to four pieces."""
        hole = self.clip(other)
        if not hole:
            return [self]
        pieces = (
            Rect(self.x, self.y, self.width, hole.y - self.y),
            Rect(self.x, hole.bottom, self.width, self.bottom - hole.bottom),
            Rect(self.x, hole.y, hole.x - self.x, hole.height),
            Rect(hole.right, hole.y, self.right - hole.right, hole.height))
        return [piece for piece in pieces if piece]

    def inset(self, margin: int) -> 'Rect':
        """:returns: it without a border of ``margin`` pixels."""
        return Rect(self.x + margin, self.y + margin,
                    self.width - 2 * margin, self.height - 2 * margin)

    def bands(self, max_pixels: int) -> Iterator['Rect']:
        """Cut it into full-width pieces, from the top.

        :param max_pixels: the largest piece, unless one row is larger.
        """
        rows = max(1, max_pixels // self.width)
        for y in range(self.y, self.bottom, rows):
            yield Rect(self.x, y, self.width, min(rows, self.bottom - y))


class Region:
    """Pixels that wait for something, as few rectangles."""

    def __init__(self) -> None:
        self._rects: list[Rect] = []

    def __bool__(self) -> bool:
        return bool(self._rects)

    def __iter__(self) -> Iterator[Rect]:
        return iter(self._rects)

    def add(self, rects: Iterable[Rect]) -> None:
        for rect in rects:
            if rect:
                self._rects = [piece for old in self._rects
                               for piece in old.without(rect)]
                self._rects.append(rect)
        if len(self._rects) > MAX_RECTS:
            cover = self._rects[0]
            for rect in self._rects[1:]:
                cover = cover.cover(rect)
            self._rects = [cover]

    def take(self, window: Rect) -> list[Rect]:
        """Remove what lies in a window.

        :returns: that, in rectangles which do not overlap.
        """
        taken = [part for rect in self._rects if (part := rect.clip(window))]
        self._rects = [piece for rect in self._rects
                       for piece in rect.without(window)]
        return taken
