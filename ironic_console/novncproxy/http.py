# SPDX-License-Identifier: Apache-2.0
"""One HTTP/1.1 conversation over a channel: heads in, small answers out.

Parsing is h11's. What a path means is not known here.
"""

import dataclasses
import json
from http import HTTPStatus

import h11

from ironic_console.common.channels.base import (
    READ,
    ChannelError,
    send_all,
    wait_for,
)
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.clock import Deadline
from ironic_console.common.errors import (
    BadRequest,
    ConsoleError,
    NodeInUse,
)

#: Longest head of a request that we take, bytes.
MAX_HEAD_BYTES = 16 * 1024


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is answered to a request.

    :ivar headers: besides those about length and connection.
    """

    status: int
    body: bytes = b''
    content_type: str = 'text/plain; charset=utf-8'
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(status: int, content: dict[str, object],
                headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status, json.dumps(content).encode(), 'application/json',
                  (('Cache-Control', 'no-store'), *headers))


def refusal(error: ConsoleError) -> Answer:
    """What a browser is told about an error before the upgrade."""
    headers: list[tuple[str, str]] = []
    if error.http_status in (HTTPStatus.SERVICE_UNAVAILABLE,
                             HTTPStatus.TOO_MANY_REQUESTS):
        headers.append(('Retry-After',
                        str(getattr(error, 'retry_after', 5))))
    if error.http_status == HTTPStatus.UPGRADE_REQUIRED:
        headers += [('Upgrade', 'websocket'), ('Connection', 'Upgrade'),
                    ('Sec-WebSocket-Version', '13')]
    if error.http_status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append(('Allow', 'GET, HEAD, CONNECT'))
    content: dict[str, object] = {'status': 'refused',
                                  'reason': error.public_reason}
    if isinstance(error, NodeInUse):
        content['can_take_over'] = error.can_take_over
    return json_answer(error.http_status, content, tuple(headers))


class Conversation:
    """The server's part of an HTTP connection.

    :param channel: stays its caller's.
    """

    def __init__(self, channel: TcpChannel) -> None:
        self._channel = channel
        self._h11 = h11.Connection(
            h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        # Of the request that was read last.
        self._method = b''

    def next_request(self, deadline: Deadline) -> h11.Request | None:
        """Wait for the head of a request.

        :returns: ``None`` when the browser side has closed or the deadline
            has passed before a byte of it was there.
        :raises BadRequest: it is not HTTP, too long, or not finished in
            time.
        :raises ChannelError: the connection broke.
        """
        begun = False
        self._method = b''
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as exc:
                # The rest of its text quotes the line, ticket included.
                raise BadRequest(f'not HTTP: {str(exc).partition(":")[0]}',
                                 exc.error_status_hint) from None
            if isinstance(event, h11.Request):
                self._method = event.method
                return event
            if isinstance(event, (h11.ConnectionClosed, type(h11.PAUSED))):
                return None
            if event is not h11.NEED_DATA:
                continue
            begun = begun or bool(self._h11.trailing_data[0])
            if not wait_for(self._channel, READ, deadline):
                if not begun:
                    return None
                raise BadRequest(f'the head was not finished within the '
                                 f'{deadline}', HTTPStatus.REQUEST_TIMEOUT)
            data = self._channel.receive()
            if data is not None:
                begun = begun or bool(data)
                self._h11.receive_data(data)

    def answer(self, answer: Answer, deadline: Deadline,
               keep_alive: bool = False) -> bool:
        """Answer the request that was read last, without the body if it was
        HEAD.

        :returns: another request may follow.
        :raises ChannelError: the connection broke.
        """
        headers = [('Content-Type', answer.content_type),
                   ('Content-Length', str(len(answer.body))),
                   ('X-Content-Type-Options', 'nosniff'),
                   *answer.headers]
        if not keep_alive and not any(name == 'Connection'
                                      for name, _ in headers):
            headers.append(('Connection', 'close'))
        parts = [self._h11.send(h11.Response(
            status_code=answer.status, headers=headers,
            reason=HTTPStatus(answer.status).phrase.encode()))]
        if (self._method != b'HEAD'
                and answer.status != HTTPStatus.NOT_MODIFIED):
            parts.append(self._h11.send(h11.Data(data=answer.body)))
        parts.append(self._h11.send(h11.EndOfMessage()))
        data = b''.join(part for part in parts if part)
        if not send_all(self._channel, data, deadline):
            raise ChannelError(f'{self._channel.peer} took no answer')
        if not keep_alive or self._h11.our_state is not h11.DONE:
            return False
        # The end of a request without a body is an event of its own.
        if not isinstance(self._h11.next_event(), h11.EndOfMessage):
            return False
        self._h11.start_next_cycle()
        return True

    def open_tunnel(self, deadline: Deadline) -> None:
        """Answer CONNECT: from here on there is no HTTP any more.

        :raises ChannelError: the connection broke.
        """
        head = self._h11.send(h11.Response(status_code=HTTPStatus.OK,
                                           headers=[], reason=b'OK'))
        if not send_all(self._channel, head or b'', deadline):
            raise ChannelError(f'{self._channel.peer} took no answer')

    def trailing_data(self) -> bytes:
        """:returns: bytes that came behind the head of an upgrade."""
        return bytes(self._h11.trailing_data[0])
