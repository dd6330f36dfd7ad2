# SPDX-License-Identifier: Apache-2.0
"""How many sessions there may be, and when their right ends."""

import collections
import dataclasses
import itertools
import logging
import threading

import pytest

from ironic_console.common.errors import (
    Interrupted,
    NodeInUse,
    NodeLimitReached,
    SessionLimitReached,
    SourceLimitReached,
)
from ironic_console.common.nodes_memory import MemoryNodeStore
from ironic_console.common.tickets import Ticket
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.authorizer import Grant
from ironic_console.novncproxy.ledger import Entry, Ledger
from ironic_console.novncproxy.metrics import Metrics
from ironic_console.novncproxy.sessions import (
    Host,
    SessionPolicy,
    SessionRegistry,
)
from tests.helpers.clock import START, FrozenClock
from tests.helpers.forked import Forked
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
        self.ids = itertools.count()

    def grant(self, uuid=NODE, read_only=False):
        return Grant(self.store.records[uuid], Ticket(uuid, START),
                     read_only)

    def add(self, uuid=NODE, read_only=False):
        return self.registry.add(
            str(next(self.ids)), self.grant(uuid, read_only), SOURCE)

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


def test_whoever_has_to_go_during_set_up_is_interrupted(room):
    session = room.add()
    session.interruption.check()
    assert room.registry.close(session.id, close_reasons.KICKED) == 1
    with pytest.raises(Interrupted):
        session.interruption.check()
    # The first reason is the one that is told.
    room.change(enabled=False)
    room.registry.recheck()
    assert session.revoked is close_reasons.KICKED


def test_who_comes_when_all_have_to_go_has_to_go_too(room):
    room.open()
    room.registry.close_all(close_reasons.SHUTDOWN)
    assert room.closed == [(NODE, close_reasons.SHUTDOWN)]
    late = room.add()
    assert late.revoked is close_reasons.SHUTDOWN
    with pytest.raises(Interrupted):
        late.interruption.check()


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


# -- how many -----------------------------------------------------------------

def test_one_too_many_of_a_node_is_refused():
    room = Room(max_per_node=2)
    first = room.open()
    room.open()
    for ask in (room.add, lambda: room.registry.check(room.grant(), SOURCE)):
        with pytest.raises(NodeLimitReached) as caught:
            ask()
        assert caught.value.http_status == 429
        assert 'max_sessions_per_node' in str(caught.value)
    room.add(OTHER)
    room.registry.remove(first)
    room.add()


def test_one_too_many_from_one_place_is_refused():
    room = Room(max_per_source=2)
    first = room.open()
    room.open(OTHER)
    with pytest.raises(SourceLimitReached) as caught:
        room.add()
    assert caught.value.http_status == 429
    assert SOURCE in str(caught.value)
    room.registry.add('id', room.grant(), '192.0.2.10')
    room.registry.remove(first)
    room.add()


def test_a_proxy_that_speaks_for_many_is_not_one_place():
    room = Room(max_per_source=1)
    grant = Grant(room.store.records[NODE], None)
    for _ in range(3):
        room.registry.add('id', grant, SOURCE)
    # Nor are users who come from there kept out by it.
    room.add()
    with pytest.raises(SourceLimitReached, match='has 1 sessions'):
        room.add()


def test_what_another_proxy_has_is_in_use_too():
    room = Room(sharing='refuse')
    room.registry.add('id', Grant(room.store.records[NODE], None), SOURCE)
    with pytest.raises(NodeInUse, match='another proxy has its console'):
        room.add()


def test_says_when_more_were_allowed_than_there_is_memory_for():
    room = Room(max_sessions=17)
    for _ in range(16):
        room.open()
    with pytest.raises(SessionLimitReached, match='needs a restart'):
        room.add()
    assert len(room.registry) == 16


# -- one at a time ------------------------------------------------------------

def shared(room, sharing):
    room.store.records[NODE] = node_record(endpoint={'sharing': sharing})


def test_who_comes_second_is_refused():
    room = Room(sharing='refuse')
    session = room.open()
    for take_over in (False, True):
        for ask in (lambda *args: room.registry.add('id', *args),
                    room.registry.check):
            with pytest.raises(NodeInUse) as caught:
                ask(room.grant(), SOURCE, take_over)
            assert caught.value.http_status == 423
            assert not caught.value.can_take_over
    room.open(OTHER)
    assert not room.closed
    room.registry.remove(session)
    room.open()


def test_who_comes_second_may_take_over():
    room = Room(sharing='takeover')
    first = room.add()
    room.registry.established(first, None, lambda reason: (
        room.closed.append(reason), room.registry.remove(first)))
    with pytest.raises(NodeInUse) as caught:
        room.add()
    assert caught.value.can_take_over
    assert not room.closed
    room.registry.check(room.grant(), SOURCE, True)
    assert not room.closed
    second = room.registry.add('new', room.grant(), SOURCE, True)
    assert room.closed == [close_reasons.TAKEN_OVER]
    assert room.registry.all() == [second]


def test_taking_over_what_is_free_is_fine():
    room = Room(sharing='takeover')
    room.registry.add('id', room.grant(), SOURCE, True)
    room = Room()
    room.open()
    room.registry.add('id', room.grant(), SOURCE, True)
    assert not room.closed


def test_who_takes_over_does_not_need_a_place_more():
    room = Room(sharing='takeover', max_per_source=1)
    first = room.open()
    room.registry.established(
        first, None, lambda reason: room.registry.remove(first))
    room.registry.add('new', room.grant(), SOURCE, True)
    assert len(room.registry) == 1


def test_who_is_still_connecting_is_told_when_it_has_connected():
    room = Room(sharing='takeover')
    first = room.add()
    taker = threading.Thread(target=room.registry.add, args=(
        'new', room.grant(), SOURCE, True), daemon=True)
    taker.start()
    wait_until(lambda: first.revoked, 'the first has to go')
    assert taker.is_alive()
    room.registry.established(first, None, lambda reason: (
        room.closed.append(reason), room.registry.remove(first)))
    taker.join(10)
    assert not taker.is_alive()
    assert room.closed == [close_reasons.TAKEN_OVER]


def test_who_does_not_go_is_not_waited_for_for_ever():
    room = Room(sharing='takeover')
    room.open()
    taker = threading.Thread(target=room.registry.add, args=(
        'new', room.grant(), SOURCE, True), daemon=True)
    taker.start()
    wait_until(lambda: room.closed, 'the first has to go')

    def goes_on():
        # The waiting may begin a moment after that.
        room.clock.advance(10)
        return not taker.is_alive()

    wait_until(goes_on, 'it goes on')


def test_a_service_that_ends_waits_for_nobody():
    room = Room(sharing='takeover')
    room.open()
    room.registry.stop()
    room.registry.add('new', room.grant(), SOURCE, True)


def test_who_is_sent_away_while_it_waits_does_not_get_in():
    room = Room(sharing='takeover')
    old = room.open()
    results = []

    def take(name):
        try:
            results.append(room.registry.add(name, room.grant(), SOURCE,
                                             True))
        except NodeInUse as exc:
            results.append(exc)

    first = threading.Thread(target=take, args=('first',),
                             daemon=True)
    first.start()
    wait_until(lambda: len(room.registry) == 2, 'the first waits')
    second = threading.Thread(target=take, args=('second',),
                              daemon=True)
    second.start()
    first.join(10)
    room.registry.remove(old)
    second.join(10)
    assert not first.is_alive()
    assert not second.is_alive()
    assert isinstance(results[0], NodeInUse)
    assert results[0].can_take_over
    assert results[1].id == 'second'
    assert room.registry.all() == [results[1]]


def test_a_node_has_the_last_word_on_sharing():
    room = Room()
    shared(room, 'refuse')
    room.open()
    with pytest.raises(NodeInUse):
        room.add()
    room.open(OTHER)
    room.open(OTHER)
    room = Room(sharing='refuse')
    shared(room, 'shared')
    room.open()
    room.open()


class Peers:
    """Another worker, which does as it is told or fails."""

    def __init__(self, error=None):
        self.asked = []
        self.error = error

    def close(self, worker, session, reason):
        self.asked.append((worker, session, reason))
        if self.error:
            raise self.error


def test_who_cannot_take_over_leaves_nothing_behind():
    room = Room(sharing='takeover')
    peers = Peers(RuntimeError('a bug'))
    ledger = Ledger(4)
    registry = SessionRegistry(room.store, SessionPolicy(sharing='takeover'),
                               room.clock, Host(ledger, peers))
    with Forked(lambda: ledger) as other:
        other.do(Ledger.write, Entry('theirs', NODE, SOURCE, 1.0))
        with pytest.raises(RuntimeError):
            registry.add('new', room.grant(), SOURCE, True)
        assert peers.asked == [
            (other.pid, 'theirs', close_reasons.TAKEN_OVER)]
        assert len(registry) == 0
        assert [one.session for one in ledger.of_node(NODE)] == ['theirs']


# -- for operators ------------------------------------------------------------

class Gauge(Metrics):
    def __init__(self):
        self.now = collections.Counter()

    def sessions(self, state, interface, change):
        self.now[state, interface] += change


def test_counts_sessions_by_what_they_do():
    room = Room()
    gauge = Gauge()
    registry = SessionRegistry(room.store, SessionPolicy(), room.clock,
                               Host(Ledger(8), metrics=gauge))
    one, other = (registry.add('id', room.grant(), SOURCE) for _ in range(2))
    assert gauge.now == {('connecting', 'fake-vnc'): 2}
    registry.established(one, None, lambda reason: None)
    assert +gauge.now == {('connecting', 'fake-vnc'): 1,
                          ('open', 'fake-vnc'): 1}
    registry.remove(one)
    registry.remove(one)
    registry.remove(other)
    # It ended before it was said to be open.
    registry.established(other, None, lambda reason: None)
    assert not +gauge.now
    assert not -gauge.now


def test_lists_and_closes_its_sessions():
    room = Room()
    room.clock.advance(1)
    first = room.open()
    room.clock.advance(-1)
    older = room.open()
    other = room.open(OTHER)
    assert room.registry.all()[-1] is first
    assert room.registry.close(NODE, close_reasons.KICKED) == 2
    assert room.closed == [(NODE, close_reasons.KICKED)] * 2
    older.id, other.id = 'a', 'b'
    assert room.registry.close('b', close_reasons.KICKED) == 1
    assert room.closed[-1] == (OTHER, close_reasons.KICKED)
    assert room.registry.close('', close_reasons.KICKED) == 0
