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

from ironic.conf import CONF
from oslo_log import log

from ironic_console.common.errors import DisplayError
from ironic_console.drivers.display_providers import base
from ironic_console.drivers.displays.settings import DisplaySettings

LOG = log.getLogger(__name__)

_PROGRAM = (sys.executable, '-P', '-m', 'ironic_console.drivers.displays')
# All that a display gets of our environment; there may be secrets in it.
_ENVIRONMENT = ('PATH', 'LANG', 'TMPDIR', 'TZ')
# Seconds for logging out at a BMC, and then some.
_STOP_TIMEOUT = 15.0
# One that ended earlier, in seconds, would do so again.
_MIN_LIFE = 10.0
_MAX_LINE_BYTES = 8192


class ProcessProvider(base.DisplayProvider):
    """Keeps the displays of this conductor.

    A display ends when the pipe to it does, so none outlives its conductor,
    whatever happens to that.
    """

    provider_name = 'display-process'

    def __init__(self) -> None:
        self._displays: dict[str, _Display] = {}

    def start_display(self, settings: DisplaySettings) -> tuple[str, int]:
        self.stop_display(settings.node)
        display = _Display(settings)
        port = display.start(CONF.ironic_console.display_start_timeout)
        self._displays[settings.node] = display
        host = CONF.ironic_console.display_address
        # Nobody can connect to a wildcard.
        return CONF.my_ip if host in ('0.0.0.0', '::') else host, port

    def stop_display(self, node: str) -> None:
        display = self._displays.pop(node, None)
        if display:
            display.stop()

    def may_run(self, node: str) -> bool:
        display = self._displays.get(node)
        return display is not None and display.runs

    def stop_all_containers(self) -> None:
        """Do nothing: Ironic calls this when it starts, beside starting
        consoles, and when it ends, and then they end by themselves."""


class _Display:
    """One display, started again when it dies.

    :ivar runs: it does, or is about to.
    """

    def __init__(self, settings: DisplaySettings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stopping = False
        self._ready = threading.Event()
        self._problem = ''
        self.runs = True
        self._thread = threading.Thread(
            target=self._run, name=f'display-{settings.node}', daemon=True)

    def start(self, timeout: float) -> int:
        """:returns: port at which it lets viewers in.
        :raises DisplayError: it does not; nothing is left of it.
        """
        self._thread.start()
        if not self._ready.wait(timeout):
            self.stop()
            raise DisplayError(
                'The display did not start within the [ironic_console]'
                f'display_start_timeout of {timeout:g} s; see the log of the '
                'conductor')
        if self._problem:
            self.stop()
            raise DisplayError(f'The display did not start: {self._problem}')
        return self._settings.vnc.port

    def stop(self) -> None:
        """Let it log out and end; it has a few seconds for that."""
        with self._lock:
            self._stopping = True
            process = self._process
        if process:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                LOG.error('Node %s: its display does not end and is killed; '
                          'the BMC may keep its session for a while',
                          self._settings.node)
                _kill(process)
        self._thread.join(_STOP_TIMEOUT)

    def _run(self) -> None:
        node = self._settings.node
        try:
            while True:
                begun = time.monotonic()
                self._live()
                if self._stopping:
                    return
                if time.monotonic() - begun < _MIN_LIFE:
                    self._problem = (self._problem or 'it ended at once; see '
                                     'the log of the conductor')
                    LOG.error('Display of node %s: %s', node, self._problem)
                    return
                LOG.warning('The display of node %s died; it is started '
                            'again', node)
        except OSError as exc:
            self._problem = f'it cannot be run: {exc.strerror}'
        finally:
            self.runs = False
            self._ready.set()

    def _live(self) -> None:
        """One life of the process, from its start to its end."""
        with self._lock:
            if self._stopping:
                return
            process = self._process = _spawn()
        assert process.stdin
        output = process.stdout
        assert output
        with contextlib.suppress(OSError), process:
            document = json.dumps(self._settings.to_document())
            process.stdin.write(document.encode() + b'\n')
            process.stdin.flush()
            for line in iter(lambda: output.readline(_MAX_LINE_BYTES), b''):
                self._heard(line.decode(errors='replace').rstrip())
            # Whatever it left running would keep its output open.
            _kill(process)

    def _heard(self, line: str) -> None:
        if not line.startswith('{'):
            LOG.info('Display of node %s: %s', self._settings.node, line)
            return
        with contextlib.suppress(ValueError):
            said = json.loads(line)
            if isinstance(said.get('port'), int):
                # It keeps its port: everybody knows it by now.
                self._settings = dataclasses.replace(
                    self._settings, vnc=dataclasses.replace(
                        self._settings.vnc, port=said['port']))
                self._ready.set()
            elif 'error' in said:
                self._problem = str(said['error'])


def _spawn() -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _ENVIRONMENT
                   if name in os.environ}
    return subprocess.Popen(  # noqa: S603
        _PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env=environment, start_new_session=True)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
