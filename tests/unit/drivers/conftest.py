# SPDX-License-Identifier: Apache-2.0
"""Ironic's configuration for drivers, as it was again after each test, and
nodes with simulated BMCs."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ironic.conductor import utils as conductor_utils
from ironic.conf import CONF
from oslo_config import fixture

from ironic_console.common.conf import console
from ironic_console.drivers import idrac_server, redfish, vnc_readiness
from tests.helpers.bmc import Bmcs
from tests.helpers.idrac import Rack


@pytest.fixture
def conf() -> Iterator[Any]:
    console.register_opts(CONF)
    with fixture.Config(CONF) as config:
        config.config(group='vnc',
                      public_url='http://proxy.example/console.html')
        yield config


@pytest.fixture
def quick(conf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of a test, and a database that is none."""
    conf.config(group='ironic_console', bmc_timeout=20, vnc_ready_timeout=20,
                endpoint_networks=['127.0.0.0/8'])
    monkeypatch.setattr(vnc_readiness, 'PASSWORD_INTERVAL', 0.2)
    monkeypatch.setattr(vnc_readiness, 'RETRY_INTERVAL', 0.1)
    monkeypatch.setattr(redfish, '_PAUSE', 0.1)
    monkeypatch.setattr(redfish, '_TASK_INTERVAL', 0.05)
    monkeypatch.setattr(idrac_server, '_READ_INTERVAL', 0.05)

    def record(node: Any, event: str, event_type: str, error: bool) -> None:
        node.last_error = event
    monkeypatch.setattr(conductor_utils, 'node_history_record', record)


@pytest.fixture
def make(bmcs: Bmcs, quick: None) -> Callable[..., Rack]:
    def make(profile: str = 'idrac9', **knobs: Any) -> Rack:
        return Rack(bmcs, profile, **knobs)
    return make


@pytest.fixture
def rack(make: Callable[..., Rack]) -> Rack:
    return make()


@pytest.fixture
def running(rack: Rack) -> Rack:
    rack.start()
    return rack
