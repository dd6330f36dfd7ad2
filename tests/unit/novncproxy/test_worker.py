# SPDX-License-Identifier: Apache-2.0
"""All of a worker but its process: sessions, reload, drain."""

import concurrent.futures
import dataclasses
import json
import threading

import pytest

from ironic_console.common.tls import ServerTls
from ironic_console.novncproxy.server import listen
from ironic_console.novncproxy.settings import (
    GatewayPolicy,
    GatewaySettings,
    ListenAddress,
    SetupLimits,
)
from tests.helpers.certificates import Authority
from tests.helpers.proxy import (
    Browser,
    Holdings,
    HTTPConnection,
    Refused,
    RunningWorker,
    http_get,
    make_settings,
    node_record,
    path_to,
    refused,
    ticket_for,
    wait_until,
)
from tests.simulators.rfb_server import RfbServer, echo_server, silent
from tools.lab import ports


@pytest.fixture(scope='module')
def endpoint():
    with RfbServer(echo_server()) as server:
        yield server


@pytest.fixture
def record(endpoint):
    return node_record(endpoint.port)


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


PATIENT = SetupLimits(handshake_timeout=300, browser_handshake_timeout=300)


@pytest.mark.parametrize('waits_for', ['endpoint', 'browser'])
def test_who_is_being_connected_is_told_when_it_ends(tmp_path, record,
                                                     waits_for):
    with RfbServer(silent()) as server:
        if waits_for == 'endpoint':
            record = node_record(server.port)
        worker = RunningWorker(make_settings(tmp_path, setup=PATIENT,
                                             drain_timeout=0), record)
        worker.worker.start()
        with worker.open(record) as browser:
            if waits_for == 'endpoint':
                server.peer()
                thread = drain(worker)
                assert 'is being restarted' in browser.read_refusal()
            else:
                assert browser.read(12)
                thread = drain(worker)
            assert browser.wait_closed()[0] == 1001
            thread.join(10)
            assert not thread.is_alive()


def test_who_was_let_in_a_moment_ago_still_gets_its_session(tmp_path, record,
                                                            monkeypatch):
    worker = RunningWorker(make_settings(tmp_path, drain_timeout=60), record)
    asked, answer = threading.Event(), threading.Event()

    def slow_look(uuid, real=worker.store.get):
        asked.set()
        assert answer.wait(10)
        return real(uuid)

    monkeypatch.setattr(worker.store, 'get', slow_look)
    worker.worker.start()
    path = path_to(record.uuid, ticket_for(record))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        opening = pool.submit(Browser, worker.address, path)
        assert asked.wait(10)
        thread = drain(worker)
        wait_until(lambda: refused(worker.address), 'nobody gets in')
        answer.set()
        with opening.result(10) as browser:
            browser.shake_hands()
            browser.close_politely()
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


@pytest.fixture
def kept(tmp_path, record):
    """A connection from before the worker began to drain."""
    worker = RunningWorker(make_settings(tmp_path, drain_timeout=60), record)
    worker.worker.start()
    with (worker.open(record) as browser,
          HTTPConnection(worker.address) as kept):
        browser.shake_hands()
        assert 'connection' not in kept.request('/healthz').headers
        thread = drain(worker)
        wait_until(lambda: refused(worker.address), 'nobody gets in')
        yield kept
        browser.close_politely()
    thread.join(10)
    assert not thread.is_alive()


def test_who_is_connected_already_begins_no_session_when_it_drains(
        kept, record):
    answer = kept.request(path_to(record.uuid, ticket_for(record)),
                          'Connection: Upgrade', 'Upgrade: websocket',
                          'Sec-WebSocket-Version: 13',
                          'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==')
    assert answer.status == 503
    assert answer.headers['retry-after']
    assert kept.is_closed()


def test_who_is_connected_already_has_to_go_when_it_drains(kept):
    answer = kept.request('/healthz')
    assert (answer.status, answer.headers['connection']) == (200, 'close')
    assert kept.is_closed()


# -- ports that SIGHUP switches on or off -------------------------------------

def gateway_at(port):
    return GatewaySettings(
        GatewayPolicy('127.0.0.1', range(port, port + 1), (1,),
                      interval=0.02), None)


def test_the_gateway_may_be_switched_on_and_off(tmp_path, endpoint):
    port = ports.free_port()
    record = node_record(endpoint.port)
    record = dataclasses.replace(
        record, info={**record.info, 'vnc_port': port})
    without = make_settings(tmp_path)
    with_it = dataclasses.replace(without, gateway=gateway_at(port))
    with RunningWorker(without, record) as worker:
        for _ in range(2):
            assert not ports.answers('127.0.0.1', port)
            worker.reload(with_it)
            wait_until(lambda: ports.answers('127.0.0.1', port), 'the door')
            worker.reload(without)
            wait_until(lambda: refused(('127.0.0.1', port)), 'it is shut')


def test_a_look_that_takes_its_time_opens_no_door_of_a_gateway_that_is_off(
        tmp_path, endpoint, monkeypatch):
    port = ports.free_port()
    record = node_record(endpoint.port)
    record = dataclasses.replace(
        record, info={**record.info, 'vnc_port': port})
    without = make_settings(tmp_path)
    with RunningWorker(without, record) as worker:
        looks, answer = threading.Event(), threading.Event()

        def slow_look():
            looks.set()
            assert answer.wait(10)
            return [record]
        monkeypatch.setattr(worker.store, 'consoles', slow_look)
        worker.reload(dataclasses.replace(without, gateway=gateway_at(port)))
        assert looks.wait(10)
        gateway = worker.worker._gateway
        worker.reload(without)
        answer.set()
        gateway._thread.join(10)
        assert refused(('127.0.0.1', port))


def test_the_port_for_viewers_may_be_switched_off(tmp_path, record):
    files = Authority('viewers').issue().save(tmp_path)
    without = make_settings(tmp_path)
    settings = dataclasses.replace(without, viewers=ListenAddress(
        '127.0.0.1', 0, ServerTls(files.cert_file, files.key_file)))
    listener = listen('127.0.0.1', 0)
    address = listener.getsockname()[:2]
    with RunningWorker(settings, record, viewers=listener) as worker:
        assert not refused(address)
        assert named_port(worker, record) == address[1]
        worker.reload(without)
        wait_until(lambda: refused(address), 'it is closed')
        assert named_port(worker, record) is None
        # To open it again needs a restart; it must not fail, though.
        worker.reload(settings)
        assert refused(address)
        assert named_port(worker, record) is None


def named_port(worker, record):
    """:returns: where people are sent with their own viewers."""
    answer = http_get(worker.address, path_to(record.uuid, ticket_for(record)))
    return json.loads(answer.body).get('viewer_port')


def test_the_port_for_metrics_may_be_switched_off(tmp_path, record):
    without = make_settings(tmp_path)
    settings = dataclasses.replace(
        without, metrics=ListenAddress('127.0.0.1', 0))
    listener = listen('127.0.0.1', 0)
    address = listener.getsockname()[:2]
    with RunningWorker(settings, record, metrics=listener) as worker:
        assert http_get(address, '/metrics').status == 200
        # Its limits are those of everybody.
        worker.reload(dataclasses.replace(settings, setup=PATIENT))
        assert worker.worker._metrics_server.services.limits == PATIENT
        assert http_get(address, '/metrics').status == 200
        worker.reload(without)
        assert refused(address)
