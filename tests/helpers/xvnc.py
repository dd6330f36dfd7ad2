# SPDX-License-Identifier: Apache-2.0
"""A real VNC server: TigerVNC's Xvnc, with nobody's password."""

import pathlib
import shutil
from types import TracebackType
from typing import Self

from tools.lab import ports
from tools.lab.process import Program

START_TIMEOUT = 20.0


class Xvnc:
    """One X display, served over VNC on loopback.

    :param state_dir: for its log.
    :param arguments: more of them, for example ``-geometry``.
    """

    def __init__(self, state_dir: pathlib.Path, *arguments: str) -> None:
        program = shutil.which('Xtigervnc')
        assert program, ('Xtigervnc is missing: apt-get install '
                         'tigervnc-standalone-server')
        self._state_dir = state_dir
        self._argv = [program, *arguments]
        self._program: Program | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.port = ports.free_port()
        # The port tells displays apart; whoever has that port has it alone.
        self._program = Program(
            [*self._argv, f':{self.port}', '-rfbport', str(self.port),
             '-localhost', '-SecurityTypes', 'None', '-AlwaysShared',
             '-desktop', 'a real X display'],
            self._state_dir / 'xvnc.log')
        self._program.wait_for(
            lambda: ports.answers(ports.LOOPBACK, self.port), START_TIMEOUT,
            'Xvnc to listen')
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        assert self._program
        self._program.stop()
