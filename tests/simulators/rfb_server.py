# SPDX-License-Identifier: Apache-2.0
"""A VNC endpoint that behaves as it is told, well or badly, on real sockets.

It judges the product and therefore imports nothing of it. In a test::

    with RfbServer(good(version='3.7', name='node-1', after=echo)) as server:
        ... connect to server.host, server.port ...
        peer = server.peer()            # the first connection, from its start
        assert peer.wait_ended()        # it has gone
        assert peer.received == b'RFB 003.007\n' + b'\x01' + b'\x01' + b'hi'

    with RfbServer(cut(good(), after=20, reset=True)) as server: ...
    with RfbServer(flood_of(64 << 20)) as server:
        ... server.peer().sent ...      # how much it could get rid of
    with black_hole() as (host, port): ...      # a connect never ends
    with refused_port() as (host, port): ...    # a connect fails at once

As a program, until it is interrupted::

    python -m tests.simulators.rfb_server --port 5900 --behaviour echo

A behaviour is a function of a :class:`Peer`, run on a thread of its own. All
of it ends when the server is stopped; what it remembers has a limit. Nothing
sleeps but a dribbling and a late peer.
"""

import argparse
import contextlib
import http.server
import itertools
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Self

#: For waits that only a failing test sees the end of, seconds.
PATIENCE = 30.0
#: Most bytes that are remembered of one connection.
MAX_REMEMBERED = 64 << 20
MAX_PEERS = 4096
#: What a flood consists of, over and over again.
PATTERN = bytes(range(256)) * 256

BANNERS = {'3.3': b'RFB 003.003\n', '3.7': b'RFB 003.007\n',
           '3.8': b'RFB 003.008\n'}
#: 32 bits per pixel, depth 24, little-endian, red 16, green 8, blue 0.
PIXEL_FORMAT = bytes.fromhex('20180001 00ff00ff00ff 100800 000000')

#: Raw, CopyRect, Hextile, DesktopSize.
IDRAC8_ENCODINGS = (0, 1, 5, -223)

HTTP_400 = (b'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n'
            b'Connection: close\r\n\r\n')
SSH_BANNER = b'SSH-2.0-OpenSSH_9.2p1\r\n'
#: Fatal, unexpected_message. RFC 8446 section 6.
TLS_ALERT = bytes.fromhex('15 0303 0002 02 0a')
ODD_TYPES = (129, 130, 13, 2, 1)


class PeerGone(Exception):
    """The other end has closed, or the simulator is being stopped."""


class Peer:
    """One connection, as a behaviour sees it.

    :ivar received: all that came, from the first byte on.
    :ivar sent: number of bytes that the kernel has taken.
    :ivar end: '' while it lives, then how it ended: 'closed by peer',
        'reset by peer', 'closed', 'reset' or 'stopped'.
    :ivar trouble: the exception of a behaviour that failed, a bug of ours.
    """

    def __init__(self, sock: socket.socket, stopping: threading.Event,
                 ) -> None:
        self.socket = sock
        self.received = bytearray()
        self.sent = 0
        self.end = ''
        self.trouble: BaseException | None = None
        self._pace = 0.0
        self._budget: int | None = None
        self._reset_at_budget = False
        self._stopping = stopping
        self._changed = threading.Condition()

    # -- for behaviours ------------------------------------------------------

    def dribble(self, pace: float) -> None:
        """From now on send byte by byte.

        :param pace: seconds between two bytes.
        """
        self._pace = pace

    def linger(self, seconds: float) -> None:
        """Do nothing for a while."""
        if self._stopping.wait(seconds):
            raise self._gone(None)

    def cut_after(self, count: int, reset: bool) -> None:
        """Close as soon as that many bytes are sent."""
        self._budget, self._reset_at_budget = count, reset
        self._check_budget()

    def send(self, data: bytes) -> None:
        """Send all of it, however long that takes."""
        if self._budget is not None:
            data = data[:self._budget - self.sent]
        rest = memoryview(data)
        while rest:
            piece = rest[:1] if self._pace else rest
            try:
                count = self.socket.send(piece)
            except OSError as exc:
                raise self._gone(exc) from exc
            rest = rest[count:]
            with self._changed:
                self.sent += count
                self._changed.notify_all()
            if self._pace:
                self.linger(self._pace)
        self._check_budget()

    def receive(self, most: int = 65536) -> bytes:
        """:returns: what is there, after waiting for it."""
        try:
            data = self.socket.recv(most)
        except OSError as exc:
            raise self._gone(exc) from exc
        if not data:
            raise self._gone(None)
        with self._changed:
            room = MAX_REMEMBERED - len(self.received)
            self.received += data[:room]
            self._changed.notify_all()
        return data

    def read(self, size: int) -> bytes:
        """:returns: exactly so many bytes that no one has read before."""
        data = b''
        while len(data) < size:
            data += self.receive(size - len(data))
        return data

    def wait_for_end(self) -> None:
        """Take what comes until the other end closes."""
        while True:
            self.receive()

    def close(self) -> None:
        self._finish('closed')
        raise PeerGone

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack('ii', 1, 0))
        self._finish('reset')
        raise PeerGone

    # -- for tests -----------------------------------------------------------

    def wait_received(self, count: int, timeout: float = PATIENCE) -> bytes:
        """:returns: all that came, as soon as it is so many bytes; less when
            it has ended or time is up."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.end or len(self.received) >= count, timeout)
            return bytes(self.received)

    def wait_sent(self, count: int, timeout: float = PATIENCE) -> int:
        """:returns: number of bytes sent, likewise."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.end or self.sent >= count, timeout)
            return self.sent

    def wait_ended(self, timeout: float = PATIENCE) -> str:
        """:returns: how it ended; '' if it has not."""
        with self._changed:
            self._changed.wait_for(lambda: self.end, timeout)
            return self.end

    # -- for the server ------------------------------------------------------

    def run(self, behaviour: 'Behaviour') -> None:
        try:
            behaviour(self)
            self.close()
        except PeerGone:
            pass
        except BaseException as exc:
            self.trouble = exc
        self._finish('closed')

    def stop(self) -> None:
        """Make every call of its behaviour fail."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def _check_budget(self) -> None:
        if self._budget is not None and self.sent >= self._budget:
            if self._reset_at_budget:
                self.reset()
            self.close()

    def _gone(self, exc: OSError | None) -> PeerGone:
        if self._stopping.is_set():
            self._finish('stopped')
        elif exc is None:
            self._finish('closed by peer')
        else:
            self._finish('reset by peer')
        return PeerGone()

    def _finish(self, end: str) -> None:
        with self._changed:
            self.end = self.end or end
            self._changed.notify_all()
        self.socket.close()


Behaviour = Callable[[Peer], None]


# -- good servers -------------------------------------------------------------

def collect(peer: Peer) -> None:
    """After the handshake: take everything, say nothing."""
    peer.wait_for_end()


def echo(peer: Peer) -> None:
    """After the handshake: send back every byte."""
    while True:
        peer.send(peer.receive())


def flood(size: int) -> Behaviour:
    """After the handshake: send ``size`` bytes of PATTERN as fast as they
    are taken, then wait."""
    def behave(peer: Peer) -> None:
        left = size
        while left:
            piece = PATTERN[:left]
            peer.send(piece)
            left -= len(piece)
        peer.wait_for_end()
    return behave


def show(colour: int, bears: Collection[int] | None = None) -> Behaviour:
    """After the handshake: a screen of one colour, in Raw, that never changes.

    :param colour: 24 bits of red, green and blue.
    :param bears: encodings that it knows. Like an iDRAC 7 or 8 it sends
        nothing while the last SetEncodings listed any other. ``None`` if it
        minds none.
    """
    def behave(peer: Peer) -> None:
        upset = False
        while True:
            kind = peer.read(1)[0]
            if kind == 2:
                count = struct.unpack('>xH', peer.read(3))[0]
                asked = struct.unpack(f'>{count}i', peer.read(4 * count))
                upset = bears is not None and not set(asked) <= set(bears)
            elif kind == 3:
                incremental, *box = struct.unpack('>B4H', peer.read(9))
                if not upset and not incremental:
                    peer.send(_filled(box, colour))
            elif kind == 6:
                peer.read(struct.unpack('>3xI', peer.read(7))[0])
            else:
                # SetPixelFormat, KeyEvent, PointerEvent; it knows no others.
                peer.read({0: 19, 4: 7, 5: 5}[kind])
    return behave


def _filled(box: Sequence[int], colour: int) -> bytes:
    """:returns: a FramebufferUpdate; RFC 6143 section 7.6.1."""
    x, y, width, height = box
    return (struct.pack('>BxH4Hi', 0, 1, x, y, width, height, 0)
            + struct.pack('<I', colour) * (width * height))


def hang_up(peer: Peer) -> None:
    """After the handshake: close."""
    peer.close()


def pack_server_init(width: int, height: int, name: bytes) -> bytes:
    """RFC 6143 section 7.3.2."""
    return (struct.pack('>HH', width, height) + PIXEL_FORMAT
            + struct.pack('>I', len(name)) + name)


def good(version: str = '3.8', banner: bytes = b'',
         types: tuple[int, ...] = (1,), width: int = 800, height: int = 600,
         name: str | bytes = 'simulator', after: Behaviour = collect,
         ) -> Behaviour:
    """A server that lets everyone in.

    :param version: whose rules it keeps to: '3.3', '3.7' or '3.8'.
    :param banner: 12 bytes to announce instead of that version.
    :param types: security types that it lists; whatever the client chooses,
        it is treated as None. The first of them decides in 3.3.
    :param after: what it does behind ServerInit.
    """
    text = name.encode() if isinstance(name, str) else name

    def behave(peer: Peer) -> None:
        peer.send(banner or BANNERS[version])
        peer.read(12)
        if version == '3.3':
            peer.send(struct.pack('>I', types[0]))
        else:
            peer.send(bytes((len(types), *types)))
            peer.read(1)
        if version == '3.8':
            peer.send(bytes(4))
        peer.read(1)
        peer.send(pack_server_init(width, height, text))
        after(peer)
    return behave


def echo_server() -> Behaviour:
    return good(after=echo)


def flood_of(size: int) -> Behaviour:
    return good(after=flood(size))


# -- bad ones -----------------------------------------------------------------

def says(*pieces: bytes, reset: bool = False, close: bool = False,
         ) -> Behaviour:
    """Say each piece, waiting for a byte of the client between two of them;
    then stay, or leave.

    A piece ``b''`` says nothing and waits.
    """
    def behave(peer: Peer) -> None:
        for number, piece in enumerate(pieces):
            if number:
                peer.receive()
            peer.send(piece)
        if reset:
            peer.reset()
        if not close:
            peer.wait_for_end()
    return behave


def silent() -> Behaviour:
    """Takes the connection and never says a word."""
    return collect


def dribble(behaviour: Behaviour, pace: float = 0.001) -> Behaviour:
    """Another behaviour, one byte at a time."""
    def behave(peer: Peer) -> None:
        peer.dribble(pace)
        behaviour(peer)
    return behave


def late(behaviour: Behaviour, delay: float) -> Behaviour:
    """Another behaviour, after some seconds of silence.

    An iDRAC can take six of them before its banner.
    """
    def behave(peer: Peer) -> None:
        peer.linger(delay)
        behaviour(peer)
    return behave


def cut(behaviour: Behaviour, after: int, reset: bool = False) -> Behaviour:
    """Another behaviour that ends when ``after`` bytes have been sent."""
    def behave(peer: Peer) -> None:
        peer.cut_after(after, reset)
        behaviour(peer)
    return behave


def refuses(version: str = '3.8', reason: bytes = b'too many sessions',
            length: int | None = None) -> Behaviour:
    """Offer no security type, and say why. RFC 6143 section 7.1.2.

    :param length: what it announces, if not the reason's own.
    """
    none = bytes(4) if version == '3.3' else b'\x00'
    if length is None:
        length = len(reason)
    return says(BANNERS[version],
                none + struct.pack('>I', length) + reason, close=True)


def reason_bomb(version: str = '3.8') -> Behaviour:
    """Announces a reason of 4 GiB and begins with it."""
    none = bytes(4) if version == '3.3' else b'\x00'
    return says(BANNERS[version], none + b'\xff' * 4 + b'a' * 60000)


def failure_bomb() -> Behaviour:
    """Fails the authentication and announces a reason of 4 GiB."""
    return says(BANNERS['3.8'], b'\x01\x01',
                b'\x00\x00\x00\x01' + b'\xff' * 4 + b'a' * 60000)


def name_bomb() -> Behaviour:
    """Announces a desktop name of 4 GiB and begins with it."""
    head = pack_server_init(800, 600, b'')[:-4]
    return says(BANNERS['3.8'], b'\x01\x01', bytes(4),
                head + b'\xff' * 4 + b'a' * 60000)


def many_types() -> Behaviour:
    """Announces 255 security types and never lists them."""
    return says(BANNERS['3.8'], b'\xff')


def odd_types() -> Behaviour:
    """Lists what hardly anybody knows before what everybody knows."""
    return good(types=ODD_TYPES)


def only_vnc_auth(version: str = '3.8') -> Behaviour:
    """Wants a password."""
    offer = b'\x00\x00\x00\x02' if version == '3.3' else b'\x01\x02'
    return says(BANNERS[version], offer)


# -- no VNC servers at all ----------------------------------------------------

class _Page(http.server.BaseHTTPRequestHandler):
    """What an embedded web server shows."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header('Content-Type', 'text/html')
        self.send_header('Content-Length', '0')
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""


def web_server(peer: Peer) -> None:
    """Python's HTTP server, which waits to be asked."""
    server: Any = None
    with contextlib.suppress(OSError):
        _Page(peer.socket, ('peer', 0), server)
    peer.close()


def tls_server(context: ssl.SSLContext, below: Behaviour = collect,
               ) -> Behaviour:
    """A TLS server, which waits for a ClientHello; inside it another
    behaviour."""
    def behave(peer: Peer) -> None:
        try:
            peer.socket = context.wrap_socket(peer.socket, server_side=True)
        except OSError as exc:
            peer.socket.close()
            raise PeerGone from exc
        below(peer)
    return behave


#: Name on the command line -> behaviour, with defaults.
BEHAVIOURS: dict[str, Callable[[], Behaviour]] = {
    'collect': good,
    'echo': echo_server,
    'show': lambda: good(after=show(0x2f6fb5)),
    'show-idrac8': lambda: good(after=show(0x2f6fb5, IDRAC8_ENCODINGS)),
    'flood': lambda: flood_of(1 << 30),
    'hang-up': lambda: good(after=hang_up),
    'dribble': lambda: dribble(good()),
    'silent': silent,
    'http': lambda: web_server,
    'http-at-once': lambda: says(HTTP_400, close=True),
    'ssh': lambda: says(SSH_BANNER),
    'tls-alert': lambda: says(TLS_ALERT, close=True),
    'refuses': refuses,
    'reason-bomb': reason_bomb,
    'failure-bomb': failure_bomb,
    'name-bomb': name_bomb,
    'many-types': many_types,
    'odd-types': odd_types,
    'only-vncauth': only_vnc_auth,
}


# -- the server ---------------------------------------------------------------

class RfbServer:
    """Listens, and runs a behaviour for each connection.

    :param behaviour: of every connection; it may be exchanged at any time.
    :param port: 0 for a free one.
    :ivar host: address that it listens on.
    :ivar port: the real one.
    :ivar peers: connections so far, oldest first.
    """

    def __init__(self, behaviour: Behaviour, host: str = '127.0.0.1',
                 port: int = 0) -> None:
        self.behaviour = behaviour
        self.peers: list[Peer] = []
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(
            (host, port), backlog=1024, family=_family(host))
        self.host, self.port = self._listener.getsockname()[:2]
        self._main = threading.Thread(target=self._serve, daemon=True,
                                      name='rfb simulator')
        self._main.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def peer(self, number: int = 0, timeout: float = PATIENCE) -> Peer:
        """:returns: a connection, after waiting for it."""
        with self._changed:
            if not self._changed.wait_for(
                    lambda: len(self.peers) > number, timeout):
                raise AssertionError(
                    f'connection {number} never came, only '
                    f'{len(self.peers)} did')
            return self.peers[number]

    def stop(self) -> None:
        """Close everything and wait for the threads.

        :raises AssertionError: a behaviour failed or does not end.
        """
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._main.join(PATIENCE)
        self._listener.close()
        for peer in self.peers:
            peer.stop()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), 'a behaviour does not end'
        for peer in self.peers:
            assert peer.trouble is None, repr(peer.trouble)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _address = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if len(self.peers) >= MAX_PEERS:
                sock.close()
                continue
            self._begin(Peer(sock, self._stopping))

    def _begin(self, peer: Peer) -> None:
        thread = threading.Thread(target=peer.run, args=(self.behaviour,),
                                  daemon=True, name='rfb simulator peer')
        self._threads = [one for one in self._threads if one.is_alive()]
        self._threads.append(thread)
        # Whoever hears from it finds it in the list.
        with self._changed:
            self.peers.append(peer)
            self._changed.notify_all()
        thread.start()


# -- addresses where nobody is ------------------------------------------------

@contextlib.contextmanager
def black_hole(host: str = '127.0.0.1', port: int = 0,
               ) -> Iterator[tuple[str, int]]:
    """An address where a SYN is dropped, as by a firewall.

    It listens, and its queue is kept full.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(_family(host)))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        address = listener.getsockname()[:2]
        for _ in range(16):
            filler = stack.enter_context(socket.socket(_family(host)))
            filler.setblocking(False)
            filler.connect_ex(address)
            # On loopback a connection is there at once or never.
            if not select.select([], [filler], [], 0.02)[1]:
                break
        else:
            raise AssertionError('the queue of the listener is never full')
        yield address


@contextlib.contextmanager
def refused_port(host: str = '127.0.0.1') -> Iterator[tuple[str, int]]:
    """An address that refuses, and that nobody else can take meanwhile."""
    with socket.socket(_family(host)) as sock:
        sock.bind((host, 0))
        yield sock.getsockname()[:2]


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ':' in host else socket.AF_INET


def main() -> int:
    """:returns: exit status."""
    parser = argparse.ArgumentParser(
        description='A VNC endpoint that behaves as it is told.')
    parser.add_argument('--host', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=0,
                        help='default: a free one')
    parser.add_argument('--behaviour', choices=sorted(BEHAVIOURS),
                        default='echo')
    options = parser.parse_args()
    with RfbServer(BEHAVIOURS[options.behaviour](), options.host,
                   options.port) as server:
        print(f'{options.behaviour} listens on {server.host} port '
              f'{server.port}', flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            for number in itertools.count():
                server.peer(number, timeout=threading.TIMEOUT_MAX)
                print(f'connection {number}', flush=True)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
