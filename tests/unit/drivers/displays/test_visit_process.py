# SPDX-License-Identifier: Apache-2.0
"""One visit's process, and what it says."""

import contextlib
import os
import pathlib
import select
import signal
import sys

import pytest

from ironic_console.drivers.displays.reception import Notice, Reception
from ironic_console.drivers.displays.visit_process import (
    LEAVE_TIMEOUT,
    VisitProcess,
    pass_on,
)
from tests.helpers.clock import FrozenClock
from tests.helpers.display_program import wait_until

PATIENCE = 30_000
_ECHO = 'import sys; print(len(sys.stdin.readline())); sys.stdin.read()'
_STUBBORN = ('import os, time\n'
             'os.fork()\n'
             'print("ready", flush=True)\n'
             'time.sleep(1000)')
_ENVIRONMENT = 'import os; print(dict(os.environ))'


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def start(tmp_path, clock):
    started = []

    def run(code, document=b'{}\n'):
        started.append(VisitProcess(
            [sys.executable, '-c', code], document, {'DISPLAY': ':7'},
            str(tmp_path / 'home'), clock))
        return started[-1]
    yield run
    for visit in started:
        if visit._process.returncode is None:
            visit.bury()


def wait_for_line(visit):
    lines = []
    while not lines:
        assert select.select([visit.lines.fd], [], [], PATIENCE)[0]
        lines = visit.lines.read()
    return lines


def test_long_settings_do_not_block(start):
    document = b'"' + b'x' * 250_000 + b'"\n'
    visit = start(_ECHO, document)
    while visit.wants_telling:
        visit.tell()
        select.select([], [visit.stdin], [], PATIENCE)
    assert wait_for_line(visit) == [str(len(document))]


def test_settings_that_nobody_reads_are_no_problem(start):
    visit = start('import os; os.close(0); print("closed", flush=True)',
                  b'x' * 200_000)
    wait_for_line(visit)
    while visit.wants_telling:
        visit.tell()


def test_it_has_ten_seconds_to_leave(start, clock):
    visit = start(_ECHO)
    assert visit.kill_at > clock.monotonic() + 1e6
    visit.leave()
    assert visit.kill_at == clock.monotonic() + LEAVE_TIMEOUT
    clock.advance(3)
    visit.leave()
    assert visit.kill_at == clock.monotonic() + LEAVE_TIMEOUT - 3
    assert not visit.wants_telling


def test_all_of_it_is_killed_and_its_home_is_removed(start, tmp_path):
    visit = start(_STUBBORN)
    pathlib.Path(tmp_path, 'home', 'file').touch()
    lines = wait_for_line(visit)
    while len(lines) < 2:
        lines += wait_for_line(visit)
    visit.bury()
    assert not os.path.exists(tmp_path / 'home')
    # The child of it was adopted by another process, which may be slow.
    wait_until(lambda: not living(visit.pid), 'the group to be dead')


def living(group: int) -> list[str]:
    """:returns: processes of a group that are no zombies."""
    found = []
    for entry in pathlib.Path('/proc').iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                fields = (entry / 'stat').read_text().rpartition(')')[2]
                state, _, its_group = fields.split()[:3]
                if int(its_group) == group and state not in 'ZX':
                    found.append(entry.name)
    return found


def test_finds_nothing_of_a_desktop_around(start, monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CONFIG_HOME', '/elsewhere')
    monkeypatch.setenv('DBUS_SESSION_BUS_ADDRESS', 'unix:path=/elsewhere')
    visit = start(_ENVIRONMENT)
    environment, = wait_for_line(visit)
    assert 'elsewhere' not in environment
    assert f"'HOME': '{tmp_path / 'home'}'" in environment
    assert "'DISPLAY': ':7'" in environment


def test_its_last_words_are_heard(start):
    visit = start('print("one"); print("two")')
    os.waitid(os.P_PID, visit.pid, os.WEXITED | os.WNOWAIT)
    assert visit.bury() == ['one', 'two']
    with pytest.raises(ProcessLookupError):
        os.kill(visit.pid, signal.SIGKILL)


@pytest.fixture
def desk(clock):
    desk = Reception(5.0, clock)
    desk.viewers_look()
    desk.visit_began()
    return desk


def test_messages_reach_the_reception(desk):
    pass_on('{"step": "one"}', desk)
    assert desk.notice == Notice('one')
    pass_on('{"shown": true}', desk)
    assert desk.notice is None
    pass_on('{"hidden": true, "text": "gone"}', desk)
    assert desk.notice == Notice('gone')
    pass_on('{"failed": "broken", "retry": false}', desk)
    desk.visit_ended()
    assert desk.notice.text.startswith('broken')
    assert not desk.wants_visit


@pytest.mark.parametrize('line', [
    '', 'hello secret', '[]', '"step"', 'null', '{"step": 5}', '[' * 100_000,
    '{"shown": false}', '{"failed": "secret", "retry": "secret"}',
    '{"hidden": true}', '{"password": "secret"}'])
def test_what_is_no_message_changes_nothing_and_is_not_shown(desk, line,
                                                            caplog):
    before = desk.notice
    pass_on(line, desk)
    assert desk.notice == before
    assert 'something that we do not know' in caplog.text
    assert 'secret' not in caplog.text


def test_texts_are_cut(desk):
    pass_on(f'{{"step": "{"x" * 5000}"}}', desk)
    assert len(desk.notice.text) < 1000
