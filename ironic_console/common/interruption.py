# SPDX-License-Identifier: Apache-2.0
"""Interruption: how one thread ends what another waits for.

What it waits for is a socket, whose shutdown wakes whoever waits, in any
call and through any layer above it. Why it had to end is up to its callers.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator

from ironic_console.common.errors import Interrupted


class Interruption:
    """Happens once, or never; from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._happened = False
        # Of our own: a number of another thread's may be closed at any time,
        # and another connection have it a moment later. With what of each
        # is shut down.
        self._handles: dict[socket.socket, int] = {}

    def happen(self) -> None:
        """End what is being waited for, and all that would be later."""
        with self._lock:
            self._happened = True
            for handle, how in self._handles.items():
                # It may have broken by itself.
                with contextlib.suppress(OSError):
                    handle.shutdown(how)

    def check(self) -> None:
        """:raises Interrupted: it has happened."""
        if self._happened:
            raise Interrupted('the wait was broken off')

    @contextlib.contextmanager
    def ends(self, fileno: int, how: int = socket.SHUT_RDWR,
             ) -> Iterator[None]:
        """What is done in here waits for a connection.

        :param fileno: of its socket. If it is closed in here, the peer is
            told at the end of this.
        :param how: ``SHUT_RD`` ends only who waits for the peer to say
            something; it can be told why.
        :raises Interrupted: it has happened before, or when all was done:
            the connection is of no use any more.
        """
        handle = _handle(fileno)
        try:
            with self._lock:
                self.check()
                if handle:
                    self._handles[handle] = how
            yield
        finally:
            if handle:
                with self._lock:
                    self._handles.pop(handle, None)
                handle.close()
        self.check()


def _handle(fileno: int) -> socket.socket | None:
    # Without descriptors it is only not interrupted.
    try:
        return socket.socket(fileno=os.dup(fileno))
    except OSError:
        return None
