# SPDX-License-Identifier: Apache-2.0
"""What is written about keyboard layouts, without asking xkb for it."""

import pathlib

import pytest

from tools import keyboard_layouts
from tools.keyboard_layouts import Layout, Symbol
from tools.lab import xkb

ACUTE = '\u0301'
LAYOUT = Layout({'KeyA': ['a', 'A', '', "'"], 'KeyB': [ACUTE, '\\']},
                {ACUTE: 'dead_acute'}, {ACUTE: "'\u00b4"})


class Rules(xkb.Compose):
    """Compose rules of a test."""

    def __init__(self, made: str) -> None:
        self.made = made

    def result(self, *names: str) -> str:
        return self.made


def files(root: pathlib.Path, **texts: str) -> pathlib.Path:
    folder = root / keyboard_layouts.FOLDER
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / f'{name}.js').write_text(text)
    return root


def test_writes_a_module_that_shows_what_can_be_seen() -> None:
    lines = keyboard_layouts.module('de', LAYOUT, '2.35').splitlines()
    assert 'xkb-data 2.35: de, pc105' in lines[1]
    assert "        KeyA: 'a A  \\''," in lines
    assert "        KeyB: '\\u0301 \\\\'," in lines
    assert "        '\\u0301': '\\'\u00b4'," in lines


@pytest.mark.parametrize(('symbol', 'text'), [
    (Symbol('a', 'a'), 'a'),
    (Symbol('dead_acute', ''), ACUTE),
    (Symbol('dead_greek', ''), ''),
    (Symbol('space', ' '), ''),
    (Symbol('nobreakspace', '\u00a0'), '\u00a0'),
    (Symbol('Escape', '\x1b'), ''),
    (Symbol('combining_acute', ACUTE), ''),
    (Symbol('NoSymbol', ''), ''),
])
def test_takes_from_a_key_what_the_page_can_use(
        symbol: Symbol, text: str) -> None:
    assert keyboard_layouts.typed(symbol) == text


def test_combines_dead_keys_with_letters_into_one_character() -> None:
    assert list(keyboard_layouts.compositions(LAYOUT)) == [
        (ACUTE, 'A', 'Á'), (ACUTE, 'a', 'á')]


def test_x_that_combines_otherwise_is_an_error(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyboard_layouts, 'keysym_of', str)
    with pytest.raises(xkb.XkbError, match="dead_acute A is 'x', not Á"):
        keyboard_layouts.check_composition('de', LAYOUT, Rules('x'))


def test_shows_what_differs(tmp_path: pathlib.Path) -> None:
    root = files(tmp_path, de='old\n', fr='same\n', gone='x\n')
    lines = keyboard_layouts.problems(
        root, {'de': 'new\n', 'fr': 'same\n', 'jp': 'more\n'})
    assert {'-old', '+new', '-x', '+more'} <= set(lines)
    assert not any('same' in line for line in lines)


def test_is_silent_when_nothing_differs(tmp_path: pathlib.Path) -> None:
    root = files(tmp_path, de='same\n')
    assert keyboard_layouts.problems(root, {'de': 'same\n'}) == []


def test_another_version_of_the_data_is_not_compared(
        tmp_path: pathlib.Path) -> None:
    root = files(tmp_path, de=keyboard_layouts.module('de', LAYOUT, '2.35'))
    assert keyboard_layouts.foreign_version(root, '2.35') == ''
    assert keyboard_layouts.foreign_version(root, '2.42') == '2.35'


def test_missing_data_names_the_package(
        tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xkb, 'VERSION_FILE', tmp_path / 'none')
    with pytest.raises(xkb.XkbError, match='apt-get install xkb-data'):
        xkb.version()


def test_missing_library_names_the_package(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xkb, 'LIBRARY', 'libnone.so.0')
    monkeypatch.setattr(xkb, '_library', xkb._library.__wrapped__)
    with pytest.raises(xkb.XkbError, match='apt-get install libxkbcommon0'):
        xkb._library()
