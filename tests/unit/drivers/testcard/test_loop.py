# SPDX-License-Identifier: Apache-2.0
"""The loop's own rules: when it wakes, and what it survives."""

import errno
import queue
import selectors
import socket
import threading

import pytest

from ironic_console.common.clock import Clock
from ironic_console.drivers.testcard import loop as testcard_loop
from ironic_console.drivers.testcard import viewer as testcard_viewer
from ironic_console.drivers.testcard.connection import Card
from ironic_console.drivers.testcard.loop import ACCEPT_PAUSE, Loop
from ironic_console.drivers.testcard.settings import CardSettings
from tests.helpers.clock import FrozenClock
from tests.helpers.viewer import PATIENCE, Viewer

SETTINGS = CardSettings('u1', 'node-1', 640, 480)


class Listener(socket.socket):
    """Runs out of descriptors as often as it is told to.

    :ivar failures: how many calls are still to fail.
    """

    def __init__(self):
        super().__init__()
        self.failures = 0
        self.failed = threading.Event()
        self.bind(('127.0.0.1', 0))
        self.listen()
        self.setblocking(False)

    def accept(self):
        if self.failures:
            self.failures -= 1
            self.failed.set()
            raise OSError(errno.EMFILE, 'Too many open files')
        return super().accept()


class RecordingSelector(selectors.DefaultSelector):
    """Notes for how long the loop is ready to sleep."""

    timeouts: 'queue.Queue[float | None]' = queue.Queue()

    def select(self, timeout=None):
        self.timeouts.put(timeout)
        return super().select(timeout)


class Running:
    """A loop in its thread, with one card."""

    def __init__(self, clock):
        self.listener = Listener()
        self.port = self.listener.getsockname()[1]
        self.loop = Loop(clock)
        self.thread = threading.Thread(target=self.loop.run, daemon=True)
        self.thread.start()
        card = Card(SETTINGS, self.listener, clock)
        self.loop.call(lambda: self.loop.add(card)).result(PATIENCE)

    def stop(self):
        self.loop.call(self.loop.stop).result(PATIENCE)
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


@pytest.fixture
def run():
    running = []

    def start(clock):
        running.append(Running(clock))
        return running[-1]

    yield start
    for each in running:
        each.stop()
        assert each.listener.fileno() == -1


def next_timeout(condition):
    """Wait until the loop sleeps for such a time."""
    while True:
        timeout = RecordingSelector.timeouts.get(timeout=PATIENCE)
        if condition(timeout):
            return timeout


def test_sleeps_without_end_while_nobody_looks(run, monkeypatch):
    monkeypatch.setattr(testcard_loop.selectors, 'DefaultSelector',
                        RecordingSelector)
    card = run(Clock())
    with Viewer('127.0.0.1', card.port) as viewer:
        viewer.look()
        assert next_timeout(lambda timeout: timeout is not None) <= 10
    next_timeout(lambda timeout: timeout is None)


def test_the_clock_ticks_while_somebody_looks(run):
    clock = FrozenClock()
    card = run(clock)
    with Viewer('127.0.0.1', card.port) as viewer:
        viewer.look()
        # The frame may have been drawn before the viewer was counted.
        card.loop.call(lambda: None).result(PATIENCE)
        clock.advance(1)
        card.loop.wake()
        frame = viewer.look(incremental=True)
        assert all(box[1] < 60 for box in frame.boxes)


def test_accepts_again_when_there_are_descriptors_again(run, caplog):
    clock = FrozenClock()
    card = run(clock)
    card.listener.failures = 1
    with socket.create_connection(('127.0.0.1', card.port),
                                  PATIENCE) as sock:
        assert card.listener.failed.wait(PATIENCE)
        card.loop.call(lambda: None).result(PATIENCE)
        clock.advance(ACCEPT_PAUSE)
        card.loop.wake()
        assert sock.recv(12) == b'RFB 003.008\n'
    assert 'Too many open files' in caplog.text


def test_a_card_that_accepts_nobody_can_be_removed(run):
    card = run(FrozenClock())
    card.listener.failures = 1
    with socket.create_connection(('127.0.0.1', card.port), PATIENCE):
        assert card.listener.failed.wait(PATIENCE)
        card.loop.call(lambda: card.loop.remove('u1')).result(PATIENCE)
    assert card.listener.fileno() == -1


def test_a_bug_ends_one_viewer_only(run, monkeypatch, caplog):
    def press(self, keysym, down):
        raise ZeroDivisionError('of the test')

    monkeypatch.setattr(testcard_viewer.Viewer, '_press', press)
    card = run(FrozenClock())
    with (Viewer('127.0.0.1', card.port) as victim,
          Viewer('127.0.0.1', card.port) as other):
        victim.type('a')
        victim.wait_for_end()
        assert other.look().pixel(40, 100) == (255, 255, 255)
    assert 'of the test' in caplog.text


def test_errors_of_a_call_reach_the_caller(run):
    card = run(FrozenClock())
    with pytest.raises(ZeroDivisionError):
        card.loop.call(lambda: 1 // 0).result(PATIENCE)
    with Viewer('127.0.0.1', card.port) as viewer:
        viewer.look()


def test_waking_a_loop_that_has_ended_is_harmless(run):
    card = run(FrozenClock())
    card.loop.call(card.loop.stop).result(PATIENCE)
    card.thread.join(PATIENCE)
    card.loop.wake()
    card.stop = lambda: None
