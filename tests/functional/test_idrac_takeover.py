# SPDX-License-Identifier: Apache-2.0
"""Consoles of simulated iDRACs when their conductor dies: another one on the
same database takes the node over, and its console with it.

With SQLite, Ironic does not believe in heartbeats: who is online is what the
database says when a process first asks. So the test says there that the dead
one is not, as heartbeat_timeout would, and starts the other one then.
"""

import contextlib
import os
import pathlib
import signal
import sqlite3
from collections.abc import Iterator

import pytest

from ironic_console.common import nodes as keys
from tests.helpers.bmc import Bmcs
from tests.helpers.foreign_viewer import ForeignViewer
from tests.helpers.idrac_nodes import IdracNode, IdracNodes
from tests.simulators.redfish_bmc.attributes import ENABLE
from tools.lab import ports, settings
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import LocalProxy

#: JSON-RPC takes them for names of conductors.
ADDRESSES = ('127.0.0.1', '127.0.0.2')


class Site:
    """One Ironic whose conductor dies, and another one that is started then.

    :ivar ironic: with the API and the first conductor.
    """

    def __init__(self, folder: pathlib.Path, schema: pathlib.Path,
                 proxy_port: int) -> None:
        self._folder, self._schema = folder, schema
        self._proxy_port = proxy_port
        self._rpc_port = ports.free_port(ADDRESSES[1])
        self.ironic = self._make('one', ADDRESSES[0])
        self._other = self._make(
            'two', ADDRESSES[1],
            connection=f'sqlite:///{self.ironic.database}')
        self.log = self._other.state_dir / 'ironic-conductor.log'

    def lose_conductor(self) -> None:
        """As by a power cut, with all its workers."""
        program = self.ironic.programs.pop('ironic-conductor')
        os.killpg(program.pid, signal.SIGKILL)
        program.stop()
        with (contextlib.closing(sqlite3.connect(self.ironic.database)) as db,
              db):
            db.execute('UPDATE conductors SET online = 0')

    def start_other(self) -> None:
        (self._other.state_dir / 'lock').mkdir(parents=True)
        settings.write(self._other.config_file, self._other.settings())
        self._other.start_program('ironic-conductor')
        # It knows by heart who was there.
        self.ironic.programs.pop('ironic-api').stop()
        self.ironic.start_program('ironic-api')
        self.ironic.wait_ready()

    def owner(self, node: IdracNode) -> int:
        """:returns: the conductor that has prepared the node last."""
        with contextlib.closing(sqlite3.connect(self.ironic.database)) as db:
            return int(db.execute(
                'SELECT conductor_affinity FROM nodes WHERE uuid = ?',
                (node.uuid,)).fetchone()[0])

    def stop(self) -> None:
        self._other.stop()
        self.ironic.stop()

    def _make(self, name: str, address: str, **database: settings.Value,
              ) -> LocalIronic:
        return LocalIronic(
            self._folder / name, address=address,
            json_rpc_port=self._rpc_port,
            console_interfaces=('idrac-vnc', 'no-console'), debug=True,
            split=True, schema=self._schema, options={
                'conductor': {'sync_local_state_interval': 2},
                'database': database,
                'vnc': {'public_url': f'http://127.0.0.1:{self._proxy_port}'
                                      '/console.html'},
                'ironic_console': {'endpoint_networks': '127.0.0.0/8',
                                   'recheck_interval': 1}})


@pytest.fixture
def proxy_port() -> int:
    return ports.free_port()


@pytest.fixture
def site(tmp_path: pathlib.Path, schema: pathlib.Path, proxy_port: int,
         ) -> Iterator[Site]:
    site = Site(tmp_path, schema, proxy_port)
    with site.ironic:
        try:
            yield site
        finally:
            site.stop()


@pytest.fixture
def nodes(site: Site, proxy_port: int, novnc_root: pathlib.Path, bmcs: Bmcs,
          tmp_path: pathlib.Path) -> Iterator[IdracNodes]:
    with (LocalProxy(site.ironic.config_file, tmp_path, port=proxy_port,
                     options={'vnc': {'novnc_web': novnc_root}}) as proxy,
          IdracNodes(site.ironic, proxy, bmcs, site.log) as nodes):
        yield nodes


def test_another_conductor_takes_over_the_consoles_of_a_dead_one(
        site: Site, nodes: IdracNodes) -> None:
    good, bad = (nodes.enroll(driver='fake-hardware') for _ in range(2))
    links = {}
    for node in (good, bad):
        node.provision('manage', 'manageable')
        node.provision('provide', 'available')
        node.provision('active', 'active')
        links[node] = node.enable()
    before, changes = good.stored(), good.changes()
    bad_before = bad.password
    first = site.owner(good)
    with ForeignViewer(links[good]) as viewer:
        site.lose_conductor()
        bad.bmc.set_attributes({ENABLE: 'Disabled'})
        site.start_other()
        for node in links:
            node.wait_until(
                lambda node=node: site.owner(node) != first
                and not node['reservation'], 'the take-over')
        # What was good is left alone, and who looks does not notice.
        assert good.changes() == changes
        assert good.stored() == before
        viewer.press(ord('x'))
        assert viewer.picture()
    assert bad.stored()[keys.CREDENTIAL_KEY]['password'] != bad_before
    for node, link in links.items():
        assert node['console_enabled'] is True
        with ForeignViewer(link) as viewer:
            assert viewer.name == b'OpenVNC'
        password = node.password
        node.disable()
        assert node.is_off(password)
