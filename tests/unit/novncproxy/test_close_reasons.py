# SPDX-License-Identifier: Apache-2.0
"""What a user is told at the end fits into a close frame."""

import re

import pytest

from ironic_console.common import errors
from ironic_console.common.errors import ConsoleError, Side
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.close_reasons import (
    CloseReason,
    by_operator,
    from_error,
)
from ironic_console.novncproxy.pages import WEB_ROOT

REASONS = [value for value in vars(close_reasons).values()
           if isinstance(value, CloseReason)]
# RFC 6455 §7.4.1 and §7.4.2; 1005, 1006 and 1015 are never sent.
CODES = {1000, 1001, 1002, 1008, 1009, 1011, 1013, *range(4000, 5000)}
ERRORS = [
    errors.BadRequest('x'), errors.TokenExpired('x'),
    errors.NodeStoreUnavailable('x'), errors.SessionLimitReached('x'),
    errors.NodeLimitReached('x'), errors.SourceLimitReached('x'),
    errors.NodeInUse('x', can_take_over=True), errors.ConfigError('x'),
    errors.EndpointError('x'),
    errors.EndpointUnreachable('x'),
    errors.EndpointTimeout('x'), errors.EndpointUntrusted('x'),
    errors.CertificateRejected('x'), errors.EndpointClosed('x'),
    errors.EndpointTlsFailed('x'),
    errors.EndpointNotRfb('x', 'answered HTTP'),
    *(kind for side in Side for kind in (
        errors.PeerClosed(side, 's', 1, 2),
        errors.LimitExceeded(side, 's', 2, 1),
        errors.LocalProtocolError(side, 's', 'x'),
        errors.HandshakeRefused(side, 's', 'x'),
        errors.NoCommonSecurityType(side, (2,), (1,), 'x'),
        errors.AuthenticationFailed(side, 's', 'x'),
        errors.HandshakeTimeout(side, 's', 'x'))),
]


@pytest.mark.parametrize('reason', REASONS + [from_error(error)
                                              for error in ERRORS], ids=str)
def test_every_reason_can_be_sent(reason):
    assert len(reason.text.encode()) <= 123
    assert reason.code in CODES
    assert reason.name


def test_names_are_unambiguous_in_the_log():
    assert len({str(reason) for reason in REASONS}) == len(REASONS)


def test_the_log_names_the_error_and_the_user_gets_its_sentence():
    error = errors.EndpointUnreachable('10.0.0.1 said no')
    assert from_error(error) == CloseReason(
        'EndpointUnreachable', 4503, error.public_reason)


def test_an_error_that_nobody_thought_of_has_a_reason():
    assert from_error(ConsoleError('x')).code == 1011


def test_the_page_has_words_for_every_code():
    page = (WEB_ROOT / 'js' / 'state.js').read_text()
    known = {int(code) for code in re.findall(r'^    \[(\d{4}),', page,
                                              re.MULTILINE)}
    codes = {one.code for one in REASONS} | {one.close_code for one in ERRORS}
    assert codes <= known


def test_the_page_knows_every_sentence():
    # Otherwise it would be told in English whatever the user speaks.
    source = (WEB_ROOT / 'js' / 'messages' / 'en.js').read_text()
    text = re.sub(r"""['"] \+\n\s+['"]""", '', source)
    known = set(re.findall(r"""^    'said\.\w+': ['"](.*)['"],$""", text,
                           re.MULTILINE))
    said = {reason.text for reason in REASONS if reason.text} | {
        error.public_reason for error in ERRORS
        if not isinstance(error, errors.EndpointNotRfb)}
    assert said == known


def test_an_operator_can_say_why():
    reason = by_operator('The node is being repaired.')
    assert (reason.code, reason.text) == (1008, 'The node is being repaired.')
    assert str(reason) == str(close_reasons.KICKED)
    assert by_operator('') is close_reasons.KICKED


def test_what_an_operator_says_fits_into_a_close_frame():
    text = by_operator('\u00fc' * 100).text
    assert text == '\u00fc' * 61
