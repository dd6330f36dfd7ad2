# SPDX-License-Identifier: Apache-2.0
"""What many of these tests stand before, and behind: a VNC server, and a
simulated BMC with its client."""

from collections.abc import Iterator

import pytest

from ironic_console.common.nodes import NodeRecord
from tests.helpers.bmc import Bmcs
from tests.helpers.proxy import OTHER, node_record
from tests.helpers.redfish_client import RedfishClient
from tests.simulators.redfish_bmc import RedfishBmc
from tests.simulators.rfb_server import RfbServer, echo_server


@pytest.fixture(scope='module')
def endpoint() -> Iterator[RfbServer]:
    """It sends back what it is sent."""
    with RfbServer(echo_server()) as server:
        yield server


@pytest.fixture(scope='module')
def record(endpoint: RfbServer) -> NodeRecord:
    """A node with that endpoint."""
    return node_record(endpoint.port)


@pytest.fixture(scope='module')
def other(endpoint: RfbServer) -> NodeRecord:
    """Another node, with the same endpoint."""
    return node_record(endpoint.port, uuid=OTHER)


@pytest.fixture
def bmc(bmcs: Bmcs) -> RedfishBmc:
    return bmcs.start()


@pytest.fixture
def client(bmcs: Bmcs, bmc: RedfishBmc) -> RedfishClient:
    return RedfishClient(bmcs, bmc)
