# SPDX-License-Identifier: Apache-2.0
"""Accepting connections, with a thread for each, and TLS on them. What is
said then is for others."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable

#: For threads to end, seconds.
PATIENCE = 30.0
#: Seconds of silence after which a connection is closed.
SILENCE = 60.0


class Listener:
    """One port.

    :param serve: of one connection; it ends with it.
    :param port: 0 for a free one.
    :param context: for TLS, which is up when ``serve`` begins.
    :ivar port: the real one.
    :ivar url: for HTTP.
    """

    def __init__(self, host: str, port: int,
                 serve: Callable[[socket.socket], object],
                 context: ssl.SSLContext | None = None) -> None:
        self._serve = serve
        self._context = context
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._stopped = False
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family,
                                            backlog=128)
        self.port: int = self._socket.getsockname()[1]
        shown = f'[{host}]' if ':' in host else host
        self.url = f'http{"s" if context else ""}://{shown}:{self.port}'
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
                # Also for the TLS handshake.
                sock.settimeout(SILENCE)
                if self._context:
                    self._serve_secured(sock, self._context)
                else:
                    self._serve(sock)
        finally:
            with self._lock:
                del self._open[sock]
                sock.close()

    def _serve_secured(self, sock: socket.socket,
                       context: ssl.SSLContext) -> None:
        # On a duplicate: our own is what stop() shuts down.
        with context.wrap_socket(sock.dup(), server_side=True) as tls:
            try:
                self._serve(tls)
            finally:
                # Its close_notify; TLS 1.3 clients miss it otherwise.
                with contextlib.suppress(OSError):
                    tls.settimeout(0)
                    tls.unwrap().close()
