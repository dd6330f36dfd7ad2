# SPDX-License-Identifier: Apache-2.0
"""The story of one connection, from the first byte to the relay.

    URL ─▶ ConnectRequest ─▶ Grant ─▶ Session ─▶ Endpoint ─▶ Channel
        ─▶ ServerInit ─▶ Relay ─▶ CloseReason

Blocking, straight down, on a thread of its own that ends with the story.
"""

import dataclasses
import logging
import secrets
from collections.abc import Callable

from ironic_console.common import dialer
from ironic_console.common.channels.base import (
    READ,
    ChannelError,
    send_all,
    wait_for,
)
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.channels.websocket import WebSocketChannel
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.endpoint import Endpoint
from ironic_console.common.endpoint_dialer import EndpointDialer
from ironic_console.common.errors import (
    BadRequest,
    ConsoleError,
    Side,
    Unauthorized,
)
from ironic_console.common.rfb.encodings import EncodingFilter
from ironic_console.common.rfb.pressed_keys import PressedKeys
from ironic_console.common.rfb.read_only import ReadOnlyFilter
from ironic_console.common.rfb.server import RefusalHandshake, ServerHandshake
from ironic_console.novncproxy import close_reasons, http
from ironic_console.novncproxy.authorizer import Authorizer
from ironic_console.novncproxy.close_reasons import CloseReason
from ironic_console.novncproxy.http import Answer, Conversation
from ironic_console.novncproxy.link import InputRule, Link
from ironic_console.novncproxy.relay import CLOSE_TIMEOUT, Relay
from ironic_console.novncproxy.request import (
    ConnectRequest,
    PageRequest,
    parse_request,
)
from ironic_console.novncproxy.sessions import Session, SessionRegistry
from ironic_console.novncproxy.settings import SetupLimits

LOG = logging.getLogger(__name__)

Site = Callable[[PageRequest], Answer]


@dataclasses.dataclass(frozen=True)
class Services:
    """What every connection of a process works with.

    :ivar site: answers what is not a console, such as the page's files.
    """

    authorizer: Authorizer
    sessions: SessionRegistry
    relay: Relay
    dialer: EndpointDialer
    site: Site
    clock: Clock
    limits: SetupLimits


class Connection:
    """One connection of a browser.

    :param channel: owned from now on.
    :param services: of the process.
    :param may_stay: whether to wait for a further request now.
    """

    def __init__(self, channel: TcpChannel, services: Services,
                 may_stay: Callable[[], bool]) -> None:
        self._channel = channel
        self._services = services
        self._may_stay = may_stay
        self._limits = services.limits
        self._id = secrets.token_hex(4)

    def run(self) -> None:
        """Serve it; ends when it is closed or handed to the relay."""
        handed_over = False
        try:
            handed_over = self._converse()
        except ChannelError as exc:
            LOG.debug('%s: %s', self._id, exc)
        except Exception:
            LOG.exception('Bug: connection %s failed', self._id)
        finally:
            if not handed_over:
                self._channel.close()

    # -- HTTP ----------------------------------------------------------------

    def _converse(self) -> bool:
        """:returns: the relay has the connection now."""
        conversation = Conversation(self._channel)
        deadline = self._deadline('head_timeout')
        again = True
        while again:
            again = False
            try:
                head = conversation.next_request(deadline)
                if head is None:
                    return False
                request = parse_request(head.method, head.target,
                                        head.http_version, head.headers)
                if isinstance(request, ConnectRequest) and request.upgrade:
                    return self._open_console(request, conversation)
                again = self._answer(request, conversation)
            except (BadRequest, Unauthorized) as exc:
                LOG.info('%s: refused %s: %s', self._id, self._channel.peer,
                         exc)
                self._refuse(exc, conversation)
            deadline = self._deadline('keepalive_timeout')
        return False

    def _answer(self, request: PageRequest | ConnectRequest,
                conversation: Conversation) -> bool:
        """:returns: another request may follow."""
        head_only = False
        if isinstance(request, PageRequest):
            answer = self._services.site(request)
            head_only = request.head_only
        else:
            answer = self._verdict(request)
        keep_alive = (answer.status < 400 and self._may_stay()
                      and self._limits.keepalive_timeout > 0)
        return conversation.answer(answer, self._deadline('head_timeout'),
                                   head_only, keep_alive)

    def _verdict(self, request: ConnectRequest) -> Answer:
        """Tell the page what the WebSocket would be told, which a page
        cannot see."""
        try:
            grant = self._services.authorizer.authorize(request)
            self._services.sessions.check_limit(grant)
        except ConsoleError as exc:
            LOG.info('%s: node %s would be refused for %s: %s', self._id,
                     request.node, self._channel.peer, exc)
            return http.refusal(exc)
        # The page shows it; an endpoint's address is none of its business.
        node, limits = grant.node, self._services.relay.limits
        return http.json_answer(200, {
            'status': 'ok', 'read_only': grant.read_only,
            'node': {'uuid': node.uuid, 'name': node.name},
            'kind': node.interface,
            'session': {'max_length': limits.max_session_length,
                        'idle_timeout': limits.idle_timeout}})

    def _refuse(self, error: ConsoleError, conversation: Conversation,
                ) -> None:
        conversation.answer(http.refusal(error),
                            self._deadline('head_timeout'))

    # -- the console ---------------------------------------------------------

    def _open_console(self, request: ConnectRequest,
                      conversation: Conversation) -> bool:
        """:returns: the relay has the connection now."""
        services = self._services
        try:
            grant = services.authorizer.authorize(request)
            session = services.sessions.add(self._id, grant)
        except ConsoleError as exc:
            LOG.info('%s: node %s refused for %s: %s', self._id,
                     request.node, self._channel.peer, exc)
            self._refuse(exc, conversation)
            return False
        try:
            assert request.upgrade is not None
            browser = WebSocketChannel(self._channel, request.upgrade,
                                       conversation.trailing_data())
            # The endpoint may take its time; that the browser was let in is
            # no secret until then.
            browser.flush()
            return self._reach_console(session, browser)
        except BaseException:
            services.sessions.remove(session)
            raise

    def _reach_console(self, session: Session, browser: WebSocketChannel,
                       ) -> bool:
        node = session.grant.node
        try:
            endpoint = node.endpoint()
            opened = self._services.dialer.open(
                endpoint, node.credential(), self._listener(Side.ENDPOINT))
        except ConsoleError as exc:
            self._turn_away(session, browser, exc)
            return False
        server = ServerHandshake(opened.handshake.server_init)
        try:
            self._drive(browser, server)
            link = Link(browser, opened.channel,
                        _input_rule(endpoint, session.grant.read_only),
                        self._end_listener(session, endpoint),
                        to_endpoint=server.trailing_data(),
                        to_browser=opened.handshake.trailing_data())
        except BaseException as exc:
            opened.channel.close()
            if not isinstance(exc, ConsoleError):
                raise
            self._log_failure(session, exc)
            self._say_goodbye(browser, close_reasons.from_error(exc))
            return False
        LOG.info('%s: node %s opened for %s at %s%s', self._id, node.uuid,
                 browser.peer, endpoint.address,
                 ', read-only' if session.grant.read_only else '')
        relay = self._services.relay
        relay.add(link)
        self._services.sessions.established(
            session, lambda reason: relay.close(link, reason))
        return True

    def _drive(self, browser: WebSocketChannel,
               machine: ServerHandshake | RefusalHandshake) -> None:
        dialer.drive(browser, machine,
                     self._deadline('browser_handshake_timeout'),
                     self._listener(Side.BROWSER))

    def _listener(self, side: Side) -> dialer.Listener:
        def listen(event: object) -> None:
            LOG.debug('%s: %s < %s', self._id, side, event)
        return listen

    def _deadline(self, option: str) -> Deadline:
        return Deadline(self._services.clock, getattr(self._limits, option),
                        option)

    # -- endings -------------------------------------------------------------

    def _turn_away(self, session: Session, browser: WebSocketChannel,
                   error: ConsoleError) -> None:
        """Tell a browser that was let in why there is no picture.

        It is told twice, inside RFB and with the close frame, since not
        every viewer shows both.
        """
        self._log_failure(session, error)
        reason = close_reasons.from_error(error)
        refusal = RefusalHandshake(f'{reason.text} ({self._id})')
        try:
            self._drive(browser, refusal)
        except ConsoleError as exc:
            LOG.debug('%s: browser was not told: %s', self._id, exc)
        self._say_goodbye(browser, reason)

    def _log_failure(self, session: Session, error: ConsoleError) -> None:
        self._services.sessions.remove(session)
        LOG.warning('%s: node %s could not be opened for %s: %s', self._id,
                    session.grant.node.uuid, self._channel.peer, error)

    def _say_goodbye(self, browser: WebSocketChannel, reason: CloseReason,
                     ) -> None:
        """Send the close frame and wait a moment for it to be read."""
        deadline = Deadline(self._services.clock, CLOSE_TIMEOUT, 'close')
        try:
            browser.send_close(reason.code, reason.text)
            if send_all(browser, b'', deadline):
                browser.shutdown_sending()
            while deadline.remaining() and wait_for(browser, READ, deadline):
                if browser.receive() == b'':
                    return
        except ConsoleError as exc:
            LOG.debug('%s: browser did not wait: %s', self._id, exc)

    def _end_listener(self, session: Session, endpoint: Endpoint,
                      ) -> Callable[[Link, CloseReason], None]:
        clock = self._services.clock
        sessions = self._services.sessions
        opened_at = clock.monotonic()

        def ended(link: Link, reason: CloseReason) -> None:
            LOG.info(
                '%s: node %s closed for %s at %s after %.1f s, %d bytes in, '
                '%d bytes out: %s', session.id, session.grant.node.uuid,
                link.browser.peer, endpoint.address,
                clock.monotonic() - opened_at, link.from_browser_bytes,
                link.to_browser_bytes, reason)
            # Last: a process that waits for it may end then.
            sessions.remove(session)
        return ended


def _input_rule(endpoint: Endpoint, read_only: bool) -> InputRule:
    """What happens to what the browser says."""
    rule = ReadOnlyFilter() if read_only else PressedKeys()
    encodings = endpoint.quirks.encodings
    return EncodingFilter(rule, encodings) if encodings else rule
