# SPDX-License-Identifier: Apache-2.0
"""The real parts on one machine start, tell why they do not, and stop."""

import pathlib
import socket
from collections.abc import Iterator

import pytest

from tools.lab import (
    InTreeProxy,
    LocalIronic,
    LocalProxy,
    ProgramError,
    RestError,
    check_free,
    novnc,
)


@pytest.fixture(scope='module')
def ironic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalIronic]:
    with LocalIronic(tmp_path_factory.mktemp('ironic'), split=True,
                     hardware_types=['redfish', 'idrac', 'ipmi',
                                     'fake-hardware']) as started:
        yield started


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(('127.0.0.1', 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize('driver', ['redfish', 'idrac', 'ipmi',
                                    'fake-hardware'])
def test_nodes_of_all_hardware_types(ironic: LocalIronic,
                                     driver: str) -> None:
    node = ironic.rest.create_node(driver=driver)
    assert ironic.rest.node(node['uuid'])['driver'] == driver


def test_the_real_command_line_program(ironic: LocalIronic) -> None:
    made = ironic.baremetal('node', 'create', '--driver', 'fake-hardware',
                            '--name', 'by-hand')
    assert ironic.rest.node('by-hand')['uuid'] == made['uuid']
    assert ironic.baremetal('node', 'set', 'by-hand', '--extra',
                            'a=b') is None
    with pytest.raises(ProgramError, match='no-such-node'):
        ironic.baremetal('node', 'show', 'no-such-node')


def test_a_refusal_has_status_and_words(ironic: LocalIronic) -> None:
    with pytest.raises(RestError, match='no-such-node') as caught:
        ironic.rest.node('no-such-node')
    assert caught.value.status == 404


def test_the_in_tree_proxy_and_ours_serve(
        ironic: LocalIronic, tmp_path: pathlib.Path) -> None:
    files = novnc.get(tmp_path / 'npm.log')
    web = novnc.in_tree_web(tmp_path / 'web', files)
    page = 'http://127.0.0.1/console.html'
    for proxy in (
            InTreeProxy(ironic.config_file, tmp_path, novnc_web=web),
            LocalProxy(ironic.config_file, tmp_path, options={
                'vnc': {'novnc_web': files, 'public_url': page}})):
        with proxy:
            assert proxy.ready()
        check_free('127.0.0.1', proxy.port, 'this test')


def test_nodes_outlive_a_restart_and_no_port_stays_taken(
        tmp_path: pathlib.Path) -> None:
    with LocalIronic(tmp_path) as ironic:
        ironic.rest.create_node(driver='fake-hardware', name='here')
        ironic.restart()
        assert ironic.rest.node('here')['name'] == 'here'
    for port in (ironic.api_port, ironic.json_rpc_port):
        check_free('127.0.0.1', port, 'this test')


@pytest.mark.parametrize('service', ['api_port', 'json_rpc_port'])
def test_a_worker_that_dies_again_and_again_is_seen(
        tmp_path: pathlib.Path, busy_port: int, service: str) -> None:
    with pytest.raises(ProgramError, match='Address already in use'):
        LocalIronic(tmp_path, **{service: busy_port}).start()


def test_a_wrong_interface_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ProgramError, match='no-such-console'):
        LocalIronic(tmp_path, console_interfaces=['no-such-console']).start()
