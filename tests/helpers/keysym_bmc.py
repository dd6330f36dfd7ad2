# SPDX-License-Identifier: Apache-2.0
"""A BMC without QEMU's extended key events, and the host behind it.

It gets keysyms and makes scancodes of them as if its host had a US keyboard,
whatever layout the host has. The host is an Xvnc that gets the scancodes, by
its own extended key events. What it does not know it remembers.
"""

import socket
import struct
from types import TracebackType
from typing import Self

from tests.helpers.xvnc import Xvnc
from tests.simulators.rfb_server import PATIENCE, Peer, RfbServer, good

#: Characters of a US keyboard, plain and with Shift, by their first scancode
#: (set 1).
_ROWS = {
    0x29: ('`', '~'), 0x02: ('1234567890-=', '!@#$%^&*()_+'),
    0x10: ('qwertyuiop[]', 'QWERTYUIOP{}'),
    0x1e: ("asdfghjkl;'", 'ASDFGHJKL:"'), 0x2b: ('\\', '|'),
    0x2c: ('zxcvbnm,./', 'ZXCVBNM<>?'), 0x39: (' ', ' '),
}
_SCANCODES = {
    **{ord(char): first + place for first, row in _ROWS.items()
       for half in row for place, char in enumerate(half)},
    0xff0d: 0x1c, 0xff09: 0x0f, 0xffe1: 0x2a, 0xffea: 0xb8,
}
#: Sizes of what a client may say, without the type.
_SIZES = {0: 19, 3: 9, 4: 7, 5: 5}


class KeysymBmc:
    """The BMC; a context manager.

    :ivar port: of its VNC server.
    :ivar heard: all key events: keysym and whether it went down.
    :ivar unknown: keysyms that no US keyboard has.
    """

    def __init__(self, host: Xvnc) -> None:
        self._host = host
        self._server = RfbServer(good(after=self._listen))
        self.heard: list[tuple[int, bool]] = []
        self.unknown: set[int] = set()

    @property
    def port(self) -> int:
        return self._server.port

    def down(self) -> set[int]:
        """:returns: keysyms that went down and have not come up."""
        held: set[int] = set()
        for keysym, down in list(self.heard):
            (held.add if down else held.discard)(keysym)
        return held


    def _listen(self, peer: Peer) -> None:
        with socket.create_connection(('127.0.0.1', self._host.port),
                                      PATIENCE) as host:
            _greet(host)
            while True:
                self._hear(peer, host)

    def _hear(self, peer: Peer, host: socket.socket) -> None:
        kind = peer.read(1)[0]
        if kind == 2:
            count, = struct.unpack('>xH', peer.read(3))
            peer.read(4 * count)
            return
        body = peer.read(_SIZES[kind])
        if kind != 4:
            return
        down, keysym = struct.unpack('>?xxI', body)
        self.heard.append((keysym, down))
        scancode = _SCANCODES.get(keysym)
        if scancode is None:
            self.unknown.add(keysym)
        else:
            host.sendall(struct.pack('>BBHII', 255, 0, down, 0, scancode))

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._server.__exit__(kind, error, trace)


def _greet(host: socket.socket) -> None:
    """Go through the handshake of a server without a password."""
    def read(size: int) -> bytes:
        data = host.recv(size, socket.MSG_WAITALL)
        assert len(data) == size
        return data
    host.sendall(read(12))
    read(read(1)[0])
    host.sendall(b'\x01')
    assert read(4) == bytes(4)
    host.sendall(b'\x01')
    read(int.from_bytes(read(24)[-4:]))
