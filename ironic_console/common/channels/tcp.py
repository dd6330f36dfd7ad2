# SPDX-License-Identifier: Apache-2.0
"""Channel over a TCP socket."""

import fcntl
import socket
import struct
import termios

from ironic_console.common.channels.base import (
    RECEIVE_BYTES,
    Channel,
    ChannelError,
)

# A peer whose cable was pulled is noticed within a minute.
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    # Keys and pointer events are small and each is waited for.
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)

# Keepalive is silent while bytes wait for an acknowledgement, and the kernel
# would repeat those for a quarter of an hour.
_UNHEARD_TIMEOUT_MS = 60_000

# tcpi_last_ack_recv in struct tcp_info, linux/tcp.h: milliseconds since the
# peer has acknowledged anything.
_LAST_ACK = struct.Struct('=56xI')


def tune(sock: socket.socket) -> None:
    """Make a socket ready for a channel.

    :raises OSError: the peer is gone already.
    """
    sock.setblocking(False)
    for level, option, value in _KEEPALIVE:
        sock.setsockopt(level, option, value)


class TcpChannel(Channel):
    """Plain TCP.

    :param sock: connected; the channel owns it from now on.
    :param peer: its other end, for logs.
    :raises ChannelError: the peer is gone already.
    """

    is_plain = True
    #: how the socket says that there is nothing to do now
    _NOT_NOW: tuple[type[OSError], ...] = (BlockingIOError, InterruptedError)

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self.socket = sock
        self.peer = peer
        try:
            tune(sock)
        except OSError as exc:
            sock.close()
            raise ChannelError(f'{peer}: {exc}') from exc

    def give_up_on_silence(self) -> None:
        """Break when the peer has taken nothing for a minute, also while
        something is on its way; for peers that nobody can ping."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT,
                               _UNHEARD_TIMEOUT_MS)

    def fileno(self) -> int:
        return self.socket.fileno()

    def receive(self) -> bytes | None:
        try:
            return self.socket.recv(RECEIVE_BYTES)
        except self._NOT_NOW:
            return None
        except OSError as exc:
            raise ChannelError(f'{self.peer}: {exc}') from exc

    def peek(self, size: int) -> bytes:
        """:returns: up to ``size`` bytes that are there; they stay."""
        try:
            return self.socket.recv(size, socket.MSG_PEEK)
        except self._NOT_NOW:
            return b''
        except OSError as exc:
            raise ChannelError(f'{self.peer}: {exc}') from exc

    def receive_into(self, buffer: memoryview) -> int | None:
        try:
            return self.socket.recv_into(buffer)
        except self._NOT_NOW:
            return None
        except OSError as exc:
            raise ChannelError(f'{self.peer}: {exc}') from exc

    def send(self, data: bytes | bytearray | memoryview,
             flags: int = 0) -> int:
        """:param flags: of send(2); MSG_MORE when more follows at once."""
        try:
            return self.socket.send(data, flags)
        except self._NOT_NOW:
            return 0
        except OSError as exc:
            raise ChannelError(f'{self.peer}: {exc}') from exc

    def still_delivers(self, seconds: float) -> bool:
        """Whether the peer is taking what was sent before, if slowly.

        :param seconds: in which it has to have acknowledged something.
        :returns: ``False`` also when there is nothing left for it to take.
        """
        try:
            waiting = fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4))
            info = self.socket.getsockopt(
                socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_ACK.size)
        except OSError:
            return False
        silence = _LAST_ACK.unpack(info)[0] / 1000
        return any(waiting) and silence < seconds

    def shutdown_sending(self) -> None:
        """Tell the peer that nothing more comes; it may still talk."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            # It has gone in the meantime, which is what was wanted.
            return

    def close(self) -> None:
        self.socket.close()
