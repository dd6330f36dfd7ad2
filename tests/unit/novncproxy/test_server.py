# SPDX-License-Identifier: Apache-2.0
"""Accepting: on any address, up to a limit, until it is told to stop."""

import contextlib
import dataclasses
import logging
import socket
import threading

import pytest

from ironic_console.common.clock import Clock
from ironic_console.common.errors import ConfigError
from ironic_console.novncproxy import server
from ironic_console.novncproxy.metrics import Metrics
from ironic_console.novncproxy.server import (
    BrowserDoor,
    Server,
    listen,
    open_port,
)
from ironic_console.novncproxy.settings import SetupLimits
from tests.helpers.certificates import Authority
from tests.helpers.proxy import Holdings, HTTPConnection, wait_until
from tools.lab import ports


class FakeConnection:
    """Stays until the test lets it go."""

    running = 0
    go = threading.Event()

    def __init__(self, channel, services, on_head, may_stay):
        self.channel = channel
        self.on_head = on_head
        self.may_stay = may_stay

    def run(self):
        type(self).running += 1
        self.on_head()
        stays = '' if self.may_stay() else ', not for long'
        self.channel.send(f'{self.channel.peer}{stays}'.encode())
        self.go.wait(10)
        self.channel.close()
        type(self).running -= 1


@dataclasses.dataclass
class FakeServices:
    limits: SetupLimits
    clock: Clock = dataclasses.field(default_factory=Clock)
    metrics: Metrics = dataclasses.field(default_factory=Metrics)


@pytest.fixture
def start(monkeypatch):
    """Starts a server whose connections do as the test says."""
    monkeypatch.setattr(server, 'Connection', FakeConnection)
    FakeConnection.go = threading.Event()
    servers = []

    def start(host='127.0.0.1', context=None, wrap=lambda listener: listener,
              **limits):
        listener = wrap(listen(host, 0))
        one = Server(FakeServices(SetupLimits(**limits)))
        one.open(listener, BrowserDoor(context))
        one.start()
        servers.append(one)
        return one, listener.getsockname()[:2]

    yield start
    FakeConnection.go.set()
    for one in servers:
        one.stop_accepting()
    wait_until(lambda: not FakeConnection.running, 'all are gone')


def connect(address):
    return socket.create_connection(address, 10)


@pytest.mark.parametrize(('host', 'client', 'peer'), [
    ('127.0.0.1', '127.0.0.1', b'127.0.0.1:'),
    ('0.0.0.0', '127.0.0.1', b'127.0.0.1:'),
    ('::1', '::1', b'[::1]:'),
    ('::', '::1', b'[::1]:'),
    ('::', '127.0.0.1', b'[::ffff:127.0.0.1]:'),
    ('localhost', 'localhost', b''),
])
def test_listens_on_any_kind_of_address(start, host, client, peer):
    _server, address = start(host)
    with connect((client, address[1])) as sock:
        assert sock.recv(100).startswith(peer)


def test_one_ipv6_address_is_not_for_ipv4(start):
    _server, address = start('::1')
    with pytest.raises(ConnectionRefusedError):
        connect(('127.0.0.1', address[1]))


@pytest.mark.parametrize('host', ['127.0.0.1', '::1', 'localhost', '::',
                                  '0.0.0.0'])
def test_workers_share_a_port_whatever_the_host_is_called(host):
    port = ports.free_port()
    with (open_port(host, port, reuse_port=True) as one,
          open_port(host, port, reuse_port=True) as two):
        assert one.getsockname()[1] == two.getsockname()[1] == port
        assert not one.getblocking()
        assert ports.answers('::1' if host == '::1' else '127.0.0.1', port)


def test_says_that_a_port_is_in_use():
    with socket.create_server(('127.0.0.1', 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match='in use') as caught:
            listen('127.0.0.1', port)
    assert f'127.0.0.1 port {port}' in str(caught.value)
    assert '[vnc]port' in str(caught.value)


@pytest.mark.parametrize('host', ['192.0.2.1', 'no.such.host.invalid',
                                  'a..b'])
def test_says_that_an_address_is_not_ours(host):
    with pytest.raises(ConfigError, match=r'\[vnc\]host_ip'):
        listen(host, 0)


def test_while_half_of_the_threads_are_taken_nobody_stays_idle(start):
    server, address = start(max_setups=4)
    with contextlib.ExitStack() as stack:
        told = [stack.enter_context(connect(address)).recv(100)
                for _ in range(3)]
        assert [b'not for long' in one for one in told] == [
            False, False, True]
        server.services = FakeServices(SetupLimits(max_setups=8))
        assert b'not for long' not in stack.enter_context(
            connect(address)).recv(100)


def test_one_too_many_is_told_to_come_back(start, caplog):
    _server, address = start(max_setups=2)
    with connect(address) as first, connect(address) as second:
        for sock in (first, second):
            assert sock.recv(100)
        with HTTPConnection(address) as third:
            third.send(b'GET / HTTP/1.1\r\n\r\n')
            response = third.read_response()
            assert response.status == 503
            assert response.headers['retry-after'] == '5'
            assert third.is_closed()
        assert 'max_setups' in caplog.text
        FakeConnection.go.set()
        wait_until(lambda: not FakeConnection.running, 'both are done')
        with connect(address) as fourth:
            assert fourth.recv(100)


def test_a_thread_that_cannot_start_is_no_end(start, monkeypatch, caplog):
    running, address = start()
    real = threading.Thread.start
    failures = [1]

    def fail_once(thread):
        if thread.name == 'setup' and failures:
            failures.pop()
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, 'start', fail_once)
    with connect(address) as sock:
        assert b'503' in sock.recv(100)
    with connect(address) as sock:
        assert sock.recv(100).startswith(b'127')
    assert "can't start new thread" in caplog.text
    assert len(running._setups) == 1


def test_goes_on_after_descriptors_have_run_out(start, monkeypatch, caplog):
    monkeypatch.setattr(server, '_EXHAUSTED_PAUSE', 0.01)
    failures = [1, 2, 3]

    class Exhausted:
        def __init__(self, real):
            self.real = real

        def accept(self):
            if failures:
                failures.pop()
                raise OSError(24, 'Too many open files')
            return self.real.accept()

        def __getattr__(self, name):
            return getattr(self.real, name)

    _server, address = start(wrap=Exhausted)
    with connect(address) as sock:
        assert sock.recv(100)
    assert not failures
    # Not five lines a second for as long as it lasts.
    assert caplog.text.count('Too many open files') == 1
    assert 'max_sessions' in caplog.text


def test_after_stopping_nobody_gets_in_and_the_others_stay(start):
    before = Holdings.now()
    listener = listen('127.0.0.1', 0)
    address = listener.getsockname()
    one = Server(FakeServices(SetupLimits()))
    one.open(listener, BrowserDoor(None))
    one.start()
    with connect(address) as sock:
        assert sock.recv(100)
        one.stop_accepting()
        with pytest.raises(ConnectionRefusedError):
            connect(address)
        assert FakeConnection.running == 1
    FakeConnection.go.set()
    before.wait_for_return()


def test_a_listener_that_was_shut_down_elsewhere_is_no_news(caplog):
    listener = listen('127.0.0.1', 0)
    address = listener.getsockname()
    one = Server(FakeServices(SetupLimits()))
    one.open(listener, BrowserDoor(None))
    with caplog.at_level(logging.DEBUG):
        one.start()
        listener.shutdown(socket.SHUT_RDWR)
        with pytest.raises(ConnectionRefusedError):
            connect(address)
        one.stop_accepting()
    assert not caplog.records


def test_tls_is_held_on_the_thread_of_the_connection(start):
    authority = Authority()
    context = authority.issue('localhost').server_context()
    _server, address = start(context=context, head_timeout=2)
    with connect(address) as silent, HTTPConnection(
            address, authority.client_context()) as good:
        # The one that does not begin holds nobody up, and is given up.
        assert good.sock.recv(100).startswith(b'127')
        assert silent.recv(1) == b''


def test_a_client_without_tls_is_dropped(start, caplog):
    context = Authority().issue('localhost').server_context()
    _server, address = start(context=context)
    with caplog.at_level(logging.WARNING), HTTPConnection(address) as plain:
        plain.send(b'GET / HTTP/1.1\r\n\r\n')
        assert plain.is_closed() or plain.is_closed()
    assert not caplog.records
