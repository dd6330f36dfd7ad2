# SPDX-License-Identifier: Apache-2.0
"""Simulated BMCs for tests, as many as one wants, under one authority.

In a test, with the fixture ``bmcs``::

    bmc = bmcs.start()                              # an iDRAC9
    old = bmcs.start('idrac8', banner_delay=6.0)
    other = bmcs.start('idrac10', host='127.0.0.2', vnc_port=5901)
    node.driver_info = bmcs.driver_info(bmc)        # for Ironic
    bmc.turn(slow=3.0)
"""

import contextlib
import pathlib
from types import TracebackType
from typing import Any, Self

from tests.helpers.certificates import Authority
from tests.simulators.redfish_bmc import Identity, RedfishBmc


class Bmcs:
    """Those of one test, stopped with it; a context manager.

    :param folder: for the certificate of the authority.
    :ivar ca_file: PEM; what Ironic calls redfish_verify_ca.
    """

    def __init__(self, folder: pathlib.Path,
                 authority: Authority | None = None) -> None:
        self.authority = authority or Authority('BMC authority')
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / 'bmc-ca.pem'
        path.write_bytes(self.authority.pem)
        self.ca_file = str(path)
        self._stack = contextlib.ExitStack()

    def start(self, profile: str = 'idrac9', *, host: str = '127.0.0.1',
              port: int = 0, vnc_port: int = 0, password: str = 'calvin',
              **knobs: Any) -> RedfishBmc:
        """Start one.

        :param profile: name of a generation, see ``PROFILES``.
        :param port: of HTTPS; 0 for a free one.
        :param vnc_port: what VNCServer.1.Port is at first; 0 for a free one.
        :param password: of its user, root.
        :param knobs: what goes wrong from the beginning, see ``Knobs``.
        """
        certificate = self.authority.issue(host, 'localhost')
        identity = Identity(host, port, vnc_port, password=password)
        return self._stack.enter_context(RedfishBmc(
            certificate, profile, identity, **knobs))

    def driver_info(self, bmc: RedfishBmc) -> dict[str, str]:
        """:returns: what Ironic has to know of it."""
        return {'redfish_address': bmc.url,
                'redfish_username': bmc.identity.username,
                'redfish_password': bmc.identity.password,
                'redfish_verify_ca': self.ca_file}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stack.close()
