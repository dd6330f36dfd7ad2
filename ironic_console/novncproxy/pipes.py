# SPDX-License-Identifier: Apache-2.0
"""Pipes through which the kernel moves bytes from socket to socket.

A session holds one only while bytes are in flight.
"""

import fcntl
import os

# More than a pipe's usual 64 KiB saves system calls. The kernel lets any
# user have 1 MiB; /proc/sys/fs/pipe-max-size.
_PIPE_BYTES = 256 * 1024
_MAX_IDLE = 16


class Pipe:
    """One pipe, not blocking."""

    __slots__ = ('read_end', 'write_end')

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe2(
            os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.fcntl(self.write_end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:
            # Over the user's limit for all pipes: 64 KiB work as well.
            return

    def close(self) -> None:
        os.close(self.read_end)
        os.close(self.write_end)


class PipePool:
    """Pipes of one event loop; all of them empty."""

    def __init__(self) -> None:
        self._idle: list[Pipe] = []

    def borrow(self) -> Pipe | None:
        """:returns: ``None`` when there are no file descriptors left."""
        if self._idle:
            return self._idle.pop()
        try:
            return Pipe()
        except OSError:
            return None

    def give_back(self, pipe: Pipe, empty: bool = True) -> None:
        """:param empty: nothing is left in it; otherwise it is closed."""
        if empty and len(self._idle) < _MAX_IDLE:
            self._idle.append(pipe)
        else:
            pipe.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()
