# SPDX-License-Identifier: Apache-2.0
"""What keys type under a keyboard layout, as libxkbcommon knows it.

It asks the library and translates nothing; what is made of the answers is
for tools/keyboard_layouts.py.
"""

import ctypes
import functools
import re
from ctypes import (
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_size_t,
    c_uint32,
    c_void_p,
)
from pathlib import Path
from typing import Any, NamedTuple

LIBRARY = 'libxkbcommon.so.0'
VERSION_FILE = Path('/usr/share/pkgconfig/xkeyboard-config.pc')
#: The compose rules that most locales of X use.
COMPOSE_LOCALE = b'en_US.UTF-8'
_UP, _DOWN = 0, 1
_COMPOSED = 2
_MAX_NAME = 64  # bytes


class XkbError(Exception):
    """The data of X is missing or not as we need it; says what to do."""


class LayoutName(NamedTuple):
    """How xkb-data calls a layout."""

    layout: str
    variant: str = ''
    model: str = 'pc105'

    def __str__(self) -> str:
        variant = f'({self.variant})' if self.variant else ''
        return f'{self.layout}{variant}, {self.model}'


class Symbol(NamedTuple):
    """A keysym.

    :ivar name: of X, such as ``dead_acute``.
    :ivar text: what it types; '' for nothing.
    """

    name: str
    text: str


class _RuleNames(Structure):
    _fields_ = [(name, c_char_p) for name in (
        'rules', 'model', 'layout', 'variant', 'options')]


# name -> what it returns, its arguments
_FUNCTIONS = {
    'xkb_context_new': (c_void_p, [c_int]),
    'xkb_keymap_new_from_names': (
        c_void_p, [c_void_p, POINTER(_RuleNames), c_int]),
    'xkb_keymap_key_by_name': (c_uint32, [c_void_p, c_char_p]),
    'xkb_state_new': (c_void_p, [c_void_p]),
    'xkb_state_update_key': (c_int, [c_void_p, c_uint32, c_int]),
    'xkb_state_key_get_one_sym': (c_uint32, [c_void_p, c_uint32]),
    'xkb_keysym_to_utf32': (c_uint32, [c_uint32]),
    'xkb_utf32_to_keysym': (c_uint32, [c_uint32]),
    'xkb_keysym_from_name': (c_uint32, [c_char_p, c_int]),
    'xkb_keysym_get_name': (c_int, [c_uint32, c_char_p, c_size_t]),
    'xkb_compose_table_new_from_locale': (
        c_void_p, [c_void_p, c_char_p, c_int]),
    'xkb_compose_state_new': (c_void_p, [c_void_p, c_int]),
    'xkb_compose_state_reset': (None, [c_void_p]),
    'xkb_compose_state_feed': (c_int, [c_void_p, c_uint32]),
    'xkb_compose_state_get_status': (c_int, [c_void_p]),
    'xkb_compose_state_get_utf8': (c_int, [c_void_p, c_char_p, c_size_t]),
}


@functools.cache
def _library() -> Any:
    """:returns: the library, its functions with their types."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as exc:
        raise XkbError(f'{LIBRARY} is missing: apt-get install libxkbcommon0'
                       ) from exc
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


@functools.cache
def _context() -> int:
    """What the library allocates lives as long as the program, which is
    short."""
    return int(_library().xkb_context_new(0))


def _name(keysym: int) -> str:
    buffer = ctypes.create_string_buffer(_MAX_NAME)
    _library().xkb_keysym_get_name(keysym, buffer, _MAX_NAME)
    return buffer.value.decode()


def _text(keysym: int) -> str:
    code_point = _library().xkb_keysym_to_utf32(keysym)
    return chr(code_point) if code_point else ''


def keysym_of(char: str) -> str:
    """:returns: name of the keysym that types a character."""
    return _name(_library().xkb_utf32_to_keysym(ord(char)))


class Keymap:
    """One layout.

    :raises XkbError: there is none of that name.
    """

    def __init__(self, name: LayoutName) -> None:
        self._xkb = _library()
        names = _RuleNames(b'evdev', name.model.encode(),
                           name.layout.encode(), name.variant.encode(), b'')
        self._keymap = self._xkb.xkb_keymap_new_from_names(
            _context(), ctypes.byref(names), 0)
        if not self._keymap:
            raise XkbError(f'xkb-data has no layout {name}: apt-get install '
                           f'xkb-data')

    def levels(self, key: str) -> list[Symbol]:
        """:returns: what a key types plain, with Shift, with AltGr and with
            both; without the last two if the layout has no AltGr.

        :param key: its name in xkb, such as ``AE01``.
        """
        altgr = self._typed('RALT').name == 'ISO_Level3_Shift'
        held = [[], ['LFSH'], ['RALT'], ['LFSH', 'RALT']]
        return [self._typed(key, *modifiers)
                for modifiers in held[:4 if altgr else 2]]

    def _typed(self, key: str, *modifiers: str) -> Symbol:
        xkb = self._xkb
        state = xkb.xkb_state_new(self._keymap)
        for modifier in modifiers:
            xkb.xkb_state_update_key(state, self._code(modifier), _DOWN)
        keysym = xkb.xkb_state_key_get_one_sym(state, self._code(key))
        return Symbol(_name(keysym), _text(keysym))

    def _code(self, key: str) -> int:
        return int(self._xkb.xkb_keymap_key_by_name(
            self._keymap, key.encode()))


class Compose:
    """The rules by which dead keys combine.

    :raises XkbError: they are missing.
    """

    def __init__(self) -> None:
        self._xkb = _library()
        table = self._xkb.xkb_compose_table_new_from_locale(
            _context(), COMPOSE_LOCALE, 0)
        if not table:
            raise XkbError('the compose rules of X are missing: apt-get '
                           'install libx11-data')
        self._state = self._xkb.xkb_compose_state_new(table, 0)

    def result(self, *names: str) -> str:
        """:returns: what keysyms of these names become; '' for nothing."""
        xkb = self._xkb
        xkb.xkb_compose_state_reset(self._state)
        for name in names:
            xkb.xkb_compose_state_feed(
                self._state, xkb.xkb_keysym_from_name(name.encode(), 0))
        if xkb.xkb_compose_state_get_status(self._state) != _COMPOSED:
            return ''
        buffer = ctypes.create_string_buffer(_MAX_NAME)
        xkb.xkb_compose_state_get_utf8(self._state, buffer, _MAX_NAME)
        return buffer.value.decode()


def version() -> str:
    """:returns: of xkb-data.

    :raises XkbError: it is missing.
    """
    try:
        found = re.search(r'^Version: *(\S+)', VERSION_FILE.read_text(), re.M)
    except OSError as exc:
        raise XkbError('xkb-data is missing: apt-get install xkb-data'
                       ) from exc
    if not found:
        raise XkbError(f'{VERSION_FILE} names no version')
    return found[1]
