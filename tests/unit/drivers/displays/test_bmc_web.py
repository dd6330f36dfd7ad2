# SPDX-License-Identifier: Apache-2.0
"""HTTP with web servers that keep to no rules, over real sockets."""

import base64
import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ironic_console.common.addresses import AddressPolicy
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.secret import Secret
from ironic_console.drivers.displays.bmc_web import MAX_BODY_BYTES, BmcWeb
from ironic_console.drivers.displays.failures import (
    AddressRefused,
    BmcAway,
    BmcUntrusted,
    VisitFailed,
)
from ironic_console.drivers.displays.settings import Bmc
from ironic_console.drivers.displays.trust import Trust
from tests.helpers.certificates import Authority, Certificate, OneKindOfTls
from tests.helpers.clock import FrozenClock
from tests.helpers.scripted_site import Site, reply

PASSWORD = 'p#ss wörd/1'
BASIC = base64.b64encode(f'root:{PASSWORD}'.encode()).decode()
PATIENCE = 30.0


@pytest.fixture(scope='module')
def authority() -> Authority:
    return Authority()


@pytest.fixture
def site() -> Iterator[Site]:
    with Site({'GET /': reply(200, {'a': 1})}) as site:
        yield site


def visitor(url: str, seconds: float = PATIENCE, **options: Any) -> BmcWeb:
    return BmcWeb(Bmc(url, 'root', Secret(PASSWORD),
                      **{'networks': '127.0.0.0/8,::1/128'} | options),
                  Deadline(Clock(), seconds, 'log_in'))


# -- what is sent -------------------------------------------------------------

def test_asks_as_a_browser_would(site: Site) -> None:
    answer = visitor(site.url).request('GET', '/')
    assert (answer.status, answer.json()) == (200, {'a': 1})
    headers = site.asked[0].headers
    assert headers['host'] == f'127.0.0.1:{site.port}'
    assert headers['connection'] == 'close'
    assert 'authorization' not in headers
    assert 'cookie' not in headers


def test_sends_json_or_a_form(site: Site) -> None:
    web = visitor(site.url)
    web.request('POST', '/', body={'a': 'ä'})
    web.request('POST', '/', form={'name': 'a&b', 'pwd': 'ä='})
    json_sent, form_sent = site.asked
    assert json_sent.json == {'a': 'ä'}
    assert json_sent.headers['content-type'] == 'application/json'
    assert form_sent.body == b'name=a%26b&pwd=%C3%A4%3D'
    assert (form_sent.headers['content-type']
            == 'application/x-www-form-urlencoded')


def test_shows_the_password_only_when_asked_for(site: Site) -> None:
    web = visitor(site.url)
    web.request('GET', '/')
    web.request('GET', '/', basic=True)
    assert [asked.headers.get('authorization') for asked in site.asked] == [
        None, f'Basic {BASIC}']


def test_headers_of_the_caller_win(site: Site) -> None:
    visitor(site.url).request('GET', '/', headers={
        'Accept-Encoding': 'gzip', 'X-Auth-Token': 'abc'})
    assert site.asked[0].headers['accept-encoding'] == 'gzip'
    assert site.asked[0].headers['x-auth-token'] == 'abc'


def test_proxies_of_the_environment_are_nobodys_business(
        site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('http_proxy', 'https_proxy', 'ALL_PROXY'):
        monkeypatch.setenv(name, 'http://127.0.0.1:9')
    assert visitor(site.url).request('GET', '/').status == 200


def test_ipv6_addresses_keep_their_brackets() -> None:
    with Site({'GET /': reply()}, host='::1') as site:
        assert visitor(site.url).request('GET', '/').status == 200
        assert site.asked[0].headers['host'] == f'[::1]:{site.port}'


@pytest.mark.parametrize('networks', ['', '192.0.2.0/24'])
@pytest.mark.parametrize('host', [
    '127.0.0.1', '[::1]', 'localhost', '0.0.0.0', '127.1', '2130706433',
    '[::ffff:127.0.0.1]', '169.254.169.254'])
def test_asks_neither_this_machine_nor_its_link_unless_it_may(
        site: Site, host: str, networks: str,
        caplog: pytest.LogCaptureFixture) -> None:
    web = visitor(f'http://{host}:{site.port}', networks=networks)
    with pytest.raises(AddressRefused, match='endpoint_networks'):
        web.request('GET', '/')
    assert site.asked == []
    assert web.address == ''
    assert 'endpoint_networks' in caplog.text


def lead_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Have bmc.example there."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, '', (address, 0))
             for address in addresses]
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, 'getaddrinfo', lambda host, *rest, **options: found
        if host == 'bmc.example' else real(host, *rest, **options))


def test_a_name_that_leads_elsewhere_later_is_refused_then(
        site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    web = visitor(f'http://bmc.example:{site.port}', networks='127.0.0.1/32')
    lead_to(monkeypatch, '127.0.0.1')
    assert web.request('GET', '/').status == 200
    assert web.address == '127.0.0.1'
    lead_to(monkeypatch, '127.0.0.2')
    with pytest.raises(AddressRefused):
        web.request('GET', '/')


def test_this_machine_is_refused_by_whatever_address(
        site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AddressPolicy, 'allows', lambda *_: True)
    with pytest.raises(AddressRefused):
        visitor(site.url, networks='').request('GET', '/')
    assert site.asked == []


def test_another_address_of_a_name_is_tried(
        site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    lead_to(monkeypatch, '127.0.0.3', '127.0.0.1')
    host = f'bmc.example:{site.port}'
    assert visitor(f'http://{host}').request('GET', '/').status == 200
    assert site.asked[0].headers['host'] == host


def test_an_address_that_swallows_all_does_not_take_all_time(
        site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.ExitStack() as stack:
        # Its queue is full: it answers nobody any more.
        deaf = stack.enter_context(
            socket.create_server(('127.0.0.3', site.port), backlog=0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        lead_to(monkeypatch, '127.0.0.3', '127.0.0.1')
        web = visitor(f'http://bmc.example:{site.port}', seconds=4)
        assert web.request('GET', '/').status == 200


# -- cookies ------------------------------------------------------------------

def test_cookies_go_along_from_then_on(site: Site) -> None:
    site.answers['POST /login'] = reply(
        200, b'', 'Set-Cookie: SID=abc123; path=/; HttpOnly',
        'set-cookie: -http-session-=1::a.b/c; Secure')
    web = visitor(site.url)
    answer = web.request('POST', '/login')
    assert answer.cookies == {'SID': 'abc123',
                              '-http-session-': '1::a.b/c'}
    web.request('GET', '/')
    assert (site.asked[1].headers['cookie']
            == 'SID=abc123; -http-session-=1::a.b/c')


@pytest.mark.parametrize('order', [(0, 1), (1, 0)])
def test_a_cookie_without_a_date_is_the_one_of_the_session(
        site: Site, order: tuple[int, int]) -> None:
    lines = ['Set-Cookie: SID=old; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
             'Set-Cookie: SID=new; path=/']
    site.answers['GET /'] = reply(200, b'', *(lines[i] for i in order))
    assert visitor(site.url).request('GET', '/').cookies == {'SID': 'new'}


@pytest.mark.parametrize('line', [
    'SID=', 'SID', '=abc', 'S D=abc', 'SID=a b', 'SID=a,b', 'SID=a"b',
    'SID=\xe4', f'SID={"a" * 5000}', 'SID="abc'])
def test_cookies_that_are_none_are_left(site: Site, line: str) -> None:
    site.answers['GET /'] = reply(200, b'', f'Set-Cookie: {line}')
    cookies = visitor(site.url).request('GET', '/').cookies
    assert not cookies or cookies == {'SID': 'abc'}


def test_the_jar_has_a_bottom(site: Site) -> None:
    web = visitor(site.url)
    for start in (0, 30, 60):
        site.answers['GET /'] = reply(200, b'', *(
            f'Set-Cookie: c{number}=1' for number in range(start, start + 30)))
        web.request('GET', '/')
    assert len(web.cookies) == 32


# -- answers ------------------------------------------------------------------

def test_redirects_are_answers_like_others(site: Site) -> None:
    site.answers['GET /'] = reply(302, b'', f'Location: {site.url}/evil')
    answer = visitor(site.url).request('GET', '/', basic=True)
    assert answer.status == 302
    assert len(site.asked) == 1


def test_what_is_no_json_is_none(site: Site) -> None:
    for body in (b'', b'{', b'\xff', b'[' * 100_000):
        site.answers['GET /'] = reply(200, body)
        answer = visitor(site.url).request('GET', '/')
        assert answer.json() is None
        assert answer.member('a') is None
    site.answers['GET /'] = reply(200, [1])
    assert visitor(site.url).request('GET', '/').member('a') is None


def chunked(pieces: list[bytes]) -> bytes:
    return (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
            + b''.join(b'%x\r\n%s\r\n' % (len(piece), piece)
                       for piece in pieces) + b'0\r\n\r\n')


def test_chunked_answers_are_joined(site: Site) -> None:
    site.answers['GET /'] = chunked([b'{"a"', b': 1}'])
    assert visitor(site.url).request('GET', '/').json() == {'a': 1}


def test_an_answer_may_be_long_but_no_longer(site: Site) -> None:
    body = b'x' * MAX_BODY_BYTES
    for answer in (reply(200, body), chunked([body]),
                   b'HTTP/1.0 200 OK\r\n\r\n' + body):
        site.answers['GET /'] = answer
        assert visitor(site.url).request('GET', '/').body == body
    for answer in (reply(200, body + b'x'), chunked([body, b'x']),
                   b'HTTP/1.0 200 OK\r\n\r\n' + body + b'x'):
        site.answers['GET /'] = answer
        with pytest.raises(BmcAway):
            visitor(site.url).request('GET', '/')


def without_end(chunk: bytes) -> Callable[[socket.socket], None]:
    def speak(sock: socket.socket) -> None:
        while True:
            sock.sendall(chunk * 1000)
    return speak


@pytest.mark.parametrize('answer', [
    b'',
    b'SSH-2.0-OpenSSH_9.2\r\n',
    b'RFB 003.008\n',
    b'HTTP/1.1 two hundred\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
    without_end(b'x'),
    lambda sock: without_end(b'x: y\r\n')(sock) if not sock.sendall(
        b'HTTP/1.1 200 OK\r\n') else None,
    lambda sock: without_end(b'x')(sock) if not sock.sendall(
        b'HTTP/1.1 200 OK\r\nX: ') else None,
    lambda sock: without_end(b'x')(sock) if not sock.sendall(
        b'HTTP/1.1 200 OK\r\n\r\n') else None,
])
def test_what_is_no_whole_answer_is_none(site: Site, answer: Any) -> None:
    site.answers['GET /'] = answer
    with pytest.raises(BmcAway):
        visitor(site.url).request('GET', '/')


# -- time ---------------------------------------------------------------------

def test_an_answer_byte_by_byte_is_too_late_too(site: Site) -> None:
    def dribble(sock: socket.socket) -> None:
        while not site.stopping.wait(0.02):
            sock.sendall(b'H')
    site.answers['GET /'] = dribble
    begun = time.monotonic()
    with pytest.raises(BmcAway, match='in time'):
        visitor(site.url, seconds=0.5).request('GET', '/')
    assert time.monotonic() - begun < PATIENCE


@pytest.mark.parametrize('scheme', ['http', 'https'])
def test_who_says_nothing_is_not_waited_for(scheme: str) -> None:
    with socket.create_server(('127.0.0.1', 0)) as server:
        url = f'{scheme}://127.0.0.1:{server.getsockname()[1]}'
        with pytest.raises(BmcAway, match='in time'):
            visitor(url, seconds=0.3, verify=False).request('GET', '/')


def test_a_name_service_that_hangs_is_not_waited_for(
        monkeypatch: pytest.MonkeyPatch) -> None:
    with Site() as site:
        monkeypatch.setattr(socket, 'getaddrinfo',
                            lambda *_args, **_options: site.stopping.wait())
        with pytest.raises(BmcAway, match='in time'):
            visitor('http://bmc.example', seconds=0.3).request('GET', '/')


def test_the_deadline_is_for_all_requests_until_replaced(site: Site) -> None:
    clock = FrozenClock()
    web = visitor(site.url)
    web.deadline = Deadline(clock, 5, 'log_in')
    assert web.request('GET', '/').status == 200
    clock.advance(5)
    with pytest.raises(BmcAway, match='in time'):
        web.request('GET', '/')
    web.deadline = Deadline(clock, 5, 'log_out')
    assert web.request('GET', '/').status == 200


def test_a_closed_port_is_told_from_silence() -> None:
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(BmcAway, match='cannot be reached'):
        visitor(f'http://127.0.0.1:{port}').request('GET', '/')


@pytest.mark.parametrize('host', ['no-such-name.invalid', 'a' * 70, 'a..b'])
def test_a_name_that_is_none_is_not_reached(host: str) -> None:
    with pytest.raises(BmcAway, match='address'):
        visitor(f'http://{host}').request('GET', '/')


# -- TLS ----------------------------------------------------------------------

def secure(certificate: Certificate) -> Site:
    return Site({'GET /': reply()}, certificate.server_context())


def test_a_certificate_of_the_given_ca_is_good(authority: Authority) -> None:
    certificate = authority.issue()
    with secure(certificate) as site:
        web = visitor(site.url, ca=authority.pem.decode())
        assert web.trust is None
        web.request('GET', '/')
        # Nothing else does for the browser: it is whoever that one signs.
        assert web.trust == Trust(anchor=ssl.PEM_cert_to_DER_cert(
            authority.pem.decode()))
        by_name = visitor(f'https://localhost:{site.port}',
                          ca=authority.pem.decode())
        assert by_name.request('GET', '/').status == 200


def test_a_certificate_that_vouches_for_itself_is_the_only_one() -> None:
    itself = Authority('BMC', ['127.0.0.1'])
    with secure(itself.itself) as site:
        web = visitor(site.url, ca=itself.pem.decode())
        web.request('GET', '/')
    assert web.trust == Trust(anchor=ssl.PEM_cert_to_DER_cert(
        itself.pem.decode()), is_own=True)


@pytest.mark.parametrize('kind', ['name', 'expired', 'stranger', 'system'])
def test_other_certificates_are_not(authority: Authority, kind: str) -> None:
    certificate = {
        'name': lambda: authority.issue('bmc.example', '192.0.2.1'),
        'expired': lambda: authority.issue(expired=True),
        'stranger': lambda: Authority('BMC', ['127.0.0.1']).itself,
        'system': authority.issue,
    }[kind]()
    ca = '' if kind == 'system' else authority.pem.decode()
    with secure(certificate) as site:
        with pytest.raises(BmcUntrusted) as caught:
            visitor(site.url, ca=ca).request('GET', '/', basic=True)
        assert not site.asked
    assert 'redfish_verify_ca' in caught.value.text
    assert not caught.value.retry


def test_a_ca_that_is_none_is_nobody(authority: Authority) -> None:
    for ca in ('nonsense', '-----BEGIN CERTIFICATE-----\nAA==\n'
                           '-----END CERTIFICATE-----\n'):
        web = visitor('https://127.0.0.1:1', ca=ca)
        with pytest.raises(BmcUntrusted, match='PEM'):
            web.request('GET', '/')


def test_anybody_is_believed_once_and_then_only_he(authority: Authority,
                                                   ) -> None:
    first, second = authority.issue('first'), authority.issue('second')
    with secure(first) as site:
        web = visitor(site.url, verify=False)
        web.request('GET', '/')
        web.request('GET', '/')
        assert web.trust == Trust(pin=first.pin)
        site.context = second.server_context()
        with pytest.raises(BmcUntrusted, match='another certificate'):
            web.request('GET', '/', basic=True)
        assert len(site.asked) == 2
        assert web.trust == Trust(pin=first.pin)


def test_there_is_nothing_to_pin_without_tls(site: Site) -> None:
    web = visitor(site.url)
    web.request('GET', '/')
    assert web.trust == Trust()


def old(context: ssl.SSLContext) -> ssl.SSLContext:
    """As an old BMC."""
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers('AES128-SHA:@SECLEVEL=0')
    return context


def test_old_bmcs_are_spoken_with_where_nobody_vouches_anyhow(
        authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = authority.issue(rsa_key=True)
    with Site({'GET /': reply()}, old(certificate.server_context())) as site:
        for options in ({'verify': False}, {'ca': authority.pem.decode()}):
            assert visitor(site.url, **options).request(
                'GET', '/').status == 200
    real = rsa.generate_private_key
    monkeypatch.setattr(rsa, 'generate_private_key',
                        lambda exponent, _size: real(exponent, 1024))
    weak = authority.issue(rsa_key=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers('DEFAULT:@SECLEVEL=0')
    monkeypatch.setattr(ssl, 'SSLContext', lambda _protocol: context)
    weak.server_context()
    monkeypatch.undo()
    with Site({'GET /': reply()}, context) as site:
        assert visitor(site.url, verify=False).request(
            'GET', '/').status == 200
        with pytest.raises(VisitFailed):
            visitor(site.url, ca=authority.pem.decode()).request('GET', '/')


def test_nothing_older_than_tls_1_2_is_spoken(authority: Authority) -> None:
    context = authority.issue().server_context()
    context.set_ciphers('DEFAULT:@SECLEVEL=0')
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (Site({'GET /': reply()}, context) as site,
          pytest.raises(BmcAway, match=r'TLS 1\.2')):
        visitor(site.url, verify=False).request('GET', '/')


AES_128, AES_256 = 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384'


@pytest.mark.parametrize('verify', [True, False])
@pytest.mark.parametrize(('version', 'ciphers', 'spoken', 'offered', 'ok'), [
    ('1.2', '', '1.2', AES_128, True), ('1.2', '', '1.3', '', True),
    ('1.3', '', '1.2', AES_128, False), ('1.3', '', '1.3', '', True),
    ('1.2', AES_256, '1.2', AES_128, False),
    ('1.2', AES_256, '1.2', AES_256, True),
    ('1.2', AES_256, '1.3', '', True),
    ('1.3', AES_256, '1.2', AES_256, False)])
def test_tls_is_what_the_node_says(
        authority: Authority, verify: bool, version: str, ciphers: str,
        spoken: str, offered: str, ok: bool) -> None:
    context = OneKindOfTls.of(authority.issue(rsa_key=True), spoken,
                              offered).server_context()
    with Site({'GET /': reply()}, context) as site:
        web = visitor(site.url, verify=verify, ca=authority.pem.decode(),
                      tls_minimum_version=version, tls_ciphers=ciphers)
        if ok:
            assert web.request('GET', '/').status == 200
            assert web.trust
            assert (web.trust.minimum_version, web.trust.ciphers) == (
                version, ciphers)
            return
        with pytest.raises(BmcAway, match='redfish_tls_ciphers'):
            web.request('GET', '/')
        assert web.trust is None


def test_ciphers_that_this_display_does_not_know_are_told(
        authority: Authority) -> None:
    with (secure(authority.issue()) as site,
          pytest.raises(BmcUntrusted, match='redfish_tls_ciphers')):
        visitor(site.url, tls_ciphers='ROT13').request('GET', '/')


def test_a_server_without_tls_is_told() -> None:
    with socket.create_server(('127.0.0.1', 0)) as server:
        def answer() -> None:
            with server.accept()[0] as sock:
                sock.recv(65536)
                sock.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')
        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(BmcAway, match='HTTPS'):
            visitor(f'https://127.0.0.1:{server.getsockname()[1]}',
                    ).request('GET', '/')
        thread.join(PATIENCE)


# -- secrets ------------------------------------------------------------------

@pytest.mark.parametrize('answer', [
    reply(401, PASSWORD.encode()), f'{PASSWORD} {BASIC}\r\n'.encode(), b'',
    f'HTTP/1.1 {PASSWORD}\r\n\r\n'.encode()])
def test_nothing_secret_is_logged_or_said(
        site: Site, answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    site.answers['POST /x?VCSID=abc'] = answer
    error = None
    try:
        visitor(site.url).request('POST', '/x?VCSID=abc', basic=True,
                                  body={'password': PASSWORD})
    except VisitFailed as exc:
        error = exc
        while error:
            caplog.records.append(logging.makeLogRecord(
                {'msg': f'{error!r} {getattr(error, "text", "")}'}))
            error = error.__cause__
    said = '\n'.join(record.getMessage() for record in caplog.records)
    for secret in (PASSWORD, BASIC, 'abc'):
        assert secret not in said


def test_passwords_that_no_wire_can_carry_are_no_crash(site: Site) -> None:
    web = BmcWeb(Bmc(site.url, 'root', Secret('\ud800'),
                     networks='127.0.0.0/8'),
                 Deadline(Clock(), PATIENCE, 'log_in'))
    with pytest.raises(BmcAway):
        web.request('GET', '/', basic=True)
