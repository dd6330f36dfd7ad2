# SPDX-License-Identifier: Apache-2.0
"""What is promised with 202 and done later.

There is no clock: a task gets older with each GET, of whatever.
"""

import dataclasses
import itertools
import threading
from collections.abc import Callable

#: Those before are forgotten.
REMEMBERED = 100


@dataclasses.dataclass
class Task:
    """One promise.

    :ivar polls: requests until it is done.
    :ivar fails: it will not be.
    """

    number: str
    work: Callable[[], None]
    polls: int
    fails: bool
    state: str = 'Running'


class Tasks:
    """All of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._tasks: dict[str, Task] = {}

    def add(self, work: Callable[[], None], polls: int, fails: bool) -> Task:
        """:param work: what is done when it is time."""
        with self._lock:
            number = f'JID_{next(self._numbers):012d}'
            task = Task(number, work, polls, fails)
            self._tasks[number] = task
            while len(self._tasks) > REMEMBERED:
                del self._tasks[next(iter(self._tasks))]
            return task

    def all(self) -> list[Task]:
        with self._lock:
            return list(self._tasks.values())

    def find(self, number: str) -> Task | None:
        with self._lock:
            return self._tasks.get(number)

    def grow_older(self) -> None:
        """There was a request; do what is due."""
        with self._lock:
            due = []
            for task in self._tasks.values():
                task.polls -= 1
                if task.state == 'Running' and task.polls <= 0:
                    task.state = 'Exception' if task.fails else 'Completed'
                    due.append(task)
        for task in due:
            if not task.fails:
                task.work()
