# SPDX-License-Identifier: Apache-2.0
"""When a BMC with which something is wrong is looked at again."""

import pytest

from ironic_console.drivers import bmc_patience
from ironic_console.drivers.bmc_patience import MAX_PAUSE, Patience
from tests.helpers.clock import FrozenClock
from tests.helpers.conductor import Node


def test_a_silent_bmc_is_asked_less_and_less_but_never_given_up() -> None:
    clock, node = FrozenClock(), Node()
    patience = Patience(clock)
    pauses = []
    for _ in range(12):
        assert patience.allows(node)
        patience.silent(node, 60)
        pauses.append(0)
        while not patience.allows(node):
            clock.advance(30)
            pauses[-1] += 30
    assert pauses[:3] == [90, 180, 360]
    assert pauses[-1] == MAX_PAUSE * 1.5
    patience.well(node)
    assert patience.allows(node)
    patience.silent(node, 60)
    clock.advance(90)
    assert patience.allows(node)


def test_wrong_credentials_are_tried_once() -> None:
    clock, node = FrozenClock(), Node(redfish_password='one')
    patience = Patience(clock)
    patience.denied(node)
    clock.advance(1_000_000)
    assert not patience.allows(node)
    node.driver_info = {'redfish_password': 'two'}
    assert patience.allows(node)
    patience.denied(node)
    assert not patience.allows(node)
    patience.well(node)
    assert patience.allows(node)


def test_it_remembers_no_secret_and_not_everybody(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bmc_patience, '_MAX_NODES', 2)
    patience = Patience(FrozenClock())
    nodes = [Node(redfish_password='s3cret') for _ in range(3)]
    for number, node in enumerate(nodes):
        node.uuid = str(number)
        patience.denied(node)
    assert [patience.allows(node) for node in nodes] == [True, False, False]
    assert 's3cret' not in repr(patience._troubles)
