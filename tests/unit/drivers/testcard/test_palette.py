# SPDX-License-Identifier: Apache-2.0
"""The colours that other tests look for."""

from ironic_console.drivers.testcard.canvas import INVERTED
from ironic_console.drivers.testcard.palette import (
    BARS,
    BLACK,
    GREYS,
    PALETTE,
    WHITE,
)


def test_every_index_has_a_colour():
    assert len(PALETTE) == 256
    assert all(0 <= level <= 255 for colour in PALETTE for level in colour)


def test_bars_are_those_of_television():
    assert PALETTE[WHITE] == (255, 255, 255)
    assert PALETTE[BLACK] == (0, 0, 0)
    assert [PALETTE[bar] for bar in BARS[1:-1]] == [
        (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191),
        (191, 0, 0), (0, 0, 191)]


def test_greys_go_from_black_to_white():
    assert PALETTE[GREYS[0]] == (0, 0, 0)
    assert PALETTE[GREYS[-1]] == (255, 255, 255)


def test_inverted_colours_stand_out():
    for own, inverted in zip(PALETTE, PALETTE[INVERTED:], strict=False):
        lightness = abs(sum(own) - sum(inverted)) / 3
        assert lightness > 80, (own, inverted)
