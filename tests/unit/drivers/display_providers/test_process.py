# SPDX-License-Identifier: Apache-2.0
"""Displays as children of the conductor, with a little program for one."""

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import pathlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from ironic_console.common.errors import DisplayError
from ironic_console.drivers.display_providers import process
from ironic_console.drivers.display_providers.process import ProcessProvider
from tests.helpers.conductor import UUID
from tests.helpers.display_settings import SECRETS, SETTINGS, other
from tests.helpers.proxy import wait_until

OTHER_UUID = UUID.replace('1', '2')
PATIENCE = 60.0
# What every child does first: it notes what it was given.
_BEGIN = '''\
import json, os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
document = sys.stdin.readline()
settings = json.loads(document)
port = settings['vnc']['port'] or 5907
def note(name, **facts):
    path = folder / f'{settings["node"]}.{name}.{os.getpid()}'
    path.with_suffix('.new').write_text(json.dumps(facts))
    path.with_suffix('.new').rename(path)
def say(**words):
    print(json.dumps(words), flush=True)
def log(text):
    print(text, file=sys.stderr, flush=True)
note('begun', pid=os.getpid(), environment=dict(os.environ),
     arguments=sys.argv, settings=settings, session=os.getsid(0))
'''
_GOOD = '''
def leave(*_):
    note('left')
    sys.exit()
signal.signal(signal.SIGTERM, leave)
log('Xvnc is up')
say(version=1, port=port)
sys.stdin.read()
note('abandoned')
'''


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / 'notes'
    path.mkdir()
    return path


@pytest.fixture
def limits(conf: Any) -> Any:
    conf.config(group='ironic_console', display_address='192.0.2.9',
                display_start_timeout=PATIENCE)
    return conf


@pytest.fixture
def run(folder: pathlib.Path, limits: Any, tmp_path: pathlib.Path,
        ) -> Iterator[Callable[..., ProcessProvider]]:
    """Make providers whose displays are such a program."""
    made: list[ProcessProvider] = []

    def run(source: str = _GOOD) -> ProcessProvider:
        program = tmp_path / f'display{len(made)}.py'
        program.write_text(_BEGIN + source)
        made.append(ProcessProvider(
            (sys.executable, '-I', '-S', str(program), str(folder))))
        return made[-1]
    yield run
    for provider in made:
        for node in (UUID, OTHER_UUID):
            provider.stop_display(node)


@pytest.fixture
def short_lives_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, 'MIN_LIFE', 0.0)


def notes(folder: pathlib.Path, name: str, count: int = 1,
          node: str = UUID) -> list[dict[str, Any]]:
    """Wait for what so many children of a node have noted."""
    def found() -> list[pathlib.Path]:
        return [path for path in folder.glob(f'{node}.{name}.*')
                if path.suffix != '.new']
    wait_until(lambda: len(found()) >= count, f'{count} x {name}', PATIENCE)
    assert len(found()) == count
    return [json.loads(path.read_text())
            for path in sorted(found(), key=lambda path: path.stat().st_mtime)]


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def refusal(provider: ProcessProvider) -> str:
    with pytest.raises(DisplayError) as caught:
        provider.start_display(SETTINGS)
    text = str(caught.value)
    assert not any(secret in text for secret in SECRETS)
    assert not provider.may_run(UUID)
    return text


# -- all is well --------------------------------------------------------------

def test_tells_where_it_listens_and_runs_until_it_is_stopped(
        run: Callable[..., ProcessProvider], folder: pathlib.Path) -> None:
    provider = run()
    assert not provider.may_run(UUID)
    assert provider.start_display(SETTINGS) == ('192.0.2.9', 5907)
    assert provider.may_run(UUID)
    [begun] = notes(folder, 'begun')
    provider.stop_display(UUID)
    assert notes(folder, 'left')
    assert gone(begun['pid'])
    assert not provider.may_run(UUID)
    provider.stop_display(UUID)


def test_gets_its_settings_by_standard_input_and_nothing_by_other_ways(
        run: Callable[..., ProcessProvider], folder: pathlib.Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('OS_PASSWORD', 'PYTHONPATH', 'HOME', 'LD_PRELOAD_PATH'):
        monkeypatch.setenv(name, 'secret of the conductor')
    monkeypatch.setenv('LANG', 'C.UTF-8')
    monkeypatch.setenv('TZ', 'UTC')
    monkeypatch.delenv('TMPDIR', raising=False)
    run().start_display(SETTINGS)
    [begun] = notes(folder, 'begun')
    assert begun['settings'] == SETTINGS.to_document()
    # LC_CTYPE is set by Python itself.
    assert begun['environment'].keys() - {'LC_CTYPE'} == {
        'PATH', 'LANG', 'TZ'}
    seen = str(begun['environment']) + str(begun['arguments'])
    assert not any(secret in seen for secret in SECRETS)


def test_no_signal_of_a_terminal_reaches_it(
        run: Callable[..., ProcessProvider], folder: pathlib.Path) -> None:
    run().start_display(SETTINGS)
    [begun] = notes(folder, 'begun')
    assert begun['session'] == begun['pid'] != os.getsid(0)


@pytest.mark.parametrize('wildcard', ['0.0.0.0', '::'])
def test_nobody_is_told_a_wildcard(
        run: Callable[..., ProcessProvider], limits: Any, wildcard: str,
        ) -> None:
    limits.config(my_ip='192.0.2.33')
    limits.config(group='ironic_console', display_address=wildcard)
    assert run().start_display(SETTINGS)[0] == '192.0.2.33'


def test_what_it_logs_is_logged_with_its_node(
        run: Callable[..., ProcessProvider],
        caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('DEBUG')
    provider = run('''
log('Xvnc is up \\x1b[31m\\x07')
log('{"version": 1, "port": 22}')
log('x' * 20000)
''' + _GOOD)
    assert provider.start_display(SETTINGS)[1] == 5907
    wait_until(lambda: caplog.text.count('Xvnc is up') == 2, 'its log',
               PATIENCE)
    assert f'Display of node {UUID}: Xvnc is up ?[31m?' in caplog.text
    assert f'Display of node {UUID}: xxx' in caplog.text
    assert max(map(len, caplog.messages)) < 9000
    provider.stop_display(UUID)
    assert not any(secret in caplog.text for secret in SECRETS)


def test_displays_of_two_nodes_know_nothing_of_each_other(
        run: Callable[..., ProcessProvider], folder: pathlib.Path) -> None:
    provider = run()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(provider.start_display,
                      [SETTINGS, other(node=OTHER_UUID)]))
    provider.stop_display(UUID)
    assert provider.may_run(OTHER_UUID)
    [left] = notes(folder, 'begun', node=OTHER_UUID)
    assert not gone(left['pid'])


def test_a_second_start_is_another_display(
        run: Callable[..., ProcessProvider], folder: pathlib.Path) -> None:
    provider = run()
    provider.start_display(SETTINGS)
    [first] = notes(folder, 'begun')
    provider.start_display(SETTINGS)
    assert gone(first['pid'])
    assert len(notes(folder, 'begun', 2)) == 2
    assert len(notes(folder, 'left')) == 1


def test_those_that_run_are_known_with_their_addresses(
        run: Callable[..., ProcessProvider], folder: pathlib.Path) -> None:
    provider = run()
    assert provider.displays() == {}
    provider.start_display(SETTINGS)
    assert provider.displays() == {UUID: ('192.0.2.9', 5907)}
    provider.stop_display(UUID)
    assert provider.displays() == {}
    starting = run('time.sleep(600)')
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        started = pool.submit(starting.start_display, SETTINGS)
        notes(folder, 'begun', 2)
        assert starting.displays() == {UUID: None}
        starting.stop_display(UUID)
        assert isinstance(started.exception(PATIENCE), DisplayError)


def test_ironic_that_stops_all_when_it_begins_stops_nothing(
        run: Callable[..., ProcessProvider]) -> None:
    provider = run()
    provider.start_display(SETTINGS)
    provider.stop_all_containers()
    assert provider.may_run(UUID)


def test_no_display_outlives_its_conductor(
        run: Callable[..., ProcessProvider], folder: pathlib.Path) -> None:
    provider = run()
    provider.start_display(SETTINGS)
    display = provider._displays[UUID]
    assert display._process
    assert display._process.stdin
    # As the kernel does it for a process that is killed.
    os.close(os.dup2(os.open(os.devnull, os.O_WRONLY),
                     display._process.stdin.fileno()))
    assert notes(folder, 'abandoned')


# -- it does not start --------------------------------------------------------

def test_what_it_says_is_told(run: Callable[..., ProcessProvider],
                              folder: pathlib.Path) -> None:
    provider = run('''
say(error='Xvnc is missing:\\n apt-get install it' + '!' * 3000)
sys.exit(1)
''')
    text = refusal(provider)
    assert 'did not start: Xvnc is missing:? apt-get install it!' in text
    assert len(text) < 500
    assert len(notes(folder, 'begun')) == 1


def test_what_it_says_before_it_has_read_anything_is_told(
        limits: Any, tmp_path: pathlib.Path,
        caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('INFO')
    program = tmp_path / 'display.py'
    program.write_text('import os, sys\nos.close(0)\n'
                       'print("no module", file=sys.stderr)\n'
                       'print(\'{"error": "too early"}\')\n')
    provider = ProcessProvider((sys.executable, '-I', '-S', str(program)))
    # More than a pipe holds.
    big = other(title='t' * 100_000)
    with pytest.raises(DisplayError, match='too early'):
        provider.start_display(big)
    assert f'Display of node {UUID}: no module' in caplog.text


@pytest.mark.parametrize('words', [
    '', 'print("hello")', 'print("{" * 3000)', 'print("[1]")',
    "print('{\"a\":' * 1600, flush=True); time.sleep(600)",
    'print("x" * 100000)', 'sys.stdout.buffer.write(b"\\xff\\n")'])
def test_nothing_sensible_refers_to_the_log(
        run: Callable[..., ProcessProvider], words: str) -> None:
    assert 'see the log of the conductor' in refusal(run(words))


@pytest.mark.parametrize('words', [
    'say(version=2, port=5907)', 'say(port=5907)', 'say(version=1)',
    'say(version=1, port=True)', 'say(version=1, port=0)',
    'say(version=1, port="5907")', 'say(version=1, port=65536)',
    'say(version=1, port=-1); time.sleep(600)', 'say(version=1, error=7)'])
def test_answers_of_another_version_are_not_believed(
        run: Callable[..., ProcessProvider], words: str) -> None:
    assert 'another version' in refusal(run(words))


def test_a_program_that_cannot_be_run_is_told(limits: Any) -> None:
    provider = ProcessProvider(('/nowhere/display',))
    assert 'cannot be run: No such file' in refusal(provider)


def test_one_that_is_late_is_ended_and_told(
        run: Callable[..., ProcessProvider], folder: pathlib.Path,
        limits: Any) -> None:
    limits.config(group='ironic_console', display_start_timeout=1)
    text = refusal(run('time.sleep(600)'))
    assert '[ironic_console]display_start_timeout of 1 s' in text
    for path in folder.glob('*.begun.*'):
        assert gone(json.loads(path.read_text())['pid'])


def test_one_that_reads_nothing_is_ended_as_well(
        limits: Any, tmp_path: pathlib.Path) -> None:
    limits.config(group='ironic_console', display_start_timeout=1)
    program = tmp_path / 'display.py'
    program.write_text('import time\ntime.sleep(600)\n')
    provider = ProcessProvider((sys.executable, '-I', '-S', str(program)))
    with pytest.raises(DisplayError, match='display_start_timeout'):
        provider.start_display(other(title='t' * 100_000))
    assert not [thread for thread in threading.enumerate()
                if thread.name == f'display-{UUID}']


def test_one_that_is_stopped_while_it_starts_is_gone(
        run: Callable[..., ProcessProvider], folder: pathlib.Path) -> None:
    provider = run('time.sleep(600)')
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        started = pool.submit(provider.start_display, SETTINGS)
        [begun] = notes(folder, 'begun')
        provider.stop_display(UUID)
        with pytest.raises(DisplayError, match='was stopped while it start'):
            started.result(PATIENCE)
    assert gone(begun['pid'])
    assert not provider.may_run(UUID)


# -- it dies ------------------------------------------------------------------

def test_one_whose_port_is_taken_gets_another(
        run: Callable[..., ProcessProvider], folder: pathlib.Path) -> None:
    provider = run('''
if settings['vnc']['port']:
    say(error='somebody has port 5912 by now')
    sys.exit(1)
''' + _GOOD)
    wanted = dataclasses.replace(SETTINGS, vnc=dataclasses.replace(
        SETTINGS.vnc, port=5912))
    assert provider.start_display(wanted)[1] == 5907
    assert [one['settings']['vnc']['port']
            for one in notes(folder, 'begun', 2)] == [5912, 0]


def test_one_that_dies_is_started_again_at_its_port(
        run: Callable[..., ProcessProvider], folder: pathlib.Path,
        short_lives_are_fine: None, caplog: pytest.LogCaptureFixture) -> None:
    provider = run()
    provider.start_display(SETTINGS)
    [first] = notes(folder, 'begun')
    psutil.Process(first['pid']).kill()
    second = notes(folder, 'begun', 2)[1]
    assert first['settings']['vnc']['port'] == 0
    assert second['settings']['vnc'] == {
        **first['settings']['vnc'], 'port': 5907}
    assert provider.may_run(UUID)
    assert f'The display of node {UUID} died; it is started again' in (
        caplog.text)


def test_death_is_seen_although_something_holds_its_output(
        run: Callable[..., ProcessProvider], folder: pathlib.Path,
        short_lives_are_fine: None) -> None:
    provider = run('''
child = os.fork()
if not child:
    os.setsid()
    time.sleep(600)
note('child', pid=child)
''' + _GOOD)
    provider.start_display(SETTINGS)
    [first] = notes(folder, 'begun')
    notes(folder, 'child')
    try:
        psutil.Process(first['pid']).kill()
        notes(folder, 'begun', 2)
    finally:
        for one in notes(folder, 'child', 2):
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(one['pid']).kill()


def test_what_it_leaves_behind_is_ended(
        run: Callable[..., ProcessProvider], folder: pathlib.Path) -> None:
    provider = run('''
child = os.fork()
if not child:
    time.sleep(600)
note('child', pid=child)
''' + _GOOD)
    provider.start_display(SETTINGS)
    [child] = notes(folder, 'child')
    provider.stop_display(UUID)
    wait_until(lambda: gone(child['pid']), 'its child to end', PATIENCE)


def test_one_that_dies_again_and_again_is_given_up(
        run: Callable[..., ProcessProvider], folder: pathlib.Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(process, 'PAUSE', 0.001)
    provider = run('say(version=1, port=port)')
    # It was there for a moment; somebody else sees that it is not.
    with contextlib.suppress(DisplayError):
        provider.start_display(SETTINGS)
    wait_until(lambda: not provider.may_run(UUID), 'the end', PATIENCE)
    assert 'it dies again and again; see the log' in caplog.text
    assert len(notes(folder, 'begun', process.MAX_DEATHS + 1)
               ) == process.MAX_DEATHS + 1


def test_waiting_to_start_one_again_ends_with_its_stop(
        run: Callable[..., ProcessProvider], folder: pathlib.Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, 'PAUSE', 600)
    provider = run('say(version=1, port=port)')
    with contextlib.suppress(DisplayError):
        provider.start_display(SETTINGS)
    [begun] = notes(folder, 'begun')
    wait_until(lambda: gone(begun['pid']), 'its death', PATIENCE)
    provider.stop_display(UUID)
    assert not provider.may_run(UUID)
    assert len(notes(folder, 'begun')) == 1


def test_a_second_life_that_fails_is_given_up_with_its_own_words(
        run: Callable[..., ProcessProvider], folder: pathlib.Path,
        short_lives_are_fine: None, caplog: pytest.LogCaptureFixture) -> None:
    provider = run('''
if settings['vnc']['port']:
    say(error='somebody has port 5907 by now')
    sys.exit(1)
''' + _GOOD)
    provider.start_display(SETTINGS)
    [first] = notes(folder, 'begun')
    psutil.Process(first['pid']).kill()
    wait_until(lambda: not provider.may_run(UUID), 'the end', PATIENCE)
    assert (f'Display of node {UUID}: somebody has port 5907 by now'
            in caplog.text)
    assert len(notes(folder, 'begun', 2)) == 2


# -- it does not end ----------------------------------------------------------

def test_one_that_does_not_end_is_killed(
        run: Callable[..., ProcessProvider], folder: pathlib.Path,
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
        ) -> None:
    monkeypatch.setattr(process, 'STOP_TIMEOUT', 0.3)
    provider = run('''
signal.signal(signal.SIGTERM, signal.SIG_IGN)
say(version=1, port=port)
time.sleep(600)
''')
    provider.start_display(SETTINGS)
    [begun] = notes(folder, 'begun')
    provider.stop_display(UUID)
    wait_until(lambda: gone(begun['pid']), 'its end', PATIENCE)
    assert f'Node {UUID}: its display does not end and is killed' in (
        caplog.text)


def test_one_that_needs_a_moment_to_log_out_gets_it(
        run: Callable[..., ProcessProvider], folder: pathlib.Path,
        caplog: pytest.LogCaptureFixture) -> None:
    provider = run('''
def leave(*_):
    time.sleep(0.5)
    note('logged-out')
    sys.exit()
signal.signal(signal.SIGTERM, leave)
say(version=1, port=port)
time.sleep(600)
''')
    provider.start_display(SETTINGS)
    began = time.monotonic()
    provider.stop_display(UUID)
    assert time.monotonic() - began < process.STOP_TIMEOUT
    assert len(list(folder.glob('*.logged-out.*'))) == 1
    assert 'killed' not in caplog.text
