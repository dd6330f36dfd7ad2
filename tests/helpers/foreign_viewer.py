# SPDX-License-Identifier: Apache-2.0
"""A viewer that shares no code with us: RFB over the package websockets.

    with ForeignViewer(url) as viewer:      # what "console show" printed
        assert viewer.name == b'...'
        viewer.press(ord('a'))
        pixels = viewer.picture()

:class:`ViewerClosed` tells what a user would be told.
"""

import struct
import urllib.parse
from types import TracebackType
from typing import Self

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

TIMEOUT = 30.0


class ViewerRefused(Exception):
    """The WebSocket was refused before the upgrade."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f'HTTP {status}: {body!r}')
        self.status = status
        self.body = body


class ViewerClosed(Exception):
    """The proxy ended the connection.

    :ivar code: of the close frame; 1006 if there was none.
    :ivar reason: of the close frame.
    :ivar refusal: reason told inside RFB, or ''.
    """

    def __init__(self, code: int, reason: str, refusal: str = '') -> None:
        super().__init__(f'{code} {reason!r} {refusal!r}')
        self.code = code
        self.reason = reason
        self.refusal = refusal


def websocket_url(console_url: str) -> str:
    """:returns: where the page behind a console URL connects to."""
    parts = urllib.parse.urlsplit(console_url)
    path = dict(urllib.parse.parse_qsl(parts.query))['path']
    scheme = 'wss' if parts.scheme == 'https' else 'ws'
    return f'{scheme}://{parts.netloc}/{path}'


class ForeignViewer:
    """One connection, through the RFB handshake 3.8 with type None.

    :param console_url: as ``console show`` printed it.
    :raises ViewerRefused: no upgrade.
    :raises ViewerClosed: turned away after it.
    """

    def __init__(self, console_url: str) -> None:
        self._buffer = b''
        try:
            self._socket: ClientConnection = connect(
                websocket_url(console_url), compression=None, max_size=None,
                open_timeout=TIMEOUT, ping_interval=None, legacy=True)
        except InvalidStatus as exc:
            raise ViewerRefused(exc.response.status_code,
                                bytes(exc.response.body or b'')) from exc
        try:
            self._shake_hands()
        except BaseException:
            self.close()
            raise

    def _shake_hands(self) -> None:
        assert self.read(12) == b'RFB 003.008\n'
        self.send(b'RFB 003.008\n')
        count = self.read(1)[0]
        if not count:
            self._read_refusal()
        assert b'\x01' in self.read(count)
        self.send(b'\x01')
        if self.read(4) != bytes(4):
            self._read_refusal()
        self.send(b'\x01')
        self.width, self.height = struct.unpack('>HH', self.read(4))
        self.pixel_format = self.read(16)
        self.name = self.read(int.from_bytes(self.read(4)))

    def _read_refusal(self) -> None:
        reason = self.read(int.from_bytes(self.read(4))).decode()
        closed = self.wait_closed()
        raise ViewerClosed(closed.code, closed.reason, reason)

    def send(self, data: bytes) -> None:
        try:
            self._socket.send(data)
        except ConnectionClosed:
            # What the proxy said is told by the next read.
            return

    def read(self, size: int) -> bytes:
        """:raises ViewerClosed: it ended before."""
        while len(self._buffer) < size:
            try:
                data = self._socket.recv(timeout=TIMEOUT)
            except ConnectionClosed as exc:
                raise _closed(exc) from exc
            assert isinstance(data, bytes)
            self._buffer += data
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def wait_closed(self) -> ViewerClosed:
        """Read until the proxy ends the connection.

        :returns: how it did that.
        """
        try:
            while True:
                self._socket.recv(timeout=TIMEOUT)
        except ConnectionClosed as exc:
            return _closed(exc)

    def press(self, keysym: int) -> None:
        """Press and release a key."""
        for down in (1, 0):
            self.send(struct.pack('>BBxxI', 4, down, keysym))

    def picture(self) -> bytes:
        """Ask for the whole screen.

        :returns: its pixels in the server's format; servers here send Raw.
        """
        self.send(struct.pack('>BBHHHH', 3, 0, 0, 0, self.width,
                              self.height))
        depth = self.pixel_format[0] // 8
        screen = bytearray(self.width * self.height * depth)
        missing = self.width * self.height
        while missing > 0:
            assert self.read(1) == b'\x00'
            _, count = struct.unpack('>BH', self.read(3))
            for _ in range(count):
                x, y, width, height, encoding = struct.unpack(
                    '>HHHHi', self.read(12))
                assert encoding == 0
                for row in range(height):
                    begin = ((y + row) * self.width + x) * depth
                    screen[begin:begin + width * depth] = self.read(
                        width * depth)
                missing -= width * height
        return bytes(screen)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def _closed(error: ConnectionClosed) -> ViewerClosed:
    frame = error.rcvd
    if frame is None:
        return ViewerClosed(1006, '')
    return ViewerClosed(frame.code, frame.reason)
