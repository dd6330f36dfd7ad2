# SPDX-License-Identifier: Apache-2.0
"""Lines that a child of ours writes into a pipe; none is too long for us."""

import os

#: Taken at once, so that a child that never stops talking stops nobody else.
_CHUNK_BYTES = 65536
#: Chunks of last words.
_MAX_DRAINED = 64


class LineReader:
    """Makes lines of what comes through a pipe.

    :param fd: reading end; closed by :meth:`close`.
    :param max_bytes: of a line; what is longer is cut.
    :ivar ended: the other end is closed, and nothing more will come.
    """

    def __init__(self, fd: int, max_bytes: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.ended = False
        self._max_bytes = max_bytes
        self._rest = b''

    def read(self) -> list[str]:
        """Take what has come; never waits.

        :returns: lines without their ends; none may be whole yet.
        """
        try:
            data = os.read(self.fd, _CHUNK_BYTES)
        except BlockingIOError:
            return []
        if not data:
            self.ended = True
            data = b'\n' if self._rest else b''
        *lines, rest = (self._rest + data).split(b'\n')
        self._rest = rest[:self._max_bytes]
        return [line[:self._max_bytes].decode(errors='replace')
                for line in lines]

    def drain(self) -> list[str]:
        """Take what a child that has ended leaves behind.

        Its own children may keep the other end open.
        """
        lines = []
        for _ in range(_MAX_DRAINED):
            before = self._rest
            found = self.read()
            lines += found
            if self.ended or (not found and self._rest == before):
                break
        return lines

    def close(self) -> None:
        os.close(self.fd)
