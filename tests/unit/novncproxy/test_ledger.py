# SPDX-License-Identifier: Apache-2.0
"""What all workers know of each other's sessions, whatever becomes of them."""

import contextlib
import os
import threading
import uuid

import pytest

from ironic_console.common.errors import ServiceUnavailable
from ironic_console.novncproxy import ledger as ledger_module
from ironic_console.novncproxy.ledger import Entry, Ledger
from tests.helpers.forked import Forked
from tests.helpers.proxy import NODE, OTHER, Holdings

HOME = '192.0.2.1'


def entry(session='one', node=NODE, source=HOME, opened=1.0):
    return Entry(session, node, source, opened)


@pytest.fixture
def ledger():
    return Ledger(8)


@pytest.fixture
def fork(ledger):
    """Makes workers that have the same ledger."""
    children = []

    def fork():
        children.append(Forked(lambda: ledger))
        return children[-1]

    yield fork
    for child in children:
        child.__exit__()


def write(ledger, *arguments):
    return ledger.write(entry(*arguments))


def hold(ledger):
    """Keep all others out, until killed."""
    ledger.held = contextlib.ExitStack()
    ledger.held.enter_context(ledger.locked())


# -- one process --------------------------------------------------------------

def test_keeps_what_is_entered(ledger):
    ledger.write(entry('8bytes!!', NODE, HOME, 1234.5))
    assert ledger.of_node(NODE) == [
        Entry('8bytes!!', NODE, HOME, 1234.5, os.getpid())]
    assert ledger.of_node(OTHER) == []


def test_forgets_what_has_ended(ledger):
    place = ledger.write(entry('one'))
    ledger.write(entry('two'))
    ledger.erase(place)
    assert [one.session for one in ledger.of_node(NODE)] == ['two']
    assert ledger.of_source(HOME) == {'two'}
    assert len(ledger) == 1


def test_the_oldest_comes_first(ledger):
    for opened in (3.0, 1.0, 2.0):
        ledger.write(entry(f'{opened:g}', opened=opened))
    assert [one.session for one in ledger.of_node(NODE)] == ['1', '2', '3']


def test_says_that_it_is_full_and_then_has_room_again(ledger):
    places = [ledger.write(entry(str(number))) for number in range(8)]
    assert sorted(places) == list(range(8))
    assert ledger.write(entry('more')) is None
    ledger.erase(places[3])
    assert ledger.write(entry('more')) == places[3]


@pytest.mark.parametrize(('source', 'same', 'others'), [
    ('192.0.2.1', ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201'],
     ['192.0.2.2', '1.192.0.2', '::c000:201', '::1', '']),
    ('2001:db8:0:1::1', ['2001:db8:0:1::', '2001:db8:0:1:ffff:ffff:0:1'],
     ['2001:db8:0:2::1', '2001:db8::1', '::1', '0.0.0.0']),
    ('::1', ['::2', '::'], ['0:0:0:1::', '0.0.0.1', '::ffff:0.0.0.1']),
    ('fe80::1%eth0', ['fe80::2%eth1', 'fe80::3'], ['fe80:0:0:1::1']),
    ('', ['', 'who knows'], ['0.0.0.0', '::']),
])
def test_counts_a_customer_and_not_all_of_his_addresses(ledger, source, same,
                                                        others):
    ledger.write(entry(source=source))
    for one in same:
        assert ledger.of_source(one) == {'one'}, one
    for one in others:
        assert ledger.of_source(one) == set(), one


@pytest.mark.parametrize(('source', 'shown'), [
    ('192.0.2.1', '192.0.2.1'), ('::ffff:192.0.2.1', '192.0.2.1'),
    ('2001:db8:0:1::7', '2001:db8:0:1::/64'), ('::1', '::/64'), ('?', '')])
def test_tells_where_somebody_is(ledger, source, shown):
    ledger.write(entry(source=source))
    assert ledger.of_node(NODE)[0].source == shown


def test_what_looks_alike_is_not_taken_for_the_same():
    # A node whose bytes are those of an address, in every place they can be
    # found in.
    ledger = Ledger(4)
    packed = bytes([192, 0, 2, 1]) + b'IPv4IPv4IPv4'
    lookalike = str(uuid.UUID(bytes=packed))
    ledger.write(entry('one', lookalike, '198.51.100.1'))
    ledger.write(entry('two', NODE, '192.0.2.1'))
    assert ledger.of_source('192.0.2.1') == {'two'}
    assert [one.session for one in ledger.of_node(lookalike)] == ['one']


def test_is_for_all_threads(ledger):
    ledger = Ledger(200)

    def live(name):
        for number in range(50):
            place = ledger.write(entry(f'{name}{number}'))
            with ledger.locked():
                assert f'{name}{number}' in {
                    one.session for one in ledger.of_node(NODE)}
            ledger.erase(place)

    threads = [threading.Thread(target=live, args=(name,))
               for name in 'abcd']
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger) == 0


def test_leaves_nothing_behind():
    Ledger(4).write(entry())
    before = Holdings.now()
    Ledger(4).write(entry())
    before.wait_for_return()


# -- several processes --------------------------------------------------------

def test_workers_see_each_others_sessions(ledger, fork):
    one, other = fork(), fork()
    place = one.do(write, 'first', NODE, HOME, 1.0)
    other.do(write, 'second', NODE, '::ffff:192.0.2.1', 2.0)
    assert [(found.session, found.worker) for found in ledger.of_node(NODE)
            ] == [('first', one.pid), ('second', other.pid)]
    assert other.do(Ledger.of_source, HOME) == {'first', 'second'}
    one.do(Ledger.erase, place)
    assert other.do(Ledger.of_source, HOME) == {'second'}


def test_no_two_workers_get_one_place(ledger, fork):
    children = [fork() for _ in range(4)]
    for child in children:
        child.begin(_fill)
    places = [place for child in children for place in child.result()]
    assert sorted(places) == list(range(8))


def _fill(ledger):
    places = []
    while (place := ledger.write(entry(f'{os.getpid()}'))) is not None:
        places.append(place)
    return places


@pytest.mark.parametrize('reap', [True, False], ids=['gone', 'zombie'])
def test_a_worker_that_is_killed_leaves_no_ghosts(ledger, fork, reap):
    one, other = fork(), fork()
    one.do(write, 'ghost')
    other.do(write, 'alive', OTHER)
    one.kill(reap=reap)
    assert ledger.of_node(NODE) == []
    assert ledger.of_source(HOME) == {'alive'}
    assert len(ledger) == 1


def test_the_places_of_the_dead_are_given_away(ledger, fork):
    doomed = fork()
    doomed.do(_fill)
    assert ledger.write(entry('new')) is None
    doomed.kill()
    assert ledger.write(entry('new')) is not None
    assert [one.session for one in ledger.of_node(NODE)] == ['new']


def test_a_worker_that_is_killed_while_it_writes_keeps_nobody_out(ledger,
                                                                  fork):
    doomed = fork()
    doomed.do(write, 'ghost')
    doomed.do(hold)
    doomed.kill()
    assert ledger.write(entry('new')) is not None
    assert [one.session for one in ledger.of_node(NODE)] == ['new']


def test_a_worker_that_stands_still_is_not_waited_for_for_ever(
        ledger, fork, monkeypatch):
    monkeypatch.setattr(ledger_module, '_LOCK_TIMEOUT', 0.05)
    place = ledger.write(entry())
    stopped = fork()
    stopped.do(hold)
    stopped.stop()
    with pytest.raises(ServiceUnavailable, match='ledger') as caught:
        ledger.of_node(NODE)
    assert caught.value.http_status == 503
    # The relay never waits for it.
    ledger.erase(place)
    # Its sessions count: it may go on at any moment.
    stopped.kill()
    assert len(ledger) == 0


def test_a_worker_that_stands_still_still_has_its_sessions(ledger, fork):
    stopped = fork()
    stopped.do(write, 'theirs')
    stopped.stop()
    assert ledger.of_source(HOME) == {'theirs'}


def test_who_gets_the_number_of_a_dead_worker_inherits_nothing(
        ledger, fork, monkeypatch):
    ledger.write(entry('ours'))
    child = fork()
    child.do(write, 'ghost')
    number = child.pid
    child.kill()
    monkeypatch.setattr(os, 'getpid', lambda: number)
    ledger.write(entry('new', OTHER))
    assert ledger.of_node(NODE) == []
    assert len(ledger) == 1
