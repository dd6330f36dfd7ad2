# SPDX-License-Identifier: Apache-2.0
"""The clock, and deadlines on a frozen one."""

import datetime

import pytest

from ironic_console.common.clock import Clock, Deadline
from tests.helpers.clock import FrozenClock


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


def test_wall_time_is_aware_utc():
    before = datetime.datetime.now(datetime.UTC)
    now = Clock().now()
    assert before <= now <= datetime.datetime.now(datetime.UTC)
    assert now.tzinfo is datetime.UTC


def test_monotonic_time_never_goes_back():
    clock = Clock()
    assert clock.monotonic() <= clock.monotonic()


def test_a_deadline_has_all_its_time_at_first(clock):
    assert Deadline(clock, 10, 'connect_timeout').remaining() == 10


def test_a_deadline_runs_down(clock):
    deadline = Deadline(clock, 10, 'connect_timeout')
    clock.advance(4)
    assert deadline.remaining() == 6


@pytest.mark.parametrize('seconds', [10, 10.5, 1e6])
def test_a_deadline_that_has_passed_has_no_time_left(clock, seconds):
    deadline = Deadline(clock, 10, 'connect_timeout')
    clock.advance(seconds)
    assert deadline.remaining() == 0


def test_a_deadline_does_not_follow_wall_time():
    class Jumping(FrozenClock):
        def now(self):
            raise AssertionError('a deadline asked for wall time')

    assert Deadline(Jumping(), 10, 'connect_timeout').remaining() == 10


@pytest.mark.parametrize(('seconds', 'text'), [
    (10, 'connect_timeout of 10 s'), (0.5, 'connect_timeout of 0.5 s'),
    (10.0, 'connect_timeout of 10 s')])
def test_a_deadline_names_its_option(clock, seconds, text):
    deadline = Deadline(clock, seconds, 'connect_timeout')
    assert str(deadline) == text
    assert deadline.name == 'connect_timeout'
    assert deadline.seconds == seconds
