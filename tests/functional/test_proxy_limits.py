# SPDX-License-Identifier: Apache-2.0
"""Limits of the real program with two workers: each is reached, told to the
one who reaches it, counted, and nobody else's business."""

import contextlib
import json
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.helpers.certificates import Authority
from tests.helpers.program import Site
from tests.helpers.proxy import (
    BINARY,
    Browser,
    Refused,
    http_get,
    masked,
    node_record,
    path_to,
    ticket_for,
    wait_until,
)
from tools.lab import ports, settings

ALONE = '7f3c8f0e-0000-4000-8000-000000000003'
TAKEN_OVER = (4409, 'Somebody else took over this console.')
PATIENCE = 30.0


@pytest.fixture(scope='module')
def alone(endpoint):
    """Whose driver says that it is for one alone."""
    return node_record(endpoint.port, uuid=ALONE,
                       endpoint={'sharing': 'refuse'})


@pytest.fixture(scope='module')
def site(tmp_path_factory, schema, record, other, alone):
    site = Site(tmp_path_factory.mktemp('site'), schema)
    site.save(record, other, alone)
    return site


class Run:
    """A proxy of a test, with two workers and metrics."""

    def __init__(self, site, *layers):
        self.metrics = ports.free_port()
        self.proxy = site.proxy({'ironic_console': {
            'workers': 2, 'metrics_port': self.metrics,
            'drain_timeout': 0}}, *layers)
        self.address = (self.proxy.address, self.proxy.port)
        self.browsers = []

    def open(self, record, *headers, query='', **options):
        browser = Browser(
            self.address, path_to(record.uuid, ticket_for(record)) + query,
            *headers, **options)
        self.browsers.append(browser)
        browser.shake_hands()
        return browser

    def refusal(self, record, *headers, query=''):
        """:returns: answer to a WebSocket that is refused."""
        with pytest.raises(Refused) as caught:
            self.open(record, *headers, query=query)
        return caught.value.response

    def value(self, name, **labels):
        """:returns: of a metric."""
        answer = http_get((self.proxy.address, self.metrics), '/metrics')
        assert answer.status == 200
        for family in text_string_to_metric_families(answer.body.decode()):
            for sample in family.samples:
                if (sample.name == f'ironic_console_{name}'
                        and sample.labels == labels):
                    return sample.value
        return 0

    def workers(self):
        return psutil.Process(self.proxy.program.pid).children()

    def open_in_each(self, record):
        """Open sessions until every worker has one.

        :returns: those, in the order of the workers.
        """
        found = {}

        def both():
            browser = self.open(record)
            worker = self._carrier(browser)
            if worker in found:
                browser.close_politely()
            else:
                found[worker] = browser
            return len(found) == 2

        wait_until(both, 'each worker has a session', PATIENCE)
        return [found[worker.pid] for worker in self.workers()]

    def _carrier(self, browser):
        port = browser.sock.getsockname()[1]
        # The kernel's list may lack some while others come and go.
        return wait_until(lambda: next((
            worker.pid for worker in self.workers()
            for connection in worker.net_connections('tcp')
            if connection.raddr and connection.raddr.port == port
            and connection.status == psutil.CONN_ESTABLISHED), 0),
            'a worker has it', PATIENCE)

    def reconfigure(self, *layers):
        # Each worker says so also when it has started.
        before = wait_until(
            lambda: (count := self.proxy.written().count('were read again'))
            >= 2 and count, 'both workers serve', PATIENCE)
        settings.write(self.proxy.own_config_file, settings.merged(
            self.proxy.options, *layers))
        self.proxy.signal(signal.SIGHUP)
        wait_until(lambda: self.proxy.written().count('were read again')
                   >= before + 2, 'both workers have read it', PATIENCE)


@pytest.fixture
def start(site):
    runs = []

    def start(*layers):
        run = Run(site, *layers)
        runs.append(run)
        run.proxy.start()
        return run

    yield start
    for run in runs:
        for browser in run.browsers:
            browser.sock.close()
        run.proxy.stop()
        assert 'Traceback' not in run.proxy.written()


def echoes(browser):
    browser.send(b'echo')
    return browser.read(4) == b'echo'


def says(answer):
    return json.loads(answer.body)


# -- how many -----------------------------------------------------------------

@pytest.mark.parametrize(('option', 'error', 'status', 'reason'), [
    ('max_sessions_per_node', 'NodeLimitReached', 429, 'Too many people'),
    ('max_sessions_per_source', 'SourceLimitReached', 429,
     'Too many consoles are open from your address'),
])
def test_two_workers_count_together(start, record, other, option, error,
                                    status, reason):
    run = start({'ironic_console': {option: 2,
                                    'trusted_proxies': '127.0.0.1/32'}})
    home, work = 'X-Forwarded-For: 192.0.2.1', 'X-Forwarded-For: 192.0.2.2'
    first, second = run.open(record, home), run.open(record, home)
    for _ in range(6):
        answer = run.refusal(record, home)
        assert answer.status == status
        assert answer.headers['retry-after'] == '5'
        assert says(answer)['status'] == 'refused'
        assert says(answer)['reason'].startswith(reason)
    # Another user, at another node, from another place.
    assert echoes(run.open(other, work))
    assert echoes(first)
    wait_until(lambda: run.value('refusals_total', reason=error) == 6,
               'it is counted')
    second.close_politely()
    wait_until(lambda: run.value('sessions', state='open',
                                 interface='fake-vnc') == 2, 'it has ended')
    assert echoes(run.open(record, home))


def test_one_worker_may_be_full(start, record):
    run = start({'ironic_console': {'workers': 1, 'max_sessions': 1}})
    first = run.open(record)
    answer = run.refusal(record)
    assert answer.status == 503
    assert answer.headers['retry-after'] == '5'
    assert says(answer)['reason'].startswith('All console sessions')
    assert run.value('refusals_total', reason='SessionLimitReached') == 1
    assert echoes(first)


def test_nobody_is_believed_about_his_address_unless_trusted(start, record):
    run = start({'ironic_console': {'max_sessions_per_source': 1,
                                    'trusted_proxies': '192.0.2.0/24'}})
    run.open(record, 'X-Forwarded-For: 192.0.2.1')
    assert run.refusal(
        record, 'X-Forwarded-For: 192.0.2.2').status == 429


def test_the_address_of_a_user_behind_a_proxy_is_in_the_log(start, record):
    run = start({'ironic_console': {'trusted_proxies': '127.0.0.0/8'}})
    run.open(record, 'X-Forwarded-For: 10.9.9.9, 198.51.100.7')
    wait_until(lambda: 'opened for 198.51.100.7 (through 127.0.0.1:'
               in run.proxy.written(), 'it is logged')


def test_who_sends_too_many_frames_is_told_so_and_others_go_on(
        start, record, other):
    run = start({'ironic_console': {'max_frame_rate': 100}})
    flooder, friend = run.open(record), run.open(other)
    with contextlib.suppress(OSError):
        flooder.sock.sendall(masked(BINARY, b'') * 2000)
    assert flooder.wait_closed() == (
        1008, 'Your browser sent too much at once.')
    assert echoes(friend)
    wait_until(lambda: run.value('closed_total', interface='fake-vnc',
                                 reason='flood') == 1, 'it is counted')


# -- half requests ------------------------------------------------------------

@pytest.mark.parametrize('with_tls', [False, True], ids=['plain', 'tls'])
def test_a_crowd_of_half_requests_keeps_nobody_out(start, record, tmp_path,
                                                   with_tls):
    authority = Authority()
    layers = [{'ironic_console': {'workers': 1, 'max_setups': 512,
                                  'head_timeout': 300}}]
    context = None
    if with_tls:
        files = authority.issue().save(tmp_path)
        layers.append({'vnc': {'enable_ssl': True,
                               'cert_file': files.cert_file,
                               'key_file': files.key_file}})
        context = authority.client_context()
    run = start(*layers)
    with contextlib.ExitStack() as stack:
        crowd = []
        for number in range(600):
            sock = stack.enter_context(
                socket.create_connection(run.address, PATIENCE))
            if not with_tls:
                sock.sendall(b'GET /websockify?node=')
            crowd.append(sock)
            if number % 100 == 99:
                begin = time.monotonic()
                browser = run.open(record, context=context)
                assert echoes(browser)
                took = time.monotonic() - begin
                # A second would be at once; the machine may be busy.
                assert took < 10
                browser.close_politely()
        # The oldest have gone, and those who came last are still there.
        wait_until(lambda: run.value('turned_away_total', why='slow head')
                   >= 88, 'the oldest had to go')
        crowd[0].settimeout(PATIENCE)
        with contextlib.suppress(ConnectionResetError):
            while crowd[0].recv(4096):
                pass
        crowd[-1].settimeout(0.2)
        with pytest.raises(TimeoutError):
            crowd[-1].recv(1)
        assert 256 < run.value('setups') <= 512
        assert run.value('turned_away_total', why='setups') == 0


# -- one at a time ------------------------------------------------------------

def test_the_second_is_refused_whichever_worker_it_gets(start, record,
                                                        other):
    run = start({'ironic_console': {'sharing': 'refuse'}})
    first = run.open(record)
    for query in ('', '&takeover=1') * 4:
        answer = run.refusal(record, query=query)
        assert answer.status == 423
        assert says(answer) == {
            'status': 'refused', 'can_take_over': False,
            'reason': 'Somebody else is using the console of this server.'}
    assert echoes(run.open(other))
    assert echoes(first)
    assert run.value('refusals_total', reason='NodeInUse') == 8
    first.close_politely()
    wait_until(lambda: run.value('sessions', state='open',
                                 interface='fake-vnc') == 1, 'it is free')
    run.open(record)


def test_a_node_decides_for_itself(start, record, alone):
    run = start()
    for _ in range(2):
        assert echoes(run.open(record))
    run.open(alone)
    assert run.refusal(alone).status == 423


def take_over(run, record, pool, loser):
    """:returns: who has it now, and what the one before was told."""
    told = pool.submit(loser.wait_closed)
    return run.open(record, query='&takeover=1'), told.result(PATIENCE)


def test_takes_over_within_a_worker_and_across_two(start, record):
    run = start({'ironic_console': {'sharing': 'takeover'}})
    holder = run.open(record)
    carriers = set()
    with ThreadPoolExecutor(1) as pool:

        def both_ways():
            nonlocal holder
            before = run._carrier(holder)
            answer = run.refusal(record)
            assert (answer.status, says(answer)['can_take_over']) == (
                423, True)
            holder, told = take_over(run, record, pool, holder)
            assert told == TAKEN_OVER
            assert echoes(holder)
            carriers.add(run._carrier(holder) == before)
            return carriers == {True, False}

        wait_until(both_ways, 'within a worker and across two', 60)
    assert run.value('sessions', state='open', interface='fake-vnc') == 1


def test_of_twenty_who_take_over_at_once_one_has_it(start, record, other):
    run = start({'ironic_console': {'sharing': 'takeover'}})
    holder, friend = run.open(record), run.open(other)
    gate = threading.Barrier(21)

    def race(_number):
        gate.wait(PATIENCE)
        try:
            browser = run.open(record, query='&takeover=1')
        except Refused as exc:
            return exc.response.status
        except (EOFError, OSError):
            return 'lost'
        return browser

    def read(browser):
        """Read what it has been told."""
        browser.sock.settimeout(3)
        try:
            return browser.wait_closed()
        except TimeoutError:
            return 'has it'

    with ThreadPoolExecutor(22) as pool:
        told = pool.submit(holder.wait_closed)
        futures = [pool.submit(race, number) for number in range(20)]
        gate.wait(PATIENCE)
        results = [future.result(PATIENCE) for future in futures]
        assert told.result(PATIENCE) == TAKEN_OVER
        opened = [one for one in results if isinstance(one, Browser)]
        wait_until(lambda: run.value('sessions', state='open',
                                     interface='fake-vnc') == 2,
                   'two are left', PATIENCE)
        ends = list(pool.map(read, opened))
    assert {one for one in results if not isinstance(one, Browser)} <= {
        423, 'lost'}
    assert ends.count('has it') == 1, ends
    assert set(ends) <= {'has it', TAKEN_OVER}
    assert echoes(friend)


# -- change and accident ------------------------------------------------------

def test_sighup_changes_limits_for_those_who_come(start, record):
    run = start()
    first, second = run.open(record), run.open(record)
    run.reconfigure({'ironic_console': {'max_sessions_per_node': 2}})
    assert run.refusal(record).status == 429
    run.reconfigure({'ironic_console': {'sharing': 'refuse'}})
    assert run.refusal(record).status == 423
    run.reconfigure()
    run.open(record)
    assert echoes(first)
    assert echoes(second)


def test_a_worker_that_is_killed_gives_its_places_back(start, record):
    run = start({'ironic_console': {'max_sessions_per_node': 2}})
    doomed, survivor = run.open_in_each(record)
    assert run.refusal(record).status == 429
    worker = run.workers()[0]
    worker.kill()

    def free():
        try:
            return run.open(record)
        except (Refused, OSError, EOFError):
            return None

    browser = wait_until(free, 'there is room again', PATIENCE)
    assert echoes(browser)
    assert echoes(survivor)
    with pytest.raises((EOFError, OSError)):
        echoes(doomed)
    wait_until(lambda: run.value('sessions', state='open',
                                 interface='fake-vnc') == 2, 'two are open')
    assert run.refusal(record).status == 429
