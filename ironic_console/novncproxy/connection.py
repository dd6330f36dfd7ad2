# SPDX-License-Identifier: Apache-2.0
"""The story of one connection, from the first byte to the relay.

    URL ─▶ ConnectRequest ─▶ Grant ─▶ Session ─▶ Endpoint ─▶ Channel
        ─▶ ServerInit ─▶ Relay ─▶ CloseReason

Blocking, straight down, on a thread of its own that ends with the story.
"""

import logging
from collections.abc import Callable

from ironic_console.common.addresses import without_port
from ironic_console.common.channels.base import (
    ChannelError,
    read_to_end,
    send_all,
)
from ironic_console.common.channels.framing import UnframedChannel
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.channels.websocket import WebSocketChannel
from ironic_console.common.clock import Deadline
from ironic_console.common.errors import (
    BadRequest,
    ConsoleError,
    ProtocolError,
    ServiceUnavailable,
    Side,
    Unauthorized,
)
from ironic_console.common.rfb.server import RefusalHandshake, ServerHandshake
from ironic_console.novncproxy import close_reasons, http
from ironic_console.novncproxy.close_reasons import CloseReason
from ironic_console.novncproxy.http import Answer, Conversation
from ironic_console.novncproxy.opening import Opening, Services
from ironic_console.novncproxy.relay import CLOSE_TIMEOUT
from ironic_console.novncproxy.request import (
    ConnectRequest,
    PageRequest,
    parse_request,
    source_of,
)
from ironic_console.novncproxy.sessions import Session

LOG = logging.getLogger(__name__)


class Connection:
    """One connection of a browser.

    :param channel: owned from now on.
    :param services: of the process.
    :param on_grant: called when it has shown a good ticket, so that it need
        not make room for others any more.
    :param may_stay: whether to wait for a further request now.
    :param deadline: of the first head.
    """

    def __init__(self, channel: TcpChannel, services: Services,
                 on_grant: Callable[[], None],
                 may_stay: Callable[[], bool], deadline: Deadline) -> None:
        self._channel = channel
        self._on_grant = on_grant
        self._services = services
        self._may_stay = may_stay
        self._deadline = deadline
        self._limits = services.limits
        self._opening = Opening(services, channel.peer)
        self._id = self._opening.id
        # Address that limits take the browser for.
        self._source = ''

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
        deadline = self._deadline
        kept = False
        again = True
        while again:
            again = False
            try:
                head = conversation.next_request(deadline)
                if head is None:
                    return False
                request = parse_request(head.method, head.target,
                                        head.http_version, head.headers)
                if isinstance(request, ConnectRequest):
                    self._identify(request)
                    if kept and self._services.sessions.draining:
                        raise ServiceUnavailable(
                            'the service is being stopped')
                    if request.tunnel:
                        return self._open_tunnel(request, conversation)
                    if request.upgrade:
                        return self._open_console(request, conversation)
                again = self._answer(request, conversation)
            except (BadRequest, Unauthorized, ServiceUnavailable) as exc:
                LOG.info('%s: refused %s: %s', self._id, self._opening.peer,
                         exc)
                self._services.metrics.refused(exc)
                self._refuse(exc, conversation)
            deadline = self._opening.deadline('keepalive_timeout')
            kept = True
        return False

    def _answer(self, request: PageRequest | ConnectRequest,
                conversation: Conversation) -> bool:
        """:returns: another request may follow."""
        answer = (self._services.site(request)
                  if isinstance(request, PageRequest)
                  else self._verdict(request))
        keep_alive = (answer.status < 400 and self._may_stay()
                      and self._limits.keepalive_timeout > 0)
        return conversation.answer(
            answer, self._opening.deadline('head_timeout'), keep_alive)

    def _verdict(self, request: ConnectRequest) -> Answer:
        """Tell the page what the WebSocket would be told, which a page
        cannot see."""
        try:
            grant = self._services.authorizer.authorize(request)
            # Who has the last session there may be shall not hear that
            # there is none left.
            if not request.held:
                self._services.sessions.check(grant, self._source,
                                              request.take_over)
        except ConsoleError as exc:
            LOG.info('%s: node %s would be refused for %s: %s', self._id,
                     request.node, self._opening.peer, exc)
            return http.refusal(exc)
        # The page shows it; an endpoint's address is none of its business.
        node, limits = grant.node, self._services.relay.limits
        # For ironic-console-url.
        port = self._services.viewer_port
        return http.json_answer(200, {
            'status': 'ok', 'read_only': grant.read_only,
            'node': {'uuid': node.uuid, 'name': node.name},
            'kind': node.interface,
            'session': {'max_length': limits.max_session_length,
                        'idle_timeout': limits.idle_timeout},
            **({'viewer_port': port} if port else {})})

    def _identify(self, request: ConnectRequest) -> None:
        # Anew for each request: a proxy may send those of several users
        # through one connection.
        near = self._channel.peer
        address = without_port(near)
        self._source = source_of(address, request.forwarded_for,
                                 self._services.trusted_proxies)
        self._opening.peer = (near if self._source == address else
                              f'{self._source} (through {near})')

    def _refuse(self, error: ConsoleError, conversation: Conversation,
                ) -> None:
        conversation.answer(http.refusal(error),
                            self._opening.deadline('head_timeout'))

    # -- the console ---------------------------------------------------------

    def _admit(self, request: ConnectRequest, conversation: Conversation,
               ) -> Session | None:
        """:returns: ``None`` when the request was refused."""
        services = self._services
        try:
            grant = services.authorizer.authorize(request)
            self._on_grant()
            return self._opening.admit(grant, self._source,
                                       request.take_over)
        except ConsoleError as exc:
            LOG.info('%s: node %s refused for %s: %s', self._id,
                     request.node, self._opening.peer, exc)
            services.metrics.refused(exc)
            self._refuse(exc, conversation)
            return None

    def _open_console(self, request: ConnectRequest,
                      conversation: Conversation) -> bool:
        """:returns: the relay has the connection now."""
        session = self._admit(request, conversation)
        if session is None:
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
            self._services.sessions.remove(session)
            raise

    def _open_tunnel(self, request: ConnectRequest,
                     conversation: Conversation) -> bool:
        """:returns: the relay has the connection now."""
        if conversation.trailing_data():
            raise BadRequest('RFB begins with the server, not the client')
        session = self._admit(request, conversation)
        if session is None:
            return False
        try:
            reached = self._opening.reach(session, self._channel)
        except ConsoleError as exc:
            self._refuse(exc, conversation)
            return False
        server = ServerHandshake(reached.server_init)

        def handshake() -> None:
            conversation.open_tunnel(self._opening.deadline('head_timeout'))
            self._opening.drive(self._channel, server)
        try:
            self._opening.finish(session, reached,
                                 UnframedChannel(self._channel), server,
                                 handshake)
        except ConsoleError:
            return False
        return True

    def _reach_console(self, session: Session, browser: WebSocketChannel,
                       ) -> bool:
        try:
            reached = self._opening.reach(session, browser)
        except ConsoleError as exc:
            self._turn_away(browser, exc)
            return False
        server = ServerHandshake(reached.server_init)
        try:
            self._opening.finish(
                session, reached, browser, server,
                lambda: self._opening.drive(browser, server))
        except ConsoleError as exc:
            self._say_goodbye(browser, close_reasons.from_error(exc))
            return False
        return True

    # -- endings -------------------------------------------------------------

    def _turn_away(self, browser: WebSocketChannel, error: ConsoleError,
                   ) -> None:
        """Tell a browser that was let in why there is no picture.

        It is told twice, inside RFB and with the close frame, since not
        every viewer shows both.
        """
        reason = close_reasons.from_error(error)
        # Whoever has left, or speaks no WebSocket, hears of no RFB either.
        if not (isinstance(error, ProtocolError)
                and error.side is Side.BROWSER):
            refusal = RefusalHandshake(f'{reason.text} ({self._id})')
            try:
                self._opening.drive(browser, refusal)
            except ConsoleError as exc:
                LOG.debug('%s: browser was not told: %s', self._id, exc)
        self._say_goodbye(browser, reason)

    def _say_goodbye(self, browser: WebSocketChannel, reason: CloseReason,
                     ) -> None:
        """Send the close frame and wait a moment for it to be read."""
        deadline = Deadline(self._services.clock, CLOSE_TIMEOUT, 'close')
        try:
            browser.send_close(reason.code, reason.text)
            if send_all(browser, b'', deadline):
                browser.shutdown_sending()
            read_to_end(browser, deadline)
        except ConsoleError as exc:
            LOG.debug('%s: browser did not wait: %s', self._id, exc)
