# SPDX-License-Identifier: Apache-2.0
"""Processes that share what this one made before, as workers do."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any, Self

from tests.helpers.proxy import PATIENCE

_FORK = multiprocessing.get_context('fork')


class Forked:
    """A copy of this process that does what it is told; a context manager.

    :param make: called in it, for what the orders are given to.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._pipe, theirs = _FORK.Pipe()
        self._process = _FORK.Process(target=_obey, args=(theirs, make),
                                      daemon=True)
        self._process.start()
        theirs.close()
        self.pid = self._process.pid or 0

    def do(self, action: Callable[..., Any], *arguments: Any) -> Any:
        """:param action: given what was made, then the arguments.
        :returns: what it returns.
        """
        self.begin(action, *arguments)
        return self.result()

    def begin(self, action: Callable[..., Any], *arguments: Any) -> None:
        self._pipe.send((action, arguments))

    def result(self) -> Any:
        assert self._pipe.poll(PATIENCE), 'it does not answer'
        good, value = self._pipe.recv()
        if not good:
            raise value
        return value

    def stop(self) -> None:
        """SIGSTOP: it stands still, and is alive."""
        os.kill(self.pid, signal.SIGSTOP)

    def kill(self, *, reap: bool = True) -> None:
        """SIGKILL: it ends in the middle of whatever it does."""
        os.kill(self.pid, signal.SIGKILL)
        if reap:
            self._process.join(PATIENCE)
        else:
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join(PATIENCE)
        self._pipe.close()


def _obey(pipe: Any, make: Callable[[], Any]) -> None:
    thing = make()
    while True:
        try:
            action, arguments = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((True, action(thing, *arguments)))
        except Exception as exc:
            pipe.send((False, exc))
