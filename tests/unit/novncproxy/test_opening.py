# SPDX-License-Identifier: Apache-2.0
"""The half of the story that all connections share, piece by piece; whole
stories stand in connection/ and test_gateway.py."""

import dataclasses
from typing import Any

import pytest

from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.clock import Clock
from ironic_console.common.errors import EndpointTimeout, Side
from ironic_console.common.rfb.encodings import EncodingFilter
from ironic_console.common.rfb.pressed_keys import PressedKeys
from ironic_console.common.rfb.read_only import ReadOnlyFilter
from ironic_console.common.rfb.server import ServerHandshake
from ironic_console.novncproxy.opening import Opening, Services, _input_rule
from ironic_console.novncproxy.settings import SetupLimits
from tests.helpers.channels import tcp_pair
from tests.helpers.clock import FrozenClock
from tests.helpers.proxy import node_record
from tests.helpers.transcript import SERVER_INIT


class Counted:
    """Metrics, as far as an opening tells them anything."""

    def __init__(self) -> None:
        self.handshakes: list[Side] = []
        self.failures: list[Exception] = []

    def handshake(self, side: Side, seconds: float) -> None:
        assert seconds >= 0
        self.handshakes.append(side)

    def failed(self, error: Exception) -> None:
        self.failures.append(error)


def services(clock: Any = None, **more: Any) -> Any:
    return Services(
        None, more.get('sessions'), None, None,  # type: ignore[arg-type]
        None, clock or Clock(), SetupLimits(),  # type: ignore[arg-type]
        metrics=Counted())  # type: ignore[arg-type]


@pytest.mark.parametrize(('read_only', 'rule'), [
    (True, ReadOnlyFilter), (False, PressedKeys)])
def test_what_a_viewer_says_passes_a_rule(read_only, rule):
    endpoint = node_record().endpoint()
    assert type(_input_rule(endpoint, read_only)) is rule


@pytest.mark.parametrize('read_only', [True, False])
def test_a_server_that_bears_few_encodings_is_spared_the_others(read_only):
    endpoint = node_record(
        endpoint={'quirks': {'encodings': [0, 1]}}).endpoint()
    assert isinstance(_input_rule(endpoint, read_only), EncodingFilter)


def test_each_connection_has_an_id_of_its_own():
    ids = {Opening(services(), 'peer').id for _ in range(100)}
    assert len(ids) == 100
    assert {len(one) for one in ids} == {8}


def test_a_handshake_is_measured_once_when_it_is_done():
    near, far = tcp_pair()
    made, server = services(), ServerHandshake(SERVER_INIT)
    far.sendall(b'RFB 003.008\n\x01\x01')
    opening = Opening(made, 'peer')
    opening.drive(TcpChannel(near, 'peer'), server)
    assert server.done
    assert made.metrics.handshakes == [Side.BROWSER]
    near.close()
    far.close()


def test_a_deadline_is_of_the_option_that_it_names():
    clock = FrozenClock()
    opening = Opening(services(clock), 'peer')
    deadline = opening.deadline('browser_handshake_timeout')
    assert deadline.remaining() == SetupLimits().browser_handshake_timeout
    assert 'browser_handshake_timeout' in str(deadline)


def test_who_gives_up_says_so_and_lets_go_of_the_session(caplog):
    removed = []

    class Sessions:
        def remove(self, session: Any) -> None:
            removed.append(session)

    made = services(sessions=Sessions())
    grant = dataclasses.make_dataclass('Grant', ['node'])(node_record())
    session = dataclasses.make_dataclass('Session', ['grant'])(grant)
    error = EndpointTimeout('192.0.2.1:5900 did not answer')
    opening = Opening(made, 'viewer:1')
    opening.give_up(session, error)
    assert removed == [session]
    assert made.metrics.failures == [error]
    assert (f'{opening.id}: node {grant.node.uuid} could not be opened for '
            'viewer:1: 192.0.2.1:5900 did not answer') in caplog.text
