# SPDX-License-Identifier: Apache-2.0
"""Life of the processes: start, SIGHUP, SIGTERM, in parent and workers."""

import dataclasses
import multiprocessing
import os
import signal
import threading

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.novncproxy.ledger import Ledger
from ironic_console.novncproxy.loading import load
from ironic_console.novncproxy.server import listen
from ironic_console.novncproxy.service import ProxyService
from ironic_console.novncproxy.settings import ListenAddress
from ironic_console.novncproxy.shared import Shared
from tests.helpers.proxy import make_settings, refused

pytestmark = pytest.mark.usefixtures('own_signals')


class FakeWorker:
    drain_timeout = 300.0

    def __init__(self, loaded):
        self.done = [loaded]
        self.alarm = None

    def start(self):
        self.done.append('start')

    def drain(self):
        self.done.append('drain')
        self.alarm = signal.getitimer(signal.ITIMER_REAL)[0]

    def reload(self, loaded):
        self.done.append(loaded)


class Life:
    """A service and what it works with."""

    def __init__(self, folder):
        self.folder = folder
        self.first = self.loaded = self.load()
        self.worker = None
        self.shared = Shared(listen('127.0.0.1', 0), Ledger(1), folder,
                             listen('127.0.0.1', 0), listen('127.0.0.1', 0))
        self.service = ProxyService(self.make_worker, self.reread,
                                    self.first, self.shared)

    def load(self, **changes):
        options = {'metrics': ListenAddress('127.0.0.1', 1),
                   'viewers': ListenAddress('127.0.0.1', 2), **changes}
        return load(dataclasses.replace(make_settings(self.folder),
                                        **options))

    def make_worker(self, loaded):
        self.worker = FakeWorker(loaded)
        return self.worker

    def reread(self):
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded

    def sighup(self, **changes):
        self.loaded = self.load(**changes)
        self.service.reset()
        return self.loaded


@pytest.fixture
def life(tmp_path):
    life = Life(tmp_path)
    yield life
    for listener in (life.shared.listener, life.shared.metrics_listener,
                     life.shared.viewers_listener):
        if listener:
            listener.close()


def in_a_process_of_its_own(act):
    """:returns: whether what it does there is true."""
    child = os.fork()
    if not child:
        status = 1
        try:
            # Nobody waits for it any longer.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(30)
            status = 0 if act() else 1
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def lines_of(caplog, level):
    return [record.getMessage() for record in caplog.records
            if record.levelname == level]


# -- workers ------------------------------------------------------------------

def test_sighup_reads_again_and_keeps_what_was_good(life, caplog):
    life.service.start()
    second = life.sighup()
    life.loaded = ConfigError('[vnc]port is bad')
    life.service.reset()
    assert life.worker.done == [life.first, 'start', second]
    [error] = lines_of(caplog, 'ERROR')
    assert '[vnc]port is bad' in error
    assert 'old configuration' in error


def test_sigterm_drains_and_then_the_process_may_end(life):
    life.service.start()
    waiter = threading.Thread(target=life.service.wait, daemon=True)
    waiter.start()
    life.service.stop()
    waiter.join(10)
    assert not waiter.is_alive()
    assert life.worker.done[-1] == 'drain'


def test_a_worker_has_as_long_to_drain_as_it_was_told_last(life):
    life.service.start()
    # By the backend, which knows the configuration of the start.
    signal.alarm(5)
    life.service.stop()
    assert life.worker.alarm > 300


# -- their parent -------------------------------------------------------------

def test_a_worker_that_begins_later_works_with_what_was_good_last(life,
                                                                  caplog):
    second = life.sighup()
    life.loaded = ConfigError('[vnc]novnc_web is gone')
    life.service.reset()
    life.service.start()
    assert life.worker.done == [second, 'start']
    # To say that it is an error is up to those who work.
    assert not lines_of(caplog, 'ERROR')
    assert 'novnc_web is gone' in lines_of(caplog, 'WARNING')[-1]


def test_closes_what_is_switched_off(life, caplog):
    metrics = life.shared.metrics_listener.getsockname()
    viewers = life.shared.viewers_listener.getsockname()
    life.sighup(metrics=None, viewers=None)
    assert refused(metrics)
    assert refused(viewers)
    assert not lines_of(caplog, 'WARNING')
    # The same as at the start, but what was closed stays so.
    life.sighup()
    [warning] = lines_of(caplog, 'WARNING')
    assert 'restart' in warning
    assert 'viewer_port' in warning
    assert 'metrics_port' in warning


def test_says_what_needs_a_restart(life, caplog):
    life.sighup(drain_timeout=7)
    assert not lines_of(caplog, 'WARNING')
    life.sighup(workers=9, runtime_dir='/elsewhere')
    [warning] = lines_of(caplog, 'WARNING')
    assert warning.endswith('[ironic_console]workers, '
                            '[ironic_console]runtime_dir')


@pytest.mark.parametrize('second', [signal.SIGTERM, signal.SIGINT])
def test_a_parent_that_is_stopped_lets_nobody_connect(life, second):
    life.sighup(drain_timeout=300)
    life.service.stop()
    assert refused(life.shared.listener.getsockname())
    # Its workers drain now, and end that at a second signal.
    assert not life.shared.drain_override
    signal.raise_signal(second)
    assert life.shared.drain_override
    assert signal.alarm(0) > 300


def test_sigterm_before_the_start_is_fine(life):
    def stop():
        life.service.stop()
        life.service.wait()
        return life.worker is None

    assert in_a_process_of_its_own(stop)


def test_no_worker_is_forked_while_the_files_are_being_read(life):
    """It would have locks that nobody gives back."""
    context = multiprocessing.get_context('fork')
    forked, ended = context.Event(), threading.Event()

    def start():
        forked.set()
        # It takes the lock, too.
        life.service.start()
        return True

    def fork():
        if in_a_process_of_its_own(start):
            ended.set()

    def reread():
        thread = threading.Thread(target=fork, daemon=True)
        thread.start()
        assert not forked.wait(0.2)
        return life.first

    def read_and_fork():
        # What it registers stays as long as the process.
        life.service.guard_forks()
        life.service._reread = reread
        life.service.reset()
        return ended.wait(10)

    assert in_a_process_of_its_own(read_and_fork)
