# SPDX-License-Identifier: Apache-2.0
"""Nodes of a real Ironic with simulated iDRACs, and who must not learn what.

    with IdracNodes(ironic, proxy, bmcs) as nodes:
        node = nodes.enroll('idrac8')
        with node.opened() as viewer:
            ...

At the end the nodes are deleted, and what opened something has been seen by
nobody.
"""

import contextlib
import json
import secrets
import sqlite3
from collections import Counter
from types import TracebackType
from typing import Any, Self

from ironic_console.common import nodes as keys
from tests.helpers.bmc import Bmcs
from tests.helpers.foreign_viewer import ForeignViewer
from tests.helpers.onlooker import Onlooker
from tests.helpers.proxy import wait_until
from tests.simulators.redfish_bmc import RedfishBmc
from tests.simulators.redfish_bmc.attributes import ENABLE, PASSWORD
from tools.lab import ports
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import LocalProxy

#: Seconds for what Ironic does in the background. The machine may be busy.
PATIENCE = 60.0


class IdracNode:
    """A node of Ironic, and its BMC."""

    def __init__(self, ironic: LocalIronic, bmc: RedfishBmc, uuid: str,
                 ) -> None:
        self._ironic = ironic
        self.bmc = bmc
        self.uuid = uuid

    def __getitem__(self, field: str) -> Any:
        """:returns: a field of the node, as the API shows it."""
        return self._ironic.rest.node(self.uuid)[field]

    def enable(self) -> str:
        """:returns: URL of the console."""
        console = self._ironic.rest.set_console(self.uuid, True, PATIENCE)
        return str(console['console_info']['url'])

    def disable(self) -> None:
        self._ironic.rest.set_console(self.uuid, False, PATIENCE)

    def opened(self) -> ForeignViewer:
        """Enable the console and look at it."""
        return ForeignViewer(self.enable())

    def link(self) -> str:
        """:returns: another URL of a console that is enabled."""
        return self._ironic.rest.console_url(self.uuid)

    def provision(self, target: str, state: str) -> None:
        """:param state: in which that ends."""
        self._ironic.rest.call(
            'PUT', f'/v1/nodes/{self.uuid}/states/provision',
            {'target': target})
        self.wait_until(lambda: self['provision_state'] == state
                        and not self['reservation'], state)

    def history(self) -> str:
        """:returns: what Ironic tells of it, all events."""
        return '\n'.join(one['event'] for one in self._ironic.rest.call(
            'GET', f'/v1/nodes/{self.uuid}/history?detail=true')['history'])

    def stored(self) -> dict[str, Any]:
        """:returns: driver_internal_info as the database has it."""
        with contextlib.closing(
                sqlite3.connect(self._ironic.database)) as database:
            row = database.execute(
                'SELECT driver_internal_info FROM nodes WHERE uuid = ?',
                (self.uuid,)).fetchone()
        return dict(json.loads(row[0] or '{}')) if row else {}

    @property
    def password(self) -> str:
        """What the proxy is told that the VNC server wants."""
        return str(self.stored()[keys.CREDENTIAL_KEY]['password'])

    def serves(self) -> bool:
        """:returns: the VNC server is on and its port is open."""
        return (self.bmc.attributes[ENABLE] == 'Enabled'
                and ports.answers(self.bmc.host, self.bmc.vnc_port))

    def is_off(self, password: str) -> bool:
        """:param password: that was good before.
        :returns: the VNC server is off for good."""
        return (self.bmc.attributes[ENABLE] == 'Disabled'
                and self.bmc.attributes[PASSWORD] not in ('', password)
                and not ports.answers(self.bmc.host, self.bmc.vnc_port))

    def changes(self) -> int:
        """:returns: how often the BMC was told to change something."""
        return sum(count for (method, _path), count
                   in self.bmc.requests.items() if method == 'PATCH')

    @staticmethod
    def wait_until(condition: Any, what: str) -> Any:
        return wait_until(condition, what, PATIENCE)


class IdracNodes:
    """Those of one test; a context manager."""

    def __init__(self, ironic: LocalIronic, proxy: LocalProxy, bmcs: Bmcs,
                 ) -> None:
        self._ironic = ironic
        self._bmcs = bmcs
        self._nodes: list[IdracNode] = []
        self._onlooker = Onlooker(
            *(ironic.state_dir / f'{name}.log' for name in ironic.programs),
            proxy.log)

    def enroll(self, profile: str = 'idrac9', driver: str = 'idrac',
               driver_info: dict[str, Any] | None = None,
               **knobs: Any) -> IdracNode:
        """:param knobs: what goes wrong with its BMC from the beginning."""
        bmc = self._bmcs.start(profile, password=secrets.token_urlsafe(12),
                               **knobs)
        about = self._bmcs.driver_info(bmc) | {
            'idrac_vnc_port': bmc.vnc_port}
        node = self._ironic.rest.create_node(
            driver=driver, console_interface='idrac-vnc',
            driver_info=about | (driver_info or {}))
        self._nodes.append(IdracNode(self._ironic, bmc, node['uuid']))
        return self._nodes[-1]

    def delete(self, node: IdracNode) -> None:
        """As an operator does, and before that look at it."""
        self._onlooker.ask_api(self._ironic, node.uuid)
        self._ironic.rest.delete_node(node.uuid)

    def __enter__(self) -> Self:
        self._onlooker.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        there = {one['uuid'] for one in
                 self._ironic.rest.call('GET', '/v1/nodes')['nodes']}
        known: set[str] = set()
        for node in self._nodes:
            if node.uuid in there:
                known.add(node.stored().get(keys.SECRET_KEY) or '')
                # Who wants to change something would have to wait for it.
                node.wait_until(lambda node=node: not node['reservation'],
                                'nobody works with it')
                self.delete(node)
            known |= node.bmc.secrets
        self._onlooker.__exit__(kind, error, trace)
        if not error:
            assert not self._onlooker.found(known - {''})


def colours(viewer: ForeignViewer) -> Counter[tuple[int, ...]]:
    """:returns: of its screen, in 8 bits of red, green and blue, with how
        often they are there."""
    form = viewer.pixel_format
    highest = [int.from_bytes(form[at:at + 2]) for at in (4, 6, 8)]
    pixels = memoryview(viewer.picture()).cast('I' if form[0] == 32 else 'H')
    scales = list(zip(form[10:13], highest, strict=True))
    counted: Counter[tuple[int, ...]] = Counter()
    for pixel, count in Counter(pixels).items():
        colour = tuple((pixel >> shift & most) * 255 // most
                       for shift, most in scales)
        counted[colour] += count
    return counted
