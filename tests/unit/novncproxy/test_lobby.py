# SPDX-License-Identifier: Apache-2.0
"""Who waits for an endpoint is looked after, and let go when it leaves."""

import struct
import threading

import pytest

from ironic_console.common.channels.framing import UnframedChannel
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.channels.tls import accept_tls
from ironic_console.common.channels.websocket import WebSocketChannel
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.errors import RemoteProtocolError, ViewerLeft
from ironic_console.novncproxy import lobby as lobby_module
from ironic_console.novncproxy.lobby import MAX_SAID_BYTES, Guest, Lobby
from tests.helpers.certificates import Authority
from tests.helpers.channels import tcp_pair
from tests.helpers.proxy import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    FrameReader,
    Holdings,
    masked,
    wait_until,
)

UPGRADE = {'upgrade': 'websocket', 'Sec-WebSocket-Version': '13',
           'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='}


class Stage:
    """A lobby, and viewers with their far ends."""

    def __init__(self):
        self.lobby = Lobby(Clock())
        self.gone = []
        self.socks = []

    def guest(self, early=None, ping_interval=60.0):
        """:param early: of a WebSocket; ``None`` for plain RFB."""
        near, far = tcp_pair()
        far.settimeout(10)
        self.socks += near, far
        channel = TcpChannel(near, 'viewer')
        if early is not None:
            channel = WebSocketChannel(channel, UPGRADE, early)
            channel.flush()
            head = b''
            while not head.endswith(b'\r\n\r\n'):
                head += far.recv(1)
        else:
            channel = UnframedChannel(channel)
        guest = Guest(channel, lambda: self.gone.append(guest),
                      ping_interval)
        return guest, far

    def frame(self, far):
        """:returns: the next one that a browser gets."""
        reader, frames = FrameReader(), []
        while not frames:
            frames = reader.feed(far.recv(1000))
        return frames[0]


@pytest.fixture
def stage():
    before = Holdings.now()
    stage = Stage()
    stage.lobby.start()
    yield stage
    stage.lobby.stop()
    for sock in stage.socks:
        sock.close()
    before.wait_for_return()


def test_what_a_viewer_says_is_kept_in_order(stage):
    guest, far = stage.guest()
    with stage.lobby.waiting(guest):
        far.sendall(b'RFB 003')
        wait_until(lambda: guest.said == b'RFB 003', 'it is heard')
        far.sendall(b'.008\n')
        wait_until(lambda: guest.said == b'RFB 003.008\n', 'all of it')
    assert guest.error is None
    assert not stage.gone


def test_who_leaves_is_noticed_once(stage):
    guest, far = stage.guest()
    with stage.lobby.waiting(guest):
        far.sendall(b'said before')
        far.close()
        wait_until(lambda: stage.gone, 'it is noticed')
    assert stage.gone == [guest]
    assert isinstance(guest.error, ViewerLeft)
    assert guest.said == b'said before'


def test_a_close_frame_is_an_end_although_the_browser_waits(stage):
    guest, far = stage.guest(early=b'')
    with stage.lobby.waiting(guest):
        far.sendall(masked(CLOSE, struct.pack('>H', 1001)))
        wait_until(lambda: stage.gone, 'it is noticed')
    assert isinstance(guest.error, ViewerLeft)
    # Its owner says goodbye.
    assert guest._channel.flush()
    assert stage.frame(far)[0] == CLOSE


def test_what_came_with_the_request_is_heard_too(stage):
    guest, _far = stage.guest(early=masked(BINARY, b'early'))
    with stage.lobby.waiting(guest):
        assert guest.said == b'early'
    guest, _far = stage.guest(early=masked(CLOSE, b''))
    with stage.lobby.waiting(guest):
        assert stage.gone == [guest]


def test_who_breaks_its_protocol_is_gone(stage):
    guest, far = stage.guest(early=b'')
    with stage.lobby.waiting(guest):
        far.sendall(b'\x82\x05plain')
        wait_until(lambda: stage.gone, 'it is noticed')
    assert isinstance(guest.error, RemoteProtocolError)
    assert 'not masked' in str(guest.error)


def test_who_talks_and_talks_is_gone(stage):
    guest, far = stage.guest()
    with stage.lobby.waiting(guest):
        far.sendall(bytes(MAX_SAID_BYTES + 1))
        wait_until(lambda: stage.gone, 'it has said too much')
    assert 'more than' in str(guest.error)


def test_hears_what_tls_holds_back(stage):
    authority = Authority()
    near, far = tcp_pair()
    stage.socks += near, far
    far.settimeout(10)
    made = []
    thread = threading.Thread(target=lambda: made.append(accept_tls(
        TcpChannel(near, 'viewer'), authority.issue(
            'localhost').server_context(), Deadline(Clock(), 10, 'tls'))))
    thread.start()
    far = authority.client_context().wrap_socket(
        far, server_hostname='localhost')
    stage.socks.append(far)
    thread.join(10)
    stage.socks.append(made[0].socket)
    guest = Guest(made[0], lambda: stage.gone.append(guest), 60)
    with stage.lobby.waiting(guest):
        far.sendall(b'a' * 5000)
        far.sendall(b'b' * 5000)
        wait_until(lambda: len(guest.said) == 10000, 'all of it is heard')
        far.close()
        wait_until(lambda: stage.gone, 'it is noticed')


def test_a_browser_is_pinged_so_that_nobody_cuts_the_line(stage,
                                                          monkeypatch):
    monkeypatch.setattr(lobby_module, '_PING_CHECK_INTERVAL', 0.02)
    guest, far = stage.guest(early=b'', ping_interval=0.05)
    other, _far = stage.guest(ping_interval=0.05)
    with stage.lobby.waiting(guest), stage.lobby.waiting(other):
        # Looks more often from now on.
        far.sendall(masked(BINARY, b'x'))
        for _ in range(2):
            assert stage.frame(far)[0] == PING
            far.sendall(masked(PONG, b''))
    assert not stage.gone
    assert guest.said == b'x'


def test_who_is_shown_out_is_left_alone(stage):
    guest, far = stage.guest()
    with stage.lobby.waiting(guest):
        pass
    far.sendall(b'for the next one')
    other, its_far = stage.guest()
    with stage.lobby.waiting(other):
        its_far.sendall(b'x')
        wait_until(lambda: other.said, 'the other is heard')
    assert not guest.said
    assert guest._channel.receive() == b'for the next one'


def test_one_guests_trouble_is_not_the_others(stage, monkeypatch, caplog):
    guest, far = stage.guest()
    other, its_far = stage.guest()
    monkeypatch.setattr(guest._channel, 'receive', lambda: 1 / 0)
    with stage.lobby.waiting(guest), stage.lobby.waiting(other):
        far.sendall(b'x')
        wait_until(lambda: stage.gone == [guest], 'the one has failed')
        its_far.sendall(b'x')
        wait_until(lambda: other.said == b'x', 'the other is heard')
    assert 'Bug' in caplog.text


def test_many_come_and_go_at_once(stage):
    def visit():
        for number in range(20):
            guest, far = stage.guest()
            with stage.lobby.waiting(guest):
                if number % 2:
                    far.close()
                    wait_until(lambda guest=guest: guest.error, 'it left')
                else:
                    far.sendall(b'x')
                    wait_until(lambda guest=guest: guest.said, 'it spoke')

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(stage.gone) == 80
    assert not stage.lobby._guests


def test_when_it_is_shut_who_waits_only_waits(stage):
    guest, _far = stage.guest()
    late, _its_far = stage.guest()
    with stage.lobby.waiting(guest):
        stage.lobby.stop()
        stage.lobby.stop()
        wait_until(lambda: not guest.registered, 'it is shut')
        with stage.lobby.waiting(late):
            pass
    assert not stage.gone
