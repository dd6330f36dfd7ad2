# SPDX-License-Identifier: Apache-2.0
"""What every channel has to do, as one class of tests, and far ends for it.

A test file of a channel derives from :class:`ChannelConformance` and gives
it a ``pair``: the channel, and a :class:`Far` that is not made of channels.
"""

import contextlib
import dataclasses
import itertools
import select
import socket
import ssl
import struct
import threading
from collections.abc import Iterator

import pytest

from ironic_console.common.channels.base import (
    READ,
    WRITE,
    Channel,
    ChannelError,
    send_all,
    wait_for,
)
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.rfb.handshake import Cipher
from tests.helpers.clock import FrozenClock
from tests.helpers.frames import BINARY, FrameReader, frame

#: For waits that only a failing test sees the end of, seconds.
PATIENCE = 30.0
MEGABYTES = bytes(range(256)) * (3 << 12)


class Far:
    """The other end: a blocking socket, used as a peer would."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        sock.settimeout(PATIENCE)

    def encode(self, data: bytes) -> bytes:
        """:returns: what goes into the socket."""
        return data

    def decode(self, raw: bytes) -> bytes:
        """:returns: what came out of it, as far as it is complete."""
        return raw

    def send(self, data: bytes) -> None:
        self.socket.sendall(self.encode(data))

    def receive_some(self) -> bytes:
        """:returns: what is there, after waiting for it; b'' at the end."""
        while raw := self.socket.recv(1 << 20):
            if data := self.decode(raw):
                return data
        return b''

    def receive(self, size: int) -> bytes:
        data = b''
        while len(data) < size:
            piece = self.receive_some()
            assert piece, f'closed after {len(data)} of {size} bytes'
            data += piece
        return data

    def exchange(self, data: bytes, size: int) -> bytes:
        """Send all of it and receive so much, both at the same time.

        On one thread: a TLS session does not stand two.
        """
        rest, received = memoryview(self.encode(data)), b''
        self.socket.settimeout(0)
        while rest or len(received) < size:
            moved = 0
            with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
                raw = self.socket.recv(1 << 20)
                assert raw, f'closed after {len(received)} of {size} bytes'
                received += self.decode(raw)
                moved = len(raw)
            with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError):
                sent = self.socket.send(rest[:65536]) if rest else 0
                rest = rest[sent:]
                moved += sent
            if not moved:
                writing = [self.socket] if rest else []
                assert any(select.select([self.socket], writing, [],
                                         PATIENCE)), 'nothing moves'
        self.socket.settimeout(PATIENCE)
        return received

    def stop_sending(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack('ii', 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()


class FarTls(Far):
    """A TLS client; :meth:`stop_sending` says goodbye as TLS does."""

    socket: ssl.SSLSocket

    def stop_sending(self) -> None:
        # Sends close_notify; ours is not waited for.
        self.socket.settimeout(0)
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLEOFError):
            self.socket.unwrap()


class FarWebSocket(Far):
    """A browser; what it sends is in frames of up to 64 KiB."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._reader = FrameReader()

    @property
    def head(self) -> bytes | None:
        """The answer to the upgrade."""
        return self._reader.head

    def encode(self, data: bytes) -> bytes:
        return b''.join(frame(data[begin:begin + 65536], key=bytes(4))
                        for begin in range(0, len(data), 65536))

    def decode(self, raw: bytes) -> bytes:
        frames = self._reader.feed(raw)
        assert all(one.opcode == BINARY for one in frames)
        return b''.join(one.payload for one in frames)


class ToyCipher:
    """Encrypts so that everybody can read it, in frames, each other than
    the last: u16 length, ciphertext, one byte that counts."""

    MOST = 1000

    def __init__(self) -> None:
        self._sent = itertools.count()
        self._received = 0
        self._pending = b''

    def encrypt(self, data: bytes) -> bytes:
        frames = []
        for at in range(0, len(data), self.MOST):
            piece, number = data[at:at + self.MOST], next(self._sent) % 256
            frames += [struct.pack('>H', len(piece)), _mix(piece, number),
                       bytes([number])]
        return b''.join(frames)

    def decrypt(self, data: bytes) -> bytes:
        data, plain, at = self._pending + data, [], 0
        while len(data) - at >= 2:
            size = int.from_bytes(data[at:at + 2])
            if len(data) - at < size + 3:
                break
            number = self._received % 256
            if data[at + 2 + size] != number:
                raise ValueError('another frame was expected')
            plain.append(_mix(data[at + 2:at + 2 + size], number))
            self._received += 1
            at += size + 3
        self._pending = data[at:]
        return b''.join(plain)


def _mix(data: bytes, number: int) -> bytes:
    return data.translate(_TABLES[number])


_TABLES = [bytes(byte ^ number ^ 0x55 for byte in range(256))
           for number in range(256)]


class FarCipher(Far):
    """A peer that speaks a cipher."""

    def __init__(self, sock: socket.socket, cipher: Cipher) -> None:
        super().__init__(sock)
        self._cipher = cipher

    def encode(self, data: bytes) -> bytes:
        return self._cipher.encrypt(data)

    def decode(self, raw: bytes) -> bytes:
        return self._cipher.decrypt(raw)


@dataclasses.dataclass
class Pair:
    """A channel and its far end."""

    channel: Channel
    far: Far

    def close(self) -> None:
        self.channel.close()
        self.far.close()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """:returns: two ends of a TCP connection on loopback, both blocking;
        what is on its way between them is far less than MEGABYTES."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        far = socket.create_connection(listener.getsockname())
        near, _address = listener.accept()
    for sock in (near, far):
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, 128 << 10)
    far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return near, far


def soon() -> Deadline:
    """:returns: a deadline that no test should reach."""
    return Deadline(Clock(), PATIENCE, 'patience')


def passed() -> Deadline:
    """:returns: a deadline that has passed."""
    return Deadline(FrozenClock(), 0.0, 'passed')


def receive_all(channel: Channel, size: int) -> bytes:
    """Receive as an event loop does: pending(), then the selector.

    A channel that hides bytes from both ends in a failure.
    """
    data = b''
    while len(data) < size:
        announced = channel.pending()
        assert announced or wait_for(channel, READ, soon()), (
            f'only {len(data)} of {size} bytes')
        piece = channel.receive()
        assert piece != b'', f'closed after {len(data)} of {size} bytes'
        assert piece or not announced, 'pending() promised too much'
        data += piece or b''
    return data


def receive_end(channel: Channel) -> bytes:
    """:returns: all until the far end closed."""
    data = b''
    while wait_for(channel, READ, soon()):
        piece = channel.receive()
        if piece == b'':
            return data
        data += piece or b''
    raise AssertionError('it never ended')


@contextlib.contextmanager
def in_thread(target: object, *args: object) -> Iterator[None]:
    """Run something beside the test and wait for it."""
    failures = []

    def run() -> None:
        try:
            target(*args)  # type: ignore[operator]
        except BaseException as exc:
            failures.append(exc)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert not failures, failures


class ChannelConformance:
    """The contract in ``channels/base.py``."""

    @pytest.fixture
    def pair(self) -> Iterator[Pair]:
        """The channel under test; implemented by the test files."""
        raise NotImplementedError

    # -- receiving -----------------------------------------------------------

    def test_gives_none_when_there_is_nothing(self, pair: Pair) -> None:
        assert pair.channel.receive() is None
        assert not pair.channel.pending()

    @pytest.mark.parametrize('size', [1, 125, 126, 16383, 16384, 16385,
                                      65535, 65536])
    def test_gives_bytes_of_any_size(self, pair: Pair, size: int) -> None:
        data = MEGABYTES[7:7 + size]
        pair.far.send(data)
        assert receive_all(pair.channel, size) == data
        assert pair.channel.receive() is None
        assert not pair.channel.pending()

    def test_keeps_the_order_of_many_small_pieces(self, pair: Pair) -> None:
        pieces = [bytes([number]) * 3 for number in range(256)]

        def send() -> None:
            for piece in pieces:
                pair.far.send(piece)
        with in_thread(send):
            assert receive_all(pair.channel, 768) == b''.join(pieces)

    def test_receives_megabytes(self, pair: Pair) -> None:
        with in_thread(pair.far.send, MEGABYTES):
            received = receive_all(pair.channel, len(MEGABYTES))
        assert received == MEGABYTES

    # -- sending -------------------------------------------------------------

    @pytest.mark.parametrize('kind', [bytes, bytearray, memoryview])
    def test_takes_every_kind_of_bytes(self, pair: Pair, kind: type) -> None:
        assert pair.channel.send(kind(b'abc')) == 3
        assert pair.channel.flush()
        assert pair.far.receive(3) == b'abc'

    @pytest.mark.parametrize('size', [1, 125, 126, 16384, 16385, 65535,
                                      65536])
    def test_sends_bytes_of_any_size(self, pair: Pair, size: int) -> None:
        data = MEGABYTES[7:7 + size]
        with in_thread(send_all, pair.channel, data, soon()):
            assert pair.far.receive(size) == data

    def test_takes_no_more_until_the_far_end_reads(self, pair: Pair) -> None:
        rest = memoryview(MEGABYTES)
        while count := pair.channel.send(rest):
            rest = rest[count:]
        assert rest
        assert pair.channel.send(rest) == 0
        with in_thread(send_all, pair.channel, rest, soon()):
            assert pair.far.receive(len(MEGABYTES)) == MEGABYTES

    def test_sends_megabytes_both_ways(self, pair: Pair) -> None:
        with in_thread(pair.far.exchange, MEGABYTES, len(MEGABYTES)):
            rest, received = memoryview(MEGABYTES), b''
            while rest or len(received) < len(MEGABYTES):
                events = READ | (WRITE if rest else 0)
                assert wait_for(pair.channel, events, soon())
                rest = rest[pair.channel.send(rest) if rest else 0:]
                received += pair.channel.receive() or b''
            assert send_all(pair.channel, b'', soon())
        assert received == MEGABYTES

    # -- endings -------------------------------------------------------------

    def test_gives_no_bytes_at_the_end_each_time(self, pair: Pair) -> None:
        pair.far.stop_sending()
        assert receive_end(pair.channel) == b''
        assert pair.channel.receive() == b''

    def test_gives_what_came_before_the_end(self, pair: Pair) -> None:
        pair.far.send(MEGABYTES[:20000])
        pair.far.stop_sending()
        assert receive_end(pair.channel) == MEGABYTES[:20000]

    def test_tells_of_a_reset_when_receiving(self, pair: Pair) -> None:
        pair.far.reset()
        assert wait_for(pair.channel, READ, soon())
        with pytest.raises(ChannelError, match='reset'):
            pair.channel.receive()

    def test_tells_of_a_reset_when_sending(self, pair: Pair) -> None:
        pair.far.reset()
        assert wait_for(pair.channel, READ, soon())
        with pytest.raises(ChannelError):
            send_all(pair.channel, MEGABYTES, soon())

    def test_names_its_peer_in_errors(self, pair: Pair) -> None:
        pair.far.reset()
        assert wait_for(pair.channel, READ, soon())
        with pytest.raises(ChannelError) as caught:
            pair.channel.receive()
        assert str(caught.value).startswith(f'{pair.channel.peer}: ')

    def test_closes_twice(self, pair: Pair) -> None:
        pair.channel.close()
        pair.channel.close()
        assert pair.channel.fileno() == -1

    def test_closing_ends_the_far_end(self, pair: Pair) -> None:
        pair.channel.close()
        with contextlib.suppress(ssl.SSLError):
            assert pair.far.receive_some() == b''

    def test_a_closed_channel_has_nothing_and_takes_nothing(
            self, pair: Pair) -> None:
        pair.channel.close()
        assert not pair.channel.pending()
        with pytest.raises(ChannelError):
            pair.channel.receive()
        with pytest.raises(ChannelError):
            pair.channel.send(b'abc')

    def test_a_closed_channel_cannot_be_waited_for(self, pair: Pair) -> None:
        pair.channel.close()
        with pytest.raises(ChannelError, match='cannot be waited for'):
            wait_for(pair.channel, READ, soon())

    # -- waiting -------------------------------------------------------------

    def test_waits_no_longer_than_the_deadline(self, pair: Pair) -> None:
        assert not wait_for(pair.channel, READ, passed())
        deadline = Deadline(Clock(), 0.01, 'short')
        assert not wait_for(pair.channel, READ, deadline)
        assert not deadline.remaining()

    def test_what_is_there_counts_after_the_deadline(self, pair: Pair,
                                                     ) -> None:
        pair.far.send(b'abc')
        assert wait_for(pair.channel, READ, soon())
        assert wait_for(pair.channel, READ, passed())

    def test_is_ready_for_writing_until_it_is_full(self, pair: Pair) -> None:
        assert wait_for(pair.channel, WRITE, passed())
        while pair.channel.send(MEGABYTES):
            continue
        assert not wait_for(pair.channel, WRITE, passed())
        assert not wait_for(pair.channel, READ | WRITE, passed())

    def test_sending_all_gives_up_at_the_deadline(self, pair: Pair) -> None:
        assert not send_all(pair.channel, MEGABYTES * 4, passed())

    def test_sending_all_goes_through_when_the_far_end_reads(
            self, pair: Pair) -> None:
        with in_thread(pair.far.receive, len(MEGABYTES)):
            assert send_all(pair.channel, MEGABYTES, soon())
