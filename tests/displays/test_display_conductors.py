# SPDX-License-Identifier: Apache-2.0
"""Displays when their node goes to another conductor, and both are alive.

The conductors are of two groups, since that is how operators move a node, and
each starts displays itself, at an address of its own.
"""

import pathlib
from collections.abc import Iterator

import psutil
import pytest

from tests.helpers.display_nodes import (
    PATIENCE,
    DisplayNode,
    DisplayNodes,
    programs_of,
)
from tests.helpers.foreign_viewer import ForeignViewer
from tests.helpers.proxy import wait_until
from tools.lab import ports, settings
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import LocalProxy

#: JSON-RPC takes them for names of conductors.
ADDRESSES = ('127.0.0.1', '127.0.0.2')


class Site:
    """One Ironic with two conductors.

    :ivar ironic: with the API and the first one.
    :ivar other: with the second one, of the group "other".
    """

    def __init__(self, folder: pathlib.Path, schema: pathlib.Path,
                 novnc_root: pathlib.Path, proxy_port: int) -> None:
        self._folder, self._schema = folder, schema
        self._novnc_root, self._proxy_port = novnc_root, proxy_port
        self._rpc_port = ports.free_port(ADDRESSES[1])
        self.ironic = self._make('one', ADDRESSES[0], '')
        self.other = self._make(
            'two', ADDRESSES[1], 'other',
            connection=f'sqlite:///{self.ironic.database}')

    def __enter__(self) -> 'Site':
        self.ironic.start()
        try:
            (self.other.state_dir / 'lock').mkdir(parents=True)
            settings.write(self.other.config_file, self.other.settings())
            self.other.start_program('ironic-conductor')
            wait_until(lambda: len(self.ironic.rest.call(
                'GET', '/v1/conductors')['conductors']) == 2,
                'the other conductor', PATIENCE)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.other.stop()
        self.ironic.stop()

    def move(self, node: DisplayNode) -> None:
        """Give it to the other conductor."""
        self.ironic.rest.set_node(node.uuid, conductor_group='other')

    def _make(self, name: str, address: str, group: str,
              **database: settings.Value) -> LocalIronic:
        return LocalIronic(
            self._folder / name, address=address,
            json_rpc_port=self._rpc_port, debug=True, split=True,
            console_interfaces=('ilo-kvm', 'no-console'),
            schema=self._schema, options={
                'conductor': {'conductor_group': group},
                'database': database,
                'vnc': {'public_url': f'http://127.0.0.1:{self._proxy_port}'
                                      '/console.html',
                        'novnc_web': self._novnc_root,
                        'container_provider': 'display-process'},
                'ironic_console': {'endpoint_networks': '127.0.0.0/8',
                                   'recheck_interval': 1,
                                   'display_linger': 1,
                                   'display_resolution': '640x480',
                                   'console_check_interval': 2}})


@pytest.fixture(scope='module')
def proxy_port() -> int:
    return ports.free_port()


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory, schema: pathlib.Path,
         novnc_root: pathlib.Path, proxy_port: int) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp('conductors'), schema, novnc_root,
              proxy_port) as site:
        yield site


@pytest.fixture(scope='module')
def proxy(site: Site, proxy_port: int,
          tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProxy]:
    with LocalProxy(site.ironic.config_file, tmp_path_factory.mktemp('proxy'),
                    port=proxy_port) as running:
        yield running


@pytest.fixture
def nodes(site: Site, proxy: LocalProxy) -> Iterator[DisplayNodes]:
    with DisplayNodes(site.ironic, proxy) as nodes:
        yield nodes
    wait_until(lambda: not programs_of(site.other), 'displays to be gone',
               PATIENCE)


def displays_of(conductor: LocalIronic) -> list[psutil.Process]:
    """:returns: one process for each of its displays."""
    return programs_of(conductor, 'ironic_console.drivers.displays')


def test_the_other_conductor_starts_a_display_and_the_first_stops_its_own(
        site: Site, nodes: DisplayNodes) -> None:
    node, stays = (nodes.enroll(driver='fake-hardware') for _ in range(2))
    link, other_link = node.enable(), stays.enable()
    with ForeignViewer(other_link) as other_viewer:
        stays.wait_for_picture(other_viewer)
        with ForeignViewer(link) as viewer:
            node.wait_for_picture(viewer)
            site.move(node)
            viewer.wait_closed()
        wait_until(lambda: node.endpoint['host'] == ADDRESSES[1]
                   and not node['reservation'], 'the other display', PATIENCE)
        node.bmc.wait_for(lambda: not node.bmc.sessions, 'to be logged out',
                          PATIENCE)
        # Who is not concerned does not notice.
        stays.bmc.paint(0x3f7f3f)
        stays.wait_for_picture(other_viewer, 0x3f7f3f)
    wait_until(lambda: len(displays_of(site.ironic)) == 1,
               'the first display to end', PATIENCE)
    assert len(displays_of(site.other)) == 1
    with ForeignViewer(link) as viewer:
        node.wait_for_picture(viewer)
    assert node.bmc.sessions_begun == 2


def test_a_console_that_is_disabled_there_has_no_display_left_here(
        site: Site, nodes: DisplayNodes) -> None:
    node = nodes.enroll(driver='fake-hardware')
    node.enable()
    assert displays_of(site.ironic)
    site.move(node)
    node.disable()
    wait_until(lambda: not displays_of(site.ironic) + displays_of(site.other),
               'both displays to end', PATIENCE)


def test_a_node_that_is_deleted_there_has_no_display_left_here(
        site: Site, nodes: DisplayNodes) -> None:
    node = nodes.enroll(driver='fake-hardware')
    node.enable()
    site.move(node)
    # It is deleted now.
