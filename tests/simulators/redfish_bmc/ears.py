# SPDX-License-Identifier: Apache-2.0
"""What the gate understands of RFB: who logs in, and what old ones do not
bear. Bytes in, bytes out.

RFC 6143 sections 7.1, 7.2 and 7.5.
"""

import struct

VNC_AUTH = 2
#: Server's bytes of the longest handshake that is looked at.
HANDSHAKE = 12 + 256 + 16 + 4
_OLD = b'RFB 003.003\n'

#: Raw, CopyRect, Hextile, DesktopSize: all that old ones know.
KNOWN_ENCODINGS = frozenset((0, 1, 5, -223))
SET_ENCODINGS, UPDATE_REQUEST, CUT_TEXT = 2, 3, 6
#: Message -> bytes; of those that have a length, up to and with it.
_SIZES = {0: 20, SET_ENCODINGS: 4, UPDATE_REQUEST: 10, 4: 8, 5: 6,
          CUT_TEXT: 8}
#: Longest text, bytes; whoever sends more is not understood.
MAX_TEXT = 1 << 20


class Login:
    """Sees whether VncAuth has succeeded.

    :ivar done: it has.
    """

    def __init__(self) -> None:
        self.done = False
        self._said = b''
        self._heard = b''

    def client(self, data: bytes) -> None:
        self._heard = (self._heard + data)[:13]

    def server(self, data: bytes) -> bool:
        """:returns: whether it has succeeded with these bytes."""
        if len(self._said) >= HANDSHAKE or self.done:
            return False
        self._said = (self._said + data)[:HANDSHAKE]
        self.done = self._said[self._result_at():][:4] == bytes(4)
        return self.done

    def _result_at(self) -> int:
        """:returns: where SecurityResult is; beyond all if nowhere."""
        if self._heard[:12] == _OLD:
            return 12 + 4 + 16
        if self._heard[12:] != bytes((VNC_AUTH,)):
            return HANDSHAKE
        return 12 + 1 + self._said[12] + 16


class PickyEars:
    """Sends no pictures once SetEncodings lists what it does not know.

    So do iDRAC 7 and 8. Not for VeNCrypt, into which it cannot see.
    """

    def __init__(self) -> None:
        self._first = b''
        self._passed = 0
        self._held = bytearray()
        self._deaf = self._lost = False

    def hear(self, data: bytes) -> bytes:
        """:returns: what the server hears."""
        heard = bytearray(self._handshake(data))
        self._held += data[len(heard):]
        while self._held:
            size = self._next_size()
            if size is None:
                break
            message = bytes(self._held[:size])
            del self._held[:size]
            heard += self._understand(message)
        return bytes(heard)

    def _handshake(self, data: bytes) -> bytes:
        """:returns: its part of that, which goes on at once: the other side
            waits for it."""
        self._first = (self._first + data)[:12]
        # Version, choice of a type but in 3.3, response, ClientInit.
        size = 12 + (self._first != _OLD) + 16 + 1
        part = data[:max(size - self._passed, 0)]
        self._passed += len(part)
        return part

    def _understand(self, message: bytes) -> bytes:
        if self._lost:
            return message
        if message[0] == SET_ENCODINGS:
            count = len(message) // 4 - 1
            listed = struct.unpack_from(f'>{count}i', message, 4)
            self._deaf = not KNOWN_ENCODINGS.issuperset(listed)
        return b'' if self._deaf and message[0] in (
            SET_ENCODINGS, UPDATE_REQUEST) else message

    def _next_size(self) -> int | None:
        """:returns: bytes of the next message; ``None`` if it is not all
            there. Who is not understood is passed on as it is."""
        held = self._held
        size = _SIZES.get(held[0], 0)
        self._lost = self._lost or not size
        if len(held) >= size and held[0] == SET_ENCODINGS:
            size += 4 * int.from_bytes(held[2:4])
        elif len(held) >= size and held[0] == CUT_TEXT:
            text = int.from_bytes(held[4:8])
            self._lost = self._lost or text > MAX_TEXT
            size += text
        if self._lost:
            return len(held)
        return size if len(held) >= size else None
