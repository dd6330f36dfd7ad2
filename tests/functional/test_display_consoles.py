# SPDX-License-Identifier: Apache-2.0
"""Consoles on web pages, in a real Ironic, through the real proxy, with real
Xvnc and Chromium: what operators do and users see."""

import pathlib
from collections.abc import Iterator

import pytest

from tests.helpers.display_nodes import (
    INTERFACES,
    PATIENCE,
    DisplayNodes,
    wait_for_colour,
)
from tests.helpers.foreign_viewer import ForeignViewer
from tools.lab import ports
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import LocalProxy

TYPES = ('fake-hardware', 'redfish', 'idrac', 'ipmi')


@pytest.fixture(scope='module')
def proxy_port() -> int:
    return ports.free_port()


@pytest.fixture(scope='module')
def ironic(tmp_path_factory: pytest.TempPathFactory, schema: pathlib.Path,
           proxy_port: int, novnc_root: pathlib.Path,
           ) -> Iterator[LocalIronic]:
    """An Ironic whose conductor starts displays."""
    options = {
        'vnc': {'public_url': f'http://127.0.0.1:{proxy_port}/console.html',
                'novnc_web': novnc_root,
                'container_provider': 'display-process'},
        'ironic_console': {'endpoint_networks': '127.0.0.0/8',
                           'recheck_interval': 1, 'display_linger': 1,
                           'display_resolution': '1024x768',
                           'console_check_interval': 2},
    }
    with LocalIronic(
            tmp_path_factory.mktemp('ironic'), hardware_types=TYPES,
            console_interfaces=(*sorted(set(INTERFACES.values())),
                                'no-console'),
            options=options, debug=True, schema=schema) as running:
        yield running


@pytest.fixture(scope='module')
def proxy(ironic: LocalIronic, proxy_port: int,
          tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProxy]:
    with LocalProxy(ironic.config_file, tmp_path_factory.mktemp('proxy'),
                    port=proxy_port) as running:
        yield running


@pytest.fixture
def nodes(ironic: LocalIronic, proxy: LocalProxy) -> Iterator[DisplayNodes]:
    with DisplayNodes(ironic, proxy) as nodes:
        yield nodes


@pytest.mark.parametrize('profile', INTERFACES)
def test_a_viewer_sees_the_console_types_into_it_and_leaves_no_session(
        nodes: DisplayNodes, profile: str) -> None:
    node = nodes.enroll(profile)
    url = node.enable()
    assert not node.bmc.log, 'nobody looks yet'
    with ForeignViewer(url) as viewer:
        node.wait_for_picture(viewer)
        assert len(node.bmc.sessions) <= 1
        viewer.press(ord('a'))
        node.bmc.wait_for(lambda: 'a' in node.bmc.typed, 'the key')
    node.bmc.wait_for(lambda: not node.bmc.consoles, 'the page to be closed',
                      PATIENCE)
    node.bmc.wait_for(lambda: not node.bmc.sessions, 'to be logged out',
                      PATIENCE)
    with ForeignViewer(node.link()) as viewer:
        node.wait_for_picture(viewer)
        node.bmc.paint(0x3f7f3f)
        wait_for_colour(viewer, 0x3f7f3f)
