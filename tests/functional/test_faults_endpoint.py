# SPDX-License-Identifier: Apache-2.0
"""Faults between proxy and endpoint, once a session is open or while it
opens; servers that are no use from the start are in test_proxy_endpoints.
"""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import logging
import struct
import threading
import time

import pytest

from ironic_console.common import dialer
from ironic_console.common.channels import tcp
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.relay import RelayLimits
from tests.helpers.fault_proxy import FaultProxy, Line, Way
from tests.helpers.proxy import (
    OTHER,
    PATIENCE,
    SETUP,
    Holdings,
    RefusedInside,
    RunningWorker,
    make_settings,
    node_record,
    resident_bytes,
    wait_until,
)
from tests.helpers.viewer import pack_key
from tests.simulators.rfb_server import (
    PATTERN,
    RfbServer,
    black_hole,
    echo,
    echo_server,
    flood_of,
    good,
)

LOST = (close_reasons.ENDPOINT_LOST.code, close_reasons.ENDPOINT_LOST.text)
#: Of a handshake of the server without a name of its own.
HELLO_BYTES = 12 + 2 + 4 + 24 + len('simulator')
MIB = 1 << 20


@pytest.fixture
def server():
    with RfbServer(echo_server()) as server:
        yield server


@pytest.fixture
def faults(server):
    with FaultProxy(server.port) as faults:
        yield faults


@pytest.fixture
def run(tmp_path, faults):
    """Starts a worker whose node is behind the fault proxy."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(RunningWorker(
            make_settings(tmp_path, **settings), node_record(faults.port)))


@pytest.fixture
def worker(run):
    return run()


@pytest.fixture(autouse=True)
def quick_probe(monkeypatch):
    monkeypatch.setattr(dialer, '_PROBE_TIMEOUT', 0.2)


def open_console(worker, **options):
    (record,) = worker.store.records.values()
    browser = worker.open(record, **options)
    browser.shake_hands()
    return browser


def echoes(browser, data=b'echo'):
    browser.send(data)
    return browser.read(len(data)) == data


# -- a cable is pulled --------------------------------------------------------

@pytest.fixture
def impatient_kernel(monkeypatch):
    """TCP as the proxy has it, with seconds for its ten seconds."""
    short = {30: 1, 10: 1}
    monkeypatch.setattr(tcp, '_KEEPALIVE', tuple(
        (level, option, short.get(value, value))
        for level, option, value in tcp._KEEPALIVE))
    monkeypatch.setattr(tcp, '_UNHEARD_TIMEOUT_MS', 2000)


@pytest.mark.parametrize('typing', [False, True], ids=['idle', 'typing'])
def test_an_endpoint_whose_cable_is_pulled_is_noticed(
        impatient_kernel, worker, faults, typing):
    with open_console(worker) as browser:
        assert echoes(browser)
        faults.passage().unplug()
        if typing:
            # Keepalive does not run while this waits to be acknowledged.
            browser.send(pack_key(0x61))
        assert browser.wait_closed() == LOST
    wait_until(lambda: not worker.sessions(), 'its place is free')


def test_a_line_that_stands_still_for_a_moment_loses_nothing(worker, faults):
    with open_console(worker) as browser:
        faults.passage().freeze()
        browser.send(b'echo')
        time.sleep(0.5)
        faults.passage().thaw()
        assert browser.read(4) == b'echo'
        assert echoes(browser)


# -- a BMC that takes its time ------------------------------------------------

def key_presses(count):
    """:returns: messages of which no two follow each other twice."""
    return b''.join(pack_key(number, down) for number in range(count)
                    for down in (True, False))


def test_a_bmc_that_takes_no_keys_stops_the_browser_and_costs_little(
        run, server, faults):
    server.behaviour = good()
    worker = run(relay=RelayLimits(max_frame_rate=0))
    keys = key_presses(500_000)
    with open_console(worker) as browser:
        passage = faults.passage()
        passage.freeze()
        before = resident_bytes()
        sender = threading.Thread(target=send_all, args=(browser, keys))
        sender.start()
        wait_until(lambda: _taken(worker), 'it has begun')
        sent = -1
        while sent != (sent := _taken(worker)):
            time.sleep(0.3)
        assert sent < len(keys)
        assert sender.is_alive(), 'the browser is not held up'
        assert resident_bytes() - before < 4 * MIB
        passage.thaw()
        peer = server.peer()
        hello = len(peer.received) and 14
        got = peer.wait_received(hello + len(keys), 60)
        sender.join(PATIENCE)
        assert (hashlib.sha256(got[hello:]).digest()
                == hashlib.sha256(keys).digest())


def send_all(browser, data):
    for place in range(0, len(data), 64 * 1024):
        browser.send(data[place:place + 64 * 1024])


def _taken(worker):
    """:returns: bytes that the endpoint of the only session took."""
    return sum(session.link.from_browser_bytes for session in
               worker.worker._sessions.all() if session.link)


def test_a_bmc_that_never_takes_them_again_is_given_up(run, server, faults):
    server.behaviour = good()
    worker = run(relay=RelayLimits(stall_timeout=1.0, max_frame_rate=0))
    with open_console(worker) as browser:
        faults.passage().freeze()
        sender = threading.Thread(target=send_until_closed, args=(browser,))
        sender.start()
        assert browser.wait_closed() == (
            close_reasons.STALLED.code, close_reasons.STALLED.text)
        sender.join(PATIENCE)
        assert not sender.is_alive()
    wait_until(lambda: not worker.sessions(), 'its place is free')


def send_until_closed(browser):
    data = key_presses(4000)
    with contextlib.suppress(OSError):
        while True:
            browser.send(data)


# -- keys that are down -------------------------------------------------------

@pytest.mark.parametrize('how', ['reset', 'vanish', 'operator', 'revoked'])
def test_keys_are_released_even_while_the_server_floods(worker, server, how):
    """What the proxy has not read makes a reset of its close; the releases
    have to be out before."""
    server.behaviour = good(after=flood_and_listen)
    record = node_record(server.port)
    worker.store.records[record.uuid] = record
    with worker.open(record, receive_buffer=4096) as browser:
        browser.shake_hands()
        browser.send(pack_key(0xffe1) + pack_key(0x61))
        peer = server.peer()
        pressed = 14 + 16
        assert len(peer.wait_received(pressed)) == pressed
        wait_until(lambda: _stalls(worker), 'the browser is full')
        if how == 'reset':
            browser.http.reset()
        elif how == 'vanish':
            browser.sock.close()
        elif how == 'operator':
            worker.worker._sessions.close(record.uuid, close_reasons.KICKED)
        else:
            worker.store.records[record.uuid] = node_record(enabled=False)
        got = peer.wait_received(pressed + 16)
    assert got[pressed:] == (pack_key(0x61, down=False)
                             + pack_key(0xffe1, down=False))


def flood_and_listen(peer):
    """Sends as much as is taken and reads what comes, even behind the end of
    what it can send."""
    stop = threading.Event()

    def pour():
        with contextlib.suppress(Exception):
            while not stop.is_set():
                peer.socket.send(PATTERN)

    thread = threading.Thread(target=pour, daemon=True)
    thread.start()
    try:
        peer.wait_for_end()
    finally:
        stop.set()


def _stalls(worker):
    return sum(session.link.stalls for session in
               worker.worker._sessions.all() if session.link)


# -- much to look at ----------------------------------------------------------

def test_a_flood_into_a_browser_that_waits_arrives_whole(worker, server):
    size = 300 * MIB
    server.behaviour = flood_of(size)
    (record,) = worker.store.records.values()
    with worker.open(record, receive_buffer=65536) as browser:
        browser.shake_hands()
        peer = server.peer()
        before = resident_bytes()
        sent = -1
        while sent != (sent := peer.sent):
            time.sleep(0.5)
        assert sent < 32 * MIB, 'nothing stops the server'
        assert resident_bytes() - before < 4 * MIB
        digest, wanted = hashlib.sha256(), hashlib.sha256()
        for _ in range(size // MIB):
            digest.update(browser.read(MIB))
            wanted.update(PATTERN * (MIB // len(PATTERN)))
        assert digest.digest() == wanted.digest()
        assert resident_bytes() - before < 24 * MIB


def test_a_message_that_is_longer_than_any_screen_streams_through(
        worker, server):
    """ServerCutText of 4 GiB, of which nobody waits for the end."""
    head = struct.pack('>BxxxI', 3, 0xffffffff)

    def behave(peer):
        peer.send(head)
        for _ in range(64):
            peer.send(PATTERN * 16)
        peer.wait_for_end()

    server.behaviour = good(after=behave)
    with open_console(worker) as browser:
        assert browser.read(8) == head
        before = resident_bytes()
        for _ in range(64):
            assert browser.read(MIB) == PATTERN * 16
        assert resident_bytes() - before < 24 * MIB


# -- bad lines while it opens -------------------------------------------------

def test_each_byte_of_a_handshake_may_be_wrong(run, server, faults, caplog):
    caplog.set_level(logging.INFO)
    # After some of them the server waits for what nobody says.
    worker = run(setup=dataclasses.replace(SETUP, handshake_timeout=2.0))
    opened = 0
    before = Holdings.now()
    server.behaviour = good(after=echo)
    for place in range(HELLO_BYTES):
        faults.line = Line(down=Way(corrupt=place))
        (record,) = worker.store.records.values()
        with worker.open(record) as browser:
            try:
                browser.shake_hands()
                opened += 1
            except RefusedInside:
                assert browser.wait_closed()[0] in (4502, 4504)
        faults.forget()
    assert 'Traceback' not in caplog.text
    # What it says of its screen and its name is not ours to judge.
    assert opened >= HELLO_BYTES - 12 - 6 - 4
    wait_until(lambda: not worker.sessions(), 'all have ended')
    server.peers.clear()
    before.wait_for_return()


def test_an_endpoint_that_goes_after_any_byte_of_ours(worker, server, faults,
                                                      caplog):
    """Server and line end when so much of what we say has come through."""
    caplog.set_level(logging.INFO)
    before = Holdings.now()
    for reset in (False, True):
        # ProtocolVersion, security type, ClientInit, and some keys.
        for place in range(12 + 1 + 1 + 12):
            faults.line = Line(up=Way(cut_after=place), reset=reset)
            (record,) = worker.store.records.values()
            with worker.open(record) as browser:
                with contextlib.suppress(Exception):
                    browser.shake_hands()
                    browser.send(pack_key(0x61) + pack_key(0x61, False))
                code, _text = browser.wait_closed()
                assert code in (4502, 4503), (place, reset)
            faults.forget()
    assert 'Traceback' not in caplog.text
    wait_until(lambda: not worker.sessions(), 'all have ended')
    server.peers.clear()
    before.wait_for_return()


@pytest.mark.parametrize('line', [
    Line(accept_delay=0.4),
    Line(down=Way(latency=0.05), up=Way(latency=0.05)),
    Line(down=Way(piece=1, rate=500), up=Way(piece=1)),
], ids=['accepts late', 'far away', 'dribbles'])
def test_a_bad_line_is_still_a_line(worker, faults, line):
    faults.line = line
    with open_console(worker) as browser:
        assert echoes(browser)


def test_a_slow_line_to_the_endpoint_delivers_all(worker, server, faults):
    faults.line = Line(down=Way(rate=4 * MIB, piece=8192))
    server.behaviour = flood_of(4 * MIB)
    with open_console(worker) as browser:
        assert browser.read(4 * MIB) == PATTERN * (4 * MIB // len(PATTERN))


# -- others -------------------------------------------------------------------

def test_endpoints_that_swallow_everything_hold_up_nobody_else(
        run, server):
    worker = run(setup=dataclasses.replace(SETUP, connect_timeout=5.0))
    worker.store.records.clear()
    good_node = node_record(server.port)
    with black_hole() as (_host, port):
        dead = node_record(port, uuid=OTHER)
        for record in (good_node, dead):
            worker.store.records[record.uuid] = record

        def fail(_number):
            with worker.open(dead) as browser:
                browser.read_refusal()
                return browser.wait_closed()[0]

        with (worker.open(good_node) as browser,
              concurrent.futures.ThreadPoolExecutor(30) as pool):
            browser.shake_hands()
            futures = [pool.submit(fail, number) for number in range(30)]
            slowest = 0.0
            while not all(future.done() for future in futures):
                begun = time.monotonic()
                assert echoes(browser)
                slowest = max(slowest, time.monotonic() - begun)
                time.sleep(0.01)
            assert {future.result() for future in futures} == {4504}
    # Each of them takes five; nobody waits for one of those.
    assert slowest < 4.5
