# SPDX-License-Identifier: Apache-2.0
"""The only place that reads a clock, so that tests can bring their own."""

import datetime
import time


class Clock:
    """Wall time for tickets, monotonic time for durations."""

    def now(self) -> datetime.datetime:
        """:returns: aware UTC time."""
        return datetime.datetime.now(datetime.UTC)

    def monotonic(self) -> float:
        """:returns: seconds from an arbitrary start, never going back."""
        return time.monotonic()


class Deadline:
    """A point in monotonic time by which a step has to be finished.

    :param clock: where time comes from.
    :param seconds: time allowed from now on.
    :param name: the option that set it, for error texts.
    """

    def __init__(self, clock: Clock, seconds: float, name: str) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds
        self.seconds = seconds
        self.name = name

    def remaining(self) -> float:
        """:returns: seconds left, at least 0."""
        return max(0.0, self._end - self._clock.monotonic())

    def __str__(self) -> str:
        return f'{self.name} of {self.seconds:g} s'
