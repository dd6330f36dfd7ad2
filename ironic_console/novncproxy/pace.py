# SPDX-License-Identifier: Apache-2.0
"""Pace: when bytes are better left to gather than fetched as they come.

What moves bytes, and waits, is the relay. Network cards do the same with
their interrupts, for the same reason: a turn of the loop costs as much for
1 KiB as for 64.
"""

#: Time for which nothing is fetched then, seconds. It is the longest that
#: this holds a byte up, and the shortest that ``epoll`` can wait.
GATHER_SECONDS = 0.001
# Turns in a row that bring little. One echo is one, and never waits; of a
# picture in many pieces the first ones do not.
_PATIENCE = 8


class Pace:
    """How the bytes of one endpoint come.

    :param enough: of these in one turn, bytes, there is nothing to gain.
    """

    __slots__ = ('_at', '_enough', '_turns')

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._turns = 0
        self._at = 0.0

    def is_trickle(self, size: int, now: float) -> bool:
        """Count a turn that brought something.

        :param size: how much, bytes.
        :param now: monotonic time, seconds.
        :returns: more will come in a moment, and little at a time.
        """
        # A clock that stands still would let them gather for ever.
        steady = 0 < now - self._at < GATHER_SECONDS
        self._at = now
        self._turns = self._turns + 1 if steady and size < self._enough else 0
        if self._turns < _PATIENCE:
            return False
        self._turns = 0
        return True
