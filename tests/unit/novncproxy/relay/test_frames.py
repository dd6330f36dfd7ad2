# SPDX-License-Identifier: Apache-2.0
"""WebSocket frames that carry no bytes, and how many there may be."""

import contextlib
import struct

import pytest

from ironic_console.common.rfb.pressed_keys import PressedKeys
from ironic_console.common.rfb.read_only import ReadOnlyFilter
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.relay import RelayLimits
from tests.helpers.proxy import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    FrameReader,
    masked,
    resident_bytes,
    wait_until,
)
from tests.helpers.wires import Exchange, Wire, counting, in_background


def test_pings_and_takes_any_pong(exchange):
    wire = exchange.open()
    for number in range(1, 4):
        exchange.advance(20)
        wire.endpoint.sendall(b'x')
        wire.browser.read(1)
        assert wire.browser.pings == number
        exchange.settle()
    assert wire.alive


def test_answers_pings_between_two_frames(exchange):
    wire = exchange.open(Wire(buffer_bytes=65536))
    sent = wire.fill()
    wire.browser.send_frame(PING, b'are you there')
    wire.browser.send(b'key')
    assert wire.receive(3) == b'key'
    reader, frames = FrameReader(), []
    while not frames or frames[-1][0] != PONG:
        frames += reader.feed(wire.browser.sock.recv(65536))
    assert frames[-1] == (PONG, b'are you there')
    assert b''.join(payload for opcode, payload in frames
                    if opcode == BINARY) == counting(0, sent)[
        :sum(len(payload) for _, payload in frames[:-1])]


def test_is_silent_about_pings_while_a_frame_is_in_flight(exchange):
    wire = exchange.open(Wire(buffer_bytes=65536))
    sent = wire.fill()
    exchange.advance(20)
    assert wire.browser.read(sent) == counting(0, sent)
    assert wire.browser.pings == 0
    # Nobody was asked, so nobody is silent.
    exchange.settle()
    exchange.advance(20)
    wire.endpoint.sendall(b'x')
    assert wire.browser.read(1) == b'x'
    assert wire.browser.pings == 1
    assert wire.alive


def test_a_flood_of_pings_that_reads_nothing_costs_little(exchange):
    wire = exchange.open(Wire(buffer_bytes=65536))
    wire.fill()
    before = resident_bytes()
    for _ in range(100):
        wire.browser.sock.sendall(masked(PING, b'x' * 125) * 1000)
    wire.browser.send(b'key')
    assert wire.receive(3) == b'key'
    assert resident_bytes() - before < 2 << 20


# -- how fast -----------------------------------------------------------------

@pytest.fixture
def paced():
    with Exchange(RelayLimits(max_frame_rate=100)) as exchange:
        yield exchange


def send_frames(exchange, wire, number, frame=None):
    """Send frames, and let the relay see them all."""
    wire.browser.sock.sendall((frame or masked(BINARY, b'x')) * number)
    exchange.settle()


@pytest.mark.parametrize('frame', [
    masked(BINARY, b'x'), masked(BINARY, b''), masked(PING, b''),
    masked(PONG, b''), masked(BINARY, b'x', fin=False)
    + masked(CONTINUATION, b'')],
    ids=['bytes', 'empty', 'pings', 'pongs', 'pieces'])
def test_a_browser_that_sends_too_many_frames_is_told_so(paced, frame):
    wire = paced.open()
    with contextlib.suppress(OSError):
        wire.browser.sock.sendall(frame * 2000)
    assert wire.browser.wait_closed() == (
        1008, 'Your browser sent too much at once.')
    assert wire.wait_ended() == close_reasons.FLOOD


def test_a_burst_is_fine_and_so_is_a_steady_rate(paced):
    wire = paced.open()
    send_frames(paced, wire, 190)
    paced.advance(1)
    for _ in range(18):
        # What the relay sees with the time of a moment ago is no flood.
        paced.advance(1)
        send_frames(paced, wire, 95)
    assert len(wire.receive(1900)) == 1900
    assert not wire.link.closing


def test_more_than_the_rate_is_a_flood_in_the_end(paced):
    wire = paced.open()
    seconds = 0
    while not wire.link.closing:
        paced.advance(1)
        send_frames(paced, wire, 120)
        seconds += 1
    assert wire.browser.wait_closed()[0] == 1008
    assert 2 < seconds < 9


def test_bytes_are_no_frames(paced):
    wire = paced.open()
    clipboard = struct.pack('>B3xI', 6, (1 << 20) - 8) + bytes((1 << 20) - 8)
    for begin in range(0, 1 << 20, 1 << 16):
        wire.browser.send(clipboard[begin:begin + (1 << 16)])
    assert wire.receive(1 << 20) == clipboard
    assert not wire.link.closing


@pytest.mark.parametrize('rule', [PressedKeys, ReadOnlyFilter])
def test_messages_in_one_frame_count_as_if_each_had_its_own(paced, rule):
    wire = paced.open(Wire(rule=rule()))
    wire.browser.send((b'\x05' + bytes(5)) * 2000)
    assert wire.browser.wait_closed()[0] == 1008
    assert wire.wait_ended() == close_reasons.FLOOD


def test_a_frame_of_many_messages_takes_many_turns(exchange, monkeypatch):
    """Others have theirs in between."""
    wire, turns = Wire(), []
    real = type(wire.link).pull_from_browser

    def pull(link, now):
        before = link._rule.messages
        real(link, now)
        turns.append(link._rule.messages - before)

    monkeypatch.setattr(type(wire.link), 'pull_from_browser', pull)
    exchange.open(wire)
    moves = (b'\x05' + bytes(5)) * 40_000
    wire.browser.send(moves)
    assert wire.receive(len(moves)) == moves
    exchange.settle()
    assert sum(turns) == 40_000
    assert max(turns) <= 16 * 1024 // 6 + 1


def test_what_an_endpoint_held_up_may_come_at_once(paced):
    wire = paced.open(Wire(buffer_bytes=4096))
    clipboard = struct.pack('>B3xI', 6, (1 << 15) - 8) + bytes((1 << 15) - 8)

    def speak():
        # More than the kernel holds; then what a user does meanwhile, who
        # cannot know that nothing is taken.
        for _ in range(32):
            wire.browser.send(clipboard)
        for _ in range(1000):
            wire.browser.send(b'mouse!')

    sender = in_background(speak)
    wait_until(lambda: wire.link.held_up, 'nothing is taken')
    paced.advance(10)
    assert len(wire.receive((1 << 20) + 6000)) == (1 << 20) + 6000
    sender.join()
    paced.settle()
    assert not wire.link.closing


def test_the_rate_may_change_while_it_runs(paced):
    paced.relay.limits = RelayLimits(max_frame_rate=0)
    wire = paced.open()
    send_frames(paced, wire, 5000)
    assert len(wire.receive(5000)) == 5000
    paced.relay.limits = RelayLimits(max_frame_rate=100)
    # What was allowed then is not held against it now.
    send_frames(paced, wire, 150)
    assert len(wire.receive(150)) == 150
    send_frames(paced, wire, 1000)
    assert wire.browser.wait_closed()[0] == 1008


@pytest.mark.parametrize(('bad', 'code'), [
    (b'\xc2\x80' + bytes(4), 1002),
    (b'\x82\x01x', 1002),
    (masked(TEXT, b'x'), 1003),
    (masked(3, b''), 1002),
    (masked(PING, b'x' * 126), 1002),
    (masked(PING, b'x', fin=False), 1002),
    (masked(CONTINUATION, b'x'), 1002),
    (masked(BINARY, b'', fin=False) + masked(BINARY, b'x'), 1002),
    (b'\x82\xff' + (1 << 40).to_bytes(8) + bytes(4), 1009),
    (b'\x82\xff' + b'\xff' * 8 + bytes(4), 1009),
], ids=['rsv1', 'not masked', 'text', 'opcode 3', 'long ping',
        'ping in pieces', 'continues nothing', 'begins twice', '1 TiB',
        '2^64-1'])
def test_a_browser_that_breaks_websocket_is_told_so(exchange, security, bad,
                                                    code):
    wire = exchange.open(Wire(**security))
    wire.endpoint.sendall(b'before')
    assert wire.browser.read(6) == b'before'
    wire.browser.sock.sendall(bad)
    assert wire.browser.wait_closed()[0] == code
    wire.browser.sock.close()
    assert wire.wait_ended().name == 'RemoteProtocolError'
    assert wire.endpoint_sees_end()
