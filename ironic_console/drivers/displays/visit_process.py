# SPDX-License-Identifier: Apache-2.0
"""The process of one visit, as its display sees it: lines out, an end in.

When a visit is wanted is not known here, nor what it does.
"""

import json
import logging
import math
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence

from ironic_console.common.clock import Clock
from ironic_console.drivers.displays.lines import LineReader
from ironic_console.drivers.displays.reception import Reception

LOG = logging.getLogger(__name__)

#: Seconds for leaving the page, logging out, and ending.
LEAVE_TIMEOUT = 10.0
_MAX_LINE_BYTES = 4096
_MAX_TEXT_CHARS = 600
# What a desktop around us has set is not for a browser of ours.
_FOREIGN = ('XDG_', 'DBUS_', 'WAYLAND_')


def pass_on(line: str, reception: Reception) -> None:
    """Tell what a visit has said; what is no message of a visit is
    logged."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    match message:
        case {'step': str(text)}:
            LOG.info('visit: %s', text[:_MAX_TEXT_CHARS])
            reception.visit_does(text[:_MAX_TEXT_CHARS])
        case {'shown': True}:
            LOG.info('visit: there is a picture')
            reception.visit_shows()
        case {'hidden': True, 'text': str(text)}:
            LOG.info('visit: no picture: %s', text[:_MAX_TEXT_CHARS])
            reception.visit_hides(text[:_MAX_TEXT_CHARS])
        case {'failed': str(text), 'retry': bool(may_retry)}:
            LOG.warning('visit failed: %s', text[:_MAX_TEXT_CHARS])
            reception.visit_fails(text[:_MAX_TEXT_CHARS], may_retry)
        case _:
            # What it is instead might be anything, so it is not shown.
            LOG.warning('the visit says something that we do not know')


class VisitProcess:
    """One visit, in a process group of its own.

    :param command: the program and its arguments.
    :param document: its settings, one line; it is told them by :meth:`tell`.
    :param environment: to set for it.
    :param home: its home; made now, removed by :meth:`bury`.
    :ivar lines: what it says.
    :ivar stdin: fd of our end; -1 once it is closed.
    :ivar kill_at: monotonic; it must have ended by then.
    """

    def __init__(self, command: Sequence[str], document: bytes,
                 environment: Mapping[str, str], home: str,
                 clock: Clock) -> None:
        self._clock = clock
        self._home = home
        self._untold = memoryview(document)
        self.kill_at = math.inf
        os.mkdir(home, 0o700)
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(_FOREIGN)}
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**kept, **environment, 'HOME': home, 'TMPDIR': home},
            start_new_session=True, bufsize=0)
        assert self._process.stdin
        assert self._process.stdout
        self.stdin = self._process.stdin.fileno()
        os.set_blocking(self.stdin, False)
        self.lines = LineReader(self._process.stdout.fileno(),
                                _MAX_LINE_BYTES)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def wants_telling(self) -> bool:
        """There is more of its settings."""
        return self.stdin >= 0 and bool(self._untold)

    def tell(self) -> None:
        """Write as much of its settings as it takes now."""
        try:
            told = os.write(self.stdin, self._untold)
        except BlockingIOError:
            return
        except BrokenPipeError:
            told = len(self._untold)
        self._untold = self._untold[told:]

    def leave(self) -> None:
        """Have it leave in time; once is enough."""
        if self.stdin >= 0:
            self.stdin = -1
            assert self._process.stdin
            self._process.stdin.close()
            self.kill_at = self._clock.monotonic() + LEAVE_TIMEOUT

    def kill(self) -> None:
        """Kill all of it."""
        self.kill_at = math.inf
        # Nobody reaps it but bury(): the group cannot be somebody else's.
        if self._process.returncode is None:
            os.killpg(self.pid, signal.SIGKILL)

    def bury(self) -> list[str]:
        """Clear up behind it; it has ended by itself or been killed.

        :returns: its last lines.
        """
        self.kill()
        status = self._process.wait()
        LOG.info('the visit has ended with status %d', status)
        lines = self.lines.drain()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()
        shutil.rmtree(self._home, ignore_errors=True)
        return lines
