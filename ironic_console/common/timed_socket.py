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
    """A socket that is read through a file which knows the deadline.

    In all else it is the socket itself.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def makefile(self, mode: str, *_args: object) -> io.BufferedReader:
        """What ``http.client`` reads answers from.

        :param mode: to read bytes; nothing else is ever wanted.
        """
        return io.BufferedReader(_TimedReader(self._sock, self._deadline))


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        # It keeps the socket open for as long as it is open itself.
        self._file = sock.makefile('rb', buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline.remaining()
        if not left:
            raise TimeoutError(f'no answer within the {self._deadline}')
        self._sock.settimeout(left)
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()
