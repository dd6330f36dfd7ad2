# SPDX-License-Identifier: Apache-2.0
"""Signals, in this process or one of its own."""

import os
import signal
import socket
import time

import pytest

from ironic_console.novncproxy.shared import DrainOverride
from ironic_console.novncproxy.signals import (
    allow_to_drain,
    allowed_to_drain,
    close_at_sigterm,
    forward_sighup,
    forward_to_parent,
    ignore_signals,
    override_drain_at_signals,
    shutdown_timeout,
)
from tests.helpers.proxy import PATIENCE, refused


class Heard:
    """Stands in for the service."""

    def __init__(self):
        self.calls = []

    def reset(self):
        self.calls.append('reset')

    def stop(self):
        self.calls.append('stop')


pytestmark = pytest.mark.usefixtures('own_signals')


def test_the_wrapper_of_oslo_service_gets_the_missing_half():
    class Wrapper:
        def __init__(self):
            self.service_instance = Heard()

    forward_sighup(Wrapper)
    wrapper = Wrapper()
    wrapper.reload()
    assert wrapper.service_instance.calls == ['reset']


def test_a_wrapper_that_can_reload_is_left_alone():
    class Wrapper:
        def reload(self):
            return 'its own'

    forward_sighup(Wrapper)
    forward_sighup(None)
    assert Wrapper().reload() == 'its own'


def test_the_parent_hears_what_its_workers_hear():
    class Manager:
        def register_hooks(self, on_reload, on_terminate):
            on_reload()
            on_terminate()

    class Launcher:
        _manager = Manager()

    service = Heard()
    forward_to_parent(Launcher(), service)
    # Eventlet's, which does so by itself.
    forward_to_parent(object(), service)
    assert service.calls == ['reset', 'stop']


def test_a_parent_that_ends_lets_nobody_connect():
    told = []
    signal.signal(signal.SIGTERM, lambda *args: told.append(args[0]))
    with socket.create_server(('127.0.0.1', 0)) as listener:
        close_at_sigterm(listener)
        assert not refused(listener.getsockname())
        signal.raise_signal(signal.SIGTERM)
        assert refused(listener.getsockname())
        signal.raise_signal(signal.SIGTERM)
    # Closed by SIGHUP before it ends.
    signal.raise_signal(signal.SIGTERM)
    assert told == [signal.SIGTERM] * 3


@pytest.mark.parametrize('second', [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_overrides_the_draining(second):
    override = DrainOverride()
    override_drain_at_signals(override)
    signal.raise_signal(second)
    assert override


def test_signals_may_be_ignored():
    ignore_signals()
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize('seconds', [0, 0.5, 86400])
def test_a_process_is_killed_later_than_it_has_drained(seconds):
    assert seconds + 9 < shutdown_timeout(seconds) < seconds + 12
    allow_to_drain(seconds)
    assert signal.alarm(0) > seconds + 8


def test_an_alarm_of_the_backend_gives_way():
    signal.alarm(1)
    with allowed_to_drain(300):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 299
    assert signal.alarm(0) == 0


def test_who_hangs_in_draining_is_killed(monkeypatch):
    monkeypatch.setattr('ironic_console.novncproxy.signals._LAST_WORDS', 1)
    child = os.fork()
    if not child:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            with allowed_to_drain(0):
                time.sleep(PATIENCE)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGALRM
