# SPDX-License-Identifier: Apache-2.0
"""generic-vnc: from driver_info to an endpoint, and what is refused."""

import logging
import pathlib
from typing import Any

import pytest
from ironic.common import exception

from ironic_console.common import nodes
from ironic_console.common.endpoint import Endpoint, Quirks, TlsPolicy
from ironic_console.common.errors import ConfigError
from ironic_console.common.nodes import NodeRecord
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.secret import Secret
from ironic_console.drivers import base
from ironic_console.drivers.generic_vnc import (
    PROPERTIES,
    GenericVNCConsole,
    read_settings,
)
from tests.helpers.certificates import Authority
from tests.helpers.conductor import Node, Task

AUTHORITY = Authority()
PEM = AUTHORITY.pem.decode()
DIGEST = AUTHORITY.itself.fingerprint
OPEN = {'vnc_address': 'bmc.example', 'vnc_security': 'none'}
CLOSED = {'vnc_address': 'bmc.example', 'vnc_password': 'pa55word'}


@pytest.fixture
def console(conf: Any) -> GenericVNCConsole:
    return GenericVNCConsole()


def endpoint(**info: object) -> Endpoint:
    return read_settings(info).endpoint


def refusal(**info: object) -> str:
    with pytest.raises(ConfigError) as caught:
        read_settings(info)
    text = str(caught.value)
    assert text.startswith('driver_info/vnc_')
    assert 'pa55word' not in text
    return text


def test_an_address_and_how_it_lets_us_in_are_enough() -> None:
    opened = read_settings({**OPEN, 'redfish_address': 'https://ignored'})
    assert opened.endpoint == Endpoint('bmc.example', 5900, 'vnc', (1,),
                                       'generic-vnc')
    assert opened.credential is None
    opened = read_settings(CLOSED)
    assert opened.endpoint.security_types == (261, 129, 5, 130, 6, 2)
    assert opened.credential == {'password': 'pa55word', 'username': ''}


def test_reads_all_that_can_be_said() -> None:
    opened = read_settings({
        'vnc_address': '2001:db8::5', 'vnc_port': '5901',
        'vnc_username': 'operator', 'vnc_password': 'pa55word',
        'vnc_security': 'X509Plain,ra2_256', 'vnc_tls': 'auto',
        'vnc_verify': 'ca', 'vnc_ca': PEM,
        'vnc_server_name': 'bmc.example', 'vnc_encodings': '5,1,0,-223',
        'vnc_handshake_timeout': '60'})
    assert opened.endpoint == Endpoint(
        '2001:db8::5', 5901, 'auto', (262, 129), 'generic-vnc',
        TlsPolicy('ca', 'bmc.example', '', PEM),
        quirks=Quirks(60.0, (5, 1, 0, -223)))
    assert opened.credential == {'password': 'pa55word',
                                 'username': 'operator'}


def test_every_key_is_described_and_read() -> None:
    described = GenericVNCConsole.get_properties(None)
    assert described == base.PROPERTIES | PROPERTIES
    assert all(text.endswith(('Optional.', 'Required.'))
               for text in PROPERTIES.values())
    for key in PROPERTIES:
        assert key in refusal(**{**CLOSED, key: ['?']})


def test_keys_that_do_not_exist_are_refused_with_those_that_do() -> None:
    text = refusal(**CLOSED, vnc_pasword='pa55word')
    assert 'driver_info/vnc_pasword is not a setting of generic-vnc' in text
    assert all(key in text for key in PROPERTIES)


@pytest.mark.parametrize(('info', 'remedy'), [
    ({'vnc_address': ''}, 'vnc_address is not set'),
    ({'vnc_address': None}, 'vnc_address must be text'),
    ({'vnc_address': 'a b'}, 'vnc_address: the console host is'),
    ({'vnc_address': 'a..b'}, 'must be an address or a host name'),
    ({'vnc_address': 'vnc://bmc'}, 'an address or a host name alone'),
    ({'vnc_address': 'bmc:5901'}, 'the port is in vnc_port'),
    ({'vnc_address': '[::1]'}, 'an address or a host name alone'),
    ({'vnc_address': 'u@bmc'}, 'an address or a host name alone'),
    ({'vnc_port': 0}, 'vnc_port: the console port is 0; it must be a number '
                      'from 1 to 65535'),
    ({'vnc_port': None}, 'from 1 to 65535'),
    ({'vnc_port': 'vnc'}, 'from 1 to 65535'),
    ({'vnc_tls': 'yes'}, "vnc_tls is 'yes'; allowed is one of off, on, auto"),
    ({'vnc_tls': True}, 'allowed is one of off, on, auto'),
    ({'vnc_tls': 'on', 'vnc_verify': 'no'}, 'one of ca, fingerprint, none'),
    ({'vnc_tls': 'on', 'vnc_fingerprint': 'abc'},
     "vnc_fingerprint: the fingerprint is 'abc'; it must be the SHA-256"),
    ({'vnc_tls': 'on', 'vnc_server_name': 'a b'},
     "vnc_server_name: the console host is 'a b'"),
    ({'vnc_tls': 'on', 'vnc_ca': '/nowhere/ca.pem'},
     "vnc_ca is '/nowhere/ca.pem', which this conductor cannot read: No such "
     'file'),
    ({'vnc_tls': 'on', 'vnc_ca': '-----BEGIN nothing'},
     'vnc_ca: there are no certificates of CAs in PEM'),
    ({'vnc_encodings': '5,x'}, "vnc_encodings: encodings is [5, 'x']"),
    ({'vnc_encodings': 2**31}, 'list of numbers of RFB encodings'),
    ({'vnc_encodings': {}}, 'vnc_encodings must be text'),
    ({'vnc_handshake_timeout': 'long'},
     "vnc_handshake_timeout: handshake_timeout is 'long'; it must be a "
     'number from 0 to 300'),
    ({'vnc_handshake_timeout': 301}, 'from 0 to 300'),
    ({'vnc_handshake_timeout': 'nan'}, 'from 0 to 300'),
    ({'vnc_handshake_timeout': None}, 'from 0 to 300'),
    ({'vnc_security': 'vncaut'}, 'vnc_security has '),
])
def test_says_which_key_is_wrong_and_what_is_allowed(
        info: dict[str, object], remedy: str) -> None:
    assert remedy in refusal(**{**CLOSED, **info})


# -- certificates -------------------------------------------------------------

def tls(**info: object) -> TlsPolicy:
    return endpoint(**CLOSED, **info).tls


def test_a_ca_vouches_unless_there_is_a_fingerprint() -> None:
    assert tls(vnc_tls='on') == TlsPolicy('ca')
    assert tls(vnc_fingerprint=DIGEST.upper()) == TlsPolicy(
        'fingerprint', '', DIGEST)
    assert tls(vnc_fingerprint=DIGEST, vnc_verify='fingerprint') == TlsPolicy(
        'fingerprint', '', DIGEST)
    assert tls(vnc_tls='on', vnc_verify='none') == TlsPolicy('none')
    assert tls(vnc_server_name='bmc') == TlsPolicy('ca', 'bmc')


def test_a_ca_may_be_in_a_file_of_the_conductor(tmp_path: pathlib.Path,
                                                ) -> None:
    path = tmp_path / 'ca.pem'
    path.write_bytes(AUTHORITY.itself.key + AUTHORITY.pem)
    assert tls(vnc_ca=str(path)) == tls(vnc_ca=PEM) == TlsPolicy('ca', ca=PEM)


def test_who_checks_a_certificate_gets_no_type_without_one() -> None:
    for about in ({'vnc_ca': PEM}, {'vnc_fingerprint': DIGEST},
                  {'vnc_verify': 'none'}, {'vnc_server_name': 'bmc'}):
        assert endpoint(**CLOSED, **about).security_types == (261,)
    assert endpoint(**CLOSED, vnc_ca='').security_types[-1] == 2


@pytest.mark.parametrize(('info', 'words'), [
    ({'vnc_verify': 'fingerprint'},
     'vnc_verify is fingerprint, but vnc_fingerprint is not set'),
    ({'vnc_verify': 'ca', 'vnc_fingerprint': DIGEST},
     'vnc_verify is ca, but vnc_fingerprint is set'),
    ({'vnc_verify': 'none', 'vnc_fingerprint': DIGEST},
     'vnc_verify is none, but vnc_fingerprint is set'),
    ({'vnc_fingerprint': DIGEST, 'vnc_ca': PEM},
     'vnc_ca is set, but vnc_verify is fingerprint and asks no CA'),
    ({'vnc_verify': 'none', 'vnc_ca': PEM},
     'vnc_ca is set, but vnc_verify is none and asks no CA'),
    ({'vnc_security': 'vncauth', 'vnc_ca': PEM},
     'vnc_ca is set, but no certificate is shown'),
    ({'vnc_security': 'vncauth', 'vnc_fingerprint': DIGEST},
     'vnc_fingerprint is set, but no certificate is shown'),
    ({'vnc_security': 'x509vnc', 'vnc_tls': 'on'},
     'which begins TLS later, but vnc_tls is on'),
])
def test_refuses_what_contradicts_itself(info: dict[str, object],
                                         words: str) -> None:
    assert words in refusal(**CLOSED, **info)


# -- as a console -------------------------------------------------------------

def test_the_proxy_finds_what_it_needs_and_secrets_only_in_their_place(
        console: GenericVNCConsole, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    node = Node(**CLOSED, vnc_username='operator',
                vnc_security='x509plain', vnc_ca=PEM)
    console.start_console(Task(node))
    [stored] = node.saved
    record = NodeRecord.from_info(node.uuid, node.name, 'generic-vnc', True,
                                  stored)
    assert record.endpoint() == Endpoint(
        'bmc.example', 5900, 'vnc', (262,), 'generic-vnc',
        TlsPolicy(ca=PEM))
    assert record.credential() == Credential(Secret('pa55word'), 'operator')
    assert stored.pop(nodes.CREDENTIAL_KEY)
    assert 'pa55word' not in str(stored) + caplog.text


def test_without_a_password_none_is_stored(console: GenericVNCConsole,
                                           ) -> None:
    node = Node(**OPEN)
    console.start_console(Task(node))
    assert nodes.CREDENTIAL_KEY not in node.saved[0]


def test_a_second_start_keeps_links_and_takes_what_has_changed(
        console: GenericVNCConsole) -> None:
    node = Node(**OPEN)
    console.start_console(Task(node))
    console.start_console(Task(node))
    assert node.saved[0] == node.saved[1]
    node.driver_info = {**CLOSED, 'vnc_port': 5907}
    console.start_console(Task(node))
    assert node.saved[2][nodes.SECRET_KEY] == node.saved[0][nodes.SECRET_KEY]
    assert node.saved[2][nodes.PORT_KEY] == 5907
    assert node.saved[2][nodes.CREDENTIAL_KEY]['password'] == 'pa55word'


def test_stop_leaves_no_trace(console: GenericVNCConsole) -> None:
    node = Node(**CLOSED)
    console.start_console(Task(node))
    console.stop_console(Task(node))
    assert node.saved[-1] == {'other': 'kept'}
    console.stop_console(Task(node))


def test_validation_is_in_words_of_ironic(console: GenericVNCConsole,
                                          ) -> None:
    console.validate(Task(Node(**CLOSED)))
    with pytest.raises(exception.InvalidParameterValue,
                       match='driver_info/vnc_address is not set'):
        console.validate(Task(Node(vnc_password='pa55word')))
    with pytest.raises(exception.ConsoleError,
                       match='driver_info/vnc_address is not set'):
        console.start_console(Task(Node()))


@pytest.mark.parametrize(('networks', 'address'), [
    ([], '127.0.0.1'), ([], '::1'), ([], '169.254.169.254'), ([], '0.0.0.0'),
    ([], '::ffff:127.0.0.1'), ([], 'fe80::1%eth0'),
    (['192.0.2.0/24'], '198.51.100.1'), (['192.0.2.0/24'], '2001:db8::1')])
def test_addresses_that_are_not_allowed_are_not_opened(
        console: GenericVNCConsole, conf: Any, networks: list[str],
        address: str) -> None:
    conf.config(group='ironic_console', endpoint_networks=networks)
    node = Node(**OPEN | {'vnc_address': address})
    # It may be allowed by the time that it is enabled.
    console.validate(Task(node))
    with pytest.raises(exception.ConsoleError) as caught:
        console.start_console(Task(node))
    assert (f'driver_info/vnc_address is {address}, which [ironic_console]'
            'endpoint_networks does not allow') in str(caught.value)
    assert not node.saved


@pytest.mark.parametrize(('networks', 'address'), [
    ([], '192.0.2.1'), ([], '2001:db8::1'), (['127.0.0.0/8'], '127.0.0.1'),
    (['192.0.2.0/24'], 'localhost'), ([], 'bmc.example')])
def test_other_addresses_are_opened_and_names_are_left_to_the_proxy(
        console: GenericVNCConsole, conf: Any, networks: list[str],
        address: str) -> None:
    conf.config(group='ironic_console', endpoint_networks=networks)
    node = Node(**OPEN | {'vnc_address': address})
    console.start_console(Task(node))
    assert node.saved[0][nodes.HOST_KEY] == address
