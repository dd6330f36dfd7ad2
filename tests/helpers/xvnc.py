# SPDX-License-Identifier: Apache-2.0
"""A real X display over VNC: TigerVNC's Xvnc, and X programs on it."""

import pathlib
import re
import subprocess
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from tools.lab import installing, ports
from tools.lab.process import Program

START_TIMEOUT = 60.0
X_TIMEOUT = 30.0


def find_program(name: str, package: str) -> str:
    """:returns: its path; without it the test fails."""
    path = installing.find_program(name)
    assert path, f'{name} is missing: apt-get install {package}'
    return path


class Xvnc:
    """One X display, served over VNC on loopback, IPv4 and IPv6.

    :param state_dir: for its log.
    :param arguments: more of them, for example ``-geometry``.
    :param env: its whole environment; ours if None.
    :ivar port: of VNC.
    """

    def __init__(self, state_dir: pathlib.Path, *arguments: str,
                 env: Mapping[str, str] | None = None) -> None:
        self._state_dir = state_dir
        # Whoever only looks whether it is up fails to authenticate, and would
        # shut out all others for ten seconds. Of what is said twice the last
        # counts.
        self._argv = [find_program('Xtigervnc', 'tigervnc-standalone-server'),
                      '-SecurityTypes', 'None', '-UseBlacklist=0', *arguments]
        self._env = env
        self._program: Program | None = None
        self.port = 0

    @property
    def display(self) -> str:
        """What X programs know it as."""
        return f':{self.port}'

    def run(self, program: str, package: str, *arguments: str,
            text: str = '') -> str:
        """Run an X program on it to its end.

        :param package: of Debian that has it.
        :param text: its input.
        :returns: its output.
        """
        # Not through pipes: xclip stays in the background with its output
        # open.
        log = self._state_dir / 'x-program.out'
        with log.open('w') as output:
            subprocess.run(
                [find_program(program, package), *arguments], check=True,
                env={'DISPLAY': self.display}, input=text.encode(),
                stdout=output, stderr=subprocess.STDOUT, timeout=X_TIMEOUT)
        return log.read_text()

    def paint(self, colour: int) -> None:
        """Give the whole screen one colour.

        :param colour: 24 bits of red, green and blue.
        """
        self.run('xsetroot', 'x11-xserver-utils', '-solid', f'#{colour:06x}')

    def size(self) -> tuple[int, int]:
        text = self.run('xdpyinfo', 'x11-utils')
        found = re.search(r'dimensions: +(\d+)x(\d+) pixels', text)
        assert found, text
        return int(found[1]), int(found[2])

    def clipboard(self) -> str:
        """:returns: what one would paste."""
        return self.run('xclip', 'xclip', '-out', '-selection', 'clipboard')

    def copy(self, text: str) -> None:
        """Put a text into the clipboard."""
        self.run('xclip', 'xclip', '-in', '-selection', 'clipboard',
                 text=text)

    def written(self) -> str:
        """:returns: its log."""
        assert self._program
        return self._program.written()

    def __enter__(self) -> Self:
        self.port = ports.free_port()
        # The port tells displays apart; whoever has that port has it alone.
        self._program = Program(
            [*self._argv, self.display, '-rfbport', str(self.port),
             '-localhost', '-AlwaysShared', '-desktop',
             'a real X display'],
            self._state_dir / 'xvnc.log', env=self._env)
        self._program.wait_for(
            lambda: ports.answers(ports.LOOPBACK, self.port), START_TIMEOUT,
            'Xvnc to listen')
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        assert self._program
        self._program.stop()
