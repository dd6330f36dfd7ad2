# SPDX-License-Identifier: Apache-2.0
"""Tickets: who gets in, until when, and who does not."""

import base64
import datetime
import hmac
import json
import logging
import re
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironic_console.common import tickets
from ironic_console.common.errors import (
    TokenExpired,
    TokenUnknown,
    Unauthorized,
)
from ironic_console.common.nodes import NodeRecord, format_time
from ironic_console.common.secret import Secret
from ironic_console.common.tickets import Ticket
from tests.helpers.clock import FrozenClock
from tests.helpers.properties import FEW, JSON

NODE = '7f3c8f0e-0000-4000-8000-000000000001'
OTHER = '7f3c8f0e-0000-4000-8000-000000000002'
SECRET = Secret('k' * 43)
NOW = FrozenClock().now()
TICKET = tickets.issue(SECRET, NODE, NOW, 600)
ANY_TEXT = st.one_of(
    st.text(), st.text(alphabet=st.characters(categories=['Cs', 'L'])),
    st.text(alphabet='ab.-_=A', max_size=50),
    st.integers(1000, 1100).map('x'.__mul__))


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


def sign(content) -> str:
    """A ticket with any content and a good signature."""
    return tickets._serializer(SECRET).dumps(content)


# -- good ones ----------------------------------------------------------------

@pytest.mark.parametrize('read_only', [False, True])
def test_a_ticket_says_what_it_was_issued_for(clock, read_only):
    ticket = tickets.issue(SECRET, NODE, clock.now(), 600, read_only)
    clock.advance(10)
    assert tickets.check(SECRET, ticket, NODE, clock.now()) == Ticket(
        NODE, NOW + datetime.timedelta(seconds=600), read_only)


def test_is_good_until_its_last_second(clock):
    clock.advance(600)
    assert tickets.check(SECRET, TICKET, NODE, clock.now()).node == NODE


def test_may_be_used_by_a_proxy_whose_clock_is_behind(clock):
    clock.advance(-tickets.CLOCK_SKEW)
    assert tickets.check(SECRET, TICKET, NODE, clock.now()).node == NODE


def test_a_lifetime_may_be_as_good_as_for_ever(clock):
    ticket = tickets.issue(SECRET, NODE, clock.now(), 1e15)
    found = tickets.check(SECRET, ticket, NODE, clock.now())
    assert found.expires.year == 9999


def test_is_signed_as_documented():
    """By hand, so that no release of itsdangerous changes it unnoticed."""
    key = hmac.digest(SECRET.reveal().encode(), b'ironic_console.ticket',
                      'sha256')
    begin = int(NOW.timestamp())
    payload = base64.urlsafe_b64encode(json.dumps(
        [NODE, begin, begin + 600, 1, 'nonce']).encode()).rstrip(b'=')
    signature = base64.urlsafe_b64encode(
        hmac.digest(key, payload, 'sha256')).rstrip(b'=')
    ticket = (payload + b'.' + signature).decode()
    assert tickets.check(SECRET, ticket, NODE, NOW) == Ticket(
        NODE, NOW + datetime.timedelta(seconds=600), True)


def test_two_tickets_of_the_same_second_differ():
    assert len({tickets.issue(SECRET, NODE, NOW, 600)
                for _ in range(100)}) == 100


def test_is_safe_in_a_url_and_not_too_long():
    assert re.fullmatch(r'[A-Za-z0-9._-]+', TICKET)
    assert len(TICKET) < tickets.MAX_TICKET_CHARS / 4


def test_carries_no_secret():
    assert SECRET.reveal() not in TICKET
    payload = tickets._serializer(SECRET).loads_unsafe(TICKET)[1]
    assert SECRET.reveal() not in str(payload)


def test_fresh_secrets_are_long_and_differ():
    made = {tickets.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(len(secret) == 43 for secret in made)


# -- bad ones -----------------------------------------------------------------

@pytest.mark.parametrize('seconds', [601, 1e6, -tickets.CLOCK_SKEW - 1, -1e6])
def test_outside_its_time_it_is_expired(clock, seconds):
    clock.advance(seconds)
    with pytest.raises(TokenExpired, match='2026-09-01 12:00:00 UTC to '
                                           '2026-09-01 12:10:00 UTC'):
        tickets.check(SECRET, TICKET, NODE, clock.now())


def test_opens_no_other_node(clock):
    with pytest.raises(TokenUnknown, match='another node'):
        tickets.check(SECRET, TICKET, OTHER, clock.now())


@pytest.mark.parametrize('node', ['', 'n\xf6de', '\ud800', NODE.upper(),
                                  NODE + ' '])
def test_opens_no_node_of_another_name(node):
    with pytest.raises(TokenUnknown, match='another node'):
        tickets.check(SECRET, TICKET, node, NOW)


def test_opens_nothing_after_the_secret_has_changed():
    with pytest.raises(TokenUnknown, match='not signed by this node'):
        tickets.check(Secret(tickets.new_secret()), TICKET, NODE, NOW)


def test_a_ticket_signed_for_something_else_is_unknown():
    serializer = tickets._serializer(SECRET)
    serializer.salt = b'something else'
    with pytest.raises(TokenUnknown, match='not signed'):
        tickets.check(SECRET, serializer.dumps([NODE, 0, 2**40, 0, '']),
                      NODE, NOW)


@pytest.mark.parametrize('place', range(len(TICKET)))
def test_a_flipped_character_never_passes(place):
    """The last one in particular: base64 has spare bits there."""
    for other in 'AQgwx9-_.=!':
        forged = TICKET[:place] + other + TICKET[place + 1:]
        if forged != TICKET:
            with pytest.raises(TokenUnknown):
                tickets.check(SECRET, forged, NODE, NOW)


@pytest.mark.parametrize('change', [
    lambda ticket: ticket + '=', lambda ticket: ticket + '!',
    lambda ticket: ticket + '\n', lambda ticket: ' ' + ticket,
    lambda ticket: ticket[:-1], lambda ticket: ticket[1:],
    lambda ticket: ticket.replace('.', '..'),
    lambda ticket: ticket.replace('.', ''),
    lambda ticket: '.' + ticket, lambda ticket: ticket.lower(),
    lambda ticket: ticket + ticket, lambda ticket: f'{ticket}\u017f',
    lambda ticket: ticket[::-1]])
def test_another_spelling_never_passes(change):
    with pytest.raises(TokenUnknown):
        tickets.check(SECRET, change(TICKET), NODE, NOW)


@pytest.mark.parametrize('ticket', ['', '.', '..', 'x', 'x.', '.x', 'x.y',
                                    '\0', 'x' * 1024])
def test_nonsense_is_unknown(ticket):
    with pytest.raises(TokenUnknown, match='not signed'):
        tickets.check(SECRET, ticket, NODE, NOW)


@pytest.mark.parametrize('ticket', ['\xe9', '\ud800', 'x' * 1025,
                                    'x' * 10**6])
def test_what_cannot_be_a_ticket_is_not_even_looked_at(ticket):
    with pytest.raises(TokenUnknown, match='does not look like'):
        tickets.check(SECRET, ticket, NODE, NOW)


@pytest.mark.parametrize('content', [
    None, 5, 'text', [], {}, [NODE], [NODE, 0, 1, 0], [NODE, 0, 1, 0, '', 0],
    [5, 0, 2**40, 0, ''], [NODE, '0', 2**40, 0, ''],
    [NODE, 0, '1', 0, ''], [NODE, 0, None, 0, ''], [NODE, 0.5, 1e12, 0, ''],
    [NODE, 0, 2**40, 2, ''], [NODE, 0, 2**40, 'no', ''],
    [NODE, 0, 2**40, 0, None], {'node': NODE}])
def test_signed_content_of_another_form_is_unknown(content):
    with pytest.raises(TokenUnknown, match='not of our form'):
        tickets.check(SECRET, sign(content), NODE, NOW)


def test_signed_content_that_is_not_json_is_unknown():
    signer = tickets._serializer(SECRET).make_signer()
    with pytest.raises(TokenUnknown, match='not of our form'):
        tickets.check(SECRET, signer.sign('e30x').decode(), NODE, NOW)


@pytest.mark.parametrize(('begin', 'end'), [
    (-10**30, -10**29), (10**29, 10**30), (0, -1)])
def test_signed_times_beyond_all_calendars_are_expired(begin, end):
    with pytest.raises(TokenExpired):
        tickets.check(SECRET, sign([NODE, begin, end, 0, '']), NODE, NOW)


def test_a_refusal_carries_no_part_of_the_ticket():
    """What is wrong for this node may be right for another."""
    other = tickets.issue(Secret('x' * 43), OTHER, NOW, 600)
    for ticket, node in ((other, NODE), (TICKET, OTHER)):
        with pytest.raises(TokenUnknown) as caught:
            tickets.check(SECRET, ticket, node, NOW)
        shown = ''.join(traceback.format_exception(caught.value))
        for part in filter(None, ticket.split('.')):
            assert part not in shown


def test_nothing_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    tickets.check(SECRET, TICKET, NODE, NOW)
    assert caplog.text == ''


# -- raw tokens ---------------------------------------------------------------

def node(secret='s3cret', created=NOW) -> NodeRecord:
    return NodeRecord.from_info(NODE, None, 'redfish-graphical', True, {
        'novnc_secret_token': secret,
        'novnc_secret_token_created': created and format_time(created)})


def test_a_raw_token_lives_from_the_creation_of_the_secret(clock):
    clock.advance(600)
    assert tickets.check_plain(node(), 's3cret', clock.now(), 600) == Ticket(
        NODE, NOW + datetime.timedelta(seconds=600), False)


def test_a_raw_token_expires(clock):
    clock.advance(600.001)
    with pytest.raises(TokenExpired, match='until 2026-09-01 12:10:00 UTC'):
        tickets.check_plain(node(), 's3cret', clock.now(), 600)


def test_a_raw_token_may_live_as_good_as_for_ever():
    ticket = tickets.check_plain(node(), 's3cret', NOW, 1e15)
    assert ticket.expires.year == 9999


@pytest.mark.parametrize('token', ['', 's3cre', 's3cret ', 'S3cret', '\xe9',
                                   '\ud800'])
def test_another_raw_token_is_unknown(token):
    with pytest.raises(TokenUnknown, match="not the node's"):
        tickets.check_plain(node(), token, NOW, 600)


@pytest.mark.parametrize('token', ['', 'None', 's3cret'])
def test_a_node_without_secret_takes_no_raw_token(token):
    with pytest.raises(TokenUnknown, match="not the node's"):
        tickets.check_plain(node(secret=None), token, NOW, 600)


def test_a_raw_token_of_unknown_age_is_unknown():
    with pytest.raises(TokenUnknown, match='when the token was made'):
        tickets.check_plain(node(created=None), 's3cret', NOW, 600)


def test_a_ticket_is_no_raw_token():
    with pytest.raises(TokenUnknown):
        tickets.check_plain(node(SECRET.reveal()), TICKET, NOW, 600)


# -- anything -----------------------------------------------------------------

@FEW
@given(ANY_TEXT, ANY_TEXT)
def test_any_text_is_unauthorized(ticket, name):
    with pytest.raises(Unauthorized):
        tickets.check(SECRET, ticket, name, NOW)


@FEW
@given(ANY_TEXT)
def test_any_raw_token_is_unauthorized(token):
    with pytest.raises(Unauthorized):
        tickets.check_plain(node('\xe9 s3cret that nobody guesses'), token,
                            NOW, 600)


@FEW
@given(st.one_of(JSON, st.tuples(st.one_of(st.just(NODE), JSON),
                                 st.one_of(st.integers(), JSON),
                                 st.one_of(st.integers(), JSON),
                                 st.one_of(st.booleans(), JSON), JSON)))
def test_any_signed_content_is_a_ticket_or_unauthorized(content):
    try:
        ticket = tickets.check(SECRET, sign(content), NODE, NOW)
    except Unauthorized:
        return
    assert ticket.node == NODE
    assert ticket.expires >= NOW
