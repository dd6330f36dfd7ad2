# SPDX-License-Identifier: Apache-2.0
"""One card and the sockets of its viewers, without the loop."""

import contextlib
import math
import socket

import pytest

from ironic_console.drivers.testcard.connection import (
    MAX_PIECES,
    Card,
    Connection,
    Ended,
)
from ironic_console.drivers.testcard.settings import CardSettings
from ironic_console.drivers.testcard.viewer import CHUNK_BYTES
from tests.helpers.clock import FrozenClock
from tests.helpers.viewer import pack_key, pack_request


@pytest.fixture
def sockets():
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(each) for each in socket.socketpair()]


@pytest.fixture
def card():
    with socket.socket() as listener:
        yield Card(CardSettings('u', 'n', 640, 480), listener, FrozenClock())


@pytest.fixture
def connection(card, sockets):
    ours = sockets[1]
    ours.setblocking(False)
    connection = Connection(card, ours, card.new_viewer())
    card.connections.add(connection)
    return connection


def establish(connection, peer):
    peer.sendall(b'RFB 003.008\n\x01\x01')
    connection.receive()


def drain(peer):
    peer.setblocking(False)
    size = 0
    with contextlib.suppress(BlockingIOError):
        while data := peer.recv(1 << 20):
            size += len(data)
    return size


def test_a_card_is_watched_once_a_handshake_is_over(card, connection,
                                                    sockets):
    assert not card.watched
    establish(connection, sockets[0])
    assert card.watched


def test_the_handshake_deadline_ends_with_the_handshake(connection, sockets):
    connection.handshake_by = 10.0
    assert connection.deadline == 10.0
    establish(connection, sockets[0])
    assert connection.deadline == math.inf
    connection.cut_at = 7.0
    assert connection.deadline == 7.0


def test_passes_input_on_to_the_card(card, connection, sockets):
    establish(connection, sockets[0])
    sockets[0].sendall(pack_key(0x61))
    connection.receive()
    connection.receive()        # nothing there is fine
    assert card.scene.text == 'a'


def test_says_when_the_peer_has_closed(connection, sockets):
    sockets[0].close()
    with pytest.raises(Ended):
        connection.receive()


def test_sends_a_bounded_amount_and_stops_when_the_peer_does(connection,
                                                             sockets):
    establish(connection, sockets[0])
    sockets[0].sendall(pack_request((0, 0, 640, 480)))
    connection.receive()
    sent = 0
    while connection.flush():
        size = drain(sockets[0])
        assert size <= MAX_PIECES * 2 * CHUNK_BYTES
        sent += size
    sent += drain(sockets[0])
    handshake = 12 + 2 + 4 + 24 + 1
    assert sent == handshake + 4 + 12 + 640 * 480 * 4


def test_says_nothing_without_a_viewer(card, sockets):
    connection = Connection(card, sockets[1], None)
    sockets[0].sendall(b'hello?')
    connection.receive()
    assert not connection.flush()
    assert not connection.established
    assert drain(sockets[0]) == 0


def test_redrawing_counts_the_viewers(card, connection, sockets):
    card.redraw()
    assert card.scene.viewers == 0
    establish(connection, sockets[0])
    card.redraw()
    assert card.scene.viewers == 1
