# SPDX-License-Identifier: Apache-2.0
"""fake-vnc: driver_info, ports and failures on request."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from ironic_console.common import nodes
from ironic_console.common.errors import ConfigError, DriverError
from ironic_console.drivers.fake_vnc import FakeVNCConsole, Settings
from tests.helpers.conductor import Node, Task


@pytest.fixture
def console(conf: Any) -> Iterator[FakeVNCConsole]:
    made = FakeVNCConsole()
    yield made
    made._cards.stop()


def test_defaults() -> None:
    settings = Settings.from_driver_info({'redfish_address': 'ignored'})
    assert settings == Settings(1024, 768, 0, 'none', 5.0)


def test_reads_what_people_write() -> None:
    settings = Settings.from_driver_info({
        'fake_vnc_resolution': '800x600', 'fake_vnc_port': '5901',
        'fake_vnc_fault': 'drops', 'fake_vnc_fault_seconds': '0.5'})
    assert settings == Settings(800, 600, 5901, 'drops', 0.5)


@pytest.mark.parametrize(('key', 'value', 'remedy'), [
    ('fake_vnc_resolution', 'huge', '1024x768'),
    ('fake_vnc_resolution', '10x10', '160'),
    ('fake_vnc_resolution', '99999x768', '4096'),
    ('fake_vnc_resolution', None, '1024x768'),
    ('fake_vnc_port', 70000, '65535'),
    ('fake_vnc_port', 'x', '65535'),
    ('fake_vnc_port', -1, '65535'),
    ('fake_vnc_fault', 'explode', 'never-answers'),
    ('fake_vnc_fault_seconds', 'soon', '600'),
    ('fake_vnc_fault_seconds', float('nan'), '600'),
    ('fake_vnc_fault_seconds', float('inf'), '600'),
    ('fake_vnc_colour', 'red', 'fake_vnc_resolution'),
])
def test_says_which_key_is_wrong_and_what_is_allowed(
        key: str, value: object, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_driver_info({key: value})
    assert key in str(caught.value)
    assert remedy in str(caught.value)


def test_every_key_is_described() -> None:
    described = FakeVNCConsole.get_properties(None)
    assert {'console_read_only', 'fake_vnc_fault'} <= described.keys()
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
