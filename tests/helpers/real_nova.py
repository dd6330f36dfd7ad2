# SPDX-License-Identifier: Apache-2.0
"""The real Nova in front of an Ironic: its Ironic driver and its proxy.

Nova has a Python of its own, see tools/lab/nova.py; what runs in there is
nova_programs.py.
"""

import json
import os
import pathlib
import subprocess
from types import TracebackType
from typing import Any, Self

from tools.lab import nova, ports, settings
from tools.lab.process import Program

PROGRAMS = pathlib.Path(__file__).with_name('nova_programs.py')
_TIMEOUT = 120.0
_schema: list[bytes] = []


class Nova:
    """As much of a Nova as consoles need.

    :param folder: of its own; for configuration, database and logs.
    :param ironic_url: of the API.
    :param vnc: options of ``[vnc]``, such as ``auth_schemes``.
    """

    def __init__(self, folder: pathlib.Path, ironic_url: str,
                 **vnc: settings.Value) -> None:
        self.port = ports.free_port()
        self.python = nova.get_python()
        self._folder = folder
        self._config = folder / 'nova.conf'
        nova.write_settings(self._config, ironic_url, self.port,
                            {'vnc': vnc})
        self._program: Program | None = None
        self._compute: subprocess.Popen[str] | None = None

    def console(self, instance: str, node: str) -> dict[str, Any]:
        """Do what "openstack console url show" does.

        :returns: ``host`` and ``port`` of Ironic, and ``url`` for the user;
            or ``error``.
        """
        assert self._compute
        assert self._compute.stdin
        assert self._compute.stdout
        self._compute.stdin.write(f'{instance} {node}\n')
        self._compute.stdin.flush()
        line = self._compute.stdout.readline()
        assert line, (self._folder / 'compute.log').read_text()[-4000:]
        result: dict[str, Any] = json.loads(line)
        return result

    def page_url(self, url: str) -> str:
        """:returns: a URL of Nova as the page understands it: it adds the
            path of the WebSocket, which Nova leaves out."""
        return url.replace('path=%3F', 'path=websockify%3F')

    def written(self) -> str:
        """:returns: the log of its proxy."""
        return self._program.written() if self._program else ''

    def _command(self, *words: str) -> list[str]:
        # -P: our helpers' names must not stand before Nova's modules.
        return [str(self.python), '-P', str(PROGRAMS), *words, '--config-file',
                str(self._config)]

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            self._command(*words), env=_environment(), text=True,
            capture_output=True, timeout=_TIMEOUT, check=False)
        assert not done.returncode, f'{words}: {done.stderr[-4000:]}'
        return done.stdout

    def __enter__(self) -> Self:
        database = self._folder / 'nova.sqlite'
        if _schema:
            database.write_bytes(_schema[0])
        else:
            self._run('schema')
            _schema.append(database.read_bytes())
        self._program = Program(
            self._command('novncproxy'), self._folder / 'novncproxy.log',
            name='nova-novncproxy', env=_environment())
        try:
            with (self._folder / 'compute.log').open('w') as log:
                self._compute = subprocess.Popen(
                    self._command('compute'), env=_environment(), text=True,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=log)
            self._program.wait_for(
                lambda: ports.answers(ports.LOOPBACK, self.port),
                nova.START_TIMEOUT, 'listening')
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._program:
            self._program.stop(timeout=5)
        if self._compute:
            # At the end of its input it ends.
            self._compute.communicate(timeout=_TIMEOUT)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(('OS_', 'PYTHON'))}
    return kept | {'PYTHONWARNINGS': 'ignore', 'no_proxy': '127.0.0.1',
                   'OS_NOVA_DISABLE_EVENTLET_PATCHING': '1'}
