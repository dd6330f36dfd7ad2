# SPDX-License-Identifier: Apache-2.0
"""Displays that are asked for by files; a thread here answers."""

import json
import os
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from ironic.common import exception
from ironic.conf import CONF

from ironic_console.common.errors import DisplayError
from ironic_console.drivers.display_providers import files
from ironic_console.drivers.display_providers.files import FilesProvider
from ironic_console.drivers.displays.settings import DisplaySettings
from ironic_console.drivers.displays.spool import (
    Endpoint,
    Failure,
    Request,
    Spool,
)
from tests.helpers.conductor import UUID, Node, Task
from tests.helpers.display_settings import SECRETS, SETTINGS, other
from tests.helpers.node_locks import LockedNodes
from tests.helpers.proxy import wait_until

UUIDS = [UUID[:-1] + digit for digit in '0123456789']


@pytest.fixture
def spool(tmp_path: pathlib.Path, conf: Any) -> Iterator[Spool]:
    conf.config(group='ironic_console', display_start_timeout=30,
                display_directory=str(tmp_path / 'spool'))
    with Spool(str(tmp_path / 'spool')) as spool:
        yield spool


@pytest.fixture
def provider(spool: Spool) -> FilesProvider:
    return FilesProvider()


class Tool:
    """Answers what is asked, like a manager.

    :ivar seen: requests.
    :ivar told: settings of each.
    """

    def __init__(self, spool: Spool, answers: bool = True) -> None:
        self._spool = spool
        self._answers = answers
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.error = ''
        self.seen: list[Request] = []
        self.told: list[DisplaySettings] = []

    def _run(self) -> None:
        while not self._stopping.wait(0.02):
            for node in self._spool.asked():
                data = self._spool.request(node)
                request = data and Request.from_json(data)
                if not request or request in self.seen:
                    continue
                settings = self._spool.settings(node, request.generation)
                assert settings
                self.told.append(DisplaySettings.from_json(settings))
                self.seen.append(request)
                self._spool.forget_settings(node, request.generation)
                if self._answers:
                    self._spool.reply(node, self._answer(request))

    def _answer(self, request: Request) -> Endpoint | Failure:
        if self.error:
            return Failure(request.generation, self.error)
        return Endpoint(request.generation, '192.0.2.9',
                        40000 + len(self.seen))

    def __enter__(self) -> 'Tool':
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stopping.set()
        self._thread.join()


def test_asks_and_waits_for_the_answer(
        provider: FilesProvider, spool: Spool) -> None:
    with Tool(spool) as tool:
        assert provider.start_display(SETTINGS) == ('192.0.2.9', 40001)
    request, = tool.seen
    assert (request.node, request.app, request.title, request.conductor) == (
        UUID, 'ilo', 'rack7', CONF.host)
    assert tool.told == [SETTINGS]
    assert provider.may_run(UUID)
    assert set(spool.names()) == {f'{UUID}.request', f'{UUID}.endpoint'}


def test_starting_again_starts_another(
        provider: FilesProvider, spool: Spool) -> None:
    with Tool(spool) as tool:
        provider.start_display(SETTINGS)
        assert provider.start_display(SETTINGS) == ('192.0.2.9', 40002)
    assert tool.seen[0].generation != tool.seen[1].generation


def test_what_the_tool_cannot_do_is_told(
        provider: FilesProvider, spool: Spool) -> None:
    with Tool(spool) as tool:
        tool.error = 'image not known'
        with pytest.raises(DisplayError, match='image not known'):
            provider.start_display(SETTINGS)
    assert not spool.names()
    assert not provider.may_run(UUID)


def test_a_tool_that_does_not_answer_is_told_and_nothing_is_left(
        provider: FilesProvider, spool: Spool, conf: Any) -> None:
    conf.config(group='ironic_console', display_start_timeout=1)
    with (Tool(spool, answers=False),
          pytest.raises(DisplayError, match='display-manager') as caught):
        provider.start_display(SETTINGS)
    assert spool.path in str(caught.value)
    assert not spool.names()
    assert not [one for one in SECRETS if one in str(caught.value)]


def test_an_answer_that_is_not_believed_ends_the_wait(
        provider: FilesProvider, spool: Spool) -> None:
    with Tool(spool, answers=False) as tool:
        thread = threading.Thread(target=lambda: (wait_until(
            lambda: bool(tool.seen), 'the request'), os.symlink(
                '/etc/hostname', f'{spool.path}/{UUID}.endpoint')))
        thread.start()
        with pytest.raises(DisplayError, match='cannot be read'):
            provider.start_display(SETTINGS)
        thread.join()
    assert not spool.names()


def test_the_answer_to_the_last_question_is_not_taken_for_this_one(
        provider: FilesProvider, spool: Spool, conf: Any) -> None:
    conf.config(group='ironic_console', display_start_timeout=1)
    with Tool(spool, answers=False) as tool:
        thread = threading.Thread(target=lambda: (wait_until(
            lambda: bool(tool.seen), 'the request'), spool.reply(
                UUID, Endpoint('f' * 32, '192.0.2.1', 1))))
        thread.start()
        with pytest.raises(DisplayError, match='Nobody has started'):
            provider.start_display(SETTINGS)
        thread.join()


def test_stopping_takes_back_what_was_asked(
        provider: FilesProvider, spool: Spool) -> None:
    with Tool(spool):
        provider.start_display(SETTINGS)
    provider.stop_container(Task(Node()))
    assert not spool.names()
    assert not provider.may_run(UUID)
    provider.stop_container(Task(Node()))


def test_a_display_that_is_gone_is_not_worth_a_look(
        provider: FilesProvider, spool: Spool) -> None:
    with Tool(spool) as tool:
        provider.start_display(SETTINGS)
    spool.reply(UUID, Failure(tool.seen[0].generation, 'gone', lost=True))
    assert not provider.may_run(UUID)
    spool.put(f'{UUID}.endpoint', b'{', 0o644)
    assert not provider.may_run(UUID)


def test_a_template_of_the_operator_makes_the_request(
        spool: Spool, tmp_path: pathlib.Path, conf: Any,
        monkeypatch: pytest.MonkeyPatch) -> None:
    template = tmp_path / 'template'
    template.write_text('{{ uuid }}|{{ generation }}|{{ app }}|{{ title }}|'
                        '{{ conductor }}|{{ image }}|{{ settings_file }}')
    conf.config(group='ironic_console', display_file_template=str(template),
                display_start_timeout=1)
    conf.config(group='vnc', console_image='image:1')
    seen: list[str] = []

    def look(spool: Spool, request: Request) -> Endpoint:
        data = spool.request(UUID)
        assert data
        seen.append(data.decode())
        return Endpoint(request.generation, '192.0.2.1', 5900)
    monkeypatch.setattr(files, '_wait', look)
    FilesProvider().start_display(SETTINGS)
    node, generation, app, title, conductor, image, path = seen[0].split('|')
    assert (node, app, title, conductor, image) == (
        UUID, 'ilo', 'rack7', CONF.host, 'image:1')
    assert pathlib.Path(path).exists()
    assert generation in path
    assert not [one for one in SECRETS if one in seen[0]]


@pytest.mark.parametrize('text', ['{{ password }}', '{% if %}', None])
def test_a_template_that_cannot_be_used_is_told(
        provider: FilesProvider, tmp_path: pathlib.Path, conf: Any,
        text: str | None) -> None:
    template = tmp_path / 'template'
    if text:
        template.write_text(text)
    conf.config(group='ironic_console', display_file_template=str(template))
    with pytest.raises(DisplayError, match='display_file_template'):
        provider.check()


def test_a_directory_that_cannot_be_used_is_told(
        provider: FilesProvider, spool: Spool) -> None:
    os.chmod(spool.path, 0o777)
    with pytest.raises(DisplayError, match='mode to 0700'):
        provider.check()


def test_one_that_can_be_used_is_fine(provider: FilesProvider) -> None:
    provider.check()


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> LockedNodes:
    return LockedNodes(monkeypatch)


def ask(spool: Spool, node: str, conductor: str = '') -> None:
    request = Request(node, 'a' * 32, 'ilo', '', conductor or CONF.host)
    spool.ask(request, request.to_json(), other(node=node))


def test_what_runs_is_known_with_its_address(
        provider: FilesProvider, spool: Spool) -> None:
    with Tool(spool):
        provider.start_display(SETTINGS)
    for node in UUIDS[:3]:
        ask(spool, node)
    ask(spool, UUIDS[4], 'another')
    spool.reply(UUIDS[0], Failure('a' * 32, 'gone', lost=True))
    spool.put(f'{UUIDS[1]}.endpoint', b'{', 0o644)
    assert provider.displays() == {
        UUID: ('192.0.2.9', 40001), UUIDS[0]: None, UUIDS[1]: None,
        UUIDS[2]: None}


def test_a_conductor_that_starts_or_ends_lets_go_of_what_nobody_needs(
        provider: FilesProvider, spool: Spool, nodes: LockedNodes) -> None:
    here = ('192.0.2.9', 40001)
    for node in UUIDS[:6]:
        ask(spool, node)
        spool.reply(node, Endpoint('a' * 32, *here))
    nodes.put(UUIDS[0], here)
    nodes.put(UUIDS[1], here, console_enabled=False)
    # Another conductor has started its own.
    nodes.put(UUIDS[2], ('192.0.2.10', 40001))
    nodes.put(UUIDS[3], here, console_interface='no-console')
    # Whoever holds it may be enabling its console.
    nodes.put(UUIDS[4], console_enabled=False, reservation='us')
    provider.stop_all_containers()
    assert spool.asked() == spool.replied() == {UUIDS[0], UUIDS[4]}
    assert nodes.queries == 1


def test_a_node_that_another_conductor_asks_for_by_then_is_left_to_it(
        provider: FilesProvider, spool: Spool, nodes: LockedNodes) -> None:
    ask(spool, UUID)
    nodes.put(UUID, console_enabled=False)
    nodes.meanwhile = lambda: ask(spool, UUID, 'another')
    provider.stop_all_containers()
    assert spool.asked() == {UUID}


def test_a_conductor_leaves_what_another_one_asks_for(
        provider: FilesProvider, spool: Spool, nodes: LockedNodes) -> None:
    ask(spool, UUID, 'another')
    provider.stop_all_containers()
    assert spool.asked() == {UUID}
    assert not nodes.queries


@pytest.mark.parametrize('text', ['kind: Pod', '[]', '{"version": 9}', '7'])
def test_requests_of_an_operators_template_are_let_go_of_too(
        provider: FilesProvider, spool: Spool, nodes: LockedNodes, text: str,
        ) -> None:
    spool.put(f'{UUIDS[0]}.request', text.encode(), 0o600)
    spool.put(f'{UUIDS[1]}.request', text.encode(), 0o600)
    nodes.put(UUIDS[1], ('192.0.2.9', 40001))
    provider.stop_all_containers()
    assert spool.asked() == {UUIDS[1]}


def test_one_that_cannot_be_read_does_not_keep_ironic_from_starting(
        provider: FilesProvider, spool: Spool, nodes: LockedNodes) -> None:
    os.symlink('/etc/hostname', f'{spool.path}/{UUID}.request')
    ask(spool, UUIDS[0])
    provider.stop_all_containers()
    assert spool.asked() == {UUID}


def test_a_directory_that_cannot_be_used_keeps_no_ironic_from_starting(
        spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    os.chmod(spool.path, 0o777)
    FilesProvider().stop_all_containers()
    assert 'mode to 0700' in caplog.text


def test_consoles_of_others_are_refused_with_advice(
        provider: FilesProvider) -> None:
    with pytest.raises(exception.ConsoleContainerError, match='ilo-kvm'):
        provider.start_container(Task(Node()), 'redfish-graphical',
                                 {'address': 'https://192.0.2.1'})


def test_ironic_may_start_ours_itself(
        provider: FilesProvider, spool: Spool) -> None:
    document = json.loads(json.dumps(SETTINGS.to_document()))
    with Tool(spool):
        assert provider.start_container(Task(Node()), 'ilo', document) == (
            '192.0.2.9', 40001)
