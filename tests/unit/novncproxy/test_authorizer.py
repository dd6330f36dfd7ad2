# SPDX-License-Identifier: Apache-2.0
"""Who gets a grant; that nobody outside can tell refusals apart."""

import dataclasses

import pytest

from ironic_console.common import tickets
from ironic_console.common.errors import (
    NoConsole,
    NodeStoreUnavailable,
    OriginRejected,
    TokenExpired,
    TokenUnknown,
    Unauthorized,
)
from ironic_console.common.nodes_memory import MemoryNodeStore
from ironic_console.common.secret import Secret
from ironic_console.novncproxy.authorizer import AccessPolicy, Authorizer
from ironic_console.novncproxy.http import refusal
from ironic_console.novncproxy.request import ConnectRequest, allowed_origins
from tests.helpers.clock import FrozenClock
from tests.helpers.proxy import (
    NODE,
    OTHER,
    PUBLIC_URL,
    SECRET,
    node_record,
    ticket_for,
)

POLICY = AccessPolicy(allowed_origins(PUBLIC_URL, ()), token_timeout=600)
PAGE = 'https://console.example.org:6090'
NOBODY = '7f3c8f0e-0000-4000-8000-00000000ffff'


class Desk:
    """An authorizer and what it works with."""

    def __init__(self, *records, policy=POLICY):
        self.clock = FrozenClock()
        self.record = node_record(clock=self.clock)
        self.store = MemoryNodeStore(*(records or [self.record]))
        self.authorizer = Authorizer(self.store, policy, self.clock)

    def ask(self, token, node=NODE, origin=None):
        return self.authorizer.authorize(
            ConnectRequest(node, token, origin, None))


@pytest.fixture
def desk():
    return Desk()


@pytest.mark.parametrize('origin', [None, PAGE])
def test_a_good_ticket_opens_the_console(desk, origin):
    grant = desk.ask(ticket_for(desk.record, clock=desk.clock), origin=origin)
    assert grant.node is desk.record
    assert grant.ticket.node == NODE
    assert not grant.ticket.read_only


def test_the_ticket_says_that_the_session_may_only_look(desk):
    token = tickets.issue(Secret(SECRET), NODE, desk.clock.now(), 600,
                          read_only=True)
    assert desk.ask(token).ticket.read_only


@pytest.mark.parametrize('policy', [False, True])
@pytest.mark.parametrize('ticket', [False, True])
@pytest.mark.parametrize('endpoint', [False, True])
def test_any_of_the_three_makes_a_session_read_only(policy, ticket, endpoint):
    desk = Desk(policy=dataclasses.replace(POLICY, read_only=policy))
    desk.store.records[NODE] = node_record(
        clock=desk.clock, endpoint={'read_only': endpoint})
    grant = desk.ask(ticket_for(desk.record, clock=desk.clock,
                                read_only=ticket))
    assert grant.read_only is (policy or ticket or endpoint)


def good(desk):
    return {'token': ticket_for(desk.record, clock=desk.clock)}


def forged(desk):
    other = node_record(secret='x' * 40)
    return {'token': ticket_for(other, clock=desk.clock)}


def foreign(desk):
    return {'token': ticket_for(node_record(uuid=OTHER), clock=desk.clock)}


def expired(desk):
    token = ticket_for(desk.record, 600, clock=desk.clock)
    desk.clock.advance(601)
    return {'token': token}


def too_early(desk):
    desk.clock.advance(3600)
    token = ticket_for(desk.record, 600, clock=desk.clock)
    desk.clock.advance(-3600)
    return {'token': token}


def unknown_node(desk):
    return {**good(desk), 'node': NOBODY}


def disabled(desk):
    desk.store.records[NODE] = dataclasses.replace(desk.record, enabled=False)
    return good(desk)


def without_secret(desk):
    desk.store.records[NODE] = dataclasses.replace(desk.record, secret=None)
    return good(desk)


def other_secret(desk):
    desk.store.records[NODE] = node_record(secret='x' * 40)
    return good(desk)


def raw_secret(desk):
    return {'token': SECRET}


def empty(desk):
    return {'token': ''}


def not_ascii(desk):
    return {'token': '\xe4\ud800'}


def evil_page(desk):
    return {**good(desk), 'origin': 'https://evil.example'}


def null_page(desk):
    return {**good(desk), 'origin': 'null'}


REFUSALS = {
    forged: TokenUnknown, foreign: TokenUnknown, expired: TokenExpired,
    too_early: TokenExpired, unknown_node: TokenUnknown,
    disabled: TokenUnknown, without_secret: TokenUnknown,
    other_secret: TokenUnknown, raw_secret: TokenUnknown,
    empty: TokenUnknown, not_ascii: TokenUnknown,
    evil_page: OriginRejected, null_page: OriginRejected,
}


@pytest.mark.parametrize('case', REFUSALS, ids=lambda case: case.__name__)
def test_refuses(desk, case):
    request = case(desk)
    with pytest.raises(Unauthorized) as caught:
        desk.ask(**request)
    assert type(caught.value) is REFUSALS[case]
    answer = refusal(caught.value)
    assert answer == refusal(Unauthorized('the same for all'))
    assert answer.status == 403
    assert request['token'] not in str(caught.value) or not request['token']
    assert SECRET not in str(caught.value)


def test_tells_the_operator_which_origins_are_allowed(desk):
    with pytest.raises(OriginRejected, match=PAGE):
        desk.ask('x', origin='https://evil.example')


def test_an_endless_origin_does_not_fill_the_log(desk):
    with pytest.raises(OriginRejected) as caught:
        desk.ask('x', origin='x' * 10000)
    assert len(str(caught.value)) < 500


def test_does_as_much_work_for_unknown_nodes(desk, monkeypatch):
    checked = []
    real = tickets.check
    monkeypatch.setattr(tickets, 'check',
                        lambda *args: checked.append(args) or real(*args))
    for case in (unknown_node, forged):
        with pytest.raises(TokenUnknown):
            desk.ask(**case(desk))
    assert len(checked) == 2


def test_asks_no_store_for_a_foreign_page(desk):
    desk.store.available = False
    with pytest.raises(OriginRejected):
        desk.ask('x', origin='https://evil.example')


def test_nobody_decides_while_the_store_is_down(desk):
    desk.store.available = False
    with pytest.raises(NodeStoreUnavailable):
        desk.ask('x')


# -- raw tokens ---------------------------------------------------------------

@pytest.fixture
def in_tree():
    clock = FrozenClock()
    return Desk(node_record(ours=False, clock=clock))


def test_the_raw_token_opens_consoles_of_in_tree_drivers(in_tree):
    in_tree.clock.advance(600)
    assert in_tree.ask(SECRET).ticket.node == NODE


def test_the_raw_token_expires_by_ironics_rule(in_tree):
    in_tree.clock.advance(601)
    with pytest.raises(TokenExpired):
        in_tree.ask(SECRET)


def test_no_ticket_opens_consoles_of_in_tree_drivers(in_tree):
    with pytest.raises(TokenUnknown):
        in_tree.ask(ticket_for(in_tree.record, clock=in_tree.clock))


def test_in_plain_mode_both_open_consoles_of_our_drivers():
    desk = Desk(policy=dataclasses.replace(POLICY, plain_tokens=True))
    assert desk.ask(SECRET).ticket.node == NODE
    assert desk.ask(**good(desk)).ticket.node == NODE
    with pytest.raises(TokenUnknown):
        desk.ask('wrong')


# -- U10 ----------------------------------------------------------------------

def test_no_request_changes_who_may_ask(desk):
    before = set(POLICY.origins)
    for number in range(10_000):
        with pytest.raises(OriginRejected):
            desk.ask('x', origin=f'https://evil{number % 7}.example')
    assert desk.authorizer.policy is POLICY
    assert set(POLICY.origins) == before


# -- viewers without a browser ------------------------------------------------

@pytest.mark.parametrize('name', [NODE, NODE.upper(), NODE.replace('-', ''),
                                  'node-7'])
def test_a_viewer_may_name_its_node_in_either_way(desk, name):
    token = ticket_for(desk.record, clock=desk.clock)
    grant = desk.authorizer.authorize_viewer(name, token)
    assert grant.node is desk.record
    assert not grant.for_many


@pytest.mark.parametrize('name', ['', 'node-8', 'node 7', 'node-7\0', "'--",
                                  'x' * 256, '\ud800', NODE + '0'])
def test_a_viewer_of_another_node_is_refused_like_any(desk, name):
    token = ticket_for(desk.record, clock=desk.clock)
    with pytest.raises(Unauthorized) as caught:
        desk.authorizer.authorize_viewer(name, token)
    assert caught.value.public_reason == Unauthorized.public_reason


def test_what_can_be_no_name_is_no_question_for_the_database(desk,
                                                             monkeypatch):
    asked = []
    monkeypatch.setattr(desk.store, 'find', asked.append)
    for name in ('a\0b', "x' OR 1", 'n' * 256, 'ä'):
        with pytest.raises(Unauthorized):
            desk.authorizer.authorize_viewer(name, 'token')
    assert not asked


def test_a_name_that_is_unknown_costs_as_much_as_one_that_is(desk,
                                                            monkeypatch):
    calls = []
    check = tickets.check
    monkeypatch.setattr(tickets, 'check', lambda *args: (
        calls.append(args), check(*args))[1])
    for name in ('node-7', 'node-8'):
        with pytest.raises(Unauthorized):
            desk.authorizer.authorize_viewer(name, 'wrong')
    assert len(calls) == 2


def test_the_gateway_asks_for_a_node_and_its_port(desk):
    grant = desk.authorizer.authorize_node(NODE, 5900)
    assert grant.node is desk.record
    assert grant.for_many
    assert not grant.read_only


@pytest.mark.parametrize(('change', 'port'), [
    ({}, 5901), ({'enabled': False}, 5900), ({'secret': None}, 5900),
    ({'ours': False}, 5900), ({'uuid': OTHER}, 5900)])
def test_the_gateway_gets_no_console_that_is_not_as_nova_was_told(
        desk, change, port):
    record = node_record(clock=desk.clock, **change)
    desk.store.records = {record.uuid: record}
    with pytest.raises(NoConsole, match=f'no console at port {port}'):
        desk.authorizer.authorize_node(NODE, port)


def test_read_only_holds_for_the_gateway():
    desk = Desk(policy=dataclasses.replace(POLICY, read_only=True))
    assert desk.authorizer.authorize_node(NODE, 5900).read_only
    desk = Desk()
    desk.store.records[NODE] = node_record(endpoint={'read_only': True})
    assert desk.authorizer.authorize_node(NODE, 5900).read_only
