# SPDX-License-Identifier: Apache-2.0
"""A client of a simulated BMC's pages that sees every byte.

It keeps cookies, and follows no redirection and no script.
"""

import base64
import contextlib
import http.client
import json
import ssl
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.helpers.redfish_client import PATIENCE, Reply
from tests.simulators.html5_bmc import Html5Bmc
from tests.simulators.html5_bmc.idrac import GET_KVM_SESSION
from tests.simulators.html5_bmc.supermicro import IKVM

#: Of an iLO and its greeting on the WebSocket.
CONSOLE = b'\x01\x20'
DENIED, GOOD, BUSY = b'\x51', b'\x52', b'\x53'


class Html5Client:
    """Asks one BMC, each time on a connection of its own.

    :ivar cookies: those that it got, by name.
    """

    def __init__(self, bmc: Html5Bmc) -> None:
        self.bmc = bmc
        self.cookies: dict[str, str] = {}
        self._context = ssl.create_default_context(cafile=bmc.ca_file)

    def ask(self, method: str, path: str, content: Any = None,
            headers: Mapping[str, str] | None = None) -> Reply:
        """:param content: bytes, or what becomes JSON."""
        connection = http.client.HTTPSConnection(
            self.bmc.host, self.bmc.port, timeout=PATIENCE,
            context=self._context)
        body = (content if content is None or isinstance(content, bytes)
                else json.dumps(content).encode())
        with contextlib.closing(connection):
            connection.request(method, path, body,
                               {'Cookie': self._cookie(), **(headers or {})})
            answer = connection.getresponse()
            reply = Reply(answer.status, answer.headers, answer.read())
        name, _, value = reply.headers.get('Set-Cookie', '').partition('=')
        if name:
            self.cookies[name] = value.partition(';')[0]
        return reply

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask('GET', path, headers={
            name.replace('_', '-'): value for name, value in headers.items()})

    def as_user(self, method: str, path: str, content: Any = None) -> Reply:
        """With Basic authentication."""
        both = f'{self.bmc.username}:{self.bmc.password}'.encode()
        return self.ask(method, path, content, {
            'Authorization': f'Basic {base64.b64encode(both).decode()}'})

    @contextlib.contextmanager
    def websocket(self, path: str, subprotocol: str = '',
                  ) -> Iterator[ClientConnection]:
        with connect(
                f'wss://{self.bmc.host}:{self.bmc.port}{path}',
                ssl=self._context, open_timeout=PATIENCE,
                additional_headers={'Cookie': self._cookie()},
                subprotocols=([Subprotocol(subprotocol)] if subprotocol
                              else None)) as socket:
            yield socket

    def _cookie(self) -> str:
        return '; '.join(f'{name}={value}'
                         for name, value in self.cookies.items())

    # -- vendors -------------------------------------------------------------

    def ilo_login(self, password: str = '') -> Reply:
        """:param password: if not the right one."""
        return self.ask('POST', '/json/login_session', {
            'method': 'login', 'user_login': self.bmc.username,
            'password': password or self.bmc.password})

    @contextlib.contextmanager
    def ilo_console(self) -> Iterator[tuple[ClientConnection, Any]]:
        """:returns: the WebSocket and the answer to its greeting."""
        with self.websocket('/wss/ircport') as socket:
            assert socket.recv(PATIENCE) == b'\x50'
            socket.send(CONSOLE + self.cookies['sessionKey'].encode())
            yield socket, socket.recv(PATIENCE)

    def supermicro_login(self, password: str = '') -> Reply:
        """:param password: if not the right one."""
        return self.ask('POST', '/cgi/login.cgi', urllib.parse.urlencode({
            'name': self.bmc.username,
            'pwd': password or self.bmc.password}).encode())

    def ikvm(self) -> Reply:
        """The IKVM node of Redfish."""
        return self.as_user('GET', IKVM)

    def kvm_session(self, name: str = 'Dell',
                    path: str = GET_KVM_SESSION) -> Reply:
        """Dell's ticket."""
        return self.as_user('POST', path, {'SessionTypeName': name})

    @contextlib.contextmanager
    def idrac_console(self) -> Iterator[ClientConnection]:
        """With a ticket that is used as its page uses it."""
        ticket = self.kvm_session().json
        with self.websocket(f'/vnc/vconsole?vck={ticket["TempUsername"]}',
                            'binary') as socket:
            assert socket.recv(PATIENCE) == b'\xf7\xb3'
            socket.send(b'\xf7\xb3' + ticket['TempPassword'].encode()
                        + bytes(8))
            yield socket


def message_of(reply: Any) -> str:
    """Of an error of Redfish."""
    [message] = reply.messages
    return str(message['Message'])
