# SPDX-License-Identifier: Apache-2.0
"""Every error, those to come included: what browsers get to see of it."""

import inspect
import typing
from collections.abc import Iterator, Sequence

import pytest

from ironic_console.common import errors
from ironic_console.common.errors import ConsoleError, ProtocolError, Side
from ironic_console.common.rfb import versions

#: RFC 6455 §5.5: a control frame holds 125 bytes, 2 of them are the code.
MAX_REASON_BYTES = 123
#: What peers say and where they are; none of it may be shown.
POISON = '192.0.2.7:5900 zweifelhaft'
SPOKEN = max((words for _, words in versions._OTHERS), key=len)


def classes(root: type = ConsoleError) -> Iterator[type[ConsoleError]]:
    yield root
    for child in root.__subclasses__():
        yield from classes(child)


def examples() -> list:
    """One error of each class of the module, and for each side."""
    return [
        pytest.param(example(kind, side),
                     id=f'{kind.__name__}{f"-{side}" if side else ""}')
        for kind in dict.fromkeys(classes())
        if kind.__module__ == errors.__name__
        for side in (Side if issubclass(kind, ProtocolError) else [None])]


def example(kind: type[ConsoleError], side: Side | None) -> ConsoleError:
    """Make an error of a class, by the types of its parameters."""
    if '__init__' not in vars(kind) and kind.__init__ is Exception.__init__:
        return kind(POISON)
    hints = typing.get_type_hints(kind.__init__)
    values = {Side: side, str: POISON, int: 400, bool: True,
              Sequence[int]: (1, 2)}
    return kind(**{
        name: SPOKEN if name == 'spoken' else values[hints[name]]
        for name in list(inspect.signature(kind.__init__).parameters)[1:]})


@pytest.mark.parametrize('error', examples())
def test_has_an_http_status(error):
    assert 400 <= error.http_status < 600


@pytest.mark.parametrize('error', examples())
def test_has_a_close_code_that_a_server_may_send(error):
    # RFC 6455 §7.4 and the registry of IANA; 4000 to 4999 are ours.
    assert (error.close_code in (1002, 1008, 1011, 1013)
            or 4000 <= error.close_code < 5000)


@pytest.mark.parametrize('error', examples())
def test_public_reason_fits_a_close_frame(error):
    assert 0 < len(error.public_reason.encode()) <= MAX_REASON_BYTES


@pytest.mark.parametrize('error', examples())
def test_public_reason_is_a_sentence_of_ours(error):
    assert error.public_reason[0].isupper()
    assert error.public_reason.isprintable()
    # Some end with a command to copy.
    assert error.public_reason.endswith(('.', 'show NODE', 'enable NODE'))


@pytest.mark.parametrize('error', examples())
def test_public_reason_shows_nothing_of_a_peer(error):
    for word in POISON.split():
        assert word not in error.public_reason


@pytest.mark.parametrize('error', examples())
def test_text_for_operators_says_what_happened(error):
    texts = [POISON, 'bytes)', 'above the limit']
    assert any(text in str(error) for text in texts)


@pytest.mark.parametrize('error', examples())
def test_what_an_error_says_is_its_own(error):
    """No error changes its class, and with it all later ones."""
    assert type(error).public_reason == vars(
        next(kind for kind in type(error).__mro__
             if 'public_reason' in vars(kind)))['public_reason']
    assert POISON not in type(error).public_reason


def test_every_class_is_in_the_drawing():
    for kind in classes():
        if kind.__module__ == errors.__name__:
            assert kind.__name__ in errors.__doc__


def test_all_causes_of_403_look_the_same_outside():
    # These are told to proxies at the gateway only, never in answer to a
    # ticket.
    told_apart = {errors.NoConsole, errors.PeerRejected}
    seen = {(kind.http_status, kind.close_code, kind.public_reason)
            for kind in classes(errors.Unauthorized)
            if kind not in told_apart}
    assert len(seen) == 1
    assert seen.pop()[:2] == (403, 1008)


def test_what_may_succeed_later_says_when():
    for kind in classes(errors.ServiceUnavailable):
        assert kind.http_status == (
            429 if issubclass(kind, errors.TooManyRequests) else 503)
        assert kind.close_code == 1013
        assert kind.retry_after > 0


@pytest.mark.parametrize(('side', 'code'),
                         [(Side.BROWSER, 1002), (Side.ENDPOINT, 4502)])
def test_close_code_names_the_guilty_side(side, code):
    error = errors.RemoteProtocolError(side, 'ServerInit', 'too odd')
    assert error.close_code == code
    assert error.side is side
    assert error.step == 'ServerInit'
    assert str(error) == f'{side} side, ServerInit: too odd'


@pytest.mark.parametrize('side', Side)
def test_a_bug_of_ours_is_blamed_on_nobody_else(side):
    error = errors.LocalProtocolError(side, 'step', 'bug')
    assert error.close_code == 1011
    assert error.public_reason == ConsoleError.public_reason


@pytest.mark.parametrize(('side', 'code'),
                         [(Side.BROWSER, 1008), (Side.ENDPOINT, 4504)])
def test_a_timeout_says_who_was_silent(side, code):
    error = errors.HandshakeTimeout(side, 'ProtocolVersion', 'after 10 s')
    assert error.close_code == code
    assert 'in time' in error.public_reason


def test_attributes_are_typed():
    closed = errors.PeerClosed(Side.BROWSER, 'ClientInit', 0, 1)
    assert (closed.received, closed.expected) == (0, 1)
    limit = errors.LimitExceeded(Side.BROWSER, 'text', 9, 8)
    assert (limit.length, limit.limit) == (9, 8)
    common = errors.NoCommonSecurityType(Side.ENDPOINT, [2], [1], 'text')
    assert (common.offered, common.allowed) == ((2,), (1,))
    refused = errors.HandshakeRefused(Side.ENDPOINT, 'step', 'why')
    assert refused.reason == 'why'
    failed = errors.AuthenticationFailed(Side.ENDPOINT, 'step', 'why')
    assert failed.reason == 'why'
    stranger = errors.EndpointNotRfb('text', 'answered SSH')
    assert stranger.spoken == 'answered SSH'
    assert errors.BadRequest('too long', 431).http_status == 431
    assert errors.BadRequest('odd').http_status == 400


@pytest.mark.parametrize('kind', [errors.HandshakeRefused,
                                  errors.AuthenticationFailed])
def test_text_of_a_peer_cannot_break_a_line_of_the_log(kind):
    error = kind(Side.ENDPOINT, 'step', 'a\nERROR b\x1b[')
    assert str(error).isprintable()


def test_sides_are_words():
    assert [str(side) for side in Side] == ['browser', 'endpoint']
