# SPDX-License-Identifier: Apache-2.0
"""Which nodes are read again."""

import dataclasses
import datetime

import pytest

from ironic_console.common.record_cache import RecordCache
from tests.helpers.clock import FrozenClock
from tests.helpers.proxy import node_record

FIRST = datetime.datetime(2026, 9, 1, 12, 0, 0)
LATER = FIRST + datetime.timedelta(seconds=1)


class Table:
    """A database, and what was read of it."""

    def __init__(self, count):
        self.stamps = {f'node-{number}': FIRST for number in range(count)}
        self.names = dict.fromkeys(self.stamps, 'old')
        self.read = []

    def __call__(self, uuids):
        self.read.append(sorted(uuids))
        return [dataclasses.replace(node_record(uuid=uuid), name=self.names[
            uuid]) for uuid in uuids if uuid in self.names]


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def cache(clock):
    return RecordCache(clock)


def settle(cache, table, clock):
    cache.look(table.stamps, table)
    clock.advance(60)
    table.read.clear()


def names(found):
    return {uuid: record.name for uuid, record in found.items()}


def test_reads_what_it_does_not_know(cache):
    table = Table(3)
    assert names(cache.look(table.stamps, table)) == table.names
    assert table.read == [sorted(table.stamps)]


def test_reads_what_has_changed_and_few_others(cache, clock):
    table = Table(200)
    settle(cache, table, clock)
    table.names['node-150'], table.stamps['node-150'] = 'new', LATER
    assert names(cache.look(table.stamps, table)) == table.names
    [read] = table.read
    assert 'node-150' in read
    assert len(read) < 15


def test_reads_what_has_changed_again_for_a_while(cache, clock):
    """A second change may have the stamp of the first one."""
    table = Table(100)
    settle(cache, table, clock)
    table.stamps['node-99'] = LATER
    cache.look(table.stamps, table)
    table.names['node-99'] = 'newer'
    clock.advance(1)
    assert cache.look(table.stamps, table)['node-99'].name == 'newer'
    for _ in range(9):
        clock.advance(1)
        table.read.clear()
        cache.look(table.stamps, table)
    assert 'node-99' not in table.read[0]


def test_sees_in_the_end_what_has_changed_without_a_stamp(cache, clock):
    table = Table(101)
    table.stamps['node-7'] = None
    settle(cache, table, clock)
    table.names = dict.fromkeys(table.names, 'new')
    for _ in range(20):
        found = cache.look(table.stamps, table)
    assert names(found) == table.names


def test_forgets_what_is_gone(cache, clock):
    table = Table(3)
    settle(cache, table, clock)
    del table.stamps['node-1']
    assert set(cache.look(table.stamps, table)) == {'node-0', 'node-2'}
    # Gone between the two questions.
    table.stamps['node-2'] = LATER
    del table.names['node-2']
    assert set(cache.look(table.stamps, table)) == {'node-0'}
    assert cache.look({}, table) == {}


def test_a_look_that_comes_back_late_takes_nothing_from_another(cache,
                                                                clock):
    table = Table(2)
    few = {'node-0': FIRST}
    settle(cache, table, clock)

    def late(uuids):
        # It knew of fewer nodes, and its database has just come back.
        cache.look(few, table)
        return table(uuids)

    assert names(cache.look({**table.stamps, 'node-0': LATER}, late)
                 ) == table.names


def test_what_comes_back_is_read_again(cache, clock):
    table = Table(2)
    settle(cache, table, clock)
    cache.look({}, table)
    table.names['node-1'] = 'new'
    assert names(cache.look(table.stamps, table)) == table.names


def test_a_question_that_fails_is_asked_again(cache):
    table = Table(2)

    def fail(uuids):
        raise KeyError(uuids[0])

    with pytest.raises(KeyError):
        cache.look(table.stamps, fail)
    assert names(cache.look(table.stamps, table)) == table.names
