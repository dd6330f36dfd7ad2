# SPDX-License-Identifier: Apache-2.0
"""The programs in C: a backend, and browsers with a stopwatch.

In Python either would cost more than what is measured. They are compiled
when they are needed (Debian: gcc, libc6-dev, libssl-dev).
"""

import dataclasses
import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.helpers.certificates import Files
from tools.lab import ports
from tools.lab.process import Program

START_TIMEOUT = 10.0
_SOURCES = Path(__file__).parent


class Missing(Exception):
    """The machine lacks something; the text says what to install."""


def build(name: str, folder: Path) -> Path:
    """Compile one of the programs.

    :param folder: that gets it.
    :returns: the program.
    :raises Missing: there is no compiler, or no OpenSSL.
    """
    program = folder / name
    try:
        subprocess.run(
            ['cc', '-O2', '-Wall', '-o', program, _SOURCES / f'{name}.c',
             '-lssl', '-lcrypto'], check=True)
    except (OSError, subprocess.CalledProcessError) as exc:
        raise Missing(f'cannot compile {name}.c ({exc}): apt-get install '
                      'gcc libc6-dev libssl-dev') from exc
    return program


@dataclasses.dataclass(frozen=True)
class Addresses:
    """Ports of the backend: security type None, VeNCrypt with X509None, and
    None inside TLS."""

    plain: int
    vencrypt: int
    tls: int


class Backend:
    """What a VNC server costs a proxy, without what it costs itself.

    :param folder: for the program and its log.
    :param files: its certificate.
    """

    def __init__(self, folder: Path, files: Files) -> None:
        self.ports = Addresses(*ports.free_ports(3))
        self._argv: list[str | Path] = [
            build('backend', folder),
            *map(str, dataclasses.astuple(self.ports)),
            files.cert_file, files.key_file]
        self._log = folder / 'backend.log'
        self._program: Program | None = None

    def __enter__(self) -> Self:
        self._program = Program(self._argv, self._log)
        self._program.wait_for(
            lambda: ports.answers(ports.LOOPBACK, self.ports.tls),
            START_TIMEOUT, 'the backend to listen')
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        assert self._program
        self._program.stop()


@dataclasses.dataclass(frozen=True)
class Entrance:
    """How browsers get to a console.

    :ivar pid: of the proxy's main process.
    :ivar target: of the WebSocket; '' for RFB without one.
    """

    pid: int
    port: int
    secure: bool = False
    target: str = ''


class Load:
    """Browsers; a context manager that closes all of them."""

    def __init__(self, program: Path, entrance: Entrance) -> None:
        self._popen = subprocess.Popen(
            [program, str(entrance.port), str(int(entrance.secure)),
             *([entrance.target] if entrance.target else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def open(self, count: int, at_once: int = 1, keep: bool = True,
             ) -> dict[str, float]:
        """Open sessions, up to ServerInit.

        :raises RuntimeError: one could not be opened.
        """
        result = self._command('open', count, at_once, int(keep))
        if result['opened'] != count:
            raise RuntimeError(f'{count} sessions were wanted: {result}')
        return result

    def echo(self, rate: float, seconds: float) -> dict[str, float]:
        """Send small messages that come back."""
        return self._command('echo', rate, seconds)

    def stream(self, chunk: int, size: int) -> dict[str, float]:
        """Receive on each session.

        :param chunk: KiB that the backend writes at once.
        :param size: MiB.
        :raises RuntimeError: not all of it came.
        """
        result = self._command('stream', chunk, size)
        if result['bytes'] < size << 20:
            raise RuntimeError(f'{size} MiB were wanted: {result}')
        return result

    def stall(self, chunk: int, size: int) -> None:
        """Ask for that much on each session, and read nothing of it."""
        self._command('stall', chunk, size)

    def _command(self, *words: object) -> dict[str, Any]:
        assert self._popen.stdin
        assert self._popen.stdout
        print(*words, file=self._popen.stdin, flush=True)
        answer = self._popen.stdout.readline()
        if not answer:
            raise RuntimeError(f'the load generator ended at {words}')
        result: dict[str, Any] = json.loads(answer)
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._popen.kill()
        self._popen.communicate()
