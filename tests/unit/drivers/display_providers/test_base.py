# SPDX-License-Identifier: Apache-2.0
"""What our providers are towards Ironic."""

from typing import Any

import pytest
from ironic.common import exception
from ironic.console.container.base import BaseConsoleContainer

from ironic_console.common.errors import DisplayError
from ironic_console.drivers.display_providers.base import (
    Address,
    DisplayProvider,
)
from ironic_console.drivers.displays.settings import DisplaySettings
from tests.helpers.conductor import UUID, Node, Task
from tests.helpers.display_settings import SECRETS, SETTINGS, other


class Provider(DisplayProvider):
    """Notes what it is asked."""

    provider_name = 'some-displays'

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.error: DisplayError | None = None

    def check(self) -> None:
        if self.error:
            raise self.error

    def start_display(self, settings: DisplaySettings) -> tuple[str, int]:
        self._ask(settings)
        return '192.0.2.9', 5907

    def stop_display(self, node: str) -> None:
        self._ask(node)

    def may_run(self, node: str) -> bool:
        return False

    def displays(self) -> dict[str, Address]:
        return {UUID: None}

    def stop_all_containers(self) -> None:
        pass

    def _ask(self, what: object) -> None:
        self.asked.append(what)
        if self.error:
            raise self.error


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def task() -> Task:
    return Task(Node())


def test_ironic_takes_it_for_one_of_its_providers(provider: Provider) -> None:
    assert isinstance(provider, BaseConsoleContainer)


def test_a_document_starts_and_the_node_of_a_task_stops(
        provider: Provider, task: Task) -> None:
    document = SETTINGS.to_document()
    assert provider.start_container(task, 'ilo', document) == (
        '192.0.2.9', 5907)
    provider.stop_container(task)
    assert provider.asked == [SETTINGS, UUID]


@pytest.mark.parametrize('info', [
    # What Ironic's redfish-graphical and fake-graphical give.
    {'address': 'https://192.0.2.7', 'username': 'admin',
     'password': 'bmc-pa55word', 'verify_ca': True}, {}, None])
def test_whom_it_cannot_show_it_tells_who_can(
        provider: Provider, task: Task, info: object) -> None:
    with pytest.raises(exception.ConsoleContainerError) as caught:
        provider.start_container(task, 'redfish-graphical', info)
    text = str(caught.value)
    assert "'some-displays'" in text
    assert (f'ilo-kvm, supermicro-kvm and idrac-kvm only; set '
            f'console_interface of node {UUID} to one of them') in text
    assert not any(secret in text for secret in SECRETS)
    assert not provider.asked


def test_ironic_hears_of_failures_in_its_own_words(
        provider: Provider, task: Task) -> None:
    provider.error = DisplayError('Xvnc is missing')
    for call in (lambda: provider.start_container(
            task, 'ilo', other(app='idrac').to_document()),
            lambda: provider.stop_container(task)):
        with pytest.raises(exception.ConsoleContainerError,
                           match="'some-displays', reason: Xvnc is missing"):
            call()
