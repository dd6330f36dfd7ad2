# SPDX-License-Identifier: Apache-2.0
"""After a thousand connections everything is as it was."""

import concurrent.futures
import dataclasses
import itertools
import logging

import pytest

from tests.helpers.proxy import (
    NODE,
    SETUP,
    Browser,
    Holdings,
    HTTPConnection,
    Refused,
    RunningWorker,
    http_get,
    make_settings,
    node_record,
    path_to,
    resident_bytes,
    ticket_for,
    wait_until,
)
from tests.simulators.rfb_server import (
    RfbServer,
    cut,
    echo_server,
    good,
    name_bomb,
    refused_port,
    refuses,
    says,
)

COUNT = 1000
#: Memory that the allocator may keep; a leak of 10 KiB each would be 10 MiB.
MOST_BYTES = 6 << 20


@pytest.fixture(scope='module')
def server():
    with RfbServer(echo_server()) as server:
        yield server


@pytest.fixture(scope='module')
def worker(tmp_path_factory, server):
    settings = make_settings(
        tmp_path_factory.mktemp('proxy'),
        setup=dataclasses.replace(SETUP, head_timeout=10,
                                  handshake_timeout=10, connect_timeout=10,
                                  browser_handshake_timeout=10))
    with RunningWorker(settings, node_record(server.port)) as worker:
        yield worker


@pytest.fixture(autouse=True)
def no_log():
    """pytest would keep each line, with the frames of the errors in it."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def many(action, *cases, count=COUNT):
    """Do it many times, a few at the same time."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in pool.map(action, itertools.islice(
                itertools.cycle(cases or [None]), count)):
            pass


def leaves_nothing(worker, server, action, *cases):
    # The first ones fill caches and pools.
    many(action, *cases, count=100)
    wait_until(lambda: not worker.sessions(), 'all sessions have ended')
    server.peers.clear()
    holdings, memory = Holdings.now(), resident_bytes()
    many(action, *cases)
    wait_until(lambda: not worker.sessions(), 'all sessions have ended')
    server.peers.clear()
    holdings.wait_for_return()
    assert resident_bytes() - memory < MOST_BYTES


def test_a_thousand_good_sessions(worker, server):
    server.behaviour = echo_server()
    record = worker.store.records[NODE]

    def use(_case):
        with worker.open(record) as browser:
            browser.shake_hands()
            browser.send(b'echo')
            assert browser.read(4) == b'echo'
            browser.close_politely()

    leaves_nothing(worker, server, use)


def test_a_thousand_failures(worker, server):
    record = worker.store.records[NODE]
    ends = [refuses(), cut(good(), 5), cut(good(), 40, reset=True),
            name_bomb(), says(b'HTTP/1.1 400 \r\n\r\n', close=True)]
    behaviours = itertools.cycle(ends)

    def refused(_case):
        with pytest.raises(Refused):
            Browser(worker.address, path_to(NODE, 'bad'))

    def broken(_case):
        server.behaviour = next(behaviours)
        with worker.open(record) as browser:
            browser.read_refusal()
            browser.wait_closed()

    def lost(_case):
        with worker.open(record) as browser:
            browser.http.reset()

    def nonsense(_case):
        with HTTPConnection(worker.address) as connection:
            connection.send(b'nonsense\r\n\r\n')
            assert connection.read_response().status == 400

    def page(_case):
        assert http_get(worker.address, '/').status == 200

    leaves_nothing(worker, server, lambda case: case(None), refused, broken,
                   lost, nonsense, broken, page)


def test_a_hundred_dead_endpoints(worker):
    with refused_port() as (_host, port):
        record = node_record(port)
        worker.store.records[NODE] = record
        holdings = Holdings.now()

        def fail(_case):
            with worker.open(record) as browser:
                browser.read_refusal()
                assert browser.wait_closed()[0] == 4503

        many(fail, count=100)
        wait_until(lambda: not worker.sessions(), 'all have ended')
        holdings.wait_for_return()


def test_many_sessions_at_once_cost_little(worker, server):
    server.behaviour = echo_server()
    record = node_record(server.port)
    worker.store.records[NODE] = record
    threads = Holdings.now().threads

    def connect(_number):
        browser = worker.open(record)
        browser.shake_hands()
        return browser

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        browsers = list(pool.map(connect, range(200)))
    try:
        wait_until(lambda: not worker.worker._server._setups,
                   'all are handed over')
        assert worker.sessions() == 200
        for browser in browsers:
            browser.send(b'echo')
        for browser in browsers:
            assert browser.read(4) == b'echo'
        # No thread but the simulator's for each of them.
        assert Holdings.now().threads <= threads + 200 + 2
    finally:
        for browser in browsers:
            browser.sock.close()
    wait_until(lambda: not worker.sessions(), 'all have ended')


def test_expired_tickets_are_refused_a_thousand_times(worker, server):
    record = worker.store.records[NODE]
    target = path_to(NODE, ticket_for(record, lifetime=-1))

    def ask(_case):
        assert http_get(worker.address, target).status == 403

    leaves_nothing(worker, server, ask)
