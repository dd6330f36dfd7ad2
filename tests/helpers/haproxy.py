# SPDX-License-Identifier: Apache-2.0
"""A real HAProxy, configured as the operator's manual says."""

import pathlib
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.helpers.xvnc import find_program
from tools.lab import ports
from tools.lab.process import Program

SNIPPET = (pathlib.Path(__file__).parents[2]
           / 'doc' / 'source' / 'haproxy-consoles.cfg')
#: Tells which proxy has answered.
SERVED_BY = 'x-served-by'
START_TIMEOUT = 60.0
_FRAME = '''\
global
    log stdout format raw local0

'''
_BIND = 'bind :443 ssl crt /etc/haproxy/example.org.pem alpn http/1.1'


class HAProxy:
    """A load balancer; a context manager.

    :param folder: its own.
    :param backends: ports of our proxies, on this machine.
    :param port: on which it listens, without TLS.
    """

    def __init__(self, folder: pathlib.Path, backends: Sequence[int],
                 port: int) -> None:
        self._folder = folder
        self.port = port
        self.address = (ports.LOOPBACK, port)
        self._program: Program | None = None
        snippet = SNIPPET.read_text()
        for documented, ours in (
                (_BIND, f'bind {ports.LOOPBACK}:{port}\n    http-response '
                        f'set-header {SERVED_BY} %s'),
                *((f'192.0.2.1{number}:6090', f'{ports.LOOPBACK}:{backend}')
                  for number, backend in enumerate(backends, 1))):
            assert documented in snippet
            snippet = snippet.replace(documented, ours)
        (folder / 'haproxy.cfg').write_text(_FRAME + snippet)

    def logged(self) -> str:
        """:returns: its whole log."""
        assert self._program
        return self._program.written()

    def __enter__(self) -> Self:
        self._program = Program(
            [find_program('haproxy', 'haproxy'), '-db', '-f',
             self._folder / 'haproxy.cfg'], self._folder / 'haproxy.log')
        self._program.wait_for(
            lambda: ports.answers(ports.LOOPBACK, self.port),
            START_TIMEOUT, 'HAProxy to listen')
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        assert self._program
        self._program.stop()
