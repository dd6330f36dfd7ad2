# SPDX-License-Identifier: Apache-2.0
"""fake-vnc: driver_info, ports and failures on request."""

import dataclasses
import logging
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from ironic_console.common import nodes
from ironic_console.common.addresses import (
    AddressPolicy,
    Resolver,
    parse_networks,
)
from ironic_console.common.clock import Clock
from ironic_console.common.endpoint_dialer import EndpointDialer
from ironic_console.common.errors import (
    AuthenticationFailed,
    ConfigError,
    DriverError,
    NoCommonSecurityType,
)
from ironic_console.common.nodes import NodeRecord
from ironic_console.common.tls import ClientTls, EndpointTls
from ironic_console.drivers.fake_vnc import FakeVNCConsole, Settings
from tests.helpers.conductor import Node, Task
from tests.helpers.viewer import Viewer

PATIENT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
PATIENT.check_hostname = False
PATIENT.verify_mode = ssl.CERT_NONE


@pytest.fixture
def console(conf: Any) -> Iterator[FakeVNCConsole]:
    made = FakeVNCConsole()
    yield made
    made._cards.stop()


def test_defaults() -> None:
    settings = Settings.from_driver_info({'redfish_address': 'ignored'})
    assert settings == Settings(1024, 768, 0, 'none', 5.0, 'none')


def test_reads_what_people_write() -> None:
    settings = Settings.from_driver_info({
        'fake_vnc_resolution': '800x600', 'fake_vnc_port': '5901',
        'fake_vnc_fault': 'drops', 'fake_vnc_fault_seconds': '0.5',
        'fake_vnc_security': 'x509vnc'})
    assert settings == Settings(800, 600, 5901, 'drops', 0.5, 'x509vnc')


@pytest.mark.parametrize(('key', 'value', 'remedy'), [
    ('fake_vnc_resolution', 'huge', '1024x768'),
    ('fake_vnc_resolution', '10x10', '160'),
    ('fake_vnc_resolution', '99999x768', '4096'),
    ('fake_vnc_resolution', None, '1024x768'),
    ('fake_vnc_port', 70000, '65535'),
    ('fake_vnc_port', 'x', '65535'),
    ('fake_vnc_port', -1, '65535'),
    ('fake_vnc_port', 10 ** 400, '65535'),
    ('fake_vnc_port', True, '65535'),
    ('fake_vnc_port', 5901.5, '65535'),
    ('fake_vnc_resolution', 'x' * 100_000, '1024x768'),
    ('fake_vnc_fault', 'explode', 'never-answers'),
    ('fake_vnc_fault_seconds', 'soon', '600'),
    ('fake_vnc_fault_seconds', 10 ** 400, '600'),
    ('fake_vnc_fault_seconds', float('nan'), '600'),
    ('fake_vnc_fault_seconds', float('inf'), '600'),
    ('fake_vnc_colour', 'red', 'fake_vnc_resolution'),
    ('fake_vnc_security', 'ra2',
     'none, vncauth, x509none, x509vnc, x509plain'),
    ('fake_vnc_security', None, 'x509plain'),
    ('fake_vnc_security', ['none'], 'x509plain'),
])
def test_says_which_key_is_wrong_and_what_is_allowed(
        key: str, value: object, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_driver_info({key: value})
    assert key in str(caught.value)
    assert remedy in str(caught.value)


def test_every_key_is_described() -> None:
    described = FakeVNCConsole.get_properties(None)
    assert {'console_read_only', 'fake_vnc_fault',
            'fake_vnc_security'} <= described.keys()
    assert all(text.endswith('.') for text in described.values())


def test_card_listens_while_the_console_is_open(
        console: FakeVNCConsole) -> None:
    task = Task(Node())
    opened = console.open_console(task)
    address = (opened.endpoint.host, opened.endpoint.port)
    with socket.create_connection(address, 5) as sock:
        assert sock.recv(12) == b'RFB 003.008\n'
    console.close_console(task)
    with pytest.raises(OSError, match='refused'):
        socket.create_connection(address, 5)


def test_port_is_the_same_after_stop_and_start(
        console: FakeVNCConsole) -> None:
    task = Task(Node())
    console.start_console(task)
    before = task.node.driver_internal_info[nodes.PORT_KEY]
    console.stop_console(task)
    console.start_console(task)
    assert task.node.driver_internal_info[nodes.PORT_KEY] == before


def test_port_is_the_same_after_a_restart_of_the_conductor(
        console: FakeVNCConsole, conf: Any) -> None:
    task = Task(Node())
    console.start_console(task)
    before = task.node.driver_internal_info[nodes.PORT_KEY]
    console._cards.stop()
    again = FakeVNCConsole()
    again.start_console(task)
    try:
        assert task.node.driver_internal_info[nodes.PORT_KEY] == before
    finally:
        again._cards.stop()


def test_another_port_is_taken_when_the_usual_one_is_in_use(
        console: FakeVNCConsole) -> None:
    task = Task(Node())
    console.start_console(task)
    port = task.node.driver_internal_info[nodes.PORT_KEY]
    console.stop_console(task)
    with socket.create_server(('127.0.0.1', port)):
        console.start_console(task)
    assert task.node.driver_internal_info[nodes.PORT_KEY] != port


def test_wished_port_in_use_is_told(console: FakeVNCConsole) -> None:
    with socket.create_server(('127.0.0.1', 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(DriverError, match=str(port)):
            console.open_console(Task(Node(fake_vnc_port=port)))


def test_start_fails_on_request(console: FakeVNCConsole) -> None:
    with pytest.raises(DriverError, match='fake_vnc_fault'):
        console.open_console(Task(Node(fake_vnc_fault='start-fails')))


def test_wildcard_address_is_told_as_one_that_can_be_reached(
        console: FakeVNCConsole, conf: Any) -> None:
    conf.config(group='ironic_console', fake_vnc_address='0.0.0.0')
    conf.config(my_ip='192.0.2.9')
    assert console.open_console(Task(Node())).endpoint.host == '192.0.2.9'


# -- security -----------------------------------------------------------------

TYPES = {'none': 1, 'vncauth': 2, 'x509none': 260, 'x509vnc': 261,
         'x509plain': 262}
WITH_PASSWORD = ['vncauth', 'x509vnc', 'x509plain']


def started(console: FakeVNCConsole, node: Node) -> NodeRecord:
    """:returns: the node as the proxy sees it."""
    console.start_console(Task(node))
    return NodeRecord.from_info(node.uuid, node.name, 'fake-vnc', True,
                                node.saved[-1])


def see(record: NodeRecord) -> bytes:
    """Open it as the proxy does.

    :returns: name of the desktop.
    """
    dialer = EndpointDialer(
        Resolver(AddressPolicy(parse_networks(['127.0.0.0/8']))),
        EndpointTls(ClientTls()), Clock(), 5, 5)
    opened = dialer.open(record.endpoint(), record.credential(),
                         lambda event: None)
    opened.channel.close()
    return opened.handshake.server_init.name


@pytest.mark.parametrize('security', TYPES)
def test_the_proxy_gets_in_by_what_the_record_says(
        console: FakeVNCConsole, security: str) -> None:
    record = started(console, Node(fake_vnc_security=security))
    assert record.endpoint().security_types == (TYPES[security],)
    assert (record.credential() is not None) == (security in WITH_PASSWORD)
    assert (record.endpoint().tls.verify == 'fingerprint') == (
        security.startswith('x509'))
    assert see(record) == b'rack7'


@pytest.mark.parametrize('security', WITH_PASSWORD)
def test_nobody_else_gets_in(console: FakeVNCConsole, security: str) -> None:
    node = Node(fake_vnc_security=security)
    record = started(console, node)
    node.saved[-1][nodes.CREDENTIAL_KEY]['password'] = 'wr0ng'
    with pytest.raises(AuthenticationFailed):
        see(record)
    endpoint = dataclasses.replace(record.endpoint(), security_types=(1,))
    node.saved[-1][nodes.ENDPOINT_KEY] = endpoint.to_dict()
    with pytest.raises(NoCommonSecurityType):
        see(record)


def test_passwords_are_random_and_each_node_has_its_own(
        console: FakeVNCConsole) -> None:
    passwords = set()
    for number in range(20):
        node = Node(fake_vnc_security='vncauth')
        node.uuid = str(number)
        password = started(console, node).credential().password.reveal()
        assert len(password) == 8
        assert password.isascii()
        assert password.isalnum()
        passwords.add(password)
    assert len(passwords) == 20


def test_a_second_start_keeps_password_port_and_viewers(
        console: FakeVNCConsole) -> None:
    node = Node(fake_vnc_security='x509vnc')
    before = started(console, node)
    with Viewer('127.0.0.1', before.endpoint().port, 261,
                before.credential(), PATIENT) as viewer:
        after = started(console, node)
        assert after.info == before.info
        viewer.look()


@pytest.mark.parametrize('stored', [
    None, {}, {'password': ''}, {'password': 'short'},
    {'password': 'pa55 or'}, {'password': None}])
def test_a_password_that_is_none_is_made_anew(
        console: FakeVNCConsole, stored: object) -> None:
    node = Node(fake_vnc_security='vncauth')
    started(console, node)
    node.driver_internal_info[nodes.CREDENTIAL_KEY] = stored
    record = started(console, node)
    assert see(record) == b'rack7'
    assert len(record.credential().password.reveal()) == 8


def test_a_password_of_another_interface_is_not_taken_over(
        console: FakeVNCConsole, quick: None) -> None:
    node = Node(fake_vnc_security='vncauth')
    node.driver_internal_info |= {
        nodes.ENDPOINT_KEY: {'host': '192.0.2.1', 'port': 5900,
                             'kind': 'idrac-vnc'},
        nodes.CREDENTIAL_KEY: {'password': 'idracpw1'}}
    record = started(console, node)
    assert record.credential().password.reveal() != 'idracpw1'


def test_stop_takes_the_password_and_the_next_start_makes_another(
        console: FakeVNCConsole) -> None:
    node = Node(fake_vnc_security='vncauth')
    before = started(console, node).credential()
    console.stop_console(Task(node))
    assert nodes.CREDENTIAL_KEY not in node.saved[-1]
    assert started(console, node).credential() != before


def test_who_asks_for_less_gets_less(console: FakeVNCConsole) -> None:
    node = Node(fake_vnc_security='x509plain')
    started(console, node)
    node.driver_info = {}
    record = started(console, node)
    assert nodes.CREDENTIAL_KEY not in node.saved[-1]
    assert see(record) == b'rack7'


def test_shows_no_password_to_anybody(
        console: FakeVNCConsole, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    record = started(console, Node(fake_vnc_security='x509plain'))
    see(record)
    assert record.credential().password.reveal() not in (
        caplog.text + repr(record) + repr(console.__dict__)
        + repr(console._cards.__dict__))
