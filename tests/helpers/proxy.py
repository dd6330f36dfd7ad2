# SPDX-License-Identifier: Apache-2.0
"""A browser of the tests' own, and a running worker of the proxy.

The browser knows WebSocket and as much RFB as a refusal needs; it shares no
code with the proxy, so that it can judge it. Every wait ends by a deadline of
real time, which only a failing test reaches.
"""

import base64
import dataclasses
import gc
import hashlib
import os
import pathlib
import shutil
import socket
import ssl
import struct
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable
from typing import Any, Self

from ironic_console.common import tickets
from ironic_console.common.addresses import AddressPolicy, parse_networks
from ironic_console.common.clock import Clock
from ironic_console.common.nodes import NodeRecord, format_time
from ironic_console.common.nodes_memory import MemoryNodeStore
from ironic_console.common.secret import Secret
from ironic_console.common.tls import ClientTls, ServerTls
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.authorizer import AccessPolicy
from ironic_console.novncproxy.ledger import Ledger
from ironic_console.novncproxy.pages import PagePolicy
from ironic_console.novncproxy.relay import RelayLimits
from ironic_console.novncproxy.request import allowed_origins
from ironic_console.novncproxy.server import listen
from ironic_console.novncproxy.service import Common, Worker, load
from ironic_console.novncproxy.sessions import SessionPolicy
from ironic_console.novncproxy.settings import (
    ListenAddress,
    Settings,
    SetupLimits,
)

PATIENCE = 30.0
NODE = '7f3c8f0e-0000-4000-8000-000000000001'
OTHER = '7f3c8f0e-0000-4000-8000-000000000002'
SECRET = 'sEcret-of-the-node/+7' + 'k' * 22
PUBLIC_URL = 'https://console.example.org:6090/console.html'
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def wait_until(condition: Callable[[], Any], what: str,
               patience: float = PATIENCE) -> Any:
    """Wait for what another thread or process does.

    :returns: what the condition gave, once that is true.
    """
    deadline = time.monotonic() + patience
    while not (result := condition()):
        assert time.monotonic() < deadline, f'waited in vain: {what}'
        time.sleep(0.005)
    return result


def quiet(sock: socket.socket, seconds: float = 0.1) -> bool:
    """:returns: nothing arrives for a moment, not even the end."""
    sock.settimeout(seconds)
    try:
        sock.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return True
    finally:
        sock.settimeout(PATIENCE)
    return False


# -- nodes --------------------------------------------------------------------

def node_record(port: int = 5900, host: str = '127.0.0.1',
                uuid: str = NODE, *, secret: str | None = SECRET,
                ours: bool = True, enabled: bool = True,
                interface: str = 'fake-vnc', clock: Clock | None = None,
                endpoint: dict[str, Any] | None = None,
                credential: dict[str, str] | None = None) -> NodeRecord:
    """Make a node whose console is at an address.

    :param endpoint: more of what a driver says about it; without, security
        type None may be used.
    :param credential: what a driver stores to authenticate with.
    """
    info: dict[str, Any] = {'vnc_host': host, 'vnc_port': port}
    if ours:
        info['console_endpoint'] = {'host': host, 'port': port,
                                    'security_types': [1], **(endpoint or {})}
    if credential is not None:
        info['console_endpoint_secret'] = credential
    if secret is not None:
        info['novnc_secret_token'] = secret
        info['novnc_secret_token_created'] = format_time(
            (clock or Clock()).now())
    return NodeRecord.from_info(uuid, 'node-7', interface, enabled, info)


def ticket_for(record: NodeRecord, lifetime: float = 600,
               clock: Clock | None = None, read_only: bool = False) -> str:
    assert record.secret is not None
    return tickets.issue(Secret(record.secret.reveal()), record.uuid,
                         (clock or Clock()).now(), lifetime, read_only)


def path_to(node: str, token: str) -> str:
    """:returns: target of the WebSocket of a console."""
    query = urllib.parse.urlencode({'node': node, 'token': token})
    return f'/websockify?{query}'


# -- the browser --------------------------------------------------------------

class BrokenFrame(AssertionError):
    """The proxy sent what is no WebSocket."""


class FrameReader:
    """Decodes what a server sends. RFC 6455 §5.2."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """:returns: opcode and payload of each frame that is complete."""
        self._data += data
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    @property
    def unread(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self._data)

    def _next(self) -> tuple[int, bytes] | None:
        data = self._data
        if len(data) < 2:
            return None
        if data[0] & 0xf0 != 0x80:
            raise BrokenFrame(f'first byte of a frame is {data[0]:#x}')
        if data[1] & 0x80:
            raise BrokenFrame('a server does not mask')
        opcode, size, head = data[0] & 15, data[1], 2
        if opcode not in (BINARY, CLOSE, PING, PONG):
            raise BrokenFrame(f'opcode {opcode}')
        if size > 125:
            if opcode != BINARY:
                raise BrokenFrame('control frame is too long')
            wide = 2 if size == 126 else 8
            head += wide
            if len(data) < head:
                return None
            size = int.from_bytes(data[2:head])
            if size < 126 or (wide == 8 and size < 65536):
                raise BrokenFrame(f'length {size} in {wide} bytes')
        if len(data) < head + size:
            return None
        payload = bytes(data[head:head + size])
        del data[:head + size]
        return opcode, payload


def masked(opcode: int, payload: bytes, *, fin: bool = True,
           mask: bytes = b'\x37\xfa\x21\x3d') -> bytes:
    """:returns: a frame of a browser."""
    first = (0x80 if fin else 0) | opcode
    size = len(payload)
    if size < 126:
        head = struct.pack('>BB', first, 0x80 | size)
    elif size < 65536:
        head = struct.pack('>BBH', first, 0x80 | 126, size)
    else:
        head = struct.pack('>BBQ', first, 0x80 | 127, size)
    key = (mask * (size // 4 + 1))[:size]
    body = (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)
    return head + mask + body


@dataclasses.dataclass
class Response:
    """Answer to an HTTP request; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class HTTPConnection:
    """A socket and what HTTP says on it; a context manager.

    :param context: for TLS.
    """

    def __init__(self, address: tuple[str, int],
                 context: ssl.SSLContext | None = None,
                 receive_buffer: int = 0) -> None:
        family = socket.AF_INET6 if ':' in address[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                 receive_buffer)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.sock.connect(address)
            if context:
                self.sock = context.wrap_socket(
                    self.sock, server_hostname='localhost')
        except BaseException:
            self.sock.close()
            raise
        self.rest = b''

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def request(self, target: str, *headers: str, method: str = 'GET',
                host: str = 'console.example.org') -> Response:
        """Ask and read the answer."""
        lines = [f'{method} {target} HTTP/1.1', f'Host: {host}', *headers]
        self.send('\r\n'.join([*lines, '', '']).encode('latin-1'))
        return self.read_response(method == 'HEAD')

    def read_response(self, head_only: bool = False) -> Response:
        while b'\r\n\r\n' not in self.rest:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError(f'closed after {self.rest!r}')
            self.rest += data
        head, _, self.rest = self.rest.partition(b'\r\n\r\n')
        first, *lines = head.decode('latin-1').split('\r\n')
        headers = {}
        for line in lines:
            name, _, value = line.partition(':')
            assert name.lower() not in headers, f'{name} is there twice'
            headers[name.lower()] = value.strip()
        status = int(first.split()[1])
        size = 0
        if not head_only and status not in (101, 304):
            size = int(headers['content-length'])
        while len(self.rest) < size:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError('closed in a body')
            self.rest += data
        body, self.rest = self.rest[:size], self.rest[size:]
        return Response(status, headers, body)

    def is_closed(self) -> bool:
        """Wait for the end, which must come without a further byte."""
        try:
            return self.sock.recv(1) == b''
        except ConnectionError:
            return True

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Close so that the peer's kernel is told with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack('ii', 1, 0))
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def http_get(address: tuple[str, int], target: str, *headers: str,
             method: str = 'GET', context: ssl.SSLContext | None = None,
             ) -> Response:
    with HTTPConnection(address, context) as connection:
        return connection.request(target, *headers, method=method)


class WebSocketPeer:
    """Frames in both directions over a connected socket.

    :ivar pings: how many it was sent; each is answered.
    :ivar closed: code and reason of the close frame.
    :ivar frames: sizes of the binary frames so far.
    """

    def __init__(self, sock: socket.socket, rest: bytes = b'',
                 answers_pings: bool = True) -> None:
        self.sock = sock
        self.pings = 0
        self.closed: tuple[int, str] | None = None
        self.frames: list[int] = []
        self._answers_pings = answers_pings
        self._reader = FrameReader()
        self._data = bytearray()
        self._take(rest)

    def send(self, data: bytes) -> None:
        self.send_frame(BINARY, data)

    def send_frame(self, opcode: int, payload: bytes = b'', *,
                   fin: bool = True) -> None:
        self.sock.sendall(masked(opcode, payload, fin=fin))

    def read(self, size: int) -> bytes:
        """:raises EOFError: the proxy closed before."""
        while len(self._data) < size:
            if self.closed or not self._receive():
                raise EOFError(f'closed with {self.closed} after '
                               f'{bytes(self._data[-64:])!r}')
        data = bytes(self._data[:size])
        del self._data[:size]
        return data

    def read_to_end(self) -> bytes:
        """Read until the close frame, answer it, and see the connection
        closed.

        :returns: payload that came before.
        """
        while not self.closed and self._receive():
            pass
        if self.closed:
            self._farewell()
            assert not self._reader.unread
        data = bytes(self._data)
        self._data.clear()
        return data

    def wait_closed(self) -> tuple[int, str]:
        """:returns: code and reason of the close frame."""
        self.read_to_end()
        assert self.closed, 'there was no close frame'
        return self.closed

    def close_politely(self) -> None:
        """Close as browsers do: close frame, answer, end."""
        self.send_frame(CLOSE, struct.pack('>H', 1000))
        self.read_to_end()
        self.sock.close()

    def _farewell(self) -> None:
        assert self.closed
        try:
            self.send_frame(CLOSE, struct.pack('>H', self.closed[0]))
            while self.sock.recv(65536):
                pass
        except (ConnectionError, ssl.SSLError):
            return

    def _receive(self) -> bool:
        try:
            data = self.sock.recv(1024 * 1024)
        except (ConnectionError, ssl.SSLEOFError):
            return False
        self._take(data)
        return bool(data)

    def _take(self, data: bytes) -> None:
        for opcode, payload in self._reader.feed(data):
            if self.closed:
                raise BrokenFrame('a frame behind the close frame')
            if opcode == BINARY:
                self.frames.append(len(payload))
                self._data += payload
            elif opcode == PING:
                self.pings += 1
                if self._answers_pings:
                    self.send_frame(PONG, payload)
            elif opcode == CLOSE:
                code = struct.unpack('>H', payload[:2])[0]
                self.closed = code, payload[2:].decode()


class Refused(Exception):
    """The proxy said no.

    :ivar response: of HTTP, before the upgrade.
    """

    def __init__(self, response: Response) -> None:
        super().__init__(f'{response.status} {response.body!r}')
        self.response = response


class RefusedInside(Exception):
    """The proxy said no inside RFB; ``str()`` is its reason."""


class Browser(WebSocketPeer):
    """A viewer in a browser; a context manager.

    :param address: of the proxy.
    :param target: path and query.
    :param headers: more lines of the request.
    :param early: sent in one piece with the request.
    :raises Refused: there was no 101.
    """

    def __init__(self, address: tuple[str, int], target: str,
                 *headers: str, context: ssl.SSLContext | None = None,
                 receive_buffer: int = 0, answers_pings: bool = True,
                 early: bytes = b'') -> None:
        self.http = HTTPConnection(address, context, receive_buffer)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f'GET {target} HTTP/1.1', 'Host: console.example.org',
                 'Connection: Upgrade', 'Upgrade: websocket',
                 'Sec-WebSocket-Version: 13', f'Sec-WebSocket-Key: {key}',
                 *headers, '', '']
        try:
            self.http.send('\r\n'.join(lines).encode('latin-1') + early)
            response = self.http.read_response()
            if response.status != 101:
                raise Refused(response)
            _check_accept(response, key)
        except BaseException:
            self.http.close()
            raise
        self.upgrade = response
        super().__init__(self.http.sock, self.http.rest, answers_pings)

    def shake_hands(self, banner: bytes = b'RFB 003.008\n') -> bytes:
        """Go through the RFB handshake, as versions 3.3, 3.7 or 3.8.

        :returns: ServerInit.
        :raises RefusedInside: the proxy offers no security type.
        """
        assert self.read(12) == b'RFB 003.008\n'
        self.send(banner)
        if banner in (b'RFB 003.007\n', b'RFB 003.008\n'):
            self._choose_security(banner == b'RFB 003.008\n')
        else:
            number = int.from_bytes(self.read(4))
            if number == 0:
                raise self._refusal()
            assert number == 1
        self.send(b'\x01')
        head = self.read(24)
        return head + self.read(int.from_bytes(head[20:]))

    def read_refusal(self) -> str:
        """:returns: why the proxy offers no security type."""
        try:
            self.shake_hands()
        except RefusedInside as exc:
            return str(exc)
        raise AssertionError('the proxy did not refuse')

    def _choose_security(self, with_result: bool) -> None:
        count = self.read(1)[0]
        if count == 0:
            raise self._refusal()
        assert self.read(count) == b'\x01', 'only None is offered'
        self.send(b'\x01')
        if with_result:
            assert self.read(4) == bytes(4)

    def _refusal(self) -> RefusedInside:
        return RefusedInside(
            self.read(int.from_bytes(self.read(4))).decode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()


def _check_accept(response: Response, key: str) -> None:
    guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
    digest = hashlib.sha1((key + guid).encode()).digest()
    wanted = base64.b64encode(digest).decode()
    assert response.headers['sec-websocket-accept'] == wanted
    assert response.headers['upgrade'].lower() == 'websocket'
    assert 'sec-websocket-extensions' not in response.headers


# -- the worker ---------------------------------------------------------------

#: Which a busy machine does not reach.
SETUP = SetupLimits(head_timeout=60.0, keepalive_timeout=2.0,
                    connect_timeout=60.0, handshake_timeout=60.0,
                    browser_handshake_timeout=60.0)
#: For tests of what happens when they have passed.
IMPATIENT = SetupLimits(head_timeout=2.0, keepalive_timeout=2.0,
                        connect_timeout=1.0, handshake_timeout=1.0,
                        browser_handshake_timeout=1.0)
RELAY = RelayLimits()
SESSIONS = SessionPolicy(recheck_interval=0.05, database_grace=60.0)


def fake_novnc(folder: pathlib.Path) -> pathlib.Path:
    """Make a folder that looks like noVNC's, with one file.

    :returns: that folder.
    """
    (folder / 'core').mkdir(parents=True, exist_ok=True)
    (folder / 'core' / 'rfb.js').write_text('export default class {}\n')
    return folder


def make_settings(novnc_root: pathlib.Path, *, host: str = '127.0.0.1',
                  tls: ServerTls | None = None,
                  setup: SetupLimits = SETUP, relay: RelayLimits = RELAY,
                  sessions: SessionPolicy = SESSIONS,
                  origins: tuple[str, ...] = (),
                  networks: tuple[str, ...] = ('127.0.0.0/8', '::1/128'),
                  drain_timeout: float = 0.0,
                  endpoint_tls: ClientTls | None = None,
                  read_only: bool = False,
                  trusted_proxies: tuple[str, ...] = ()) -> Settings:
    """:returns: settings that allow endpoints on this machine."""
    return Settings(
        listen=ListenAddress(host, 0, tls),
        access=AccessPolicy(allowed_origins(PUBLIC_URL, origins), 600,
                            read_only=read_only),
        pages=PagePolicy(fake_novnc(novnc_root)),
        sessions=dataclasses.replace(sessions, read_only=read_only),
        setup=setup, relay=relay,
        addresses=AddressPolicy(parse_networks(networks)),
        endpoint_tls=endpoint_tls or ClientTls(), workers=1,
        trusted_proxies=parse_networks(trusted_proxies),
        runtime_dir='', metrics=None, gateway=None, viewers=None,
        database_timeout=5, drain_timeout=drain_timeout)


class RunningWorker:
    """The whole proxy but for its process; a context manager.

    :param settings: see :func:`make_settings`.
    :param records: nodes to begin with.
    :param ledger: of it and of others; its own if None.
    :param viewers: listener for people's own viewers.
    :ivar store: its nodes, to be changed by the test.
    :ivar address: where it listens.
    """

    def __init__(self, settings: Settings, *records: NodeRecord,
                 ledger: Ledger | None = None,
                 viewers: socket.socket | None = None) -> None:
        self.settings = settings
        self.store = MemoryNodeStore(*records)
        self._listener = listen(settings.listen.host, 0)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self.common = Common(
            self._listener, ledger or Ledger(settings.sessions.max_sessions),
            pathlib.Path(tempfile.mkdtemp(prefix='worker-')),
            viewers_listener=viewers)
        self.worker = Worker(self.common, load(settings), self.store,
                             Clock())

    def reload(self, settings: Settings) -> None:
        self.worker.reload(load(settings))

    def open(self, record: NodeRecord, *headers: str,
             read_only: bool = False, **options: Any) -> Browser:
        """Open a console with a good ticket."""
        ticket = ticket_for(record, read_only=read_only)
        return Browser(self.address, path_to(record.uuid, ticket),
                       *headers, **options)

    def sessions(self) -> int:
        """:returns: how many are open."""
        return len(self.worker._sessions)

    def __enter__(self) -> Self:
        self.worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Nobody has to wait for browsers that a failed test forgot.
        self.worker._relay.stop(close_reasons.SHUTDOWN, 0)
        self.worker.drain()
        self._listener.close()
        shutil.rmtree(self.common.runtime_folder)


# -- what a process holds -----------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Holdings:
    """What must not grow."""

    descriptors: int
    threads: int

    @classmethod
    def now(cls) -> Self:
        gc.collect()
        return cls(len(os.listdir('/proc/self/fd')),
                   threading.active_count())

    def wait_for_return(self) -> None:
        """Wait until this process holds no more than it did."""
        def is_back() -> bool:
            now = Holdings.now()
            return (now.descriptors <= self.descriptors
                    and now.threads <= self.threads)
        wait_until(is_back, f'back to {self}')


def resident_bytes(pid: int | str = 'self') -> int:
    """:returns: memory of a process."""
    status = pathlib.Path(f'/proc/{pid}/statm').read_text().split()
    return int(status[1]) * os.sysconf('SC_PAGE_SIZE')
