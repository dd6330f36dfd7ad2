# SPDX-License-Identifier: Apache-2.0
"""What is tried on a proxy, and what of it counts as safe.

An attack is a function of a target that returns what happened, in words that
do not depend on the machine. Those with ``lab`` need a proxy started here.
"""

import contextlib
import dataclasses
import socket
import struct
import time
from collections.abc import Callable, Iterator

from tests.attacks.targets import HEAD_TIMEOUT, PUBLIC_HOST, Lab, Target
from tests.helpers.proxy import (
    BINARY,
    OTHER,
    PATIENCE,
    PING,
    SECRET,
    Browser,
    masked,
    path_to,
)
from tests.simulators.rfb_server import (
    BANNERS,
    PATTERN,
    Peer,
    dribble,
    echo,
    flood_of,
    good,
)

MIB = 1 << 20
#: Longest time for something to happen that happens at once if at all.
_MOMENT = 4.0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What an attack led to."""

    safe: bool
    text: str


@dataclasses.dataclass(frozen=True)
class Attack:
    """One of them.

    :ivar lab: it looks or acts behind the proxy.
    """

    name: str
    run: Callable[[Target], Outcome]
    lab: bool

    def try_on(self, target: Target) -> Outcome:
        try:
            return self.run(target)
        except Exception as exc:
            return Outcome(False, f'the proxy did not serve: '
                                  f'{type(exc).__name__}')


ATTACKS: list[Attack] = []


def attack(name: str, lab: bool = False,
           ) -> Callable[[Callable[[Target], Outcome]],
                         Callable[[Target], Outcome]]:
    """:param name: of it in the table."""
    def register(run: Callable[[Target], Outcome],
                 ) -> Callable[[Target], Outcome]:
        ATTACKS.append(Attack(name, run, lab))
        return run
    return register


def _lab(target: Target) -> Lab:
    assert target.lab
    return target.lab


# -- HTTP ---------------------------------------------------------------------

def _answer(target: Target, request: bytes) -> tuple[int, bytes]:
    """:returns: status, or 0 if it only closed, -1 if it only waits; and the
        head of the answer."""
    with target.connect() as sock:
        sock.settimeout(_MOMENT)
        data = b''
        try:
            with contextlib.suppress(ConnectionError):
                sock.sendall(request)
            while b'\r\n\r\n' not in data and len(data) < MIB:
                piece = sock.recv(65536)
                if not piece:
                    break
                data += piece
        except ConnectionError:
            pass
        except TimeoutError:
            return -1, data
    first = data.split(b'\r\n', 1)[0].split()
    return (int(first[1]) if len(first) > 1 else 0), data


def _upgrade(path: str, *headers: str, host: str = PUBLIC_HOST) -> bytes:
    return '\r\n'.join([
        f'GET {path} HTTP/1.1', f'Host: {host}', 'Connection: Upgrade',
        'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', *headers, '', '',
    ]).encode()


def _console(target: Target, request: bytes) -> Outcome:
    """Ask for one that must not be had."""
    with target.connect() as sock:
        sock.settimeout(_MOMENT)
        data = b''
        with contextlib.suppress(OSError):
            sock.sendall(request)
            while b'RFB 0' not in data and (piece := sock.recv(65536)):
                data += piece
    if b'RFB 0' in data:
        return Outcome(False, 'gets the console')
    status = int(data.split()[1]) if data else 0
    return Outcome(True, 'opens the WebSocket, then closes'
                   if status == 101 else _said(status))


def _said(status: int) -> str:
    return {0: 'closes without an answer', -1: 'waits',
            101: 'opens the WebSocket'}.get(status, f'answers {status}')


@attack('A wrong token')
def wrong_token(target: Target) -> Outcome:
    node = target.path.partition('node=')[2][:36]
    known = _answer(target, _upgrade(path_to(node, 'wrong')))
    unknown = _answer(target, _upgrade(path_to(OTHER, 'wrong')))
    # The second of its making is in some answers.
    if known[0] != unknown[0]:
        return Outcome(False, 'tells which nodes there are')
    return _console(target, _upgrade(path_to(node, 'wrong')))


@attack('The token in the log', lab=True)
def token_in_log(target: Target) -> Outcome:
    lab = _lab(target)
    with target.session() as browser:
        browser.send(b'x')
        browser.read(1)
    time.sleep(0.5)
    found = SECRET in lab.written() or path_to('', SECRET)[20:] in (
        lab.written())
    return Outcome(not found, 'is there' if found else 'is not there')


def _origin(name: str, origin: str, host: str) -> None:
    @attack(name)
    def try_origin(target: Target) -> Outcome:
        return _console(target, _upgrade(
            target.path, f'Origin: {origin}', host=host))


_origin('A page of another site', 'https://evil.example', PUBLIC_HOST)
_origin('A page on another port of the same host',
        'https://console.example.org:1', PUBLIC_HOST)
_origin('A page over http where the site has https',
        'http://' + PUBLIC_HOST, PUBLIC_HOST)
_origin('A page whose name was rebound to the proxy',
        'https://evil.example', 'evil.example')
_origin('A page without an origin of its own', 'null', PUBLIC_HOST)


@attack('Two requests, the first of which plants an origin')
def planted_origin(target: Target) -> Outcome:
    _answer(target, _upgrade(target.path, 'Origin: https://evil.example',
                             host='evil.example'))
    return _console(target, _upgrade(
        target.path, 'Origin: https://evil.example'))


ODD_PATHS = ('//evil.example', '//evil.example/%2f..', '///evil.example/..',
             '/\\evil.example', '/%5Cevil.example', '/%09/evil.example',
             'https:/evil.example', 'http://evil.example/', '/core',
             '//core')


@attack('Paths that make some servers redirect')
def redirects(target: Target) -> Outcome:
    hosts, any_at_all = False, False
    for path in ODD_PATHS:
        status, head = _answer(
            target, f'GET {path} HTTP/1.1\r\nHost: {PUBLIC_HOST}\r\n'
                    'Connection: close\r\n\r\n'.encode())
        any_at_all |= 300 <= status < 400
        hosts |= any(line.lower().startswith(b'location: ')
                     and b'evil' in line for line in head.split(b'\r\n'))
    if hosts:
        return Outcome(False, 'redirects to another host')
    return Outcome(not any_at_all, 'redirects within itself' if any_at_all
                   else 'redirects nowhere')


@attack('A list of its files')
def file_list(target: Target) -> Outcome:
    status, _ = _answer(target, b'GET /core/ HTTP/1.1\r\nHost: a\r\n'
                                b'Connection: close\r\n\r\n')
    return Outcome(status >= 400, _said(status))


@attack('A header without an end')
def endless_header(target: Target) -> Outcome:
    return _bomb(target, b'GET / HTTP/1.1\r\nX: ' + b'a' * (4 * MIB))


@attack('Ten thousand headers')
def many_headers(target: Target) -> Outcome:
    return _bomb(target, b'GET / HTTP/1.1\r\n'
                 + b''.join(b'X-%d: a\r\n' % n for n in range(10000)))


def _bomb(target: Target, data: bytes) -> Outcome:
    status, _ = _answer(target, data)
    return Outcome(status in (0, 400, 413, 414, 431), _said(status))


@attack('An upgrade with a body, to smuggle a request')
def smuggled_body(target: Target) -> Outcome:
    status, _ = _answer(target, _upgrade(target.path, 'Content-Length: 5')
                        + b'12345')
    return Outcome(status in (0, 400), _said(status))


@attack('An upgrade with a chunked body, likewise')
def smuggled_chunks(target: Target) -> Outcome:
    status, _ = _answer(target, _upgrade(
        target.path, 'Transfer-Encoding: chunked') + b'0\r\n\r\n')
    return Outcome(status in (0, 400), _said(status))


@attack('CONNECT, as to a proxy for anything')
def connect_anywhere(target: Target) -> Outcome:
    status, _ = _answer(target, b'CONNECT evil.example:80 HTTP/1.1\r\n'
                                b'Host: evil.example:80\r\n\r\n')
    return Outcome(status in (0, 400, 403, 405, 501), _said(status))


@attack('A hundred half requests', lab=True)
def slowloris(target: Target) -> Outcome:
    lab = _lab(target)
    count, before = 100, len(lab.processes())
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(target.connect()) for _ in range(count)]
        for sock in slow:
            sock.sendall(b'GET / HTTP/1.1\r\nHost: a\r\nX: ')
        # It comes after them, so all of them are being served by then.
        with target.session():
            more = max(0, len(lab.processes()) - before)
        deadline = time.monotonic() + HEAD_TIMEOUT + _MOMENT
        closed = sum(_ends(sock, deadline - time.monotonic())
                     for sock in slow)
    each = 'a process each' if more >= count // 2 else 'no process'
    ends = ('all are closed' if closed == count else
            'none is closed' if not closed else 'some are closed')
    return Outcome(closed == count and not more, f'{each}, {ends}')


def _ends(sock: socket.socket, patience: float) -> bool:
    sock.settimeout(max(0.01, patience))
    try:
        while sock.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


# -- WebSocket ----------------------------------------------------------------

def _frame(name: str, data: bytes) -> None:
    @attack(name)
    def try_frame(target: Target) -> Outcome:
        with target.session() as browser:
            browser.sock.settimeout(_MOMENT)
            return _told(browser, data)


def _told(browser: Browser, data: bytes) -> Outcome:
    try:
        with contextlib.suppress(ConnectionError):
            browser.sock.sendall(data)
        browser.read_to_end()
    except TimeoutError:
        return Outcome(False, 'goes on as if nothing had been')
    except Exception:
        return Outcome(False, 'breaks WebSocket itself')
    if not browser.closed:
        return Outcome(False, 'closes without a word')
    return Outcome(True, f'closes with {browser.closed[0]}')


_frame('A frame with reserved bits (compression)',
       b'\xc2' + masked(BINARY, b'x')[1:])
_frame('A frame of an unknown kind', masked(5, b'x'))
_frame('A frame without a mask', b'\x82\x01x')
_frame('A ping of a kilobyte', masked(PING, bytes(1024)))
_frame('A ping in two parts', masked(PING, b'x', fin=False))
_frame('A frame of 2^40 bytes, of which 8 MiB come',
       b'\x82\xff' + (1 << 40).to_bytes(8) + bytes(4 + 8 * MIB))
_frame('A close frame with a code that must not be sent',
       masked(8, struct.pack('>H', 1006)))
_frame('A hundred thousand frames of nothing',
       masked(BINARY, b'') * 100_000)


@attack('Compression is asked for')
def compression(target: Target) -> Outcome:
    status, head = _answer(target, _upgrade(
        target.path, 'Sec-WebSocket-Extensions: permessage-deflate'))
    agreed = b'sec-websocket-extensions' in head.lower()
    return Outcome(status == 101 and not agreed,
                   'agreed' if agreed else 'declined')


@attack('A browser that never reads', lab=True)
def dead_reader(target: Target) -> Outcome:
    lab, size = _lab(target), 128 * MIB
    with (lab.behaving(flood_of(size)) as number,
          target.open(receive_buffer=16384) as browser):
        browser.shake_hands()
        before = lab.memory()
        sent = _until_it_stops(lab.endpoint.peer(number))
        grown = lab.memory() - before
    if grown < 8 * MIB:
        return Outcome(sent < size, 'makes the server wait')
    return Outcome(False, 'takes all 128 MiB into memory' if sent >= size
                   else 'takes more and more into memory')


def _until_it_stops(peer: Peer) -> int:
    """:returns: bytes that it could get rid of."""
    sent, still = -1, 0
    while still < 4:
        still = still + 1 if sent == peer.sent else 0
        sent = peer.sent
        time.sleep(0.5)
    return sent


# -- RFB ----------------------------------------------------------------------

@attack('A viewer that chooses a security type nobody offered', lab=True)
def type_confusion(target: Target) -> Outcome:
    lab = _lab(target)
    with (lab.behaving(good()) as number, target.open() as browser):
        browser.sock.settimeout(_MOMENT)
        browser.read(12)
        browser.send(b'RFB 003.008\n')
        browser.read(1 + 1)
        browser.send(b'\x02' + b'\x01' + b'evil')
        try:
            browser.read_to_end()
            ended = True
        except TimeoutError:
            ended = False
        peers = lab.endpoint.peers[number:]
        through = any(b'evil' in peer.received for peer in peers)
    if through:
        return Outcome(False, 'is let through')
    return Outcome(ended, 'is turned away' if ended else 'is kept waiting')


@attack('Junk for an RFB handshake', lab=True)
def junk_handshake(target: Target) -> Outcome:
    lab = _lab(target)
    before = lab.written().count('Traceback')
    for junk in (b'\xff' * 12, b'RFB 00\xe9.008\n', bytes(300)):
        with target.open() as browser, contextlib.suppress(Exception):
            browser.sock.settimeout(_MOMENT)
            browser.read(12)
            browser.send(junk)
            browser.read_to_end()
    time.sleep(0.5)
    traces = lab.written().count('Traceback') - before
    return Outcome(not traces, 'tracebacks in the log' if traces
                   else 'ends, with a line in the log')


@attack('A server that announces a reason of 4 GiB and sends it', lab=True)
def reason_bomb(target: Target) -> Outcome:
    def behave(peer: Peer) -> None:
        peer.send(BANNERS['3.8'])
        peer.read(12)
        peer.send(b'\x00' + b'\xff' * 4)
        while peer.sent < 64 * MIB:
            peer.send(PATTERN)
        peer.wait_for_end()

    lab = _lab(target)
    with lab.behaving(behave) as number:
        with contextlib.suppress(Exception), target.open() as browser:
            browser.sock.settimeout(_MOMENT)
            browser.read_to_end()
        peer = lab.endpoint.peer(number)
        peer.wait_ended(_MOMENT)
        taken = peer.sent
    return Outcome(taken < 16 * MIB, 'is cut off' if taken < 16 * MIB
                   else 'is read to the end')


def _server(name: str, behaviour: Callable[[Peer], None]) -> None:
    @attack(name, lab=True)
    def try_server(target: Target) -> Outcome:
        with _lab(target).behaving(behaviour):
            try:
                with target.session() as browser:
                    browser.send(b'echo')
                    browser.read(4)
            except Exception:
                return Outcome(False, 'no console')
        return Outcome(True, 'a console')


_server('A server with types that nobody knows beside None',
        lambda peer: good(types=(129, 130, 13, 2, 1), after=echo)(peer))
_server('A server that speaks RFB 3.3', good('3.3', after=echo))
_server('A server that sends byte by byte', dribble(good(after=echo), 0.005))


# -- rights -------------------------------------------------------------------

@attack('A session whose console is disabled', lab=True)
def outlives_disable(target: Target) -> Outcome:
    with target.session() as browser:
        browser.sock.settimeout(10)
        with _lab(target).console_disabled():
            try:
                browser.read_to_end()
            except TimeoutError:
                return Outcome(False, 'goes on')
    return Outcome(bool(browser.closed), f'closes with {browser.closed[0]}'
                   if browser.closed else 'closes without a word')


@attack('The end of the service', lab=True)
def sigterm(target: Target) -> Outcome:
    lab = _lab(target)
    with target.session() as browser:
        browser.sock.settimeout(PATIENCE)
        processes = lab.processes()
        lab.terminate()
        try:
            browser.read_to_end()
        except TimeoutError:
            return Outcome(False, 'the session goes on for ever')
    if not lab.ends(processes):
        return Outcome(False, 'processes are left over')
    if not browser.closed:
        return Outcome(False, 'sessions end without a word')
    return Outcome(browser.closed[0] == 1001,
                   f'sessions are closed with {browser.closed[0]}')


def run(target: Target) -> Iterator[tuple[Attack, Outcome]]:
    """Try all that can be tried, in order."""
    for one in ATTACKS:
        if target.lab or not one.lab:
            yield one, one.try_on(target)
