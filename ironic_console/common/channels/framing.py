# SPDX-License-Identifier: Apache-2.0
"""What the relay asks of the channel to a viewer, beyond what all are.

A browser's is a WebSocket, whose bytes travel in frames (websocket.py); a
native viewer's carries RFB as it is (UnframedChannel, here).
"""

import abc

from ironic_console.common.channels.base import Channel
from ironic_console.common.channels.tcp import TcpChannel

#: Longest head of a frame that we send, bytes.
FRAME_HEAD_BYTES = 10
# What one send takes; it keeps what TLS or the kernel do not take at once.
_SEND_BYTES = 64 * 1024


class ViewerChannel(Channel):
    """A channel to a viewer.

    :ivar below: the connection that carries it.
    :ivar body_left: payload of a begun frame that is still to be sent,
        bytes.
    :ivar frames: number of pieces so far in which the viewer sent what it
        sent.
    :ivar pongs: likewise of its answers to pings.
    :cvar answers_pings: silence means something.
    """

    below: TcpChannel
    body_left = 0
    frames = 0
    pongs = 0
    answers_pings = False

    @property
    @abc.abstractmethod
    def output_size(self) -> int:
        """Bytes that are queued before the payload of a begun frame."""

    def ping(self) -> None:
        """Ask for a sign of life, if the viewer knows how to answer."""

    @abc.abstractmethod
    def begin_frame(self, size: int) -> None:
        """Queue the head of a frame; the caller sends ``size`` bytes of
        payload to the connection below once :meth:`flush_head` says so, and
        reports them to :meth:`body_sent`."""

    def flush_head(self) -> bool:
        """:returns: everything before the payload is out."""
        self.flush()
        return not self.output_size

    @abc.abstractmethod
    def body_sent(self, size: int) -> None:
        """Count payload."""

    @abc.abstractmethod
    def send_framed(self, buffer: bytearray, size: int) -> None:
        """Send one frame with one write if it can be.

        :param buffer: payload from ``FRAME_HEAD_BYTES`` on; its beginning is
            overwritten with the head of the frame.
        :param size: of the payload, bytes.

        Only to be called when :meth:`flush` has returned ``True``.
        """

    @abc.abstractmethod
    def send_close(self, code: int, reason: str) -> None:
        """Say that this is the end; nothing else will be sent any more.

        :param code: RFC 6455 §7.4.
        :param reason: for the user.
        :raises ChannelError: the connection broke.
        """

    def shutdown_sending(self) -> None:
        """Tell the viewer that nothing more comes."""
        self.below.shutdown_sending()


class UnframedChannel(ViewerChannel):
    """RFB as it is, over TCP or TLS.

    Whoever is at its other end cannot be pinged; TCP itself notices when
    that is gone. It cannot be told why it is closed, either.

    :param below: after its RFB handshake; owned from now on.
    """

    def __init__(self, below: TcpChannel) -> None:
        self.below = below
        self.peer = below.peer
        self._output = bytearray()
        self._closing = False

    def fileno(self) -> int:
        return self.below.fileno()

    def receive(self) -> bytes | None:
        data = self.below.receive()
        # As many small messages as a WebSocket would need one frame each.
        self.frames += data is not None
        return data

    def send(self, data: bytes | bytearray | memoryview) -> int:
        if self._closing or not self.flush():
            return 0
        taken = memoryview(data)[:_SEND_BYTES]
        self._output += taken[self.below.send(taken):]
        return len(taken)

    def flush(self) -> bool:
        while self._output:
            sent = self.below.send(self._output)
            if not sent:
                return False
            del self._output[:sent]
        if not self.below.flush() or self.body_left:
            return False
        if self._closing:
            self.shutdown_sending()
        return True

    @property
    def has_output(self) -> bool:
        return (bool(self._output) or self.body_left > 0
                or self.below.has_output)

    @property
    def output_size(self) -> int:
        return len(self._output)

    def pending(self) -> bool:
        return self.below.pending()

    def close(self) -> None:
        self.below.close()

    def begin_frame(self, size: int) -> None:
        self.body_left = size

    def body_sent(self, size: int) -> None:
        self.body_left -= size

    def send_framed(self, buffer: bytearray, size: int) -> None:
        payload = memoryview(buffer)[FRAME_HEAD_BYTES:FRAME_HEAD_BYTES + size]
        sent = self.below.send(payload)
        if sent < size:
            self._output += payload[sent:]

    def send_close(self, code: int, reason: str) -> None:
        self._closing = True
        self.flush()
