# SPDX-License-Identifier: Apache-2.0
"""A browser that takes too much memory is noticed."""

import os
import subprocess
import sys
import threading

import pytest

from ironic_console.drivers.displays import memory_guard
from ironic_console.drivers.displays.memory_guard import (
    MemoryGuard,
    used_by_group,
)

MEGABYTE = 1024 ** 2


def test_all_processes_of_a_group_count_and_no_others() -> None:
    eat = f'''
import os, sys
large = b'x' * {50 * MEGABYTE}
if os.fork():
    os.wait()
else:
    print('full', flush=True)
    sys.stdin.read()
'''
    with subprocess.Popen([sys.executable, '-c', eat], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, start_new_session=True,
                          ) as eater:
        assert eater.stdout
        assert eater.stdout.readline() == b'full\n'
        assert 100 * MEGABYTE < used_by_group(eater.pid) < 300 * MEGABYTE
        eater.communicate()
    assert used_by_group(eater.pid) == 0


def test_too_much_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_guard, 'INTERVAL', 0.001)
    monkeypatch.setattr(memory_guard, 'MAX_BYTES', 1)
    told = threading.Semaphore(0)
    guard = MemoryGuard(told.release)
    guard.start()
    assert told.acquire(timeout=30)
    guard.stop()
    assert not told.acquire(blocking=False)


def test_enough_is_not_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = threading.Semaphore(0)

    def used(group: int) -> int:
        assert group == os.getpgrp()
        looks.release()
        return memory_guard.MAX_BYTES

    monkeypatch.setattr(memory_guard, 'INTERVAL', 0.001)
    monkeypatch.setattr(memory_guard, 'used_by_group', used)
    guard = MemoryGuard(lambda: pytest.fail('it was not too much'))
    guard.start()
    for _ in range(3):
        assert looks.acquire(timeout=30)
    guard.stop()


def test_can_be_stopped_before_it_was_started() -> None:
    MemoryGuard(lambda: None).stop()
