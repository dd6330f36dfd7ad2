# SPDX-License-Identifier: Apache-2.0
"""The real program: signals, workers, and what it writes."""

import pathlib
import re
import signal
import socket
import time

import psutil
import pytest

from tests.helpers.certificates import Authority
from tests.helpers.program import Site
from tests.helpers.proxy import (
    NODE,
    SECRET,
    Browser,
    Refused,
    http_get,
    node_record,
    path_to,
    ticket_for,
    wait_until,
)
from tools.lab import settings

HORIZON = 'Origin: https://horizon.example'


@pytest.fixture(scope='module')
def site(tmp_path_factory, schema, record):
    site = Site(tmp_path_factory.mktemp('site'), schema)
    site.save(record)
    return site


class Run:
    """A proxy of a test."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.address = (proxy.address, proxy.port)

    def open(self, record, *headers, **options):
        return Browser(self.address, path_to(NODE, ticket_for(record)),
                       *headers, **options)

    def processes(self):
        """:returns: the parent, then its workers."""
        parent = psutil.Process(self.proxy.program.pid)
        return [parent, *parent.children(recursive=True)]

    def refuses_connections(self):
        try:
            socket.create_connection(self.address, 10).close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            # It was taken in the moment of closing; the next one tells.
            return False
        return False

    def reconfigure(self, *layers):
        """Write other options and send SIGHUP.

        :returns: what it wrote since.
        """
        before = len(self.proxy.written())
        settings.write(self.proxy.own_config_file, settings.merged(
            self.proxy.options, *layers))
        self.proxy.signal(signal.SIGHUP)
        return wait_until(
            lambda: (text := self.proxy.written()[before:])
            and ('were read again' in text or 'stays in force' in text)
            and text, 'it has read its configuration')


@pytest.fixture
def start(site):
    """Starts proxies."""
    runs = []

    def start(*layers, **options):
        run = Run(site.proxy(*layers, **options))
        runs.append(run)
        run.proxy.start()
        # Each worker says so also when it has started.
        wait_until(lambda: run.proxy.written().count('were read again')
                   == len(run.processes()) - 1, 'all workers serve', 30)
        return run

    yield start
    for run in runs:
        run.proxy.stop()


def echoes(browser):
    browser.send(b'echo')
    return browser.read(4) == b'echo'


def errors_in(text):
    """:returns: lines that somebody should look at."""
    assert 'Traceback' not in text
    return [line for line in text.splitlines()
            if re.match(r'\S+ \S+ \d+ (ERROR|CRITICAL) ', line)]


def gone(processes):
    _gone, alive = psutil.wait_procs(processes, 10)
    return not alive


# -- U4 -----------------------------------------------------------------------

def test_sigterm_lets_sessions_go_on_and_then_says_why(start, record):
    run = start({'ironic_console': {'drain_timeout': 8}})
    processes = run.processes()
    with run.open(record) as browser, run.open(record) as other:
        browser.shake_hands()
        other.shake_hands()
        begin = time.monotonic()
        run.proxy.signal()
        wait_until(run.refuses_connections, 'nobody gets in', 7)
        assert echoes(browser)
        assert echoes(other)
        for one in (browser, other):
            assert one.wait_closed() == (
                1001, 'The console service is being restarted. Try again in '
                      'a moment.')
        assert time.monotonic() - begin > 7.5
    assert run.proxy.program.wait(10) == 0
    assert gone(processes)
    written = run.proxy.written()
    assert '2 sessions may go on' in written
    assert written.count(': shutdown') == 2
    assert not errors_in(written)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_draining_and_says_why(start, record,
                                                        number):
    run = start({'ironic_console': {'drain_timeout': 300, 'workers': 2}})
    processes = run.processes()
    with run.open(record) as browser, run.open(record) as other:
        browser.shake_hands()
        other.shake_hands()
        run.proxy.signal()
        # Each worker says so.
        wait_until(lambda: run.proxy.written().count('may go on') == 2,
                   'sessions go on', 30)
        assert echoes(browser)
        assert echoes(other)
        run.proxy.signal(number)
        for one in (browser, other):
            assert one.wait_closed() == (
                1001, 'The console service is being restarted. Try again in '
                      'a moment.')
    assert run.proxy.program.wait(10) == 0
    assert gone(processes)
    written = run.proxy.written()
    assert written.count(': shutdown') == 2
    assert not errors_in(written)


def test_a_session_that_ends_itself_ends_the_draining(start, record):
    run = start({'ironic_console': {'drain_timeout': 300}})
    processes = run.processes()
    with run.open(record) as browser:
        browser.shake_hands()
        run.proxy.signal()
        wait_until(run.refuses_connections, 'nobody gets in')
        assert echoes(browser)
        browser.close_politely()
    assert run.proxy.program.wait(10) == 0
    assert gone(processes)


def test_without_sessions_it_ends_at_once(start):
    run = start({'ironic_console': {'drain_timeout': 300, 'workers': 2}})
    processes = run.processes()
    assert len(processes) == 3
    run.proxy.signal()
    assert run.proxy.program.wait(10) == 0
    assert gone(processes)


# -- SIGHUP -------------------------------------------------------------------

def test_sighup_is_for_new_connections_and_keeps_what_was_good(
        start, record, tmp_path):
    old, new = Authority('old'), Authority('new')
    certificate = {}
    for name, authority in (('old', old), ('new', new)):
        files = authority.issue().save(tmp_path, name)
        certificate[name] = {'vnc': {'cert_file': files.cert_file,
                                     'key_file': files.key_file}}
    run = start(certificate['old'], {'vnc': {'enable_ssl': True}})
    trust_old, trust_new = old.client_context(), new.client_context()
    with run.open(record, context=trust_old) as browser:
        browser.shake_hands()
        with pytest.raises(Refused):
            run.open(record, HORIZON, context=trust_old)

        text = run.reconfigure(certificate['new'], {
            'cors': {'allowed_origin': 'https://horizon.example'}})
        assert not errors_in(text)
        with run.open(record, HORIZON, context=trust_new) as second:
            second.shake_hands()
            assert echoes(second)
        assert echoes(browser)

        for bad in ({'vnc': {'cert_file': tmp_path / 'nothing.crt'}},
                    {'vnc': {'public_url': ''}},
                    {'vnc': {'public_url': 'https://[::1'}},
                    {'ironic_console': {'endpoint_networks': 'x'}},
                    {'ironic_console': {'max_sessions': 'many'}},
                    {'vnc': {'novnc_web': tmp_path}}):
            text = run.reconfigure(bad)
            assert len(errors_in(text)) == 1, bad
            assert 'The old configuration stays in force' in errors_in(
                text)[0]
            with run.open(record, HORIZON, context=trust_new) as third:
                third.shake_hands()
        assert echoes(browser)


# -- workers ------------------------------------------------------------------

def test_two_workers_serve_and_one_may_die(start, record, endpoint):
    run = start({'ironic_console': {'workers': 2}})
    parent, *workers = run.processes()
    assert len(workers) == 2
    browsers = []

    def both_serve():
        browsers.append(run.open(record))
        browsers[-1].shake_hands()
        return all(_sessions_of(worker, endpoint.port) for worker in workers)

    try:
        wait_until(both_serve, 'both serve', 30)
        doomed = workers[0]
        lost = _sessions_of(doomed, endpoint.port)
        doomed.kill()
        ended = sum(not _still_echoes(browser) for browser in browsers)
        assert ended == lost
        assert ended < len(browsers)
        wait_until(lambda: len(run.processes()) == 3, 'a new worker')
        for _ in range(10):
            with run.open(record) as browser:
                browser.shake_hands()
                assert echoes(browser)
    finally:
        for browser in browsers:
            browser.sock.close()
    assert parent.is_running()


def test_a_new_worker_works_with_what_sighup_changed(start, record):
    run = start()
    _parent, worker = run.processes()
    run.reconfigure({'cors': {'allowed_origin': 'https://horizon.example'}})
    worker.kill()

    def replaced():
        workers = run.processes()[1:]
        return workers and workers[0].pid != worker.pid and _asks(
            run, path_to(NODE, ticket_for(record)), HORIZON) == 200

    wait_until(replaced, 'the new worker knows')


def _asks(run, target, *headers):
    try:
        return http_get(run.address, target, *headers).status
    except (OSError, EOFError):
        return 0


def _sessions_of(process, endpoint_port) -> int:
    return sum(connection.raddr and connection.raddr.port == endpoint_port
               for connection in process.net_connections('tcp')
               if connection.status == psutil.CONN_ESTABLISHED)


def _still_echoes(browser):
    try:
        return echoes(browser)
    except (OSError, EOFError):
        return False


# -- what it writes -----------------------------------------------------------

def test_writes_no_ticket_and_no_secret_at_debug(start, record):
    run = start({'DEFAULT': {'debug': True}})
    target = path_to(NODE, ticket_for(record))
    with Browser(run.address, target) as browser:
        browser.shake_hands()
        assert echoes(browser)
        browser.close_politely()
    for bad in (target[:-1], path_to(NODE, SECRET)):
        assert http_get(run.address, bad).status == 403
    assert http_get(run.address, target).status == 200
    with socket.create_connection(run.address, 10) as sock:
        sock.sendall(f'GET {target} HTTP/1.1 \r\n\r\n'.encode())
        assert b' 400 ' in sock.recv(1000)
    wait_until(lambda: 'browser closed' in run.proxy.written(), 'the end')
    run.proxy.stop()
    written = run.proxy.written()
    assert 'DEBUG' in written
    assert f'node {NODE} opened' in written
    assert SECRET not in written
    token = target.partition('token=')[2]
    assert token not in written
    assert token[:40] not in written


def test_disabling_a_console_ends_its_session(start, site, record):
    run = start()
    with run.open(record) as browser:
        browser.shake_hands()
        site.save(node_record(record.endpoint().port, enabled=False))
        try:
            assert browser.wait_closed() == (
                1008, 'The console of this node was switched off.')
        finally:
            site.save(record)


def test_is_not_ready_without_its_database(start, site):
    run = start({'ironic_console': {'database_timeout': 1}})
    assert http_get(run.address, '/readyz').status == 200
    hidden = site.database.with_suffix('.hidden')
    site.database.rename(hidden)
    broken = pathlib.Path(site.database)
    broken.mkdir()
    def becomes(status):
        # What it has said is good for a second.
        return wait_until(
            lambda: http_get(run.address, '/readyz').status == status,
            f'status {status}')

    try:
        assert becomes(503)
        assert http_get(run.address, '/healthz').status == 200
    finally:
        broken.rmdir()
        hidden.rename(site.database)
    assert becomes(200)
