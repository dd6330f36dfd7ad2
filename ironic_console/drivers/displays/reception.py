# SPDX-License-Identifier: Apache-2.0
"""When a visit begins and ends, and what viewers read meanwhile.

    viewers come ─▶ visit wanted ─▶ steps ─▶ shown ─▶ viewers leave ─▶ linger
                         ▲            │failed, once                      │
                         └────────────┘                          not wanted

It decides; display.py starts processes and draws.
"""

import dataclasses
import math

from ironic_console.common.clock import Clock

#: Seconds after which a viewer counts that says nothing about pixels.
QUIET_VIEWER = 1.0
#: Visits in a row that may fail.
MAX_TRIES = 2
#: Seconds of pictures after which a failure is a new one.
GOOD_VISIT = 60.0
#: Seconds without a word and without a picture.
MAX_SILENCE = 120.0

WAITING = 'Starting the console.'
LEAVING = 'The last session is ended before a new one begins.'
CLOSED = 'This display is being closed.'
DIED = ('The program that shows the console ended unexpectedly. If that '
        'goes on, tell your operator: the log of the display says more.')
SILENT = ('The console does not start: nothing has happened for two minutes. '
          'If that goes on, tell your operator: the log of the display says '
          'more.')
COME_AGAIN = ('To try again, close this console, wait a few seconds and open '
              'it once more.')


@dataclasses.dataclass(frozen=True)
class Notice:
    """What is on the screen instead of a picture.

    :ivar text: lines, with an empty one between paragraphs.
    :ivar is_busy: something goes on, so waiting helps.
    """

    text: str
    is_busy: bool = True


@dataclasses.dataclass
class _Visit:
    """What is known of the visit that goes on. Times are monotonic."""

    silent_until: float
    step: str = WAITING
    shown_since: float = math.inf
    failure: str = ''
    may_retry: bool = True
    is_leaving: bool = False
    is_hung: bool = False

    @property
    def is_shown(self) -> bool:
        return not math.isinf(self.shown_since)


class Reception:
    """The rules.

    :param linger: seconds for which a visit outlasts the last viewer.
    :ivar has_viewers: somebody has been let in.
    :ivar is_watched: somebody wants pictures.
    """

    def __init__(self, linger: float, clock: Clock) -> None:
        self._linger = linger
        self._clock = clock
        self.has_viewers = False
        self.is_watched = False
        self._is_closed = False
        self._visit: _Visit | None = None
        self._failures = 0
        self._failure = ''
        self._has_given_up = False
        # Monotonic.
        self._quiet_until = math.inf
        self._lingers_until = math.inf

    # -- what to do ----------------------------------------------------------

    @property
    def wants_visit(self) -> bool:
        """One is to be started."""
        return (self.is_watched and not self._visit
                and not self._has_given_up and not self._is_closed)

    @property
    def wants_end(self) -> bool:
        """The visit is to leave."""
        return bool(self._visit and self._visit.is_leaving)

    @property
    def wants_kill(self) -> bool:
        """The visit does nothing and is to be killed."""
        return bool(self._visit and self._visit.is_hung)

    @property
    def notice(self) -> Notice | None:
        """What to show; ``None`` for the picture of the visit."""
        visit = self._visit
        if visit and visit.is_shown:
            return None
        if self._is_closed:
            return Notice(CLOSED)
        if self._has_given_up:
            return Notice(self._failure, False)
        step = visit.step if visit else WAITING
        if self._failure:
            step += f'\n\nThis is another try. {self._failure}'
        return Notice(step)

    @property
    def wake_at(self) -> float:
        """When :meth:`look_at_clock` has something to do; monotonic."""
        return min(self._quiet_until, self._lingers_until,
                   self._visit.silent_until if self._visit else math.inf)

    # -- viewers -------------------------------------------------------------

    def viewers_came(self) -> None:
        """The first was let in; perhaps it only looks whether we are up."""
        self.has_viewers = True
        if not self.is_watched:
            self._quiet_until = self._clock.monotonic() + QUIET_VIEWER

    def viewers_look(self) -> None:
        """One wants pictures."""
        self.has_viewers = self.is_watched = True
        self._quiet_until = self._lingers_until = math.inf

    def viewers_left(self) -> None:
        """The last has gone."""
        if self.is_watched and self._visit:
            self._lingers_until = self._clock.monotonic() + self._linger
        self.has_viewers = self.is_watched = False
        self._quiet_until = math.inf
        if not self._visit:
            self._forget()

    # -- the visit -----------------------------------------------------------

    def visit_began(self) -> None:
        self._visit = _Visit(self._clock.monotonic() + MAX_SILENCE)

    def visit_does(self, step: str) -> None:
        """What it does now, for viewers."""
        visit = self._news()
        if visit and not visit.is_leaving:
            visit.step = step

    def visit_shows(self) -> None:
        """There is a picture."""
        if (visit := self._visit) and not visit.is_leaving:
            visit.silent_until = math.inf
            visit.shown_since = min(visit.shown_since,
                                    self._clock.monotonic())

    def visit_hides(self, text: str) -> None:
        """There is none any more, and why."""
        if self._visit:
            self._end_picture(self._visit)
        self.visit_does(text)

    def visit_fails(self, text: str, may_retry: bool) -> None:
        """Why it is about to end."""
        if visit := self._news():
            self._end_picture(visit)
            visit.failure, visit.may_retry = text, may_retry

    def visit_ended(self) -> None:
        """Its process did."""
        visit, self._visit = self._visit, None
        self._lingers_until = math.inf
        if not visit:
            return
        self._end_picture(visit)
        if visit.is_leaving or not self.has_viewers:
            self._forget()
            return
        self._failures += 1
        self._failure = SILENT if visit.is_hung else visit.failure or DIED
        if visit.may_retry and self._failures >= MAX_TRIES:
            # Else the failure says what has to be done first.
            self._failure += f'\n\n{COME_AGAIN}'
        self._has_given_up = (not visit.may_retry
                              or self._failures >= MAX_TRIES)

    def close(self) -> None:
        """No visit any more."""
        self._is_closed = True
        self._ask_to_leave()

    # -- time ----------------------------------------------------------------

    def look_at_clock(self) -> None:
        now = self._clock.monotonic()
        if now >= self._quiet_until:
            self.viewers_look()
        if now >= self._lingers_until:
            self._ask_to_leave()
        if self._visit and now >= self._visit.silent_until:
            self._visit.silent_until = math.inf
            self._visit.is_hung = True

    # -- of our own ----------------------------------------------------------

    def _news(self) -> _Visit | None:
        """Something came from the visit, so it is alive."""
        visit = self._visit
        if visit and not visit.is_shown and not visit.is_leaving:
            visit.silent_until = self._clock.monotonic() + MAX_SILENCE
        return visit

    def _end_picture(self, visit: _Visit) -> None:
        if self._clock.monotonic() - visit.shown_since >= GOOD_VISIT:
            self._forget()
        visit.shown_since = math.inf

    def _ask_to_leave(self) -> None:
        self._lingers_until = math.inf
        if self._visit:
            self._end_picture(self._visit)
            self._visit.is_leaving = True
            self._visit.step = LEAVING
            # Whoever ends it has a deadline of his own.
            self._visit.silent_until = math.inf

    def _forget(self) -> None:
        self._failures = 0
        self._failure = ''
        self._has_given_up = False
