# SPDX-License-Identifier: Apache-2.0
"""Channel over a WebSocket, in the role of the server. RFC 6455.

websockify's ``WebSocket`` holds the conversation (opening, ping and close);
this module makes it strict about what it takes, bounds what it keeps, and
sends frames itself, so that a frame's payload can be moved by the kernel
without passing through Python.

RFB is a stream, in which the ends of WebSocket messages mean nothing. So the
parts of a fragmented message are handed on as they come and never assembled.
"""

import socket
import struct
from collections.abc import Mapping
from typing import Any

from websockify import websocket

from ironic_console.common.channels.framing import (
    FRAME_HEAD_BYTES,
    ViewerChannel,
)
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.errors import RemoteProtocolError, Side

#: Longest frame that we take, bytes. noVNC sends 10 KiB at the most; other
#: viewers put a whole clipboard into one.
MAX_FRAME_BYTES = 256 * 1024
_MAX_OUTPUT_BYTES = 64 * 1024
_MAX_CLOSE_REASON_BYTES = 123
# What a close frame must not say, RFC 6455 §7.4: below 1000, not assigned,
# and 1005, 1006 and 1015, which stand for its absence.
_CLOSE_CODES = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_KNOWN = {_CONTINUATION, _BINARY, _CLOSE, _PING, _PONG}


def frame_head(size: int, opcode: int = _BINARY) -> bytes:
    """:returns: head of a final, unmasked frame with ``size`` bytes."""
    if size < 126:
        return struct.pack('>BB', 0x80 | opcode, size)
    if size < 65536:
        return struct.pack('>BBH', 0x80 | opcode, 126, size)
    return struct.pack('>BBQ', 0x80 | opcode, 127, size)


class _Violation(Exception):
    """The browser side broke RFC 6455."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class _Wire:
    """What websockify takes for its socket.

    It reads from the connection, but what it writes (the answer to the
    upgrade, pongs, close) joins our own output between two frames.
    """

    def __init__(self, owner: 'WebSocketChannel') -> None:
        self._owner = owner

    def recv(self, size: int) -> bytes:
        data = self._owner.below.receive()
        if data is None:
            raise websocket.WebSocketWantReadError
        return data

    def send(self, data: bytes) -> int:
        self._owner.queue(data)
        return len(data)

    def close(self) -> None:
        """The channel closes the connection itself, in its own time."""


class _StrictWebSocket(websocket.WebSocket):
    """websockify's conversation with RFC 6455's rules about frames."""

    def __init__(self) -> None:
        super().__init__()
        self.pongs = 0
        self.frames = 0
        self._in_message = False
        self._violation: _Violation | None = None

    def select_subprotocol(self, protocols: list[str]) -> str:
        # Old noVNC wants "binary"; the caller hands on no other.
        return protocols[0]

    def handle_pong(self, data: bytes) -> None:
        self.pongs += 1

    def recv(self) -> bytes | None:
        if self._violation and not (self._recv_queue
                                    or self._received_close):
            raise self._violation
        message: bytes | None = super().recv()
        return message

    def pending(self) -> bool:
        return self._violation is not None or bool(self._recv_queue)

    def _decode_hybi(self, buf: bytes) -> dict[str, Any] | None:
        try:
            return self._decode(buf)
        except _Violation as exc:
            # What came before it was good; it counts.
            if not self._recv_queue:
                raise
            self._violation = exc
            return None

    def _decode(self, buf: bytes) -> dict[str, Any] | None:
        if len(buf) < 2:
            return None
        first, second = buf[0], buf[1]
        opcode, length = first & 0x0f, second & 0x7f
        if first & 0x70:
            raise _Violation(1002, 'reserved bits are set')
        if opcode not in _KNOWN:
            raise _Violation(1003 if opcode == _TEXT else 1002,
                             f'frames of type {opcode} are not taken')
        if not second & 0x80:
            raise _Violation(1002, 'frame is not masked')
        if opcode >= _CLOSE:
            if length > 125 or not first & 0x80:
                raise _Violation(1002, 'control frame is long or fragmented')
        elif (opcode == _CONTINUATION) is not self._in_message:
            raise _Violation(1002, 'fragments are out of order')
        head = {126: 4, 127: 10}.get(length, 2)
        if len(buf) < head + 4:
            return None
        if head > 2:
            length = int.from_bytes(buf[2:head])
        if length > MAX_FRAME_BYTES:
            raise _Violation(1009, f'frame of {length} bytes, '
                                   f'{MAX_FRAME_BYTES} is the most')
        begin, end = head + 4, head + 4 + length
        if len(buf) < end:
            return None
        self.frames += 1
        payload = self._unmask(buf[begin:end], buf[head:begin])
        if opcode == _CLOSE:
            _check_close(payload)
        elif opcode < _CLOSE:
            self._in_message = not first & 0x80
            opcode = _BINARY
        return {'fin': True, 'opcode': opcode, 'masked': True,
                'length': end, 'payload': payload}

    def _unmask(self, buf: bytes, mask: bytes) -> bytes:
        # One XOR of two long integers: as fast as numpy for frames of this
        # size, and needs no numpy.
        size = len(buf)
        key = (mask * (size // 4 + 1))[:size]
        return (int.from_bytes(buf) ^ int.from_bytes(key)).to_bytes(size)


def _check_close(payload: bytes) -> None:
    """RFC 6455 §5.5.1: nothing, or a code and perhaps a reason."""
    if not payload:
        return
    if int.from_bytes(payload[:2]) not in _CLOSE_CODES:
        raise _Violation(1002, 'close frame without a valid code')
    try:
        payload[2:].decode()
    except UnicodeDecodeError as exc:
        raise _Violation(1002, 'close reason is not UTF-8') from exc


class WebSocketChannel(ViewerChannel):
    """A WebSocket after the head of its request.

    :param below: the connection; this channel owns it from now on.
    :param headers: ``upgrade``, ``Sec-WebSocket-Version``,
        ``Sec-WebSocket-Key`` and, if it is to be agreed on,
        ``Sec-WebSocket-Protocol``; checked before.
    :param early: bytes that came behind the head of the request.

    The 101 is queued at once and sent with the first :meth:`flush`.
    """

    answers_pings = True

    def __init__(self, below: TcpChannel, headers: Mapping[str, str],
                 early: bytes = b'') -> None:
        self.below = below
        self.peer = below.peer
        self._output = bytearray()
        self._after_body = bytearray()
        self.body_left = 0
        self._ended = False
        self._close_sent = False
        self._deaf = False
        self._websocket = _StrictWebSocket()
        self._websocket.accept(_Wire(self), headers)
        self._websocket._recv_buffer = early
        self._early = bool(early)

    # -- Channel -----------------------------------------------------------

    def fileno(self) -> int:
        return self.below.fileno()

    def receive(self) -> bytes | None:
        """Take the payload of the next frames.

        :raises RemoteProtocolError: the browser side broke RFC 6455; it has
            been told so with a close frame, and what else it says is
            read and forgotten.
        """
        if self._deaf:
            # What is not read would make a reset of our end of the
            # connection, in which the close frame could be lost.
            return b'' if self.below.receive() == b'' else None
        while not self._ended:
            try:
                data = self._next_message()
            except websocket.WebSocketWantReadError:
                return None
            except _Violation as exc:
                self.send_close(exc.code, str(exc))
                raise self._violated(str(exc), exc.code) from exc
            if data is None:
                # websockify has answered the close frame, if there was one.
                self._ended = self._close_sent = True
            elif data:
                return data
            elif not self._websocket.pending():
                # An empty frame. Reading on would never end if the browser
                # side sends nothing but these.
                return None
        return b''

    def _next_message(self) -> bytes | None:
        # Bytes that came with the request are complete frames or not, but
        # no selector will announce them.
        if self._early:
            self._early = False
            self._decode_early()
        message: bytes | None = self._websocket.recv()
        return message

    def _decode_early(self) -> None:
        ws = self._websocket
        while (frame := ws._decode_hybi(ws._recv_buffer)) is not None:
            ws._recv_buffer = ws._recv_buffer[frame['length']:]
            ws._recv_queue.append(frame)

    def _violated(self, text: str, code: int) -> RemoteProtocolError:
        self._deaf = True
        error = RemoteProtocolError(Side.BROWSER, 'WebSocket frame', text)
        error.close_code = code
        return error

    def send(self, data: bytes | bytearray | memoryview) -> int:
        if self._close_sent or not self.flush():
            return 0
        taken = data[:MAX_FRAME_BYTES]
        self._output += frame_head(len(taken))
        self._output += taken
        self.flush()
        return len(taken)

    def flush(self) -> bool:
        more = socket.MSG_MORE if self.body_left else 0
        while self._output:
            sent = self.below.send(self._output, more)
            if not sent:
                return False
            del self._output[:sent]
        return not self.body_left

    @property
    def has_output(self) -> bool:
        """Something that was queued is not out yet."""
        return bool(self._output) or self.body_left > 0

    @property
    def output_size(self) -> int:
        return len(self._output)

    def pending(self) -> bool:
        if self._deaf:
            return self.below.pending()
        return (self._early or self._websocket.pending()
                or self.below.pending())

    def close(self) -> None:
        self.below.close()

    # -- frames whose payload somebody else moves ---------------------------

    def begin_frame(self, size: int) -> None:
        self._output += frame_head(size)
        self.body_left = size

    def body_sent(self, size: int) -> None:
        """Count payload; queued control frames may follow the last of it."""
        self.body_left -= size
        if not self.body_left and self._after_body:
            self._output += self._after_body
            self._after_body.clear()

    def send_framed(self, buffer: bytearray, size: int) -> None:
        head = frame_head(size)
        begin = FRAME_HEAD_BYTES - len(head)
        buffer[begin:FRAME_HEAD_BYTES] = head
        whole = memoryview(buffer)[begin:FRAME_HEAD_BYTES + size]
        sent = self.below.send(whole)
        if sent < len(whole):
            self._output += whole[sent:]

    # -- control frames ------------------------------------------------------

    @property
    def pongs(self) -> int:
        return self._websocket.pongs

    @property
    def frames(self) -> int:
        """Number of frames of the browser side so far, of any kind."""
        return self._websocket.frames

    def ping(self) -> None:
        """Ask the browser side for a sign of life."""
        self.queue(frame_head(0, _PING))

    def send_close(self, code: int, reason: str) -> None:
        """Queue a close frame; nothing but it will be sent from now on.

        :param code: RFC 6455 §7.4.
        :param reason: for the user; cut to what a frame can hold.
        """
        if self._close_sent:
            return
        text = reason.encode()[:_MAX_CLOSE_REASON_BYTES]
        # A character that was cut in two would make the frame invalid.
        text = text.decode(errors='ignore').encode()
        queue = self._between_frames()
        queue += frame_head(2 + len(text), _CLOSE)
        queue += struct.pack('>H', code) + text
        self._close_sent = True

    def queue(self, data: bytes) -> None:
        """Queue bytes between two frames.

        A peer that sends pings and reads no pongs gets no more of them.
        """
        if self._close_sent:
            return
        queue = self._between_frames()
        if len(queue) < _MAX_OUTPUT_BYTES + MAX_FRAME_BYTES:
            queue += data

    def _between_frames(self) -> bytearray:
        return self._after_body if self.body_left else self._output
