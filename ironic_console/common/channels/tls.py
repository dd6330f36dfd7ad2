# SPDX-License-Identifier: Apache-2.0
"""Channel over TLS, and the handshake that makes one."""

import socket
import ssl
from collections.abc import Callable
from typing import Any

from ironic_console.common.channels.base import (
    READ,
    WRITE,
    ChannelError,
    wait_for,
)
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.clock import Deadline

# Of a certificate; more than anybody needs, and a line of a log can hold.
_MAX_NAMES = 16


class TlsUntrusted(ChannelError):
    """The peer's certificate is not trusted."""


class TlsBrokenOff(ChannelError):
    """The peer hung up, without a word on what is wrong with TLS."""


class TlsChannel(TcpChannel):
    """TLS over TCP, after its handshake.

    :param sock: an ``SSLSocket`` whose handshake is done.

    A reset may look like an end, OpenSSL does not always tell which it was.
    """

    is_plain = False
    socket: ssl.SSLSocket

    _NOT_NOW = (ssl.SSLWantReadError, ssl.SSLWantWriteError,
                InterruptedError)

    def send(self, data: bytes | bytearray | memoryview,
             flags: int = 0) -> int:
        # TLS has no use for MSG_MORE: a record is sent as it is made.
        return super().send(data)

    def certificate(self) -> bytes | None:
        """:returns: the peer's, DER; ``None`` if it has sent none."""
        return self.socket.getpeercert(binary_form=True)

    def names(self) -> tuple[str, ...] | None:
        """Tell for whom the peer's certificate was made.

        :returns: the DNS names in it, without those its common names, with
            what is not printable escaped; ``None`` if it has sent no
            certificate or TLS has not checked it.
        """
        shown: Any = self.socket.getpeercert()
        if not shown:
            return None
        names = [value for kind, value in shown.get('subjectAltName', ())
                 if kind == 'DNS'] or [
            value for part in shown.get('subject', ())
            for kind, value in part if kind == 'commonName']
        return tuple(ascii(name)[1:-1] for name in names[:_MAX_NAMES])

    def pending(self) -> bool:
        return self.socket.pending() > 0

    def shutdown_sending(self) -> None:
        # Not SSLSocket's own, which forgets the TLS session: what the peer
        # still says would then arrive as it is on the wire. The type below
        # it is the interpreter's, whatever eventlet has replaced.
        try:
            socket.SocketType.shutdown(self.socket, socket.SHUT_WR)
        except OSError:
            return


def accept_tls(below: TcpChannel, context: ssl.SSLContext,
               deadline: Deadline) -> TlsChannel:
    """Hold the TLS handshake in the role of the server.

    :param below: plain channel; it is used up, also by a failure.
    :raises ChannelError: the handshake failed or was not finished in time.
    """
    return _wrap(below, deadline, lambda: context.wrap_socket(
        below.socket, server_side=True, do_handshake_on_connect=False))


def connect_tls(below: TcpChannel, context: ssl.SSLContext,
                server_name: str, deadline: Deadline) -> TlsChannel:
    """Hold the TLS handshake in the role of the client.

    :param below: plain channel; it is used up, also by a failure.
    :param server_name: name or address that the certificate must be for.
    :raises TlsUntrusted: the certificate is not trusted.
    :raises TlsBrokenOff: the peer hung up.
    :raises ChannelError: the handshake failed or was not finished in time.
    """
    return _wrap(below, deadline, lambda: context.wrap_socket(
        below.socket, server_hostname=server_name,
        do_handshake_on_connect=False))


def _wrap(below: TcpChannel, deadline: Deadline,
          make: Callable[[], ssl.SSLSocket]) -> TlsChannel:
    try:
        channel = TlsChannel(make(), below.peer)
    except (OSError, ValueError) as exc:
        below.close()
        raise ChannelError(f'{below.peer}: {exc}') from exc
    try:
        _shake_hands(channel, deadline)
    except BaseException:
        channel.close()
        raise
    return channel


def _shake_hands(channel: TlsChannel, deadline: Deadline) -> None:
    while True:
        try:
            channel.socket.do_handshake()
            return
        except ssl.SSLWantReadError:
            events = READ
        except ssl.SSLWantWriteError:
            events = WRITE
        except ssl.SSLCertVerificationError as exc:
            raise TlsUntrusted(f'{channel.peer}: its certificate is not '
                               f'trusted: {exc.verify_message}') from exc
        except (ssl.SSLEOFError, ConnectionError) as exc:
            raise TlsBrokenOff(f'{channel.peer}: TLS was broken off: {exc}',
                               ) from exc
        except OSError as exc:
            raise ChannelError(f'{channel.peer}: TLS failed: {exc}') from exc
        if not wait_for(channel, events, deadline):
            raise ChannelError(f'{channel.peer}: TLS was not set up within '
                               f'the {deadline}')
