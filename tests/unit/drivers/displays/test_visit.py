# SPDX-License-Identifier: Apache-2.0
"""The story of a visit, with an app and a browser that do what a test wants.

The real ones are in tests/displays/test_display_visit.py.
"""

import json
import os
import threading
from typing import Any

import pytest

from ironic_console.common.secret import Secret
from ironic_console.drivers.displays import own_process
from ironic_console.drivers.displays import visit as visit_module
from ironic_console.drivers.displays.apps.base import App, Page
from ironic_console.drivers.displays.cdp import Interrupted
from ironic_console.drivers.displays.failures import (
    BmcAway,
    BrowserFailed,
    ConsoleInUse,
    LoginRefused,
    PageMoving,
    VisitFailed,
)
from ironic_console.drivers.displays.settings import (
    APPS,
    Bmc,
    DisplaySettings,
    VncServer,
)
from ironic_console.drivers.displays.trust import Trust
from ironic_console.drivers.displays.visit import Visit, open_app

PATIENCE = 30.0
SETTINGS = DisplaySettings(
    '1be26c0b-03f2-4d2e-ae87-c02d7f33c123', 'node', 'ilo',
    Bmc('https://bmc.example', 'root', Secret('calvin')),
    VncServer('', Secret(''), Secret('12345678')))


class Stage:
    """What happens, in its order, and what goes wrong.

    :ivar acts: all that was done so far.
    :ivar said: what the visit said.
    :ivar looks: what is seen at each look at the page: whether there is a
        picture, or a fault; the last one for ever.
    :ivar troubles: step -> what it raises.
    :ivar gates: step -> what it waits for.
    :ivar hears_dialogs: what the page says in dialogs counts.
    """

    def __init__(self) -> None:
        self.acts: list[str] = []
        self.said: list[dict[str, Any]] = []
        self.looks: list[bool | VisitFailed] = [True]
        self.troubles: dict[str, BaseException] = {}
        self.gates: dict[str, threading.Event] = {}
        self.begun: dict[str, threading.Event] = {
            step: threading.Event()
            for step in ('log_in', 'start', 'open', 'shown')}
        self.interrupted = threading.Event()
        self.trust: Trust | None = Trust(pin='a pin')
        self.address = '192.0.2.7'
        self.is_console = True
        self.hears_dialogs = True

    def act(self, step: str) -> None:
        self.acts.append(step)
        if step in self.begun:
            self.begun[step].set()
        if step in self.gates:
            assert self.gates[step].wait(PATIENCE)
        if step in self.troubles:
            raise self.troubles[step]

    def hear(self, message: dict[str, Any]) -> None:
        self.said.append(message)
        if 'shown' in message:
            self.begun['shown'].set()

    def look(self) -> bool | VisitFailed:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    @property
    def words(self) -> list[str]:
        """What the visit said, without its steps."""
        return [next(iter(message)) for message in self.said
                if 'step' not in message]

    @property
    def failure(self) -> tuple[str, bool]:
        message = self.said[-1]
        return message['failed'], message['retry']


class FakeApp(App):
    documents = ('/console',)
    painted = 'painted'

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def log_in(self) -> None:
        self.stage.act('log_in')

    def open(self, page: Page) -> None:
        self.stage.act('open')

    def find_fault(self, page: Page) -> VisitFailed | None:
        look = self.stage.looks[0]
        if isinstance(look, PageMoving):
            self.stage.look()
            raise look
        if isinstance(look, VisitFailed):
            return look
        return None

    def leave(self, page: Page) -> None:
        self.stage.act('leave')

    def log_out(self) -> None:
        self.stage.act('log_out')


class FakeBrowser:
    """Browser and page in one."""

    stage: Stage

    def __init__(self, *_: object) -> None:
        self.page = self

    @property
    def is_console(self) -> bool:
        return self.stage.is_console

    def start(self) -> None:
        self.stage.act('start')

    def check(self) -> None:
        if self.stage.interrupted.is_set():
            raise Interrupted
        if 'check' in self.stage.troubles:
            raise self.stage.troubles['check']

    def evaluate(self, function: str) -> Any:
        return self.stage.look() if function == 'painted' else True

    def ignore_dialogs(self) -> None:
        self.stage.hears_dialogs = False

    def interrupt(self) -> None:
        self.stage.interrupted.set()

    def resume(self) -> None:
        self.stage.interrupted.clear()

    def close(self) -> None:
        self.stage.act('close')


class FakeWeb:
    stage: Stage

    def __init__(self, *_: object) -> None:
        self.deadline = None

    @property
    def trust(self) -> Trust | None:
        return self.stage.trust

    @property
    def address(self) -> str:
        return self.stage.address


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()
    FakeBrowser.stage = FakeWeb.stage = stage
    monkeypatch.setattr(visit_module, 'Chromium', FakeBrowser)
    monkeypatch.setattr(visit_module, 'BmcWeb', FakeWeb)
    monkeypatch.setattr(visit_module, 'open_app',
                        lambda *_: FakeApp(stage))
    for name in ('_WATCH_INTERVAL', '_PICTURE_INTERVAL', '_PIN_INTERVAL'):
        monkeypatch.setattr(visit_module, name, 0.001)
    return stage


@pytest.fixture
def visit(stage: Stage) -> Visit:
    return Visit(SETTINGS, stage.hear)


def test_goes_all_the_way_and_back(stage: Stage, visit: Visit) -> None:
    threading.Thread(target=lambda: (
        stage.begun['shown'].wait(PATIENCE), visit.stop()),
        daemon=True).start()
    assert visit.run()
    assert sorted(stage.acts[:2]) == ['log_in', 'start']
    assert stage.acts[2:] == ['open', 'leave', 'close', 'log_out']
    assert stage.words == ['shown']
    assert not stage.hears_dialogs


def test_the_browser_starts_while_the_login_goes_on(
        stage: Stage, visit: Visit) -> None:
    stage.gates['log_in'] = stage.begun['start']
    stage.troubles['start'] = BrowserFailed('no browser')
    stage.is_console = False
    assert not visit.run()
    # It failed before the login was done, which is undone all the same.
    assert stage.acts == ['log_in', 'start', 'close', 'log_out']
    assert stage.failure == ('no browser', True)


def test_the_browser_waits_for_the_certificate_of_the_bmc(
        stage: Stage, visit: Visit) -> None:
    stage.trust = None
    stage.troubles['log_in'] = LoginRefused('wrong password')
    assert not visit.run()
    assert stage.acts == ['log_in']
    assert stage.failure == ('wrong password', False)


def test_a_login_that_failed_is_not_undone(
        stage: Stage, visit: Visit) -> None:
    stage.troubles['log_in'] = LoginRefused('wrong password')
    assert not visit.run()
    assert 'log_out' not in stage.acts
    assert stage.words == ['failed']


@pytest.mark.parametrize('step', ['open', 'check'])
def test_whatever_fails_later_is_told_once_and_logged_out(
        stage: Stage, visit: Visit, step: str) -> None:
    stage.troubles[step] = ConsoleInUse('in use')
    assert not visit.run()
    assert stage.acts[-3:] == ['leave', 'close', 'log_out']
    assert stage.words == ['failed']
    assert stage.failure == ('in use', False)


def test_it_tells_before_it_cleans_up(stage: Stage, visit: Visit) -> None:
    stage.troubles['open'] = BmcAway('away')
    stage.gates['log_out'] = threading.Event()
    thread = threading.Thread(target=visit.run, daemon=True)
    thread.start()
    while 'log_out' not in stage.acts:
        assert thread.is_alive()
    assert stage.failure == ('away', True)
    stage.gates['log_out'].set()
    thread.join(PATIENCE)


@pytest.mark.parametrize('step', ['leave', 'log_out'])
def test_failures_on_the_way_back_stop_nothing(
        stage: Stage, visit: Visit, step: str) -> None:
    stage.looks = [True, ConsoleInUse('taken')]
    stage.troubles[step] = BmcAway('away')
    assert not visit.run()
    assert stage.acts[-3:] == ['leave', 'close', 'log_out']
    assert stage.failure == ('taken', False)


def test_a_page_that_is_gone_is_not_left(stage: Stage, visit: Visit) -> None:
    stage.is_console = False
    assert not visit.run()
    assert 'leave' not in stage.acts
    assert stage.failure[0].startswith('The BMC has left its console page')


def test_a_fault_counts_more_than_a_picture_below_it(
        stage: Stage, visit: Visit) -> None:
    stage.looks = [ConsoleInUse('in use')]
    assert not visit.run()
    assert stage.words == ['failed']


def test_a_page_that_moves_is_looked_at_again(
        stage: Stage, visit: Visit) -> None:
    stage.looks = [PageMoving('moving'), False, PageMoving('moving'), True,
                   PageMoving('moving'), True, BmcAway('the end')]
    assert not visit.run()
    assert stage.words == ['shown', 'failed']


def test_a_picture_that_never_comes_is_told(
        stage: Stage, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit_module, 'PICTURE_TIMEOUT', 0.05)
    stage.looks = [False]
    assert not visit.run()
    assert 'shows no picture' in stage.failure[0]
    assert stage.failure[1] is True
    assert stage.hears_dialogs


def test_a_picture_that_goes_is_told_and_its_return_too(
        stage: Stage, visit: Visit) -> None:
    stage.looks = [True, *[False] * 2, True, *[False] * 5, True, False,
                   BmcAway('the end')]
    assert not visit.run()
    assert stage.words == ['shown', 'hidden', 'shown', 'failed']


def test_a_picture_that_does_not_come_back_is_a_lost_console(
        stage: Stage, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit_module, 'PICTURE_TIMEOUT', 0.05)
    stage.looks = [True, False]
    assert not visit.run()
    assert stage.words == ['shown', 'hidden', 'failed']
    assert 'lost its picture' in stage.failure[0]


@pytest.mark.parametrize('step', ['log_in', 'open'])
def test_ends_in_the_middle_of_a_step(
        stage: Stage, visit: Visit, step: str) -> None:
    stage.gates[step] = stage.interrupted
    if step == 'log_in':
        stage.gates[step] = threading.Event()
    else:
        stage.troubles[step] = Interrupted()

    def stop() -> None:
        stage.begun[step].wait(PATIENCE)
        visit.stop()
        visit.stop()
        stage.gates[step].set()

    threading.Thread(target=stop, daemon=True).start()
    assert visit.run()
    assert stage.acts[-1] == 'log_out'
    assert stage.words == []


def test_a_login_that_hangs_is_not_waited_for(
        stage: Stage, visit: Visit, monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(visit_module, 'LOGIN_END_TIMEOUT', 0.05)
    stage.gates['log_in'] = threading.Event()
    visit.stop()
    assert visit.run()
    assert 'log_out' not in stage.acts
    assert 'a session may be left' in caplog.text
    stage.gates['log_in'].set()


def test_a_stop_before_there_is_a_browser_reaches_it(
        stage: Stage, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []

    class Late(FakeBrowser):
        def __init__(self, *_: object) -> None:
            super().__init__()
            visit.stop()

        def start(self) -> None:
            heard.append(stage.interrupted.is_set())
            raise Interrupted

    monkeypatch.setattr(visit_module, 'Chromium', Late)
    assert visit.run()
    assert heard == [True]


@pytest.mark.parametrize('name', APPS)
def test_all_apps_that_settings_allow_are_there(name: str) -> None:
    settings = DisplaySettings(SETTINGS.node, 'node', name, SETTINGS.bmc,
                               SETTINGS.vnc)
    web: Any = FakeWeb()
    assert open_app(settings, web).documents


# -- the program --------------------------------------------------------------

class Program:
    """Its standard input and output."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch,
                 document: bytes) -> None:
        reader, writer = os.pipe()
        self._said, theirs = os.pipe()
        os.write(writer, document + b'\n')
        os.close(writer)
        monkeypatch.setattr('sys.stdin', os.fdopen(reader))
        monkeypatch.setattr('sys.stdout', os.fdopen(theirs, 'w'))
        monkeypatch.setattr('signal.signal', lambda *_: None)
        # It is the process of all tests.
        for name in ('come_last', 'hide_memory'):
            monkeypatch.setattr(own_process, name, lambda: None)

    def said(self) -> Any:
        return json.loads(os.read(self._said, 65536))


def test_what_was_not_foreseen_is_told_without_its_text(
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
        ) -> None:
    program = Program(monkeypatch, json.dumps(
        SETTINGS.to_document()).encode())

    def run(_visit: Visit) -> bool:
        raise ValueError('calvin is wrong')

    monkeypatch.setattr(Visit, 'run', run)
    assert visit_module.main() == 1
    said = program.said()
    assert said['retry'] is True
    assert 'not foreseen' in said['failed']
    assert 'unexpected ValueError in visit.py:' in caplog.text
    assert 'calvin' not in caplog.text + said['failed']


@pytest.mark.parametrize('document', [b'', b'{', b'[]', b'{"version": 7}'])
def test_settings_that_cannot_be_used_are_not_tried_again(
        monkeypatch: pytest.MonkeyPatch, document: bytes) -> None:
    program = Program(monkeypatch, document)
    assert visit_module.main() == 1
    assert program.said()['retry'] is False
