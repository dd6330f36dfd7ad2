# SPDX-License-Identifier: Apache-2.0
"""From an Endpoint to a channel that is ready for the relay.

Address, TLS, RFB handshake and authentication, each by the endpoint's own
policy. Blocking, with deadlines.
"""

import dataclasses
import logging

from ironic_console.common import dialer
from ironic_console.common.addresses import Resolver
from ironic_console.common.channels.base import (
    READ,
    Channel,
    ChannelError,
    wait_for,
)
from ironic_console.common.channels.cipher import CipherChannel
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.channels.tls import (
    TlsBrokenOff,
    TlsUntrusted,
    connect_tls,
)
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.endpoint import Endpoint
from ironic_console.common.errors import (
    CertificateRejected,
    ConfigError,
    EndpointClosed,
    EndpointTlsFailed,
    HandshakeTimeout,
    PeerClosed,
)
from ironic_console.common.interruption import Interruption
from ironic_console.common.rfb.client import ClientHandshake
from ironic_console.common.rfb.credential import Credential, default_types
from ironic_console.common.tls import EndpointTls

LOG = logging.getLogger(__name__)

_RFB = b'RFB '
#: Time that a server of scheme ``auto`` gets to say that it speaks plain
#: RFB, seconds. One that waits for TLS says nothing.
_PROBE_TIMEOUT = 3.0


@dataclasses.dataclass(frozen=True)
class OpenEndpoint:
    """A connection after ServerInit.

    :ivar channel: owned by whoever has this.
    :ivar handshake: done; with ServerInit and what came behind it.
    """

    channel: Channel
    handshake: ClientHandshake


class EndpointDialer:
    """Opens endpoints.

    :param resolver: finds addresses that may be dialled.
    :param tls: judges certificates.
    :param connect_timeout: seconds, up to the TCP connection.
    :param handshake_timeout: seconds, for all that follows; an endpoint
        may have more by its quirks.
    """

    def __init__(self, resolver: Resolver, tls: EndpointTls, clock: Clock,
                 connect_timeout: float, handshake_timeout: float) -> None:
        self._resolver = resolver
        self._tls = tls
        self._clock = clock
        self._connect_timeout = connect_timeout
        self._handshake_timeout = handshake_timeout

    def open(self, endpoint: Endpoint, credential: Credential | None,
             listener: dialer.Listener,
             interruption: Interruption | None = None) -> OpenEndpoint:
        """Connect, and go through the handshake up to ServerInit.

        :param listener: gets each event of the handshake.
        :param interruption: when nobody wants it any more. All errors can
            come of it; what is done by then is undone as for any of them.
        :raises EndpointError: there is no way to it, or none that policy
            allows.
        :raises ProtocolError: its handshake failed.
        :raises ConfigError: the credential cannot be used, or nothing says
            what is allowed.
        """
        allowed = endpoint.security_types or default_types(credential)
        if not allowed:
            raise ConfigError(
                'the endpoint names no security type and there is no '
                'credential for it, so nothing is allowed')
        interruption = interruption or Interruption()
        below = dialer.dial(endpoint, self._resolver, self._clock,
                            self._connect_timeout, interruption)
        patience = max(self._handshake_timeout,
                       endpoint.quirks.handshake_timeout)
        attempt = _Attempt(below, endpoint, self._tls, Deadline(
            self._clock, patience, 'handshake_timeout'))
        try:
            with interruption.ends(below.fileno()):
                return attempt.run(ClientHandshake(allowed, credential),
                                   listener, self._clock)
        except BaseException:
            attempt.channel.close()
            raise


class _Attempt:
    """One connection on its way.

    :ivar channel: the outermost layer of it so far.
    """

    def __init__(self, below: TcpChannel, endpoint: Endpoint,
                 tls: EndpointTls, deadline: Deadline) -> None:
        self.channel: Channel = below
        self._below = below
        self._endpoint = endpoint
        self._tls = tls
        self._deadline = deadline
        # TLS in which it could ask for a certificate of ours.
        self._knows_us = False

    def run(self, handshake: ClientHandshake, listener: dialer.Listener,
            clock: Clock) -> OpenEndpoint:
        if self._begins_with_tls(clock):
            self._start_tls(anonymous=False)
        try:
            self._drive(handshake, listener)
        except HandshakeTimeout as exc:
            if handshake.heard:
                raise
            stranger = dialer.identify_silent_peer(self.channel, clock)
            if stranger is None:
                raise
            raise stranger from exc
        if handshake.cipher:
            self.channel = CipherChannel(self.channel, handshake.cipher)
        return OpenEndpoint(self.channel, handshake)

    def _drive(self, handshake: ClientHandshake,
               listener: dialer.Listener) -> None:
        while not handshake.done:
            first = handshake.step
            try:
                dialer.drive(self.channel, handshake, self._deadline,
                             listener)
            except PeerClosed as exc:
                if not self._knows_us or (exc.step, exc.received) != (first,
                                                                      0):
                    raise
                # Some say no to our certificate only when TLS is set up, and
                # no more than that (QEMU 7.2).
                raise EndpointTlsFailed(
                    f'{self._endpoint.address} closed as soon as TLS was set '
                    'up; if it wants a certificate of ours, name the right '
                    'one in [ironic_console]vencrypt_client_cert') from exc
            if handshake.wants_tls:
                self._start_tls(handshake.wants_tls.anonymous)
                handshake.tls_started()

    def _begins_with_tls(self, clock: Clock) -> bool:
        """Which of the two a server speaks that may speak either."""
        if self._endpoint.scheme != 'auto':
            return self._endpoint.scheme == 'vncs'
        patience = Deadline(clock, min(_PROBE_TIMEOUT,
                                       self._deadline.remaining()), 'probe')
        try:
            if not wait_for(self._below, READ, patience):
                return True
            return not _RFB.startswith(self._below.peek(len(_RFB)))
        except ChannelError as exc:
            raise EndpointTlsFailed(str(exc)) from exc

    def _start_tls(self, anonymous: bool) -> None:
        policy = self._endpoint.tls
        context = self._tls.context(policy, anonymous)
        if anonymous or policy.verify == 'none':
            LOG.warning('Nobody has checked that %s is the endpoint: its TLS '
                        'is %s', self._endpoint.address,
                        'anonymous' if anonymous else 'not verified')
        try:
            channel = connect_tls(
                self._below, context,
                policy.server_name or self._endpoint.host, self._deadline)
        except TlsUntrusted as exc:
            raise CertificateRejected(str(exc)) from exc
        except TlsBrokenOff as exc:
            raise EndpointClosed(str(exc)) from exc
        except ChannelError as exc:
            raise EndpointTlsFailed(str(exc)) from exc
        self.channel = channel
        if not anonymous:
            self._knows_us = True
            self._tls.check(policy, channel.certificate())
