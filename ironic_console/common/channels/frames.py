# SPDX-License-Identifier: Apache-2.0
"""Frames of a WebSocket: what a browser sends, taken apart, and the heads of
what it gets. RFC 6455 section 5.

Bytes in, frames out; what they mean for the connection is websocket.py's.
"""

import struct
from collections.abc import Iterator

#: Longest frame that we take, bytes. noVNC sends 10 KiB at the most; other
#: viewers put a whole clipboard into one.
MAX_FRAME_BYTES = 256 * 1024

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_KNOWN = {CONTINUATION, BINARY, CLOSE, PING, PONG}

# What a close frame must not say, RFC 6455 section 7.4: below 1000, not
# assigned, and 1005, 1006 and 1015, which stand for its absence.
_CLOSE_CODES = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}


class Violation(Exception):
    """The browser side broke RFC 6455.

    :ivar code: to close with.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def frame_head(size: int, opcode: int = BINARY) -> bytes:
    """:returns: head of a final, unmasked frame with ``size`` bytes."""
    if size < 126:
        return struct.pack('>BB', 0x80 | opcode, size)
    if size < 65536:
        return struct.pack('>BBH', 0x80 | opcode, 126, size)
    return struct.pack('>BBQ', 0x80 | opcode, 127, size)


class FrameReader:
    """Takes what a browser side sends, in any split.

    It keeps what is there of one frame that is not complete.
    """

    def __init__(self) -> None:
        self._input = bytearray()
        self._in_message = False

    def receive_data(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Take bytes, and forget each frame that is complete with them.

        :returns: opcode and payload of each. A part of a message is as good
            as a whole one, and has its opcode.
        :raises Violation: behind those that were good; it is over then.
        """
        self._input += data
        while len(self._input) >= 2:
            first, second = self._input[0], self._input[1]
            opcode = self._judge(first, second)
            head = 2 + {126: 2, 127: 8}.get(second & 0x7f, 0)
            if len(self._input) < head:
                return
            size = (int.from_bytes(self._input[2:head]) if head > 2
                    else second & 0x7f)
            if size > MAX_FRAME_BYTES:
                raise Violation(1009, f'frame of {size} bytes, '
                                      f'{MAX_FRAME_BYTES} is the most')
            begin, end = head + 4, head + 4 + size
            if len(self._input) < end:
                return
            payload = _unmask(self._input[begin:end],
                              self._input[head:begin])
            del self._input[:end]
            if opcode == CLOSE:
                _check_close(payload)
            elif opcode < CLOSE:
                self._in_message = not first & 0x80
                opcode = BINARY
            yield opcode, payload

    def _judge(self, first: int, second: int) -> int:
        """:returns: the opcode, if the first two bytes can be taken."""
        opcode = first & 0x0f
        if first & 0x70:
            raise Violation(1002, 'reserved bits are set')
        if opcode not in _KNOWN:
            raise Violation(1003 if opcode == TEXT else 1002,
                            f'frames of type {opcode} are not taken')
        if not second & 0x80:
            raise Violation(1002, 'frame is not masked')
        if opcode >= CLOSE:
            if second & 0x7f > 125 or not first & 0x80:
                raise Violation(1002, 'control frame is long or fragmented')
        elif (opcode == CONTINUATION) is not self._in_message:
            raise Violation(1002, 'fragments are out of order')
        return opcode


def _unmask(data: bytearray, key: bytearray) -> bytes:
    # One XOR of two long integers: as fast as numpy for frames of this size,
    # and needs no numpy.
    size = len(data)
    stream = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data) ^ int.from_bytes(stream)).to_bytes(size)


def _check_close(payload: bytes) -> None:
    """RFC 6455 section 5.5.1: nothing, or a code and perhaps a reason."""
    if not payload:
        return
    if int.from_bytes(payload[:2]) not in _CLOSE_CODES:
        raise Violation(1002, 'close frame without a valid code')
    try:
        payload[2:].decode()
    except UnicodeDecodeError as exc:
        raise Violation(1002, 'close reason is not UTF-8') from exc
