# SPDX-License-Identifier: Apache-2.0
"""Provider ``display-process``: displays are children of the conductor.

For small sites and tests: no container engine is needed, and nothing is
between a browser and the conductor's host but the user that both run as.
"""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO

from ironic.conf import CONF
from oslo_log import log

from ironic_console.common.addresses import instead_of_wildcard
from ironic_console.common.errors import DisplayError
from ironic_console.drivers.display_providers import base
from ironic_console.drivers.displays.settings import DisplaySettings

LOG = log.getLogger(__name__)

PROGRAM = (sys.executable, '-P', '-m', 'ironic_console.drivers.displays')
# All that a display gets of our environment; there may be secrets in it.
_ENVIRONMENT = ('PATH', 'LANG', 'TMPDIR', 'TZ')
#: Seconds for logging out at a BMC, and then some.
STOP_TIMEOUT = 15.0
#: Seconds after which a display that dies is taken to have been well.
MIN_LIFE = 10.0
#: Seconds before one that was not is started again, doubled each time, and
#: how often that is done.
PAUSE, MAX_DEATHS = 0.5, 5
# Of what it says, in bytes, and of what is told of that, in characters.
_MAX_LINE_BYTES = 8192
_MAX_PROBLEM_CHARS = 400


class _CannotRun(DisplayError):
    """It said so itself."""


class ProcessProvider(base.DisplayProvider):
    """Keeps the displays of this conductor.

    A display ends when the pipe to it does, so none outlives its conductor,
    whatever happens to that.

    :param command: the program that is a display.
    """

    provider_name = 'display-process'

    def __init__(self, command: Sequence[str] = PROGRAM) -> None:
        self._command = command
        self._displays: dict[str, _Display] = {}

    def check(self) -> None:
        """Nothing to look at: a display says itself what it misses."""

    def start_display(self, settings: DisplaySettings) -> tuple[str, int]:
        try:
            return self._start(settings)
        except _CannotRun as exc:
            if not settings.vnc.port:
                raise
            # Somebody else may have the port by now; any other will do.
            LOG.info('Node %s: its display does not start at port %d: %s',
                     settings.node, settings.vnc.port, exc)
            return self._start(dataclasses.replace(
                settings, vnc=dataclasses.replace(settings.vnc, port=0)))

    def _start(self, settings: DisplaySettings) -> tuple[str, int]:
        self.stop_display(settings.node)
        display = _Display(settings, self._command)
        self._displays[settings.node] = display
        try:
            port = display.wait_ready(
                CONF.ironic_console.display_start_timeout)
        except DisplayError:
            if self._displays.get(settings.node) is display:
                self.stop_display(settings.node)
            raise
        return _host(), port

    def stop_display(self, node: str) -> None:
        display = self._displays.pop(node, None)
        if display:
            display.stop()

    def may_run(self, node: str) -> bool:
        display = self._displays.get(node)
        return display is not None and display.runs

    def displays(self) -> dict[str, base.Address]:
        return {node: (_host(), display.port) if display.port else None
                for node, display in list(self._displays.items())}

    def stop_all_containers(self) -> None:
        """Do nothing: Ironic calls this when it starts, beside starting
        consoles, and when it ends, and then they end by themselves."""


class _Display:
    """One display, started again when it dies.

    :ivar runs: it does, or is about to.
    """

    def __init__(self, settings: DisplaySettings, command: Sequence[str],
                 ) -> None:
        self._settings = settings
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        # It lets viewers in, or never will.
        self._decided = threading.Event()
        self._problem = ''
        self.runs = True
        self._thread = threading.Thread(
            target=self._run, name=f'display-{settings.node}', daemon=True)
        self._thread.start()

    def wait_ready(self, timeout: float) -> int:
        """:returns: port at which it lets viewers in.
        :raises DisplayError: it does not.
        """
        if not self._decided.wait(timeout):
            raise DisplayError(
                'The display did not start within the [ironic_console]'
                f'display_start_timeout of {timeout:g} s; see the log of the '
                'conductor')
        if self._stopping.is_set():
            raise DisplayError('The display was stopped while it started; '
                               'enable the console again')
        if self._problem:
            raise _CannotRun(f'The display did not start: {self._problem}')
        return self.port

    @property
    def port(self) -> int:
        """0 until it lets viewers in."""
        return self._settings.vnc.port

    def stop(self) -> None:
        """Let it log out and end; it has a few seconds for that."""
        with self._lock:
            self._stopping.set()
            process = self._process
        if process:
            self._end(process)
        self._thread.join(STOP_TIMEOUT)

    def _run(self) -> None:
        node = self._settings.node
        try:
            deaths = 0
            while not self._stopping.wait(PAUSE * (2 ** deaths - 1)):
                begun = time.monotonic()
                problem = self._live()
                if self._stopping.is_set():
                    return
                lived = time.monotonic() - begun
                deaths = 0 if lived >= MIN_LIFE else deaths + 1
                if not problem and deaths > MAX_DEATHS:
                    problem = ('it dies again and again; see the log of the '
                               'conductor')
                if problem:
                    self._problem = problem
                    LOG.error('Display of node %s: %s', node, problem)
                    return
                LOG.warning('The display of node %s died; it is started '
                            'again', node)
        except OSError as exc:
            self._problem = f'it cannot be run: {exc.strerror}'
            LOG.error('Display of node %s: %s', node, self._problem)
        finally:
            self.runs = False
            self._decided.set()

    def _live(self) -> str:
        """One life of the process, from its start to its end.

        :returns: why it let nobody in; '' if it did.
        """
        with self._lock:
            if self._stopping.is_set():
                return ''
            process = self._process = _spawn(self._command)
        assert process.stdin
        assert process.stdout
        logger = threading.Thread(
            target=self._pass_on, args=(process.stderr,), daemon=True,
            name=f'display-log-{self._settings.node}')
        logger.start()
        document = json.dumps(self._settings.to_document())
        # One that has died may have said why.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(document.encode() + b'\n')
            process.stdin.flush()
        problem = self._hear(process.stdout.readline(_MAX_LINE_BYTES))
        if problem:
            self._end(process)
        # Not for the end of its output: what it leaves running has that too.
        process.wait()
        _kill(process)
        logger.join(1)
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        return problem

    def _hear(self, line: bytes) -> str:
        """Take note of the port.

        :param line: the one that a display says.
        :returns: what is the matter; '' if it lets viewers in.
        """
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            return ('it ended or broke before it let anybody in; see the log '
                    'of the conductor')
        if isinstance(said.get('error'), str):
            return _printable(said['error'])[:_MAX_PROBLEM_CHARS]
        port = said.get('port')
        if said.get('version') != 1 or (type(port) is not int
                                        or not 0 < port < 65536):
            return 'it is of another version; restart the conductor'
        # It keeps its port: everybody knows it by now.
        self._settings = dataclasses.replace(
            self._settings, vnc=dataclasses.replace(
                self._settings.vnc, port=port))
        self._decided.set()
        return ''

    def _pass_on(self, output: IO[bytes]) -> None:
        """Log what it logs."""
        with output:
            node = self._settings.node
            while line := output.readline(_MAX_LINE_BYTES):
                text = _printable(line.decode(errors='replace').rstrip())
                LOG.info('Display of node %s: %s', node,
                         text.removeprefix(f'{node} '))

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            LOG.error('Node %s: its display does not end and is killed; the '
                      'BMC may keep its session for a while',
                      self._settings.node)
            _kill(process)


def _host() -> str:
    return instead_of_wildcard(CONF.ironic_console.display_address,
                               CONF.my_ip)


def _spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _ENVIRONMENT
                   if name in os.environ}
    return subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment, start_new_session=True)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _printable(text: str) -> str:
    return ''.join(char if char.isprintable() else '?' for char in text)
