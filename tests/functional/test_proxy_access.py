# SPDX-License-Identifier: Apache-2.0
"""Who gets in, from outside; and what strangers can do to the proxy."""

import base64
import dataclasses
import json
import logging
import ssl
import urllib.parse

import hypothesis
import pytest
import websockets.sync.client
from hypothesis import strategies as st

from ironic_console.common.errors import Unauthorized
from ironic_console.common.tls import ServerTls
from ironic_console.novncproxy.http import refusal
from tests.helpers.certificates import Authority
from tests.helpers.proxy import (
    NODE,
    OTHER,
    SECRET,
    SETUP,
    Browser,
    HTTPConnection,
    Refused,
    RunningWorker,
    http_get,
    make_settings,
    masked,
    node_record,
    path_to,
    ticket_for,
    wait_until,
)
from tests.simulators.rfb_server import (
    RfbServer,
    echo_server,
    good,
    hang_up,
    refuses,
)

FORBIDDEN = refusal(Unauthorized('')).body
PAGE = 'https://console.example.org:6090'


@pytest.fixture(scope='module')
def worker(tmp_path_factory, record):
    settings = make_settings(tmp_path_factory.mktemp('proxy'))
    with RunningWorker(settings, record) as worker:
        yield worker


def echoes(browser) -> bool:
    browser.shake_hands()
    browser.send(b'echo')
    return browser.read(4) == b'echo'


# -- U5 -----------------------------------------------------------------------

def targets(record):
    good = ticket_for(record)
    other = node_record(uuid=OTHER, secret='another secret of 32 characters')
    return {
        'unknown node': path_to(OTHER, ticket_for(other)),
        'ticket of another node': path_to(NODE, ticket_for(other)),
        'good ticket at an unknown node': path_to(OTHER, good),
        'expired': path_to(NODE, ticket_for(record, lifetime=-1)),
        'changed': path_to(NODE, good[:-1] + ('A' if good[-1] != 'A'
                                              else 'B')),
        'nonsense': path_to(NODE, 'x'),
        'too long': path_to(NODE, 'x' * 5000),
        'the secret itself': path_to(NODE, SECRET),
        'no ticket': f'/websockify?node={NODE}',
        'empty ticket': f'/websockify?node={NODE}&token=',
        'no node': f'/websockify?token={good}',
        'node is no UUID': f'/websockify?node=x&token={good}',
        'nothing': '/websockify',
    }


CASES = list(targets(node_record()))


@pytest.mark.parametrize('case', CASES)
def test_every_refusal_is_the_same_before_any_upgrade(worker, record,
                                                      endpoint, case):
    before = len(endpoint.peers)
    target = targets(record)[case]
    with pytest.raises(Refused) as caught:
        Browser(worker.address, target)
    upgrade = caught.value.response
    question = http_get(worker.address, target)
    assert upgrade == question
    assert upgrade.status == 403
    assert upgrade.body == FORBIDDEN
    assert upgrade.headers.pop('content-length') == str(len(FORBIDDEN))
    assert upgrade.headers == {
        'content-type': 'application/json', 'cache-control': 'no-store',
        'connection': 'close', 'x-content-type-options': 'nosniff'}
    assert len(endpoint.peers) == before
    assert worker.sessions() == 0


@pytest.mark.parametrize(('origin', 'allowed'), [
    (PAGE, True), (PAGE.upper(), True), (None, True),
    ('https://console.example.org', False),
    ('http://console.example.org:6090', False),
    ('https://console.example.org.:6090', False),
    ('https://evil.example', False), ('null', False), ('', False)])
def test_only_our_page_may_use_a_ticket(worker, record, origin, allowed):
    # What everybody can forge changes nothing.
    headers = ['X-Forwarded-Proto: http', 'X-Forwarded-Host: evil.example',
               'Forwarded: host=evil.example']
    if origin is not None:
        headers.append(f'Origin: {origin}')
    if allowed:
        with worker.open(record, *headers) as browser:
            assert echoes(browser)
    else:
        with pytest.raises(Refused) as caught:
            worker.open(record, *headers)
        assert caught.value.response.body == FORBIDDEN


def test_a_page_under_a_rebound_name_gets_nothing(worker, record):
    with HTTPConnection(worker.address) as connection:
        response = connection.request(
            path_to(NODE, ticket_for(record)),
            'Origin: https://evil.example', host='evil.example')
    assert response.status == 403


def test_a_request_without_host_is_refused(worker, record):
    with HTTPConnection(worker.address) as connection:
        connection.send(f'GET {path_to(NODE, ticket_for(record))} HTTP/1.1'
                        '\r\n\r\n'.encode())
        assert connection.read_response().status == 400


def test_many_evil_requests_allow_nobody(worker, record):
    policy = worker.worker._authorizer.policy
    origins = set(policy.origins)
    target = path_to(NODE, ticket_for(record))
    request = (f'GET {target} HTTP/1.1\r\nHost: evil.example\r\n'
               'Origin: https://evil.example\r\n\r\n').encode()
    for _ in range(200):
        with HTTPConnection(worker.address) as connection:
            connection.send(request)
            assert connection.read_response().status == 403
    assert worker.worker._authorizer.policy is policy
    assert policy.origins == origins


# -- U2 -----------------------------------------------------------------------

@pytest.fixture
def everything(caplog):
    """All that any logger says."""
    caplog.set_level(1)
    names = list(logging.Logger.manager.loggerDict)
    before = {}
    for name in names:
        logger = logging.getLogger(name)
        before[logger] = logger.level, logger.disabled, logger.propagate
        logger.setLevel(1)
        logger.disabled, logger.propagate = False, True
    yield caplog
    for logger, (level, disabled, propagate) in before.items():
        logger.setLevel(level)
        logger.disabled, logger.propagate = disabled, propagate


def spellings(text):
    """In what disguise a secret could appear in a log."""
    raw = text.encode()
    for shift in range(3):
        # In the base64 of a longer text, at any place.
        coded = base64.b64encode(b'x' * shift + raw)
        yield coded[4:len(coded) // 4 * 4 - 4].decode()
    yield from (text, urllib.parse.quote(text, safe=''), repr(text)[1:-1],
                urllib.parse.quote_plus(urllib.parse.quote_plus(text)),
                json.dumps(text)[1:-1], raw.hex())


def test_no_log_at_any_level_holds_a_ticket_or_a_secret(
        everything, worker, endpoint, monkeypatch, capfd):
    record = node_record(endpoint.port)
    worker.store.records[NODE] = record
    used = [ticket_for(record) for _ in range(5)]
    tickets = iter(used)

    def connect(*headers):
        return Browser(worker.address, path_to(NODE, next(tickets)), *headers)

    with connect() as browser:
        assert echoes(browser)
        browser.close_politely()
    with pytest.raises(Refused):
        connect('Origin: https://evil.example')
    with HTTPConnection(worker.address) as connection:
        connection.send(f'GET {path_to(NODE, next(tickets))} HTTP/1.1 \r\n'
                        'Host: a\r\n\r\n'.encode())
        assert connection.read_response().status == 400
    endpoint.behaviour = refuses()
    with connect() as browser:
        browser.read_refusal()
        browser.wait_closed()
    endpoint.behaviour = good(after=hang_up)
    monkeypatch.setattr('ironic_console.novncproxy.opening.Link', None)
    with connect() as browser:
        browser.shake_hands()
        browser.read_to_end()
    monkeypatch.undo()
    endpoint.behaviour = echo_server()
    for case in (SECRET, used[0][:-1]):
        with pytest.raises(Refused):
            Browser(worker.address, path_to(NODE, case))
    wait_until(lambda: not worker.sessions(), 'all have ended')

    output = capfd.readouterr()
    text = everything.text + output.out + output.err
    assert 'Traceback' in text, 'the bug was to be logged'
    assert text.count(f'node {NODE}') >= 5
    for hidden in (SECRET, *used):
        for spelling in spellings(hidden):
            assert spelling not in text


# -- U8 -----------------------------------------------------------------------

@pytest.fixture(scope='module')
def impatient(tmp_path_factory, record):
    """With viewers; nobody but they has to be quick."""
    settings = make_settings(
        tmp_path_factory.mktemp('impatient'),
        setup=dataclasses.replace(SETUP, browser_handshake_timeout=0.1))
    with RunningWorker(settings, record) as worker:
        yield worker


@pytest.fixture(scope='module')
def impatient_with_heads(tmp_path_factory):
    settings = make_settings(
        tmp_path_factory.mktemp('heads'),
        setup=dataclasses.replace(SETUP, head_timeout=0.1,
                                  keepalive_timeout=0.1))
    with RunningWorker(settings) as worker:
        yield worker


RUNS = hypothesis.settings(
    max_examples=40, deadline=None, derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
JUNK = st.one_of(
    st.binary(min_size=1, max_size=300),
    st.binary(max_size=40).map(b'RFB 003.008\n'.__add__),
    st.binary(max_size=40).map(b'RFB 003.003\n'.__add__))


@RUNS
@hypothesis.given(JUNK)
def test_any_bytes_of_a_viewer_end_cleanly(caplog, impatient, record, junk):
    """The first bytes of RFB; whatever follows is the endpoint's."""
    with impatient.open(record) as browser:
        browser.send(junk)
        # What the viewer says ahead may be a handshake by chance.
        if junk[:11] in (b'RFB 003.008', b'RFB 003.003', b'RFB 003.007'):
            return
        code, _text = browser.wait_closed()
    assert code in (1002, 1008)
    assert 'Traceback' not in caplog.text


@RUNS
@hypothesis.given(st.binary(min_size=1, max_size=300))
def test_any_bytes_for_frames_end_cleanly(caplog, impatient, record, junk):
    with impatient.open(record) as browser:
        browser.sock.sendall(junk)
        browser.read_to_end()
        assert browser.closed is None or browser.closed[0] in (
            1000, 1002, 1003, 1008, 1009)
    assert 'Traceback' not in caplog.text


@RUNS
@hypothesis.given(st.one_of(
    st.binary(min_size=1, max_size=300),
    st.binary(max_size=200).map(b'GET /websockify'.__add__)))
def test_any_bytes_for_a_head_end_cleanly(caplog, impatient_with_heads,
                                          junk):
    with HTTPConnection(impatient_with_heads.address) as connection:
        connection.send(junk)
        try:
            status = connection.read_response().status
        except (EOFError, ConnectionError):
            status = 0
        assert status in (0, 200, 400, 403, 404, 405, 408, 431, 501, 505)
    assert 'Traceback' not in caplog.text


def test_after_all_that_it_still_serves(impatient, impatient_with_heads,
                                        record, tmp_path):
    impatient_with_heads.store.records[NODE] = record
    for worker in (impatient, impatient_with_heads):
        # What is too late for junk is not for this.
        worker.reload(make_settings(tmp_path))
        with worker.open(record) as browser:
            assert echoes(browser)


# -- addresses and TLS --------------------------------------------------------

def test_ipv6_on_both_sides(tmp_path):
    with RfbServer(echo_server(), '::1') as server:
        record = node_record(server.port, '::1')
        settings = make_settings(tmp_path, host='::1')
        with (RunningWorker(settings, record) as worker,
              worker.open(record) as browser):
            assert echoes(browser)


def test_one_listener_for_ipv4_and_ipv6(tmp_path, record):
    settings = make_settings(tmp_path, host='::')
    with RunningWorker(settings, record) as worker:
        port = worker.address[1]
        for host in ('127.0.0.1', '::1'):
            target = path_to(NODE, ticket_for(record))
            with Browser((host, port), target) as browser:
                assert echoes(browser)


def test_a_name_with_a_dead_address_first(tmp_path, monkeypatch):
    """AAAA of a host whose console listens on IPv4 only."""
    with RfbServer(echo_server()) as server:
        record = node_record(server.port, 'bmc.example')
        settings = make_settings(tmp_path)
        with RunningWorker(settings, record) as worker:
            resolver = worker.worker._server.services.dialer._resolver
            monkeypatch.setattr(resolver, '_lookup',
                                lambda _host: ['::1', '127.0.0.1'])
            with worker.open(record) as browser:
                assert echoes(browser)


@pytest.fixture(scope='module')
def authority():
    return Authority()


@pytest.fixture(scope='module')
def secure(tmp_path_factory, authority, record):
    folder = tmp_path_factory.mktemp('tls')
    files = authority.issue().save(folder)
    settings = make_settings(folder, tls=ServerTls(files.cert_file,
                                                   files.key_file))
    with RunningWorker(settings, record) as worker:
        yield worker


@pytest.mark.parametrize('version', ['TLSv1_2', 'TLSv1_3'])
def test_consoles_and_pages_over_tls(secure, authority, record, version):
    context = authority.client_context()
    context.minimum_version = context.maximum_version = ssl.TLSVersion[
        version]
    assert http_get(secure.address, '/console.html',
                    context=context).status == 200
    with secure.open(record, context=context) as browser:
        assert browser.sock.version() == version.replace('_', '.')
        assert echoes(browser)
        data = bytes(3_000_000)
        sender = []
        for begin in range(0, len(data), 50_000):
            browser.send(data[begin:begin + 50_000])
            sender.append(browser.read(50_000))
        assert b''.join(sender) == data
        browser.close_politely()
        assert browser.closed[0] == 1000


def test_older_tls_is_refused(secure, authority):
    context = authority.client_context()
    context.set_ciphers('ALL:@SECLEVEL=0')
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        HTTPConnection(secure.address, context)


def test_refusals_arrive_over_tls_too(secure, authority):
    with pytest.raises(Refused) as caught:
        Browser(secure.address, path_to(NODE, 'x'),
                context=authority.client_context())
    assert caught.value.response.body == FORBIDDEN


def test_a_foreign_client_understands_us(worker, record):
    host, port = worker.address
    with websockets.sync.client.connect(
            f'ws://{host}:{port}{path_to(NODE, ticket_for(record))}',
            subprotocols=['binary'], compression='deflate') as client:
        assert client.protocol.extensions == []
        assert client.subprotocol == 'binary'
        data = b''

        def read(size):
            # RFB is a stream: the ends of messages mean nothing.
            nonlocal data
            while len(data) < size:
                data += client.recv()
            piece, data = data[:size], data[size:]
            return piece

        assert read(12) == b'RFB 003.008\n'
        client.send(b'RFB 003.008\n')
        assert read(2) == b'\x01\x01'
        client.send(b'\x01\x01')
        assert read(4 + 24 + 9).endswith(b'simulator')
        for size in (1, 125, 126, 65535, 65536, 200_000):
            client.send(b'x' * size)
            assert read(size) == b'x' * size
        client.ping().wait(5)
    assert client.close_code == 1000


# -- slow heads ---------------------------------------------------------------

def test_a_slow_head_does_not_hold_up_others(worker, record):
    with HTTPConnection(worker.address) as slow:
        slow.send(b'GET / HTTP/1.1\r\n')
        with worker.open(record) as browser:
            assert echoes(browser)


def test_a_thousand_half_heads_are_given_up(tmp_path, record):
    settings = make_settings(tmp_path, setup=dataclasses.replace(
        SETUP, head_timeout=5.0, max_setups=400))
    with RunningWorker(settings, record) as worker:
        slow = [HTTPConnection(worker.address) for _ in range(300)]
        for connection in slow:
            connection.send(b'GET / HTTP/1.1\r\nHost: a\r\nX: ')
        with worker.open(record) as browser:
            assert echoes(browser)
        for connection in slow:
            assert connection.read_response().status == 408
            connection.close()
        wait_until(lambda: not worker.worker._server._setups, 'all threads')


def test_early_frames_in_one_piece_with_the_request(worker, record):
    early = (masked(2, b'RFB 003.008\n') + masked(2, b'\x01')
             + masked(2, b'\x01') + masked(2, b'echo'))
    with worker.open(record, early=early) as browser:
        while not browser._data.endswith(b'echo'):
            assert browser._receive()
