# SPDX-License-Identifier: Apache-2.0
"""Nodes of a real Ironic with simulated iDRACs, and who must not learn what.

    with IdracNodes(ironic, proxy, bmcs) as nodes:
        node = nodes.enroll('idrac8')
        with node.opened() as viewer:
            ...

At the end the nodes are deleted, and what opened something has been seen by
nobody.
"""

import itertools
import os
import pathlib
import secrets
from collections import Counter
from types import TracebackType
from typing import Any, Self

from tests.helpers.bmc import Bmcs
from tests.helpers.console_node import ConsoleNode
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
# Each BMC has an address of its own, with the usual port, which nobody else
# may take while VNC is off. The first parts tell processes apart.
_addresses = (f'127.{1 + os.getpid() // 250 % 250}.{os.getpid() % 250}.{last}'
              for last in itertools.cycle(range(1, 255)))


class IdracNode(ConsoleNode):
    """A node of Ironic, and its BMC."""

    def __init__(self, ironic: LocalIronic, bmc: RedfishBmc, uuid: str,
                 ) -> None:
        super().__init__(ironic, uuid, PATIENCE)
        self.bmc = bmc

    def ask_console(self, enabled: bool) -> None:
        """Ask for it to be enabled or disabled, and wait for nothing."""
        self.ironic.rest.call(
            'PUT', f'/v1/nodes/{self.uuid}/states/console',
            {'enabled': enabled})

    def provision(self, target: str, state: str) -> None:
        """:param state: in which that ends."""
        self.ironic.rest.call(
            'PUT', f'/v1/nodes/{self.uuid}/states/provision',
            {'target': target})
        self.wait_until(lambda: self['provision_state'] == state
                        and not self['reservation'], state)

    def history(self) -> str:
        """:returns: what Ironic tells of it, all events."""
        return '\n'.join(one['event'] for one in self.ironic.rest.call(
            'GET', f'/v1/nodes/{self.uuid}/history?detail=true')['history'])

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
    """Those of one test; a context manager.

    :param logs: further ones that are read beside those of both.
    """

    def __init__(self, ironic: LocalIronic, proxy: LocalProxy, bmcs: Bmcs,
                 *logs: pathlib.Path) -> None:
        self._ironic = ironic
        self._bmcs = bmcs
        self._nodes: list[IdracNode] = []
        self._onlooker = Onlooker(
            *(ironic.state_dir / f'{name}.log' for name in ironic.programs),
            proxy.log, *logs)

    def enroll(self, profile: str = 'idrac9', driver: str = 'idrac',
               driver_info: dict[str, Any] | None = None,
               **knobs: Any) -> IdracNode:
        """:param knobs: what goes wrong with its BMC from the beginning."""
        bmc = self._bmcs.start(
            profile, host=next(_addresses), vnc_port=5901,
            password=secrets.token_urlsafe(12), **knobs)
        node = self._ironic.rest.create_node(
            driver=driver, console_interface='idrac-vnc',
            driver_info=self._bmcs.driver_info(bmc) | (driver_info or {}))
        self._nodes.append(IdracNode(self._ironic, bmc, node['uuid']))
        return self._nodes[-1]

    def delete(self, node: IdracNode) -> None:
        """As an operator does, and before that look at it."""
        self._onlooker.ask_api(self._ironic, node.uuid)
        if node['provision_state'] == 'active':
            # Else Ironic would not let go of it.
            self._ironic.rest.call('PUT',
                                   f'/v1/nodes/{node.uuid}/maintenance', {})
        self._ironic.rest.delete_node(node.uuid)

    def __enter__(self) -> Self:
        self._onlooker.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        known: set[str] = set()
        try:
            self._end(known)
        finally:
            self._onlooker.__exit__(kind, error, trace)
        found = self._onlooker.found(known)
        assert error or not found, found

    def _end(self, known: set[str]) -> None:
        """:param known: gets what opens something."""
        there = {one['uuid'] for one in
                 self._ironic.rest.call('GET', '/v1/nodes')['nodes']}
        for node in self._nodes:
            if node.uuid in there:
                # Who wants to change something would have to wait for it.
                node.wait_until(lambda node=node: not node['reservation'],
                                'nobody works with it')
                self.delete(node)
            known |= node.bmc.secrets | node.openers


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
