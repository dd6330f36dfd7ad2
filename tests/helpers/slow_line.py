# SPDX-License-Identifier: Apache-2.0
"""A line that carries so many bytes per second towards whoever connects."""

import contextlib
import socket
import threading
import time
from typing import Self

from tools.lab import ports

_PIECE = 4096
# What a slow line holds while it is on its way; less than the kernel would.
_BUFFER_BYTES = 16 * 1024


class SlowLine:
    """Forwards connections; a context manager.

    :ivar to: port of this machine, where to; to be set before anybody
        connects.
    :ivar rate: bytes per second to those who connect, for each of them; 0
        for as fast as it goes. May be changed at any time.
    :ivar port: where to connect instead.
    """

    def __init__(self) -> None:
        self.to = 0
        self.rate = 0.0
        self._listener = socket.create_server((ports.LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            for sock in (self._listener, *self._open):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
                sock.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket()
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                           _BUFFER_BYTES)
            far.connect((ports.LOOPBACK, self.to))
            with self._lock:
                self._open += [near, far]
            for function in (self._up, self._down):
                threading.Thread(target=function, args=(near, far),
                                 daemon=True).start()

    def _up(self, near: socket.socket, far: socket.socket) -> None:
        self._carry(near, far, False)

    def _down(self, near: socket.socket, far: socket.socket) -> None:
        self._carry(far, near, True)

    def _carry(self, source: socket.socket, sink: socket.socket,
               slowly: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_PIECE):
                if slowly and self.rate:
                    time.sleep(len(data) / self.rate)
                sink.sendall(data)
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
