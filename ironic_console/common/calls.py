# SPDX-License-Identifier: Apache-2.0
"""Deadlines for calls that know none: name resolution and the database."""

import concurrent.futures
import threading
from collections.abc import Callable
from typing import TypeVar

from ironic_console.common.clock import Deadline

T = TypeVar('T')


# Seconds between two looks at whether anybody still waits.
_CHECK_INTERVAL = 0.25


class CallTimeout(Exception):
    """A call was not finished in time; it may still be running."""


class BoundedCalls:
    """Runs blocking calls on a few threads and waits only so long.

    A call that hangs keeps its thread until it returns; when all are kept,
    further calls fail at their deadline without having begun, and nothing
    piles up. A hanging call does not keep the process from ending either,
    as the threads of an executor would.

    :param threads: how many calls can run at the same time.
    :param name: of the threads.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._free = threading.Semaphore(threads)
        self._name = name
        self._closed = False

    def run(self, call: Callable[[], T], deadline: Deadline,
            check: Callable[[], None] = lambda: None) -> T:
        """Run a call and give its result or its exception.

        :param check: called a few times a second meanwhile; what it raises
            ends the wait.
        :raises CallTimeout: the deadline has passed, or no more calls are
            taken.
        """
        if self._closed:
            raise CallTimeout('not begun, the service is stopping')
        if not _wait(lambda left: self._free.acquire(timeout=left), deadline,
                     check):
            raise CallTimeout(f'not begun within the {deadline}, too many '
                              'others hang')
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        thread = threading.Thread(target=self._finish, args=(call, future),
                                  name=self._name, daemon=True)
        try:
            thread.start()
        except BaseException:
            self._free.release()
            raise
        # Not result(timeout): its TimeoutError may as well be the call's.
        if not _wait(lambda left: bool(concurrent.futures.wait(
                [future], left).done), deadline, check):
            raise CallTimeout(f'not finished within the {deadline}')
        return future.result()

    def _finish(self, call: Callable[[], T],
                future: 'concurrent.futures.Future[T]') -> None:
        try:
            result = call()
        except BaseException as exc:
            self._free.release()
            future.set_exception(exc)
        else:
            self._free.release()
            future.set_result(result)

    def close(self) -> None:
        """Take no more calls; wait for none."""
        self._closed = True


def _wait(wait: Callable[[float], bool], deadline: Deadline,
          check: Callable[[], None]) -> bool:
    """Wait in pieces, with a check before each.

    :param wait: waits for so many seconds; says whether that was enough.
    :returns: it was, before the deadline.
    """
    while True:
        check()
        left = deadline.remaining()
        if wait(min(left, _CHECK_INTERVAL)):
            return True
        if left <= _CHECK_INTERVAL:
            return False
