# SPDX-License-Identifier: Apache-2.0
"""Finds out whether a VNC server lets us in, and in which way.

It asks as the proxy does, through ServerInit and out again. How the server
came to run is not known here.
"""

import dataclasses
import hashlib
import logging
import threading
from collections.abc import Callable, Sequence

from ironic_console.common.addresses import AddressPolicy, Resolver
from ironic_console.common.channels.tls import TlsChannel
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.endpoint import Endpoint, Quirks, TlsPolicy
from ironic_console.common.endpoint_dialer import EndpointDialer, OpenEndpoint
from ironic_console.common.errors import (
    AuthenticationFailed,
    BmcRefused,
    BmcUnreachable,
    BmcUnsupported,
    CertificateRejected,
    ConsoleError,
    DriverError,
    EndpointNotRfb,
    EndpointTlsFailed,
    EndpointUnreachable,
    EndpointUntrusted,
    HandshakeRefused,
    NoCommonSecurityType,
)
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.tls import ClientTls, EndpointTls

LOG = logging.getLogger(__name__)

#: Seconds for one connection.
CONNECT_TIMEOUT = 5.0
#: Seconds until a server that was not ready is asked again, and one that did
#: not take our password: some need a moment for a new one, and all count.
RETRY_INTERVAL, PASSWORD_INTERVAL = 0.5, 3.0
PASSWORD_TRIES = 3
#: Seconds for another way than the best: a server that wants the best one may
#: wait for us in silence. Of a real banner eleven are the worst known.
OTHER_WAY_TIMEOUT = 15.0
# Waiting does not make these better; another way in may.
_WRONG_WAY = (EndpointNotRfb, EndpointTlsFailed, NoCommonSecurityType)


@dataclasses.dataclass(frozen=True)
class Network:
    """What is allowed on the way to VNC servers.

    :ivar addresses: where they may be.
    :ivar ca_file: PEM, CAs that may vouch for them; '' for the system's.
    """

    addresses: AddressPolicy
    ca_file: str = ''


class VncReadiness:
    """Asks VNC servers whether they are ready.

    :param patience: seconds for one server.
    :param pause: waits for so many seconds.
    """

    def __init__(self, network: Network, clock: Clock, patience: float,
                 pause: Callable[[float], object] | None = None) -> None:
        self._network = network
        self._clock = clock
        self._patience = patience
        self._pause = pause or threading.Event().wait

    def find_way_in(self, ways: Sequence[Endpoint], credential: Credential,
                    ) -> Endpoint:
        """Wait until a server lets us in.

        :param ways: how it might be talked to, the best first; all lead to
            the same server. One that nobody checks (``verify`` is ``none``)
            is pinned to the certificate that is found now.
        :returns: the way that worked.
        :raises DriverError: none did; it says what to do.
        """
        attempt = _Attempt(self._clock, self._patience)
        tls = EndpointTls(ClientTls(self._network.ca_file,
                                    allow_unverified=True))
        resolver = Resolver(self._network.addresses)
        try:
            while True:
                for way in ways:
                    left = attempt.deadline.remaining()
                    if way != ways[0]:
                        left = min(left, OTHER_WAY_TIMEOUT)
                    dialer = EndpointDialer(resolver, tls, self._clock,
                                            min(CONNECT_TIMEOUT, left), left)
                    try:
                        # Without its quirks: what time there is we know.
                        opened = dialer.open(
                            dataclasses.replace(way, quirks=Quirks()),
                            credential, LOG.debug)
                    except AuthenticationFailed as exc:
                        # This is the way; in another one we might wait for
                        # a server that waits for us.
                        attempt.note(way, exc)
                        ways = [way]
                        break
                    except EndpointUnreachable as exc:
                        # It may listen a moment later, and want the best.
                        attempt.note(way, exc)
                        break
                    except ConsoleError as exc:
                        attempt.note(way, exc)
                        continue
                    try:
                        return _pinned(way, opened)
                    finally:
                        opened.channel.close()
                self._pause(attempt.next_pause())
        finally:
            resolver.close()


class _Attempt:
    """What has been tried so far with one server."""

    def __init__(self, clock: Clock, patience: float) -> None:
        self.deadline = Deadline(clock, patience,
                                 '[ironic_console]vnc_ready_timeout')
        self._rejections = 0
        self._failures: list[ConsoleError] = []
        self._address = ''

    def note(self, way: Endpoint, error: ConsoleError) -> None:
        """:raises DriverError: no other way will be better."""
        self._address = way.address
        LOG.debug('%s is not ready: %s', way.address, error)
        if isinstance(error, CertificateRejected):
            raise BmcRefused(
                f'The VNC server at {way.address} is not trusted: {error}; '
                'have the BMC show a certificate of a CA that is in '
                '[ironic_console]vencrypt_ca_certs, or have it pinned',
            ) from error
        if isinstance(error, EndpointUntrusted):
            raise BmcRefused(f'The VNC server may not be asked: {error}',
                             ) from error
        self._failures.append(error)

    def next_pause(self) -> float:
        """:returns: seconds to wait before all ways are tried again.
        :raises DriverError: that would not help, or it is too late.
        """
        failures, self._failures = self._failures, []
        last = failures[-1]
        pause = RETRY_INTERVAL
        if any(isinstance(one, AuthenticationFailed) for one in failures):
            self._rejections += 1
            pause = PASSWORD_INTERVAL
            if (self._rejections >= PASSWORD_TRIES
                    or self.deadline.remaining() <= pause):
                raise BmcRefused(
                    f'The VNC server at {self._address} does not accept the '
                    'password that it was given; reset the BMC and enable '
                    'the console again') from last
        if all(isinstance(one, _WRONG_WAY) for one in failures):
            raise BmcUnsupported(
                f'The VNC server at {self._address} cannot be talked to as '
                f'is wanted ({"; ".join(map(_told, failures))}); correct '
                'what driver_info says of its port, TLS or security, or '
                'update its firmware') from last
        if self.deadline.remaining() <= pause:
            raise self._too_late(last) from last
        return pause

    def _too_late(self, last: ConsoleError) -> DriverError:
        return BmcUnreachable(
            f'The VNC server at {self._address} is switched on but let '
            f'nobody in within the {self.deadline} ({_told(last)}); check '
            'that a firewall lets conductors and proxies through to this '
            'port, and that nobody else uses the VNC server')


def _told(error: ConsoleError) -> str:
    """What went wrong, in words of ours: those of the BMC stay in the log."""
    if isinstance(error, EndpointNotRfb):
        return f'it {error.spoken}'
    if isinstance(error, (AuthenticationFailed, HandshakeRefused)):
        return 'it refuses'
    return str(error)


def _pinned(way: Endpoint, opened: OpenEndpoint) -> Endpoint:
    if way.tls.verify != 'none':
        return way
    channel = opened.channel
    certificate = (channel.certificate() if isinstance(channel, TlsChannel)
                   else None)
    if certificate is None:
        # It does not speak TLS in this way, so nobody has to be trusted.
        return dataclasses.replace(way, tls=TlsPolicy())
    return dataclasses.replace(way, tls=TlsPolicy(
        'fingerprint',
        fingerprint=hashlib.sha256(certificate).hexdigest()))
