# SPDX-License-Identifier: Apache-2.0
"""What of a keyboard and a mouse arrives at an X display, seen by xev."""

import itertools
import os
import pathlib
import re
from types import TracebackType
from typing import Any, Protocol, Self

from tests.helpers.proxy import wait_until
from tests.helpers.xvnc import START_TIMEOUT, find_program
from tools.lab.process import Program

_MARK = 'TEST_MARK'
_EVENT = re.compile(r'^(\w+) event, .*?(?=^\w+ event, |\Z)', re.M | re.S)
_DETAIL = re.compile(r'keysym 0x[0-9a-f]+, (\w+)|button (\d+)|atom \w+ '
                     r'\((\w+)\)')
_PLACE = re.compile(r'^(Button\w+) event,.*?root:\((\d+),(\d+)\),'
                    r'.*?button (\d+)', re.M | re.S)


class XDisplay(Protocol):
    """An X display, such as an :class:`~tests.helpers.xvnc.Xvnc`."""

    @property
    def display(self) -> str:
        """What X programs know it as."""

    def run(self, program: str, package: str, *arguments: str) -> Any:
        """Run an X program on it to its end."""


class InputRecorder:
    """An X program that gets all input of a display; a context manager."""

    def __init__(self, state_dir: pathlib.Path, display: XDisplay) -> None:
        self._display = display
        kinds = [word for kind in ('keyboard', 'mouse', 'property')
                 for word in ('-event', kind)]
        self._argv = [find_program('xev', 'x11-utils'), '-root', *kinds]
        self._log = state_dir / 'xev.log'
        self._marks = itertools.count(1)
        self._read = 0
        self._program: Program | None = None

    def take(self) -> list[str]:
        """:returns: all that has come since the last time, for example
            ``KeyPress a``, ``ButtonRelease 1``, ``MotionNotify``.

        What the display has got before is in it: a mark goes the same way.
        """
        mark = str(next(self._marks))
        self._set_mark(mark)
        wait_until(lambda: len(self._marks_seen()) >= int(mark),
                   'xev sees the mark')
        # More may have come since.
        events = self._events()
        end = [place for place, event in enumerate(events)
               if event == f'PropertyNotify {_MARK}'][int(mark) - 1]
        taken, self._read = events[self._read:end], end + 1
        return taken

    def wait_for(self, event: str) -> None:
        """Wait for an event that has not been taken yet; take nothing."""
        wait_until(lambda: event in self._events()[self._read:], event)

    def places(self) -> list[tuple[str, int, int]]:
        """:returns: each event of a button so far, also of those taken, such
            as ``ButtonPress 1``, and where it was on the screen."""
        assert self._program
        return [(f'{match[1]} {match[4]}', int(match[2]), int(match[3]))
                for match in _PLACE.finditer(self._program.written())]

    def _set_mark(self, text: str) -> None:
        self._display.run('xprop', 'x11-utils', '-root', '-f', _MARK, '8s',
                          '-set', _MARK, text)

    def _marks_seen(self) -> list[str]:
        return [event for event in self._events()
                if event == f'PropertyNotify {_MARK}']

    def _events(self) -> list[str]:
        assert self._program
        found = []
        for match in _EVENT.finditer(self._program.written()):
            detail = _DETAIL.search(match[0])
            found.append(' '.join(
                [match[1], *filter(None, detail.groups() if detail else ())]))
        return [event for event in found
                if not event.startswith('PropertyNotify')
                or event.endswith(_MARK)]

    def __enter__(self) -> Self:
        self._program = Program(
            self._argv, self._log,
            env={**os.environ, 'DISPLAY': self._display.display})
        # It says nothing when it is ready.
        def ready() -> bool:
            self._set_mark('0')
            return bool(self._marks_seen())
        self._program.wait_for(ready, START_TIMEOUT, 'xev to listen')
        self._marks = itertools.count(len(self._marks_seen()) + 1)
        self.take()
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        assert self._program
        self._program.stop()
