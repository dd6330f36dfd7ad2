# SPDX-License-Identifier: Apache-2.0
"""Channel between two places of one process, for tests and conformance."""

import socket

from ironic_console.common.channels.base import (
    RECEIVE_BYTES,
    Channel,
    ChannelError,
)


class MemoryChannel(Channel):
    """One end of a pair; what one sends the other receives."""

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self._socket = sock
        self.peer = peer
        sock.setblocking(False)

    @classmethod
    def pair(cls) -> tuple['MemoryChannel', 'MemoryChannel']:
        """:returns: two connected ends."""
        left, right = socket.socketpair()
        return cls(left, 'memory right'), cls(right, 'memory left')

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> bytes | None:
        try:
            return self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return None
        except OSError as exc:
            raise ChannelError(f'{self.peer}: {exc}') from exc

    def send(self, data: bytes | bytearray | memoryview) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as exc:
            raise ChannelError(f'{self.peer}: {exc}') from exc

    def close(self) -> None:
        self._socket.close()
