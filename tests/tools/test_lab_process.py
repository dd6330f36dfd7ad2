# SPDX-License-Identifier: Apache-2.0
"""Programs are awaited with a deadline and leave nothing behind."""

import pathlib
import signal
import sys
import time

import pytest

from tools.lab.process import Program, ProgramError

FORKING = '''
import os, signal, subprocess, sys, time
children = [
    # One that does not care, and one that leaves the group.
    subprocess.Popen([sys.executable, '-c', """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('deaf', flush=True)
time.sleep(60)"""]),
    subprocess.Popen([sys.executable, '-c', """
import time
print('away', flush=True)
time.sleep(60)"""], start_new_session=True)]
print('pids', *(child.pid for child in children), flush=True)
time.sleep(60)
'''


def python(tmp_path: pathlib.Path, source: str) -> Program:
    """:returns: a program in Python, started."""
    return Program([sys.executable, '-c', source], tmp_path / 'log',
                   name='it')


def alive(pid: int) -> bool:
    """:returns: whether a process runs; zombies do not."""
    try:
        stat = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return False
    return stat.rpartition(')')[2].split()[0] != 'Z'


def forked(program: Program) -> list[int]:
    """:returns: children of FORKING, once they are up."""
    program.wait_for(
        lambda: {'deaf', 'away', 'pids'} <= set(program.written().split()),
        20, 'children')
    line = next(line for line in program.written().splitlines()
                if line.startswith('pids'))
    return [int(word) for word in line.split()[1:]]


def test_stop_ends_children_that_ignore_it_or_left(
        tmp_path: pathlib.Path) -> None:
    with python(tmp_path, FORKING) as program:
        children = forked(program)
        assert all(alive(pid) for pid in children)
        assert program.stop() == -signal.SIGTERM
    assert not any(alive(pid) for pid in children)


def test_stop_ends_children_of_a_killed_parent(
        tmp_path: pathlib.Path) -> None:
    with python(tmp_path, FORKING) as program:
        deaf, _ = forked(program)
        program.signal(signal.SIGKILL)
        assert program.stop() == -signal.SIGKILL
    assert not alive(deaf)


def test_stop_kills_what_does_not_end_in_time(
        tmp_path: pathlib.Path) -> None:
    with python(tmp_path, '''
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('up', flush=True)
time.sleep(60)''') as program:
        program.wait_for(lambda: 'up' in program.written(), 20, 'output')
        assert program.stop(timeout=0.2) == -signal.SIGKILL
        assert program.stop() == -signal.SIGKILL


def test_stop_returns_the_exit_status_of_a_clean_end(
        tmp_path: pathlib.Path) -> None:
    with python(tmp_path, '''
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
print('up', flush=True)
time.sleep(60)''') as program:
        program.wait_for(lambda: 'up' in program.written(), 20, 'output')
        assert program.stop() == 3


def test_an_early_end_shows_status_and_the_end_of_the_log(
        tmp_path: pathlib.Path) -> None:
    with (python(tmp_path, "print('no such option'); exit(7)") as program,
          pytest.raises(ProgramError) as caught):
        program.wait_for(lambda: False, 20, 'serving')
    assert 'it ended with status 7 instead of: serving' in str(caught.value)
    assert 'no such option' in caught.value.log_tail


def test_waiting_has_a_deadline(tmp_path: pathlib.Path) -> None:
    started = time.monotonic()
    with (python(tmp_path, 'import time; time.sleep(60)') as program,
          pytest.raises(ProgramError, match=r'more than 0\.2 s for: serving')):
        program.wait_for(lambda: False, 0.2, 'serving')
    assert time.monotonic() - started < 10


def test_the_log_of_an_earlier_run_is_not_shown(
        tmp_path: pathlib.Path) -> None:
    for word in ('first', 'second'):
        with python(tmp_path, f'print("{word}")') as program:
            program.wait(20)
        assert program.written() == f'{word}\n'


def test_a_program_that_is_not_there_is_an_error(
        tmp_path: pathlib.Path) -> None:
    with pytest.raises(ProgramError, match='cannot start nothing'):
        Program([tmp_path / 'nothing'], tmp_path / 'log')
