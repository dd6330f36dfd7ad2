# SPDX-License-Identifier: Apache-2.0
"""The second half of every connection's story: from a grant to the relay.

    Grant ─▶ Session ─▶ Endpoint ─▶ Channel ─▶ ServerInit ─▶ Relay

How a viewer comes to its grant, and how it is told when nothing comes of it,
is up to connection.py (browsers) and viewers.py (everything else).
"""

import contextlib
import dataclasses
import logging
import secrets
import socket
from collections.abc import Callable, Iterator

from ironic_console.common import dialer
from ironic_console.common.addresses import IPNetwork
from ironic_console.common.channels.base import Channel
from ironic_console.common.channels.framing import ViewerChannel
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.endpoint import Endpoint
from ironic_console.common.endpoint_dialer import EndpointDialer, OpenEndpoint
from ironic_console.common.errors import (
    ConsoleError,
    SessionEnded,
    Side,
    ViewerLeft,
)
from ironic_console.common.rfb.encodings import EncodingFilter
from ironic_console.common.rfb.handshake import Handshake
from ironic_console.common.rfb.pressed_keys import PressedKeys
from ironic_console.common.rfb.read_only import ReadOnlyFilter
from ironic_console.common.rfb.server import ServerHandshake
from ironic_console.common.rfb.server_init import ServerInit
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.authorizer import Authorizer, Grant
from ironic_console.novncproxy.close_reasons import CloseReason
from ironic_console.novncproxy.http import Answer
from ironic_console.novncproxy.link import InputRule, Link
from ironic_console.novncproxy.lobby import Guest
from ironic_console.novncproxy.metrics import Metrics
from ironic_console.novncproxy.relay import Relay
from ironic_console.novncproxy.request import PageRequest
from ironic_console.novncproxy.sessions import Session, SessionRegistry
from ironic_console.novncproxy.settings import SetupLimits

LOG = logging.getLogger(__name__)

Site = Callable[[PageRequest], Answer]


@dataclasses.dataclass(frozen=True)
class Services:
    """What every connection of a process works with.

    :ivar site: answers what is not a console, such as the page's files.
    :ivar trusted_proxies: believed when they say whom they speak for.
    :ivar viewer_port: for people's own viewers; 0 for none.
    """

    authorizer: Authorizer
    sessions: SessionRegistry
    relay: Relay
    dialer: EndpointDialer
    site: Site
    clock: Clock
    limits: SetupLimits
    metrics: Metrics = dataclasses.field(default_factory=Metrics)
    trusted_proxies: tuple[IPNetwork, ...] = ()
    viewer_port: int = 0


@dataclasses.dataclass(frozen=True)
class Reached:
    """An endpoint that has let us in.

    :ivar opened: owned by whoever has this.
    """

    endpoint: Endpoint
    opened: OpenEndpoint

    @property
    def server_init(self) -> ServerInit:
        return self.opened.handshake.server_init


class Opening:
    """One console on its way to one viewer.

    :param services: of the process.
    :param peer: whom the log takes the viewer for.
    :ivar id: of the connection, in every line of the log.
    """

    def __init__(self, services: Services, peer: str) -> None:
        self.id = secrets.token_hex(4)
        self.peer = peer
        self._services = services
        # What the viewer said while its endpoint was reached.
        self._early = b''

    def admit(self, grant: Grant, source: str, take_over: bool = False,
              ) -> Session:
        """Register a session.

        :raises RequestError: there is no room for it.
        """
        return self._services.sessions.add(self.id, grant, source, take_over)

    def reach(self, session: Session, viewer: Channel) -> Reached:
        """Connect to the endpoint of a session, up to ServerInit.

        :param viewer: who waits for it meanwhile.
        :raises ProtocolError: of the browser's side: the viewer has left.
        :raises SessionEnded: it has to end.
        :raises ConsoleError: there is no way to it. The session is given up,
            whichever it was.
        """
        node = session.grant.node
        begun = self._services.clock.monotonic()
        with self._given_up_on_failure(session):
            endpoint = node.endpoint()
            reached = Reached(endpoint, self._dial(session, endpoint, viewer))
        self._services.metrics.handshake(
            Side.ENDPOINT, self._services.clock.monotonic() - begun)
        return reached

    def _dial(self, session: Session, endpoint: Endpoint, viewer: Channel,
              ) -> OpenEndpoint:
        guest = Guest(viewer, session.interruption.happen,
                      self._services.relay.limits.ping_interval)
        try:
            with self._services.sessions.lobby.waiting(guest):
                opened = self._services.dialer.open(
                    endpoint, session.grant.node.credential(),
                    self.listener(Side.ENDPOINT), session.interruption)
        except ConsoleError as exc:
            if guest.error:
                raise guest.error from exc
            raise
        finally:
            self._early = bytes(guest.said)
        if guest.error:
            opened.channel.close()
            raise guest.error
        return opened

    def finish(self, session: Session, reached: Reached,
               viewer: ViewerChannel, server: ServerHandshake,
               handshake: Callable[[], None]) -> None:
        """Let a viewer have what was reached, and the relay carry it.

        Both channels are the relay's then; if it fails, the viewer's stays
        the caller's, while the endpoint is closed and the session given up.

        :param server: the viewer's handshake.
        :param handshake: does what is left of it.
        :raises ConsoleError: nothing came of it.
        """
        with self._given_up_on_failure(session):
            try:
                with session.interruption.ends(viewer.fileno(),
                                               socket.SHUT_RD):
                    handshake()
                self._hand_over(session, reached, viewer, server)
            except BaseException:
                reached.opened.channel.close()
                raise

    def _hand_over(self, session: Session, reached: Reached,
                   viewer: ViewerChannel, server: ServerHandshake) -> None:
        """:raises RemoteProtocolError: what came behind the handshake is
            not allowed."""
        node = session.grant.node
        link = Link(viewer, reached.opened.channel,
                    _input_rule(reached.endpoint, session.grant.read_only),
                    self._end_listener(session, reached.endpoint),
                    to_endpoint=server.trailing_data(),
                    to_browser=reached.opened.handshake.trailing_data())
        LOG.info('%s: node %s opened for %s at %s%s', self.id, node.uuid,
                 self.peer, reached.endpoint.address,
                 ', read-only' if session.grant.read_only else '')
        relay = self._services.relay
        relay.add(link)
        # Whoever had to go meanwhile goes now.
        self._services.sessions.established(
            session, link, lambda reason: relay.close(link, reason))

    @contextlib.contextmanager
    def _given_up_on_failure(self, session: Session) -> Iterator[None]:
        try:
            yield
        except ConsoleError as exc:
            if session.revoked:
                error = close_reasons.to_error(session.revoked)
                self.give_up(session, error)
                raise error from exc
            self.give_up(session, exc)
            raise
        except BaseException:
            self._services.sessions.remove(session)
            raise

    def give_up(self, session: Session, error: ConsoleError) -> None:
        """Nothing comes of a session."""
        self._services.sessions.remove(session)
        self._services.metrics.failed(error)
        nobodys_fault = isinstance(error, (SessionEnded, ViewerLeft))
        LOG.log(logging.INFO if nobodys_fault else logging.WARNING,
                '%s: node %s could not be opened for %s: %s', self.id,
                session.grant.node.uuid, self.peer, error)

    def drive(self, channel: Channel, machine: Handshake,
              deadline: Deadline | None = None) -> None:
        """Hold a handshake with the viewer, or go on with it.

        :param deadline: of what began before; a new one if ``None``.
        :raises ConsoleError: it failed.
        """
        begun = self._services.clock.monotonic()
        early, self._early = self._early, b''
        dialer.drive(channel, machine,
                     deadline or self.deadline('browser_handshake_timeout'),
                     self.listener(Side.BROWSER), early)
        if machine.done:
            self._services.metrics.handshake(
                Side.BROWSER, self._services.clock.monotonic() - begun)

    def listener(self, side: Side) -> dialer.Listener:
        def listen(event: object) -> None:
            LOG.debug('%s: %s < %s', self.id, side, event)
        return listen

    def deadline(self, option: str) -> Deadline:
        return Deadline(self._services.clock,
                        getattr(self._services.limits, option), option)

    def _end_listener(self, session: Session, endpoint: Endpoint,
                      ) -> Callable[[Link, CloseReason], None]:
        clock = self._services.clock
        sessions = self._services.sessions
        metrics = self._services.metrics
        interface, peer = session.grant.node.interface, self.peer
        opened_at = clock.monotonic()

        def ended(link: Link, reason: CloseReason) -> None:
            seconds = clock.monotonic() - opened_at
            LOG.info(
                '%s: node %s closed for %s at %s after %.1f s, %d bytes in, '
                '%d bytes out: %s', session.id, session.grant.node.uuid,
                peer, endpoint.address, seconds,
                link.from_browser_bytes, link.to_browser_bytes, reason)
            metrics.closed(interface, link, reason, seconds)
            # Last: a process that waits for it may end then.
            sessions.remove(session)
        return ended


def _input_rule(endpoint: Endpoint, read_only: bool) -> InputRule:
    """What happens to what the viewer says."""
    rule = ReadOnlyFilter() if read_only else PressedKeys()
    encodings = endpoint.quirks.encodings
    return EncodingFilter(rule, encodings) if encodings else rule
