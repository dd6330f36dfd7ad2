# SPDX-License-Identifier: Apache-2.0
"""A socket for http.client that knows one deadline for a whole answer.

The time-out of a socket holds for each single read, so that an answer which
comes byte by byte would never be too late.
"""

import io
import socket
from typing import Any

from ironic_console.common.clock import Deadline


class TimedSocket:
    """As much of a socket as http.client needs.

    :param sock: whoever made it closes it.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """:param mode: to read bytes; nothing else is ever wanted."""
        return io.BufferedReader(_Reader(self._sock, self._deadline))

    def close(self) -> None:
        """http.client closes it long before it has read the answer."""


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._deadline.remaining()
        if not left:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._sock.recv_into(buffer)
