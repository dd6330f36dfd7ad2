# SPDX-License-Identifier: Apache-2.0
"""What a test card shows: its clock, pointer, keys, text and viewers.

It owns the values and what a key does to them; it draws nothing. Keysyms are
those of RFC 6143 §7.5.4, which are X11's.
"""

import dataclasses
import datetime

#: More text than any screen of ours can show; older text is forgotten.
MAX_TEXT = 8192

_BACKSPACE = 0xff08
_TAB = 0xff09
_RETURNS = (0xff0d, 0xff8d)

# Keys that change what others mean, left and right. A text field takes no
# letters while one of them is down, except with Shift and AltGr.
_MODIFIERS = {0xffe3: 'Ctrl', 0xffe4: 'Ctrl', 0xffe9: 'Alt', 0xffea: 'Alt',
              0xffe7: 'Meta', 0xffe8: 'Meta', 0xffeb: 'Super',
              0xffec: 'Super', 0xffe1: 'Shift', 0xffe2: 'Shift',
              0xfe03: 'AltGr'}
_SHIFTS = ('Shift', 'AltGr')
_ORDER = ('Ctrl', 'Alt', 'Meta', 'Super', 'AltGr', 'Shift')

_NAMES = {
    0x20: 'Space', 0xff80: 'Space', _BACKSPACE: 'Backspace', _TAB: 'Tab',
    0xff0d: 'Return', 0xff8d: 'Enter', 0xff13: 'Pause',
    0xff14: 'Scroll Lock', 0xff15: 'SysRq', 0xff1b: 'Escape',
    0xff50: 'Home', 0xff51: 'Left',
    0xff52: 'Up', 0xff53: 'Right', 0xff54: 'Down', 0xff55: 'Page Up',
    0xff56: 'Page Down', 0xff57: 'End', 0xff61: 'Print', 0xff63: 'Insert',
    0xff67: 'Menu', 0xff7f: 'Num Lock', 0xffe5: 'Caps Lock',
    0xffff: 'Delete', **_MODIFIERS,
    **{0xffbe + n: f'F{n + 1}' for n in range(12)}}


@dataclasses.dataclass(frozen=True, slots=True)
class Stroke:
    """A key that went down.

    :ivar name: the key with the modifiers that are held, for people.
    :ivar types: what a text field does: a character, '\\b', '\\n', or
        nothing ('').
    """

    name: str
    types: str


class Keyboard:
    """One viewer's keys. A viewer that leaves takes its held keys along."""

    def __init__(self) -> None:
        self._held: set[int] = set()

    def key(self, keysym: int, down: bool) -> Stroke | None:
        """:param keysym: any 32 bits.
        :returns: ``None`` for a key that went up."""
        if not down:
            self._held.discard(keysym)
            return None
        held = {_MODIFIERS[modifier] for modifier in self._held}
        if keysym in _MODIFIERS:
            self._held.add(keysym)
            held.discard(_MODIFIERS[keysym])
        character = _character(keysym)
        name = _NAMES.get(keysym) or character or f'{keysym:#x}'
        if character not in ('', ' '):
            # That Shift is down shows in the letter already.
            held.difference_update(_SHIFTS)
        names = [modifier for modifier in _ORDER if modifier in held]
        types = '' if held.difference(_SHIFTS) else _typed(keysym, character)
        return Stroke('+'.join([*names, name]), types)


def _character(keysym: int) -> str:
    """What a keysym prints; '' for a key that prints nothing."""
    character = ''
    if 0x20 <= keysym <= 0x7e or 0xa0 <= keysym <= 0xff:
        character = chr(keysym)
    elif keysym == 0xff80 or 0xffaa <= keysym <= 0xffb9:    # the key pad
        character = chr(keysym - 0xff80 or 0x20)
    elif 0x01000100 <= keysym <= 0x0110ffff:                # Unicode
        character = chr(keysym - 0x01000000)
    return character if character.isprintable() else ''


def _typed(keysym: int, character: str) -> str:
    if keysym == _BACKSPACE:
        return '\b'
    if keysym in _RETURNS:
        return '\n'
    return ' ' if keysym == _TAB else character


@dataclasses.dataclass(slots=True)
class Scene:
    """All that changes on a card.

    :ivar now: what its clock shows.
    :ivar pointer: column and row of the pointer; ``None`` until somebody
        has moved it.
    :ivar buttons: mask of the buttons that are down; bit 0 is the left.
    :ivar text: what was typed, at most ``MAX_TEXT`` characters.
    :ivar stroke: name of the last key that went down.
    :ivar strokes: how many keys went down.
    :ivar viewers: how many look on.
    """

    now: datetime.datetime
    pointer: tuple[int, int] | None = None
    buttons: int = 0
    text: str = ''
    stroke: str = ''
    strokes: int = 0
    viewers: int = 0

    def press(self, stroke: Stroke) -> None:
        self.strokes += 1
        self.stroke = stroke.name
        if stroke.types == '\b':
            self.text = self.text[:-1]
        else:
            self.text = (self.text + stroke.types)[-MAX_TEXT:]


def wrap(text: str, columns: int, rows: int) -> list[str]:
    """Break text into lines.

    :param columns: the longest line, 1 or more.
    :param rows: how many lines there is room for, 1 or more.
    :returns: the last lines, at least one.
    """
    lines: list[str] = []
    for line in text.split('\n'):
        lines += [line[start:start + columns]
                  for start in range(0, max(1, len(line)), columns)]
    return lines[-rows:]
