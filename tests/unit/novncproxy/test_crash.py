# SPDX-License-Identifier: Apache-2.0
"""Processes whose threads die."""

import subprocess
import sys

import pytest

from ironic_console.novncproxy import crash
from tests.helpers.program import START_PATIENCE

PROGRAM = """
import logging, sys, threading, time
from ironic_console.novncproxy import crash

logging.basicConfig()
crash.end_process_with_its_threads()

def die():
    {what}

thread = threading.Thread(target=die, name='accept', daemon=True)
thread.start()
thread.join()
# Dying goes on for a moment after the join.
time.sleep({then})
"""


def run(what: str, then: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-c', PROGRAM.format(what=what, then=then)],
        capture_output=True, text=True, timeout=START_PATIENCE, check=False)


@pytest.mark.parametrize('what', ['raise KeyError("lost")',
                                  'raise KeyboardInterrupt("lost")'])
def test_a_process_ends_with_its_thread_and_says_why(what):
    done = run(what, START_PATIENCE)
    assert done.returncode == crash.STATUS
    assert 'CRITICAL' in done.stderr
    assert 'thread accept died' in done.stderr
    assert 'lost' in done.stderr
    assert 'in die' in done.stderr


@pytest.mark.parametrize('what', ['pass', 'sys.exit(3)'])
def test_a_thread_may_end(what):
    done = run(what, 0)
    assert (done.returncode, done.stderr) == (0, '')
