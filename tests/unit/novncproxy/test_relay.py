# SPDX-License-Identifier: Apache-2.0
"""The relay on real sockets: every byte arrives, nobody starves, all ends."""

import contextlib
import hashlib
import itertools
import statistics
import struct
import threading
import time

import pytest

from ironic_console.common.clock import Clock
from ironic_console.common.rfb.pressed_keys import PressedKeys
from ironic_console.common.rfb.read_only import ReadOnlyFilter
from ironic_console.novncproxy import close_reasons, relay
from ironic_console.novncproxy.pace import Pace
from ironic_console.novncproxy.relay import CLOSE_TIMEOUT, RelayLimits
from tests.helpers.certificates import Authority
from tests.helpers.proxy import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    BrokenFrame,
    FrameReader,
    Holdings,
    masked,
    quiet,
    resident_bytes,
    wait_until,
)
from tests.helpers.wires import Exchange, Wire, counting

MANY = 24 * 1024 * 1024
# No limit of frames: some tests see what a flood costs when it is let in.
LIMITS = RelayLimits(ping_interval=20, idle_timeout=0, stall_timeout=300,
                     max_frame_rate=0)


@pytest.fixture(scope='module')
def contexts():
    """Of TLS: for the proxy and for the browser."""
    authority = Authority()
    return {'server': authority.issue('localhost').server_context(),
            'client': authority.client_context()}


@pytest.fixture(params=['plain', 'tls'])
def security(request, contexts):
    return contexts if request.param == 'tls' else {}


@pytest.fixture
def exchange():
    with Exchange(LIMITS) as exchange:
        yield exchange


def in_background(action, *args):
    """Run it; a connection that the test closes ends it."""
    def run():
        with contextlib.suppress(OSError):
            action(*args)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


# -- bytes --------------------------------------------------------------------

def test_every_byte_reaches_the_browser_in_whole_frames(exchange, security):
    wire = exchange.open(Wire(**security))
    sent = hashlib.sha256()

    def flood():
        for begin in range(0, MANY, 1 << 20):
            piece = counting(begin, 1 << 20)
            sent.update(piece)
            wire.endpoint.sendall(piece)

    sender = in_background(flood)
    received = hashlib.sha256()
    for _ in range(0, MANY, 1 << 20):
        received.update(wire.browser.read(1 << 20))
    sender.join()
    assert received.digest() == sent.digest()
    exchange.settle()
    assert wire.link.to_browser_bytes == MANY
    # The kernel moved them where it could, in big frames.
    assert (max(wire.browser.frames) > 65536) == (not security)


def test_every_byte_reaches_the_endpoint(exchange, security):
    wire = exchange.open(Wire(**security))
    sizes = itertools.cycle([1, 125, 126, 127, 4096, 65535, 65536, 200_000])
    sent = hashlib.sha256()
    total = 0

    def flood():
        nonlocal total
        for size in itertools.islice(sizes, 200):
            piece = counting(total, size)
            total += size
            sent.update(piece)
            wire.browser.send(piece)
        wire.browser.send_frame(CLOSE, struct.pack('>H', 1000))

    sender = in_background(flood)
    received = hashlib.sha256()
    while piece := wire.endpoint.recv(1 << 20):
        received.update(piece)
    sender.join()
    assert received.digest() == sent.digest()
    assert wire.wait_ended() == close_reasons.BROWSER_CLOSED
    assert wire.link.from_browser_bytes == total


@pytest.fixture
def always_gathering(monkeypatch):
    """As if all that endpoints send were too little to be fetched."""
    monkeypatch.setattr(Pace, 'is_trickle', lambda *_: True)


@pytest.mark.usefixtures('always_gathering')
def test_what_gathers_arrives_whole_with_its_last_byte(security):
    with Exchange(LIMITS, Clock()) as exchange:
        wire = exchange.open(Wire(**security))
        total = 2_000_000
        in_background(wire.endpoint.sendall, counting(0, total))
        assert wire.browser.read(total) == counting(0, total)
        wire.endpoint.sendall(b'x')
        assert wire.browser.read(1) == b'x'
        wire.endpoint.close()
        ended = close_reasons.ENDPOINT_CLOSED
        assert wire.browser.wait_closed()[0] == ended.code
        wire.browser.sock.close()
        assert wire.wait_ended() == ended


@pytest.mark.usefixtures('always_gathering')
def test_while_bytes_gather_keys_pass_and_sessions_end(exchange,
                                                       monkeypatch):
    monkeypatch.setattr(relay, 'GATHER_SECONDS', 3600)
    wire, other = exchange.open(), exchange.open()
    wire.endpoint.sendall(b'first')
    assert wire.browser.read(5) == b'first'
    # Nothing of the endpoint is fetched now.
    wire.endpoint.sendall(b'second')
    # More frames than one turn takes: the next turn is for both sides.
    wire.browser.sock.sendall(masked(BINARY, b'key') * 100)
    assert wire.receive(300) == b'key' * 100
    other.endpoint.sendall(b'x')
    assert other.browser.read(1) == b'x'
    assert wire.link.to_browser_bytes == 5
    exchange.relay.close(wire.link, close_reasons.REVOKED)
    assert wire.browser.wait_closed()[0] == close_reasons.REVOKED.code
    wire.browser.sock.close()
    assert wire.wait_ended() == close_reasons.REVOKED


@pytest.mark.parametrize('size', [1, 125, 126, 65535, 65536, 65537, 262144])
def test_frames_of_every_kind_of_length(exchange, size):
    wire = exchange.open()
    for begin in range(0, 3 * size, size):
        wire.endpoint.sendall(counting(begin, size))
        assert wire.browser.read(size) == counting(begin, size)


def test_echoes_both_ways_at_once(exchange):
    wire = exchange.open()
    size, step = 4 << 20, 1 << 15

    def echo():
        for _ in range(0, size, step):
            wire.endpoint.sendall(wire.receive(step))

    def speak():
        for begin in range(0, size, step):
            wire.browser.send(counting(begin, step))

    threads = [in_background(echo), in_background(speak)]
    assert wire.browser.read(size) == counting(0, size)
    for thread in threads:
        thread.join()


def test_a_message_in_pieces_is_one_stream(exchange):
    wire = exchange.open()
    wire.browser.send_frame(BINARY, b'ab', fin=False)
    wire.browser.send_frame(PING, b'between')
    wire.browser.send_frame(CONTINUATION, b'c')
    assert wire.receive(3) == b'abc'


def test_what_came_behind_the_handshakes_is_delivered(exchange):
    wire = exchange.open(Wire(to_endpoint=b'keys', to_browser=b'pixels'))
    assert wire.receive(4) == b'keys'
    assert wire.browser.read(6) == b'pixels'
    exchange.settle()
    assert wire.link.from_browser_bytes == 4
    assert wire.link.to_browser_bytes == 6


def test_frames_that_came_with_tls_records_do_not_wait(exchange, contexts):
    wire = exchange.open(Wire(**contexts))
    # One record, many frames: no selector announces the later ones.
    wire.browser.sock.sendall(masked(BINARY, b'x' * 10) * 1000)
    assert wire.receive(10_000) == b'x' * 10_000


# -- a side that takes nothing ------------------------------------------------

def test_a_browser_that_reads_nothing_stops_the_endpoint(exchange, security):
    wire = exchange.open(Wire(**security, buffer_bytes=65536))
    before = resident_bytes()
    sent = wire.fill()
    assert sent < 4 << 20
    assert resident_bytes() - before < 2 << 20
    assert quiet_relay(exchange)
    received = wire.browser.read(sent)
    assert received == counting(0, sent)
    sender = in_background(wire.endpoint.sendall, counting(sent, 1 << 20))
    assert wire.browser.read(1 << 20) == counting(sent, 1 << 20)
    sender.join()


def test_keys_still_flow_when_the_browser_reads_nothing(exchange):
    wire = exchange.open(Wire(buffer_bytes=65536))
    wire.fill()
    wire.browser.send(b'key')
    assert wire.receive(3) == b'key'


def test_an_endpoint_that_reads_nothing_stops_the_browser(exchange,
                                                          security):
    wire = exchange.open(Wire(**security, buffer_bytes=65536))
    sent = stuff(wire)
    assert sent < 4 << 20
    assert quiet_relay(exchange)
    # Pixels flow meanwhile.
    wire.endpoint.sendall(b'pixels')
    assert wire.browser.read(6) == b'pixels'
    assert wire.receive(sent) == counting(0, sent)


def quiet_relay(exchange) -> bool:
    """Wait until the loop sleeps while nothing can be moved."""
    def rests() -> bool:
        before = time.process_time()
        time.sleep(0.2)
        return time.process_time() - before < 0.1

    exchange.settle()
    return wait_until(rests, 'it sleeps')


def test_nobody_starves_beside_a_flood():
    with Exchange(LIMITS, Clock()) as exchange:
        flooded, other = exchange.open(), exchange.open()
        stop = threading.Event()

        def flood():
            piece = bytes(1 << 20)
            while not stop.is_set():
                flooded.endpoint.sendall(piece)

        def swallow():
            while not stop.is_set():
                flooded.browser.sock.recv(1 << 20)

        threads = [in_background(flood), in_background(swallow)]
        try:
            assert statistics.median(round_trips(other)) < NOT_STARVED
        finally:
            stop.set()
            flooded.endpoint.shutdown(2)
            for thread in threads:
                thread.join()


@pytest.mark.parametrize('frame', [
    masked(BINARY, b''), masked(PING, b''), masked(BINARY, b'x')],
    ids=['empty frames', 'pings', 'one byte each'])
def test_nobody_starves_beside_a_flood_of_tiny_frames(frame):
    with Exchange(LIMITS, Clock()) as exchange:
        flooded, other = exchange.open(), exchange.open()
        stop = threading.Event()

        def flood():
            while not stop.is_set():
                flooded.browser.sock.sendall(frame * 10_000)

        def swallow(sock):
            while not stop.is_set() and sock.recv(1 << 20):
                pass

        threads = [in_background(flood),
                   in_background(swallow, flooded.endpoint),
                   in_background(swallow, flooded.browser.sock)]
        try:
            assert statistics.median(round_trips(other)) < NOT_STARVED
        finally:
            stop.set()
            flooded.endpoint.shutdown(2)
            for thread in threads:
                thread.join()


#: Seconds. A flood goes on for as long as the test, so that whoever has to
#: wait for its end waits for ever; how slow the machine is says nothing.
NOT_STARVED = 2.0


def round_trips(wire) -> list[float]:
    """:returns: how long single bytes took, there and back."""
    times = []
    for _ in range(10):
        begin = time.monotonic()
        wire.browser.send(b'k')
        assert wire.receive(1) == b'k'
        wire.endpoint.sendall(b'p')
        assert wire.browser.read(1) == b'p'
        times.append(time.monotonic() - begin)
    return times


# -- control frames -----------------------------------------------------------

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


# -- endings ------------------------------------------------------------------

def test_the_browser_closes(exchange, security):
    wire = exchange.open(Wire(**security))
    wire.browser.close_politely()
    assert wire.browser.closed[0] == 1000
    assert wire.wait_ended() == close_reasons.BROWSER_CLOSED
    assert wire.endpoint_sees_end()


def test_the_last_keys_before_the_close_frame_arrive(exchange, security):
    wire = exchange.open(Wire(**security))
    wire.browser.sock.sendall(masked(BINARY, b'key up')
                              + masked(CLOSE, struct.pack('>H', 1001)))
    assert wire.receive(6) == b'key up'
    assert wire.endpoint_sees_end()


def test_the_browser_goes_without_a_word(exchange, security):
    wire = exchange.open(Wire(**security))
    wire.browser.sock.close()
    assert wire.endpoint_sees_end()
    assert wire.wait_ended().name in ('browser closed', 'browser lost')


def test_the_browser_is_reset(exchange):
    wire = exchange.open()
    wire.reset(wire.browser.sock)
    assert wire.wait_ended() == close_reasons.BROWSER_LOST
    assert wire.endpoint_sees_end()


def test_the_browser_is_reset_while_it_is_busy(exchange):
    wire = exchange.open(Wire(buffer_bytes=65536))
    wire.fill()
    wire.reset(wire.browser.sock)
    assert wire.wait_ended() == close_reasons.BROWSER_LOST


def test_the_endpoint_closes(exchange, security):
    wire = exchange.open(Wire(**security))
    wire.endpoint.sendall(b'last words')
    wire.endpoint.close()
    assert wire.browser.read(10) == b'last words'
    assert wire.browser.wait_closed() == (
        4502, "The server's console closed the connection.")
    assert wire.wait_ended() == close_reasons.ENDPOINT_CLOSED


def test_all_that_an_endpoint_sent_arrives_before_the_close_frame(exchange,
                                                                  security):
    wire = exchange.open(Wire(**security))
    size = 3_000_001
    sender = in_background(lambda: (
        wire.endpoint.sendall(counting(0, size)), wire.endpoint.close()))
    data = wire.browser.read_to_end()
    sender.join()
    assert data == counting(0, size)
    assert wire.browser.closed[0] == 4502
    assert wire.wait_ended() == close_reasons.ENDPOINT_CLOSED


def test_the_endpoint_is_reset(exchange):
    wire = exchange.open()
    wire.endpoint.sendall(b'x')
    wire.browser.read(1)
    wire.reset(wire.endpoint)
    assert wire.browser.wait_closed()[0] == 4502
    assert wire.wait_ended() == close_reasons.ENDPOINT_LOST


def test_a_session_can_be_closed_from_outside(exchange, security):
    wire = exchange.open(Wire(**security))
    exchange.relay.close(wire.link, close_reasons.REVOKED)
    exchange.relay.close(wire.link, close_reasons.SHUTDOWN)
    assert wire.browser.wait_closed() == (
        1008, 'The console of this node was switched off.')
    assert wire.wait_ended() == close_reasons.REVOKED
    assert wire.endpoint_sees_end()
    exchange.relay.close(wire.link, close_reasons.SHUTDOWN)


def test_the_reason_reaches_a_browser_that_talks_all_the_time(exchange,
                                                              security):
    wire = exchange.open(Wire(**security))
    exchange.relay.close(wire.link, close_reasons.REVOKED)
    for _ in range(500):
        wire.browser.send(b'move the pointer')
    assert wire.browser.wait_closed()[0] == 1008
    assert wire.wait_ended() == close_reasons.REVOKED


def test_a_browser_has_only_a_moment_to_take_its_leave(exchange):
    wire = exchange.open(Wire(buffer_bytes=65536))
    wire.fill()
    exchange.relay.close(wire.link, close_reasons.REVOKED)
    assert wire.endpoint_sees_end()
    exchange.settle()
    assert wire.alive
    exchange.advance(relay._LONGEST_CLOSE)
    assert wire.wait_ended() == close_reasons.REVOKED


def test_the_reason_reaches_a_browser_on_a_slow_line(exchange):
    """It stands behind all that the kernel has for it."""
    wire = exchange.open(Wire(buffer_bytes=65536))
    wire.fill()
    exchange.relay.close(wire.link, close_reasons.REVOKED)
    exchange.advance(CLOSE_TIMEOUT)
    assert wire.alive
    assert wire.browser.wait_closed()[0] == 1008
    assert wire.wait_ended() == close_reasons.REVOKED


def test_a_viewer_that_has_it_all_and_stays_gets_no_more_time(exchange):
    wire = exchange.open(Wire(framed=False))
    exchange.relay.close(wire.link, close_reasons.REVOKED)
    assert wire.browser.sock.recv(1) == b''
    wait_until(lambda: not wire.link.browser.below.still_delivers(
        CLOSE_TIMEOUT), 'the kernel knows it too')
    exchange.advance(CLOSE_TIMEOUT)
    assert wire.wait_ended() == close_reasons.REVOKED


@pytest.mark.parametrize('how', ['reset', 'closed'])
def test_a_native_viewer_that_vanishes_harms_nobody_else(exchange, security,
                                                         how):
    other = exchange.open()
    wire = exchange.open(Wire(**security, buffer_bytes=4096, framed=False))
    # Little at a time, so that what it does not take is queued by us.
    wire.endpoint.settimeout(0.2)
    with contextlib.suppress(TimeoutError):
        while not wire.link.browser_busy():
            wire.endpoint.sendall(bytes(4000))
            exchange.settle()
    if how == 'reset':
        wire.reset(wire.browser.sock)
    else:
        # With bytes that it has not read, which resets too.
        wire.browser.sock.close()
    assert wire.wait_ended() in (close_reasons.BROWSER_LOST,
                                 close_reasons.BROWSER_CLOSED)
    other.endpoint.sendall(b'x')
    assert other.browser.read(1) == b'x'


def test_stopping_closes_all_with_a_reason_and_ends_the_thread(exchange):
    wires = [exchange.open() for _ in range(20)]
    stopper = in_background(exchange.relay.stop, close_reasons.SHUTDOWN, 10)
    for wire in wires:
        assert wire.browser.wait_closed()[0] == 1001
        assert wire.wait_ended() == close_reasons.SHUTDOWN
    stopper.join()
    assert not exchange.relay._thread.is_alive()


def test_a_session_that_comes_while_stopping_is_told_so(exchange):
    first = exchange.open()
    stopper = in_background(exchange.relay.stop, close_reasons.SHUTDOWN, 10)
    wait_until(lambda: exchange.relay._stopping, 'stopping')
    late = exchange.open()
    assert late.browser.wait_closed()[0] == 1001
    assert first.browser.wait_closed()[0] == 1001
    stopper.join()


# -- time ---------------------------------------------------------------------

def limited(**limits):
    return Exchange(RelayLimits(**{'stall_timeout': 0, **limits}))


def test_closes_a_silent_browser():
    with limited() as exchange:
        wire = exchange.open(Wire(answers_pings=False))
        exchange.advance(20)
        exchange.settle()
        assert wire.alive
        exchange.advance(20)
        assert wire.browser.wait_closed() == (
            1001, 'Your browser stopped answering.')
        assert wire.wait_ended() == close_reasons.BROWSER_SILENT


def test_a_browser_on_a_slow_line_is_not_silent():
    """The ping stands behind what the kernel has taken for it."""
    with limited() as exchange:
        wire = exchange.open(Wire(answers_pings=False))
        sent = 2_000_000
        wire.endpoint.sendall(counting(0, sent))
        wire.wait_relayed(sent)
        for _ in range(3):
            exchange.advance(20)
            exchange.settle()
        assert wire.alive
        assert wire.browser.read(sent) == counting(0, sent)
        exchange.advance(20)
        exchange.settle()
        exchange.advance(20)
        exchange.advance(relay._LONGEST_CLOSE)
        assert wire.wait_ended() == close_reasons.BROWSER_SILENT


def test_any_byte_is_a_sign_of_life():
    with limited() as exchange:
        wire = exchange.open(Wire(answers_pings=False))
        for _ in range(3):
            exchange.advance(20)
            wire.browser.send(b'k')
            wire.receive(1)
            exchange.settle()
        assert wire.alive


KEY = bytes.fromhex('04 01 0000 00000061')
LOOK = bytes.fromhex('03 01 0000 0000 0320 0258')


def test_closes_an_idle_session():
    with limited(idle_timeout=60) as exchange:
        wire = exchange.open()
        exchange.advance(50)
        wire.browser.send(KEY)
        wire.receive(len(KEY))
        for _ in range(2):
            # Pixels, asking for them, and pongs are no use.
            exchange.advance(20)
            wire.browser.send(LOOK)
            wire.receive(len(LOOK))
            wire.endpoint.sendall(b'p')
            assert wire.browser.read(1) == b'p'
            exchange.settle()
        assert wire.alive
        exchange.advance(20)
        assert wire.browser.wait_closed() == (
            1008, 'The session was closed because it was not used.')
        assert wire.wait_ended() == close_reasons.IDLE


def test_closes_a_session_that_lasts_too_long_however_busy():
    with limited(max_session_length=100) as exchange:
        wire = exchange.open()
        for _ in range(9):
            exchange.advance(11)
            wire.browser.send(b'k')
            wire.receive(1)
            exchange.settle()
        assert wire.alive
        exchange.advance(1)
        assert wire.browser.wait_closed()[0] == 1008
        assert wire.wait_ended() == close_reasons.TOO_LONG


def test_closes_when_a_browser_takes_nothing_for_too_long():
    with limited(stall_timeout=300) as exchange:
        wire = exchange.open(Wire(buffer_bytes=65536))
        wire.fill()
        exchange.advance(299)
        assert wire.alive
        # It is looked at with every ping.
        exchange.advance(20)
        wire.browser.read_to_end()
        assert wire.browser.closed[0] == 1008
        assert wire.wait_ended() == close_reasons.STALLED


def test_closes_when_an_endpoint_takes_nothing_for_too_long():
    with limited(stall_timeout=300, ping_interval=1000,
                 max_frame_rate=0) as exchange:
        wire = exchange.open(Wire(buffer_bytes=65536))
        exchange.advance(5000)
        stuff(wire)
        exchange.settle()
        exchange.advance(299)
        exchange.settle()
        # What counts is when it began to wait, not when all was well last.
        assert wire.alive
        exchange.advance(1)
        assert wire.browser.wait_closed()[0] == 1008
        assert wire.wait_ended() == close_reasons.STALLED


def test_a_browser_that_takes_a_little_is_not_stalled():
    with limited(stall_timeout=300) as exchange:
        wire = exchange.open(Wire(buffer_bytes=65536))
        sent = wire.fill()
        for _ in range(3):
            exchange.advance(200)
            wire.browser.read(sent // 4)
            wire.wait_progress(exchange.clock)
        assert wire.alive


def stuff(wire) -> int:
    """Send from the browser until nothing is taken any more.

    :returns: number of bytes in whole frames; they count up in fours.
    """
    wire.browser.sock.settimeout(0.2)
    sent = 0
    try:
        while True:
            wire.browser.send(counting(sent, 30_000))
            sent += 30_000
            assert sent < 64 << 20, 'nothing stops it'
    except TimeoutError:
        return sent
    finally:
        wire.browser.sock.settimeout(10)


def test_limits_can_be_changed_while_sessions_go_on(exchange):
    wire = exchange.open()
    exchange.relay.limits = RelayLimits(max_session_length=30)
    exchange.advance(20)
    wire.endpoint.sendall(b'x')
    wire.browser.read(1)
    exchange.settle()
    exchange.advance(20)
    assert wire.browser.wait_closed()[0] == 1008


# -- leaks --------------------------------------------------------------------

def test_gives_everything_back():
    with Exchange(LIMITS) as warm:
        warm.open().browser.close_politely()
    before = Holdings.now()
    with Exchange(LIMITS) as exchange:
        for round_ in range(9):
            wire = exchange.open(Wire(buffer_bytes=65536))
            if round_ % 3 == 0:
                wire.fill()
                wire.reset(wire.browser.sock)
            elif round_ % 3 == 1:
                wire.browser.close_politely()
            else:
                wire.endpoint.sendall(bytes(100_000))
                wire.browser.read(100_000)
                wire.endpoint.close()
                wire.browser.wait_closed()
            wire.wait_ended()
            wire.browser.sock.close()
            wire.endpoint.close()
        assert len(exchange.relay._buffers.pipes._idle) <= 16
    before.wait_for_return()


def test_a_bug_ends_its_own_session_only(exchange, monkeypatch, caplog):
    good, bad = exchange.open(), exchange.open()
    real = type(bad.link).pull_from_endpoint

    def fail(link, now):
        if link is bad.link:
            raise KeyError('bug')
        return real(link, now)

    monkeypatch.setattr(type(bad.link), 'pull_from_endpoint', fail)
    bad.endpoint.sendall(b'x')
    assert bad.wait_ended() == close_reasons.BUG
    good.endpoint.sendall(b'x')
    assert good.browser.read(1) == b'x'
    assert 'Traceback' in caplog.text


@pytest.mark.parametrize('step', [
    'begin_close', 'browser_busy', 'interest', 'on_end', 'close'])
def test_a_bug_at_the_end_of_a_session_ends_no_other(exchange, monkeypatch,
                                                     caplog, step):
    good, bad = exchange.open(), exchange.open()
    real = getattr(type(bad.link), step)

    def fail(link, *args):
        if link is bad.link:
            raise KeyError('bug')
        return real(link, *args)

    if step == 'on_end':
        bad.link.on_end = lambda *_: fail(bad.link)
    else:
        monkeypatch.setattr(type(bad.link), step, fail)
    exchange.relay.close(bad.link, close_reasons.REVOKED)
    exchange.advance(relay._LONGEST_CLOSE)
    good.endpoint.sendall(b'x')
    assert good.browser.read(1) == b'x'
    assert 'KeyError' in caplog.text
    assert bad.link not in exchange.relay._links


def test_a_selector_that_takes_no_more_ends_one_session_only(exchange,
                                                             monkeypatch):
    good = exchange.open()
    wire = Wire()
    real = exchange.relay._register

    def fail(fileno, *args):
        if fileno == wire.link.browser.fileno():
            raise OSError('no space left on device')
        real(fileno, *args)

    monkeypatch.setattr(exchange.relay, '_register', fail)
    exchange.open(wire)
    assert wire.wait_ended() == close_reasons.BUG
    good.endpoint.sendall(b'x')
    assert good.browser.read(1) == b'x'


def test_the_browser_of_the_tests_notices_broken_frames():
    for data in (b'\xc2\x00', b'\x82\x80' + bytes(4), b'\x82\x7e\x00\x01x',
                 b'\x81\x00', b'\x02\x00', b'\x89\x7e\x00\x80'):
        with pytest.raises(BrokenFrame):
            FrameReader().feed(data)


def test_an_idle_session_does_nothing(exchange):
    wire = exchange.open()
    assert quiet_relay(exchange)
    assert quiet(wire.endpoint)
    assert quiet(wire.browser.sock)
