# SPDX-License-Identifier: Apache-2.0
"""Who has to make room while too many are being set up."""

import collections
import socket
import threading

import pytest

from ironic_console.novncproxy import setups as setups_module
from ironic_console.novncproxy.metrics import Metrics
from ironic_console.novncproxy.setups import Setups
from tests.helpers.proxy import Holdings, quiet


class Counts(Metrics):
    def __init__(self):
        self.now = 0
        self.away = collections.Counter()

    def setups(self, number):
        self.now = number

    def turned_away(self, why):
        self.away[why] += 1


class Crowd:
    """Connections, each with its far end."""

    def __init__(self):
        self.metrics = Counts()
        self.setups = Setups(self.metrics)
        self.far = []
        self.near = []

    def come(self, most=2):
        """:returns: it may be set up."""
        near, far = socket.socketpair()
        self.near.append(near)
        self.far.append(far)
        return self.setups.begin(near, most)

    def sent_away(self):
        """:returns: numbers of those who were, in order of coming."""
        return [number for number, far in enumerate(self.far)
                if not quiet(far, 0.01)]

    def close(self):
        for sock in (*self.near, *self.far):
            sock.close()


@pytest.fixture
def crowd():
    crowd = Crowd()
    yield crowd
    crowd.close()


def test_the_oldest_stranger_goes_first(crowd):
    assert all(crowd.come() for _ in range(4))
    assert crowd.sent_away() == [0, 1]
    assert crowd.metrics.away == {'slow': 2}


def test_who_may_have_a_console_may_stay(crowd):
    crowd.come()
    crowd.setups.heard(crowd.near[0])
    crowd.come()
    assert crowd.come()
    assert crowd.sent_away() == [1]


def test_when_all_may_have_a_console_there_is_no_room(crowd):
    for number in range(2):
        assert crowd.come()
        crowd.setups.heard(crowd.near[number])
    assert not crowd.come()
    assert crowd.sent_away() == []
    crowd.setups.end(crowd.near[0])
    assert crowd.come()


def test_who_has_ended_makes_room(crowd):
    for _ in range(2):
        crowd.come()
    crowd.setups.end(crowd.near[0])
    assert len(crowd.setups) == crowd.metrics.now == 1
    assert crowd.come()
    assert crowd.sent_away() == []


def test_waits_for_guests_and_for_nobody_else(crowd):
    for _ in range(3):
        crowd.come(3)
    crowd.setups.wait_for_guests(300)
    crowd.setups.heard(crowd.near[1])
    crowd.setups.wait_for_guests(0)
    done = []
    thread = threading.Thread(target=lambda: (
        crowd.setups.wait_for_guests(300), done.append(True)))
    thread.start()
    crowd.setups.end(crowd.near[0])
    assert not done
    crowd.setups.end(crowd.near[1])
    thread.join(10)
    assert done


def test_waits_for_all_if_that_is_wanted(crowd):
    crowd.come()
    crowd.setups.wait_until_empty(0)
    threading.Timer(0.05, crowd.setups.end, crowd.near[:1]).start()
    crowd.setups.wait_until_empty(300)
    assert not len(crowd.setups)


def test_those_who_do_not_go_are_not_more_and_more(crowd, monkeypatch):
    # Their threads may be slow to end.
    monkeypatch.setattr(setups_module, '_LEAVING', 3)
    assert [crowd.come() for _ in range(7)] == [True] * 5 + [False] * 2


def test_finds_a_connection_whose_socket_tls_has_taken(crowd):
    crowd.come()
    taken = socket.socket(fileno=crowd.near[0].detach())
    crowd.come()
    crowd.come()
    assert crowd.sent_away() == [0]
    taken.close()


def test_without_descriptors_it_is_only_not_the_one_to_go(crowd,
                                                          monkeypatch):
    def fails(_sock):
        raise OSError(24, 'Too many open files')

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, 'dup', fails)
        assert crowd.come()
    crowd.come()
    crowd.come()
    assert crowd.sent_away() == [1]


def test_keeps_no_handles():
    before = Holdings.now()
    crowd = Crowd()
    for _ in range(4):
        crowd.come()
    crowd.setups.heard(crowd.near[2])
    for near in crowd.near:
        crowd.setups.end(near)
    crowd.close()
    before.wait_for_return()
