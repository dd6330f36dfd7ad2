# SPDX-License-Identifier: Apache-2.0
"""VNC servers of BMCs that do not let us in."""

import concurrent.futures
import contextlib
import socket
from collections.abc import Callable
from typing import Any

import pytest

from ironic_console.common import nodes
from ironic_console.common.addresses import AddressPolicy, parse_networks
from ironic_console.common.endpoint import Endpoint
from ironic_console.common.errors import BmcUnreachable
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.secret import Secret
from ironic_console.drivers import vnc_readiness
from ironic_console.drivers.vnc_readiness import Network, VncReadiness
from tests.helpers.clock import FrozenClock
from tests.helpers.idrac import (
    PASSWORD,
    Rack,
)
from tests.helpers.proxy import wait_until
from tools.lab import ports

PROFILES = ('idrac8', 'idrac9-old', 'idrac9', 'idrac10')
MakeRack = Callable[..., Rack]


# -- VNC servers that go wrong ------------------------------------------------

def test_vnc_port_that_stays_dead_is_told(rack: Rack, conf: Any) -> None:
    conf.config(group='ironic_console', vnc_ready_timeout=1)
    rack.bmc.turn(vnc_dead=True)
    assert 'firewall' in rack.refusal(within=12)


def test_password_that_has_no_effect_is_told(make: MakeRack) -> None:
    rack = make(ineffective=[PASSWORD])
    assert 'does not accept the password' in rack.refusal()


@pytest.mark.parametrize('tls', ['auto', 'required'])
def test_tls_that_is_ignored_is_told_and_not_done_without(
        make: MakeRack, tls: str) -> None:
    rack = make(tls='ignored')
    rack.node.driver_info['idrac_vnc_tls'] = tls
    rack.refusal()
    assert rack.bmc.vnc.state()['authenticated'] == 0
    assert nodes.ENDPOINT_KEY not in rack.info


def test_certificate_without_a_ca_is_told(rack: Rack) -> None:
    rack.node.driver_info['idrac_vnc_verify'] = 'ca'
    assert 'vencrypt_ca_certs' in rack.refusal()


def test_address_that_is_not_allowed_is_told(rack: Rack, conf: Any) -> None:
    conf.config(group='ironic_console', endpoint_networks=['192.0.2.0/24'])
    assert 'endpoint_networks' in rack.refusal()


def test_banner_that_never_comes_is_told(make: MakeRack, conf: Any) -> None:
    conf.config(group='ironic_console', vnc_ready_timeout=1.5)
    rack = make(banner_delay=60.0)
    assert 'vnc_ready_timeout' in rack.refusal(within=12)


@pytest.mark.parametrize(('profile', 'tries'), [
    ('idrac8', 1), ('idrac9', 1), ('idrac9', 2)])
def test_server_that_somebody_else_holds_is_waited_for(
        make: MakeRack, monkeypatch: pytest.MonkeyPatch, profile: str,
        tries: int) -> None:
    """Also when it comes free between a try with TLS and one without, which
    such a server does not answer."""
    monkeypatch.setattr(vnc_readiness, 'OTHER_WAY_TIMEOUT', 2.0)
    rack = make(profile)

    def hold() -> None:
        with wait_until(connect, 'an open port'):
            wait_until(lambda: rack.bmc.vnc.state()['refused'] >= tries,
                       'somebody to be refused')

    def connect() -> socket.socket | None:
        with contextlib.suppress(OSError):
            return socket.create_connection((rack.bmc.host,
                                             rack.bmc.vnc_port))
        return None
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        held = pool.submit(hold)
        rack.start()
        held.result()
    assert rack.password == rack.bmc.attributes[PASSWORD]


def test_server_that_is_not_there_yet_is_asked_in_the_best_way_only(
        caplog: pytest.LogCaptureFixture) -> None:
    """It may begin to listen at any moment, and then for a TLS hello."""
    caplog.set_level('DEBUG', vnc_readiness.__name__)
    clock = FrozenClock()
    port = ports.free_port()
    ways = [Endpoint('127.0.0.1', port, scheme=scheme)
            for scheme in ('vncs', 'vnc')]
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(len(caplog.records))
        clock.advance(seconds)
    readiness = VncReadiness(Network(AddressPolicy(
        parse_networks(['127.0.0.0/8']))), clock, 2.0, pause)
    with pytest.raises(BmcUnreachable):
        readiness.find_way_in(ways, Credential(Secret('x')))
    # One try before each pause.
    assert pauses == list(range(1, len(pauses) + 1))
    assert len(pauses) > 1
