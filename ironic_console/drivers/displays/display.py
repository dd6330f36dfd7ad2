# SPDX-License-Identifier: Apache-2.0
"""The program that waits: Xvnc always, a visit while somebody looks.

One loop serves Xvnc, the visit, the notice on the screen, and whoever
started us; nothing in it waits for one of them. What is to happen when is
decided by reception.py.
"""

import json
import logging
import math
import os
import select
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence

from ironic_console.common.clock import Clock
from ironic_console.common.errors import DisplayError
from ironic_console.drivers.displays.notice import Layout, NoticeWindow
from ironic_console.drivers.displays.reception import Reception
from ironic_console.drivers.displays.settings import DisplaySettings
from ironic_console.drivers.displays.visit_process import (
    VisitProcess,
    pass_on,
)
from ironic_console.drivers.displays.xvnc import Seen, Xvnc

LOG = logging.getLogger(__name__)

VISIT = (sys.executable, '-P', '-m', 'ironic_console.drivers.displays.visit')
#: Seconds for Xvnc to start, and to end.
START_TIMEOUT = 30.0
STOP_TIMEOUT = 3.0
#: Free ports that are tried before we give up.
MAX_PORTS = 5
# Short: the browser of a visit has a socket in a folder in ours, and would
# go elsewhere where it is not cleared away (chromium.py).
_PREFIX = 'ironic-display-'
_TICK = 1.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)

_Sources = dict[int, tuple[int, Callable[[], None]]]


class Display:
    """One display, from its start to its end.

    :param announce: told the port of VNC once viewers are let in.
    :param stdin: its end is the end of the display; ``None`` if only signals
        are.
    :param visit_command: program and arguments.
    """

    def __init__(self, settings: DisplaySettings,
                 announce: Callable[[int], None], stdin: int | None = None,
                 visit_command: Sequence[str] = VISIT) -> None:
        self._settings = settings
        self._announce = announce
        self._stdin = stdin
        self._visit_command = visit_command
        self._clock = Clock()
        self._reception = Reception(settings.screen.linger, self._clock)
        self._visit: VisitProcess | None = None
        self._visits = self._ports = 0
        self._window: NoticeWindow | None = None
        self._is_ending = self._has_ended = False
        self._error = ''
        # Monotonic.
        self._xvnc_by = math.inf
        self._tick_at = math.inf

    def run(self) -> None:
        """Serve viewers until the end.

        :raises ConfigError: something that a display needs is not there.
        :raises DisplayError: Xvnc did not start, or died.
        """
        self._folder = tempfile.mkdtemp(prefix=_PREFIX)
        self._ear = _hear_signals()
        self._xvnc = Xvnc(self._settings, self._folder)
        try:
            self._start_xvnc()
            while not self._has_ended:
                self._turn()
        finally:
            self._clear_up()
        if self._error:
            raise DisplayError(self._error)

    # -- the loop ------------------------------------------------------------

    def _turn(self) -> None:
        sources = self._sources()
        poll = select.poll()
        for fd, (events, _) in sources.items():
            poll.register(fd, events)
        ready = {fd for fd, _ in poll.poll(self._timeout())}
        # In our order: what closes a file is asked last.
        for fd, (_, serve) in sources.items():
            if fd in ready:
                serve()
        self._look_at_clock()
        self._settle()

    def _sources(self) -> _Sources:
        """:returns: what to wait for, and what to do then."""
        sources: _Sources = {}
        for lines, hear in ((self._xvnc.log, self._hear_xvnc),
                            (self._xvnc.started, self._hear_start)):
            if self._xvnc.is_running and not lines.ended:
                sources[lines.fd] = select.POLLIN, hear
        if self._window and self._window.fileno() >= 0:
            events = select.POLLIN
            if self._window.has_unsent:
                events |= select.POLLOUT
            sources[self._window.fileno()] = events, self._window.serve
        if self._visit:
            if not self._visit.lines.ended:
                sources[self._visit.lines.fd] = select.POLLIN, self._listen
            if self._visit.wants_telling:
                sources[self._visit.stdin] = select.POLLOUT, self._visit.tell
        if self._stdin is not None:
            sources[self._stdin] = select.POLLIN, self._hear_stdin
        sources[self._ear] = select.POLLIN, self._hear_signal
        return sources

    def _timeout(self) -> float | None:
        """:returns: milliseconds until the clock has something to say."""
        wake_at = min(self._reception.wake_at, self._xvnc_by, self._tick_at,
                      self._visit.kill_at if self._visit else math.inf)
        if math.isinf(wake_at):
            return None
        return math.ceil(1000 * max(0.0, wake_at - self._clock.monotonic()))

    def _look_at_clock(self) -> None:
        now = self._clock.monotonic()
        self._reception.look_at_clock()
        if self._visit and now >= self._visit.kill_at:
            LOG.warning('the visit does not end and is killed')
            self._visit.kill()
        if now >= self._xvnc_by:
            self._xvnc_by = math.inf
            if not self._is_ending:
                self._end('Xvnc does not start: it said nothing for '
                          f'{START_TIMEOUT:g} s')
            self._xvnc.signal(signal.SIGKILL)
        if now >= self._tick_at and self._window:
            self._window.tick()
            self._tick_at = math.inf

    def _settle(self) -> None:
        """Make true what is to be."""
        if self._reception.wants_visit:
            self._begin_visit()
        if self._visit and self._reception.wants_end:
            self._visit.leave()
        if self._visit and self._reception.wants_kill:
            self._visit.kill()
        if self._window:
            self._window.show(self._reception.notice)
            # Nobody looks, no tick.
            if not (self._window.is_busy and self._reception.has_viewers):
                self._tick_at = math.inf
            elif math.isinf(self._tick_at):
                self._tick_at = self._clock.monotonic() + _TICK
        if self._is_ending and not self._visit:
            self._has_ended = not self._xvnc.is_running
            self._close_window()
            if math.isinf(self._xvnc_by):
                self._xvnc_by = self._clock.monotonic() + STOP_TIMEOUT
                self._xvnc.signal(signal.SIGTERM)

    def _end(self, error: str = '') -> None:
        """Begin to end: first the visit, which logs out, then Xvnc."""
        self._error = self._error or error
        self._is_ending = True
        self._xvnc_by = math.inf
        self._reception.close()

    # -- who says something --------------------------------------------------

    def _hear_signal(self) -> None:
        for number in os.read(self._ear, 256):
            if number == signal.SIGCHLD:
                self._bury()
            elif self._is_ending and self._visit:
                LOG.info('told to end once more: the visit is killed')
                self._visit.kill()
            else:
                LOG.info('ends: %s', signal.Signals(number).name)
                self._end()

    def _hear_stdin(self) -> None:
        assert self._stdin is not None
        # There is nothing to be said after the settings.
        if not os.read(self._stdin, 4096):
            self._stdin = None
            LOG.info('ends: whoever started it has gone, or wants it')
            self._end()

    def _hear_start(self) -> None:
        if self._xvnc.read_started():
            self._xvnc_by = math.inf
            self._xvnc.check_socket()
            screen = self._settings.screen
            self._window = NoticeWindow(
                self._xvnc.socket, self._xvnc.cookie,
                Layout(screen.width, screen.height, self._settings.title))
            LOG.info('lets viewers in at port %d', self._xvnc.port)
            self._announce(self._xvnc.port)

    def _hear_xvnc(self) -> None:
        for seen in self._xvnc.read_log():
            if seen is Seen.CAME:
                self._reception.viewers_came()
            elif seen is Seen.LOOKS:
                self._reception.viewers_look()
            else:
                # Whoever only looked whether we are up is no news.
                LOG.log(logging.INFO if self._reception.is_watched
                        else logging.DEBUG, 'the last viewer has gone')
                self._reception.viewers_left()

    def _listen(self) -> None:
        assert self._visit
        for line in self._visit.lines.read():
            pass_on(line, self._reception)

    # -- processes -----------------------------------------------------------

    def _start_xvnc(self) -> None:
        self._ports += 1
        self._xvnc.start()
        self._xvnc_by = self._clock.monotonic() + START_TIMEOUT

    def _begin_visit(self) -> None:
        self._visits += 1
        LOG.info('visit %d begins', self._visits)
        self._reception.visit_began()
        document = json.dumps(self._settings.to_document()).encode() + b'\n'
        try:
            self._visit = VisitProcess(
                self._visit_command, document,
                {'DISPLAY': f':{self._xvnc.number}',
                 'XAUTHORITY': self._xvnc.authority},
                os.path.join(self._folder, f'visit-{self._visits}'),
                self._clock)
        except OSError as exc:
            LOG.error('a visit cannot be started: %s', exc)
            self._reception.visit_ended()

    def _bury(self) -> None:
        """Find out which children have ended. Others than ours come to us
        when we are the first process of a container."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG
                                  | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            if self._visit and ended.si_pid == self._visit.pid:
                self._bury_visit()
            elif ended.si_pid == self._xvnc.pid:
                self._bury_xvnc()
            else:
                os.waitpid(ended.si_pid, 0)

    def _bury_visit(self) -> None:
        assert self._visit
        for line in self._visit.bury():
            pass_on(line, self._reception)
        self._visit = None
        self._reception.visit_ended()

    def _bury_xvnc(self) -> None:
        last_words = self._xvnc.bury()
        self._close_window()
        if self._xvnc.has_lost_port and self._ports < MAX_PORTS:
            LOG.info('somebody has taken port %d; another one is tried',
                     self._xvnc.port)
            self._start_xvnc()
            return
        if not self._is_ending:
            what = 'died' if self._xvnc.number >= 0 else 'does not start'
            self._end(f'Xvnc {what}: {last_words}')

    def _close_window(self) -> None:
        if self._window:
            self._window.close()
        self._window = None

    def _clear_up(self) -> None:
        """However we end, nothing of ours stays."""
        if self._visit:
            self._visit.kill()
            self._visit.bury()
        self._close_window()
        if self._xvnc.is_running:
            self._xvnc.signal(signal.SIGKILL)
            self._xvnc.bury()
        shutil.rmtree(self._folder, ignore_errors=True)


def _hear_signals() -> int:
    """:returns: from where the numbers of signals are read."""
    ear, mouth = os.pipe()
    for fd in (ear, mouth):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    for number in _SIGNALS:
        # Without a handler in Python nothing is written to that pipe.
        signal.signal(number, lambda *_: None)
    return ear
