# SPDX-License-Identifier: Apache-2.0
"""What is typed on an X display, as text and as keys that are down.

The text is what xterm makes of it: a real X program, with the keymap of the
display, dead keys and compose rules.
"""

import ctypes
import os
import pathlib
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.helpers.proxy import wait_until
from tests.helpers.xvnc import START_TIMEOUT, Xvnc, find_program
from tools.lab.process import Program
from tools.lab.xkb import LayoutName

# Raw, so that the terminal passes every byte on at once and unchanged.
_LISTEN = 'stty raw -echo; echo > "$1"; exec cat > "$2"'
#: Seconds for 2,000 characters on a busy machine.
PATIENCE = 60.0


class Typewriter:
    """A terminal over the whole of a display; a context manager.

    :param state_dir: for its files.
    """

    def __init__(self, state_dir: pathlib.Path, display: Xvnc) -> None:
        self._state_dir = state_dir
        self._display = display
        self._heard = state_dir / 'heard'
        self._ready = state_dir / 'ready'
        self._taken = 0
        self._program: Program | None = None
        self._library = ctypes.CDLL('libX11.so.6')
        self._library.XOpenDisplay.restype = ctypes.c_void_p
        self._connection = ctypes.c_void_p()

    def use(self, layout: LayoutName) -> None:
        """Give the keyboard a layout."""
        options: Sequence[str] = ('-model', layout.model, '-layout',
                                  layout.layout, '-variant', layout.variant)
        self._display.run('setxkbmap', 'x11-xkb-utils', *options)

    def take(self, size: int) -> str:
        """Wait for so many bytes of UTF-8 that nobody has taken.

        :returns: all that has come; Enter is ``\\n``.
        """
        try:
            wait_until(lambda: self._heard.stat().st_size - self._taken
                       >= size, f'{size} bytes of text', PATIENCE)
        finally:
            text = self.heard()
            self._taken = self._heard.stat().st_size
        return text

    def heard(self) -> str:
        """:returns: what has come and was not taken."""
        data = self._heard.read_bytes()[self._taken:]
        return data.decode(errors='replace').replace('\r', '\n')

    def keys_down(self) -> set[int]:
        """:returns: X keycodes that are down now."""
        keys = (ctypes.c_ubyte * 32)()
        self._library.XQueryKeymap(self._connection, keys)
        return {code for code in range(256)
                if keys[code // 8] >> code % 8 & 1}

    def __enter__(self) -> Self:
        # Larger than the screen: the keys go to where the pointer is.
        self._program = Program(
            [find_program('xterm', 'xterm'), '-u8', '-geometry', '300x100+0+0',
             '-e', 'sh', '-c', _LISTEN, 'sh', self._ready, self._heard],
            self._state_dir / 'xterm.log',
            env={'DISPLAY': self._display.display, 'LC_ALL': 'C.UTF-8',
                 'PATH': os.environ['PATH'], 'HOME': str(self._state_dir)})
        self._program.wait_for(
            lambda: self._ready.exists() and self._heard.exists(),
            START_TIMEOUT, 'xterm to listen')
        self._connection = ctypes.c_void_p(self._library.XOpenDisplay(
            self._display.display.encode()))
        assert self._connection, 'libX11 cannot open the display'
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        assert self._program
        self._library.XCloseDisplay(self._connection)
        self._program.stop()
