# SPDX-License-Identifier: Apache-2.0
"""Clocks that jump, databases that are late or gone, rights that end: what
live sessions notice of it, and what new ones are told."""

import contextlib
import dataclasses
import datetime
import threading
import time

import pytest

from ironic_console.common.clock import Clock
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.relay import RelayLimits
from tests.helpers import proxy
from tests.helpers.proxy import (
    NODE,
    SESSIONS,
    Browser,
    Refused,
    RunningWorker,
    http_get,
    make_settings,
    node_record,
    path_to,
    quiet,
    ticket_for,
    wait_until,
)
from tests.simulators.rfb_server import RfbServer, echo_server

REAL = Clock()


class JumpingClock(Clock):
    """Its wall time can be set; monotonic time goes on as ever."""

    offset = datetime.timedelta()

    def now(self):
        return super().now() + self.offset

    def jump(self, seconds):
        self.offset += datetime.timedelta(seconds=seconds)


@pytest.fixture(scope='module')
def server():
    with RfbServer(echo_server()) as server:
        yield server


@pytest.fixture
def record(server):
    return node_record(server.port)


@pytest.fixture
def run(tmp_path, record):
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(RunningWorker(
            make_settings(tmp_path, **settings), record))


@pytest.fixture
def clock(monkeypatch):
    """Of workers that are made from now on."""
    clock = JumpingClock()
    monkeypatch.setattr(proxy, 'Clock', lambda: clock)
    return clock


def echoes(browser, data=b'echo'):
    browser.send(data)
    return browser.read(len(data)) == data


@contextlib.contextmanager
def looks(worker):
    """:returns: what grows whenever the nodes of all sessions are looked
        at."""
    real, seen = worker.store.get_many, []

    def count(uuids):
        seen.append(uuids)
        return real(uuids)

    worker.store.get_many = count
    try:
        yield seen
    finally:
        del worker.store.get_many


def looked_again(worker, times=3):
    """Wait until the nodes of all sessions were looked at so often."""
    with looks(worker) as seen:
        wait_until(lambda: len(seen) >= times, 'nodes are looked at')


def status(worker, ticket):
    return http_get(worker.address, path_to(NODE, ticket)).status


# -- clocks -------------------------------------------------------------------

@pytest.mark.parametrize('seconds', [3600, -3600, 86400 * 365])
def test_no_session_notices_that_the_wall_clock_jumps(run, record, clock,
                                                      seconds):
    worker = run(relay=RelayLimits(
        ping_interval=1.0, idle_timeout=600, max_session_length=600,
        stall_timeout=600))
    with worker.open(record) as browser:
        browser.shake_hands()
        clock.jump(seconds)
        with looks(worker) as seen:
            # Pings are answered all the time, as a browser does.
            while browser.pings < 3 or len(seen) < 3:
                assert browser._receive()
        assert echoes(browser)


@pytest.mark.parametrize(('ahead', 'good'), [
    (0, True), (20, True), (-20, True), (120, False)])
def test_hosts_may_disagree_about_the_time_a_little(run, record, clock,
                                                    ahead, good):
    """The API's clock is ahead of the proxy's by so many seconds."""
    worker = run()
    clock.jump(-ahead)
    ticket = ticket_for(record, clock=REAL)
    assert status(worker, ticket) == (200 if good else 403)


def test_a_ticket_is_old_when_the_proxys_clock_says_so(run, record, clock):
    worker = run()
    ticket = ticket_for(record, lifetime=600, clock=REAL)
    clock.jump(590)
    assert status(worker, ticket) == 200
    clock.jump(20)
    assert status(worker, ticket) == 403
    clock.jump(-20)
    assert status(worker, ticket) == 200


def test_a_session_outlives_the_ticket_that_began_it(run, record, clock):
    worker = run()
    ticket = ticket_for(record, lifetime=60, clock=REAL)
    with Browser(worker.address, path_to(NODE, ticket)) as browser:
        browser.shake_hands()
        clock.jump(120)
        assert status(worker, ticket) == 403
        looked_again(worker)
        assert echoes(browser)


# -- the database -------------------------------------------------------------

def test_without_its_database_it_refuses_for_now_and_sessions_go_on(run,
                                                                    record):
    worker = run()
    with worker.open(record) as browser:
        browser.shake_hands()
        worker.store.available = False
        with pytest.raises(Refused) as caught:
            worker.open(record)
        answer = caught.value.response
        assert answer.status == 503
        assert int(answer.headers['retry-after']) > 0
        assert b'Traceback' not in answer.body
        assert echoes(browser)
        worker.store.available = True
        with worker.open(record) as second:
            second.shake_hands()


def test_sessions_end_when_nobody_can_say_for_too_long(run, record):
    worker = run(sessions=dataclasses.replace(SESSIONS, database_grace=0.5))
    with worker.open(record) as browser:
        browser.shake_hands()
        worker.store.available = False
        assert browser.wait_closed() == (
            close_reasons.UNCHECKED.code, close_reasons.UNCHECKED.text)


def test_a_database_that_is_late_holds_up_no_session_and_no_page(run,
                                                                 record):
    worker = run()
    late, real = threading.Event(), worker.store.check

    def check():
        late.wait(60)
        real()

    with worker.open(record) as browser:
        browser.shake_hands()
        worker.store.check = check
        asked = [threading.Thread(target=status, args=(
            worker, ticket_for(record))) for _ in range(20)]
        for thread in asked:
            thread.start()
        try:
            slowest = 0.0
            for _ in range(50):
                begun = time.monotonic()
                assert echoes(browser)
                slowest = max(slowest, time.monotonic() - begun)
            # Less than the database is late.
            assert slowest < 5.0
            assert http_get(worker.address, '/').status == 200
            assert http_get(worker.address, '/healthz').status == 200
            assert all(thread.is_alive() for thread in asked)
        finally:
            late.set()
        for thread in asked:
            thread.join(10)
            assert not thread.is_alive()


# -- rights -------------------------------------------------------------------

ENDS = {
    'disabled': lambda record: dataclasses.replace(record, enabled=False),
    'deleted': lambda record: None,
    'secret changed': lambda record: node_record(
        record.endpoint().port, secret='b' * 40),
    'secret gone': lambda record: node_record(
        record.endpoint().port, secret=None),
    'interface changed': lambda record: dataclasses.replace(
        record, interface='no-console'),
    'endpoint changed': lambda record: node_record(1),
}


@pytest.mark.parametrize('how', ENDS)
def test_a_session_ends_with_its_right_though_nobody_says_a_word(
        run, server, record, how):
    worker = run()
    with worker.open(record) as browser:
        browser.shake_hands()
        peer = server.peers[-1]
        looked_again(worker)
        assert quiet(browser.sock), 'nothing has happened yet'
        after = ENDS[how](record)
        if after:
            worker.store.records[NODE] = after
        else:
            del worker.store.records[NODE]
        code, text = browser.wait_closed()
        assert code in (close_reasons.REVOKED.code,
                        close_reasons.CHANGED.code)
        assert text
        assert peer.wait_ended()
    wait_until(lambda: not worker.sessions(), 'it is forgotten')
