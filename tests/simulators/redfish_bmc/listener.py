# SPDX-License-Identifier: Apache-2.0
"""Accepting connections, with a thread for each. What is said on them is
for others."""

import contextlib
import socket
import threading
from collections.abc import Callable

#: For threads to end, seconds.
PATIENCE = 30.0


class Listener:
    """One port.

    :param serve: of one connection; it ends with it.
    :param port: 0 for a free one.
    :ivar port: the real one.
    """

    def __init__(self, host: str, port: int,
                 serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._stopped = False
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family,
                                            backlog=128)
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True,
                                        name=f'listener {self.port}')
        self._thread.start()

    def stop(self) -> None:
        """Close it and all connections, and wait for their threads."""
        with self._lock:
            self._stopped = True
            threads = list(self._open.values())
            for sock in (self._socket, *self._open):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in (self._thread, *threads):
            thread.join(PATIENCE)
            assert not thread.is_alive(), f'{thread.name} does not end'
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _peer = self._socket.accept()
            except OSError:
                return
            with self._lock:
                if self._stopped:
                    sock.close()
                    return
                thread = threading.Thread(
                    target=self._run, args=(sock,), daemon=True,
                    name=f'connection of {self.port}')
                self._open[sock] = thread
                thread.start()

    def _run(self, sock: socket.socket) -> None:
        # Closed only by this thread: who closes a socket that another one
        # reads may hit the next one with its number.
        try:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._serve(sock)
        finally:
            with self._lock:
                del self._open[sock]
                sock.close()
