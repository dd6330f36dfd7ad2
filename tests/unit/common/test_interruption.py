# SPDX-License-Identifier: Apache-2.0
"""What another thread waits for ends, and nothing else does."""

import contextlib
import os
import socket
import threading

import pytest

from ironic_console.common.errors import Interrupted
from ironic_console.common.interruption import Interruption
from tests.helpers.channels import tcp_pair
from tests.helpers.proxy import Holdings, quiet, wait_until


@pytest.fixture
def pair():
    before = Holdings.now()
    pair = tcp_pair()
    yield pair
    for sock in pair:
        sock.close()
    before.wait_for_return()


@contextlib.contextmanager
def interrupted(interruption, *ends):
    """What is done in here ends, and it is said at its end."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.raises(Interrupted))
        stack.enter_context(interruption.ends(*ends))
        yield


def test_ends_the_wait_of_another_thread(pair):
    near, far = pair
    near.settimeout(10)
    interruption, heard = Interruption(), []

    def wait():
        with interrupted(interruption, near.fileno()):
            heard.append(near.recv(1))

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(lambda: interruption._handles, 'it waits')
    interruption.happen()
    thread.join(10)
    assert heard == [b'']
    # The peer knows at once, although nobody has closed anything yet.
    assert far.recv(1) == b''


def test_who_only_has_to_stop_talking_is_told_why(pair):
    near, far = pair
    interruption = Interruption()
    with interrupted(interruption, near.fileno(), socket.SHUT_RD):
        interruption.happen()
        assert near.recv(1) == b''
    near.sendall(b'x')
    assert far.recv(1) == b'x'


def test_nothing_begins_after_it(pair):
    near, far = pair
    interruption = Interruption()
    interruption.check()
    interruption.happen()
    with pytest.raises(Interrupted):
        interruption.check()
    with (pytest.raises(Interrupted),
          interruption.ends(near.fileno())):
        raise AssertionError('it has begun')
    assert quiet(far)


def test_what_is_over_goes_on(pair):
    near, far = pair
    interruption = Interruption()
    with interruption.ends(near.fileno()):
        pass
    interruption.happen()
    near.sendall(b'x')
    assert far.recv(1) == b'x'


def test_what_is_closed_meanwhile_is_gone_afterwards(pair):
    near, far = pair
    with Interruption().ends(near.fileno()):
        near.close()
    assert far.recv(1) == b''


def test_what_has_broken_by_itself_is_no_trouble(pair):
    near, far = pair
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, *[0] * 7]))
    far.close()
    interruption = Interruption()
    with interrupted(interruption, near.fileno()):
        wait_until(lambda: near.getsockopt(
            socket.SOL_SOCKET, socket.SO_ERROR), 'the reset is here')
        interruption.happen()


def test_without_descriptors_it_is_interrupted_at_its_end_only(pair,
                                                               monkeypatch):
    def none_left(_fileno):
        raise OSError(24, 'Too many open files')

    near, far = pair
    interruption = Interruption()
    with monkeypatch.context() as patch:
        patch.setattr(os, 'dup', none_left)
        with interrupted(interruption, near.fileno()):
            interruption.happen()
            assert quiet(far)
