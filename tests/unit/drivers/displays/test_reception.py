# SPDX-License-Identifier: Apache-2.0
"""When visits begin and end, and what viewers read."""

import pytest

from ironic_console.drivers.displays import reception
from ironic_console.drivers.displays.reception import Notice, Reception
from tests.helpers.clock import FrozenClock

LINGER = 5.0


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def desk(clock):
    return Reception(LINGER, clock)


@pytest.fixture
def visited(desk):
    """Somebody looks, and a visit goes on."""
    desk.viewers_came()
    desk.viewers_look()
    desk.visit_began()
    return desk


def wait(desk, clock, seconds):
    """Let time pass as the loop does: it is woken when it wants to be."""
    end = clock.monotonic() + seconds
    while desk.wake_at <= end:
        clock.advance(max(0.0, desk.wake_at - clock.monotonic()))
        desk.look_at_clock()
    clock.advance(end - clock.monotonic())
    desk.look_at_clock()


def fail(desk, text='broken', may_retry=True):
    desk.visit_fails(text, may_retry)
    desk.visit_ended()


def test_nobody_there_nothing_wanted(desk, clock):
    wait(desk, clock, 3600)
    assert not desk.wants_visit
    assert desk.notice == Notice(reception.WAITING)


def test_who_looks_gets_a_visit_at_once(desk):
    desk.viewers_came()
    assert not desk.wants_visit
    desk.viewers_look()
    assert desk.wants_visit
    desk.visit_began()
    assert not desk.wants_visit


def test_who_stays_for_a_second_counts_as_looking(desk, clock):
    desk.viewers_came()
    wait(desk, clock, 0.9)
    assert not desk.wants_visit
    wait(desk, clock, 0.1)
    assert desk.wants_visit


def test_who_leaves_within_a_second_was_a_check(desk, clock):
    desk.viewers_came()
    desk.viewers_left()
    wait(desk, clock, 10)
    assert not desk.wants_visit


def test_a_check_does_not_prolong_a_visit(visited, clock):
    visited.viewers_left()
    wait(visited, clock, LINGER - 0.5)
    visited.viewers_came()
    visited.viewers_left()
    wait(visited, clock, 0.5)
    assert visited.wants_end


def test_a_visit_goes_on_if_somebody_comes_back_in_time(visited, clock):
    visited.visit_shows()
    visited.viewers_left()
    wait(visited, clock, LINGER - 0.1)
    visited.viewers_came()
    visited.viewers_look()
    wait(visited, clock, 3600)
    assert not visited.wants_end
    assert visited.notice is None


def test_a_visit_ends_some_seconds_after_the_last_viewer(visited, clock):
    visited.viewers_left()
    wait(visited, clock, LINGER - 0.1)
    assert not visited.wants_end
    wait(visited, clock, 0.1)
    assert visited.wants_end
    visited.visit_ended()
    assert not visited.wants_end
    assert not visited.wants_visit


def test_who_comes_while_a_visit_ends_waits_for_the_next(visited, clock):
    visited.visit_shows()
    visited.viewers_left()
    wait(visited, clock, LINGER)
    visited.viewers_came()
    visited.viewers_look()
    assert not visited.wants_visit
    assert visited.notice == Notice(reception.LEAVING)
    visited.visit_does('Logging out')
    visited.visit_shows()
    assert visited.notice == Notice(reception.LEAVING)
    visited.visit_ended()
    assert visited.wants_visit
    assert visited.notice == Notice(reception.WAITING)


def test_viewers_read_steps_until_there_is_a_picture(visited):
    visited.visit_does('one')
    assert visited.notice == Notice('one')
    visited.visit_shows()
    assert visited.notice is None
    visited.visit_does('two')
    assert visited.notice is None
    visited.visit_hides('gone')
    assert visited.notice == Notice('gone')


def test_a_failure_is_repeated_once(visited):
    fail(visited)
    assert visited.wants_visit
    visited.visit_began()
    visited.visit_does('one')
    assert 'one' in visited.notice.text
    assert 'broken' in visited.notice.text
    fail(visited, 'for good')
    assert not visited.wants_visit
    assert visited.notice == Notice(f'for good\n\n{reception.COME_AGAIN}',
                                    is_busy=False)


def test_what_may_lock_an_account_is_not_repeated(visited):
    fail(visited, 'wrong password', may_retry=False)
    assert not visited.wants_visit
    assert 'wrong password' in visited.notice.text


def test_the_text_stays_until_all_have_gone_and_one_comes_anew(visited):
    fail(visited, may_retry=False)
    visited.viewers_came()
    visited.viewers_look()
    assert not visited.wants_visit
    visited.viewers_left()
    visited.viewers_came()
    visited.viewers_look()
    assert visited.wants_visit
    assert visited.notice == Notice(reception.WAITING)


def test_a_visit_that_ends_without_a_word_died(visited):
    visited.visit_ended()
    assert reception.DIED in visited.notice.text
    assert visited.wants_visit
    visited.visit_began()
    visited.visit_ended()
    assert not visited.wants_visit


def test_a_minute_of_pictures_makes_a_failure_the_first(visited, clock):
    for _ in range(5):
        visited.visit_shows()
        wait(visited, clock, reception.GOOD_VISIT)
        fail(visited)
        assert visited.wants_visit
        visited.visit_began()
    visited.visit_shows()
    wait(visited, clock, reception.GOOD_VISIT - 1)
    fail(visited)
    assert not visited.wants_visit


def test_a_failure_with_nobody_there_is_forgotten(visited, clock):
    visited.viewers_left()
    fail(visited, may_retry=False)
    wait(visited, clock, 60)
    assert not visited.wants_visit
    visited.viewers_came()
    visited.viewers_look()
    assert visited.wants_visit


def test_a_visit_that_says_nothing_is_killed(visited, clock):
    wait(visited, clock, reception.MAX_SILENCE - 1)
    visited.visit_does('slow')
    wait(visited, clock, reception.MAX_SILENCE - 1)
    assert not visited.wants_kill
    wait(visited, clock, 1)
    assert visited.wants_kill
    visited.visit_ended()
    assert not visited.wants_kill
    assert reception.SILENT in visited.notice.text
    assert visited.wants_visit


def test_a_picture_needs_no_words(visited, clock):
    visited.visit_shows()
    wait(visited, clock, 100_000)
    assert not visited.wants_kill


def test_at_the_end_nothing_begins(visited):
    visited.close()
    assert visited.wants_end
    visited.visit_ended()
    visited.viewers_look()
    assert not visited.wants_visit
    assert visited.notice == Notice(reception.CLOSED)


def test_all_texts_are_plain():
    for text in (reception.WAITING, reception.LEAVING, reception.CLOSED,
                 reception.DIED, reception.SILENT, reception.COME_AGAIN):
        assert text.isascii()
        assert text.isprintable()
