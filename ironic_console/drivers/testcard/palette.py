# SPDX-License-Identifier: Apache-2.0
"""The colours of a test card. It owns which index is which colour."""

from ironic_console.drivers.testcard.canvas import INVERTED
from ironic_console.drivers.testcard.pixels import Colour

BACKGROUND, PANEL, LINE, INK, FAINT, ACCENT, TYPED = range(7)
#: Eight bars from the left: white and black at full level, the others at
#: 75 %, as test signals of television have them.
BARS = tuple(range(8, 16))
WHITE, BLACK = BARS[0], BARS[-1]
#: From black to white in equal steps.
GREYS = tuple(range(16, 32))

_OWN: dict[int, Colour] = {
    BACKGROUND: (17, 21, 30), PANEL: (27, 33, 46), LINE: (66, 80, 104),
    INK: (226, 232, 240), FAINT: (132, 146, 168), ACCENT: (255, 150, 26),
    TYPED: (126, 231, 158),
    **dict(zip(BARS, (
        (255, 255, 255), (191, 191, 0), (0, 191, 191), (0, 191, 0),
        (191, 0, 191), (191, 0, 0), (0, 0, 191), (0, 0, 0)), strict=True)),
    **{grey: (17 * n, 17 * n, 17 * n) for n, grey in enumerate(GREYS)}}


def _make_palette() -> tuple[Colour, ...]:
    palette = [_OWN.get(index, (0, 0, 0)) for index in range(INVERTED)]
    for red, green, blue in palette[:INVERTED]:
        light = 2 * red + 5 * green + blue > 4 * 255
        palette.append((0, 0, 0) if light else (255, 255, 255))
    return tuple(palette)


#: Colours of the indices. From ``INVERTED`` on: black or white, whichever
#: stands out from the colour ``INVERTED`` places before.
PALETTE = _make_palette()
