# SPDX-License-Identifier: Apache-2.0
"""How many sessions there may be, and when their right ends."""

import dataclasses
import logging
import threading

import pytest

from ironic_console.common.errors import SessionLimitReached
from ironic_console.common.nodes_memory import MemoryNodeStore
from ironic_console.common.tickets import Ticket
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.authorizer import Grant
from ironic_console.novncproxy.ledger import Ledger
from ironic_console.novncproxy.sessions import (
    Host,
    SessionPolicy,
    SessionRegistry,
)
from tests.helpers.clock import START, FrozenClock
from tests.helpers.proxy import NODE, OTHER, node_record, wait_until

SOURCE = '192.0.2.9'


class Room:
    """A registry, its store, and who was closed why."""

    def __init__(self, **policy):
        self.clock = FrozenClock()
        self.store = MemoryNodeStore(node_record(), node_record(uuid=OTHER))
        self.registry = SessionRegistry(
            self.store, SessionPolicy(**policy), self.clock,
            Host(Ledger(16)))
        self.closed = []

    def grant(self, uuid=NODE, read_only=False):
        return Grant(self.store.records[uuid], Ticket(uuid, START),
                     read_only)

    def add(self, uuid=NODE, read_only=False):
        return self.registry.add(
            'id', self.grant(uuid, read_only), SOURCE)

    def open(self, uuid=NODE, read_only=False):
        session = self.add(uuid, read_only)
        self.registry.established(
            session, None,
            lambda reason: self.closed.append((uuid, reason)))
        return session

    def change(self, **changes):
        self.store.records[NODE] = dataclasses.replace(
            self.store.records[NODE], **changes)


@pytest.fixture
def room():
    return Room()


def test_counts_sessions(room):
    session = room.add()
    assert len(room.registry) == 1
    room.registry.remove(session)
    room.registry.remove(session)
    assert len(room.registry) == 0


def test_one_too_many_is_refused_and_others_go_on():
    room = Room(max_sessions=2)
    first = room.open()
    room.open()
    with pytest.raises(SessionLimitReached) as caught:
        room.add()
    assert caught.value.http_status == 503
    assert 'max_sessions' in str(caught.value)
    assert not room.closed
    room.registry.remove(first)
    room.add()


def test_says_beforehand_that_one_more_is_too_many():
    room = Room(max_sessions=1)
    room.registry.check(room.grant(), SOURCE)
    room.open()
    for other in (room.grant(), room.grant(OTHER)):
        with pytest.raises(SessionLimitReached):
            room.registry.check(other, SOURCE)


def test_the_last_session_makes_no_room_for_a_second_one():
    room = Room(max_sessions=1)
    room.open()
    with pytest.raises(SessionLimitReached):
        room.add()


def test_nothing_happens_while_nothing_changes(room):
    room.open()
    room.store.records[NODE] = node_record()
    room.registry.recheck()
    assert not room.closed


@pytest.mark.parametrize('changes', [
    {'enabled': False},
    {'secret': None},
    {'secret': node_record(secret='another').secret},
    {'interface': 'no-console'},
], ids=lambda changes: ' '.join(changes))
def test_ends_with_its_right(room, changes):
    room.open()
    room.open(OTHER)
    room.change(**changes)
    room.registry.recheck()
    assert room.closed == [(NODE, close_reasons.REVOKED)]


def test_ends_with_its_node(room):
    room.open()
    del room.store.records[NODE]
    room.registry.recheck()
    assert room.closed == [(NODE, close_reasons.REVOKED)]


def test_ends_with_its_endpoint(room):
    room.open()
    room.open(OTHER)
    room.store.records[NODE] = node_record(port=5999)
    room.registry.recheck()
    assert room.closed == [(NODE, close_reasons.CHANGED)]


def test_ends_when_its_endpoint_becomes_read_only(room):
    room.open()
    room.store.records[NODE] = node_record(endpoint={'read_only': True})
    room.registry.recheck()
    assert room.closed == [(NODE, close_reasons.CHANGED)]


def test_who_has_lost_the_right_is_not_told_to_connect_again(room):
    room.open()
    room.store.records[NODE] = node_record(port=5999, enabled=False)
    room.registry.policy = SessionPolicy(read_only=True)
    room.registry.recheck()
    assert room.closed == [(NODE, close_reasons.REVOKED)]


def test_read_only_ends_the_sessions_that_could_type(room):
    room.open()
    room.open(OTHER, read_only=True)
    room.registry.recheck()
    assert not room.closed
    room.registry.policy = SessionPolicy(read_only=True)
    room.registry.recheck()
    assert room.closed == [(NODE, close_reasons.READ_ONLY)]


def test_read_only_sessions_stay_so_when_others_may_type_again():
    room = Room(read_only=True)
    room.open(read_only=True)
    room.registry.policy = SessionPolicy()
    room.registry.recheck()
    assert not room.closed


def test_asks_for_all_nodes_at_once(room, monkeypatch):
    queries = []
    real = room.store.get_many
    monkeypatch.setattr(room.store, 'get_many',
                        lambda uuids: queries.append(uuids) or real(uuids))
    for uuid in (NODE, NODE, OTHER):
        room.open(uuid)
    room.registry.recheck()
    assert queries == [{NODE, OTHER}]


def test_a_right_that_ends_during_set_up_ends_the_session_then(room):
    session = room.add()
    room.change(enabled=False)
    room.registry.recheck()
    room.registry.established(session, None, room.closed.append)
    assert room.closed == [close_reasons.REVOKED]


def test_goes_on_for_the_grace_without_a_database(room):
    room.open()
    room.registry.recheck()
    room.store.available = False
    room.clock.advance(59)
    room.registry.recheck()
    assert not room.closed
    room.clock.advance(1)
    room.registry.recheck()
    assert room.closed == [(NODE, close_reasons.UNCHECKED)]


def test_the_grace_begins_anew_when_the_database_is_back(room):
    room.open()
    for _ in range(3):
        room.store.available = False
        room.clock.advance(50)
        room.registry.recheck()
        room.store.available = True
        room.registry.recheck()
    assert not room.closed


def test_the_grace_does_not_run_while_there_are_no_sessions(room):
    room.store.available = False
    room.clock.advance(1000)
    room.registry.recheck()
    room.open()
    room.registry.recheck()
    assert not room.closed


def test_without_grace_an_outage_ends_all():
    room = Room(database_grace=0)
    room.open()
    room.store.available = False
    room.registry.recheck()
    assert room.closed == [(NODE, close_reasons.UNCHECKED)]


def test_a_bug_of_the_store_is_an_outage_too(room, monkeypatch, caplog):
    room.open()
    monkeypatch.setattr(room.store, 'get_many', {}.__getitem__)
    room.registry.recheck()
    assert not room.closed
    room.clock.advance(60)
    room.registry.recheck()
    assert room.closed == [(NODE, close_reasons.UNCHECKED)]
    assert 'Traceback' in caplog.text


def test_warns_while_it_cannot_look(room, caplog):
    room.open()
    room.store.available = False
    room.clock.advance(7)
    with caplog.at_level(logging.WARNING):
        room.registry.recheck()
    assert '1 sessions' in caplog.text
    assert '7 s' in caplog.text


def test_looks_again_and_again_by_itself():
    room = Room(recheck_interval=0.01)
    room.open()
    room.registry.start()
    try:
        room.change(enabled=False)
        wait_until(lambda: room.closed, 'the session is closed')
    finally:
        room.registry.stop()


def test_waits_until_all_have_ended(room):
    session = room.open()
    assert not room.registry.wait_until_empty(0)
    threading.Timer(0.02, room.registry.remove, [session]).start()
    assert room.registry.wait_until_empty(10)
