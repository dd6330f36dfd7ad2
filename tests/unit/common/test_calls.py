# SPDX-License-Identifier: Apache-2.0
"""Deadlines for calls that know none."""

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from ironic_console.common.calls import BoundedCalls, CallTimeout
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.errors import Interrupted
from tests.helpers.channels import PATIENCE, passed, soon
from tests.helpers.clock import FrozenClock


@pytest.fixture
def calls() -> Iterator[BoundedCalls]:
    calls = BoundedCalls(2, 'test calls')
    yield calls
    calls.close()


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """An event that hanging calls wait for; set at the end."""
    event = threading.Event()
    yield event
    event.set()


def fill(calls: BoundedCalls, hang: threading.Event) -> None:
    """Let calls hang on all threads."""
    for _ in range(2):
        begun = threading.Event()

        def call(begun: threading.Event = begun) -> None:
            begun.set()
            hang.wait(PATIENCE)
        with pytest.raises(CallTimeout):
            calls.run(call, Deadline(Clock(), 0.02, 'test'))
        assert begun.wait(PATIENCE)


def threads() -> int:
    return sum(thread.name == 'test calls'
               for thread in threading.enumerate())


def test_gives_the_result(calls: BoundedCalls) -> None:
    assert calls.run(lambda: 42, soon()) == 42


def test_gives_the_exception(calls: BoundedCalls) -> None:
    def fail() -> None:
        raise KeyError('x')
    with pytest.raises(KeyError):
        calls.run(fail, soon())


def test_an_own_timeout_of_the_call_is_the_calls_own(calls: BoundedCalls,
                                                     ) -> None:
    def fail() -> None:
        raise TimeoutError('of the database')
    with pytest.raises(TimeoutError, match='of the database'):
        calls.run(fail, soon())


def test_a_call_runs_on_a_thread_of_that_name(calls: BoundedCalls) -> None:
    assert calls.run(lambda: threading.current_thread().name,
                     soon()) == 'test calls'


def test_waits_no_longer_than_the_deadline(calls: BoundedCalls,
                                           hang: threading.Event) -> None:
    with pytest.raises(CallTimeout, match=r'not finished within the '
                                          r'database_timeout of 0\.02 s'):
        calls.run(hang.wait, Deadline(Clock(), 0.02, 'database_timeout'))


def test_calls_run_beside_one_that_hangs(calls: BoundedCalls,
                                         hang: threading.Event) -> None:
    with pytest.raises(CallTimeout):
        calls.run(hang.wait, Deadline(Clock(), 0.02, 'test'))
    assert calls.run(lambda: 42, soon()) == 42


def test_when_all_hang_others_fail_at_their_deadline(
        calls: BoundedCalls, hang: threading.Event) -> None:
    fill(calls, hang)
    with pytest.raises(CallTimeout, match=r'not begun within the test of '
                                          r'0\.01 s, too many others hang'):
        calls.run(lambda: 42, Deadline(Clock(), 0.01, 'test'))


def test_what_failed_at_its_deadline_never_begins(
        calls: BoundedCalls, hang: threading.Event) -> None:
    fill(calls, hang)
    begun: list[int] = []
    for number in range(100):
        with pytest.raises(CallTimeout):
            calls.run(lambda number=number: begun.append(number), passed())
    assert threads() == 2
    hang.set()
    assert calls.run(lambda: 42, soon()) == 42
    assert begun == []


@pytest.mark.parametrize('others_hang', [False, True])
def test_nobody_waits_longer_than_anybody_wants_it(
        calls: BoundedCalls, hang: threading.Event,
        others_hang: bool) -> None:
    if others_hang:
        fill(calls, hang)
    looks = itertools.count()

    def check() -> None:
        if next(looks) == 2:
            raise Interrupted('nobody')
    with pytest.raises(Interrupted):
        calls.run(hang.wait, Deadline(Clock(), 300, 'test'), check)
    hang.set()
    assert calls.run(lambda: 42, soon()) == 42


def test_a_call_that_returns_late_makes_room(calls: BoundedCalls,
                                             hang: threading.Event) -> None:
    fill(calls, hang)
    hang.set()
    for _ in range(10):
        assert calls.run(lambda: 42, soon()) == 42


def test_failures_make_room_too(calls: BoundedCalls) -> None:
    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            calls.run(lambda: 1 / 0, soon())


def test_a_thread_that_cannot_be_started_makes_room_too(
        calls: BoundedCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        def fail(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")
        patch.setattr(threading.Thread, 'start', fail)
        for _ in range(10):
            with pytest.raises(RuntimeError, match='new thread'):
                calls.run(lambda: 42, passed())
    assert calls.run(lambda: 42, soon()) == 42


def test_takes_no_calls_after_its_end(calls: BoundedCalls) -> None:
    calls.close()
    calls.close()
    with pytest.raises(CallTimeout, match='the service is stopping'):
        calls.run(lambda: 42, Deadline(FrozenClock(), 10, 'test'))


def test_a_call_that_hangs_does_not_keep_the_process() -> None:
    program = '''
import threading
from ironic_console.common.calls import BoundedCalls, CallTimeout
from ironic_console.common.clock import Clock, Deadline
calls = BoundedCalls(1, 'hangs')
try:
    calls.run(lambda: threading.Event().wait(60),
              Deadline(Clock(), 0.01, 'test'))
except CallTimeout:
    calls.close()
    print('given up')
'''
    begun = time.monotonic()
    done = subprocess.run([sys.executable, '-c', program], text=True,
                          capture_output=True, timeout=30, check=True)
    assert done.stdout == 'given up\n'
    assert time.monotonic() - begun < 20
