# SPDX-License-Identifier: Apache-2.0
"""What a program with all its processes uses. Linux only: it reads /proc."""

import contextlib
import re
import time
from pathlib import Path

from tools.lab.process import PARENT

_PSS = re.compile(r'^Pss:\s+(\d+) kB', re.MULTILINE)
# Between two looks at whether memory has come to rest, seconds.
_LOOK_INTERVAL = 0.3
# Some never come to rest.
_MOST_LOOKS = 10


def family(ancestor: int) -> list[int]:
    """:returns: pids of a process and of all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path('/proc').iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                fields = (entry / 'stat').read_text(
                    errors='replace').rpartition(')')[2].split()
                children.setdefault(int(fields[PARENT]), []).append(
                    int(entry.name))
    found = [ancestor]
    for pid in found:
        found += children.get(pid, ())
    return found


def memory(pid: int) -> int:
    """:returns: proportional set size of all of them, bytes; what they share
        counts once."""
    total = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            text = Path(f'/proc/{member}/smaps_rollup').read_text()
            total += sum(map(int, _PSS.findall(text)))
    return total * 1024


def resting_memory(pid: int) -> int:
    """:returns: :func:`memory` when it no longer changes."""
    before = memory(pid)
    for _ in range(_MOST_LOOKS):
        time.sleep(_LOOK_INTERVAL)
        now = memory(pid)
        if abs(now - before) < 64 * 1024:
            break
        before = now
    return now


def cpu(pid: int) -> float:
    """:returns: CPU time of all threads that live, user and system,
        seconds; to the nanosecond, unlike that in ``stat``."""
    total = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            for task in Path(f'/proc/{member}/task').iterdir():
                with contextlib.suppress(OSError):
                    total += int((task / 'schedstat').read_text().split()[0])
    return total / 1e9
