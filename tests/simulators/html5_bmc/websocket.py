# SPDX-License-Identifier: Apache-2.0
"""The server's side of a WebSocket, for one thread, after its request.

RFC 6455 itself is that of the package ``websockets``.
"""

import collections
import contextlib
import socket
import time

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

#: Bytes.
MAX_MESSAGE = 1 << 16
#: Seconds for a peer to take what it gets.
SEND_TIMEOUT = 20.0


class Closed(Exception):
    """The other side is gone."""


class WebSocket:
    """One that is open.

    :param sock: is closed by who has it.
    :param head: the request as it came, to the empty line.
    :raises Closed: the request was none for a WebSocket; it was told so.
    """

    def __init__(self, sock: socket.socket, head: bytes) -> None:
        self._sock = sock
        self._messages: collections.deque[bytes | str] = collections.deque()
        self._ended = False
        self._protocol = ServerProtocol(
            max_size=MAX_MESSAGE,
            select_subprotocol=lambda _, names: next(iter(names), None))
        self._protocol.receive_data(head)
        events = self._protocol.events_received()
        if not events:
            raise Closed
        request = events[0]
        assert isinstance(request, Request)
        response = self._protocol.accept(request)
        self._protocol.send_response(response)
        self._flush()
        if response.status_code != 101:
            raise Closed

    def send(self, message: bytes | str) -> None:
        """:raises Closed: nobody is there."""
        if isinstance(message, str):
            self._protocol.send_text(message.encode())
        else:
            self._protocol.send_binary(message)
        self._flush()

    def receive(self, timeout: float) -> bytes | str | None:
        """:returns: ``None`` if nothing came in that time, seconds.
        :raises Closed: and nothing will."""
        deadline = time.monotonic() + timeout
        while not self._messages:
            if self._ended:
                raise Closed
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._sock.settimeout(left)
            try:
                data = self._sock.recv(MAX_MESSAGE)
            except TimeoutError:
                return None
            except OSError as exc:
                raise Closed from exc
            self._take(data)
        return self._messages.popleft()

    def close(self, code: int = 1000, reason: str = '') -> None:
        """Say so; the answer is not awaited."""
        with contextlib.suppress(Closed):
            if not self._protocol.close_expected():
                self._protocol.send_close(code, reason)
            self._flush()

    def _take(self, data: bytes) -> None:
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for frame in self._protocol.events_received():
            assert isinstance(frame, Frame)
            if frame.opcode is Opcode.TEXT:
                self._messages.append(bytes(frame.data).decode())
            elif frame.opcode is Opcode.BINARY:
                self._messages.append(bytes(frame.data))
        with contextlib.suppress(Closed):
            self._flush()
        self._ended = not data or self._protocol.close_expected()

    def _flush(self) -> None:
        self._sock.settimeout(SEND_TIMEOUT)
        try:
            for data in self._protocol.data_to_send():
                # An empty one stands for the end of what we say.
                if data:
                    self._sock.sendall(data)
        except OSError as exc:
            raise Closed from exc
