# SPDX-License-Identifier: Apache-2.0
"""HTTP with BMCs that keep to no rules, over real sockets."""

import gzip
import json
import pathlib
import re
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import pytest
import requests

from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.secret import Secret
from ironic_console.drivers.bmc_transport import (
    AnswerTooLong,
    BmcAdapter,
    Detour,
    NotJson,
    QuotesSecret,
    TooLate,
    Unreadable,
    Veil,
)

Speak = Callable[[socket.socket], None]
GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'


class Wire:
    """A BMC in a few bytes: it reads a request, and answers.

    :ivar heard: what came, with the bodies.
    """

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.speak: Speak = lambda sock: sock.sendall(GOOD)
        self.stopping = threading.Event()
        self._server = socket.create_server(('127.0.0.1', 0))
        self.url = f'http://127.0.0.1:{self._server.getsockname()[1]}'
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._server.close()

    def _run(self) -> None:
        while True:
            try:
                sock = self._server.accept()[0]
            except OSError:
                return
            with sock:
                sock.settimeout(10)
                self.heard.append(_read_request(sock))
                try:
                    self.speak(sock)
                except OSError:
                    continue


def _read_request(sock: socket.socket) -> bytes:
    """Head and body may come apart."""
    data = b''
    length = re.compile(rb'content-length: *([0-9]+)', re.IGNORECASE)
    while True:
        head, end, body = data.partition(b'\r\n\r\n')
        found = length.search(head)
        if end and len(body) >= (int(found[1]) if found else 0):
            return data
        piece = sock.recv(65536)
        if not piece:
            return data
        data += piece


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.stop()


@pytest.fixture
def veil() -> Veil:
    return Veil()


def ask(wire: Wire, veil: Veil, seconds: float = 20, method: str = 'GET',
        path: str = '/', **more: object) -> requests.Response:
    with requests.Session() as session:
        session.mount('http://', BmcAdapter(
            wire.url, Deadline(Clock(), seconds, 'bmc_timeout'), veil))
        answer: requests.Response = session.request(
            method, wire.url + path, **more)  # type: ignore[arg-type]
        return answer


def says(text: bytes) -> Speak:
    return lambda sock: sock.sendall(text)


def drips(wire: Wire, head: bytes, byte: bytes) -> Speak:
    def speak(sock: socket.socket) -> None:
        sock.sendall(head)
        while not wire.stopping.wait(0.05):
            sock.sendall(byte)
    return speak


@pytest.mark.parametrize(('head', 'byte'), [
    (b'', b'H'), (b'HTTP/1.1 200 OK\r\n', b'x'),
    (b'HTTP/1.1 200 OK\r\nX: ', b'y'),
    (b'', b'HTTP/1.1 100 Continue\r\n\r\n'),
    (b'HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n', b' '),
    (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', b'1\r\n \r\n'),
], ids=['status', 'header', 'value', 'continue', 'body', 'chunks'])
def test_answers_byte_by_byte_are_not_waited_for(
        wire: Wire, veil: Veil, head: bytes, byte: bytes) -> None:
    wire.speak = drips(wire, head, byte)
    began = time.monotonic()
    with pytest.raises(requests.exceptions.RequestException):
        ask(wire, veil, 0.7)
    assert time.monotonic() - began < 10


def test_silence_is_not_waited_for(wire: Wire, veil: Veil) -> None:
    wire.speak = lambda sock: bool(wire.stopping.wait(10)) and None
    with pytest.raises(requests.exceptions.ReadTimeout):
        ask(wire, veil, 0.3)


# -- packed answers -----------------------------------------------------------

def packed(body: bytes, how: bytes = b'gzip') -> bytes:
    return (b'HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\n'
            b'Content-Length: %d\r\n\r\n' % (how, len(body)) + body)


def bomb(layers: int, unpacked: int = 512 * 1024 * 1024) -> bytes:
    """Zeros by the million, packed, and packed again."""
    body = bytes(1024 * 1024)
    packers = [zlib.compressobj(9, zlib.DEFLATED, 31) for _ in range(layers)]
    found = b''
    for _ in range(unpacked // len(body)):
        piece = body
        for packer in packers:
            piece = packer.compress(piece)
        found += piece
    for number, packer in enumerate(packers):
        piece = packer.flush()
        for outer in packers[number + 1:]:
            piece = outer.compress(piece)
        found += piece
    return found


def test_bmcs_may_pack_their_answers_and_some_always_do(
        wire: Wire, veil: Veil) -> None:
    for how in (b'gzip', b'GZip', b'x-gzip'):
        wire.speak = says(packed(gzip.compress(b'{"a": "b"}'), how))
        answer = ask(wire, veil)
        assert answer.json() == {'a': 'b'}
        assert 'Content-Encoding' not in answer.headers
    for heard in wire.heard:
        assert b'Accept-Encoding: gzip\r\n' in heard
    wire.speak = says(packed(b'{}', b'identity'))
    assert ask(wire, veil).json() == {}


@pytest.mark.parametrize(('layers', 'how', 'error'), [
    (1, b'gzip', AnswerTooLong), (2, b'gzip, gzip', Unreadable),
    (1, b'gzip,', Unreadable), (2, b'gzip\r\nContent-Encoding: gzip',
                               Unreadable)])
def test_a_packed_answer_costs_no_more_than_another(
        wire: Wire, veil: Veil, layers: int, how: bytes,
        error: type[Exception]) -> None:
    wire.speak = says(packed(bomb(layers), how))
    tracemalloc.start()
    try:
        with pytest.raises(error):
            ask(wire, veil, 60)
        assert tracemalloc.get_traced_memory()[1] < 40 * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize('answer', [
    packed(b'{}'), packed(gzip.compress(b'{}')[:-6]),
    packed(zlib.compress(b'{}')), packed(zlib.compress(b'{}'), b'deflate'),
    packed(b'{}', b'br'), packed(b'{}', b'zstd')])
def test_what_cannot_be_unpacked_is_told(
        wire: Wire, veil: Veil, answer: bytes) -> None:
    wire.speak = says(answer)
    with pytest.raises(Unreadable, match='gzip'):
        ask(wire, veil)


def resolver(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], list[str]],
             ) -> None:
    """Let names of the test have the addresses that ``answer`` gives."""
    real = socket.getaddrinfo

    def lookup(host: str, port: int, *args: object, **more: object,
               ) -> list[object]:
        if not host.endswith('.example'):
            return real(host, port, *args, **more)  # type: ignore
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, '', (text, port))
                for text in answer()]

    monkeypatch.setattr(socket, 'getaddrinfo', lookup)


def test_resolver_that_does_not_answer_is_not_waited_for(
        wire: Wire, veil: Veil, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    resolver(monkeypatch, lambda: [str(over.wait(60))])
    wire.url = wire.url.replace('127.0.0.1', 'bmc.example')
    begun = time.monotonic()
    with pytest.raises(requests.ConnectTimeout, match='not resolved'):
        ask(wire, veil, 0.3)
    assert time.monotonic() - begun < 20
    over.set()


def test_all_addresses_of_a_name_are_tried(
        wire: Wire, veil: Veil, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens at the first of them.
    resolver(monkeypatch, lambda: ['127.0.0.2', '127.0.0.1'])
    wire.url = wire.url.replace('127.0.0.1', 'bmc.example')
    assert ask(wire, veil).status_code == 200
    # Who answers by name is asked by name.
    assert b'Host: bmc.example' in wire.heard[0]


@pytest.mark.parametrize('failure', [
    socket.gaierror(socket.EAI_NONAME, 'not known'),
    UnicodeError('not known: label too long')])
def test_a_name_that_nobody_knows_is_an_error(
        wire: Wire, veil: Veil, monkeypatch: pytest.MonkeyPatch,
        failure: Exception) -> None:
    def unknown() -> list[str]:
        raise failure

    resolver(monkeypatch, unknown)
    wire.url = wire.url.replace('127.0.0.1', 'bmc.example')
    with pytest.raises(requests.ConnectionError, match='not known'):
        ask(wire, veil)


def test_nothing_is_asked_after_the_deadline(wire: Wire, veil: Veil) -> None:
    with pytest.raises(TooLate):
        ask(wire, veil, 0)
    assert wire.heard == []


def test_answer_without_end_is_given_up(wire: Wire, veil: Veil) -> None:
    def speak(sock: socket.socket) -> None:
        sock.sendall(b'HTTP/1.1 200 OK\r\n\r\n')
        while not wire.stopping.is_set():
            sock.sendall(bytes(65536))
    wire.speak = speak
    with pytest.raises(AnswerTooLong):
        ask(wire, veil)


@pytest.mark.parametrize('status', [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(
        wire: Wire, veil: Veil, status: int) -> None:
    wire.speak = says(f'HTTP/1.1 {status} X\r\nLocation: {wire.url}/y\r\n'
                      'Content-Length: 0\r\n\r\n'.encode())
    with pytest.raises(Detour):
        ask(wire, veil)
    assert len(wire.heard) == 1


@pytest.mark.parametrize('body', [
    b'<html>', b'{', b'[' * 100_000, b'\xff', b'9' * 5000])
def test_only_json_is_an_answer(wire: Wire, veil: Veil, body: bytes) -> None:
    wire.speak = says(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b'
                      % (len(body), body))
    with pytest.raises(NotJson):
        ask(wire, veil)


def test_cookies_are_not_kept(wire: Wire, veil: Veil) -> None:
    wire.speak = says(GOOD.replace(b'\r\n\r\n',
                                   b'\r\nSet-Cookie: a=b\r\n\r\n'))
    assert not ask(wire, veil).cookies


# -- secrets ------------------------------------------------------------------

def test_secret_is_on_the_wire_and_nowhere_else(
        wire: Wire, veil: Veil) -> None:
    secret = Secret('p"\u00e4ss')
    stand_in = veil.cover(secret)
    answer = ask(wire, veil, method='PATCH', json={'a': stand_in})
    sent = json.loads(wire.heard[0].partition(b'\r\n\r\n')[2])
    assert sent == {'a': secret.reveal()}
    assert 'ss' not in str(answer.request.body)


@pytest.mark.parametrize('quoted', ['p"\u00e4ss', r'p\"\u00e4ss'])
def test_secret_that_is_quoted_is_hidden(
        wire: Wire, veil: Veil, quoted: str) -> None:
    veil.hide(Secret('p"\u00e4ss'))
    body = f'"{quoted}"'.encode()
    wire.speak = says(b'HTTP/1.1 400 X\r\nContent-Length: %d\r\n\r\n%b'
                      % (len(body), body))
    assert ask(wire, veil).content == b'"***"'


def test_word_that_happens_to_be_a_password_is_no_secret_in_good_answers(
        veil: Veil) -> None:
    veil.hide(Secret('5901'), chosen=True)
    assert veil.conceal(b'{"Port": 5901}', failed=False) == b'{"Port": 5901}'
    assert veil.conceal(b'no 5901', failed=True) == b'no ***'


def test_longer_secret_is_hidden_whole(veil: Veil) -> None:
    veil.hide(Secret('abcd'))
    veil.hide(Secret('abcdefgh'))
    assert veil.conceal(b'abcdefgh', failed=True) == b'***'


def test_error_does_not_quote_a_secret(wire: Wire, veil: Veil) -> None:
    veil.hide(Secret('hunter22'))
    wire.speak = says(b'NOT-HTTP hunter22\r\n\r\n')
    with pytest.raises(QuotesSecret) as caught:
        ask(wire, veil)
    assert 'hunter22' not in str(caught.value)


# -- proxies of the environment -----------------------------------------------

def test_proxy_knows_the_deadline_as_well(
        wire: Wire, veil: Veil, monkeypatch: pytest.MonkeyPatch,
        tmp_path: pathlib.Path) -> None:
    wire.speak = drips(wire, b'HTTP/1.1 200 OK\r\n', b'x')
    began = time.monotonic()
    with requests.Session() as session:
        session.mount('http://', BmcAdapter(
            'http://192.0.2.7', Deadline(Clock(), 0.7, 'x'), veil))
        with pytest.raises(requests.exceptions.RequestException):
            session.get('http://192.0.2.7/', proxies={'http': wire.url})
    assert time.monotonic() - began < 10
    assert wire.heard[0].startswith(b'GET http://192.0.2.7/ ')
