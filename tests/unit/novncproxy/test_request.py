# SPDX-License-Identifier: Apache-2.0
"""What a head asks for, and which pages may ask."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironic_console.common.addresses import parse_networks
from ironic_console.common.errors import (
    BadRequest,
    ConfigError,
    TokenMissing,
    TokenUnknown,
    Unauthorized,
)
from ironic_console.novncproxy.request import (
    ConnectRequest,
    PageRequest,
    allowed_origins,
    normalise_origin,
    parse_request,
    source_of,
)
from tests.helpers.properties import FEW
from tests.helpers.proxy import NODE, path_to

KEY = b'dGhlIHNhbXBsZSBub25jZQ=='
UPGRADE = ((b'host', b'console.example.org'),
           (b'connection', b'keep-alive, Upgrade'),
           (b'upgrade', b'websocket'),
           (b'sec-websocket-version', b'13'),
           (b'sec-websocket-key', KEY))
CONSOLE = path_to(NODE, 'ticket').encode()


def parse(target=CONSOLE, headers=(), method=b'GET', version=b'1.1'):
    return parse_request(method, target, version, headers)


def changed(name: bytes, *values: bytes):
    """The headers of an upgrade with one of them changed."""
    kept = tuple(header for header in UPGRADE if header[0] != name)
    return kept + tuple((name, value) for value in values)


# -- pages --------------------------------------------------------------------

def test_a_page_is_its_path_without_the_query():
    assert parse(b'/console.html?path=websockify%3Ftoken%3Dx') == (
        PageRequest('/console.html'))


def test_head_asks_for_the_same_as_get():
    assert parse(b'/', method=b'HEAD') == parse(b'/') == PageRequest('/')


@pytest.mark.parametrize('offer', [b'h2c', b'', b'TLS/1.0, HTTP/2.0'])
def test_an_upgrade_to_anything_else_is_an_offer_that_is_not_taken(offer):
    headers = changed(b'upgrade', offer)
    assert parse(b'/healthz', headers=headers) == PageRequest('/healthz')
    assert parse(headers=headers).upgrade is None


@pytest.mark.parametrize(('values', 'etags'), [
    ([], set()), ([b'"e"'], {'"e"'}), ([b'W/"e"'], {'"e"'}),
    ([b'"e", W/"f,g" ,"h"'], {'"e"', '"f,g"', '"h"'}),
    ([b'"e"', b'"f"'], {'"e"', '"f"'}),
    ([b'*'], set()), ([b'e'], set()), ([b'"e'], set()), ([b''], set()),
    ([b'"e\xff"'], set()),
])
def test_hands_on_which_copies_the_browser_holds(values, etags):
    assert parse(b'/x', [(b'if-none-match', value)
                         for value in values]).etags == etags


@pytest.mark.parametrize(('values', 'packed'), [
    ([], False), ([b''], False), ([b'gzip'], True), ([b'GZIP'], True),
    ([b'x-gzip'], True), ([b'*'], True), ([b'br'], False),
    ([b'identity'], False), ([b'gzip, deflate, br, zstd'], True),
    ([b'deflate', b'gzip'], True),
    ([b'gzip;q=0'], False), ([b'gzip;q=0.000'], False),
    ([b'gzip;q=0.001'], True), ([b'gzip ; Q=0.5'], True),
    ([b'gzip;q=1.000'], True), ([b'gzip;q=1.'], True),
    ([b'*;q=0'], False), ([b'gzip, *;q=0'], True),
    ([b'gzip;q=0, *'], False), ([b'br, *;q=0.1'], True),
    ([b'identity;q=0.5, gzip;q=1.0'], True),
    ([b'identity;q=0.5, gzip;q=0.2'], False),
    ([b'identity, gzip;q=0.5'], False), ([b'identity;q=0, gzip'], True),
    # Not of that form: better plain than what was not wanted.
    ([b'gzip;q=2'], False), ([b'gzip;q=-1'], False), ([b'gzip;q='], False),
    ([b'gzip;q=nan'], False), ([b'gzip;q=1e0'], False),
    ([b'gzip;level=9'], False), ([b'gzip;q=0.1234'], False),
    ([b'gzipped'], False), ([b'\xff\xfe, gzip'], True),
])
def test_finds_out_whether_the_browser_wants_gzip(values, packed):
    assert parse(b'/x', [(b'accept-encoding', value)
                         for value in values]).gzip is packed


@pytest.mark.parametrize('method', [
    b'POST', b'PUT', b'DELETE', b'OPTIONS', b'TRACE', b'PATCH', b'get'])
def test_takes_no_other_method(method):
    with pytest.raises(BadRequest) as caught:
        parse(b'/', method=method)
    assert caught.value.http_status == 405


@pytest.mark.parametrize(('target', 'method'), [
    (b'http://evil.example/', b'GET'),
    (b'https:/evil.example', b'GET'),
    (b'evil.example:443', b'CONNECT'),
    (b'*', b'OPTIONS'),
    (b'\\evil.example', b'GET'),
    (b'', b'GET'),
])
def test_is_no_proxy_for_http(target, method):
    with pytest.raises(BadRequest) as caught:
        parse(target, method=method)
    assert caught.value.http_status == 400


@pytest.mark.parametrize('target', [
    b'//evil.example', b'///evil.example/%2F..', b'/\\evil.example',
    b'/%5Cevil.example', b'/%09/evil.example', b'/..//evil.example/'])
def test_odd_slashes_are_names_of_files_that_do_not_exist(target):
    assert parse(target) == PageRequest(target.decode())


def test_a_target_is_ascii():
    with pytest.raises(BadRequest):
        parse('/ä'.encode())


@pytest.mark.parametrize(('query', 'take_over', 'held'), [
    (b'', False, False), (b'&takeover=1', True, False),
    (b'&held=1', False, True), (b'&takeover=0&held=0', False, False),
    (b'&takeover=yes&held=', False, False),
    (b'&Takeover=1&HELD=1', False, False)])
def test_says_what_it_is_about(query, take_over, held):
    for headers in ((), UPGRADE):
        request = parse(CONSOLE + query, headers)
        assert request.take_over is take_over
        assert request.held is held
    tunnel = parse(CONSOLE.replace(b'websockify', b'console') + query,
                   method=b'CONNECT')
    assert tunnel.take_over is take_over


# -- where it comes from ------------------------------------------------------

TRUSTED = parse_networks(['10.0.0.0/8', '2001:db8::/32'])


@pytest.mark.parametrize(('peer', 'headers', 'source'), [
    ('192.0.2.1', [], '192.0.2.1'),
    ('10.0.0.1', [], '10.0.0.1'),
    # Nobody but a trusted proxy is believed.
    ('192.0.2.1', [b'198.51.100.1'], '192.0.2.1'),
    ('10.0.0.1', [b'198.51.100.1'], '198.51.100.1'),
    ('::ffff:10.0.0.1', [b'198.51.100.1'], '198.51.100.1'),
    ('2001:db8::1', [b'2001:db9::7'], '2001:db9::7'),
    # What stands before the first address that is not one of ours was
    # written by whoever is there.
    ('10.0.0.1', [b'127.0.0.1, 198.51.100.1'], '198.51.100.1'),
    ('10.0.0.1', [b'1.1.1.1, 198.51.100.1, 10.0.0.2'], '198.51.100.1'),
    ('10.0.0.1', [b'1.1.1.1', b'198.51.100.1'], '198.51.100.1'),
    ('10.0.0.1', [b'10.0.0.3, 10.0.0.2'], '10.0.0.3'),
    ('10.0.0.1', [b'198.51.100.1:4711'], '198.51.100.1'),
    ('10.0.0.1', [b'[2001:db9::7]:4711'], '2001:db9::7'),
    ('10.0.0.1', [b'"[2001:db9::7]"'], '10.0.0.1'),
    ('10.0.0.1', [b'unknown'], '10.0.0.1'),
    ('10.0.0.1', [b'198.51.100.1, unknown'], '10.0.0.1'),
    ('10.0.0.1', [b''], '10.0.0.1'),
    ('10.0.0.1', [b' , ,'], '10.0.0.1'),
    ('10.0.0.1', [b'\xff\xfe'], '10.0.0.1'),
    ('10.0.0.1', [b'1' * 5000], '10.0.0.1'),
    ('fe80::1%eth0', [b'198.51.100.1'], 'fe80::1%eth0'),
])
def test_a_source_is_the_last_that_no_trusted_proxy_stands_at(
        peer, headers, source):
    request = parse(headers=[(b'x-forwarded-for', value)
                             for value in headers])
    assert source_of(peer, request.forwarded_for, TRUSTED) == source
    assert source_of(peer, request.forwarded_for, ()) == peer


def test_forwarded_headers_of_anybody_change_nothing():
    spoofed = [(b'x-forwarded-proto', b'https'),
               (b'x-forwarded-host', b'evil.example'),
               (b'forwarded', b'host=evil.example;proto=https')]
    assert parse(headers=spoofed) == parse()


# -- smuggling ----------------------------------------------------------------

@pytest.mark.parametrize('body', [
    [(b'content-length', b'5')],
    [(b'content-length', b'0'), (b'content-length', b'5')],
    [(b'content-length', b'00')],
    [(b'transfer-encoding', b'chunked')],
    [(b'transfer-encoding', b'identity')],
    [(b'content-length', b'5'), (b'transfer-encoding', b'chunked')],
])
@pytest.mark.parametrize('target', [CONSOLE, b'/console.html'])
def test_no_request_may_have_a_body(target, body):
    with pytest.raises(BadRequest):
        parse(target, UPGRADE + tuple(body))


def test_a_body_of_no_bytes_is_none():
    assert parse(headers=[(b'content-length', b'0')]) == parse()


@pytest.mark.parametrize('name', [
    b'origin', b'sec-websocket-key', b'sec-websocket-version'])
def test_what_must_be_there_once_is_not_taken_twice(name):
    value = dict(UPGRADE).get(name, b'https://console.example.org:6090')
    with pytest.raises(BadRequest, match=name.decode()):
        parse(headers=changed(name, value, value))


# -- consoles -----------------------------------------------------------------

def test_a_console_without_upgrade_is_a_question():
    assert parse(headers=[(b'origin', b'https://a.example')]) == (
        ConnectRequest(NODE, 'ticket', 'https://a.example', None))


def test_understands_an_upgrade():
    request = parse(headers=UPGRADE)
    assert request == ConnectRequest(NODE, 'ticket', None, {
        'upgrade': 'websocket', 'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': KEY.decode()})


def test_old_viewers_are_given_the_subprotocol_binary():
    request = parse(headers=(*UPGRADE, (b'sec-websocket-protocol',
                                        b'base64, Binary')))
    assert request.upgrade['Sec-WebSocket-Protocol'] == 'binary'


def test_agrees_on_no_other_subprotocol_and_no_extension():
    request = parse(headers=(
        *UPGRADE, (b'sec-websocket-protocol', b'base64'),
        (b'sec-websocket-extensions', b'permessage-deflate')))
    assert set(request.upgrade) == {
        'upgrade', 'Sec-WebSocket-Version', 'Sec-WebSocket-Key'}


def test_a_console_may_lie_below_a_prefix():
    assert parse(b'/a/b' + CONSOLE) == parse()


@pytest.mark.parametrize('node', [
    NODE.upper(), NODE.replace('-', ''), f'urn:uuid:{NODE}', f'{{{NODE}}}'])
def test_a_uuid_has_one_form_inside(node):
    assert parse(path_to(node, 't').encode()).node == NODE


@pytest.mark.parametrize('query', [
    b'', b'?', b'?node=' + NODE.encode(), b'?token=t', b'?node=&token=t',
    b'?node=' + NODE.encode() + b'&token='])
def test_a_console_needs_a_node_and_a_ticket(query):
    with pytest.raises(TokenMissing):
        parse(b'/websockify' + query)


@pytest.mark.parametrize('node', [
    'node-7', '..', "' OR 1=1", NODE + '0', '\u0660' * 31, 'x' * 5000])
def test_a_node_is_a_uuid(node):
    with pytest.raises(TokenUnknown):
        parse(path_to(node, 'ticket').encode())


def test_does_not_show_the_ticket_by_accident():
    assert 'ticket' not in repr(parse(headers=UPGRADE))


def test_takes_few_fields():
    with pytest.raises(BadRequest):
        parse(CONSOLE + b'&a=b' * 20)


@pytest.mark.parametrize(('name', 'values', 'status'), [
    (b'connection', [b'keep-alive'], 400),
    (b'connection', [], 400),
    (b'sec-websocket-version', [b'8'], 426),
    (b'sec-websocket-version', [], 426),
    (b'sec-websocket-key', [], 400),
    (b'sec-websocket-key', [b'short'], 400),
    (b'sec-websocket-key', [b'dGhlIHNhbXBsZSBub25j'], 400),
    (b'sec-websocket-key', [b'\xff' * 24], 400),
])
def test_a_bad_upgrade_is_a_bad_request(name, values, status):
    with pytest.raises(BadRequest) as caught:
        parse(headers=changed(name, *values))
    assert caught.value.http_status == status


@pytest.mark.parametrize('options', [
    {'version': b'1.0'}, {'method': b'HEAD'}])
def test_an_upgrade_needs_get_and_http_1_1(options):
    with pytest.raises(BadRequest):
        parse(headers=UPGRADE, **options)


def test_there_is_no_websocket_under_other_paths():
    with pytest.raises(BadRequest) as caught:
        parse(b'/console.html', UPGRADE)
    assert caught.value.http_status == 404


TARGETS = st.one_of(
    st.binary(max_size=80),
    st.binary(max_size=60).map(b'/websockify?'.__add__),
    st.sampled_from([CONSOLE, b'/', b'/websockify']))
NAMES = st.sampled_from([name for name, _ in UPGRADE] + [
    b'origin', b'content-length', b'transfer-encoding', b'if-none-match',
    b'sec-websocket-protocol'])


@FEW
@given(TARGETS, st.lists(st.tuples(NAMES, st.binary(max_size=30)),
                         max_size=4),
       st.sampled_from([(), UPGRADE]),
       st.one_of(st.binary(max_size=8), st.sampled_from([b'GET', b'HEAD'])))
def test_any_head_gives_a_request_or_a_documented_error(
        target, headers, more, method):
    with contextlib.suppress(BadRequest, Unauthorized):
        request = parse(target, (*more, *headers), method)
        assert isinstance(request, PageRequest | ConnectRequest)


# -- origins ------------------------------------------------------------------

SITE = allowed_origins('https://console.example.org/console.html', ())


@pytest.mark.parametrize(('origin', 'good'), [
    ('https://console.example.org', True),
    ('https://console.example.org:443', True),
    ('HTTPS://Console.Example.ORG', True),
    ('null', False),
    ('', False),
    ('https://evil.example', False),
    ('https://console.example.org.evil.example', False),
    ('https://evil.example/console.example.org', False),
    ('https://xconsole.example.org', False),
    ('https://console.example.org:6090', False),
    ('https://console.example.org:80', False),
    ('https://console.example.org:0', False),
    ('https://console.example.org:65979', False),
    ('https://console.example.org:', False),
    ('https://console.example.org:443:443', False),
    ('https://console.example.org:+443', False),
    ('https://console.example.org:4_43', False),
    ('https://console.example.org:\u0664\u0664\u0663', False),
    ('https://console.example.org:' + '4' * 5000, False),
    ('http://console.example.org', False),
    ('http://console.example.org:443', False),
    ('wss://console.example.org', False),
    ('file://', False),
    ('chrome-extension://abcdefgh', False),
    ('https://console.example.org.', False),
    ('https://user@console.example.org', False),
    ('https://console.example.org@evil.example', False),
    ('https://console.example.org/', False),
    ('https://console.example.org?', False),
    ('https://console.example.org#', False),
    ('https://console.example.org\\@evil.example', False),
    ('https://console.example.org https://evil.example', False),
    (' https://console.example.org', False),
    ('https://console\u3002example.org', False),
    ('https://cons\xf6le.example.org', False),
    ('https://xn--console-.example.org', False),
    ('//console.example.org', False),
    ('console.example.org', False),
    ('https:console.example.org', False),
    ('https://', False),
    ('https://[::1]', False),
])
def test_verdict_about_an_origin(origin, good):
    assert (normalise_origin(origin) in SITE) is good


@pytest.mark.parametrize(('configured', 'origin', 'good'), [
    ('http://h.example:6090/x', 'http://h.example:6090', True),
    ('http://h.example:6090/x', 'http://h.example', False),
    ('http://h.example:80/x', 'http://h.example', True),
    ('https://[2001:db8::1]:6090/x', 'https://[2001:db8::1]:6090', True),
    ('https://[2001:DB8::1]/x', 'https://[2001:db8::1]', True),
    ('https://[2001:db8::1]/x', 'https://[2001:db8::1]:443', True),
    ('https://[2001:db8::1]/x', 'https://[2001:db8::2]', False),
    ('https://[2001:db8::1]/x', 'https://2001:db8::1', False),
    ('https://xn--bcher-kva.example/x', 'https://xn--bcher-kva.example',
     True),
    ('https://192.0.2.1/x', 'https://192.0.2.1', True),
    ('https://192.0.2.1/x', 'https://3221225985', False),
])
def test_the_site_may_have_any_address(configured, origin, good):
    origins = allowed_origins(configured, ())
    assert (normalise_origin(origin) in origins) is good


def test_more_origins_can_be_allowed():
    origins = allowed_origins('https://a.example/x',
                              ['http://b.example:8080', 'https://c.example'])
    assert origins == {'https://a.example:443', 'http://b.example:8080',
                       'https://c.example:443'}


@pytest.mark.parametrize('public_url', [
    '/console.html', 'console.example.org', 'ftp://a.example/x',
    'https://', 'https://a.example:port/x', 'https://[::1/x',
    'https://b\xfccher.example/x'])
def test_public_url_has_to_be_the_address_of_a_page(public_url):
    with pytest.raises(ConfigError, match=r'\[vnc\]public_url'):
        allowed_origins(public_url, ())


@pytest.mark.parametrize('origin', [
    'null', 'a.example', 'https://a.example/', 'https://*.example'])
def test_an_allowed_origin_has_to_be_one(origin):
    with pytest.raises(ConfigError, match='allowed_origin'):
        allowed_origins('https://a.example/x', [origin])


def test_a_star_that_is_for_the_api_lets_no_other_page_in():
    assert allowed_origins('https://a.example/x', ['*']) == (
        allowed_origins('https://a.example/x', []))


@FEW
@given(st.one_of(
    st.text(max_size=40), st.text(max_size=30).map('https://'.__add__),
    st.from_regex(r'https?://[a-z.\[\]:0-9]{0,20}', fullmatch=True)))
def test_any_text_has_one_normal_form_or_none(text):
    origin = normalise_origin(text)
    if origin is not None:
        assert normalise_origin(origin) == origin
