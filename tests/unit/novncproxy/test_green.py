# SPDX-License-Identifier: Apache-2.0
import select
import selectors
import socket
import subprocess
import sys

import pytest

from ironic_console.novncproxy.green import HubSelector

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
# A green thread waits; the other one can only wake it if it gets to run.
_TWO_GREEN_THREADS = '''
import warnings
warnings.simplefilter('ignore')
from ironic_console.novncproxy import green
import eventlet
eventlet.monkey_patch()
green.install()
import selectors, socket, threading
here, there = socket.socketpair()
found = []
def wait():
    with selectors.DefaultSelector() as selector:
        assert type(selector) is green.HubSelector
        selector.register(here, selectors.EVENT_READ)
        found.append(len(selector.select(60)))
        here.recv(1)
        found.append(len(selector.select(0)))
thread = threading.Thread(target=wait)
thread.start()
there.send(b'x')
thread.join(60)
assert found == [1, 0], found
'''


@pytest.fixture
def pair():
    here, there = socket.socketpair()
    with here, there:
        yield here, there


@pytest.fixture
def selector():
    with HubSelector() as made:
        yield made


def test_tells_who_is_ready_for_what(selector, pair):
    here, there = pair
    selector.register(here, READ, 'data')
    selector.register(there, WRITE)
    there.send(b'x')
    assert {(key.fileobj, key.data, events)
            for key, events in selector.select(10)} == {
        (here, 'data', READ), (there, None, WRITE)}


def test_gives_up_when_it_is_time(selector, pair):
    selector.register(pair[0], READ)
    assert selector.select(0.01) == []
    assert selector.select(0) == []


def test_changes_are_seen(selector, pair):
    here, _there = pair
    selector.register(here, READ)
    selector.modify(here, READ | WRITE)
    assert [events for _key, events in selector.select(10)] == [WRITE]
    selector.unregister(here)
    assert selector.select(0) == []


def test_waits_for_one_descriptor_however_many_there_are(
        selector, pair, monkeypatch):
    waited_for = []
    monkeypatch.setattr(select, 'select', lambda *args: waited_for.append(
        args))
    for sock in pair:
        selector.register(sock, READ)
    selector.select(5)
    assert waited_for == [([selector.fileno()], [], [], 5)]


def test_eventlet_goes_on_in_the_meantime():
    subprocess.run([sys.executable, '-c', _TWO_GREEN_THREADS], check=True,
                   timeout=120)
