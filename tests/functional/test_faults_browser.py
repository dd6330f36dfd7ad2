# SPDX-License-Identifier: Apache-2.0
"""Faults between browser and proxy, and browsers that want to do harm."""

import contextlib
import dataclasses
import logging
import re
import socket
import struct
import threading
import time

import pytest

from ironic_console.common.endpoint import REFUSE
from ironic_console.common.tls import ServerTls
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.relay import RelayLimits
from tests.helpers.certificates import Authority
from tests.helpers.fault_proxy import FaultProxy, Line, Way
from tests.helpers.proxy import (
    BINARY,
    CLOSE,
    CONTINUATION,
    NODE,
    OTHER,
    PING,
    SESSIONS,
    SETUP,
    Browser,
    Holdings,
    HTTPConnection,
    Refused,
    RunningWorker,
    http_get,
    make_settings,
    masked,
    node_record,
    path_to,
    resident_bytes,
    ticket_for,
    wait_until,
)
from tests.helpers.viewer import pack_key
from tests.simulators.rfb_server import (
    PATTERN,
    RfbServer,
    echo_server,
    flood_of,
    good,
)

FLOOD = close_reasons.FLOOD.code, close_reasons.FLOOD.text
KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture
def server():
    with RfbServer(echo_server()) as server:
        yield server


@pytest.fixture
def record(server):
    return node_record(server.port)


@pytest.fixture
def run(tmp_path, record):
    """Starts a worker with two nodes."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(RunningWorker(
            make_settings(tmp_path, **settings), record,
            dataclasses.replace(record, uuid=OTHER)))


@pytest.fixture
def worker(run):
    return run()


@pytest.fixture
def through(worker):
    """Opens consoles through a fault proxy."""
    with contextlib.ExitStack() as stack:
        yield lambda line=None, worker=worker: stack.enter_context(
            FaultProxy(worker.address[1], line))


def open_through(faults, record, **options):
    return Browser((faults.host, faults.port),
                   path_to(record.uuid, ticket_for(record)), **options)


def echoes(browser, data=b'echo'):
    browser.send(data)
    return browser.read(len(data)) == data


# -- who says nothing ---------------------------------------------------------

@pytest.mark.parametrize('said', [b'', b'\x16\x03\x01\x02\x00\x01'],
                         ids=['nothing', 'half a ClientHello'])
def test_a_thousand_who_withhold_tls_hold_up_nobody(tmp_path, record, said):
    authority = Authority()
    files = authority.issue().save(tmp_path, 'server')
    settings = make_settings(
        tmp_path, tls=ServerTls(files.cert_file, files.key_file),
        setup=dataclasses.replace(SETUP, head_timeout=8.0, max_setups=200))
    context = authority.client_context()
    with RunningWorker(settings, record) as worker:
        with worker.open(record, context=context) as browser:
            browser.shake_hands()
        before, memory = Holdings.now(), resident_bytes()
        slow = []
        try:
            for _ in range(1000):
                slow.append(socket.create_connection(worker.address, 10))
                slow[-1].sendall(said)
            assert resident_bytes() - memory < 1000 * 64 * KIB
            begun = time.monotonic()
            with worker.open(record, context=context) as browser:
                browser.shake_hands()
                assert echoes(browser)
            # Not even as long as one of them may wait.
            assert time.monotonic() - begun < 8.0
            for sock in slow:
                sock.settimeout(30)
                assert ends(sock)
        finally:
            for sock in slow:
                sock.close()
        wait_until(lambda: not worker.worker._server._setups, 'all threads')
        before.wait_for_return()


def ends(sock):
    """Wait for the end; TLS may say what it thinks before it."""
    with contextlib.suppress(ConnectionError):
        while sock.recv(4096):
            pass
    return True


def test_probes_that_only_connect_are_no_news(worker, caplog):
    """As load balancers see whether somebody is there."""
    caplog.set_level(logging.INFO)
    before = Holdings.now()
    for number in range(200):
        probe = HTTPConnection(worker.address)
        if number % 2:
            probe.reset()
        else:
            probe.close()
    assert http_get(worker.address, '/healthz').status == 200
    wait_until(lambda: not worker.worker._server._setups, 'all have ended')
    before.wait_for_return()
    assert not caplog.records


def test_health_tells_nothing_about_anybody(worker, record):
    with worker.open(record) as browser:
        browser.shake_hands()
        for path in ('/healthz', '/readyz'):
            answer = http_get(worker.address, path)
            assert answer.status == 200
            text = repr(answer)
            assert NODE not in text
            assert not re.search(r'127\.0|ironic|python|[0-9]+\.[0-9]+\.',
                                 text, re.IGNORECASE)


# -- cables and load balancers ------------------------------------------------

PINGS = RelayLimits(ping_interval=2.0)


def test_a_browser_whose_cable_is_pulled_gives_its_place_free(run, through,
                                                              record):
    worker = run(relay=PINGS, sessions=dataclasses.replace(
        SESSIONS, sharing=REFUSE))
    faults = through(worker=worker)
    with open_through(faults, record) as browser:
        browser.shake_hands()
        with pytest.raises(Refused):
            worker.open(record)
        faults.passage().unplug()
        wait_until(lambda: not worker.sessions(), 'it is noticed')
        with worker.open(record) as second:
            second.shake_hands()
            assert echoes(second)


@pytest.mark.parametrize('pings', [True, False])
def test_pings_keep_a_load_balancer_from_closing(run, through, record,
                                                 pings):
    worker = run(relay=RelayLimits(ping_interval=0.5 if pings else 60))
    faults = through(Line(idle_timeout=3.0), worker)
    with open_through(faults, record) as browser:
        browser.shake_hands()
        # Nothing else passes, for longer than the line may be idle.
        while browser.pings < 8 and browser._receive():
            pass
        assert browser.pings == (8 if pings else 0)
        if pings:
            assert echoes(browser)


@pytest.mark.parametrize('line', [
    Line(up=Way(piece=1), down=Way(piece=1)),
    Line(up=Way(latency=0.05), down=Way(latency=0.05)),
    Line(accept_delay=0.3),
], ids=['dribbles', 'far away', 'accepts late'])
def test_a_bad_line_is_still_a_line(through, record, line):
    with open_through(through(line), record) as browser:
        browser.shake_hands()
        assert echoes(browser)
        browser.close_politely()


def test_a_slow_line_is_not_taken_for_a_dead_one(run, through, server,
                                                 record):
    """Pings stand behind megabytes; both arrive, later than the interval."""
    server.behaviour = flood_of(2 * MIB)
    worker = run(relay=RelayLimits(ping_interval=0.5))
    faults = through(Line(down=Way(rate=MIB, piece=8 * KIB),
                          buffer_bytes=64 * KIB), worker)
    with open_through(faults, record, receive_buffer=64 * KIB) as browser:
        browser.shake_hands()
        assert browser.read(2 * MIB) == PATTERN * (2 * MIB // len(PATTERN))


# -- who takes nothing --------------------------------------------------------

def test_a_browser_that_never_reads_again_is_given_up(run, server, record):
    server.behaviour = flood_of(1 << 30)
    worker = run(relay=RelayLimits(stall_timeout=1.0))
    with worker.open(record, receive_buffer=4 * KIB) as browser:
        browser.shake_hands()
        wait_until(lambda: not worker.sessions(), 'its place is free')
        assert server.peer().wait_ended() in ('reset by peer',
                                              'closed by peer')


def test_twenty_dead_readers_cost_little(run, server, record):
    server.behaviour = flood_of(1 << 30)
    worker = run()
    with contextlib.ExitStack() as stack:
        browsers = [stack.enter_context(worker.open(
            record, receive_buffer=16 * KIB)) for _ in range(21)]
        browsers[0].shake_hands()
        before = resident_bytes()
        for browser in browsers[1:]:
            browser.shake_hands()
        sent = -1
        while sent != (sent := sum(peer.sent for peer in server.peers)):
            time.sleep(0.3)
        # Twenty threads of the simulator are in there too.
        assert resident_bytes() - before < 20 * MIB
        # Somebody may not have been through when the sum stood still.
        wait_until(rests, 'it rests')


def rests():
    """:returns: this process has little to do."""
    used = time.process_time()
    time.sleep(0.5)
    return time.process_time() - used < 0.25


# -- floods -------------------------------------------------------------------

TINY = {
    'frames of one byte': masked(BINARY, b'\x00'),
    'frames of nothing': masked(BINARY, b''),
    'fragments of nothing': masked(CONTINUATION, b'', fin=False),
    'pings': masked(PING, b''),
    'long pings': masked(PING, bytes(125)),
}


@pytest.mark.parametrize('name', TINY)
def test_a_flood_of_tiny_frames_is_stopped_and_disturbs_nobody(
        run, record, name):
    worker = run(relay=RelayLimits(max_frame_rate=1000))
    frame = TINY[name]
    with (worker.open(record) as other, worker.open(record) as flooder):
        other.shake_hands()
        flooder.shake_hands()
        if name.startswith('fragments'):
            flooder.send_frame(BINARY, b'', fin=False)
        # What is echoed must not stand in the way of what is told.
        reader = threading.Thread(target=flooder.read_to_end)
        reader.start()
        with contextlib.suppress(OSError):
            for _ in range(200):
                flooder.sock.sendall(frame * 100)
        slowest = 0.0
        while reader.is_alive():
            begun = time.monotonic()
            assert echoes(other)
            slowest = max(slowest, time.monotonic() - begun)
            reader.join(0.01)
        assert flooder.closed == FLOOD
        # A busy machine makes its own pauses.
        assert slowest < 5.0
        assert echoes(other)
    wait_until(lambda: not worker.sessions(), 'both have ended')


def test_a_person_at_mouse_and_keyboard_is_no_flood(run, record):
    worker = run(relay=RelayLimits(max_frame_rate=1000))
    with worker.open(record) as browser:
        browser.shake_hands()
        for _ in range(3):
            # After a moment without network all of it comes at once.
            browser.sock.sendall(masked(BINARY, b'0123456789') * 500)
            assert len(browser.read(5000)) == 5000
            time.sleep(0.5)
        assert echoes(browser)


# -- who goes at any moment ---------------------------------------------------

def script(record):
    """:returns: all that the browser of a good session says."""
    target = path_to(record.uuid, ticket_for(record))
    head = (f'GET {target} HTTP/1.1\r\nHost: console.example.org\r\n'
            'Connection: Upgrade\r\nUpgrade: websocket\r\n'
            'Sec-WebSocket-Version: 13\r\n'
            'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n').encode()
    return head, [masked(BINARY, b'RFB 003.008\n'), masked(BINARY, b'\x01'),
                  masked(BINARY, b'\x01'), masked(BINARY, pack_key(0x61)),
                  masked(PING, b'ping'),
                  masked(CLOSE, struct.pack('>H', 1000))]


@pytest.mark.parametrize('reset', [False, True], ids=['closes', 'resets'])
def test_a_browser_that_goes_after_any_byte_leaves_nothing(
        worker, server, record, caplog, reset):
    caplog.set_level(logging.INFO)
    server.behaviour = good()
    head, frames = script(record)
    # Within a head every place is like every other.
    places = [*range(0, len(head), 40),
              *range(len(head) - 4, len(head) + len(b''.join(frames)) + 1)]
    before = Holdings.now()
    for place in places:
        leave_after(worker.address, head, frames, place, reset)
    wait_until(lambda: not worker.sessions(), 'all have ended')
    wait_until(lambda: not worker.worker._server._setups, 'all threads')
    server.peers.clear()
    before.wait_for_return()
    assert 'Traceback' not in caplog.text
    assert all(record.levelno < logging.ERROR for record in caplog.records)
    with worker.open(record) as browser:
        browser.shake_hands()


def leave_after(address, head, frames, place, reset):
    """Say so much, each part when it is time for it, and go."""
    with HTTPConnection(address) as connection:
        connection.send(head[:place])
        place -= len(head)
        if place >= 0:
            assert connection.read_response().status == 101
        for frame in frames:
            if place <= 0:
                break
            connection.send(frame[:place])
            place -= len(frame)
        if reset:
            connection.reset()


def test_an_answer_that_is_cut_at_any_byte_leaves_nothing(
        worker, through, record, caplog):
    """The line to the browser ends while we speak."""
    caplog.set_level(logging.INFO)
    faults = through()
    before = Holdings.now()
    for place in (*range(1, 130, 8), *range(130, 230, 3)):
        for reset in (False, True):
            faults.line = Line(down=Way(cut_after=place), reset=reset)
            with (contextlib.suppress(OSError, EOFError),
                  open_through(faults, record) as browser):
                browser.shake_hands()
                assert echoes(browser, b'echo' * 20)
            faults.forget()
    wait_until(lambda: not worker.sessions(), 'all have ended')
    wait_until(lambda: not worker.worker._server._setups, 'all threads')
    before.wait_for_return()
    assert 'Traceback' not in caplog.text
