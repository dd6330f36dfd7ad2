# SPDX-License-Identifier: Apache-2.0
"""The story of a connection, told with real sockets on both sides."""

import contextlib
import dataclasses
import json
import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ironic_console.common import dialer
from ironic_console.common.errors import Unauthorized
from ironic_console.common.tls import ServerTls
from ironic_console.novncproxy import close_reasons, http
from ironic_console.novncproxy.http import refusal
from ironic_console.novncproxy.link import Link
from ironic_console.novncproxy.relay import Relay, RelayLimits
from ironic_console.novncproxy.sessions import SessionPolicy, SessionRegistry
from ironic_console.novncproxy.settings import ListenAddress
from tests.helpers.certificates import Authority
from tests.helpers.plain_viewer import Tunnel
from tests.helpers.proxy import (
    BINARY,
    CLOSE,
    NODE,
    SETUP,
    Browser,
    Holdings,
    HTTPConnection,
    Refused,
    RefusedInside,
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
    cut,
    echo_server,
    good,
    pack_server_init,
    refused_port,
    says,
    silent,
)

FORBIDDEN = refusal(Unauthorized('')).body


@pytest.fixture(scope='module')
def endpoint():
    with RfbServer(echo_server()) as server:
        yield server


@pytest.fixture
def server():
    """An endpoint whose behaviour the test chooses."""
    with RfbServer(echo_server()) as server:
        yield server


@pytest.fixture
def run(tmp_path):
    """Starts workers."""
    workers = []

    def run(*records, **settings):
        worker = RunningWorker(make_settings(tmp_path, **settings), *records)
        workers.append(worker)
        return worker.__enter__()

    yield run
    for worker in workers:
        worker.__exit__()


@pytest.fixture
def record(endpoint):
    return node_record(endpoint.port)


@pytest.fixture
def worker(run, record):
    return run(record)


def lines(caplog, level):
    return [record.getMessage() for record in caplog.records
            if record.levelno == level
            and record.name.startswith('ironic_console')]


# -- before the upgrade -------------------------------------------------------

def test_tells_a_page_what_its_websocket_would_be_told(worker, record):
    target = path_to(NODE, ticket_for(record))
    response = http_get(worker.address, target)
    assert response.status == 200
    assert json.loads(response.body) == {
        'status': 'ok', 'read_only': False,
        'node': {'uuid': NODE, 'name': 'node-7'}, 'kind': 'fake-vnc',
        'session': {'max_length': 0, 'idle_timeout': 0}}
    response = http_get(worker.address, path_to(NODE, 'bad'))
    assert (response.status, response.body) == (403, FORBIDDEN)
    response = http_get(worker.address, target,
                        'Origin: https://evil.example')
    assert (response.status, response.body) == (403, FORBIDDEN)
    worker.store.available = False
    assert http_get(worker.address, target).status == 503


def verdict(worker, record, **options):
    return json.loads(http_get(worker.address, path_to(
        NODE, ticket_for(record, **options))).body)['read_only']


def test_tells_a_page_that_its_user_may_only_look(run, record):
    worker = run(record)
    assert verdict(worker, record) is False
    assert verdict(worker, record, read_only=True) is True
    worker.store.records[NODE] = node_record(endpoint={'read_only': True})
    assert verdict(worker, record) is True
    assert verdict(run(record, read_only=True), record) is True


def test_tells_a_page_how_long_its_session_may_last(run, record, tmp_path):
    worker = run(record, relay=RelayLimits(max_session_length=3600.5,
                                           idle_timeout=900))
    target = path_to(NODE, ticket_for(record))

    def limits():
        return json.loads(http_get(worker.address, target).body)['session']

    assert limits() == {'max_length': 3600.5, 'idle_timeout': 900}
    worker.reload(make_settings(tmp_path, relay=RelayLimits()))
    assert limits() == {'max_length': 0, 'idle_timeout': 0}


def test_the_verdict_has_no_name_of_a_node_without_and_no_address(
        run, record):
    record = dataclasses.replace(record, name='')
    response = http_get(run(record).address,
                        path_to(NODE, ticket_for(record)),
                        'Accept-Encoding: gzip')
    assert json.loads(response.body)['node'] == {'uuid': NODE, 'name': ''}
    assert b'127.0.0.1' not in response.body
    # Its length must not depend on what a page can guess at.
    assert 'content-encoding' not in response.headers


def test_the_verdict_opens_nothing(worker, record, endpoint):
    before = len(endpoint.peers)
    http_get(worker.address, path_to(NODE, ticket_for(record)))
    assert worker.sessions() == 0
    assert len(endpoint.peers) == before


def test_refuses_before_the_upgrade_and_reaches_no_endpoint(worker,
                                                            endpoint):
    before = len(endpoint.peers)
    with pytest.raises(Refused) as caught:
        Browser(worker.address, path_to(NODE, 'bad'))
    assert caught.value.response.status == 403
    assert caught.value.response.body == FORBIDDEN
    assert len(endpoint.peers) == before


def test_the_limit_of_sessions_is_an_answer_for_both(run, record):
    worker = run(record, sessions=SessionPolicy(max_sessions=1))
    with worker.open(record) as first:
        first.shake_hands()
        with pytest.raises(Refused) as caught:
            worker.open(record)
        answer = http_get(worker.address,
                          path_to(NODE, ticket_for(record)))
        for response in (caught.value.response, answer):
            assert response.status == 503
            assert b'in use' in response.body
        first.close_politely()
    wait_until(lambda: not worker.sessions(), 'there is room again')
    with worker.open(record) as second:
        second.shake_hands()


def test_who_took_the_last_session_is_told_that_all_is_well(run, record):
    worker = run(record, sessions=SessionPolicy(max_sessions=1))
    target = path_to(NODE, ticket_for(record))
    with Browser(worker.address, target) as browser:
        browser.shake_hands()
        assert http_get(worker.address, f'{target}&held=1').status == 200
        # Who wants one more gets what the WebSocket would, and nothing else
        # helps: neither the same link nor another.
        other = path_to(NODE, ticket_for(record))
        for one in (target, other):
            assert http_get(worker.address, one).status == 503


def refusal_of(worker, target, *headers):
    """:returns: answer to a WebSocket that is refused; to a plain question
        it is the same."""
    with pytest.raises(Refused) as caught:
        Browser(worker.address, target, *headers)
    answer = caught.value.response
    asked = http_get(worker.address, target, *headers)
    assert (asked.status, asked.body) == (answer.status, answer.body)
    return answer


@pytest.mark.parametrize(('sharing', 'can'), [('refuse', False),
                                              ('takeover', True)])
def test_a_node_in_use_says_whether_it_can_be_taken_over(run, record,
                                                         sharing, can):
    worker = run(record, sessions=SessionPolicy(sharing=sharing))
    with worker.open(record) as browser:
        browser.shake_hands()
        answer = refusal_of(worker, path_to(NODE, ticket_for(record)))
        assert answer.status == 423
        assert json.loads(answer.body) == {
            'status': 'refused', 'can_take_over': can,
            'reason': 'Somebody else is using the console of this server.'}
        assert 'retry-after' not in answer.headers
        assert worker.sessions() == 1


def test_who_is_taken_over_is_told_before_the_other_sees_anything(run,
                                                                  record):
    worker = run(record, sessions=SessionPolicy(sharing='takeover'))
    target = path_to(NODE, ticket_for(record))
    with (Browser(worker.address, target) as old,
          ThreadPoolExecutor(1) as pool):
        old.shake_hands()
        # It reads, as a browser does; or it would be waited for.
        told = pool.submit(old.wait_closed)
        with Browser(worker.address, f'{target}&takeover=1') as new:
            new.shake_hands()
            assert told.result() == (
                4409, 'Somebody else took over this console.')
            assert worker.sessions() == 1


def test_limits_are_for_users_and_not_for_the_proxy_before_them(run, record):
    worker = run(record, sessions=SessionPolicy(max_per_source=1),
                 trusted_proxies=('127.0.0.1/32',))
    target = path_to(NODE, ticket_for(record))
    home = 'X-Forwarded-For: 192.0.2.1'
    with Browser(worker.address, target, home):
        answer = refusal_of(worker, target, home)
        assert answer.status == 429
        assert answer.headers['retry-after'] == '5'
        with Browser(worker.address, target, 'X-Forwarded-For: 192.0.2.2'):
            assert worker.sessions() == 2


def test_a_proxy_before_us_may_send_several_users_through_one_connection(
        run, record):
    worker = run(record, sessions=SessionPolicy(max_per_source=1),
                 trusted_proxies=('127.0.0.1/32',))
    target = path_to(NODE, ticket_for(record))
    home = 'X-Forwarded-For: 192.0.2.1'
    with (Browser(worker.address, target, home),
          HTTPConnection(worker.address) as connection):
        other = 'X-Forwarded-For: 192.0.2.2'
        assert connection.request(target, other).status == 200
        assert connection.request(target).status == 200
        assert connection.request(target, home).status == 429


def test_several_files_come_over_one_connection(worker):
    with HTTPConnection(worker.address) as connection:
        page = connection.request('/')
        script = re.search(r'static/\w+/novnc/core/rfb\.js',
                           page.body.decode())
        for path in (f'/{script[0]}', '/healthz'):
            assert connection.request(path).status == 200
        assert connection.request('/missing').status == 404
        assert connection.is_closed()


def test_a_page_and_then_a_console_over_one_connection(worker, record):
    with HTTPConnection(worker.address) as connection:
        assert connection.request('/').status == 200
        response = connection.request(
            path_to(NODE, ticket_for(record)), 'Connection: Upgrade',
            'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
            'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')
        assert response.status == 101


def test_a_connection_that_was_kept_begins_none_while_sessions_drain(
        worker, record):
    """One that has just been taken does: nobody can take it back."""
    upgrade = (path_to(NODE, ticket_for(record)), 'Connection: Upgrade',
               'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
               'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')
    with (HTTPConnection(worker.address) as kept,
          HTTPConnection(worker.address) as fresh):
        assert kept.request('/').status == 200
        worker.worker._sessions.draining = True
        refused = kept.request(*upgrade)
        assert refused.status == 503
        assert refused.headers['retry-after'] == '5'
        assert kept.is_closed()
        assert fresh.request(*upgrade).status == 101


def test_without_keep_alive_every_answer_is_the_last(run, record):
    worker = run(record, setup=dataclasses.replace(SETUP,
                                                   keepalive_timeout=0))
    with HTTPConnection(worker.address) as connection:
        response = connection.request('/')
        assert response.headers['connection'] == 'close'
        assert connection.is_closed()


def test_gives_up_a_connection_that_is_not_used(run, record):
    worker = run(record, setup=dataclasses.replace(
        SETUP, keepalive_timeout=0.05, head_timeout=1.0))
    with (HTTPConnection(worker.address) as used,
          HTTPConnection(worker.address) as silent):
        used.request('/')
        assert used.is_closed()
        assert silent.is_closed()


def test_half_a_head_is_answered_at_its_deadline(run, record):
    worker = run(record, setup=dataclasses.replace(SETUP, head_timeout=1.0))
    with HTTPConnection(worker.address) as slow:
        slow.send(b'GET / HTTP/1.1\r\nHost:')
        assert slow.read_response().status == 408
        assert slow.is_closed()


@pytest.mark.parametrize(('request_line', 'status'), [
    ('POST / HTTP/1.1', 405), ('CONNECT evil.example:443 HTTP/1.1', 400),
    ('GET http://evil.example/ HTTP/1.1', 400),
    ('GET https:/evil.example HTTP/1.1', 400),
    ('GET //evil.example HTTP/1.1', 404),
    ('GET ///evil.example/%2F.. HTTP/1.1', 404),
    ('GET /\\evil.example HTTP/1.1', 404), ('nonsense', 400)])
def test_nothing_is_ever_a_redirect(worker, request_line, status):
    with HTTPConnection(worker.address) as connection:
        connection.send(f'{request_line}\r\nHost: evil.example\r\n'
                        '\r\n'.encode())
        response = connection.read_response()
        assert response.status == status
        assert 'location' not in response.headers
        assert connection.is_closed()


def test_an_upgrade_with_a_body_is_refused(worker, record):
    for body in ('Content-Length: 5', 'Transfer-Encoding: chunked'):
        with pytest.raises(Refused) as caught:
            worker.open(record, body)
        assert caught.value.response.status == 400


# -- the console --------------------------------------------------------------

def test_the_browser_gets_the_server_init_of_the_endpoint(worker, record):
    with worker.open(record) as browser:
        assert browser.shake_hands() == pack_server_init(
            800, 600, b'simulator')


@pytest.mark.parametrize('banner', [
    b'RFB 003.003\n', b'RFB 003.007\n', b'RFB 003.008\n'])
def test_takes_viewers_of_any_version(worker, record, banner):
    with worker.open(record) as browser:
        browser.shake_hands(banner)
        browser.send(b'echo')
        assert browser.read(4) == b'echo'


def test_takes_all_that_a_viewer_says_ahead(worker, record):
    ahead = b'RFB 003.008\n' + b'\x01\x01' + b'echo'
    request = masked(BINARY, ahead[:5]) + masked(BINARY, ahead[5:])
    with worker.open(record, early=request) as browser:
        assert browser.read(12) == b'RFB 003.008\n'
        assert browser.read(2 + 4) == b'\x01\x01' + bytes(4)
        init = pack_server_init(800, 600, b'simulator')
        assert browser.read(len(init)) == init
        assert browser.read(4) == b'echo'


def test_pixels_that_come_with_server_init_are_not_lost(run, server):
    server.behaviour = says(
        b'RFB 003.008\n', b'\x01\x01', bytes(4),
        pack_server_init(800, 600, b'x') + b'pixels')
    record = node_record(server.port)
    with run(record).open(record) as browser:
        browser.shake_hands()
        assert browser.read(6) == b'pixels'


def test_the_endpoint_is_asked_before_the_browser_is(run, server):
    record = node_record(server.port)
    with run(record).open(record) as browser:
        # The browser has not said a word yet.
        assert server.peer().wait_received(14) == (
            b'RFB 003.008\n' + b'\x01\x01')
        browser.shake_hands()


def test_logs_one_line_at_the_beginning_and_one_at_the_end(worker, record,
                                                           caplog):
    caplog.set_level(logging.INFO)
    with worker.open(record) as browser:
        browser.shake_hands()
        browser.send(b'echo')
        browser.read(4)
        browser.close_politely()
    wait_until(lambda: not worker.sessions(), 'it has ended')
    opened, closed = lines(caplog, logging.INFO)
    assert f'node {NODE} opened for 127.0.0.1:' in opened
    assert f'at {record.endpoint().address}' in opened
    assert f'node {NODE} closed for 127.0.0.1:' in closed
    assert '4 bytes in, 4 bytes out: browser closed' in closed
    assert opened[:8] == closed[:8]


# -- read-only ----------------------------------------------------------------

KEY = bytes.fromhex('04 01 0000 00000061')
LOOK = bytes.fromhex('03 00 0000 0000 0320 0258')


@pytest.mark.parametrize('who', ['ticket', 'endpoint', 'operator'])
def test_who_may_only_look_does_only_that(run, endpoint, caplog, who):
    caplog.set_level(logging.INFO)
    record = node_record(endpoint.port, endpoint={
        'read_only': who == 'endpoint'})
    worker = run(record, read_only=who == 'operator')
    with worker.open(record, read_only=who == 'ticket') as browser:
        browser.shake_hands()
        browser.send(KEY + LOOK + KEY)
        browser.send(KEY + LOOK)
        assert browser.read(20) == LOOK * 2
        browser.close_politely()
    wait_until(lambda: not worker.sessions(), 'it has ended')
    opened, closed = lines(caplog, logging.INFO)
    assert opened.endswith(', read-only')
    assert '20 bytes in, 20 bytes out' in closed


def test_what_a_viewer_says_ahead_is_filtered_too(worker, record):
    ahead = b'RFB 003.008\n' + b'\x01\x01' + KEY + LOOK
    with worker.open(record, early=masked(BINARY, ahead),
                     read_only=True) as browser:
        browser.read(12 + 2 + 4 + len(pack_server_init(
            800, 600, b'simulator')))
        assert browser.read(10) == LOOK


def test_a_message_that_nobody_knows_ends_a_read_only_session(
        run, server, caplog):
    record = node_record(server.port)
    worker = run(record)
    with worker.open(record, read_only=True) as browser:
        browser.shake_hands()
        browser.send(b'\x77' + KEY)
        assert browser.wait_closed() == (
            1002, 'The viewer sent what is not valid RFB.')
    assert server.peer().wait_ended() == 'closed by peer'
    assert bytes(server.peer().received) == b'RFB 003.008\n\x01\x01'


def test_a_message_that_nobody_knows_said_ahead_costs_no_descriptor(
        run, server, caplog):
    record = node_record(server.port)
    worker = run(record)
    before = Holdings.now()
    ahead = b'RFB 003.008\n' + b'\x01\x01' + b'\x77'
    with worker.open(record, early=masked(BINARY, ahead),
                     read_only=True) as browser:
        assert browser.wait_closed()[0] == 1002
    assert server.peer().wait_ended() == 'closed by peer'
    assert worker.sessions() == 0
    assert len(lines(caplog, logging.WARNING)) == 1
    before.wait_for_return()


def test_keys_that_are_down_at_the_end_are_released(run, server):
    record = node_record(server.port)
    with run(record).open(record) as browser:
        browser.shake_hands()
        browser.send(KEY)
        server.peer().wait_received(14 + 8)
        browser.close_politely()
    server.peer().wait_ended()
    assert bytes(server.peer().received[14:]) == (
        KEY + bytes.fromhex('04 00 0000 00000061'))


def test_sessions_end_when_consoles_become_read_only(run, record, tmp_path):
    worker = run(record)
    with (worker.open(record) as typist,
          worker.open(record, read_only=True) as watcher):
        typist.shake_hands()
        watcher.shake_hands()
        worker.reload(make_settings(tmp_path, read_only=True))
        code, text = typist.wait_closed()
        assert code == 1013
        assert 'read-only from now on' in text
        watcher.send(LOOK)
        assert watcher.read(10) == LOOK


def test_a_console_that_was_set_up_anew_can_be_opened_again(
        run, server, endpoint):
    record = node_record(server.port)
    worker = run(record)
    with worker.open(record) as browser:
        browser.shake_hands()
        worker.store.records[NODE] = node_record(endpoint.port)
        code, text = browser.wait_closed()
    assert code == 1013
    assert text.endswith('Connect again.')
    with worker.open(record) as browser:
        browser.shake_hands()


# -- authentication -----------------------------------------------------------

def test_a_browser_needs_no_password_where_the_endpoint_wants_one(
        run, server, caplog):
    caplog.set_level(logging.DEBUG)
    server.behaviour = says(
        b'RFB 003.008\n', b'\x01\x02', bytes(16), bytes(4),
        pack_server_init(800, 600, b'x'))
    record = node_record(server.port, endpoint={'security_types': []},
                         credential={'password': 'pa55word'})
    with run(record).open(record) as browser:
        browser.shake_hands()
    assert 'VNC_AUTH (2)' in caplog.text
    assert 'pa55word' not in caplog.text


def test_without_a_credential_nothing_is_taken_for_granted(
        run, server, caplog):
    record = node_record(server.port, endpoint={'security_types': []})
    with run(record).open(record) as browser:
        assert 'not set up correctly' in browser.read_refusal()
        assert browser.wait_closed()[0] == 1011
    assert not server.peers
    [line] = lines(caplog, logging.WARNING)
    assert 'names no security type' in line


def test_a_credential_that_cannot_be_read_is_not_dialled_with(
        run, server, caplog):
    record = node_record(server.port, credential={'password': 5})
    with run(record).open(record) as browser:
        assert 'not set up correctly' in browser.read_refusal()
    assert not server.peers


# -- failures -----------------------------------------------------------------

@pytest.mark.parametrize('banner', [
    b'RFB 003.003\n', b'RFB 003.007\n', b'RFB 003.008\n'])
def test_a_viewer_learns_twice_why_there_is_no_picture(run, caplog, banner):
    with refused_port() as (_host, port):
        record = node_record(port)
        worker = run(record)
        with worker.open(record) as browser:
            with pytest.raises(RefusedInside) as caught:
                browser.shake_hands(banner)
            code, text = browser.wait_closed()
    assert code == 4503
    assert str(caught.value).startswith(
        "The server's console refused the connection or cannot be reached.")
    assert str(caught.value).startswith(text)
    [line] = lines(caplog, logging.WARNING)
    assert f'node {NODE} could not be opened' in line
    assert f'127.0.0.1:{port}' in line
    # So that a user can tell the operator which line it is.
    assert str(caught.value).endswith(f'({line[:8]})')
    assert worker.sessions() == 0


def test_a_record_that_names_no_endpoint_is_told_apart_in_the_log_only(
        run, caplog):
    record = dataclasses.replace(node_record(), info={
        'console_endpoint': {'host': 'h', 'port': 1, 'colour': 'red'}})
    with run(record).open(record) as browser:
        assert 'colour' not in browser.read_refusal()
        assert browser.wait_closed()[0] == 1011
    [line] = lines(caplog, logging.WARNING)
    assert 'colour' in line


def test_an_address_that_policy_forbids_is_never_dialled(run, server):
    record = node_record(server.port)
    with run(record, networks=()).open(record) as browser:
        assert 'not allowed' in browser.read_refusal()
        assert browser.wait_closed()[0] == 4502
    assert not server.peers


def test_asks_a_silent_endpoint_what_it_is(run, server, monkeypatch):
    monkeypatch.setattr(dialer, '_PROBE_TIMEOUT', 0.1)
    server.behaviour = silent()
    record = node_record(server.port)
    worker = run(record, setup=dataclasses.replace(SETUP,
                                                   handshake_timeout=0.1))
    with worker.open(record) as browser:
        assert 'did not answer in time' in browser.read_refusal()
        assert browser.wait_closed()[0] == 4504
    assert server.peer().wait_ended()


def test_a_viewer_that_is_none_is_told_so_and_costs_no_endpoint(
        run, server, caplog):
    record = node_record(server.port)
    with run(record).open(record) as browser:
        browser.send(b'GET / HTTP/1.1\r\n')
        assert browser.wait_closed() == (
            1002, 'The viewer sent what is not valid RFB.')
    assert server.peer().wait_ended() == 'closed by peer'
    assert len(lines(caplog, logging.WARNING)) == 1


def test_a_viewer_that_says_nothing_is_given_up(run, server):
    record = node_record(server.port)
    worker = run(record, setup=dataclasses.replace(
        SETUP, browser_handshake_timeout=0.1))
    with worker.open(record) as browser:
        assert browser.wait_closed() == (
            1008, 'The viewer did not answer in time.')
    assert server.peer().wait_ended() == 'closed by peer'
    wait_until(lambda: not worker.sessions(), 'no session is left')


def test_a_browser_that_goes_during_set_up_leaves_nothing(run, server):
    record = node_record(server.port)
    worker = run(record)
    before = Holdings.now()
    for size in (0, 12, 13):
        with worker.open(record) as browser:
            ahead = (b'RFB 003.008\n' + b'\x01')[:size]
            if ahead:
                browser.send(ahead)
            browser.http.reset()
    wait_until(lambda: not worker.sessions(), 'no session is left')
    for peer in server.peers:
        assert peer.wait_ended()
    before.wait_for_return()


def test_a_right_that_ends_during_set_up_ends_the_session(run, server):
    greeted = threading.Event()

    def slow(peer):
        greeted.wait(10)
        good()(peer)

    server.behaviour = slow
    record = node_record(server.port)
    worker = run(record, setup=dataclasses.replace(SETUP,
                                                   handshake_timeout=10))
    with worker.open(record) as browser:
        peer = server.peer()
        del worker.store.records[NODE]
        # Not when the endpoint has answered: at once.
        assert browser.read_refusal().startswith(
            'The console of this node was switched off.')
        assert browser.wait_closed()[0] == 1008
        assert not worker.sessions()
        greeted.set()
        assert peer.wait_ended()


PATIENT = dataclasses.replace(SETUP, handshake_timeout=300)


@pytest.fixture
def slow(run, server):
    """A worker, and a node that is for one at a time and silent."""
    server.behaviour = silent()
    record = node_record(server.port, endpoint={'sharing': 'refuse'})
    return run(record, setup=PATIENT), record


@pytest.mark.parametrize('leave', [
    lambda browser: browser.http.close(),
    lambda browser: browser.http.reset(),
    lambda browser: browser.send_frame(CLOSE, b'\x03\xe9'),
    lambda browser: (browser.send(b'RFB 003.008\n'), browser.http.close()),
], ids=['end', 'reset', 'close frame', 'end after early bytes'])
def test_who_leaves_while_a_bmc_is_slow_makes_room_at_once(
        slow, server, leave, caplog):
    caplog.set_level(logging.INFO)
    worker, record = slow
    browser = worker.open(record)
    peer = server.peer()
    with pytest.raises(Refused):
        worker.open(record)
    leave(browser)
    assert peer.wait_ended()
    wait_until(lambda: not worker.sessions(), 'there is room again')
    server.behaviour = good()
    with worker.open(record) as second:
        second.shake_hands()
    browser.http.close()
    assert not lines(caplog, logging.WARNING)
    assert 'wait for the endpoint' in caplog.text


def test_who_says_goodbye_while_a_bmc_is_slow_is_answered(run, server):
    server.behaviour = silent()
    record = node_record(server.port)
    worker = run(record, setup=dataclasses.replace(
        PATIENT, browser_handshake_timeout=300))
    with worker.open(record) as browser:
        server.peer()
        browser.send_frame(CLOSE, b'\x03\xe9')
        assert browser.wait_closed()[0] == 1001


def test_who_leaves_through_tls_makes_room_too(run, server, tmp_path):
    server.behaviour = silent()
    authority = Authority()
    files = authority.issue('localhost').save(tmp_path)
    record = node_record(server.port)
    worker = run(record, setup=PATIENT,
                 tls=ServerTls(files.cert_file, files.key_file))
    browser = worker.open(record, context=authority.client_context())
    peer = server.peer()
    browser.http.close()
    assert peer.wait_ended()
    wait_until(lambda: not worker.sessions(), 'there is room again')


def test_an_operator_ends_what_is_being_connected(slow, server):
    worker, record = slow
    with worker.open(record) as browser:
        peer = server.peer()
        assert worker.worker._sessions.close(
            NODE, close_reasons.by_operator('Maintenance.')) == 1
        assert browser.read_refusal().startswith('Maintenance. (')
        assert browser.wait_closed() == (1008, 'Maintenance.')
        assert peer.wait_ended()
        assert not worker.sessions()


@pytest.mark.parametrize('encrypted', [False, True])
def test_an_operator_ends_what_waits_for_the_browser(run, server, tmp_path,
                                                     encrypted):
    authority = Authority()
    files = authority.issue('localhost').save(tmp_path)
    record = node_record(server.port)
    worker = run(record, setup=dataclasses.replace(
        SETUP, browser_handshake_timeout=300), **({
            'tls': ServerTls(files.cert_file, files.key_file)}
            if encrypted else {}))
    before = Holdings.now()
    with worker.open(record, **({'context': authority.client_context()}
                                if encrypted else {})) as browser:
        assert browser.read(12) == b'RFB 003.008\n'
        worker.worker._sessions.close(NODE, close_reasons.KICKED)
        assert browser.wait_closed() == (
            1008, 'An operator closed this session.')
    assert server.peer().wait_ended() == 'closed by peer'
    wait_until(lambda: not worker.sessions(), 'it has ended')
    before.wait_for_return()


@pytest.mark.parametrize('step', ['add', 'established'])
def test_an_operator_ends_what_has_just_been_connected(run, server, step,
                                                       monkeypatch):
    """Whatever the moment, the browser hears why."""
    record = node_record(server.port)
    worker = run(record)
    sessions = worker.worker._sessions
    owner = {'add': Relay, 'established': SessionRegistry}[step]
    real = getattr(owner, step)

    def just_before(*args):
        sessions.close(NODE, close_reasons.KICKED)
        return real(*args)

    monkeypatch.setattr(owner, step, just_before)
    with worker.open(record) as browser:
        browser.shake_hands()
        assert browser.wait_closed() == (
            1008, 'An operator closed this session.')
    assert server.peer().wait_ended() == 'closed by peer'


def test_one_connection_at_a_time_reaches_a_bmc_that_is_taken_over(
        run, server):
    server.behaviour = silent()
    record = node_record(server.port, endpoint={'sharing': 'takeover'})
    worker = run(record, setup=PATIENT)
    with worker.open(record) as first:
        peer = server.peer()
        server.behaviour = good()
        with Browser(worker.address, path_to(NODE, ticket_for(record))
                     + '&takeover=1') as second:
            # Gone before the other is let in.
            assert peer.end
            second.shake_hands()
            assert first.read_refusal().startswith('Somebody else took over')
            assert first.wait_closed()[0] == 4409


def test_what_is_said_while_a_bmc_is_slow_is_not_lost(run, server):
    said = threading.Event()

    def slow(peer):
        said.wait(10)
        echo_server()(peer)

    server.behaviour = slow
    record = node_record(server.port)
    worker = run(record, setup=PATIENT)
    with worker.open(record) as browser:
        server.peer()
        browser.send(b'RFB 003.0')
        browser.send(b'08\n\x01\x01echo')
        guests = worker.worker._sessions.lobby._guests
        wait_until(lambda: [len(guest.said) for guest in guests] == [18],
                   'it has been heard')
        said.set()
        init = pack_server_init(800, 600, b'simulator')
        browser.read(12 + 2 + 4 + len(init))
        assert browser.read(4) == b'echo'


def test_a_tunnel_that_is_left_while_a_bmc_is_slow_makes_room(slow, server):
    worker, record = slow
    target = path_to(NODE, ticket_for(record)).replace('websockify',
                                                       'console')
    with HTTPConnection(worker.address) as connection:
        connection.send(f'CONNECT {target} HTTP/1.1\r\nHost: a\r\n\r\n'
                        .encode())
        peer = server.peer()
    assert peer.wait_ended()
    wait_until(lambda: not worker.sessions(), 'there is room again')


def test_a_tunnel_that_has_to_end_while_a_bmc_is_slow_is_told_so(slow,
                                                                server):
    worker, record = slow
    target = path_to(NODE, ticket_for(record)).replace('websockify',
                                                       'console')
    with HTTPConnection(worker.address) as connection:
        connection.send(f'CONNECT {target} HTTP/1.1\r\nHost: a\r\n\r\n'
                        .encode())
        server.peer()
        worker.worker._sessions.close(NODE, close_reasons.KICKED)
        answer = connection.read_response()
        assert answer.status == 503
        assert b'An operator closed this session.' in answer.body


def test_who_reads_no_answer_keeps_nobody_out(run, server):
    record = node_record(server.port)
    worker = run(record, setup=dataclasses.replace(
        SETUP, max_setups=4, head_timeout=300))
    answering = worker.worker._server
    answering.services = dataclasses.replace(
        answering.services,
        site=lambda request: http.Answer(200, bytes(32 << 20)))
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            one = stack.enter_context(HTTPConnection(
                worker.address, receive_buffer=4096))
            one.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
            assert one.sock.recv(12) == b'HTTP/1.1 200'
        with worker.open(record) as browser:
            browser.shake_hands()
        # A console that is being opened has to make room for nobody.
        server.behaviour = silent()
        with worker.open(record) as browser:
            peer = server.peer(1)
            for _ in range(8):
                one = stack.enter_context(HTTPConnection(worker.address))
                one.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
                assert one.sock.recv(12) == b'HTTP/1.1 200'
            assert not peer.end


def test_head_is_answered_whatever_is_asked(worker, record):
    for target, status in (
            ('/websockify', 403), (path_to(NODE, 'bad'), 403),
            (path_to(NODE, ticket_for(record)), 200), ('/healthz', 200),
            ('/', 200), ('/missing', 404)):
        answer = http_get(worker.address, target, method='HEAD')
        assert answer.status == status
        assert int(answer.headers['content-length']) > 0


def test_an_offer_to_speak_http_2_is_no_reason_to_refuse(worker):
    offer = ('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c',
             'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA')
    with HTTPConnection(worker.address) as connection:
        for path in ('/healthz', '/'):
            assert connection.request(path, *offer).status == 200


def test_a_right_that_ends_later_ends_the_session(worker, record):
    with worker.open(record) as browser:
        browser.shake_hands()
        worker.store.records[NODE] = dataclasses.replace(record,
                                                         enabled=False)
        assert browser.wait_closed() == (
            1008, 'The console of this node was switched off.')


def test_an_endpoint_that_ends_later_ends_the_session(run, server):
    server.behaviour = cut(good(), 12 + 2 + 4 + 24 + len('simulator'))
    record = node_record(server.port)
    with run(record).open(record) as browser:
        browser.shake_hands()
        assert browser.wait_closed()[0] == 4502


def test_limits_of_the_relay_are_in_force(run, record):
    worker = run(record, relay=RelayLimits(max_session_length=0.1))
    with worker.open(record) as browser:
        browser.shake_hands()
        assert browser.wait_closed()[0] == 1008


def test_a_bug_leaves_one_traceback_and_no_descriptors(
        worker, record, endpoint, monkeypatch, caplog):
    before = Holdings.now()

    def fail(*args, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(Link, '__init__', fail)
    with worker.open(record) as browser:
        browser.shake_hands()
        assert browser.read_to_end() == b''
    assert endpoint.peers[-1].wait_ended() == 'closed by peer'
    assert caplog.text.count('Traceback') == 1
    assert worker.sessions() == 0
    before.wait_for_return()


# -- CONNECT ------------------------------------------------------------------

def tunnel(worker, record, **options):
    ticket = ticket_for(record, **options)
    return Tunnel(worker.address, record.uuid, ticket)


def test_connect_goes_on_as_plain_rfb(worker, record):
    with tunnel(worker, record) as viewer:
        assert viewer.head == b'HTTP/1.1 200 OK\r\n\r\n'
        viewer.greet().choose_none().enter()
        assert viewer.types == (1,)
        assert (viewer.width, viewer.name) == (800, b'simulator')
        viewer.send(b'\x04\x01\0\0\0\0\0x')
        assert viewer.read(8) == b'\x04\x01\0\0\0\0\0x'
        assert worker.sessions() == 1
    wait_until(lambda: not worker.sessions(), 'the end')


def test_who_may_only_look_does_so_behind_connect_too(worker, record):
    request = b'\x03\0\0\0\0\0\0\1\0\1'
    with tunnel(worker, record, read_only=True) as viewer:
        viewer.greet().choose_none().enter()
        viewer.send(b'\x04\x01\0\0\0\0\0x' + request)
        assert viewer.read(10) == request


@pytest.mark.parametrize(('target', 'headers', 'status'), [
    (f'/console?node={NODE}&token=bad', (), 403),
    (f'/console?node={NODE}', (), 403), ('/console', (), 403),
    (f'/websockify?node={NODE}&token=bad', (), 400), ('/', (), 400),
    ('192.0.2.1:5900', (), 400), ('console.example.org:6090', (), 400),
    (f'/console?node={NODE}&token=bad', ('Content-Length: 3',), 400)])
def test_connect_leads_nowhere_else(worker, endpoint, target, headers,
                                    status):
    before = len(endpoint.peers)
    with Tunnel(worker.address, target=target, headers=headers) as viewer:
        assert viewer.status == status
    assert len(endpoint.peers) == before


def test_connect_from_the_page_of_another_site_is_refused(worker, record):
    target = '/console?' + path_to(NODE, ticket_for(record)).partition(
        '?')[2]
    with Tunnel(worker.address, target=target,
                headers=('Origin: https://evil.example',)) as viewer:
        assert viewer.status == 403


def test_connect_counts_for_the_limits(run, record):
    worker = run(record, sessions=SessionPolicy(max_sessions=1))
    with tunnel(worker, record) as viewer:
        viewer.greet().choose_none().enter()
        with tunnel(worker, record) as other:
            assert other.status == 503
    wait_until(lambda: not worker.sessions(), 'the end')


def test_connect_says_in_http_why_there_is_no_console(run):
    with refused_port() as (_, port):
        record = node_record(port)
        worker = run(record)
        viewer = tunnel(worker, record)
    with viewer:
        assert viewer.status == 502
        body = viewer.read(len(b'{"status": "refused"'))
        assert body == b'{"status": "refused"'
    wait_until(lambda: not worker.sessions(), 'the end')


def test_who_speaks_before_the_tunnel_is_open_is_refused(worker, record):
    target = '/console?' + path_to(NODE, ticket_for(record)).partition(
        '?')[2]
    with Tunnel(worker.address, target=target, early=b'RFB 003.008\n',
                ) as viewer:
        assert viewer.status == 400
    assert not worker.sessions()


def test_a_tunnel_that_is_left_leaves_nothing(worker, record):
    with tunnel(worker, record) as viewer:
        viewer.unit(12)
    wait_until(lambda: not worker.sessions(), 'the end')


def test_no_ticket_of_a_tunnel_stands_in_the_log(worker, record, caplog):
    ticket = ticket_for(record)
    with caplog.at_level('DEBUG'):
        with Tunnel(worker.address, NODE, ticket) as viewer:
            viewer.greet().choose_none().enter()
        wait_until(lambda: 'closed for' in caplog.text, 'the audit line')
    assert ticket not in caplog.text


def test_the_verdict_names_the_port_for_viewers(tmp_path, record):
    certificate = Authority().issue().save(tmp_path)
    settings = dataclasses.replace(
        make_settings(tmp_path), viewers=ListenAddress(
            '127.0.0.1', 5901, ServerTls(certificate.cert_file,
                                         certificate.key_file)))
    with RunningWorker(settings, record) as worker:
        response = http_get(worker.address, path_to(
            NODE, ticket_for(record)))
        assert json.loads(response.body)['viewer_port'] == 5901
