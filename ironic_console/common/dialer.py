# SPDX-License-Identifier: Apache-2.0
"""From an Endpoint to a Channel, and the loop that joins it to a handshake.

Blocking, with deadlines; runs on the threads that set connections up.
"""

import errno
import os
import selectors
import socket
from collections.abc import Callable

from ironic_console.common.addresses import Resolver
from ironic_console.common.channels.base import (
    READ,
    Channel,
    ChannelError,
    send_all,
    wait_for,
)
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.endpoint import Endpoint
from ironic_console.common.errors import (
    ConsoleError,
    EndpointNotRfb,
    EndpointTimeout,
    EndpointUnreachable,
    HandshakeTimeout,
    RemoteProtocolError,
)
from ironic_console.common.interruption import Interruption
from ironic_console.common.rfb import versions
from ironic_console.common.rfb.handshake import Handshake

#: Time that an address gets before the next one is tried beside it, seconds.
#: RFC 8305 §5, "Connection Attempt Delay". Also how soon an interruption is
#: noticed meanwhile.
ATTEMPT_DELAY = 0.25
#: Time in which a silent peer may say what it is, seconds.
_PROBE_TIMEOUT = 1.0
# What makes most servers say something, if only what is wrong with it: for
# TLS a record with a message that cannot come first (RFC 8446 §5.1, §6.2),
# for HTTP a request with an unknown method. Plain HTTP would not do, OpenSSL
# closes without an alert then. Its length is made of two bytes that are not
# NUL, at which a server written in C would stop reading.
_REQUEST = b'HEAD / HTTP/1.0\r\nX: '.ljust(0x121 - 4, b'-') + b'\r\n\r\n'
_PROBE = b'\x16\x03\x01' + len(_REQUEST).to_bytes(2) + _REQUEST
# As many bytes as it takes to tell protocols apart.
_TELLING_BYTES = 4

Listener = Callable[[object], None]


def dial(endpoint: Endpoint, resolver: Resolver, clock: Clock,
         connect_timeout: float, interruption: Interruption) -> TcpChannel:
    """Connect to an endpoint; all its addresses, the first that answers.

    :param connect_timeout: seconds, for name resolution and all addresses
        together.
    :returns: a channel that the caller owns.
    :raises EndpointUnreachable: every address refused.
    :raises EndpointTimeout: none answered in time.
    :raises EndpointUntrusted: policy allows none of them.
    :raises Interrupted: nobody wants it any more.
    """
    deadline = Deadline(clock, connect_timeout, 'connect_timeout')
    addresses = resolver.resolve(endpoint.host, deadline,
                                 interruption.check)
    try:
        sock = _Race(addresses, endpoint, deadline, interruption).run()
        channel = TcpChannel(sock, endpoint.address)
    except (ChannelError, OSError) as exc:
        raise EndpointUnreachable(
            f'cannot connect to {endpoint.address}: {exc}') from exc
    channel.give_up_on_silence()
    return channel


class _Race:
    """Connects to several addresses, each a little later than the one
    before. RFC 8305 ("Happy Eyeballs")."""

    def __init__(self, addresses: list[str], endpoint: Endpoint,
                 deadline: Deadline, interruption: Interruption) -> None:
        self._waiting = addresses
        self._endpoint = endpoint
        self._deadline = deadline
        self._interruption = interruption
        self._failures: list[str] = []
        self._selector = selectors.DefaultSelector()

    def run(self) -> socket.socket:
        try:
            return self._run()
        finally:
            for key in list(self._selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]
            self._selector.close()

    def _run(self) -> socket.socket:
        self._interruption.check()
        self._start_next()
        while self._selector.get_map():
            ready = self._selector.select(
                min(self._deadline.remaining(), ATTEMPT_DELAY))
            self._interruption.check()
            for key, _events in ready:
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                self._selector.unregister(sock)
                error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not error:
                    return sock
                self._fail(sock, key.data, error)
            if not ready and not self._deadline.remaining():
                raise EndpointTimeout(
                    f'{self._endpoint.address} did not answer within the '
                    f'{self._deadline}{self._so_far()}')
            self._start_next()
        raise EndpointUnreachable(
            f'cannot connect to {self._endpoint.address}{self._so_far()}')

    def _start_next(self) -> None:
        while self._waiting:
            address = self._waiting.pop(0)
            family = (socket.AF_INET6 if ':' in address
                      else socket.AF_INET)
            try:
                sock = socket.socket(family, socket.SOCK_STREAM)
            except OSError as exc:
                # A kernel without IPv6, for example; IPv4 may still do.
                self._failures.append(f'{address}: {exc.strerror}')
                continue
            sock.setblocking(False)
            error = sock.connect_ex((address, self._endpoint.port))
            if error in (0, errno.EINPROGRESS):
                self._selector.register(sock, selectors.EVENT_WRITE, address)
                return
            self._fail(sock, address, error)

    def _fail(self, sock: socket.socket, address: str, error: int) -> None:
        sock.close()
        self._failures.append(f'{address}: {os.strerror(error)}')

    def _so_far(self) -> str:
        return f' ({"; ".join(self._failures)})' if self._failures else ''


def drive(channel: Channel, machine: Handshake, deadline: Deadline,
          listener: Listener, early: bytes = b'') -> None:
    """Run a handshake over a channel to its end, or to where TLS begins or
    somebody has to decide.

    Then the machine ``wants_tls``; it goes on when it is driven again, over a
    channel with TLS and after ``tls_started()``. Or it ``wants_verdict``,
    and goes on likewise.

    What the machine wants to say is sent also when it fails, so that the
    peer learns why.

    :param listener: gets each event of the machine.
    :param early: what the peer has said before; it is heard first.
    :raises HandshakeTimeout: the deadline has passed.
    :raises ConsoleError: of the machine.
    """
    try:
        _talk(channel, machine, deadline, listener, early)
    except ChannelError as exc:
        raise RemoteProtocolError(machine.side, machine.step,
                                  f'connection broke: {exc}') from exc
    finally:
        for event in machine.events():
            listener(event)


def _talk(channel: Channel, machine: Handshake, deadline: Deadline,
          listener: Listener, early: bytes) -> None:
    while True:
        _send(channel, machine, deadline)
        for event in machine.events():
            listener(event)
        if machine.done or machine.wants_tls or machine.wants_verdict:
            return
        data: bytes | None
        if early:
            data, early = early, b''
        elif wait_for(channel, READ, deadline):
            data = channel.receive()
        else:
            raise _too_late(machine, deadline)
        if data is None:
            # Half a frame, or a ping: more of them must not go on for ever.
            if not deadline.remaining():
                raise _too_late(machine, deadline)
            continue
        if not data:
            machine.receive_eof()
        try:
            machine.receive_data(data)
        except ConsoleError:
            _send_last_words(channel, machine, deadline)
            raise


def _send(channel: Channel, machine: Handshake, deadline: Deadline) -> None:
    data = machine.data_to_send()
    if data and not send_all(channel, data, deadline):
        raise _too_late(machine, deadline)


def _send_last_words(channel: Channel, machine: Handshake,
                     deadline: Deadline) -> None:
    try:
        send_all(channel, machine.data_to_send(), deadline)
    except ChannelError:
        # It has gone, perhaps in anger; what went wrong before is the news.
        return


def _too_late(machine: Handshake, deadline: Deadline) -> HandshakeTimeout:
    return HandshakeTimeout(machine.side, machine.step,
                            f'nothing came within the {deadline}')


def identify_silent_peer(channel: Channel, clock: Clock,
                         ) -> EndpointNotRfb | None:
    """Find out what a peer is that never sent an RFB banner.

    Web servers and TLS servers wait for their client to speak. The
    handshake has failed already, so a question of another protocol cannot
    do harm; its answer turns "no answer" into what to correct.

    :returns: the error to report instead, or ``None`` if it stays silent.
    """
    deadline = Deadline(clock, _PROBE_TIMEOUT, 'probe')
    try:
        heard = _ask(channel, deadline)
    except ChannelError:
        return None
    if len(heard) < _TELLING_BYTES or heard.startswith(b'RFB '):
        return None
    spoken = versions.describe_stranger(heard)
    return EndpointNotRfb(f'this is not a VNC server: it {spoken}: '
                          f'{heard[:64]!r}', spoken)


def _ask(channel: Channel, deadline: Deadline) -> bytes:
    heard = b''
    if not send_all(channel, _PROBE, deadline):
        return heard
    while len(heard) < _TELLING_BYTES and wait_for(channel, READ, deadline):
        data = channel.receive()
        if data == b'':
            break
        heard += data or b''
    return heard
