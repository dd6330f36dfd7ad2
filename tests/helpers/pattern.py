# SPDX-License-Identifier: Apache-2.0
"""A picture in which no pixel can be moved, lost or blurred unseen."""

import pathlib
import random

from tests.helpers.png import Picture
from tests.helpers.xvnc import Xvnc

# Neither is a colour of the page. Two colours travel without loss, whatever
# the encoding.
_COLOURS = ('#10c0f0', '#302050')


def paint(display: Xvnc, folder: pathlib.Path, seed: int = 1) -> Picture:
    """Cover a display with noise of two colours.

    :param folder: for a file.
    :returns: what it shows now.
    """
    width, height = display.size()
    noise = random.Random(seed)
    bits = [[noise.getrandbits(1) for _ in range(width)]
            for _ in range(height)]
    path = folder / f'pattern-{seed}.xbm'
    path.write_text(_bitmap(bits))
    display.run('xsetroot', 'x11-xserver-utils', '-bitmap', str(path),
                '-fg', _COLOURS[1], '-bg', _COLOURS[0])
    pixels = [bytes.fromhex(colour[1:]) for colour in _COLOURS]
    return Picture(width, height, tuple(
        b''.join(pixels[bit] for bit in row) for row in bits))


def _bitmap(bits: list[list[int]]) -> str:
    """:returns: a file in X's own format: rows of bytes, lowest bit first."""
    values = []
    for row in bits:
        for at in range(0, len(row), 8):
            values.append(sum(bit << place for place, bit
                              in enumerate(row[at:at + 8])))
    return (f'#define noise_width {len(bits[0])}\n'
            f'#define noise_height {len(bits)}\n'
            'static char noise_bits[] = {\n'
            + ',\n'.join(f'0x{value:02x}' for value in values) + '};\n')
