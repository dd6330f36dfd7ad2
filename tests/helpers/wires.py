# SPDX-License-Identifier: Apache-2.0
"""Sessions of a relay on real sockets, with both far ends in the test."""

import contextlib
import queue
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from typing import Self

from ironic_console.common.channels.base import Channel
from ironic_console.common.channels.framing import (
    UnframedChannel,
    ViewerChannel,
)
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.channels.tls import accept_tls
from ironic_console.common.channels.websocket import WebSocketChannel
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.rfb.pressed_keys import PressedKeys
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.close_reasons import CloseReason
from ironic_console.novncproxy.link import InputRule, Link
from ironic_console.novncproxy.relay import Relay, RelayLimits
from tests.helpers.clock import FrozenClock
from tests.helpers.proxy import PATIENCE, WebSocketPeer, wait_until

#: No limit of frames: some tests see what a flood costs when it is let in.
WITHOUT_RATE = RelayLimits(ping_interval=20, idle_timeout=0,
                           stall_timeout=300, max_frame_rate=0)
_UPGRADE = {'upgrade': 'websocket', 'Sec-WebSocket-Version': '13',
            'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='}


def tcp_pair(buffer_bytes: int = 0) -> tuple[socket.socket, socket.socket]:
    """Connect two sockets over loopback.

    :param buffer_bytes: of the kernel, in each of the four directions.
    """
    with socket.socket() as listener:
        near = socket.socket()
        for sock in (listener, near):
            if buffer_bytes:
                for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                    sock.setsockopt(socket.SOL_SOCKET, option, buffer_bytes)
        listener.bind(('127.0.0.1', 0))
        listener.listen(1)
        near.connect(listener.getsockname())
        far, _address = listener.accept()
    far.settimeout(PATIENCE)
    return near, far


def _upgraded(channel: TcpChannel, far: socket.socket) -> ViewerChannel:
    websocket = WebSocketChannel(channel, _UPGRADE)
    assert websocket.flush()
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        head += far.recv(1)
    return websocket


class Wire:
    """One session: ``browser`` and ``endpoint`` are the far ends.

    :param server: context of TLS towards the browser.
    :param client: that of the browser.
    :param buffer_bytes: of the kernel, for each socket.
    :param rule: for what the browser says; by default all passes.
    :param wrap: makes the channel to the endpoint of the one below.
    :param framed: the viewer is a browser; ``False`` for a native one.
    :ivar browser: what the proxy sends, decoded; of a native viewer only its
        socket is of use.
    :ivar endpoint: socket of the VNC server.
    :ivar link: belongs to the relay once it was added.
    """

    def __init__(self, server: ssl.SSLContext | None = None,
                 client: ssl.SSLContext | None = None,
                 buffer_bytes: int = 0, answers_pings: bool = True,
                 to_endpoint: bytes = b'', to_browser: bytes = b'',
                 rule: InputRule | None = None,
                 wrap: Callable[[TcpChannel], Channel] | None = None,
                 framed: bool = True) -> None:
        near, far = tcp_pair(buffer_bytes)
        channel = TcpChannel(near, 'browser')
        if server and client:
            channel, far = _encrypt(channel, far, server, client)
        below, self.endpoint = tcp_pair(buffer_bytes)
        viewer = (_upgraded(channel, far) if framed
                  else UnframedChannel(channel))
        self._ends: queue.Queue[CloseReason] = queue.Queue()
        plain = TcpChannel(below, 'endpoint')
        self.link = Link(viewer, wrap(plain) if wrap else plain,
                         rule or PressedKeys(),
                         lambda _link, reason: self._ends.put(reason),
                         to_endpoint, to_browser)
        self.browser = WebSocketPeer(far, answers_pings=answers_pings)

    def wait_ended(self) -> CloseReason:
        """:returns: why the session ended, once both sides are closed."""
        reason = self._ends.get(timeout=PATIENCE)
        assert self.link.browser.fileno() == -1
        assert self.link.endpoint.fileno() == -1
        assert self._ends.empty(), 'it must end once'
        return reason

    @property
    def alive(self) -> bool:
        return self._ends.empty()

    def receive(self, size: int) -> bytes:
        """:returns: so many bytes that reached the endpoint."""
        data = bytearray()
        while len(data) < size:
            piece = self.endpoint.recv(min(size - len(data), 1 << 20))
            assert piece, f'closed after {len(data)} of {size} bytes'
            data += piece
        return bytes(data)

    def endpoint_sees_end(self) -> bool:
        """Wait for it."""
        try:
            return self.endpoint.recv(1) == b''
        except ConnectionError:
            return True

    def fill(self) -> int:
        """Send from the endpoint until nothing more is taken because the
        browser takes nothing.

        :returns: number of bytes; they count up in fours.
        """
        sent = 0
        self.endpoint.settimeout(0.2)
        end = time.monotonic() + PATIENCE
        full = False
        while not full:
            assert time.monotonic() < end, 'it neither takes nor is full'
            assert sent < 64 << 20, 'nothing stops it'
            try:
                sent += self.endpoint.send(counting(sent, 65536))
            except TimeoutError:
                full = self.link.browser_busy() or bool(self.link.closing)
        self.endpoint.settimeout(PATIENCE)
        return sent

    def stuff(self) -> int:
        """Send from the browser until nothing is taken any more.

        :returns: number of bytes in whole frames; they count up in fours.
        """
        self.browser.sock.settimeout(0.2)
        sent = 0
        try:
            while True:
                self.browser.send(counting(sent, 30_000))
                sent += 30_000
                assert sent < 64 << 20, 'nothing stops it'
        except TimeoutError:
            return sent
        finally:
            self.browser.sock.settimeout(PATIENCE)

    def wait_progress(self, clock: Clock) -> None:
        """Wait until the relay has moved something at the present time."""
        end = time.monotonic() + PATIENCE
        while self.link.progress_at != clock.monotonic():
            assert time.monotonic() < end, 'the relay moves nothing'
            time.sleep(0.002)

    def wait_relayed(self, size: int) -> None:
        """Wait until the kernel has so many bytes for the browser."""
        end = time.monotonic() + PATIENCE
        while (self.link.to_browser_bytes < size
               or self.link.browser_busy()):
            assert time.monotonic() < end, 'the browser side takes no more'
            time.sleep(0.002)

    def reset(self, sock: socket.socket) -> None:
        """Close a far end with RST."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack('ii', 1, 0))
        sock.close()

    def close(self) -> None:
        self.browser.sock.close()
        self.endpoint.close()
        self.link.close()


def in_background(action: Callable[..., object], *args: object,
                  ) -> threading.Thread:
    """Run it; a connection that the test closes ends it."""
    def run() -> None:
        with contextlib.suppress(OSError):
            action(*args)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def counting(begin: int, size: int) -> bytes:
    """:returns: a piece of an endless stream in which no place is like
        another nearby."""
    first = begin // 4
    words = range(first, (begin + size) // 4 + 1)
    data = struct.pack(f'>{len(words)}I', *words)
    return data[begin - first * 4:][:size]


def _encrypt(channel: TcpChannel, far: socket.socket,
             server: ssl.SSLContext, client: ssl.SSLContext,
             ) -> tuple[TcpChannel, socket.socket]:
    accepted: list[TcpChannel] = []
    thread = threading.Thread(target=lambda: accepted.append(accept_tls(
        channel, server, Deadline(Clock(), PATIENCE, 'test'))))
    thread.start()
    far = client.wrap_socket(far, server_hostname='localhost')
    thread.join()
    return accepted[0], far


class Exchange:
    """A running relay and its sessions; a context manager.

    :param clock: stands still unless the test brings its own.
    """

    def __init__(self, limits: RelayLimits | None = None,
                 clock: Clock | None = None) -> None:
        self.clock = clock or FrozenClock()
        self.relay = Relay(limits or RelayLimits(), self.clock)
        self._wires: list[Wire] = []

    def __enter__(self) -> Self:
        self.relay.start()
        return self

    def __exit__(self, *_: object) -> None:
        for wire in self._wires:
            wire.browser.sock.close()
            wire.endpoint.close()
        self.relay.stop(close_reasons.SHUTDOWN, PATIENCE)
        assert not self.relay._thread.is_alive()

    def open(self, wire: Wire | None = None) -> Wire:
        """Let the relay carry a session."""
        wire = wire or Wire()
        self._wires.append(wire)
        self.relay.add(wire.link)
        self.settle()
        return wire

    def advance(self, seconds: float) -> None:
        """Let time pass after all that was asked for, and the relay
        notice."""
        assert isinstance(self.clock, FrozenClock)
        self.settle()
        self.clock.advance(seconds)
        self.settle()

    def sleeps(self) -> bool:
        """Wait until the loop sleeps while nothing can be moved."""
        def rests() -> bool:
            before = time.process_time()
            time.sleep(0.2)
            return time.process_time() - before < 0.1

        self.settle()
        return wait_until(rests, 'it sleeps')

    def settle(self) -> None:
        """Wait until the relay has done all that there was to do."""
        # Its present round may have begun before; what belongs to the next
        # is done when the one after that begins.
        for _ in range(3):
            done = threading.Event()
            self.relay._call(done.set)
            assert done.wait(PATIENCE)
