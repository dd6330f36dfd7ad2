# SPDX-License-Identifier: Apache-2.0
"""HTTPS with WebSockets; what is asked and answered is none of its
business."""

import contextlib
import dataclasses
import http
import http.cookies
import http.server
import json
import socket
import ssl
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from tests.simulators.html5_bmc.websocket import Closed, WebSocket
from tests.simulators.redfish_bmc.listener import SILENCE, Listener

#: Bytes.
MAX_BODY = 1 << 20


@dataclasses.dataclass(frozen=True)
class Request:
    """What somebody wants.

    :ivar path: without query; without slash at its end.
    :ivar target: as it came.
    :ivar headers: names in lower case.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b''

    @property
    def path(self) -> str:
        return self.target.partition('?')[0].rstrip('/') or '/'

    @property
    def query(self) -> dict[str, str]:
        return dict(urllib.parse.parse_qsl(self.target.partition('?')[2]))

    @property
    def form(self) -> dict[str, str]:
        return dict(urllib.parse.parse_qsl(self.body.decode(errors='replace')))

    @property
    def json(self) -> dict[str, Any]:
        """An object; an empty one if the body is anything else."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def host(self) -> str:
        """That it is meant for, without port."""
        return urllib.parse.urlsplit(
            f'//{self.headers.get("host", "")}').hostname or ''

    @property
    def wants_websocket(self) -> bool:
        return self.headers.get('upgrade', '').lower() == 'websocket'

    def cookie(self, name: str) -> str:
        """:returns: '' if there is none."""
        jar: http.cookies.SimpleCookie = http.cookies.SimpleCookie()
        with contextlib.suppress(http.cookies.CookieError):
            jar.load(self.headers.get('cookie', ''))
        return jar[name].value if name in jar else ''


@dataclasses.dataclass(frozen=True)
class Answer:
    """What HTTP says.

    :ivar speak: instead of all that: what to do with the WebSocket.
    """

    body: bytes = b''
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    speak: Callable[[WebSocket], None] | None = None


def html(text: str, status: int = 200, **headers: str) -> Answer:
    """:param headers: with ``_`` for ``-``."""
    return Answer(text.encode(), status, _headers('text/html', headers))


def as_json(content: Any, status: int = 200, **headers: str) -> Answer:
    """:param headers: with ``_`` for ``-``."""
    return Answer(json.dumps(content).encode(), status,
                  _headers('application/json', headers))


def redirect(path: str) -> Answer:
    return Answer(b'', 302, {'Location': path})


def _headers(kind: str, others: Mapping[str, str]) -> dict[str, str]:
    return {'Content-Type': f'{kind}; charset=utf-8',
            **{name.replace('_', '-'): value
               for name, value in others.items()}}


class _Connection(http.server.BaseHTTPRequestHandler):
    """Reads requests; all else is done by ``serve``."""

    protocol_version = 'HTTP/1.1'
    timeout = SILENCE

    def __init__(self, sock: socket.socket,
                 serve: Callable[[Request], Answer | None]) -> None:
        self._serve = serve
        server: Any = None
        super().__init__(sock, ('', 0), server)

    def _answer(self) -> None:
        length = self.headers.get('Content-Length', '0')
        if not length.isdecimal() or int(length) > MAX_BODY:
            self.send_error(413)
            return
        request = Request(
            self.command, self.path,
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(length)))
        answer = self._serve(request)
        if answer is None:
            self.close_connection = True
        elif answer.speak:
            self.close_connection = True
            with contextlib.suppress(Closed):
                answer.speak(WebSocket(self.connection, self._head()))
        else:
            self.wfile.write(self._pack(request, answer))

    do_GET = do_HEAD = do_POST = do_PATCH = do_DELETE = (  # noqa: N815
        _answer)

    def _head(self) -> bytes:
        lines = [f'GET {self.path} HTTP/1.1',
                 *(f'{name}: {value}' for name, value in self.headers.items())]
        return '\r\n'.join([*lines, '', '']).encode()

    def _pack(self, request: Request, answer: Answer) -> bytes:
        reason = http.HTTPStatus(answer.status).phrase
        headers = {'Cache-Control': 'no-store', **answer.headers,
                   'Content-Length': str(len(answer.body))}
        if self.close_connection:
            headers['Connection'] = 'close'
        head = ''.join(f'{name}: {value}\r\n'
                       for name, value in headers.items())
        body = b'' if request.method == 'HEAD' else answer.body
        return (f'HTTP/1.1 {answer.status} {reason}\r\n{head}\r\n'.encode()
                + body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""


def listen(host: str, port: int, context: ssl.SSLContext,
           serve: Callable[[Request], Answer | None]) -> Listener:
    """:param serve: gives ``None`` to close the connection instead.
    :returns: what speaks HTTPS until it is stopped."""
    return Listener(host, port, lambda sock: _Connection(sock, serve),
                    context)
