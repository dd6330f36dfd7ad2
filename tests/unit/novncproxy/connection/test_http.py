# SPDX-License-Identifier: Apache-2.0
"""What a connection says in HTTP, before there is a console."""

import contextlib
import dataclasses
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from ironic_console.common.errors import Unauthorized
from ironic_console.novncproxy import http
from ironic_console.novncproxy.http import refusal
from ironic_console.novncproxy.relay import RelayLimits
from ironic_console.novncproxy.sessions import SessionPolicy
from tests.helpers.proxy import (
    NODE,
    SETUP,
    Browser,
    HTTPConnection,
    Refused,
    http_get,
    make_settings,
    node_record,
    path_to,
    ticket_for,
    wait_until,
)
from tests.simulators.rfb_server import silent

FORBIDDEN = refusal(Unauthorized('')).body


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
