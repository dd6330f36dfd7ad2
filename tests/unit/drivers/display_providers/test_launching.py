# SPDX-License-Identifier: Apache-2.0
"""Displays with whichever provider Ironic has been given, ours or its own."""

import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
from ironic.common import console_factory, exception
from ironic.console.container import base as ironic_base

from ironic_console.common.errors import ConfigError, DisplayError
from ironic_console.drivers.display_providers import launching
from ironic_console.drivers.display_providers.process import ProcessProvider
from ironic_console.drivers.displays.settings import DisplaySettings
from tests.helpers.conductor import UUID, Node, Task
from tests.helpers.display_settings import SECRETS, SETTINGS
from tests.helpers.node_locks import LockedNodes
from tests.unit.drivers.display_providers.test_base import Provider


class Foreign(ironic_base.BaseConsoleContainer):
    """A provider as Ironic's own are, whose containers read at once.

    :param folder: where settings are handed over.
    """

    provider_name = 'container'

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self.started: list[Any] = []
        self.read: list[DisplaySettings] = []
        self.stopped: list[str] = []
        self.address: Any = ('192.0.2.9', 32768)
        self.error: Exception | None = None

    def start_container(self, task: Any, app_name: str, app_info: Any,
                        ) -> Any:
        self.started.append((task.node.uuid, app_name, app_info))
        path = self._folder / task.node.uuid / 'settings.json'
        if path.exists():
            assert path.stat().st_mode & 0o077 == 0
            self.read.append(DisplaySettings.from_json(path.read_bytes()))
        if self.error:
            raise self.error
        return self.address

    def stop_container(self, task: Any) -> None:
        self.stopped.append(task.node.uuid)
        if self.error:
            raise self.error

    def stop_all_containers(self) -> None:
        pass


@pytest.fixture
def task() -> Task:
    return Task(Node())


@pytest.fixture
def folder(tmp_path: pathlib.Path, conf: Any) -> pathlib.Path:
    path = tmp_path / 'displays'
    path.mkdir(0o700)
    conf.config(group='ironic_console', display_directory=str(path))
    return path


@pytest.fixture
def use(conf: Any, monkeypatch: pytest.MonkeyPatch,
        ) -> Callable[[str, Any], None]:
    """Have Ironic given a provider, as its conductor does when it starts."""
    def use(name: str, provider: Any) -> None:
        conf.config(group='vnc', container_provider=name)
        monkeypatch.setattr(console_factory.ConsoleContainerFactory,
                            '_provider', provider)
    return use


@pytest.fixture
def ours(use: Callable[..., None]) -> Provider:
    provider = Provider()
    use('display-process', provider)
    return provider


@pytest.fixture
def foreign(folder: pathlib.Path, use: Callable[..., None]) -> Foreign:
    provider = Foreign(folder)
    use('container', provider)
    return provider


# -- which one ----------------------------------------------------------------

def test_one_that_starts_nothing_is_refused_with_words(conf: Any) -> None:
    conf.config(group='vnc', container_provider='fake')
    with pytest.raises(ConfigError) as caught:
        launching.check_provider()
    for word in ('container_provider is fake', 'display-process',
                 'display-files', 'container', 'systemd', 'kubernetes'):
        assert word in str(caught.value)


@pytest.mark.parametrize('name', ['display-process', 'display-files',
                                  'container', 'systemd', 'kubernetes'])
def test_any_other_will_do(
        foreign: Foreign, use: Callable[..., None], name: str) -> None:
    use(name, Provider() if name.startswith('display-') else foreign)
    launching.check_provider()


def test_one_of_ours_that_cannot_start_displays_here_is_told(
        ours: Provider) -> None:
    ours.error = DisplayError('nobody may write there')
    with pytest.raises(ConfigError, match='nobody may write there'):
        launching.check_provider()


def test_ironic_finds_ours_by_its_name(
        conf: Any, use: Callable[..., None], task: Task) -> None:
    use('display-process', None)
    launching.stop(task)
    assert isinstance(console_factory.ConsoleContainerFactory().provider,
                      ProcessProvider)


def test_one_that_ironic_cannot_load_is_told(
        use: Callable[..., None], task: Task) -> None:
    use('no-such-provider', None)
    for call in (lambda: launching.start(task, SETTINGS),
                 lambda: launching.stop(task),
                 lambda: launching.may_run(UUID)):
        with pytest.raises(DisplayError, match=r'container_provider cannot be '
                                               'used: .*no-such-provider'):
            call()


def test_only_a_display_beside_us_is_told_where_to_listen(conf: Any) -> None:
    conf.config(group='ironic_console', display_address='192.0.2.1')
    conf.config(group='vnc', container_provider='display-process')
    assert launching.listen_at(5912) == ('192.0.2.1', 5912)
    for name in ('display-files', 'container', 'systemd', 'kubernetes'):
        conf.config(group='vnc', container_provider=name)
        assert launching.listen_at(5912) == ('', 5900)


# -- ours ---------------------------------------------------------------------

def test_ours_are_told_directly(ours: Provider, task: Task,
                                folder: pathlib.Path) -> None:
    assert launching.start(task, SETTINGS) == ('192.0.2.9', 5907)
    assert not launching.may_run(UUID)
    launching.stop(task)
    assert ours.asked == [SETTINGS, UUID]
    assert not list(folder.iterdir())


def test_what_ours_say_is_passed_on(ours: Provider, task: Task) -> None:
    ours.error = DisplayError('Xvnc is missing')
    for call in (lambda: launching.start(task, SETTINGS),
                 lambda: launching.stop(task)):
        with pytest.raises(DisplayError, match=r'^Xvnc is missing$'):
            call()


def test_what_nobody_needs_is_stopped_where_it_is_ours(
        ours: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    LockedNodes(monkeypatch)
    launching.stop_unneeded()
    assert ours.asked == [UUID]


# -- Ironic's -----------------------------------------------------------------

def test_ironics_are_told_nothing_and_displays_by_a_file(
        foreign: Foreign, task: Task, folder: pathlib.Path) -> None:
    assert launching.start(task, SETTINGS) == ('192.0.2.9', 32768)
    assert foreign.started == [(UUID, 'ilo', {})]
    assert foreign.read == [SETTINGS]
    assert not list(folder.iterdir())
    assert launching.may_run(UUID)
    launching.stop(task)
    assert foreign.stopped == [UUID]


@pytest.mark.parametrize('wildcard', ['0.0.0.0', '::'])
def test_nobody_is_told_a_wildcard(foreign: Foreign, task: Task, conf: Any,
                                   wildcard: str) -> None:
    conf.config(my_ip='192.0.2.33')
    foreign.address = (wildcard, '32768')
    assert launching.start(task, SETTINGS) == ('192.0.2.33', 32768)


@pytest.mark.parametrize('error', [
    exception.ConsoleContainerError(provider='container', reason='no\nimage'),
    OSError('no\nimage'), KeyError('no\nimage')])
def test_what_ironics_say_is_told_in_one_line_and_nothing_is_left(
        foreign: Foreign, task: Task, folder: pathlib.Path,
        error: Exception) -> None:
    foreign.error = error
    with pytest.raises(DisplayError) as caught:
        launching.start(task, SETTINGS)
    text = str(caught.value)
    assert text.startswith('container, which is [vnc]container_provider, '
                           'could not start the display: ')
    assert 'image' in text
    assert '\n' not in text
    assert not list(folder.iterdir())
    assert foreign.stopped == [UUID]
    with pytest.raises(DisplayError, match='could not stop the display: '):
        launching.stop(task)


def test_what_ironics_run_is_ironics_to_stop(
        foreign: Foreign, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = LockedNodes(monkeypatch)
    launching.stop_unneeded()
    assert not foreign.stopped
    assert not nodes.queries


def test_what_ironics_quote_is_cut_off(foreign: Foreign, task: Task) -> None:
    foreign.error = OSError('x' * 100_000)
    with pytest.raises(DisplayError) as caught:
        launching.start(task, SETTINGS)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize('address', [None, (), ('192.0.2.9', 'x')])
def test_an_address_that_is_none_is_a_failure(
        foreign: Foreign, task: Task, address: object) -> None:
    foreign.address = address
    with pytest.raises(DisplayError, match='could not start the display'):
        launching.start(task, SETTINGS)
    assert foreign.stopped == [UUID]


def test_a_folder_that_is_not_ours_alone_starts_nothing(
        foreign: Foreign, task: Task, folder: pathlib.Path) -> None:
    folder.chmod(0o777)
    with pytest.raises(DisplayError):
        launching.start(task, SETTINGS)
    assert not foreign.started


def test_settings_that_stay_behind_are_a_failure(
        foreign: Foreign, task: Task, monkeypatch: pytest.MonkeyPatch,
        ) -> None:
    def fail(*_: object) -> None:
        raise DisplayError('it cannot be removed')
    monkeypatch.setattr(launching.spool, 'take_back', fail)
    with pytest.raises(DisplayError, match='it cannot be removed'):
        launching.start(task, SETTINGS)
    assert foreign.stopped == [UUID]


# -- Kubernetes ---------------------------------------------------------------

def test_kubernetes_keeps_them_as_a_secret(
        foreign: Foreign, task: Task, folder: pathlib.Path,
        use: Callable[..., None]) -> None:
    use('kubernetes', foreign)
    launching.start(task, SETTINGS)
    [(node, app, info)] = foreign.started
    assert (node, app) == (UUID, 'ilo')
    assert DisplaySettings.from_json(json.dumps(info).encode()) == SETTINGS
    assert not foreign.read
    assert not list(folder.iterdir())


def test_what_kubectl_quotes_of_a_secret_goes_no_further(
        foreign: Foreign, task: Task, use: Callable[..., None],
        caplog: pytest.LogCaptureFixture) -> None:
    use('kubernetes', foreign)
    foreign.error = exception.ConsoleContainerError(
        provider='kubernetes', reason=json.dumps(SETTINGS.to_document()))
    with pytest.raises(DisplayError, match='ConsoleContainerError, see the '
                                           'log of the conductor') as caught:
        launching.start(task, SETTINGS)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    shown = str(caught.value) + caplog.text
    assert not any(secret in shown for secret in SECRETS)
