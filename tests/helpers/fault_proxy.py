# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that breaks connections in a chosen way, the same every time.

It stands between the product and either of its peers, knows nothing of what
it carries, and shares no code with the product::

    with FaultProxy(server.port, Line(down=Way(cut_after=40))) as faults:
        ... connect to faults.port ...
        faults.passage().unplug()

Addresses that refuse, or that swallow each SYN because a queue is full, are
``refused_port`` and ``black_hole`` of the RFB simulator.
"""

import contextlib
import ctypes
import dataclasses
import fcntl
import select
import selectors
import socket
import struct
import sys
import termios
import threading
import time
from typing import Self

from tests.helpers.proxy import PATIENCE

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_SO_ATTACH_FILTER = 26
# BPF_RET | BPF_K with 0: keep nothing of a packet. linux/filter.h.
_DROP_ALL = struct.pack('=HBBI', 0x06, 0, 0, 0)
# In which what was sent is acknowledged, unless the peer has no room for it.
_IN_FLIGHT_SECONDS = 1.0


def _unacknowledged(sock: socket.socket) -> int:
    waiting = fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(waiting, sys.byteorder)


@dataclasses.dataclass(frozen=True)
class Way:
    """What happens to the bytes of one direction.

    :ivar latency: seconds that each piece waits before it goes on.
    :ivar rate: bytes per second; 0 for as fast as it goes.
    :ivar piece: most bytes that go on at once; 1 dribbles.
    :ivar cut_after: after so many bytes the connection ends.
    :ivar corrupt: place of a byte of which every bit is inverted.
    """

    latency: float = 0.0
    rate: float = 0.0
    piece: int = 64 * 1024
    cut_after: int | None = None
    corrupt: int | None = None


@dataclasses.dataclass(frozen=True)
class Line:
    """How a connection is carried.

    :ivar up: from who connects.
    :ivar down: to who connects.
    :ivar reset: what is cut ends with RST instead of FIN.
    :ivar accept_delay: seconds for which nobody accepts the connection; the
        kernel lets it begin all the same.
    :ivar idle_timeout: seconds without a byte in any direction after which
        it is cut, as load balancers do; 0 for never.
    :ivar buffer_bytes: of the kernel, for each socket; 0 for its own idea.
    """

    up: Way = Way()
    down: Way = Way()
    reset: bool = False
    accept_delay: float = 0.0
    idle_timeout: float = 0.0
    buffer_bytes: int = 0


class _Direction:
    """Bytes on their way from one socket to the other."""

    def __init__(self, source: socket.socket, sink: socket.socket, way: Way,
                 ) -> None:
        self.source, self.sink, self.way = source, sink, way
        self.passed = 0
        self.ended = False
        self._piece = b''
        self._due = 0.0

    def interest(self, now: float) -> tuple[int, int]:
        """:returns: selector events for source and sink."""
        if self._piece:
            return 0, _WRITE if now >= self._due else 0
        return (0, 0) if self.ended else (_READ, 0)

    def pause(self, now: float) -> float | None:
        """:returns: seconds until there is something to do by the clock."""
        waits = self._piece and now < self._due
        return self._due - now if waits else None

    @property
    def is_cut(self) -> bool:
        return (self.way.cut_after is not None
                and self.passed >= self.way.cut_after)

    def read(self, now: float) -> None:
        data = self.source.recv(self._most())
        if not data:
            self.ended = True
            self.sink.shutdown(socket.SHUT_WR)
            return
        self._piece = self._corrupted(data)
        self._due = now + self.way.latency + (
            len(data) / self.way.rate if self.way.rate else 0.0)

    def write(self) -> None:
        sent = self.sink.send(self._piece)
        self.passed += sent
        self._piece = self._piece[sent:]

    def _most(self) -> int:
        if self.way.cut_after is None:
            return self.way.piece
        return min(self.way.piece, self.way.cut_after - self.passed)

    def _corrupted(self, data: bytes) -> bytes:
        place = self.way.corrupt
        if place is None or not 0 <= place - self.passed < len(data):
            return data
        place -= self.passed
        return data[:place] + bytes((data[place] ^ 0xff,)) + data[place + 1:]


class Passage:
    """One connection through the proxy.

    :ivar end: '' while it lives, then 'ended' by its peers, 'cut', 'reset'
        by either of them, 'idle' or 'stopped'.
    """

    def __init__(self, near: socket.socket, far: socket.socket, line: Line,
                 ) -> None:
        self.end = ''
        self._near, self._far, self._line = near, far, line
        self._up = _Direction(near, far, line.up)
        self._down = _Direction(far, near, line.down)
        self._frozen = self._stopped = False
        self._wanted = ''
        self._awake, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True,
                                        name='fault proxy')
        self._thread.start()

    # -- for tests -----------------------------------------------------------

    @property
    def passed_up(self) -> int:
        """Bytes that went on from who connected."""
        return self._up.passed

    @property
    def passed_down(self) -> int:
        """Bytes that went on to who connected."""
        return self._down.passed

    def freeze(self) -> None:
        """Read nothing and pass nothing on; both kernels still answer."""
        self._frozen = True
        self._wake()

    def thaw(self) -> None:
        """Go on where it was frozen; nothing is lost."""
        self._frozen = False
        self._wake()

    def unplug(self) -> None:
        """Pull both cables: neither peer hears anything from now on, not even
        that its packets arrive."""
        self.freeze()
        # What is on its way would be repeated, and be a sign of life.
        deadline = time.monotonic() + _IN_FLIGHT_SECONDS
        while (any(map(_unacknowledged, (self._near, self._far)))
               and time.monotonic() < deadline):
            time.sleep(0.005)
        # A filter on the socket loses its packets before TCP sees them.
        program = ctypes.create_string_buffer(_DROP_ALL)
        attach = struct.pack('@HP', 1, ctypes.addressof(program))
        for sock in (self._near, self._far):
            sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, attach)

    def cut(self, reset: bool = False) -> None:
        """End it now."""
        self._wanted = 'reset' if reset else 'cut'
        self._wake()

    def stop(self) -> None:
        self._stopped = True
        self._wake()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), 'a passage does not end'
        self._awake.close()
        self._waker.close()

    # -- its own thread ------------------------------------------------------

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b'\x00')

    def _run(self) -> None:
        for sock in (self._near, self._far):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.end = self._carry()
        except OSError:
            # One side was reset, so the other one is.
            self.end = 'reset'
        self._finish(self.end == 'reset' or self._line.reset)

    def _carry(self) -> str:
        """:returns: how it ended."""
        moved_at = time.monotonic()
        idle = self._line.idle_timeout
        while True:
            now = time.monotonic()
            if self._stopped:
                return 'stopped'
            if self._wanted:
                return self._wanted
            if self._up.is_cut or self._down.is_cut:
                return 'cut'
            if self._up.ended and self._down.ended:
                return 'ended'
            if 0 < idle <= now - moved_at:
                return 'idle'
            pauses = [pause for pause in (
                self._up.pause(now), self._down.pause(now),
                moved_at + idle - now if idle else None)
                if pause is not None]
            if self._turn(now, min(pauses) if pauses else None):
                moved_at = now

    def _turn(self, now: float, pause: float | None) -> bool:
        """:returns: something moved."""
        wanted: dict[socket.socket, int] = {self._awake: _READ}
        for direction in (self._up, self._down):
            if not self._frozen:
                source, sink = direction.interest(now)
                for sock, events in ((direction.source, source),
                                     (direction.sink, sink)):
                    wanted[sock] = wanted.get(sock, 0) | events
        with selectors.DefaultSelector() as selector:
            for sock, events in wanted.items():
                if events:
                    selector.register(sock, events)
            ready = {key.fileobj: events
                     for key, events in selector.select(pause)}
        if self._awake in ready:
            self._awake.recv(4096)
            return False
        for direction in (self._up, self._down):
            source, sink = direction.interest(now)
            if ready.get(direction.sink, 0) & sink:
                direction.write()
            elif ready.get(direction.source, 0) & source:
                direction.read(now)
        return bool(ready)

    def _finish(self, reset: bool) -> None:
        for sock in (self._near, self._far):
            with contextlib.suppress(OSError):
                if reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                    struct.pack('ii', 1, 0))
                else:
                    sock.shutdown(socket.SHUT_WR)
                    # What is unread would make a reset of the end.
                    while sock.recv(1 << 20):
                        pass
            sock.close()


class FaultProxy:
    """Carries connections to a port of this machine; a context manager.

    :param port: where to.
    :param line: how connections are carried; may be exchanged for those to
        come.
    :ivar port: where to connect instead.
    """

    def __init__(self, port: int, line: Line | None = None,
                 host: str = '127.0.0.1') -> None:
        self.line = line or Line()
        self.host = host
        self._to = (host, port)
        self._passages: list[Passage] = []
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._listener = socket.socket()
        self._set_buffers(self._listener)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((host, 0))
        self._listener.listen(1024)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True,
                                        name='fault proxy accept')

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self._listener.close()
        for passage in self._passages:
            passage.stop()

    def passage(self, number: int = 0) -> Passage:
        """:param number: in order of arrival; -1 for the last so far.
        :returns: a connection, after waiting for it.
        """
        with self._changed:
            assert self._changed.wait_for(
                lambda: len(self._passages) > max(number, 0), PATIENCE), (
                    f'connection {number} never came')
            return self._passages[number]

    def forget(self) -> None:
        """Stop all connections so far."""
        with self._changed:
            passages, self._passages = self._passages, []
        for passage in passages:
            passage.stop()

    def _set_buffers(self, sock: socket.socket) -> None:
        if self.line.buffer_bytes:
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                sock.setsockopt(socket.SOL_SOCKET, option,
                                self.line.buffer_bytes)

    def _serve(self) -> None:
        while True:
            select.select([self._listener], [], [])
            if self._stopping.wait(self.line.accept_delay):
                return
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            far = socket.socket()
            self._set_buffers(far)
            try:
                far.connect(self._to)
            except OSError:
                near.close()
                far.close()
                continue
            with self._changed:
                self._passages.append(Passage(near, far, self.line))
                self._changed.notify_all()
