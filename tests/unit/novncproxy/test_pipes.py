# SPDX-License-Identifier: Apache-2.0
"""Pipes are lent, come back empty, and are never lost."""

import contextlib
import os
import resource

import pytest

from ironic_console.novncproxy import pipes
from ironic_console.novncproxy.pipes import PipePool


@pytest.fixture
def pool():
    pool = PipePool()
    yield pool
    pool.close()


def open_ends():
    """:returns: number of ends of pipes; what threads of other tests close
        meanwhile does not count."""
    found = 0
    for name in os.listdir('/proc/self/fd'):
        with contextlib.suppress(OSError):
            found += os.readlink(f'/proc/self/fd/{name}').startswith('pipe:')
    return found


def test_a_pipe_never_blocks_and_is_not_inherited(pool):
    pipe = pool.borrow()
    assert pipe is not None
    for end in (pipe.read_end, pipe.write_end):
        assert not os.get_blocking(end)
        assert not os.get_inheritable(end)
    pipe.close()


def test_lends_the_same_pipe_again(pool):
    pipe = pool.borrow()
    pool.give_back(pipe)
    assert pool.borrow() is pipe
    pipe.close()


def test_closes_a_pipe_with_something_in_it(pool):
    before = open_ends()
    pipe = pool.borrow()
    os.write(pipe.write_end, b'of another session')
    pool.give_back(pipe, empty=False)
    assert open_ends() == before


def test_keeps_a_few_only(pool):
    before = open_ends()
    lent = [pool.borrow() for _ in range(100)]
    assert open_ends() == before + 200
    for pipe in lent:
        pool.give_back(pipe)
    assert open_ends() == before + 2 * pipes._MAX_IDLE
    pool.close()
    assert open_ends() == before


def test_lends_nothing_when_descriptors_have_run_out(pool):
    used = len(os.listdir('/proc/self/fd'))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, limits[1]))
    try:
        lent = [pool.borrow() for _ in range(3)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert lent[-1] is None
    for pipe in filter(None, lent):
        pipe.close()


def test_lends_nothing_when_pipes_can_only_be_small(pool, monkeypatch):
    # What the kernel does to a user above its pipe-user-pages-soft.
    def fail(*_):
        raise PermissionError

    monkeypatch.setattr(pipes.fcntl, 'fcntl', fail)
    used = os.listdir('/proc/self/fd')
    assert pool.borrow() is None
    assert os.listdir('/proc/self/fd') == used
