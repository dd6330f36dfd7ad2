# SPDX-License-Identifier: Apache-2.0
"""What programs ask the kernel for, in a process of their own."""

import os
import pathlib
import subprocess
import sys

import pytest


def ask(*lines: str) -> str:
    """:returns: what a program says that runs these lines."""
    return subprocess.run(
        [sys.executable, '-P', '-c', '\n'.join([
            'import os, pathlib, resource',
            'from ironic_console.drivers.displays import own_process',
            *lines])], stdout=subprocess.PIPE, text=True, check=True,
        timeout=60).stdout.strip()


def test_memory_comes_to_no_disk() -> None:
    assert ask('own_process.leave_no_core()',
               'print(resource.getrlimit(resource.RLIMIT_CORE))') == '(0, 0)'


@pytest.mark.parametrize(('before', 'after'), [(700, 512), (100, 100)])
def test_files_are_bounded_as_far_as_they_were_not(
        before: int, after: int) -> None:
    assert ask('limit = resource.RLIMIT_NOFILE',
               f'resource.setrlimit(limit, ({before}, {before}))',
               'own_process.bound_files(512)',
               'print(resource.getrlimit(limit))') == f'({after}, {after})'


def test_others_come_first() -> None:
    mine = int(pathlib.Path('/proc/self/oom_score_adj').read_text())
    score, niceness = map(int, ask(
        'own_process.come_last()',
        "print(pathlib.Path('/proc/self/oom_score_adj').read_text())",
        'print(os.nice(0))').split())
    assert score > mine
    assert niceness > os.nice(0)


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can be another user')
def test_the_same_user_cannot_look_into_it() -> None:
    look = ('print(os.access(f"/proc/{os.getppid()}/mem", os.R_OK), '
            'flush=True)')
    for hides, result in (('pass', 'True'),
                          ('own_process.hide_memory()', 'False')):
        assert ask('import ctypes',
                   'os.setgid(65534); os.setuid(65534)',
                   # Who has become another user is hidden already.
                   'ctypes.CDLL(None).prctl(4, 1)', hides,
                   'if not os.fork():', f'    {look}; os._exit(0)',
                   'os.wait()') == result
