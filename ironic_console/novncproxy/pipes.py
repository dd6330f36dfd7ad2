# SPDX-License-Identifier: Apache-2.0
"""Pipes through which the kernel moves bytes from socket to socket.

A session holds one only while bytes are in flight.
"""

import fcntl
import os

# A turn of the loop costs the same for more bytes: with 256 KiB, a GB takes
# two fifths more CPU time. The kernel lets any user have pipes of 1 MiB, and
# 64 of them; /proc/sys/fs/pipe-max-size, pipe-user-pages-soft.
_PIPE_BYTES = 1024 * 1024
# Only who has a slow browser keeps a pipe for longer than a turn.
_MAX_IDLE = 4


class Pipe:
    """One pipe, not blocking.

    :raises OSError: there is none to be had of that size.
    """

    __slots__ = ('read_end', 'write_end')

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe2(
            os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.fcntl(self.write_end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:
            # Who has too many gets 8 KiB: copying is quicker than that.
            self.close()
            raise

    def close(self) -> None:
        os.close(self.read_end)
        os.close(self.write_end)


class PipePool:
    """Pipes of one event loop; all of them empty."""

    def __init__(self) -> None:
        self._idle: list[Pipe] = []

    def borrow(self) -> Pipe | None:
        """:returns: ``None`` when the kernel lets us have no more."""
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
