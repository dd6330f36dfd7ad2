# SPDX-License-Identifier: Apache-2.0
"""A small VNC viewer: it asks for updates and remembers the pixels.

Every wait ends by a deadline of real time, which only a failing test
reaches.
"""

import socket
import ssl
import struct
import time
from collections.abc import Callable

from ironic_console.common.rfb.client import ClientHandshake
from ironic_console.common.rfb.constants import (
    ClientMessage,
    SecurityNumber,
)
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.pixel_format import PixelFormat

PATIENCE = 60.0

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]


def pack_request(box: Box, incremental: bool = False) -> bytes:
    return struct.pack('>BB4H', ClientMessage.FRAMEBUFFER_UPDATE_REQUEST,
                       incremental, *box)


def pack_key(keysym: int, down: bool = True) -> bytes:
    return struct.pack('>BBxxI', ClientMessage.KEY_EVENT, down, keysym)


def pack_pointer(x: int, y: int, buttons: int = 0) -> bytes:
    return struct.pack('>BBHH', ClientMessage.POINTER_EVENT, buttons, x, y)


def pack_format(pixel_format: PixelFormat) -> bytes:
    return (bytes((ClientMessage.SET_PIXEL_FORMAT, 0, 0, 0))
            + pixel_format.pack())


class Frame:
    """Pixels of 32 bits, as they came.

    :ivar boxes: rectangles of the last update.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.boxes: list[Box] = []
        self._pixels = bytearray(width * height * 4)

    def put(self, box: Box, data: bytes) -> None:
        x, y, width, height = box
        for row in range(height):
            start = ((y + row) * self.width + x) * 4
            self._pixels[start:start + width * 4] = (
                data[row * width * 4:(row + 1) * width * 4])

    def pixel(self, x: int, y: int) -> Colour:
        start = (y * self.width + x) * 4
        blue, green, red = self._pixels[start:start + 3]
        return red, green, blue

    def where(self, *colour: int) -> list[bytes]:
        """:returns: rows with 1 for each pixel of a colour, 0 for others."""
        marks = bytearray(256)
        planes = []
        for place, value in zip((2, 1, 0), colour, strict=True):
            marks[value] = 1
            planes.append(int.from_bytes(
                self._pixels[place::4].translate(bytes(marks))))
            marks[value] = 0
        data = (planes[0] & planes[1] & planes[2]).to_bytes(
            self.width * self.height)
        return [data[start:start + self.width]
                for start in range(0, len(data), self.width)]

    def colours(self, x: int, y: int, width: int, height: int,
                ) -> set[Colour]:
        """:returns: all colours in a rectangle."""
        return {self.pixel(column, row) for column in range(x, x + width)
                for row in range(y, y + height)}


class Viewer:
    """One connection to a VNC server; a context manager.

    :param security_type: the only one that it takes.
    :param context: for TLS, if that needs it.
    """

    def __init__(self, host: str, port: int,
                 security_type: int = SecurityNumber.NONE,
                 credential: Credential | None = None,
                 context: ssl.SSLContext | None = None) -> None:
        self.sock = socket.create_connection((host, port), PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        handshake = ClientHandshake((security_type,), credential)
        try:
            self._shake_hands(handshake, context)
        except BaseException:
            self.close()
            raise
        self._data = bytearray(handshake.trailing_data())
        self.server_init = handshake.server_init
        self.frame = Frame(self.server_init.width, self.server_init.height)

    def _shake_hands(self, handshake: ClientHandshake,
                     context: ssl.SSLContext | None) -> None:
        while not handshake.done:
            self.send(handshake.data_to_send())
            if handshake.wants_tls:
                assert context
                self.sock = context.wrap_socket(self.sock)
                handshake.tls_started()
            else:
                handshake.receive_data(self._receive())

    def __enter__(self) -> 'Viewer':
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()

    @property
    def whole(self) -> Box:
        return 0, 0, self.frame.width, self.frame.height

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def type(self, text: str) -> None:
        for character in text:
            self.send(pack_key(ord(character)))
            self.send(pack_key(ord(character), down=False))

    def look(self, incremental: bool = False) -> Frame:
        """Ask for the screen and wait for an update."""
        self.send(pack_request(self.whole, incremental))
        self.read_update()
        return self.frame

    def look_until(self, condition: Callable[[Frame], bool]) -> Frame:
        """Follow the screen until it shows something."""
        deadline = time.monotonic() + PATIENCE
        frame = self.look()
        while not condition(frame):
            assert time.monotonic() < deadline, 'the screen never shows it'
            frame = self.look(incremental=True)
        return frame

    def read_update(self) -> list[Box]:
        """:returns: the rectangles of one update."""
        kind, count = struct.unpack('>BxH', self.read(4))
        assert kind == 0
        boxes = []
        for _ in range(count):
            x, y, width, height, encoding = struct.unpack('>4Hi',
                                                          self.read(12))
            assert encoding == 0
            self.frame.put((x, y, width, height),
                           self.read(width * height * 4))
            boxes.append((x, y, width, height))
        self.frame.boxes = boxes
        return boxes

    def read(self, size: int) -> bytes:
        while len(self._data) < size:
            self._data += self._receive()
        data = bytes(self._data[:size])
        del self._data[:size]
        return data

    def wait_for_end(self) -> None:
        """Read until the server closes."""
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionResetError:
            pass

    def _receive(self) -> bytes:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError('the server closed')
        return data
