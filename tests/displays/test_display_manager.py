# SPDX-License-Identifier: Apache-2.0
"""The manager of displays with a real podman: what it starts, and what is
left when one of the parts dies."""

import json
import pathlib
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ironic_console.drivers.displays.spool import Endpoint, Failure
from tests.helpers import confined
from tests.helpers import podman as podman_helper
from tests.helpers.display_manager import (
    PATIENCE,
    RunningManager,
    make_settings,
    viewer,
)
from tests.helpers.podman import Podman
from tests.helpers.proxy import wait_until
from tools.lab import ProgramError

UNIT = (pathlib.Path(__file__).parents[2] / 'etc'
        / 'ironic-console-display-manager.service')


@pytest.fixture(scope='module')
def podman() -> Podman:
    return podman_helper.get()


@pytest.fixture
def manager(tmp_path: pathlib.Path, podman: Podman,
            ) -> Iterator[RunningManager]:
    with RunningManager(tmp_path, podman) as running:
        yield running


def generations(manager: RunningManager) -> list[str]:
    return sorted(one['Labels']['org.ironic-console.generation']
                  for one in manager.containers())


def lets_in(settings: Any, endpoint: tuple[str, int]) -> bool:
    with viewer(settings, endpoint) as one:
        return one.server_init.width == settings.screen.width


def test_five_displays_at_once_each_with_its_own_password(
        manager: RunningManager) -> None:
    five = [make_settings(number=number) for number in range(5)]
    asked = [manager.ask(settings) for settings in five]
    for settings, generation in zip(five, asked, strict=True):
        answer = manager.answer(settings.node, generation)
        assert isinstance(answer, Endpoint), answer
        assert lets_in(settings, (answer.host, answer.port))
    assert generations(manager) == sorted(asked)
    for settings in five:
        manager.spool.withdraw(settings.node)
    wait_until(lambda: not manager.containers(), 'all to be gone', PATIENCE)


def test_a_manager_that_is_killed_leaves_displays_and_finds_them_again(
        manager: RunningManager) -> None:
    settings, other = make_settings(number=1), make_settings(number=2)
    endpoint = manager.begin(settings)
    manager.begin(other)
    before = generations(manager)
    manager.kill()
    assert lets_in(settings, endpoint)
    manager.spool.withdraw(other.node)
    manager.start()
    wait_until(lambda: len(manager.containers()) == 1, 'one to be gone',
               PATIENCE)
    assert generations(manager)[0] in before
    assert lets_in(settings, endpoint)
    assert manager.begin(other)


def test_a_manager_that_is_killed_at_any_time_starts_nothing_twice(
        manager: RunningManager) -> None:
    settings = make_settings()
    generation = manager.ask(settings)
    answer = None
    # Each life is a little longer than the one before.
    for tenth in range(1, 40):
        assert manager.program
        try:
            manager.program.wait(tenth / 10)
        except ProgramError:
            manager.kill()
        assert len(manager.containers()) <= 1
        manager.start()
        answer = manager.spool.answer(settings.node, generation)
        if answer:
            break
    answer = manager.answer(settings.node, generation)
    assert generations(manager) in ([generation], [])
    if isinstance(answer, Endpoint):
        assert lets_in(settings, (answer.host, answer.port))
    else:
        # It was killed while podman did it; whoever asks again is served.
        assert manager.begin(settings)


@pytest.mark.parametrize('how', ['killed', 'removed'])
def test_a_display_that_is_gone_is_told_and_started_when_asked_for_anew(
        manager: RunningManager, how: str) -> None:
    settings = make_settings()
    manager.begin(settings)
    container, = manager.containers()
    generation = container['Labels']['org.ironic-console.generation']
    manager.podman.run(*({'killed': ('kill', '--signal', 'KILL'),
                          'removed': ('rm', '--force')}[how]),
                       container['Id'])
    failures: list[Failure] = []

    def is_told() -> bool:
        answer = manager.spool.answer(settings.node, generation)
        failures.extend([answer] if isinstance(answer, Failure) else [])
        return bool(failures)
    wait_until(is_told, 'it to be told', PATIENCE)
    assert failures[0].lost
    assert lets_in(settings, manager.begin(settings))
    wait_until(lambda: len(manager.containers()) == 1, 'the old one to go',
               PATIENCE)


def test_what_a_display_has_to_say_reaches_who_asked_for_it(
        manager: RunningManager) -> None:
    settings = make_settings()
    document = settings.to_document() | {'app': 'unknown'}
    manager.kill()
    generation = manager.ask(settings)
    manager.spool.put(f'{settings.node}.{generation}.settings',
                      json.dumps(document).encode(), 0o600)
    manager.start()
    answer = manager.answer(settings.node, generation)
    assert isinstance(answer, Failure)
    assert 'app' in answer.error
    wait_until(lambda: not manager.containers(), 'it to be removed',
               PATIENCE)


def test_an_image_that_is_not_there_is_told(
        tmp_path: pathlib.Path, podman: Podman) -> None:
    with RunningManager(tmp_path, podman, '--image', 'localhost/nothing',
                        ) as manager:
        settings = make_settings()
        answer = manager.answer(settings.node, manager.ask(settings))
    assert isinstance(answer, Failure)
    assert 'localhost/nothing' in answer.error


def test_asking_again_puts_another_in_its_place(
        manager: RunningManager) -> None:
    settings = make_settings()
    manager.begin(settings)
    before = generations(manager)
    assert lets_in(settings, manager.begin(settings))
    wait_until(lambda: len(manager.containers()) == 1, 'the old one to go',
               PATIENCE)
    assert generations(manager) != before


def test_it_ends_when_told_to_and_says_nothing_strange(
        manager: RunningManager) -> None:
    manager.begin(make_settings())
    assert manager.program
    manager.program.signal(signal.SIGTERM)
    assert manager.program.wait(30) == 0
    assert len(manager.containers()) == 1
    assert 'Traceback' not in manager.log.read_text()


def test_systemd_finds_nothing_wrong_with_its_unit() -> None:
    done = subprocess.run(
        ['systemd-analyze', '--no-pager', 'verify', UNIT],
        capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, '')


def test_its_unit_leaves_displays_alone_and_gives_them_no_filter() -> None:
    unit = confined.read_unit(UNIT)
    assert unit['KillMode'] == ['process']
    assert unit['RuntimeDirectoryPreserve'] == ['restart']
    # A view of the file system of its own would hide the mounts of podman
    # from everybody else, and containers inherit filters.
    assert not unit.keys() & {
        'ProtectSystem', 'PrivateTmp', 'ProtectHome', 'SystemCallFilter',
        'MemoryDenyWriteExecute', 'NoNewPrivileges', 'RestrictNamespaces'}
