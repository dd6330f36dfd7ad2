# SPDX-License-Identifier: Apache-2.0
"""A worker's life: start, reload, drain."""

import signal
import socket
import threading

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.common.tls import ClientTls, ServerTls
from ironic_console.novncproxy.ledger import Ledger
from ironic_console.novncproxy.service import (
    Common,
    ProxyService,
    close_at_sigterm,
    forward_sighup,
    load,
)
from tests.helpers.certificates import Authority
from tests.helpers.proxy import (
    Browser,
    Holdings,
    Refused,
    RunningWorker,
    http_get,
    make_settings,
    node_record,
    path_to,
    ticket_for,
    wait_until,
)
from tests.simulators.rfb_server import RfbServer, echo_server


@pytest.fixture(scope='module')
def endpoint():
    with RfbServer(echo_server()) as server:
        yield server


@pytest.fixture
def record(endpoint):
    return node_record(endpoint.port)


# -- the worker ---------------------------------------------------------------

def test_carries_a_session(tmp_path, record):
    with (RunningWorker(make_settings(tmp_path), record) as worker,
          worker.open(record) as browser):
        browser.shake_hands()
        browser.send(b'echo')
        assert browser.read(4) == b'echo'
        assert worker.sessions() == 1
        browser.close_politely()
        wait_until(lambda: not worker.sessions(), 'the session has ended')


def drain(worker):
    thread = threading.Thread(target=worker.worker.drain)
    thread.start()
    return thread


def refused(address) -> bool:
    try:
        socket.create_connection(address, 10).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        # It came in at the moment when the port was closed.
        return False
    return False


def test_drains(tmp_path, record):
    worker = RunningWorker(make_settings(tmp_path, drain_timeout=1.0), record)
    worker.worker.start()
    with worker.open(record) as browser:
        browser.shake_hands()
        thread = drain(worker)
        wait_until(lambda: refused(worker.address), 'nobody gets in')
        browser.send(b'echo')
        assert browser.read(4) == b'echo'
        assert browser.wait_closed()[0] == 1001
        thread.join(10)
        assert not thread.is_alive()


def test_a_session_that_ends_itself_ends_the_draining(tmp_path, record):
    worker = RunningWorker(make_settings(tmp_path, drain_timeout=60), record)
    worker.worker.start()
    with worker.open(record) as browser:
        browser.shake_hands()
        thread = drain(worker)
        wait_until(lambda: refused(worker.address), 'nobody gets in')
        browser.close_politely()
        thread.join(10)
        assert not thread.is_alive()


def test_gives_everything_back(tmp_path, record):
    def live():
        # Its ledger goes with the last who knows it.
        with (RunningWorker(make_settings(tmp_path), record) as worker,
              worker.open(record) as browser):
            browser.shake_hands()
            browser.close_politely()
            wait_until(lambda: not worker.sessions(), 'it has ended')

    live()
    before = Holdings.now()
    live()
    before.wait_for_return()


def test_reloads_for_new_connections_and_live_ones_go_on(tmp_path, record,
                                                         endpoint):
    with (RunningWorker(make_settings(tmp_path), record) as worker,
          worker.open(record) as browser):
        browser.shake_hands()
        origin = 'Origin: https://horizon.example'
        with pytest.raises(Refused):
            worker.open(record, origin)
        authority = Authority()
        files = authority.issue('localhost').save(tmp_path)
        worker.reload(make_settings(
            tmp_path, origins=('https://horizon.example',),
            tls=ServerTls(files.cert_file, files.key_file)))
        context = authority.client_context()
        with worker.open(record, origin, context=context) as second:
            second.shake_hands()
        browser.send(b'echo')
        assert browser.read(4) == b'echo'


def test_loading_finds_what_is_missing(tmp_path):
    settings = make_settings(tmp_path, tls=ServerTls('/no/such/file'))
    with pytest.raises(ConfigError, match='cert_file'):
        load(settings)


def test_loading_finds_what_is_missing_for_endpoints(tmp_path):
    settings = make_settings(tmp_path, endpoint_tls=ClientTls('/no/file'))
    with pytest.raises(ConfigError, match='vencrypt_ca_certs'):
        load(settings)


@pytest.mark.parametrize('allowed', [False, True])
def test_warns_at_the_start_that_endpoints_may_be_anybody(
        tmp_path, caplog, allowed):
    load(make_settings(tmp_path, endpoint_tls=ClientTls(
        allow_unverified=allowed)))
    warnings = [record.getMessage() for record in caplog.records
                if record.levelname == 'WARNING']
    assert ['allow_unverified_tls' in text for text in warnings] == (
        [True] if allowed else [])


def test_ready_tells_about_the_store(tmp_path, record):
    with RunningWorker(make_settings(tmp_path), record) as worker:
        assert http_get(worker.address, '/readyz').status == 200
        worker.store.available = False
        # What it has said is good for a second.
        response = wait_until(
            lambda: (answer := http_get(worker.address, '/readyz'))
            and answer.status != 200 and answer, 'it is not ready')
        assert response.status == 503
        assert response.headers['retry-after']
        assert http_get(worker.address, '/healthz').status == 200
        with pytest.raises(Refused) as caught:
            Browser(worker.address, path_to(record.uuid, ticket_for(record)))
        assert caught.value.response.status == 503


# -- the service --------------------------------------------------------------

class FakeWorker:
    def __init__(self):
        self.done = []

    def start(self):
        self.done.append('start')

    def drain(self):
        self.done.append('drain')

    def reload(self, loaded):
        self.done.append(loaded)


class Life:
    """A service and what it works with."""

    def __init__(self):
        self.worker = FakeWorker()
        self.loaded = 'first'
        self.service = ProxyService(lambda: self.worker, self.reread)

    def reread(self):
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded


def test_works_with_what_the_files_hold_now_and_not_at_the_fork():
    life = Life()
    life.service.start()
    assert life.worker.done == ['start', 'first']


def test_sighup_reads_again_and_keeps_what_was_good(caplog):
    life = Life()
    life.service.start()
    life.loaded = 'second'
    life.service.reset()
    life.loaded = ConfigError('[vnc]port is bad')
    life.service.reset()
    assert life.worker.done == ['start', 'first', 'second']
    errors = [record for record in caplog.records
              if record.levelname == 'ERROR']
    assert len(errors) == 1
    assert '[vnc]port is bad' in errors[0].getMessage()
    assert 'old configuration' in errors[0].getMessage()


def test_sigterm_drains_and_then_the_process_may_end():
    life = Life()
    life.service.start()
    waiter = threading.Thread(target=life.service.wait, daemon=True)
    waiter.start()
    life.service.stop()
    waiter.join(10)
    assert not waiter.is_alive()
    assert life.worker.done[-1] == 'drain'


def test_sigterm_before_the_start_is_fine():
    life = Life()
    life.service.stop()
    life.service.wait()
    assert life.worker.done == []


@pytest.fixture
def signals():
    """Whoever heeds them in a test does so in that test only."""
    before = {number: signal.getsignal(number)
              for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures('signals')
@pytest.mark.parametrize('second', [signal.SIGTERM, signal.SIGINT])
def test_a_parent_that_is_stopped_itself_lets_nobody_connect(tmp_path,
                                                             second):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        common = Common(listener, Ledger(1), tmp_path)
        parent = ProxyService(FakeWorker, lambda: None, common)
        parent.stop()
        assert refused(listener.getsockname())
        # Its workers drain now, and hurry at a second signal.
        assert not common.haste
        signal.raise_signal(second)
        assert common.haste


def test_the_wrapper_of_oslo_service_gets_the_missing_half():
    class Wrapper:
        def __init__(self):
            self.service_instance = Life().service

    forward_sighup(Wrapper)
    wrapper = Wrapper()
    wrapper.service_instance.start()
    wrapper.reload()


def test_a_wrapper_that_can_reload_is_left_alone():
    class Wrapper:
        def reload(self):
            return 'its own'

    forward_sighup(Wrapper)
    forward_sighup(None)
    assert Wrapper().reload() == 'its own'


@pytest.mark.usefixtures('signals')
def test_a_parent_that_ends_lets_nobody_connect():
    told = []
    signal.signal(signal.SIGTERM, lambda *args: told.append(args[0]))
    with socket.create_server(('127.0.0.1', 0)) as listener:
        close_at_sigterm(listener)
        assert not refused(listener.getsockname())
        signal.raise_signal(signal.SIGTERM)
        assert refused(listener.getsockname())
        signal.raise_signal(signal.SIGTERM)
    assert told == [signal.SIGTERM] * 2
