# SPDX-License-Identifier: Apache-2.0
"""A manager with real files and containers that are only said to be."""

import concurrent.futures
import dataclasses
import os
import pathlib
import shutil
import threading
from collections.abc import Iterator

import pytest

from ironic_console.common.errors import DisplayError
from ironic_console.drivers.displays.manager import manager as manager_module
from ironic_console.drivers.displays.manager.manager import (
    CHECK_INTERVAL,
    Manager,
    Places,
)
from ironic_console.drivers.displays.manager.plan import (
    Container,
    ContainerExistsError,
)
from ironic_console.drivers.displays.manager.workers import Workers
from ironic_console.drivers.displays.private_folder import (
    FolderError,
    PrivateFolder,
)
from ironic_console.drivers.displays.spool import (
    Endpoint,
    Failure,
    Request,
    Spool,
    new_generation,
    settings_name,
)
from tests.helpers.clock import FrozenClock
from tests.helpers.conductor import UUID
from tests.helpers.display_settings import SECRETS, other
from tests.helpers.proxy import wait_until

UUIDS = [UUID[:-1] + digit for digit in '0123456789']


class Engine:
    """Containers that are only said to be.

    :ivar words: what each has said.
    :ivar told: settings that were in the folder of each.
    :ivar trouble: raised instead of doing something.
    """

    def __init__(self) -> None:
        self.running: dict[str, Container] = {}
        self.words: dict[str, dict[str, object]] = {}
        self.told: dict[str, bytes] = {}
        self.trouble: dict[str, DisplayError] = {}
        self.done: list[str] = []
        self.listed = 0
        self.hold = threading.Event()
        self.hold.set()

    def containers(self) -> list[Container]:
        self.listed += 1
        self._do('containers', '')
        return list(self.running.values())

    def start(self, request: Request, folder: str) -> None:
        name = request.generation
        self._do('start', name)
        self.hold.wait(30)
        if 'end of start' in self.trouble:
            raise self.trouble['end of start']
        assert name not in self.running, 'twice'
        self.told[name] = pathlib.Path(folder, 'settings.json').read_bytes()
        self.running[name] = Container(
            name, request.node, request.generation, True, True, '192.0.2.1',
            40000 + len(self.told))
        self.words[name] = {'version': 1, 'port': 5900}

    def said(self, name: str) -> dict[str, object]:
        self._do('said', name)
        return self.words[name]

    def last_words(self, name: str) -> list[str]:
        return ['the end is near']

    def stop(self, name: str) -> None:
        self._do('stop', name)
        self.running.pop(name, None)

    def discard(self, request: Request) -> None:
        self._do('discard', request.generation)

    def end(self, name: str, **words: object) -> None:
        """It ends by itself."""
        self.running[name] = dataclasses.replace(
            self.running[name], runs=False, status=3)
        self.words[name] = words

    def _do(self, what: str, name: str) -> None:
        if what in self.trouble:
            raise self.trouble[what]
        if what in ('start', 'stop', 'discard'):
            self.done.append(f'{what} {name}')


class Site:
    """Both sides of a spool."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.spool = Spool(str(path / 'spool'))
        self.private = PrivateFolder(str(path / 'private'))
        self.engine = Engine()
        self.clock = FrozenClock()
        self.pool = Workers()
        self.restart()

    def restart(self) -> None:
        """Another manager, which remembers nothing."""
        self.manager = Manager(Places(self.spool, self.private, None),
                               self.engine, self.clock)

    def close(self) -> None:
        self.engine.hold.set()
        self.pool.close()
        self.spool.close()
        self.private.close()

    def ask(self, node: str = UUID) -> str:
        request = Request(node, new_generation(), 'ilo', 'rack7', 'host')
        self.spool.ask(request, request.to_json(), other(node=node))
        return request.generation

    def look(self, times: int = 3) -> None:
        """Let the manager do what it would in a while."""
        for _ in range(times):
            self.manager.look(self.pool)
            concurrent.futures.wait(list(self.manager._busy.values()), 30)
            self.clock.advance(CHECK_INTERVAL)

    def names(self) -> set[str]:
        return set(self.spool.names())


@pytest.fixture
def site(tmp_path: pathlib.Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()


def test_starts_what_is_asked_for_and_says_where_it_is(site: Site) -> None:
    generation = site.ask()
    site.look()
    assert site.spool.answer(UUID, generation) == Endpoint(
        generation, '192.0.2.1', 40001)
    assert b'bmc-pa55word' in site.engine.told[generation]


def test_leaves_no_secret_once_a_display_has_it(site: Site) -> None:
    site.ask()
    site.look()
    assert site.names() == {f'{UUID}.request', f'{UUID}.endpoint'}
    assert not site.private.names()


def test_keeps_the_settings_until_the_display_has_them(site: Site) -> None:
    generation = site.ask()
    site.engine.trouble['said'] = DisplayError('podman is away')
    site.look()
    assert site.spool.left_settings() == {(UUID, generation)}
    assert site.private.names() == [generation]


def test_waits_for_a_display_that_says_nothing_yet(site: Site) -> None:
    generation = site.ask()
    site.look(1)
    site.engine.words[generation] = {}
    site.look()
    assert site.spool.answer(UUID, generation) is None
    site.engine.words[generation] = {'version': 1, 'port': 5900}
    site.look()
    assert site.spool.answer(UUID, generation)


def test_ends_what_is_not_asked_for_any_more(site: Site) -> None:
    generation = site.ask()
    site.look()
    site.spool.withdraw(UUID)
    site.look()
    assert not site.engine.running
    assert site.engine.done == [f'start {generation}', f'stop {generation}']
    assert not site.names()


def test_puts_a_new_display_in_place_of_the_old_one(site: Site) -> None:
    old = site.ask()
    site.look()
    new = site.ask()
    site.look()
    assert list(site.engine.running) == [new]
    # Without waiting for the old one to log out.
    assert site.engine.done == [f'start {old}', f'start {new}',
                                f'stop {old}']
    assert site.spool.answer(UUID, new)


def test_a_manager_that_comes_back_starts_nothing_twice(site: Site) -> None:
    generation = site.ask()
    site.look()
    answer = site.spool.answer(UUID, generation)
    site.restart()
    site.look()
    assert site.engine.done == [f'start {generation}']
    assert site.spool.answer(UUID, generation) == answer


def test_a_manager_that_died_before_its_answer_answers_when_it_is_back(
        site: Site) -> None:
    generation = site.ask()
    site.look(1)
    assert site.spool.answer(UUID, generation) is None
    site.restart()
    site.look()
    assert site.spool.answer(UUID, generation)
    assert not site.spool.left_settings()
    assert site.engine.done == [f'start {generation}']


def test_what_was_withdrawn_while_nobody_looked_is_ended(site: Site) -> None:
    site.ask()
    site.look()
    site.spool.withdraw(UUID)
    site.restart()
    site.look()
    assert not site.engine.running


def test_a_display_that_ended_is_told_with_its_own_words(site: Site) -> None:
    generation = site.ask()
    site.look(1)
    site.engine.end(generation, error='chromium is not there')
    site.look()
    assert site.spool.answer(UUID, generation) == Failure(
        generation, 'chromium is not there')
    assert not site.engine.running
    assert not site.spool.left_settings()


def test_a_display_that_ends_later_can_be_asked_for_anew(site: Site) -> None:
    generation = site.ask()
    site.look()
    site.engine.end(generation)
    site.look()
    answer = site.spool.answer(UUID, generation)
    assert isinstance(answer, Failure)
    assert answer.lost
    assert 'status 3' in answer.error
    new = site.ask()
    site.look()
    assert isinstance(site.spool.answer(UUID, new), Endpoint)


def test_a_display_that_went_with_a_reboot_can_be_asked_for_anew(
        site: Site) -> None:
    generation = site.ask()
    site.look()
    site.engine.running.clear()
    site.restart()
    site.look()
    answer = site.spool.answer(UUID, generation)
    assert isinstance(answer, Failure)
    assert answer.lost
    assert site.engine.done == [f'start {generation}']


def test_what_cannot_be_started_is_told_and_not_tried_again(
        site: Site) -> None:
    site.engine.trouble['start'] = DisplayError('image not known')
    generation = site.ask()
    site.look()
    assert site.spool.answer(UUID, generation) == Failure(
        generation, 'image not known')
    assert not site.spool.left_settings()
    assert not site.private.names()
    site.engine.trouble.clear()
    site.look()
    assert not site.engine.done


def test_what_a_killed_manager_had_begun_is_taken_as_it_is(
        site: Site) -> None:
    """Its podman went on, and was quicker."""
    generation = site.ask()
    site.engine.trouble['end of start'] = ContainerExistsError('in use')
    site.engine.hold.clear()
    site.manager.look(site.pool)
    site.engine.running['theirs'] = Container(
        'theirs', UUID, generation, True, True, '192.0.2.1', 40001)
    site.engine.words['theirs'] = {'version': 1, 'port': 5900}
    site.engine.hold.set()
    site.look()
    assert site.engine.done == [f'start {generation}']
    assert site.spool.answer(UUID, generation) == Endpoint(
        generation, '192.0.2.1', 40001)


def test_what_is_left_of_a_podman_that_was_killed_too_is_removed(
        site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """It lists no container, and has one of that name."""
    generation = site.ask()
    site.engine.trouble['end of start'] = ContainerExistsError('in use')
    site.look(2)
    assert site.engine.done == [f'start {generation}',
                                f'discard {generation}']
    assert 'in use' in caplog.text
    site.engine.trouble.clear()
    site.look()
    assert isinstance(site.spool.answer(UUID, generation), Endpoint)


def test_a_container_that_was_never_run_is_made_anew(site: Site) -> None:
    generation = site.ask()
    site.engine.running['half'] = Container('half', UUID, generation, False,
                                            has_begun=False)
    site.look()
    assert site.engine.done == ['stop half', f'start {generation}']
    assert isinstance(site.spool.answer(UUID, generation), Endpoint)


def test_decides_nothing_while_podman_is_away(site: Site) -> None:
    generation = site.ask()
    site.look()
    site.engine.trouble['containers'] = DisplayError('podman is away')
    site.spool.withdraw(UUID)
    with pytest.raises(DisplayError):
        site.look()
    site.engine.trouble.clear()
    site.look()
    assert site.engine.done == [f'start {generation}', f'stop {generation}']


def test_a_request_that_is_not_understood_harms_nothing(
        site: Site, caplog: pytest.LogCaptureFixture) -> None:
    generation = site.ask()
    site.look()
    site.spool.put(f'{UUID}.request', b'apiVersion: v1', 0o600)
    another = site.ask(UUIDS[0])
    site.look()
    assert set(site.engine.running) == {generation, another}
    assert f'node {UUID}' in caplog.text


def test_a_request_that_is_not_a_file_harms_nothing(site: Site) -> None:
    (site.path / 'spool' / f'{UUIDS[0]}.request').symlink_to('/etc/passwd')
    generation = site.ask()
    site.look()
    assert set(site.engine.running) == {generation}


def test_a_request_in_the_name_of_another_node_is_not_obeyed(
        site: Site) -> None:
    generation = site.ask()
    data = site.spool.request(UUID)
    assert data
    site.spool.put(settings_name(UUIDS[0], generation), b'{}', 0o600)
    site.spool.remove(f'{UUID}.request')
    site.spool.put(f'{UUIDS[0]}.request', data, 0o600)
    site.look()
    assert not site.engine.done
    assert not site.spool.replied()


def test_what_another_manager_left_half_done_is_done_anew(
        site: Site) -> None:
    generation = site.ask()
    site.private.make_folder(generation, 'settings.json', b'half', None)
    site.look()
    assert isinstance(site.spool.answer(UUID, generation), Endpoint)
    assert b'bmc-pa55word' in site.engine.told[generation]


def test_settings_that_others_may_read_are_not_used(site: Site) -> None:
    generation = site.ask()
    (site.path / 'spool' / f'{UUID}.{generation}.settings').chmod(0o644)
    site.look()
    answer = site.spool.answer(UUID, generation)
    assert isinstance(answer, Failure)
    assert 'open to others' in answer.error


def test_one_node_does_not_wait_for_another(site: Site) -> None:
    site.engine.hold.clear()
    slow = site.ask(UUIDS[0])
    site.manager.look(site.pool)
    wait_until(lambda: site.engine.done == [f'start {slow}'], 'the first')
    site.ask(UUIDS[1])
    site.manager.look(site.pool)
    wait_until(lambda: len(site.engine.done) == 2, 'the second')
    # And is not begun again, as long as it takes.
    for _ in range(3):
        site.clock.advance(CHECK_INTERVAL)
        site.manager.look(site.pool)
    assert len(site.engine.done) == 2
    site.engine.hold.set()
    wait_until(lambda: len(site.engine.running) == 2, 'both')


def test_asks_podman_only_when_something_may_have_happened(
        site: Site) -> None:
    site.ask()
    site.look()
    before = site.engine.listed
    for _ in range(10):
        site.manager.look(site.pool)
    assert site.engine.listed - before <= 1
    site.clock.advance(CHECK_INTERVAL)
    site.manager.look(site.pool)
    assert site.engine.listed - before <= 2


def test_what_fails_is_tried_again_later_not_at_once(site: Site) -> None:
    site.ask()
    site.look()
    site.engine.trouble['stop'] = DisplayError('it hangs')
    site.spool.withdraw(UUID)
    site.look(1)
    site.manager.look(site.pool)
    jobs = dict(site.manager._busy)
    site.manager.look(site.pool)
    assert jobs == site.manager._busy
    site.engine.trouble.clear()
    site.look()
    assert not site.engine.running


def test_does_not_answer_who_has_asked_for_another_meanwhile(
        site: Site) -> None:
    site.engine.hold.clear()
    first = site.ask()
    site.manager.look(site.pool)
    wait_until(lambda: site.engine.done == [f'start {first}'], 'the first')
    second = site.ask()
    site.engine.hold.set()
    site.look(5)
    assert list(site.engine.running) == [second]
    assert isinstance(site.spool.answer(UUID, ''), Endpoint)
    assert site.spool.answer(UUID, second)


def test_tells_no_failure_to_who_has_asked_for_another_meanwhile(
        site: Site) -> None:
    site.engine.hold.clear()
    first = site.ask()
    site.manager.look(site.pool)
    wait_until(lambda: site.engine.done == [f'start {first}'], 'the first')
    site.ask()
    site.engine.trouble['end of start'] = DisplayError('too late')
    site.engine.hold.set()
    concurrent.futures.wait(list(site.manager._busy.values()), 30)
    assert not site.spool.replied()


def test_removes_secrets_of_those_who_crashed(site: Site) -> None:
    site.private.make_folder('d' * 32, 'settings.json', b'secret', None)
    left = f'{UUID}.{"e" * 32}.settings'
    site.spool.put(left, b'secret', 0o600)
    os.utime(site.path / 'spool' / left, (0, 0))
    site.look(1)
    assert not site.names()
    assert not site.private.names()


def test_says_no_secret(
        site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('DEBUG')
    site.ask()
    site.look()
    generation = site.ask()
    site.look(1)
    site.engine.end(generation)
    site.look()
    assert 'the end is near' in caplog.text
    assert not [one for one in SECRETS if one in caplog.text]


def test_runs_until_it_is_told_to_stop_and_leaves_displays(
        site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager_module, 'SCAN_INTERVAL', 0.01)
    stopping = threading.Event()
    thread = threading.Thread(target=site.manager.run, args=(stopping,))
    thread.start()
    try:
        generation = site.ask()
        wait_until(lambda: site.spool.answer(UUID, generation) is not None,
                   'an answer')
    finally:
        stopping.set()
        thread.join(30)
    assert not thread.is_alive()
    assert list(site.engine.running) == [generation]


def test_ends_when_its_directory_is_replaced_and_displays_go_on(
        site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager_module, 'SCAN_INTERVAL', 0.01)
    generation = site.ask()
    site.look()
    shutil.rmtree(site.path / 'spool')
    with pytest.raises(FolderError, match='has been replaced'):
        site.manager.run(threading.Event())
    # Nobody has asked for their end.
    assert list(site.engine.running) == [generation]


def test_complains_once(site: Site, monkeypatch: pytest.MonkeyPatch,
                        caplog: pytest.LogCaptureFixture) -> None:
    for name in ('SCAN_INTERVAL', 'CHECK_INTERVAL'):
        monkeypatch.setattr(manager_module, name, 0.01)
    site.engine.trouble['containers'] = DisplayError('podman is away')
    stopping = threading.Event()
    thread = threading.Thread(target=site.manager.run, args=(stopping,))
    thread.start()
    wait_until(lambda: site.engine.listed > 3, 'several looks')
    stopping.set()
    thread.join(30)
    assert caplog.text.count('podman is away') == 1


