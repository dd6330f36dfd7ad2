# SPDX-License-Identifier: Apache-2.0
"""A site that keeps Ironic's own proxy, and its hardware types untouched."""

import json
import pathlib
import sqlite3
import time
from collections.abc import Iterator

import pytest

from ironic_console.common import nodes
from tests.functional.test_ironic_consoles import BMC
from tests.helpers.foreign_viewer import ForeignViewer
from tools.lab import novnc, ports
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import InTreeProxy, LocalProxy
from tools.lab.rest import RestError


@pytest.fixture(scope='module')
def in_tree_port() -> int:
    return ports.free_port()


@pytest.fixture(scope='module')
def plain_ironic(tmp_path_factory: pytest.TempPathFactory,
                 schema: pathlib.Path, in_tree_port: int,
                 novnc_root: pathlib.Path) -> Iterator[LocalIronic]:
    options = {
        'vnc': {'public_url':
                f'http://127.0.0.1:{in_tree_port}/vnc_lite.html',
                'token_timeout': 10, 'novnc_web': novnc_root,
                'expire_console_session_interval': 1},
        'ironic_console': {'token_format': 'plain',
                           'endpoint_networks': '127.0.0.0/8',
                           'extend_hardware_types': False},
    }
    with LocalIronic(
            tmp_path_factory.mktemp('plain'),
            hardware_types=('fake-hardware', 'redfish', 'console-redfish',
                            'console-idrac', 'console-ipmi'),
            console_interfaces=('fake-vnc', 'no-console'),
            options=options, schema=schema) as running:
        yield running


@pytest.fixture(scope='module')
def in_tree_proxy(plain_ironic: LocalIronic, in_tree_port: int,
                  novnc_root: pathlib.Path,
                  tmp_path_factory: pytest.TempPathFactory,
                  ) -> Iterator[InTreeProxy]:
    folder = tmp_path_factory.mktemp('in-tree')
    with InTreeProxy(plain_ironic.config_file, folder, port=in_tree_port,
                     novnc_web=novnc.in_tree_web(folder / 'web', novnc_root),
                     ) as running:
        yield running


def enabled(ironic: LocalIronic, driver: str) -> str:
    node: str = ironic.rest.create_node(
        driver=driver, console_interface='fake-vnc',
        driver_info=BMC[driver.removeprefix('console-')])['uuid']
    ironic.rest.set_console(node, True)
    return node


def created(ironic: LocalIronic, node: str) -> str:
    with sqlite3.connect(ironic.database) as database:
        row = database.execute('SELECT driver_internal_info FROM nodes '
                               'WHERE uuid = ?', (node,)).fetchone()
    return str(json.loads(row[0])[nodes.CREATED_KEY])


def test_in_tree_proxy_serves_our_consoles(
        plain_ironic: LocalIronic, in_tree_proxy: InTreeProxy) -> None:
    node = enabled(plain_ironic, 'fake-hardware')
    with ForeignViewer(plain_ironic.rest.console_url(node)) as viewer:
        assert (viewer.width, viewer.height) == (1024, 768)
        before = viewer.picture()
        viewer.press(ord('x'))
        assert viewer.picture() != before


def test_our_proxy_takes_the_same_plain_link(
        plain_ironic: LocalIronic, in_tree_port: int,
        tmp_path: pathlib.Path) -> None:
    node = enabled(plain_ironic, 'fake-hardware')
    link = plain_ironic.rest.console_url(node)
    with LocalProxy(plain_ironic.config_file, tmp_path) as proxy:
        ours = link.replace(f':{in_tree_port}/', f':{proxy.port}/')
        with ForeignViewer(ours) as viewer:
            assert viewer.width == 1024


def test_plain_token_stays_valid_while_the_console_is_enabled(
        plain_ironic: LocalIronic) -> None:
    node = enabled(plain_ironic, 'fake-hardware')
    first = created(plain_ironic, node)
    deadline = time.monotonic() + 30
    while created(plain_ironic, node) == first:
        assert time.monotonic() < deadline, 'the token was not renewed'
        time.sleep(0.1)


@pytest.mark.parametrize('driver', ['console-redfish', 'console-idrac',
                                    'console-ipmi'])
def test_our_own_hardware_types_work_instead(
        plain_ironic: LocalIronic, in_tree_proxy: InTreeProxy,
        driver: str) -> None:
    node = enabled(plain_ironic, driver)
    validation = plain_ironic.rest.call('GET', f'/v1/nodes/{node}/validate')
    assert validation['power']['result'] is True, validation['power']
    with ForeignViewer(plain_ironic.rest.console_url(node)) as viewer:
        assert viewer.width == 1024


def test_untouched_hardware_type_does_not_take_our_console(
        plain_ironic: LocalIronic) -> None:
    with pytest.raises(RestError) as caught:
        plain_ironic.rest.create_node(
            driver='redfish', console_interface='fake-vnc',
            driver_info=BMC['redfish'])
    assert caught.value.status == 400
