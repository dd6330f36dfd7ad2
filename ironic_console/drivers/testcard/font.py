# SPDX-License-Identifier: Apache-2.0
"""A fixed-width bitmap font for printable ASCII, drawn for this project.

It owns the shapes and how they grow; it does not know colours or where text
goes. Enlarged letters get their corners rounded, the way teletext decoders
did: where two dots touch only by their corners, half of each of the two
empty dots beside them is filled.
"""

import functools

#: A letter's cell in dots. Letters are 5 wide; 7 rows stand on the line, 2
#: hang below it and 1 is space.
CELL_WIDTH = 6
CELL_HEIGHT = 10
#: Rows above the line that letters stand on.
ASCENT = 7

#: Draws a filled cell; no keyboard types it (it is ASCII's DEL).
CURSOR = '\x7f'

_LETTER_WIDTH = 5
_LETTER_HEIGHT = 9

# From ' ' to '~', twelve in a row.
_SHAPES = """
..... ..#.. .#.#. .#.#. ..#.. ##..# .##.. ..#.. ...#. .#... ..... .....
..... ..#.. .#.#. .#.#. .#### ##..# #..#. ..#.. ..#.. ..#.. ..#.. ..#..
..... ..#.. .#.#. ##### #.#.. ...#. #.#.. ..#.. .#... ...#. #.#.# ..#..
..... ..#.. ..... .#.#. .###. ..#.. .#... ..... .#... ...#. .###. #####
..... ..#.. ..... ##### ..#.# .#... #.#.# ..... .#... ...#. #.#.# ..#..
..... ..... ..... .#.#. ####. #..## #..#. ..... ..#.. ..#.. ..#.. ..#..
..... ..#.. ..... .#.#. ..#.. #..## .##.# ..... ...#. .#... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....

..... ..... ..... ....# .###. ..#.. .###. .###. ...#. ##### ..##. #####
..... ..... ..... ....# #...# .##.. #...# #...# ..##. #.... .#... ....#
..... ..... ..... ...#. #..## #.#.. ....# ....# .#.#. ####. #.... ...#.
..... ##### ..... ..#.. #.#.# ..#.. ..##. ..##. #..#. ....# ####. ..#..
..... ..... ..... .#... ##..# ..#.. .#... ....# ##### ....# #...# .#...
..##. ..... .##.. #.... #...# ..#.. #.... #...# ...#. #...# #...# .#...
..##. ..... .##.. #.... .###. ##### ##### .###. ...#. .###. .###. .#...
...#. ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..#.. ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....

.###. .###. ..... ..... ....# ..... #.... .###. .###. ..#.. ####. .###.
#...# #...# .##.. ..##. ...#. ..... .#... #...# #...# .#.#. #...# #...#
#...# #...# .##.. ..##. ..#.. ##### ..#.. ....# #.### #...# #...# #....
.###. .#### ..... ..... .#... ..... ...#. ...#. #.#.# #...# ####. #....
#...# ....# .##.. ..... ..#.. ##### ..#.. ..#.. #.### ##### #...# #....
#...# ...#. .##.. ..##. ...#. ..... .#... ..... #.... #...# #...# #...#
.###. .##.. ..... ..##. ....# ..... #.... ..#.. .#### #...# ####. .###.
..... ..... ..... ...#. ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..#.. ..... ..... ..... ..... ..... ..... ..... .....

###.. ##### ##### .###. #...# .###. ..### #...# #.... #...# #...# .###.
#..#. #.... #.... #...# #...# ..#.. ...#. #..#. #.... ##.## ##..# #...#
#...# #.... #.... #.... #...# ..#.. ...#. #.#.. #.... #.#.# ##..# #...#
#...# ####. ####. #..## ##### ..#.. ...#. ##... #.... #.#.# #.#.# #...#
#...# #.... #.... #...# #...# ..#.. ...#. #.#.. #.... #...# #..## #...#
#..#. #.... #.... #...# #...# ..#.. #..#. #..#. #.... #...# #..## #...#
###.. ##### #.... .#### #...# .###. .##.. #...# ##### #...# #...# .###.
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....

####. .###. ####. .#### ##### #...# #...# #...# #...# #...# ##### .###.
#...# #...# #...# #.... ..#.. #...# #...# #...# #...# #...# ....# .#...
#...# #...# #...# #.... ..#.. #...# #...# #...# .#.#. .#.#. ...#. .#...
####. #...# ####. .###. ..#.. #...# #...# #.#.# ..#.. ..#.. ..#.. .#...
#.... #.#.# #.#.. ....# ..#.. #...# .#.#. #.#.# .#.#. ..#.. .#... .#...
#.... #..#. #..#. ....# ..#.. #...# .#.#. ##.## #...# ..#.. #.... .#...
#.... .##.# #...# ####. ..#.. .###. ..#.. #...# #...# ..#.. ##### .###.
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....

#.... .###. ..#.. ..... .#... ..... #.... ..... ....# ..... ..##. .....
#.... ...#. .#.#. ..... ..#.. ..... #.... ..... ....# ..... .#... .....
.#... ...#. #...# ..... ...#. .###. ####. .#### .#### .###. .#... .####
..#.. ...#. ..... ..... ..... ....# #...# #.... #...# #...# ####. #...#
...#. ...#. ..... ..... ..... .#### #...# #.... #...# ##### .#... #...#
....# ...#. ..... ..... ..... #...# #...# #.... #...# #.... .#... #...#
....# .###. ..... ..... ..... .#### ####. .#### .#### .#### .#... .####
..... ..... ..... ##### ..... ..... ..... ..... ..... ..... ..... ....#
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .###.

#.... ..#.. ...#. #.... .##.. ..... ..... ..... ..... ..... ..... .....
#.... ..... ..... #.... ..#.. ..... ..... ..... ..... ..... ..... .....
####. .##.. ..##. #..#. ..#.. ##.#. ####. .###. ####. .#### #.##. .####
#...# ..#.. ...#. #.#.. ..#.. #.#.# #...# #...# #...# #...# ##..# #....
#...# ..#.. ...#. ##... ..#.. #.#.# #...# #...# #...# #...# #.... .###.
#...# ..#.. ...#. #.#.. ..#.. #.#.# #...# #...# #...# #...# #.... ....#
#...# .###. ...#. #..#. ..##. #.#.# #...# .###. ####. .#### #.... ####.
..... ..... #..#. ..... ..... ..... ..... ..... #.... ....# ..... .....
..... ..... .##.. ..... ..... ..... ..... ..... #.... ....# ..... .....

.#... ..... ..... ..... ..... ..... ..... ...## ..#.. ##... .....
.#... ..... ..... ..... ..... ..... ..... ..#.. ..#.. ..#.. .....
####. #...# #...# #...# #...# #...# ##### ..#.. ..#.. ..#.. .#...
.#... #...# #...# #.#.# .#.#. #...# ...#. .#... ..#.. ...#. #.#.#
.#... #...# #...# #.#.# ..#.. #...# ..#.. ..#.. ..#.. ..#.. ...#.
.#... #...# .#.#. #.#.# .#.#. #...# .#... ..#.. ..#.. ..#.. .....
..##. .#### ..#.. .#.#. #...# .#### ##### ...## ..#.. ##... .....
..... ..... ..... ..... ..... ....# ..... ..... ..#.. ..... .....
..... ..... ..... ..... ..... .###. ..... ..... ..... ..... .....
"""

_UNKNOWN = ('#####', '#...#', '#...#', '#...#', '#...#', '#...#', '#####')

Dots = tuple[tuple[bool, ...], ...]


def _cell(rows: tuple[str, ...]) -> Dots:
    full = [row.ljust(CELL_WIDTH, '.') for row in rows]
    full += ['.' * CELL_WIDTH] * (CELL_HEIGHT - len(rows))
    return tuple(tuple(dot == '#' for dot in row) for row in full)


def _read_shapes() -> dict[str, Dots]:
    shapes: dict[str, Dots] = {}
    for block in _SHAPES.strip('\n').split('\n\n'):
        rows = block.split('\n')
        for left in range(0, len(rows[0]), _LETTER_WIDTH + 1):
            letter = tuple(row[left:left + _LETTER_WIDTH] for row in rows)
            shapes[chr(ord(' ') + len(shapes))] = _cell(letter)
    shapes[CURSOR] = _cell(('#' * CELL_WIDTH,) * _LETTER_HEIGHT)
    return shapes


_LETTERS = _read_shapes()
_BOX = _cell(_UNKNOWN)


@functools.lru_cache(maxsize=1024)
def letter_rows(letter: str, scale: int) -> tuple[bytes, ...]:
    """Draw one letter.

    :param letter: one character; what the font does not have is a box.
    :param scale: pixels per dot, 1 or more.
    :returns: ``CELL_HEIGHT * scale`` rows, each of ``CELL_WIDTH * scale``
        bytes, 1 where there is ink and 0 elsewhere.
    """
    dots = _LETTERS.get(letter, _BOX)
    rows = [bytearray() for _ in range(CELL_HEIGHT * scale)]
    for y in range(CELL_HEIGHT):
        for x in range(CELL_WIDTH):
            for n, line in enumerate(_dot(dots, x, y, scale)):
                rows[y * scale + n] += line
    return tuple(map(bytes, rows))


def _dot(dots: Dots, x: int, y: int, scale: int) -> list[bytearray]:
    """One dot, enlarged."""
    if dots[y][x]:
        return [bytearray(b'\x01' * scale) for _ in range(scale)]
    lines = [bytearray(scale) for _ in range(scale)]
    for right in (False, True):
        for low in (False, True):
            if _rounds(dots, x, y, 1 if right else -1, 1 if low else -1):
                _fill_corner(lines, right, low)
    return lines


def _rounds(dots: Dots, x: int, y: int, dx: int, dy: int) -> bool:
    """Do both neighbours towards a corner have ink that meets only there?"""
    if not (0 <= x + dx < CELL_WIDTH and 0 <= y + dy < CELL_HEIGHT):
        return False
    return (dots[y][x + dx] and dots[y + dy][x]
            and not dots[y + dy][x + dx])


def _fill_corner(lines: list[bytearray], right: bool, low: bool) -> None:
    legs = len(lines) // 2
    for n in range(legs):
        line = lines[-1 - n] if low else lines[n]
        ink = legs - n
        start = len(lines) - ink if right else 0
        line[start:start + ink] = b'\x01' * ink


def text_rows(text: str, scale: int) -> list[bytes]:
    """Draw a line of text.

    :param text: any characters.
    :param scale: pixels per dot, 1 or more.
    :returns: rows like those of :func:`letter_rows`, as wide as the text.
    """
    letters = [letter_rows(letter, scale) for letter in text]
    return [b''.join(rows) for rows in zip(*letters, strict=True)]
