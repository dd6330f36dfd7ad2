# SPDX-License-Identifier: Apache-2.0
"""WebSocket frames as a browser writes and reads them. RFC 6455 section 5.2.

Naive on purpose: it judges the product's own way of doing the same.
"""

import dataclasses
import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = bytes.fromhex('37fa213d')

#: What a request for an upgrade carries, with the key of RFC 6455
#: section 1.3, and the answer to that key.
HEADERS = {'upgrade': 'websocket', 'Sec-WebSocket-Version': '13',
           'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='}
ACCEPT = b's3pPLMBiTxaQ9kYGzzhZRbK+xOo='


def mask(data: bytes, key: bytes) -> bytes:
    """Mask or unmask, byte by byte."""
    return bytes(byte ^ key[place % 4] for place, byte in enumerate(data))


def frame(payload: bytes = b'', opcode: int = BINARY, *, fin: bool = True,
          reserved: int = 0, key: bytes | None = MASK,
          length: int | None = None) -> bytes:
    """Write a frame, a wrong one if it is wanted.

    :param reserved: the three RSV bits, 0 to 7.
    :param key: ``None`` leaves it unmasked.
    :param length: announced instead of the payload's own.
    """
    if length is None:
        length = len(payload)
    first = fin << 7 | reserved << 4 | opcode
    masked = (key is not None) << 7
    if length < 126:
        head = struct.pack('>BB', first, masked | length)
    elif length < 65536:
        head = struct.pack('>BBH', first, masked | 126, length)
    else:
        head = struct.pack('>BBQ', first, masked | 127, length)
    if key is None:
        return head + payload
    return head + key + mask(payload, key)


def close_frame(code: int, reason: str = '') -> bytes:
    return frame(struct.pack('>H', code) + reason.encode(), CLOSE)


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame of a server."""

    opcode: int
    payload: bytes

    @property
    def code(self) -> int:
        """Of a close frame."""
        return int.from_bytes(self.payload[:2])

    @property
    def reason(self) -> str:
        """Of a close frame; it has to be UTF-8."""
        return self.payload[2:].decode()


class FrameReader:
    """Takes bytes of a server in any split.

    :ivar head: of the answer to the upgrade; `None` until it is there.
    """

    def __init__(self, upgraded: bool = False) -> None:
        self.head: bytes | None = b'' if upgraded else None
        self._data = b''

    def feed(self, data: bytes) -> list[Frame]:
        """:returns: the frames that are complete now."""
        self._data += data
        if self.head is None:
            head, end, rest = self._data.partition(b'\r\n\r\n')
            if not end:
                return []
            self.head, self._data = head + end, rest
        frames = []
        while (found := self._next()) is not None:
            frames.append(found)
        return frames

    def _next(self) -> Frame | None:
        data = self._data
        if len(data) < 2:
            return None
        assert data[0] & 0xf0 == 0x80, 'a server fragments nothing'
        assert not data[1] & 0x80, 'a server masks nothing'
        begin, length = 2, data[1]
        if length >= 126:
            begin = 4 if length == 126 else 10
            if len(data) < begin:
                return None
            length = int.from_bytes(data[2:begin])
            assert length > (125 if begin == 4 else 65535), 'not minimal'
        if len(data) < begin + length:
            return None
        self._data = data[begin + length:]
        return Frame(data[0] & 0x0f, data[begin:begin + length])
