# SPDX-License-Identifier: Apache-2.0
"""Every exception that ironic_console raises on purpose.

    ConsoleError
    ├─ ConfigError                 an option or driver_info cannot be used
    ├─ RequestError                what the browser asked cannot be served
    │  ├─ BadRequest        400    not a request of this service
    │  ├─ Unauthorized      403    TokenMissing TokenUnknown TokenExpired
    │  │                           OriginRejected NoConsole PeerRejected
    │  ├─ ServiceUnavailable 503   NodeStoreUnavailable SetupLimitReached
    │  │                           SessionLimitReached
    │  ├─ TooManyRequests    429   NodeLimitReached SourceLimitReached
    │  └─ NodeInUse          423   somebody else has the console to himself
    ├─ EndpointError               EndpointUnreachable EndpointUntrusted
    │                              EndpointTimeout EndpointTlsFailed
    │                              EndpointClosed EndpointNotRfb
    │                              CertificateRejected
    ├─ ProtocolError               .side .step
    │  ├─ RemoteProtocolError      the peer broke its protocol
    │  │  ├─ PeerClosed            it closed while we read
    │  │  ├─ ViewerLeft            it closed while the endpoint was reached
    │  │  └─ LimitExceeded         a length of its is above our limit
    │  ├─ LocalProtocolError       we misused a machine: a bug
    │  ├─ HandshakeRefused         .reason, told by the peer
    │  ├─ NoCommonSecurityType     .offered .allowed
    │  ├─ AuthenticationFailed     .reason, told by the peer
    │  └─ HandshakeTimeout         a deadline passed in a step
    ├─ Interrupted                 another thread has ended what we waited for
    ├─ SessionEnded                it had to end before it was open
    └─ DriverError                 a console cannot be started or stopped
       ├─ BmcUnreachable           the BMC does not answer
       ├─ BmcRefused               it answers, and says no
       ├─ BmcUnsupported           it has not what we need
       └─ DisplayError             its display does not run
          └─ DisplayTimeout        nobody starts it

``str(error)`` is for operators and may name addresses; ``public_reason`` is
for browsers and is always one of our own constant sentences. Close codes
about the endpoint are private ones (RFC 6455 §7.4.2) made from HTTP's, since
the one that is registered, 1014, does not tell an endpoint that is down from
one that is slow or speaks something else.
"""

import enum
from collections.abc import Sequence


class Side(enum.Enum):
    """Which peer an error is about."""

    BROWSER = 'browser'
    ENDPOINT = 'endpoint'

    def __str__(self) -> str:
        return self.value


class ConsoleError(Exception):
    """Root of all errors of this package.

    :cvar public_reason: sentence a browser may see.
    :cvar http_status: answer before the WebSocket upgrade.
    :cvar close_code: WebSocket close code after it (RFC 6455 §7.4).
    """

    public_reason = 'The console failed unexpectedly. Tell your operator.'
    http_status = 500
    close_code = 1011


class ConfigError(ConsoleError):
    """An option or a ``driver_info`` value cannot be used."""

    public_reason = ('The console of this server is not set up correctly. '
                     'Tell your operator.')


class RequestError(ConsoleError):
    """What the browser side asked for cannot be served."""


class BadRequest(RequestError):
    """The request is not one of this service."""

    public_reason = 'This request is not understood.'
    close_code = 1002

    def __init__(self, text: str, http_status: int = 400) -> None:
        super().__init__(text)
        self.http_status = http_status


class Unauthorized(RequestError):
    """No right to this console.

    All causes look the same outside; only the log tells them apart.
    """

    public_reason = ('This link does not open a console, or it has expired. '
                     'Ask for a new one: openstack baremetal node console '
                     'show NODE')
    http_status = 403
    close_code = 1008


class TokenMissing(Unauthorized):
    """The request names no node or carries no ticket."""


class TokenUnknown(Unauthorized):
    """The node is not known, has no console, or did not sign the ticket."""


class NoConsole(Unauthorized):
    """The node is there, its console is not."""

    public_reason = ('The console of this server is switched off. To switch '
                     'it on: openstack baremetal node console enable NODE')


class PeerRejected(Unauthorized):
    """Who connects is none of the proxies that may use the gateway."""

    public_reason = ('This proxy may not use the consoles here. Tell your '
                     'operator.')


class TokenExpired(Unauthorized):
    """The ticket was good once."""


class OriginRejected(Unauthorized):
    """The page that asks was not served by us."""


class ServiceUnavailable(RequestError):
    """Not now; the same request may succeed later."""

    public_reason = ('Consoles are not available at the moment. Try again '
                     'in a few seconds.')
    http_status = 503
    close_code = 1013
    retry_after = 5


class NodeStoreUnavailable(ServiceUnavailable):
    """The database of nodes does not answer."""


class SetupLimitReached(ServiceUnavailable):
    """Too many connections are being set up."""


class SessionLimitReached(ServiceUnavailable):
    """Too many sessions are open."""

    public_reason = ('All console sessions of this service are in use. '
                     'Try again later.')


class TooManyRequests(ServiceUnavailable):
    """This client, or this node, has as much as it may have."""

    http_status = 429


class NodeLimitReached(TooManyRequests):
    """Too many sessions of one node are open."""

    public_reason = ('Too many people are using the console of this server. '
                     'Try again later.')


class SourceLimitReached(TooManyRequests):
    """Too many sessions from one address are open."""

    public_reason = ('Too many consoles are open from your address. Close '
                     'one of them, then try again.')


class NodeInUse(RequestError):
    """Only one session of this node is allowed at a time.

    :ivar can_take_over: asking for that would help.
    """

    public_reason = 'Somebody else is using the console of this server.'
    http_status = 423
    close_code = 4423

    def __init__(self, text: str, can_take_over: bool) -> None:
        super().__init__(text)
        self.can_take_over = can_take_over


class EndpointError(ConsoleError):
    """The endpoint cannot be used; nothing was wrong on the browser side."""

    public_reason = "The server's console cannot be reached."
    http_status = 502
    close_code = 4502


class EndpointUnreachable(EndpointError):
    """No connection to the endpoint could be made."""

    public_reason = ("The server's console refused the connection or cannot "
                     'be reached.')
    close_code = 4503


class EndpointTimeout(EndpointError):
    """The endpoint did not answer in time."""

    public_reason = "The server's console did not answer in time."
    http_status = 504
    close_code = 4504


class EndpointUntrusted(EndpointError):
    """Policy forbids this endpoint."""

    public_reason = ("The address of the server's console is not allowed "
                     'here. Tell your operator.')


class CertificateRejected(EndpointUntrusted):
    """The endpoint's certificate is not one that we trust."""

    public_reason = ("The server's console could not prove what it is. Tell "
                     'your operator.')


class EndpointTlsFailed(EndpointError):
    """TLS towards the endpoint could not be set up."""

    public_reason = ("The encrypted connection to the server's console could "
                     'not be set up. Tell your operator.')


class EndpointClosed(EndpointError):
    """It hung up while TLS was set up, as those do that are in use."""

    public_reason = "The server's console broke off the connection."


class EndpointNotRfb(EndpointError):
    """Something that is not a VNC server answers at the endpoint.

    :ivar spoken: what it seems to speak, one of our own words.
    """

    def __init__(self, text: str, spoken: str) -> None:
        super().__init__(text)
        self.spoken = spoken
        self.public_reason = f'This is not a VNC server: it {spoken}.'


class ProtocolError(ConsoleError):
    """A handshake cannot be finished.

    :ivar side: the peer it was held with.
    :ivar step: what was being read or decided.
    """

    public_reason = "The server's console broke off the connection."
    close_code = 4502

    def __init__(self, side: Side, step: str, text: str) -> None:
        super().__init__(f'{side} side, {step}: {text}')
        self.side = side
        self.step = step
        if side is Side.BROWSER:
            self.close_code = 1002
            self.public_reason = 'The viewer sent what is not valid RFB.'


class RemoteProtocolError(ProtocolError):
    """The peer did not keep to its protocol."""


class PeerClosed(RemoteProtocolError):
    """The peer closed while we read.

    :ivar received: bytes of this step that had arrived.
    :ivar expected: bytes that the step needed.
    """

    def __init__(self, side: Side, step: str,
                 received: int, expected: int) -> None:
        super().__init__(side, step, 'peer closed while we read this '
                                     f'({received} of {expected} bytes)')
        self.received = received
        self.expected = expected


class ViewerLeft(RemoteProtocolError):
    """The viewer did not wait until its endpoint was reached."""

    def __init__(self, text: str) -> None:
        super().__init__(Side.BROWSER, 'wait for the endpoint', text)


class LimitExceeded(RemoteProtocolError):
    """A length that the peer announced is above our limit.

    :ivar length: what was announced.
    :ivar limit: what we take.
    """

    def __init__(self, side: Side, step: str, length: int, limit: int,
                 ) -> None:
        super().__init__(side, step,
                         f'length {length} is above the limit of {limit}')
        self.length = length
        self.limit = limit


class LocalProtocolError(ProtocolError):
    """We used a machine in a way that it does not allow: a bug."""

    def __init__(self, side: Side, step: str, text: str) -> None:
        super().__init__(side, step, text)
        self.close_code = 1011
        self.public_reason = ConsoleError.public_reason


class HandshakeRefused(ProtocolError):
    """The endpoint offered no security type at all, and said why.

    :ivar reason: text of the endpoint, bounded; for the log only.
    """

    def __init__(self, side: Side, step: str, reason: str) -> None:
        super().__init__(side, step, f'refused: {reason!r}')
        self.reason = reason
        if side is Side.ENDPOINT:
            self.public_reason = "The server's console refused to open."


class NoCommonSecurityType(ProtocolError):
    """Nothing that the peer offers is allowed by our policy.

    :ivar offered: numbers that the peer offered, in its order.
    :ivar allowed: numbers that policy allows, in ours.
    """

    def __init__(self, side: Side, offered: Sequence[int],
                 allowed: Sequence[int], text: str) -> None:
        super().__init__(side, 'security types', text)
        self.offered = tuple(offered)
        self.allowed = tuple(allowed)
        if side is Side.ENDPOINT:
            self.public_reason = ("The server's console wants a way of "
                                  'authentication that is not allowed here. '
                                  'Tell your operator.')


class AuthenticationFailed(ProtocolError):
    """The peer did not accept what we authenticated with.

    :ivar reason: text of the peer, bounded; for the log only.
    """

    def __init__(self, side: Side, step: str, reason: str) -> None:
        super().__init__(side, step, f'authentication failed: {reason!r}')
        self.reason = reason
        if side is Side.ENDPOINT:
            self.public_reason = ("The server's console did not accept our "
                                  'credentials. Tell your operator.')


class HandshakeTimeout(ProtocolError):
    """A handshake was not finished by its deadline."""

    def __init__(self, side: Side, step: str, text: str) -> None:
        super().__init__(side, step, text)
        if side is Side.ENDPOINT:
            self.public_reason = EndpointTimeout.public_reason
            self.close_code = EndpointTimeout.close_code
        else:
            self.public_reason = 'The viewer did not answer in time.'
            self.close_code = 1008


class Interrupted(ConsoleError):
    """Another thread has ended what this one waited for."""


class SessionEnded(ConsoleError):
    """A session had to end while it was being set up.

    Whoever raises it knows the reason, and what the browser is told.
    """

    public_reason = 'The console was closed before it was open.'
    http_status = 503
    close_code = 1013


class DriverError(ConsoleError):
    """A console could not be started or stopped."""


class BmcUnreachable(DriverError):
    """The BMC does not answer, or not in time; later it may."""


class BmcRefused(DriverError):
    """The BMC answers and will not do it."""


class BmcUnsupported(DriverError):
    """The BMC, its firmware or its licence lacks what a driver needs."""


class DisplayError(DriverError):
    """A display, which shows the web page of a BMC, does not run."""


class DisplayTimeout(DisplayError):
    """Whoever should start it did not say a word."""
