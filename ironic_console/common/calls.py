# SPDX-License-Identifier: Apache-2.0
"""Deadlines for calls that know none: name resolution and the database."""

import concurrent.futures
from collections.abc import Callable
from typing import TypeVar

from ironic_console.common.clock import Deadline

T = TypeVar('T')


class CallTimeout(Exception):
    """A call was not finished in time; it may still be running."""


class BoundedCalls:
    """Runs blocking calls on a few threads and waits only so long.

    A call that hangs keeps its thread until it returns; when all are kept,
    further calls fail at their deadline, and nothing piles up: what has not
    begun by then never will.

    :param threads: how many calls can run at the same time.
    :param name: of the threads.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._pool = concurrent.futures.ThreadPoolExecutor(
            threads, thread_name_prefix=name)

    def run(self, call: Callable[[], T], deadline: Deadline) -> T:
        """Run a call and give its result or its exception.

        :raises CallTimeout: the deadline has passed.
        """
        future = self._pool.submit(call)
        try:
            return future.result(deadline.remaining())
        except concurrent.futures.TimeoutError:
            # From 3.11 on this is also what a call itself may raise.
            if future.done() and not future.cancelled():
                raise
            future.cancel()
            raise CallTimeout(f'not finished within the {deadline}') from None

    def close(self) -> None:
        """Take no more calls; wait for none."""
        self._pool.shutdown(wait=False, cancel_futures=True)
