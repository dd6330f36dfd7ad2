# SPDX-License-Identifier: Apache-2.0
"""Drawing stays inside and does what it says."""

from ironic_console.drivers.testcard.canvas import INVERTED, Canvas, Style
from ironic_console.drivers.testcard.font import (
    CELL_HEIGHT,
    CELL_WIDTH,
    text_rows,
)
from ironic_console.drivers.testcard.geometry import Rect

WHOLE = Rect(0, 0, 40, 30)
STYLE = Style(scale=1, paper=5, ink=6)


def canvas():
    return Canvas(WHOLE.width, WHOLE.height, colour=3)


def test_begins_in_one_colour():
    assert canvas().read(WHOLE) == bytes((3,)) * 1200


def test_fills_a_rectangle_and_nothing_else():
    one = canvas()
    one.fill(Rect(2, 3, 4, 5), 9)
    assert one.read(Rect(2, 3, 4, 5)) == bytes((9,)) * 20
    assert one.read(WHOLE).count(9) == 20


def test_keeps_every_drawing_inside():
    one, huge = canvas(), Rect(-50, -50, 1000, 1000)
    one.fill(huge, 9)
    assert one.read(WHOLE) == bytes((9,)) * 1200
    one.invert(huge)
    one.checkers(huge, (1, 1), (1, 2))
    for x, y in ((-3, -4), (38, 28), (-100, 0), (0, 100), (1000, 1000)):
        one.write(x, y, 'WWW', STYLE)
        one.fill(Rect(x, y, 9, 9), 1)
    assert len(one.read(WHOLE)) == 1200


def test_inverting_twice_changes_nothing():
    one, rect = canvas(), Rect(30, 20, 50, 50)
    one.invert(rect)
    assert one.read(Rect(30, 20, 1, 1)) == bytes((3 | INVERTED,))
    one.invert(rect)
    assert one.read(WHOLE) == canvas().read(WHOLE)


def test_writes_letters_in_ink_on_paper():
    one = canvas()
    changed = one.write(2, 3, 'Hi', STYLE)
    assert changed == Rect(2, 3, 2 * CELL_WIDTH, CELL_HEIGHT)
    expected = b''.join(text_rows('Hi', 1))
    assert one.read(changed) == expected.replace(b'\x00', b'\x05').replace(
        b'\x01', b'\x06')
    assert one.read(WHOLE).count(3) == 1200 - len(expected)


def test_cuts_letters_at_the_edge():
    one = canvas()
    assert one.write(-2, -3, 'H', STYLE) == Rect(0, 0, 4, 7)
    rows = [row[2:] for row in text_rows('H', 1)[3:]]
    assert one.read(Rect(0, 0, 4, 7)).count(6) == sum(map(sum, rows))
    assert not one.write(40, 0, 'H', STYLE)
    assert not one.write(0, 0, '', STYLE)


def test_leaves_alone_what_is_below_the_dots_that_are_asked_for():
    one = canvas()
    assert one.write(0, 0, 'g', Style(2, 5, 6, dots=7)).height == 14
    assert one.read(Rect(0, 14, 40, 16)).count(3) == 640


def test_checkers_change_colour_from_field_to_field():
    one = canvas()
    one.checkers(Rect(0, 0, 4, 4), (2, 1), (1, 2))
    assert one.read(Rect(0, 0, 4, 2)) == bytes((1, 1, 2, 2, 2, 2, 1, 1))
    one.checkers(Rect(0, 0, 4, 4), (1, 4), (1, 2))
    assert one.read(Rect(0, 3, 4, 1)) == bytes((1, 2, 1, 2))


def test_reads_full_rows_and_parts_of_rows_alike():
    one = canvas()
    one.fill(Rect(0, 1, 40, 1), 7)
    assert one.read(Rect(0, 1, 40, 2)) == b'\x07' * 40 + b'\x03' * 40
    assert one.read(Rect(39, 0, 1, 3)) == b'\x03\x07\x03'
