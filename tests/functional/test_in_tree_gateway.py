# SPDX-License-Identifier: Apache-2.0
"""Ironic's own proxy at our gateway: a site that keeps it gets to consoles
that want a password."""

import dataclasses
import pathlib
from collections.abc import Iterator

import pytest

from tests.helpers.foreign_viewer import ForeignViewer, ViewerClosed
from tests.helpers.gateway import GatewaySite, start_site
from tests.helpers.proxy import wait_until
from tests.helpers.vnc_servers import PASSWORD, password_file
from tests.helpers.xvnc import Xvnc
from tools.lab import novnc
from tools.lab.proxy import InTreeProxy, LocalProxy

COLOUR = 0x2f6fb5


@pytest.fixture(scope='module')
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xvnc]:
    """A server that lets nobody in without a password."""
    folder = tmp_path_factory.mktemp('screen')
    with Xvnc(folder, '-SecurityTypes', 'VncAuth', '-rfbauth',
              password_file(folder), '-geometry', '320x240') as server:
        server.paint(COLOUR)
        yield server


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory, schema: pathlib.Path,
         novnc_root: pathlib.Path) -> Iterator[GatewaySite]:
    with start_site(tmp_path_factory.mktemp('plain'), schema, novnc_root,
                    token_format='plain') as running:
        yield running


@pytest.fixture(scope='module')
def gateway(site: GatewaySite) -> Iterator[LocalProxy]:
    """Ours; the browsers' port of the site is the other proxy's."""
    aside = dataclasses.replace(site, proxy_port=0)
    with aside.proxy('gateway', gateway_security='none', sharing='refuse',
                     ) as running:
        yield running


@pytest.fixture(scope='module')
def in_tree(site: GatewaySite, gateway: LocalProxy, novnc_root: pathlib.Path,
            tmp_path_factory: pytest.TempPathFactory,
            ) -> Iterator[InTreeProxy]:
    folder = tmp_path_factory.mktemp('in-tree')
    with InTreeProxy(site.ironic.config_file, folder, port=site.proxy_port,
                     novnc_web=novnc.in_tree_web(folder / 'web', novnc_root),
                     ) as running:
        yield running


@pytest.fixture
def node(site: GatewaySite, in_tree: InTreeProxy, screen: Xvnc,
         ) -> Iterator[str]:
    made, _ = site.make_node(
        'generic-vnc', instance=False, vnc_address='127.0.0.1',
        vnc_port=screen.port, vnc_password=PASSWORD, vnc_security='vncauth')
    site.ironic.rest.set_console(made, True)
    door = site.door(made)
    yield made
    site.delete(made, door)


def test_shows_a_screen_that_wants_a_password(site: GatewaySite, node: str,
                                              ) -> None:
    with ForeignViewer(site.ironic.rest.console_url(node)) as viewer:
        assert viewer.width == 320
        pixel = COLOUR.to_bytes(3, 'little')
        wait_until(lambda: pixel in viewer.picture(), 'the colour')


def test_says_why_when_somebody_else_has_the_console(site: GatewaySite,
                                                     node: str) -> None:
    url = site.ironic.rest.console_url(node)
    with ForeignViewer(url), pytest.raises(ViewerClosed) as caught:
        ForeignViewer(url)
    assert 'Somebody else is using the console' in caught.value.refusal


def test_ends_when_the_console_is_switched_off(
        site: GatewaySite, gateway: LocalProxy, node: str) -> None:
    with ForeignViewer(site.ironic.rest.console_url(node)) as viewer:
        site.ironic.rest.set_console(node, False)
        viewer.wait_closed()
    wait_until(lambda: f'node {node} closed' in gateway.written(),
               'the audit line')
    assert 'revoked' in gateway.written()
