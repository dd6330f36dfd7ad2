# SPDX-License-Identifier: Apache-2.0
"""HTTP and HTTPS, with what goes wrong below HTTP; what is asked and answered
is none of its business."""

import collections
import http
import http.server
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, Protocol

from tests.simulators.redfish_bmc.envelopes import Answer
from tests.simulators.redfish_bmc.knobs import Knobs
from tests.simulators.redfish_bmc.listener import SILENCE, Listener
from tests.simulators.redfish_bmc.service import Request

#: Bytes.
MAX_BODY = 1 << 20
#: What an answer without end ends with all the same.
HUGE = 1 << 30
#: Most different requests that are counted.
COUNTED = 10000


class Serve(Protocol):
    """What becomes of a request."""

    def __call__(self, request: Request, send: Callable[[bytes], object],
                 ) -> bool:
        """:param send: of raw HTTP.
        :returns: whether the connection may be used again."""


class _Connection(http.server.BaseHTTPRequestHandler):
    """Reads requests; all else is done by ``serve``."""

    protocol_version = 'HTTP/1.1'
    timeout = SILENCE

    def __init__(self, sock: socket.socket, serve: Serve) -> None:
        self._serve = serve
        server: Any = None
        super().__init__(sock, ('', 0), server)

    def _answer(self) -> None:
        length = self.headers.get('Content-Length', '0')
        if not length.isdecimal() or int(length) > MAX_BODY:
            self.send_error(413)
            return
        path = self.path.partition('?')[0].rstrip('/') or '/'
        request = Request(
            self.command, path,
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(length)))
        reusable = self._serve(request, self.wfile.write)
        self.close_connection = self.close_connection or not reusable

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = (  # noqa: N815
        _answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""


def listen(host: str, port: int, serve: Serve,
           context: ssl.SSLContext | None = None) -> Listener:
    """:param context: for HTTPS; ``None`` for HTTP.
    :returns: what speaks HTTP until it is stopped."""
    return Listener(host, port, lambda sock: _Connection(sock, serve),
                    context)


class FaultyWire:
    """Takes answers to the one who asked, unless knobs say otherwise.

    :param answer: what would be right.
    :ivar requests: how many came, by method and path.
    """

    def __init__(self, knobs: Knobs,
                 answer: Callable[[Request], Answer]) -> None:
        self._knobs = knobs
        self._right_answer = answer
        self._stopping = threading.Event()
        self.requests: collections.Counter[tuple[str, str]] = (
            collections.Counter())

    def stop(self) -> None:
        """Wake whoever is slow."""
        self._stopping.set()

    def __call__(self, request: Request, send: Callable[[bytes], object],
                 ) -> bool:
        knobs = self._knobs
        if len(self.requests) < COUNTED:
            self.requests[request.method, request.path] += 1
        if not request.is_meant(knobs):
            send(pack(request, self._right_answer(request)))
            return True
        if knobs.slow and self._stopping.wait(knobs.slow):
            return False
        if knobs.hit('cut'):
            return False
        lost = knobs.hit('lose')
        answer = self._right_answer(request)
        if lost:
            return False
        if knobs.body == 'huge':
            self._send_huge(send)
            return False
        if knobs.body == 'drip':
            return self._drip(pack(request, answer), send)
        if knobs.body == 'garbage':
            answer = Answer(200, b'<html><title>Loading</title>{"Id":',
                            {'Content-Type': 'application/json'})
        send(pack(request, answer))
        return True

    def _send_huge(self, send: Callable[[bytes], object]) -> None:
        send(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
             b'Connection: close\r\n\r\n{"Id": "')
        sent, piece = 0, b'x' * 65536
        while sent < HUGE and not self._stopping.is_set():
            send(piece)
            sent += len(piece)

    def _drip(self, data: bytes, send: Callable[[bytes], object]) -> bool:
        for number in range(len(data)):
            if self._stopping.wait(self._knobs.drip):
                return False
            send(data[number:number + 1])
        return True


def pack(request: Request, answer: Answer) -> bytes:
    """:returns: it as HTTP/1.1."""
    reason = http.HTTPStatus(answer.status).phrase
    headers = {'Content-Type': 'application/json;odata.metadata=minimal',
               'Cache-Control': 'no-cache', **answer.headers,
               'Content-Length': str(len(answer.body))}
    # Who asks for it and is not told so takes the connection for usable.
    if request.headers.get('connection', '').lower() == 'close':
        headers['Connection'] = 'close'
    head = ''.join(f'{name}: {value}\r\n' for name, value in headers.items())
    body = b'' if request.method == 'HEAD' else answer.body
    return f'HTTP/1.1 {answer.status} {reason}\r\n{head}\r\n'.encode() + body
