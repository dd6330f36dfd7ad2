# SPDX-License-Identifier: Apache-2.0
"""A port for each node, and clear words where there is none."""

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.common.gateway_ports import parse_ports, port_of


@pytest.mark.parametrize(('text', 'ports'), [
    ('16000:19999', range(16000, 20000)), ('1:65535', range(1, 65536)),
    ('5900:5900', range(5900, 5901)), (' 10 : 20 ', range(10, 21))])
def test_a_range_has_both_its_ends(text, ports):
    assert parse_ports(text) == ports


@pytest.mark.parametrize('text', [
    '', ':', '16000', '16000:', ':16000', '2:1', '0:10', '-5:10', 'a:b',
    '1:65536', '1:2:3', '1-2', '1.0:2', '5900:5900,5910'])
def test_what_is_no_range_is_refused_with_an_example(text):
    with pytest.raises(ConfigError, match='16000:19999') as caught:
        parse_ports(text)
    assert repr(text) in str(caught.value)


def test_each_node_has_a_port_of_its_own():
    ports = range(100, 110)
    assert [port_of(number, ports) for number in range(1, 11)] == list(ports)


def test_a_range_that_grows_at_its_end_moves_no_node():
    assert port_of(7, range(100, 110)) == port_of(7, range(100, 500))


@pytest.mark.parametrize('number', [0, -1, 11, 10**9])
def test_a_node_beyond_the_range_is_told_what_to_do(number):
    with pytest.raises(ConfigError, match='make it longer at its end') as it:
        port_of(number, range(100, 110))
    assert f'has 10 ports, and this is node number {number}' in str(it.value)
