# SPDX-License-Identifier: Apache-2.0
"""Letters: every one is there, and how they grow."""

import string

import pytest

from ironic_console.drivers.testcard.font import (
    CELL_HEIGHT,
    CELL_WIDTH,
    CURSOR,
    letter_rows,
    text_rows,
)

PRINTABLE = [chr(code) for code in range(0x20, 0x7f)]


def test_has_a_shape_of_its_own_for_every_printable_letter():
    shapes = {letter_rows(letter, 1) for letter in [*PRINTABLE, CURSOR, '€']}
    assert len(shapes) == len(PRINTABLE) + 2


def test_draws_a_box_for_what_it_does_not_have():
    assert letter_rows('€', 1) == letter_rows('\x00', 1)
    assert letter_rows('€', 1) == letter_rows('\ud800', 1)


def test_letters_are_where_the_alphabet_has_them():
    rows = letter_rows('L', 1)
    assert rows[0] == bytes((1, 0, 0, 0, 0, 0))
    assert rows[6] == bytes((1, 1, 1, 1, 1, 0))
    assert letter_rows(' ', 1) == (bytes(CELL_WIDTH),) * CELL_HEIGHT
    assert letter_rows('~', 1)[2] == bytes((0, 1, 0, 0, 0, 0))


@pytest.mark.parametrize('letter', string.printable[:95])
def test_leaves_space_beside_and_below_every_letter(letter):
    rows = letter_rows(letter, 1)
    assert not any(row[-1] for row in rows)
    assert not any(rows[-1])


@pytest.mark.parametrize('scale', [1, 2, 3, 4, 8])
def test_grows_by_whole_dots(scale):
    rows = letter_rows('E', scale)
    assert len(rows) == CELL_HEIGHT * scale
    assert {len(row) for row in rows} == {CELL_WIDTH * scale}
    assert rows[0] == b'\x01' * 5 * scale + bytes(scale)


def test_rounds_corners_of_large_letters():
    # The arms of V come together by corners: at twice the size each of
    # the empty dots beside such a corner gets a quarter of ink.
    small = sum(sum(row) for row in letter_rows('V', 1))
    large = sum(sum(row) for row in letter_rows('V', 2))
    assert large > 4 * small


def test_joins_letters_to_a_line():
    rows = text_rows('ab', 2)
    assert [row[:CELL_WIDTH * 2] for row in rows] == [*letter_rows('a', 2)]
    assert [row[CELL_WIDTH * 2:] for row in rows] == [*letter_rows('b', 2)]
    assert text_rows('', 2) == []
