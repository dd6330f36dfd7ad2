# SPDX-License-Identifier: Apache-2.0
"""A clock that moves when a test says so."""

import datetime

from ironic_console.common.clock import Clock

START = datetime.datetime(2026, 9, 1, 12, 0, tzinfo=datetime.UTC)


class FrozenClock(Clock):
    """Stands still until :meth:`advance`.

    :param now: where wall time begins, aware UTC.
    """

    def __init__(self, now: datetime.datetime = START) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> datetime.datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let wall time and monotonic time pass."""
        self._now += datetime.timedelta(seconds=seconds)
        self._monotonic += seconds
