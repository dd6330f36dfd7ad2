# SPDX-License-Identifier: Apache-2.0
"""Heads in, answers out, over a real connection."""

import pytest

from ironic_console.common import errors
from ironic_console.common.channels.base import ChannelError
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.errors import BadRequest
from ironic_console.novncproxy.http import (
    MAX_HEAD_BYTES,
    Answer,
    Conversation,
    json_answer,
    refusal,
)
from tests.helpers.proxy import HTTPConnection
from tests.helpers.wires import tcp_pair

REQUEST = b'GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n'
SOON = 0.05


class Call:
    """A conversation and the client that it is held with."""

    def __init__(self):
        near, far = tcp_pair()
        self.channel = TcpChannel(near, 'client')
        self.conversation = Conversation(self.channel)
        self.client = HTTPConnection.__new__(HTTPConnection)
        self.client.sock, self.client.rest = far, b''

    def next(self, seconds=10.0):
        return self.conversation.next_request(self.deadline(seconds))

    def answer(self, answer=None, **options):
        return self.conversation.answer(answer or Answer(200, b'body'),
                                        self.deadline(), **options)

    @staticmethod
    def deadline(seconds=10.0):
        return Deadline(Clock(), seconds, 'head_timeout')

    def close(self):
        self.channel.close()
        self.client.close()


@pytest.fixture
def call():
    call = Call()
    yield call
    call.close()


def test_reads_a_head_in_any_pieces(call):
    for place in range(len(REQUEST)):
        call.client.send(REQUEST[place:place + 1])
    request = call.next()
    assert (request.method, request.target) == (b'GET', b'/x')


def test_several_requests_on_one_connection(call):
    for number in range(3):
        call.client.send(REQUEST)
        assert call.next().target == b'/x'
        assert call.answer(keep_alive=number < 2) is (number < 2)
        response = call.client.read_response()
        assert response.body == b'body'
        assert ('connection' in response.headers) is (number == 2)


def test_requests_that_came_together_are_answered_in_turn(call):
    call.client.send(REQUEST + REQUEST.replace(b'/x', b'/y'))
    assert call.next().target == b'/x'
    assert call.answer(keep_alive=True)
    assert call.next().target == b'/y'


def test_a_client_that_wants_to_close_gets_its_way(call):
    call.client.send(REQUEST.replace(b'\r\n\r\n',
                                     b'\r\nConnection: close\r\n\r\n'))
    call.next()
    assert not call.answer(keep_alive=True)


@pytest.mark.parametrize('answer', [
    Answer(200, b'body'), refusal(errors.TokenExpired('x')),
    refusal(BadRequest('x', 404))], ids=['page', 'refusal', 'bad request'])
def test_head_gets_no_body(call, answer):
    call.client.send(REQUEST.replace(b'GET', b'HEAD'))
    call.next()
    assert call.answer(answer, keep_alive=True)
    response = call.client.read_response(head_only=True)
    assert response.headers['content-length'] == str(len(answer.body))
    call.client.send(REQUEST)
    call.next()
    call.answer()
    assert call.client.read_response().body == b'body'


def test_an_offer_of_another_protocol_is_no_end(call):
    for _ in range(2):
        call.client.send(REQUEST.replace(
            b'\r\n\r\n', b'\r\nConnection: Upgrade, HTTP2-Settings\r\n'
            b'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n'))
        assert call.next().target == b'/x'
        assert call.answer(keep_alive=True)
        assert call.client.read_response().body == b'body'


def test_every_answer_says_what_it_is(call):
    call.client.send(REQUEST)
    call.next()
    call.answer(json_answer(200, {'a': 'b'}))
    headers = call.client.read_response().headers
    assert headers['content-type'] == 'application/json'
    assert headers['x-content-type-options'] == 'nosniff'
    assert headers['cache-control'] == 'no-store'


def test_a_copy_that_is_current_is_told_its_length_only(call):
    call.client.send(REQUEST)
    call.next()
    assert call.answer(Answer(304, b'body'), keep_alive=True)
    response = call.client.read_response()
    assert (response.status, response.body) == (304, b'')
    # RFC 9110 §8.6: that of the body it stands for, or none.
    assert response.headers['content-length'] == '4'
    assert call.client.rest == b''


def test_what_came_behind_an_upgrade_is_kept(call):
    call.client.send(REQUEST.replace(
        b'\r\n\r\n', b'\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n')
        + b'frame')
    call.next()
    assert call.conversation.trailing_data() == b'frame'


def test_a_client_that_closes_at_once_is_fine(call):
    call.client.close()
    assert call.next() is None


def test_a_client_that_says_nothing_is_given_up(call):
    assert call.next(SOON) is None


def test_a_client_that_closes_between_requests_is_fine(call):
    call.client.send(REQUEST)
    call.next()
    assert call.answer(keep_alive=True)
    call.client.read_response()
    call.client.close()
    assert call.next() is None


@pytest.mark.parametrize('size', range(1, len(REQUEST), 7))
def test_half_a_head_has_a_deadline(call, size):
    call.client.send(REQUEST[:size])
    with pytest.raises(BadRequest) as caught:
        call.next(SOON)
    assert caught.value.http_status == 408


def test_half_a_head_and_the_end_is_no_request(call):
    call.client.send(REQUEST[:10])
    call.client.close()
    with pytest.raises(BadRequest):
        call.next()


@pytest.mark.parametrize(('head', 'status'), [
    (b'RFB 003.008\n\r\n\r\n', 400),
    (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400),
    (b'GET / HTTP/1.1\r\n\r\n', 400),
    (b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400),
    (b'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n'
     b'Content-Length: 2\r\n\r\n', 400),
    (b'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n', 400),
    (b'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n', 501),
    (b'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400),
    (b'GET / HTTP/1.1\r\nHost: a\r\n\x00: b\r\n\r\n', 400),
    (b'GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n', 400),
    (b'GET / HTTP/1.1\r\nHost: a\r\nX: ' + b'x' * MAX_HEAD_BYTES, 431),
    (b'GET /' + b'x' * MAX_HEAD_BYTES, 431),
    (b'GET / HTTP/1.1\r\n' + b'A: b\r\n' * 3000, 431),
])
def test_what_is_not_http_is_refused(call, head, status):
    call.client.send(head)
    with pytest.raises(BadRequest) as caught:
        call.next()
    assert caught.value.http_status == status
    call.answer(refusal(caught.value))
    assert call.client.read_response().status == status


def test_a_ticket_in_a_broken_head_is_in_no_error(call):
    call.client.send(b'GET /websockify?token=tickettickettick HTTP/1.1 \r\n'
                     b'Host: a\r\n\r\n')
    with pytest.raises(BadRequest) as caught:
        call.next()
    assert 'ticket' not in str(caught.value)


def test_a_client_that_takes_no_answer_is_given_up(call):
    call.client.send(REQUEST)
    call.next()
    with pytest.raises(ChannelError, match='took no answer'):
        call.conversation.answer(Answer(200, bytes(64 << 20)),
                                 call.deadline(SOON))


# -- refusals -----------------------------------------------------------------

@pytest.mark.parametrize(('error', 'headers'), [
    (errors.TokenExpired('x'), {}),
    (errors.SessionLimitReached('x'), {'Retry-After': '5'}),
    (errors.NodeStoreUnavailable('x'), {'Retry-After': '5'}),
    (BadRequest('x', 405), {'Allow': 'GET, HEAD, CONNECT'}),
    (BadRequest('x', 426), {'Upgrade': 'websocket',
                            'Connection': 'Upgrade',
                            'Sec-WebSocket-Version': '13'}),
])
def test_a_refusal_says_what_helps_and_no_more(error, headers):
    answer = refusal(error)
    assert answer.status == error.http_status
    assert dict(answer.headers) == {'Cache-Control': 'no-store', **headers}
    assert answer.body == json_answer(0, {
        'status': 'refused', 'reason': error.public_reason}).body
