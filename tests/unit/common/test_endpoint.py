# SPDX-License-Identifier: Apache-2.0
"""Endpoint: what a driver may write and what the proxy believes."""

import dataclasses
import json

import pytest
from hypothesis import given

from ironic_console.common.endpoint import (
    MAX_CA_CHARS,
    Endpoint,
    Quirks,
    TlsPolicy,
    parse_encodings,
    parse_fingerprint,
)
from ironic_console.common.errors import ConfigError
from tests.helpers.properties import ENDPOINTS, FEW, endpoint_takes_anything

GOOD = {'host': '192.0.2.1', 'port': 5900}
DIGEST = '0123456789abcdef' * 4
FULL = Endpoint('bmc.example', 5901, 'auto', (262, 1), 'idrac-vnc',
                TlsPolicy('fingerprint', 'bmc.example', DIGEST, 'PEM'), True,
                Quirks(60.0, (5, 1, 0, -223)))


def test_survives_json():
    text = json.dumps(FULL.to_dict())
    assert Endpoint.from_dict(json.loads(text)) == FULL


def test_what_says_nothing_is_left_out():
    assert Endpoint('bmc', 5900).to_dict() == {
        'host': 'bmc', 'port': 5900, 'scheme': 'vnc', 'security_types': [],
        'kind': ''}
    assert Endpoint('bmc', 5900, tls=TlsPolicy('none'), read_only=True,
                    quirks=Quirks(encodings=(0,))).to_dict() == {
        'host': 'bmc', 'port': 5900, 'scheme': 'vnc', 'security_types': [],
        'kind': '', 'tls': {'verify': 'none'}, 'read_only': True,
        'quirks': {'encodings': [0]}}


def test_host_and_port_are_enough():
    assert Endpoint.from_dict(GOOD) == Endpoint(
        '192.0.2.1', 5900, 'vnc', (), '', TlsPolicy('ca', '', ''), False)


def test_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FULL.host = 'other'


@pytest.mark.parametrize('host', [
    '192.0.2.1', '2001:db8::1', 'fe80::1%eth0', 'bmc', 'bmc.example.',
    'b\xfccher.example', 'a' * 63 + '.example', '.'.join(['a' * 60] * 4)])
def test_takes_addresses_and_names(host):
    assert Endpoint.from_dict({**GOOD, 'host': host}).host == host


@pytest.mark.parametrize('host', [
    None, '', ' ', 'a b', 'a\nb', 'a\0b', 'bmc ', 'x' * 256, 5, True, b'bmc',
    ['bmc'], {}, '\ud800', '\x1b[2J', '.', 'a..b', '.bmc', 'a' * 64,
    '.'.join(['a' * 63] * 5)])
def test_refuses_what_is_no_host(host):
    with pytest.raises(ConfigError, match=r'console host is .* it must be'):
        Endpoint.from_dict({**GOOD, 'host': host})


@pytest.mark.parametrize(('value', 'port'), [
    (1, 1), (65535, 65535), ('5900', 5900), ('1', 1), ('05900', 5900)])
def test_takes_ports_as_numbers_and_as_text(value, port):
    assert Endpoint.from_dict({**GOOD, 'port': value}).port == port


@pytest.mark.parametrize('port', [
    None, 0, -1, 65536, '', '0', '65536', 'vnc', ' 5900', '5900 ', '5_900',
    '+5900', '-1', '5900.0', 5900.0, 5900.7, float('inf'), float('nan'),
    True, [5900], {}, '\u0665\u0669\u0660\u0660', '9' * 5000, 10**400])
def test_refuses_what_is_no_port(port):
    with pytest.raises(ConfigError, match=r'console port is .* from 1 to'):
        Endpoint.from_dict({**GOOD, 'port': port})


@pytest.mark.parametrize('scheme', ['vnc', 'vncs', 'auto'])
def test_takes_every_scheme(scheme):
    assert Endpoint.from_dict({**GOOD, 'scheme': scheme}).scheme == scheme


@pytest.mark.parametrize('scheme', ['http', 'VNC', '', None, 1, ['vnc'], {}])
def test_refuses_unknown_schemes(scheme):
    with pytest.raises(ConfigError,
                       match=r'scheme is .*, allowed is vnc vncs auto$'):
        Endpoint.from_dict({**GOOD, 'scheme': scheme})


@pytest.mark.parametrize('types', [[], [1], [19, 2, 1], (2,), [255], [262],
                                   [65535]])
def test_keeps_security_types_in_order(types):
    endpoint = Endpoint.from_dict({**GOOD, 'security_types': types})
    assert endpoint.security_types == tuple(types)


@pytest.mark.parametrize('types', [
    None, 1, '1', 'none', [0], [65536], [-1], [1, 'x'], ['1'], [True],
    [1.0], [[1]], {}, {1: 1}, b'\x01'])
def test_refuses_what_is_no_list_of_security_types(types):
    with pytest.raises(ConfigError, match=r'security_types is .* must be a l'):
        Endpoint.from_dict({**GOOD, 'security_types': types})


def test_refuses_keys_that_it_does_not_know():
    with pytest.raises(ConfigError, match="'6', 'colour'; upgrade the prox"):
        Endpoint.from_dict({**GOOD, 'colour': True, '6': True})


def test_a_key_cannot_fake_a_line_of_the_log():
    with pytest.raises(ConfigError) as caught:
        Endpoint.from_dict({**GOOD, 'a\nb': 1, 5: 1})
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('value', [None, 'true', 'false', 0, 1, [], {}])
def test_refuses_what_does_not_say_whether_it_is_read_only(value):
    with pytest.raises(ConfigError, match=r'read_only is .* true or false'):
        Endpoint.from_dict({**GOOD, 'read_only': value})


# -- TLS ----------------------------------------------------------------------

def tls(**fields):
    return Endpoint.from_dict({**GOOD, 'tls': fields}).tls


def test_certificates_are_checked_unless_it_says_otherwise():
    assert Endpoint('bmc', 5900).tls.verify == 'ca'
    assert tls() == TlsPolicy('ca')


def test_reads_a_policy_of_tls():
    assert tls(verify='none') == TlsPolicy('none')
    assert tls(server_name='bmc.example') == TlsPolicy('ca', 'bmc.example')
    assert tls(verify='fingerprint', fingerprint=DIGEST.upper()) == (
        TlsPolicy('fingerprint', '', DIGEST))


@pytest.mark.parametrize('verify', [None, '', 'no', False, True, 'CA', []])
def test_refuses_unknown_ways_of_checking(verify):
    with pytest.raises(ConfigError,
                       match=r'tls/verify is .* ca fingerprint none$'):
        tls(verify=verify)


@pytest.mark.parametrize('name', ['a b', 'a\nb', 5, ['bmc'], '\0', 'a..b'])
def test_refuses_what_is_no_name_to_expect(name):
    with pytest.raises(ConfigError, match='must be an address or a host'):
        tls(server_name=name)


@pytest.mark.parametrize('data', [None, True, [], 'ca', 5])
def test_refuses_what_is_no_policy_of_tls(data):
    with pytest.raises(ConfigError, match='console_endpoint/tls is not a m'):
        Endpoint.from_dict({**GOOD, 'tls': data})


def test_refuses_keys_of_tls_that_it_does_not_know():
    with pytest.raises(ConfigError, match=r"endpoint/tls .* know: 'verfy'"):
        tls(verfy='none')


@pytest.mark.parametrize('text', [
    DIGEST, DIGEST.upper(), f' {DIGEST}\n',
    ':'.join(DIGEST[at:at + 2] for at in range(0, 64, 2))])
def test_reads_fingerprints_as_people_write_them(text):
    assert parse_fingerprint(text) == DIGEST


@pytest.mark.parametrize('text', [
    '', None, DIGEST[1:], DIGEST + '0', 'g' * 64, DIGEST[:40],
    '\u0660' * 64, 5, [DIGEST], f'SHA256:{DIGEST}', 'a\nb'])
def test_refuses_what_is_no_fingerprint(text):
    with pytest.raises(ConfigError, match=r'fingerprint .* SHA-2') as caught:
        parse_fingerprint(text)
    assert '\n' not in str(caught.value)


def test_a_pin_needs_a_fingerprint():
    with pytest.raises(ConfigError, match="fingerprint is ''"):
        tls(verify='fingerprint')


def test_a_bad_fingerprint_is_refused_even_where_it_is_not_used():
    with pytest.raises(ConfigError, match="fingerprint is 'abc'"):
        tls(verify='ca', fingerprint='abc')


def test_brings_its_own_cas():
    assert tls(ca='PEM') == TlsPolicy('ca', ca='PEM')
    assert tls(ca='').ca == TlsPolicy().ca == ''
    assert tls(ca='c' * MAX_CA_CHARS).ca


@pytest.mark.parametrize('ca', [None, True, 5, b'PEM', ['PEM'], {},
                                'c' * (MAX_CA_CHARS + 1)])
def test_refuses_what_are_no_cas(ca):
    with pytest.raises(ConfigError, match=r'tls/ca must be .* PEM, 65536 char'
                       ) as caught:
        tls(ca=ca)
    assert len(str(caught.value)) < 200


# -- quirks -------------------------------------------------------------------

def quirks(**fields):
    return Endpoint.from_dict({**GOOD, 'quirks': fields}).quirks


def test_nothing_upsets_a_server_unless_it_says_so():
    assert Endpoint('bmc', 5900).quirks == quirks() == Quirks(0.0, ())


def test_reads_what_a_server_has_to_be_spared():
    assert quirks(handshake_timeout=60) == Quirks(60.0)
    assert quirks(encodings=[5, 1, 0, -223]) == Quirks(
        encodings=(5, 1, 0, -223))


@pytest.mark.parametrize('seconds', [0, 0.5, 300, 300.0])
def test_takes_up_to_five_minutes_of_patience(seconds):
    patience = quirks(handshake_timeout=seconds).handshake_timeout
    assert patience == seconds
    assert type(patience) is float


@pytest.mark.parametrize('seconds', [
    None, True, '60', -1, 300.1, float('nan'), float('inf'), [60], {},
    10**400])
def test_refuses_what_is_no_patience(seconds):
    with pytest.raises(ConfigError,
                       match=r'handshake_timeout is .* number from 0 to 300'):
        quirks(handshake_timeout=seconds)


@pytest.mark.parametrize('numbers', [
    [], [0], (5, 1), [-2**31, 2**31 - 1], list(range(256))])
def test_takes_every_number_that_an_encoding_may_have(numbers):
    assert parse_encodings(numbers) == tuple(numbers)
    assert quirks(encodings=numbers).encodings == tuple(numbers)


@pytest.mark.parametrize('numbers', [
    None, 5, '5', '5,1', {}, {5: 1}, b'\x05', ['5'], [5.0], [True], [None],
    [[5]], [2**31], [-2**31 - 1], list(range(257))])
def test_refuses_what_is_no_list_of_encodings(numbers):
    with pytest.raises(ConfigError, match=r'encodings is .* 0, 1 or -223'):
        parse_encodings(numbers)
    with pytest.raises(ConfigError, match=r'encodings is .* 0, 1 or -223'):
        quirks(encodings=numbers)


@pytest.mark.parametrize('data', [None, True, [], 'slow', 5])
def test_refuses_what_are_no_quirks(data):
    with pytest.raises(ConfigError, match='endpoint/quirks is not a mapping'):
        Endpoint.from_dict({**GOOD, 'quirks': data})


def test_refuses_quirks_that_it_does_not_know():
    with pytest.raises(ConfigError, match=r"t/quirks .* know: 'no_cursor'"):
        quirks(no_cursor=True)


# -- all of it ----------------------------------------------------------------

@pytest.mark.parametrize('data', [None, [], 'vnc://bmc', 5, True, [GOOD]])
def test_refuses_what_is_no_mapping(data):
    with pytest.raises(ConfigError, match='not a mapping'):
        Endpoint.from_dict(data)


@pytest.mark.parametrize('missing', GOOD)
def test_refuses_what_is_not_whole(missing):
    data = {key: value for key, value in GOOD.items() if key != missing}
    with pytest.raises(ConfigError, match=f'console {missing} is None'):
        Endpoint.from_dict(data)


def test_cuts_a_long_kind():
    assert Endpoint.from_dict({**GOOD, 'kind': 'k' * 100}).kind == 'k' * 64


@pytest.mark.parametrize(('host', 'address'), [
    ('192.0.2.1', '192.0.2.1:5900'), ('2001:db8::1', '[2001:db8::1]:5900'),
    ('bmc', 'bmc:5900')])
def test_address_is_written_as_people_do(host, address):
    assert Endpoint(host, 5900).address == address


@FEW
@given(ENDPOINTS)
def test_takes_anything(value):
    endpoint_takes_anything(value)
