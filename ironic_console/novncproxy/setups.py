# SPDX-License-Identifier: Apache-2.0
"""Setups: connections that are being set up, and who has to make room.

Somebody who sends half a request, or does not read the answer to a whole one,
costs a thread for ``head_timeout``. When there are too many of those, the
oldest has to go, so that whoever is in a hurry still gets in. Who has shown
that it may have a console never has to.
"""

import contextlib
import socket
import threading

from ironic_console.novncproxy.metrics import Metrics

# Most of those that were sent away and have not gone yet.
_LEAVING = 256


class Setups:
    """All of a process. Its methods may be called from any thread."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._lock = threading.Condition()
        self._number = 0
        # Those that anybody could be, oldest first, each with a handle that
        # stays good when TLS takes the socket itself.
        self._strangers: dict[socket.socket, socket.socket] = {}

    def __len__(self) -> int:
        return self._number

    def begin(self, sock: socket.socket, most: int) -> bool:
        """Count one more.

        :param most: of them at the same time.
        :returns: it may be set up.
        """
        with self._lock:
            full = self._number >= most
            # Those sent away take a moment to go.
            if full and (not self._strangers
                         or self._number >= most + _LEAVING):
                return False
            if full:
                self._send_away(next(iter(self._strangers)))
            self._number += 1
            # Out of file descriptors, it is only not the one to go.
            with contextlib.suppress(OSError):
                self._strangers[sock] = sock.dup()
            self._metrics.setups(self._number)
        return True

    def heard(self, sock: socket.socket) -> None:
        """It may have a console, so it may take its time."""
        with self._lock:
            self._forget(sock)

    def end(self, sock: socket.socket) -> None:
        """It is set up, or closed."""
        with self._lock:
            self._forget(sock)
            self._number -= 1
            self._metrics.setups(self._number)
            self._lock.notify_all()

    def wait_until_empty(self, timeout: float) -> None:
        """Wait until none is left.

        :param timeout: in seconds.
        """
        with self._lock:
            self._lock.wait_for(lambda: not self._number, timeout)

    def wait_for_guests(self, timeout: float) -> None:
        """Wait until none is left but strangers.

        :param timeout: in seconds.
        """
        with self._lock:
            self._lock.wait_for(
                lambda: self._number <= len(self._strangers), timeout)

    def _send_away(self, sock: socket.socket) -> None:
        handle = self._strangers.pop(sock)
        # Its own thread sees that, and closes it.
        with contextlib.suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)
        handle.close()
        self._metrics.turned_away('slow')

    def _forget(self, sock: socket.socket) -> None:
        handle = self._strangers.pop(sock, None)
        if handle:
            handle.close()
