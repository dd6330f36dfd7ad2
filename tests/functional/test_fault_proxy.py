# SPDX-License-Identifier: Apache-2.0
"""The fault proxy of the tests does what it says, or they would show
nothing."""

import contextlib
import hashlib
import os
import socket
import threading
import time

import pytest

from tests.helpers.fault_proxy import FaultProxy, Line, Way
from tests.helpers.proxy import PATIENCE, quiet, wait_until


class Far:
    """Accepts one connection at a time."""

    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.listener.settimeout(PATIENCE)
        self.port = self.listener.getsockname()[1]

    def accept(self):
        sock, _address = self.listener.accept()
        sock.settimeout(PATIENCE)
        return sock


@pytest.fixture
def far():
    far = Far()
    with far.listener:
        yield far


@pytest.fixture
def join(far):
    """Connects through a new proxy.

    :returns: near end, far end, passage.
    """
    started = []

    def join(line=None):
        proxy = FaultProxy(far.port, line)
        started.append(proxy.__enter__())
        near = socket.create_connection((proxy.host, proxy.port), PATIENCE)
        other = far.accept()
        started.append(near)
        started.append(other)
        return near, other, proxy.passage()

    yield join
    for one in reversed(started):
        one.__exit__(None, None, None)


def read(sock, size):
    data = b''
    while len(data) < size:
        piece = sock.recv(size - len(data))
        assert piece, f'closed after {data!r}'
        data += piece
    return data


def read_to_end(sock):
    data = b''
    while piece := sock.recv(65536):
        data += piece
    return data


def send_until_full(sock):
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 64 << 20:
            sent += sock.send(bytes(8192))
    return sent


def test_without_a_fault_it_changes_nothing(join):
    near, other, passage = join()
    data = os.urandom(3 << 20)
    for source, sink in ((near, other), (other, near)):
        thread = threading.Thread(target=source.sendall, args=(data,))
        thread.start()
        assert (hashlib.sha256(read(sink, len(data))).digest()
                == hashlib.sha256(data).digest())
        thread.join()
    assert passage.passed_up == passage.passed_down == len(data)
    near.shutdown(socket.SHUT_WR)
    assert other.recv(1) == b''
    other.sendall(b'last')
    other.close()
    assert read_to_end(near) == b'last'
    wait_until(lambda: passage.end == 'ended', 'it ends')


# A reset after none may be there before whoever connects.
@pytest.mark.parametrize(('size', 'reset'), [
    (0, False), (1, False), (1, True), (7, False), (7, True)])
def test_cuts_after_exactly_so_many_bytes(join, size, reset):
    near, other, passage = join(Line(up=Way(cut_after=size), reset=reset))
    if size:
        near.sendall(b'0123456789')
    data = b''
    try:
        while piece := other.recv(100):
            data += piece
        assert not reset
    except ConnectionResetError:
        assert reset
    assert data == b'0123456789'[:size]
    wait_until(lambda: passage.end == 'cut', 'it ends')


def test_cuts_the_other_direction_too(join):
    near, other, _passage = join(Line(down=Way(cut_after=3)))
    near.sendall(b'question')
    assert read(other, 8) == b'question'
    other.sendall(b'answer')
    assert read_to_end(near) == b'ans'


@pytest.mark.parametrize('reset', [False, True])
def test_cuts_when_it_is_told_to(join, reset):
    near, other, passage = join()
    near.sendall(b'x')
    assert other.recv(1) == b'x'
    passage.cut(reset)
    for sock in (near, other):
        if reset:
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        else:
            assert sock.recv(1) == b''


def test_hands_on_a_reset(join):
    near, other, _passage = join()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    b'\x01\0\0\0\0\0\0\0')
    near.close()
    with pytest.raises(ConnectionResetError):
        other.recv(1)


def test_inverts_one_byte(join):
    near, other, _passage = join(Line(up=Way(corrupt=5, piece=3)))
    near.sendall(bytes(10))
    assert read(other, 10) == bytes(5) + b'\xff' + bytes(4)


def test_dribbles(join):
    near, other, _passage = join(Line(down=Way(piece=1, rate=10)))
    begun = time.monotonic()
    other.sendall(b'0123456789')
    pieces = []
    while sum(map(len, pieces)) < 10:
        pieces.append(near.recv(100))
    assert b''.join(pieces) == b'0123456789'
    assert time.monotonic() - begun > 0.9
    # Whoever is slow to read gets some of them together.
    assert len(pieces) > 1


def test_is_late(join):
    near, other, _passage = join(Line(up=Way(latency=1.0)))
    begun = time.monotonic()
    near.sendall(b'x')
    # What was said later in the other direction is there first.
    other.sendall(b'x')
    assert near.recv(1) == b'x'
    assert quiet(other, 0.01)
    assert other.recv(1) == b'x'
    assert time.monotonic() - begun >= 1.0


def test_carries_so_many_bytes_a_second(join):
    near, other, _passage = join(Line(up=Way(rate=100_000)))
    begun = time.monotonic()
    near.sendall(bytes(30_000))
    read(other, 30_000)
    assert time.monotonic() - begun > 0.25


def test_frozen_it_reads_nothing_and_loses_nothing(join):
    near, other, passage = join(Line(buffer_bytes=16384))
    passage.freeze()
    wait_until(lambda: passage._frozen, 'it is frozen')
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    near.settimeout(0.3)
    sent = send_until_full(near)
    assert sent < 4 << 20
    assert quiet(other)
    passage.thaw()
    assert len(read(other, sent)) == sent
    assert passage.end == ''


def test_unplugged_nobody_hears_that_anything_arrives(join):
    near, other, passage = join()
    passage.unplug()
    for sock in (near, other):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 500)
        sock.sendall(b'x')
        with pytest.raises(TimeoutError, match='Connection timed out'):
            sock.recv(1)


def test_cuts_what_is_idle(join):
    near, other, passage = join(Line(idle_timeout=2.0))
    for _ in range(6):
        time.sleep(0.4)
        near.sendall(b'x')
        assert other.recv(1) == b'x'
    assert near.recv(1) == b''
    assert passage.end == 'idle'


def test_accepts_when_it_likes_to(far):
    with FaultProxy(far.port, Line(accept_delay=1.0)) as proxy:
        begun = time.monotonic()
        with socket.create_connection((proxy.host, proxy.port), 10) as near:
            connected = time.monotonic() - begun
            near.sendall(b'early')
            with far.accept() as other:
                assert read(other, 5) == b'early'
                assert time.monotonic() - begun >= 1.0
            assert connected < 1.0


def test_closes_when_there_is_nobody_behind_it(far):
    with FaultProxy(far.port) as proxy:
        far.listener.close()
        with socket.create_connection((proxy.host, proxy.port), 10) as near:
            near.settimeout(PATIENCE)
            assert near.recv(1) == b''
