# SPDX-License-Identifier: Apache-2.0
"""Channel over a WebSocket, in the role of the server. RFC 6455.

websockify's ``WebSocket`` answers the request for the upgrade; this module
holds the conversation after it, bounds what it keeps, and sends frames so
that their payload can be moved by the kernel without passing through Python.
How frames look is frames.py's.

RFB is a stream, in which the ends of WebSocket messages mean nothing. So the
parts of a fragmented message are handed on as they come and never assembled.
"""

import collections
import socket
import struct
from collections.abc import Mapping

from websockify import websocket

from ironic_console.common.channels.base import ChannelError
from ironic_console.common.channels.frames import (
    CLOSE,
    MAX_FRAME_BYTES,
    PING,
    PONG,
    FrameReader,
    Violation,
    frame_head,
)
from ironic_console.common.channels.framing import (
    FRAME_HEAD_BYTES,
    ViewerChannel,
)
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.errors import RemoteProtocolError, Side

_MAX_OUTPUT_BYTES = 64 * 1024
_MAX_CLOSE_REASON_BYTES = 123


class _Opening(websocket.WebSocket):
    """The answer to a request for an upgrade that has been checked."""

    def select_subprotocol(self, protocols: list[str]) -> str:
        # Old noVNC wants "binary"; the caller hands on no other.
        return protocols[0]


class _Wire:
    """What websockify takes for its socket: it fills a buffer."""

    def __init__(self, output: bytearray) -> None:
        self._output = output

    def send(self, data: bytes) -> int:
        self._output += data
        return len(data)


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
        self._frame_reader = FrameReader()
        # Payloads that nobody has received yet, and what is behind them: a
        # violation or a close frame's payload.
        self._payloads: collections.deque[bytes] = collections.deque()
        self._end: Violation | bytes | None = None
        self._ended = False
        self._close_sent = False
        self._deaf = False
        _Opening().accept(_Wire(self._output), headers)
        self._take(early)

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
        if not self._payloads and self._end is None:
            data = self.below.receive()
            if data is None:
                return None
            if not data:
                # It went without a word. Ours may still arrive: who has to
                # go is kept from talking first, see interruption.py.
                return b''
            self._take(data)
        if self._payloads:
            return self._payloads.popleft()
        if self._end is None:
            return None
        if isinstance(self._end, Violation):
            raise self._violated(self._end)
        self._ended = True
        self._queue_close(self._end)
        return b''

    def _take(self, data: bytes) -> None:
        try:
            for opcode, payload in self._frame_reader.receive_data(data):
                self.frames += 1
                if opcode == PING:
                    self.queue(frame_head(len(payload), PONG) + payload)
                elif opcode == PONG:
                    self.pongs += 1
                elif opcode == CLOSE:
                    self._end = payload
                    return
                elif payload:
                    self._payloads.append(payload)
        except Violation as exc:
            # What came before it was good; it counts.
            self._end = exc

    def _violated(self, violation: Violation) -> RemoteProtocolError:
        self._deaf = True
        self.send_close(violation.code, str(violation))
        error = RemoteProtocolError(Side.BROWSER, 'WebSocket frame',
                                    str(violation))
        error.close_code = violation.code
        return error

    def send(self, data: bytes | bytearray | memoryview) -> int:
        if self._close_sent:
            # Nothing would ever be taken.
            raise ChannelError(f'{self.peer}: has been closed')
        if not self.flush():
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
        return (bool(self._payloads)
                or (self._end is not None and not self._ended)
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

    def ping(self) -> None:
        """Ask the browser side for a sign of life."""
        self.queue(frame_head(0, PING))

    def send_close(self, code: int, reason: str) -> None:
        """Queue a close frame; nothing but it will be sent from now on.

        :param code: RFC 6455 §7.4.
        :param reason: for the user; cut to what a frame can hold.
        """
        text = reason.encode()[:_MAX_CLOSE_REASON_BYTES]
        # A character that was cut in two would make the frame invalid.
        text = text.decode(errors='ignore').encode()
        self._queue_close(struct.pack('>H', code) + text)

    def _queue_close(self, payload: bytes) -> None:
        if not self._close_sent:
            queue = self._between_frames()
            queue += frame_head(len(payload), CLOSE) + payload
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
