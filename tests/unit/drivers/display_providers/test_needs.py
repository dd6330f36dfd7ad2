# SPDX-License-Identifier: Apache-2.0
"""Which displays are stopped because no console needs them, and which not."""

from typing import Any

import pytest

from ironic_console.common import nodes as keys
from ironic_console.common.errors import DisplayError
from ironic_console.drivers.display_providers import needs
from ironic_console.drivers.display_providers.base import (
    Address,
    DisplayProvider,
)
from ironic_console.drivers.displays.settings import DisplaySettings
from tests.helpers.conductor import UUID
from tests.helpers.node_locks import LockedNodes

HERE, THERE = ('192.0.2.9', 40001), ('192.0.2.10', 40001)
OTHER = UUID[:-1] + '9'


class Provider(DisplayProvider):
    """Runs what it is said to.

    :ivar running: displays by node.
    :ivar stopped: nodes, with whose lock was held then.
    """

    provider_name = 'some-displays'

    def __init__(self, locks: LockedNodes) -> None:
        self._locks = locks
        self.running: dict[str, Address] = {UUID: HERE}
        self.stopped: list[tuple[str, str]] = []
        self.error: DisplayError | None = None

    def check(self) -> None:
        """Nothing is missing."""

    def start_display(self, settings: DisplaySettings) -> tuple[str, int]:
        raise AssertionError

    def may_run(self, node: str) -> bool:
        raise AssertionError

    def stop_all_containers(self) -> None:
        raise AssertionError

    def displays(self) -> dict[str, Address]:
        return dict(self.running)

    def stop_display(self, node: str) -> None:
        if self.error:
            raise self.error
        self.stopped.append((node, self._locks.locked))
        del self.running[node]


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> LockedNodes:
    return LockedNodes(monkeypatch)


@pytest.fixture
def provider(nodes: LockedNodes) -> Provider:
    return Provider(nodes)


def test_a_display_that_the_record_leads_to_is_left_alone(
        provider: Provider, nodes: LockedNodes) -> None:
    nodes.put(UUID, HERE)
    needs.stop_unneeded(provider)
    assert not provider.stopped
    assert nodes.queries == 1


@pytest.mark.parametrize(('node', 'reason'), [
    ({'address': HERE, 'console_enabled': False}, 'is not enabled'),
    ({'address': HERE, 'console_interface': 'no-console'},
     'its console_interface is no-console now'),
    ({'address': THERE}, 'its console is at 192.0.2.10:40001 now'),
    ({'address': ('192.0.2.9', 40002)}, 'is at 192.0.2.9:40002 now'),
    ({'address': HERE, 'kind': 'idrac-kvm'}, 'its console_interface is ilo'),
    ({}, 'its console does not run'),
    ({'driver_internal_info': {keys.ENDPOINT_KEY: 'x'}}, 'does not run')])
def test_one_that_it_does_not_lead_to_is_stopped_under_the_lock(
        provider: Provider, nodes: LockedNodes, node: dict[str, Any],
        reason: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('INFO')
    nodes.put(UUID, **node)
    needs.stop_unneeded(provider)
    assert provider.stopped == [(UUID, UUID)]
    [line] = caplog.messages
    assert line.startswith(f'Node {UUID}: a display is stopped here, since ')
    assert reason in line


def test_one_whose_node_is_gone_is_stopped(
        provider: Provider, nodes: LockedNodes,
        caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('INFO')
    needs.stop_unneeded(provider)
    assert provider.stopped == [(UUID, '')]
    assert 'there is no such node any more' in caplog.text


@pytest.mark.parametrize('node', [
    {'console_enabled': False}, {'address': THERE}, {}])
def test_whoever_holds_the_lock_may_be_starting_it(
        provider: Provider, nodes: LockedNodes, node: dict[str, Any],
        ) -> None:
    nodes.put(UUID, reservation='some conductor', **node)
    needs.stop_unneeded(provider)
    assert not provider.stopped
    # Before it says where it is, too.
    nodes.put(UUID, console_enabled=False)
    nodes.meanwhile = lambda: nodes.put(UUID, reservation='some conductor')
    needs.stop_unneeded(provider)
    assert not provider.stopped


def test_what_happened_until_the_lock_was_there_counts(
        provider: Provider, nodes: LockedNodes) -> None:
    nodes.put(UUID, console_enabled=False)
    nodes.meanwhile = lambda: nodes.put(UUID, HERE)
    needs.stop_unneeded(provider)
    assert not provider.stopped


def test_another_display_that_was_started_until_then_is_left_alone(
        provider: Provider, nodes: LockedNodes) -> None:
    def start() -> None:
        provider.running[UUID] = THERE
        nodes.put(UUID, THERE)
    nodes.put(UUID, console_enabled=False)
    nodes.meanwhile = start
    needs.stop_unneeded(provider)
    assert not provider.stopped


def test_one_that_is_gone_until_then_is_not_stopped_again(
        provider: Provider, nodes: LockedNodes,
        caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('INFO')
    nodes.put(UUID, HERE)

    def end() -> None:
        nodes.remove(UUID)
        provider.running.clear()
    nodes.meanwhile = end
    nodes.put(UUID, console_enabled=False)
    needs.stop_unneeded(provider)
    assert not provider.stopped
    assert not caplog.messages


def test_one_whose_place_nobody_knows_is_judged_by_the_rest(
        provider: Provider, nodes: LockedNodes) -> None:
    provider.running = {UUID: None, OTHER: None}
    nodes.put(UUID, THERE)
    nodes.put(OTHER, THERE, console_enabled=False)
    needs.stop_unneeded(provider)
    assert provider.stopped == [(OTHER, OTHER)]


def test_many_are_one_query(provider: Provider, nodes: LockedNodes) -> None:
    uuids = [f'{number:08x}{UUID[8:]}' for number in range(50)]
    provider.running = dict.fromkeys(uuids, HERE)
    for uuid in uuids:
        nodes.put(uuid, HERE)
    needs.stop_unneeded(provider)
    assert nodes.queries == 1
    assert not provider.stopped


def test_nothing_is_asked_where_no_display_is(
        provider: Provider, nodes: LockedNodes) -> None:
    provider.running.clear()
    needs.stop_unneeded(provider)
    assert not nodes.queries


def test_one_that_cannot_be_stopped_is_told_and_tried_again(
        provider: Provider, nodes: LockedNodes) -> None:
    provider.error = DisplayError('it may still run')
    with pytest.raises(DisplayError, match='it may still run'):
        needs.stop_unneeded(provider)
    provider.error = None
    needs.stop_unneeded(provider)
    assert provider.stopped == [(UUID, '')]


def test_one_that_cannot_be_stopped_keeps_no_other_running(
        provider: Provider, nodes: LockedNodes,
        monkeypatch: pytest.MonkeyPatch) -> None:
    provider.running[OTHER] = HERE
    real = provider.stop_display

    def stop(node: str) -> None:
        if node == UUID:
            raise DisplayError('it may still run')
        real(node)

    monkeypatch.setattr(provider, 'stop_display', stop)
    with pytest.raises(DisplayError, match=f'{UUID}: it may still run'):
        needs.stop_unneeded(provider)
    assert [node for node, _ in provider.stopped] == [OTHER]
