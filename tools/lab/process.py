# SPDX-License-Identifier: Apache-2.0
"""Programs in the background: started, awaited, and stopped for good.

Each runs in a session and process group of its own with its output in a
file. Services fork workers that outlive a killed master and keep its port;
so stopping means every process of the group and every descendant. Linux only
(it reads /proc).
"""

import abc
import atexit
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

POLL_INTERVAL = 0.05
KILL_TIMEOUT = 10.0
TAIL_LINES = 40

# proc(5), /proc/pid/stat: places of the fields after the name.
STATE, PARENT, GROUP, START = 0, 1, 2, 19


class ProgramError(Exception):
    """A program ended, failed or stayed silent; carries the end of its log.

    :ivar log_tail: the last lines that the program wrote.
    """

    def __init__(self, text: str, log_tail: str = '') -> None:
        self.log_tail = log_tail
        super().__init__(
            f'{text}\nThe last it wrote:\n{log_tail}' if log_tail else text)


class Service(abc.ABC):
    """What is started and stopped; a context manager that does both."""

    @abc.abstractmethod
    def start(self) -> Self:
        """Start it, and wait until it serves."""

    @abc.abstractmethod
    def stop(self) -> object:
        """Stop it, also one that was never started."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()


class Program:
    """One program and everything that it forks.

    :param argv: the program and its arguments.
    :param log: file that gets standard output and error; appended to.
    :param name: how errors call it; the base name of the program if empty.
    :param env: its whole environment; ours if None.
    """

    def __init__(self, argv: Sequence[str | Path], log: Path, *,
                 name: str = '', env: Mapping[str, str] | None = None,
                 cwd: Path | None = None) -> None:
        self.argv = [str(word) for word in argv]
        self.log = log
        self.name = name or Path(self.argv[0]).name
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log_start = log.stat().st_size if log.exists() else 0
        try:
            with log.open('ab') as output:
                self._popen = subprocess.Popen(
                    self.argv, stdin=subprocess.DEVNULL, stdout=output,
                    stderr=subprocess.STDOUT, env=env, cwd=cwd,
                    start_new_session=True)
        except OSError as exc:
            raise ProgramError(f'cannot start {self.name}: {exc}') from exc
        self._descendants: set[tuple[int, str]] = set()
        _started.add(self)

    @property
    def pid(self) -> int:
        """Of the program itself; also its process group and session."""
        return self._popen.pid

    def running(self) -> bool:
        """:returns: whether the program itself still runs.

        An ended one is not reaped here: until stop() nobody else can get its
        process group number, which makes killing that group safe.
        """
        if self._popen.returncode is not None:
            return False
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG
                         | os.WNOWAIT) is None

    def wait_for(self, condition: Callable[[], bool], timeout: float,
                 what: str) -> None:
        """Wait until the program has come as far as we need it.

        :param condition: asked again and again; must not block for long. It
            raises when waiting is in vain although the program runs.
        :param timeout: in seconds.
        :param what: what we wait for, for the error.
        :raises ProgramError: it ended or took too long.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            if not self.running():
                raise self.error(f'{self.name} ended with status '
                                 f'{self.wait(1)} instead of: {what}')
            if time.monotonic() > deadline:
                raise self.error(f'{self.name} needs more than {timeout:g} s'
                                 f' for: {what}')
            time.sleep(POLL_INTERVAL)

    def wait(self, timeout: float) -> int:
        """Wait for the program to end by itself.

        :returns: exit status, negative for a signal.
        :raises ProgramError: it did not end in time.
        """
        deadline = time.monotonic() + timeout
        while self.running():
            if time.monotonic() > deadline:
                raise self.error(
                    f'{self.name} did not end within {timeout:g} s')
            time.sleep(POLL_INTERVAL)
        # The group is emptied first: reaping frees its number.
        self._kill_all()
        _started.discard(self)
        return self._popen.wait()

    def signal(self, number: int) -> None:
        """Send a signal to the program itself, if it still runs."""
        if self.running():
            os.kill(self.pid, number)

    def stop(self, timeout: float = 15.0) -> int:
        """End the program and everything that it forked.

        SIGTERM to the program, which may tell its workers; after the timeout
        SIGKILL to all that is left. Stopping twice is fine.

        :returns: exit status, negative for a signal.
        """
        if self.running():
            self._descendants |= _descendants(self.pid)
            self.signal(signal.SIGTERM)
            with contextlib.suppress(ProgramError):
                return self.wait(timeout)
            self._kill_all()
        return self.wait(KILL_TIMEOUT)

    def kill(self) -> None:
        """Kill the program itself, and nothing that it forked."""
        self.signal(signal.SIGKILL)
        self._popen.wait()
        _started.discard(self)

    def written(self) -> str:
        """:returns: all that this program wrote so far."""
        with self.log.open('rb') as log:
            log.seek(self._log_start)
            return log.read().decode(errors='replace')

    def log_tail(self, lines: int = TAIL_LINES) -> str:
        """:returns: the last lines that the program wrote."""
        return '\n'.join(self.written().splitlines()[-lines:])

    def error(self, text: str) -> ProgramError:
        """:returns: an error that shows the end of the log."""
        return ProgramError(text, self.log_tail())

    def _kill_all(self) -> None:
        """Kill all that is left, and see it gone: it may hold ports."""
        if self._popen.returncode is not None:
            return
        deadline = time.monotonic() + KILL_TIMEOUT
        while alive := self._alive():
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise self.error(f'{self.name}: processes {alive} survive '
                                 f'SIGKILL')
            time.sleep(POLL_INTERVAL / 5)

    def _alive(self) -> list[int]:
        """:returns: pids of the group, and of descendants that left it."""
        self._descendants |= _descendants(self.pid)
        # The start time tells a process from a later one with its pid.
        return [pid for pid, fields in _processes().items()
                if fields[STATE] not in 'ZX'
                and (int(fields[GROUP]) == self.pid
                     or (pid, fields[START]) in self._descendants)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()


def _descendants(ancestor: int) -> set[tuple[int, str]]:
    """:returns: pid and start time of all children, grandchildren ..."""
    processes = _processes()
    children: dict[int, list[int]] = {}
    for pid, fields in processes.items():
        children.setdefault(int(fields[PARENT]), []).append(pid)
    found: set[tuple[int, str]] = set()
    todo = [ancestor]
    while todo:
        for pid in children.get(todo.pop(), ()):
            found.add((pid, processes[pid][START]))
            todo.append(pid)
    return found


def _processes() -> dict[int, list[str]]:
    """:returns: for each pid the fields of its stat, see the constants."""
    found = {}
    for entry in Path('/proc').iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                text = (entry / 'stat').read_text(errors='replace')
                # Field 2 is the name in brackets, which may hold anything.
                found[int(entry.name)] = text.rpartition(')')[2].split()
    return found


_started: 'set[Program]' = set()


@atexit.register
def _stop_forgotten() -> None:
    for program in list(_started):
        program.stop(timeout=1)
