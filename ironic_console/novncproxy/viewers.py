# SPDX-License-Identifier: Apache-2.0
"""The story of a viewer that speaks plain RFB: Nova's proxy, vncviewer.

    ProtocolVersion ─▶ Proof ─▶ Grant ─▶ Session ─▶ Endpoint ─▶ Relay

Blocking, straight down, on a thread of its own. What a viewer has to prove
depends on the door that it came in by (gateway.py).
"""

import dataclasses
import logging
import ssl
from collections.abc import Callable

from ironic_console.common.addresses import without_port
from ironic_console.common.channels.base import ChannelError, read_to_end
from ironic_console.common.channels.framing import UnframedChannel
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.channels.tls import accept_tls
from ironic_console.common.clock import Deadline
from ironic_console.common.errors import ConsoleError, LocalProtocolError, Side
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.server import ServerHandshake
from ironic_console.common.rfb.server_policy import ServerPolicy, Verdict
from ironic_console.novncproxy.authorizer import Grant
from ironic_console.novncproxy.opening import Opening, Reached, Services
from ironic_console.novncproxy.relay import CLOSE_TIMEOUT
from ironic_console.novncproxy.sessions import Session

LOG = logging.getLogger(__name__)

#: Nova's proxy passes on reasons up to this long, bytes.
MAX_REASON_BYTES = 256


@dataclasses.dataclass(frozen=True)
class Proof:
    """What a viewer has shown.

    :ivar claim: who it says it is; ``None`` if it was not asked.
    :ivar names: of its certificate, which a CA of ours has signed; ``None``
        if it has shown none.
    """

    claim: Credential | None = None
    names: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Demand:
    """What a viewer has to do before it gets a console.

    :ivar security_types: to offer, best first.
    :ivar context: TLS for those that need it.
    :ivar authorize: from what it has shown to a grant; raises ConsoleError.
    """

    security_types: tuple[int, ...]
    context: ssl.SSLContext | None
    authorize: Callable[[Proof], Grant]

    @property
    def verdict(self) -> Verdict:
        """Where nothing has to be shown, everything can be known before the
        types are offered, and a refusal be told in the way that every viewer
        shows. Otherwise only who has shown something makes us ask a BMC."""
        return (Verdict.BEFORE_TYPES
                if self.security_types == (SecurityNumber.NONE,)
                else Verdict.BEFORE_RESULT)


class ViewerConnection:
    """One connection of such a viewer.

    :param channel: owned from now on.
    :param on_grant: called when it has shown what it needs to.
    """

    def __init__(self, channel: TcpChannel, services: Services,
                 demand: Demand, on_grant: Callable[[], None]) -> None:
        self._channel = channel
        self._services = services
        self._demand = demand
        self._on_grant = on_grant
        self._opening = Opening(services, channel.peer)
        self._source = without_port(channel.peer)
        self._names: tuple[str, ...] | None = None
        self._server = ServerHandshake(None, ServerPolicy(
            demand.security_types, verdict=demand.verdict))

    def run(self) -> None:
        """Serve it; ends when it is closed or handed to the relay."""
        handed_over = False
        try:
            handed_over = self._serve()
        except (ChannelError, ConsoleError) as exc:
            # Load balancers and scanners connect, say nothing, and leave.
            LOG.log(logging.INFO if self._server.heard else logging.DEBUG,
                    '%s: %s: %s', self._opening.id, self._opening.peer, exc)
        except Exception:
            LOG.exception('Bug: connection %s failed', self._opening.id)
        finally:
            if not handed_over:
                self._channel.close()

    def _serve(self) -> bool:
        """:returns: the relay has the connection now."""
        self._drive()
        try:
            session, reached = self._open()
        except ConsoleError as exc:
            self._server.refuse(self._reason(exc))
            self._drive()
            self._say_goodbye()
            return False

        def handshake() -> None:
            self._server.admit(reached.server_init)
            self._drive()
        try:
            self._opening.finish(session, reached,
                                 UnframedChannel(self._channel),
                                 self._server, handshake)
        except ConsoleError:
            return False
        return True

    def _open(self) -> tuple[Session, Reached]:
        """:raises ConsoleError: logged; the session is gone again."""
        try:
            grant = self._demand.authorize(
                Proof(self._server.claim, self._names))
            self._on_grant()
            session = self._opening.admit(grant, self._source)
        except ConsoleError as exc:
            LOG.info('%s: %s refused: %s', self._opening.id,
                     self._opening.peer, exc)
            self._services.metrics.refused(exc)
            raise
        return session, self._opening.reach(session, self._channel)

    def _drive(self) -> None:
        """Go on until it is done, or waits for a verdict."""
        deadline = self._opening.deadline('browser_handshake_timeout')
        while True:
            self._opening.drive(self._channel, self._server, deadline)
            if not self._server.wants_tls:
                return
            self._start_tls(deadline)
            self._server.tls_started()

    def _start_tls(self, deadline: Deadline) -> None:
        if self._demand.context is None:
            raise LocalProtocolError(Side.BROWSER, 'StartTLS',
                                     'there is no certificate')
        channel = accept_tls(self._channel, self._demand.context, deadline)
        self._channel = channel
        self._names = channel.names()
        if self._names:
            self._opening.peer = (f'{channel.peer} '
                                  f'({", ".join(self._names)})')

    def _reason(self, error: ConsoleError) -> str:
        text = f'{error.public_reason} ({self._opening.id})'
        return text.encode()[:MAX_REASON_BYTES].decode(errors='ignore')

    def _say_goodbye(self) -> None:
        """Close so that what was said last arrives."""
        deadline = Deadline(self._services.clock, CLOSE_TIMEOUT, 'close')
        self._channel.shutdown_sending()
        read_to_end(self._channel, deadline)
