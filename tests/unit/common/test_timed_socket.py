# SPDX-License-Identifier: Apache-2.0
import socket
from collections.abc import Iterator

import pytest

from ironic_console.common.clock import Deadline
from ironic_console.common.timed_socket import TimedSocket
from tests.helpers.clock import FrozenClock


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_time_is_up_although_something_comes_with_each_read(
        pair: tuple[socket.socket, socket.socket]) -> None:
    clock = FrozenClock()
    ours, theirs = pair
    file = TimedSocket(ours, Deadline(clock, 10, 'test')).makefile('rb')
    theirs.sendall(b'a')
    assert file.read1(1) == b'a'
    clock.advance(9)
    theirs.sendall(b'b')
    assert file.read1(1) == b'b'
    clock.advance(1)
    theirs.sendall(b'c')
    with pytest.raises(TimeoutError):
        file.read1(1)


def test_it_stays_open_for_whoever_reads(
        pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    timed = TimedSocket(ours, Deadline(FrozenClock(), 10, 'test'))
    file = timed.makefile('rb')
    timed.sendall(b'question')
    timed.close()
    assert theirs.recv(100) == b'question'
    theirs.sendall(b'answer')
    theirs.shutdown(socket.SHUT_WR)
    assert file.read() == b'answer'
