# SPDX-License-Identifier: Apache-2.0
"""Every byte arrives, in order, whoever is slow."""

import contextlib
import hashlib
import itertools
import statistics
import struct
import threading
import time

import pytest

from ironic_console.common.clock import Clock
from ironic_console.novncproxy import close_reasons, relay
from ironic_console.novncproxy.pace import Pace
from tests.helpers.proxy import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    BrokenFrame,
    FrameReader,
    masked,
    resident_bytes,
)
from tests.helpers.wires import (
    WITHOUT_RATE,
    Exchange,
    Wire,
    counting,
    in_background,
)

MANY = 24 * 1024 * 1024


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
    with Exchange(WITHOUT_RATE, Clock()) as exchange:
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
    assert exchange.sleeps()
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
    sent = wire.stuff()
    assert sent < 4 << 20
    assert exchange.sleeps()
    # Pixels flow meanwhile.
    wire.endpoint.sendall(b'pixels')
    assert wire.browser.read(6) == b'pixels'
    assert wire.receive(sent) == counting(0, sent)


@contextlib.contextmanager
def ending(stop, flooded, threads):
    """A flood goes on in here, and has ended behind it."""
    try:
        yield
    finally:
        stop.set()
        flooded.endpoint.shutdown(2)
        for thread in threads:
            thread.join()


def test_nobody_starves_beside_a_flood():
    with Exchange(WITHOUT_RATE, Clock()) as exchange:
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
        with ending(stop, flooded, threads):
            assert statistics.median(round_trips(other)) < NOT_STARVED


@pytest.mark.parametrize('frame', [
    masked(BINARY, b''), masked(PING, b''), masked(BINARY, b'x')],
    ids=['empty frames', 'pings', 'one byte each'])
def test_nobody_starves_beside_a_flood_of_tiny_frames(frame):
    with Exchange(WITHOUT_RATE, Clock()) as exchange:
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
        with ending(stop, flooded, threads):
            assert statistics.median(round_trips(other)) < NOT_STARVED


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


def test_the_browser_of_the_tests_notices_broken_frames():
    for data in (b'\xc2\x00', b'\x82\x80' + bytes(4), b'\x82\x7e\x00\x01x',
                 b'\x81\x00', b'\x02\x00', b'\x89\x7e\x00\x80'):
        with pytest.raises(BrokenFrame):
            FrameReader().feed(data)
