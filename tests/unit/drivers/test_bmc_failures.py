# SPDX-License-Identifier: Apache-2.0
"""Sentences about BMCs."""

import ssl

import pytest
import requests
import urllib3

from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.errors import (
    BmcRefused,
    BmcUnreachable,
    BmcUnsupported,
    DriverError,
)
from ironic_console.drivers.bmc_failures import (
    Failures,
    WrongAccount,
    message_names,
    word,
)
from ironic_console.drivers.bmc_transport import (
    AnswerTooLong,
    Detour,
    NotJson,
    QuotesSecret,
    TooLate,
)

NAME = 'The BMC at https://192.0.2.7'


@pytest.fixture
def failures() -> Failures:
    return Failures(NAME, Deadline(Clock(), 40, 'bmc_timeout'))


def late(status: int | None = None,
         before: BaseException | None = None) -> TooLate:
    error = TooLate('no answer')
    error.status, error.__cause__ = status, before
    return error


def wrapped(cause: OSError) -> requests.ConnectionError:
    """As requests has it, around what urllib3 says."""
    try:
        try:
            raise cause
        except OSError as exc:
            pool = urllib3.HTTPSConnectionPool('192.0.2.7')
            raise urllib3.exceptions.MaxRetryError(
                pool, '/redfish', exc) from exc
    except urllib3.exceptions.MaxRetryError as exc:
        return requests.ConnectionError(exc)


@pytest.mark.parametrize(('cause', 'kind', 'words'), [
    (Detour('x'), BmcRefused, 'sends us elsewhere'),
    (requests.exceptions.InvalidSchema('x'), BmcRefused, 'elsewhere'),
    (late(), BmcUnreachable, 'within the bmc_timeout of 40 s'),
    (late(503), BmcUnreachable, 'is not ready (HTTP status 503)'),
    (late(before=wrapped(ConnectionRefusedError(111, 'x'))), BmcUnreachable,
     'the connection is refused or broken'),
    (wrapped(TimeoutError()), BmcUnreachable, 'did not answer within'),
    (wrapped(OSError(113, 'x')), BmcUnreachable, 'No route to host'),
    (NotJson('the answer is not JSON'), BmcUnsupported, 'not Redfish'),
    (AnswerTooLong('the answer has more than 4 bytes'), BmcUnsupported,
     'more than 4 bytes'),
    (QuotesSecret('the answer is not HTTP'), BmcUnsupported, 'not HTTP'),
    (requests.exceptions.SSLError(ssl.SSLError(1, 'x')), BmcRefused,
     'no way to speak TLS'),
    (requests.ConnectionError(), BmcUnreachable, 'the connection broke'),
    (None, BmcUnreachable, 'the connection broke'),
])
def test_no_answer_is_told(
        failures: Failures, cause: BaseException | None,
        kind: type[DriverError], words: str) -> None:
    found = failures.unreachable(cause)
    assert type(found) is kind
    assert str(found).startswith(NAME)
    assert words in str(found)


@pytest.mark.parametrize(('status', 'ids', 'words'), [
    (403, ['IDRAC.2.9.SWC1908'], 'default password'),
    (401, ['IDRAC.2.9.SWC1908'], 'default password'),
    (403, ['IDRAC.2.9.LIC501'], 'has no licence that lets us see it'),
    (403, ['Base.1.12.InsufficientPrivilege'],
     'right to configure the BMC (it says Base.1.12.InsufficientPrivilege)'),
    (403, [], 'right to configure the BMC'),
    (401, [], 'correct them'),
])
def test_denial_is_told(failures: Failures, status: int, ids: list[str],
                        words: str) -> None:
    found = failures.denied(status, ids, 'see it')
    assert isinstance(found, BmcRefused)
    assert isinstance(found, WrongAccount) is (words == 'correct them')
    assert words in str(found)


@pytest.mark.parametrize(('status', 'ids', 'kind', 'words'), [
    (400, ['IDRAC.2.9.LIC501'], BmcRefused, 'has no licence'),
    (500, [], BmcUnreachable, 'try again in some minutes'),
    (503, ['IDRAC.2.9.SYS518'], BmcUnreachable, '(it says IDRAC.2.9.SYS518)'),
    (404, [], BmcUnsupported, 'what it takes to see it'),
    (409, [], BmcRefused, 'lockdown'),
])
def test_failure_is_told(
        failures: Failures, status: int, ids: list[str],
        kind: type[DriverError], words: str) -> None:
    found = failures.failed(status, ids, 'see it')
    assert type(found) is kind
    assert words in str(found)


def test_cause_that_is_its_own_cause_is_no_end(failures: Failures) -> None:
    error = requests.ConnectionError()
    inner = OSError()
    error.args = (inner,)
    inner.__cause__ = error
    assert 'broke' in str(failures.unreachable(error))


def test_names_of_messages_are_names() -> None:
    assert message_names([
        'Base.1.2.Error', 7, None, ['x'], 'with spaces', 'x' * 65, '<b>',
        'A', 'B', 'C', 'D']) == ['Base.1.2.Error', 'A', 'B', 'C']


def test_words_are_words() -> None:
    assert word('14G Monolithic') == '14G Monolithic'
    assert word('x' * 41) == word('a\nb') == word(None) == 'unknown'
