#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the keyboard layouts of the console page from the data of X.

What each key types comes from xkb-data through libxkbcommon, how dead keys
combine from the compose rules of X. How the page uses a layout is for
web/js/layouts.js. ``--check`` writes nothing and tells what differs.
"""

import argparse
import difflib
import itertools
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
if __name__ == '__main__':
    sys.path.insert(0, str(ROOT))

from tools.lab.xkb import (  # noqa: E402
    Compose,
    Keymap,
    LayoutName,
    Symbol,
    XkbError,
    keysym_of,
    version,
)

FOLDER = Path('ironic_console/novncproxy/web/js/layouts')

#: As the usual hosts have them: name of the page -> name in xkb-data.
LAYOUTS: Mapping[str, LayoutName] = {
    'be': LayoutName('be'),
    'br': LayoutName('br', model='abnt2'),
    'ca-fr': LayoutName('ca'),
    'ch': LayoutName('ch'),
    'ch-fr': LayoutName('ch', 'fr'),
    'de': LayoutName('de'),
    'de-nodeadkeys': LayoutName('de', 'nodeadkeys'),
    'dk': LayoutName('dk'),
    'es': LayoutName('es'),
    'fi': LayoutName('fi'),
    'fr': LayoutName('fr'),
    'it': LayoutName('it'),
    'jp': LayoutName('jp', model='jp106'),
    'latam': LayoutName('latam'),
    'no': LayoutName('no'),
    'pl': LayoutName('pl'),
    'pt': LayoutName('pt'),
    'se': LayoutName('se'),
    'uk': LayoutName('gb'),
    'us': LayoutName('us'),
    'us-intl': LayoutName('us', 'intl'),
}

#: Positions: name in xkb -> KeyboardEvent.code (W3C UI Events).
POSITIONS: Mapping[str, str] = {
    'TLDE': 'Backquote',
    **{f'AE{n:02}': f'Digit{n % 10}' for n in range(1, 11)},
    'AE11': 'Minus', 'AE12': 'Equal', 'AE13': 'IntlYen',
    **{f'AD{n:02}': f'Key{letter}'
       for n, letter in enumerate('QWERTYUIOP', 1)},
    'AD11': 'BracketLeft', 'AD12': 'BracketRight',
    **{f'AC{n:02}': f'Key{letter}'
       for n, letter in enumerate('ASDFGHJKL', 1)},
    'AC10': 'Semicolon', 'AC11': 'Quote', 'BKSL': 'Backslash',
    'LSGT': 'IntlBackslash',
    **{f'AB{n:02}': f'Key{letter}' for n, letter in enumerate('ZXCVBNM', 1)},
    'AB08': 'Comma', 'AB09': 'Period', 'AB10': 'Slash', 'AB11': 'IntlRo',
    'SPCE': 'Space',
}
#: Keys that a keyboard of that model does not have; the rest have neither
#: IntlYen nor IntlRo.
MISSING: Mapping[str, set[str]] = {
    'abnt2': {'AE13'},
    'jp106': {'LSGT'},
}
MISSING_PC105 = {'AE13', 'AB11'}

#: Dead key -> mark of Unicode that it puts on the next letter.
MARKS: Mapping[str, str] = {
    'dead_grave': '\u0300', 'dead_acute': '\u0301',
    'dead_circumflex': '\u0302', 'dead_tilde': '\u0303',
    'dead_macron': '\u0304', 'dead_breve': '\u0306',
    'dead_abovedot': '\u0307', 'dead_diaeresis': '\u0308',
    'dead_hook': '\u0309', 'dead_abovering': '\u030a',
    'dead_doubleacute': '\u030b', 'dead_caron': '\u030c',
    'dead_horn': '\u031b', 'dead_belowdot': '\u0323',
    'dead_belowcomma': '\u0326', 'dead_cedilla': '\u0327',
    'dead_ogonek': '\u0328',
}
#: Characters of X that other systems do not have at that place.
ONLY_X = {('jp', 'AE10', 1)}


class Layout(NamedTuple):
    """What a layout types.

    :ivar rows: by position, what it types plain, with Shift, with AltGr and
        with both; a mark stands for a dead key, '' for nothing.
    :ivar dead: by mark, the name of its dead key.
    :ivar alone: by mark, the two characters that its dead key types before a
        space, and when it is pressed twice.
    """

    rows: dict[str, list[str]]
    dead: dict[str, str]
    alone: dict[str, str]


def read_layout(name: str, compose: Compose) -> Layout:
    """Ask xkb for a layout.

    :raises XkbError: it does not know the layout, or a rule of Unicode is
        not one of X.
    """
    where = LAYOUTS[name]
    keymap = Keymap(where)
    absent = MISSING.get(where.model, MISSING_PC105)
    rows, dead = {}, {}
    for key, code in POSITIONS.items():
        row: list[str] = []
        levels = [] if key in absent else keymap.levels(key)
        for level, symbol in enumerate(levels):
            text = typed(symbol)
            if symbol.name in MARKS:
                dead[text] = symbol.name
            known = text in row or (name, key, level) in ONLY_X
            row.append('' if known else text)
        if any(row):
            rows[code] = row
    # Some dead keys leave their mark behind, for the letter before it.
    alone = {mark: spaced + twice for mark, symbol in sorted(dead.items())
             if visible(spaced := compose.result(symbol, 'space'))
             and visible(twice := compose.result(symbol, symbol))}
    layout = Layout(rows, dead, alone)
    check_composition(name, layout, compose)
    return layout


def typed(symbol: Symbol) -> str:
    """:returns: the mark of a dead key, the character of another; '' for
        nothing that could be typed or is special here."""
    text = MARKS.get(symbol.name, symbol.text)
    usable = (symbol.name in MARKS or visible(text)
              or unicodedata.category(text or ' ') == 'Zs')
    return text if usable and text != ' ' else ''


def visible(text: str) -> bool:
    return bool(text) and unicodedata.category(text)[0] in 'LNPS'


def compositions(layout: Layout) -> Iterator[tuple[str, str, str]]:
    """:returns: mark, letter and the one character that they become."""
    letters = sorted({text for row in layout.rows.values() for text in row
                      if unicodedata.category(text or ' ')[0] == 'L'})
    for mark, letter in itertools.product(layout.dead, letters):
        composed = unicodedata.normalize('NFC', letter + mark)
        if len(composed) == 1:
            yield mark, letter, composed


def check_composition(name: str, layout: Layout, compose: Compose) -> None:
    """The page combines by the rules of Unicode alone.

    :raises XkbError: X makes something else of it.
    """
    wrong = [f'{layout.dead[mark]} {letter} is {got!r}, not {composed}'
             for mark, letter, composed in compositions(layout)
             if (got := compose.result(
                 layout.dead[mark], keysym_of(letter))) != composed]
    if wrong:
        raise XkbError(f'{name}: {"; ".join(wrong)}')


def module(name: str, layout: Layout, made_of: str) -> str:
    """:returns: the layout as a JavaScript module."""
    lines = [
        '// SPDX-License-Identifier: Apache-2.0',
        f'// Made by tools/keyboard_layouts.py from xkb-data {made_of}: '
        f'{LAYOUTS[name]}.',
        '// Not to be edited; layouts.js says how to read it.',
        'export default {', '    keys: {',
        *(f'        {code}: {quoted(" ".join(row).rstrip(" "))},'
          for code, row in layout.rows.items()),
        '    },', '    alone: {',
        *(f'        {quoted(mark)}: {quoted(texts)},'
          for mark, texts in layout.alone.items()),
        '    },', '};']
    return '\n'.join(lines) + '\n'


def quoted(text: str) -> str:
    """:returns: a string of JavaScript; what cannot be seen is escaped."""
    def shown(char: str) -> str:
        if char in "\\'":
            return f'\\{char}'
        return (char if char == ' ' or visible(char)
                else f'\\u{ord(char):04x}')
    return f"'{''.join(map(shown, text))}'"


def problems(root: Path, wanted: Mapping[str, str]) -> list[str]:
    """:returns: a diff from the files to what they should be."""
    folder = root / FOLDER
    names = {*wanted, *(path.stem for path in folder.glob('*.js'))}
    lines: list[str] = []
    for name in sorted(names):
        path = folder / f'{name}.js'
        present = path.read_text() if path.exists() else ''
        lines += difflib.unified_diff(
            present.splitlines(), wanted.get(name, '').splitlines(),
            str(FOLDER / path.name), 'generated', lineterm='')
    return lines


def foreign_version(root: Path, here: str) -> str:
    """:returns: the version that the files are made of, if this machine has
        another one; ''."""
    for path in sorted((root / FOLDER).glob('*.js')):
        found = re.search(r'xkb-data ([0-9.]+[0-9])', path.read_text())
        if found and found[1] != here:
            return found[1]
    return ''


def main(argv: Sequence[str] | None = None) -> int:
    """:returns: exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--check', action='store_true',
                        help='only tell what differs')
    arguments = parser.parse_args(argv)
    try:
        here, compose = version(), Compose()
        wanted = {name: module(name, read_layout(name, compose), here)
                  for name in LAYOUTS}
    except XkbError as exc:
        print(f'keyboard layouts: {exc}', file=sys.stderr)
        return 1
    if not arguments.check:
        (ROOT / FOLDER).mkdir(exist_ok=True)
        for name, text in wanted.items():
            (ROOT / FOLDER / f'{name}.js').write_text(text)
        return 0
    other = foreign_version(ROOT, here)
    if other:
        print(f'keyboard layouts: made from xkb-data {other}, not compared '
              f'with {here}')
        return 0
    found = problems(ROOT, wanted)
    print('\n'.join(found) or 'keyboard layouts: fine')
    return bool(found)


if __name__ == '__main__':
    sys.exit(main())
