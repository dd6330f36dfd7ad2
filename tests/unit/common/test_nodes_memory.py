# SPDX-License-Identifier: Apache-2.0
"""The store of nodes in a dict."""

import pytest

from ironic_console.common.errors import NodeStoreUnavailable
from ironic_console.common.nodes import NodeRecord
from ironic_console.common.nodes_memory import MemoryNodeStore

ONE = NodeRecord.from_info('one', None, 'fake-vnc', True, {})
TWO = NodeRecord.from_info('two', None, 'fake-vnc', True, {})


@pytest.fixture
def store() -> MemoryNodeStore:
    return MemoryNodeStore(ONE, TWO)


def test_gives_a_node_by_uuid(store):
    assert store.get('one') is ONE


def test_gives_none_for_a_node_that_is_not_there(store):
    assert store.get('three') is None


def test_gives_those_of_several_that_are_there(store):
    assert store.get_many(['two', 'three']) == {'two': TWO}
    assert store.get_many([]) == {}


def test_finds_a_node_by_its_name(store):
    named = NodeRecord.from_info('three', 'rack7', 'fake-vnc', True, {})
    store.records['three'] = named
    assert store.find('rack7') is named
    assert store.find('three') is None
    # Those without a name have none to be found by.
    assert store.find('') is None


def test_lists_consoles_that_are_enabled(store):
    store.records['three'] = NodeRecord.from_info(
        'three', None, 'fake-vnc', False, {})
    assert store.consoles() == [ONE, TWO]


def test_is_fine(store):
    store.check()
    store.close()


@pytest.mark.parametrize('ask', [
    lambda store: store.get('one'), lambda store: store.get_many(['one']),
    lambda store: store.find('one'), lambda store: store.consoles(),
    lambda store: store.check()])
def test_plays_a_dead_database(store, ask):
    store.available = False
    with pytest.raises(NodeStoreUnavailable):
        ask(store)
    store.available = True
    ask(store)
