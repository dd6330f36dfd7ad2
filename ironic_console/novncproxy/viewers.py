# SPDX-License-Identifier: Apache-2.0
"""The story of a viewer that speaks plain RFB: Nova's proxy, vncviewer.

    ProtocolVersion ─▶ security ─▶ Grant ─▶ Session ─▶ Endpoint ─▶ Relay

Blocking, straight down, on a thread of its own. What a viewer has to prove
depends on the door that it came in by (gateway.py).
"""

import dataclasses
import logging
import ssl
from collections.abc import Callable

from ironic_console.common.channels.base import ChannelError
from ironic_console.common.channels.framing import UnframedChannel
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.channels.tls import accept_tls
from ironic_console.common.errors import ConsoleError, LocalProtocolError, Side
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.server import (
    RefusalHandshake,
    ServerHandshake,
    ServerPolicy,
)
from ironic_console.novncproxy.authorizer import Grant
from ironic_console.novncproxy.opening import Opening, Reached, Services
from ironic_console.novncproxy.sessions import Session

LOG = logging.getLogger(__name__)

#: Nova's proxy passes on reasons up to this long, bytes.
MAX_REASON_BYTES = 256

Authorize = Callable[[Credential | None], Grant]


@dataclasses.dataclass(frozen=True)
class Demand:
    """What a viewer has to do before it gets a console.

    :ivar security_types: to offer, best first; empty for nobody.
    :ivar context: TLS for those that need it.
    :ivar authorize: from what it says of itself, if it was asked, to a
        grant; raises ConsoleError.
    """

    security_types: tuple[int, ...]
    context: ssl.SSLContext | None
    authorize: Authorize

    @property
    def asks_nothing(self) -> bool:
        """Whoever connects has done all that is asked."""
        return self.security_types == (SecurityNumber.NONE,)


class ViewerConnection:
    """One connection of such a viewer.

    :param channel: owned from now on.
    :param on_heard: called when it has proved what is asked of it.
    """

    def __init__(self, channel: TcpChannel, services: Services,
                 demand: Demand, on_heard: Callable[[], None]) -> None:
        self._channel = channel
        self._services = services
        self._demand = demand
        self._on_heard = on_heard
        self._opening = Opening(services, channel.peer)
        self._source = channel.peer.rpartition(':')[0].strip('[]')

    def run(self) -> None:
        """Serve it; ends when it is closed or handed to the relay."""
        handed_over = False
        try:
            handed_over = self._serve()
        except (ChannelError, ConsoleError) as exc:
            LOG.info('%s: %s: %s', self._opening.id, self._opening.peer, exc)
        except Exception:
            LOG.exception('Bug: connection %s failed', self._opening.id)
        finally:
            if not handed_over:
                self._channel.close()

    def _serve(self) -> bool:
        """:returns: the relay has the connection now."""
        if not self._demand.security_types:
            self._refuse_at_once(
                'This address may not connect here. Ask your operator.')
            return False
        if self._demand.asks_nothing:
            return self._serve_known()
        return self._serve_unknown()

    def _serve_known(self) -> bool:
        """Before a word is said everything can be known, so that a viewer
        which gets no console is told so in the way that all show."""
        try:
            session, reached = self._open(None)
        except ConsoleError as exc:
            self._refuse_at_once(self._reason(exc))
            return False
        self._finish(session, reached, ServerHandshake(reached.server_init))
        return True

    def _serve_unknown(self) -> bool:
        """Only who has proved something makes us ask a BMC."""
        server = ServerHandshake(None, ServerPolicy(
            self._demand.security_types, deferred=True))
        self._drive(server)
        try:
            session, reached = self._open(server.claim)
        except ConsoleError as exc:
            server.refuse(self._reason(exc))
            self._drive(server)
            self._channel.shutdown_sending()
            return False
        server.admit(reached.server_init)
        self._finish(session, reached, server)
        return True

    def _open(self, claim: Credential | None) -> tuple[Session, Reached]:
        """:raises ConsoleError: logged; the session is gone again."""
        try:
            grant = self._demand.authorize(claim)
            self._on_heard()
            session = self._opening.admit(grant, self._source)
        except ConsoleError as exc:
            LOG.info('%s: %s refused: %s', self._opening.id,
                     self._opening.peer, exc)
            self._services.metrics.refused(exc)
            raise
        try:
            return session, self._opening.reach(session)
        except ConsoleError as exc:
            self._opening.give_up(session, exc)
            raise
        except BaseException:
            self._services.sessions.remove(session)
            raise

    def _finish(self, session: Session, reached: Reached,
                server: ServerHandshake) -> None:
        """:raises ConsoleError: the session is gone again."""
        try:
            self._drive(server)
            self._opening.hand_over(session, reached,
                                    UnframedChannel(self._channel), server)
        except BaseException as exc:
            reached.opened.channel.close()
            if isinstance(exc, ConsoleError):
                self._opening.give_up(session, exc)
            else:
                self._services.sessions.remove(session)
            raise

    def _refuse_at_once(self, reason: str) -> None:
        self._opening.drive(self._channel, RefusalHandshake(reason))
        self._channel.shutdown_sending()

    def _reason(self, error: ConsoleError) -> str:
        text = f'{error.public_reason} ({self._opening.id})'
        return text.encode()[:MAX_REASON_BYTES].decode(errors='ignore')

    def _drive(self, server: ServerHandshake) -> None:
        """Go on until it is done, or waits for a verdict."""
        while not server.done:
            self._opening.drive(self._channel, server)
            if server.wants_verdict:
                return
            if server.wants_tls:
                if self._demand.context is None:
                    raise LocalProtocolError(Side.BROWSER, 'StartTLS',
                                             'there is no certificate')
                self._channel = accept_tls(
                    self._channel, self._demand.context,
                    self._opening.deadline('browser_handshake_timeout'))
                server.tls_started()
