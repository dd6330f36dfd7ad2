# SPDX-License-Identifier: Apache-2.0
"""What Nova is told of the gateway, and when."""

import socket
import threading

import pytest

from ironic_console.common.clock import Clock
from ironic_console.common.errors import ConfigError
from ironic_console.drivers import gateway
from tests.helpers.conductor import Node
from tools.lab import ports


@pytest.fixture
def node() -> Node:
    node = Node()
    node.id = 7
    return node


@pytest.fixture(autouse=True)
def host(conf) -> None:
    conf.config(group='ironic_console', gateway_host='127.0.0.1',
                gateway_port_range='16000:16009')


def test_without_a_gateway_there_is_no_address(node, conf):
    conf.config(group='ironic_console', gateway_host=None)
    assert gateway.address_of(node) is None


@pytest.mark.parametrize('name', ['192.0.2.1', '2001:db8::1',
                                  'gateway.example.org'])
def test_the_port_is_that_of_the_number_in_the_database(node, conf, name):
    conf.config(group='ironic_console', gateway_host=name)
    assert gateway.address_of(node) == (name, 16006)


def test_a_range_that_is_too_small_is_told(node):
    node.id = 11
    with pytest.raises(ConfigError, match='node number 11'):
        gateway.address_of(node)


@pytest.mark.parametrize('name', ['0.0.0.0', '::'])
def test_nobody_can_connect_to_nowhere(node, conf, name):
    conf.config(group='ironic_console', gateway_host=name)
    with pytest.raises(ConfigError, match=f'gateway_host is {name}, where'):
        gateway.address_of(node)


@pytest.mark.parametrize(('info', 'told'), [
    ({}, False), ({'vnc_host': 'a', 'vnc_port': 1}, True),
    ({'vnc_host': 'b', 'vnc_port': 1}, False),
    ({'vnc_host': 'a', 'vnc_port': 2}, False)])
def test_knows_what_nova_is_told_already(node, info, told):
    node.driver_internal_info = info
    assert gateway.is_told(node, ('a', 1)) is told


def test_waits_for_the_port_to_open(node, caplog):
    port = ports.free_port()
    waiting = threading.Thread(target=gateway.wait_until_open, args=(
        node, ('127.0.0.1', port), Clock()))
    waiting.start()
    with socket.create_server(('127.0.0.1', port)) as listener:
        listener.settimeout(10)
        listener.accept()[0].close()
        waiting.join(10)
        assert not waiting.is_alive()
    assert not caplog.text


def test_does_not_wait_for_ever_and_says_what_to_look_at(node, caplog,
                                                         monkeypatch):
    monkeypatch.setattr(gateway, '_OPEN_TIMEOUT', 0.3)
    port = ports.free_port()
    gateway.wait_until_open(node, ('127.0.0.1', port), Clock())
    assert f'its port {port} at 127.0.0.1' in caplog.text
    assert 'is ironic-console-novncproxy running' in caplog.text


def test_a_name_that_is_not_known_is_no_reason_to_fail(node, caplog,
                                                       monkeypatch):
    monkeypatch.setattr(gateway, '_OPEN_TIMEOUT', 0.1)
    gateway.wait_until_open(node, ('nowhere.invalid', 5900), Clock())
    assert 'nowhere.invalid' in caplog.text
