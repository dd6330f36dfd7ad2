# SPDX-License-Identifier: Apache-2.0
"""A web server that answers byte for byte what a test wants.

    with Site({'GET /': reply(200, b'hello')}) as site:
        ask(site.url)
        assert site.asked[0].headers['host'] == ...
"""

import dataclasses
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any, Self

Speak = Callable[[socket.socket], None]
_LENGTH = re.compile(rb'\r\ncontent-length: *([0-9]+)', re.IGNORECASE)


def reply(status: int = 200, body: object = b'', *headers: str) -> bytes:
    """:param body: bytes, or what becomes JSON.
    :param headers: whole lines.
    """
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f'HTTP/1.1 {status} Whatever', f'Content-Length: {len(content)}',
             *headers, '', '']
    return '\r\n'.join(lines).encode() + content


@dataclasses.dataclass(frozen=True)
class Asked:
    """One request.

    :ivar headers: names in lower case.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def what(self) -> str:
        return f'{self.method} {self.target}'

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Site:
    """Runs until the end of its ``with``; one request per connection.

    :param answers: ``METHOD target`` -> bytes, or what is done with the
        socket; a list of those for one after the other. All else is 404.
    :param context: for HTTPS.
    :ivar asked: all that came, oldest first.
    :ivar context: likewise; it may be replaced.
    """

    def __init__(self, answers: Mapping[str, Any] | None = None,
                 context: ssl.SSLContext | None = None,
                 host: str = '127.0.0.1') -> None:
        self.answers = dict(answers or {})
        self.asked: list[Asked] = []
        self.context = context
        self.stopping = threading.Event()
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        self._server = socket.create_server((host, 0), family=family)
        self.port = self._server.getsockname()[1]
        shown = f'[{host}]' if ':' in host else host
        self.url = f'http{"s" if context else ""}://{shown}:{self.port}'

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stopping.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(20)
        self._server.close()

    def _run(self) -> None:
        while True:
            try:
                sock = self._server.accept()[0]
            except OSError:
                return
            try:
                sock.settimeout(10)
                if self.context:
                    sock = self.context.wrap_socket(sock, server_side=True)
                self._answer(sock)
            except OSError:
                pass  # They have tests of their own.
            finally:
                sock.close()

    def _answer(self, sock: socket.socket) -> None:
        data = b''
        while True:
            head, end, body = data.partition(b'\r\n\r\n')
            found = _LENGTH.search(head)
            if end and len(body) >= (int(found[1]) if found else 0):
                break
            piece = sock.recv(65536)
            if not piece:
                return
            data += piece
        first, *lines = head.decode('latin-1').split('\r\n')
        method, target, _ = first.split(' ')
        headers = {name.lower(): value for name, _, value
                   in (line.partition(': ') for line in lines)}
        asked = Asked(method, target, headers, body)
        self.asked.append(asked)
        answer = self.answers.get(asked.what, reply(404))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer(sock)
        else:
            sock.sendall(answer)
