# SPDX-License-Identifier: Apache-2.0
import email.message
import json
import logging
from typing import Any

import pytest

from ironic_console.drivers.displays.apps.redfish import (
    Words,
    failure_in,
    path_below,
)
from ironic_console.drivers.displays.bmc_web import Answer
from ironic_console.drivers.displays.failures import (
    BmcAway,
    LoginRefused,
    NoSession,
    NotLicensed,
    PageChanged,
    VisitFailed,
)

WORDS = Words('iDRAC', 'the privilege "Console"', 'No licence. Buy one.',
              'No session. End one.')


def answer(status: int, *names: object) -> Answer:
    body = json.dumps({'error': {'@Message.ExtendedInfo': [
        {'MessageId': name, 'Message': 'secret words of a BMC'}
        for name in names]}}).encode()
    return Answer(status, email.message.Message(), body,  # type: ignore
                  {})


@pytest.mark.parametrize(('status', 'name', 'failure', 'words'), [
    (401, 'Base.1.12.ResourceAtUriUnauthorized', LoginRefused, 'password'),
    (401, 'Base.1.12.SessionLimitExceeded', LoginRefused, 'password'),
    (403, 'IDRAC.2.9.LIC501', NotLicensed, 'Buy one'),
    (403, 'SMC.1.0.OemLicenseNotPassed', NotLicensed, 'Buy one'),
    (400, 'SMC.1.0.LicenseNotActivated', NotLicensed, 'Buy one'),
    (503, 'IDRAC.2.4.RAC0218', NoSession, 'End one'),
    (503, 'Base.1.12.SessionLimitExceeded', NoSession, 'End one'),
    (403, 'Base.1.12.InsufficientPrivilege', LoginRefused, 'privilege'),
    (503, 'Base.1.12.ServiceTemporarilyUnavailable', BmcAway, 'Wait'),
    (500, '', BmcAway, 'Wait'),
    (429, '', BmcAway, 'Wait'),
    (400, 'Base.1.12.PropertyValueFormatError', PageChanged, 'firmware'),
    (302, '', PageChanged, 'address'),
    (200, '', PageChanged, 'address')])
def test_says_what_happened_and_what_to_do(
        status: int, name: str, failure: type[VisitFailed], words: str,
        ) -> None:
    found = failure_in(answer(status, name), WORDS)
    assert type(found) is failure
    assert words in found.text
    assert 'secret' not in found.text


@pytest.mark.parametrize('body', [
    b'', b'[]', b'{"error": 1}', b'{"error": {"@Message.ExtendedInfo": 1}}',
    b'{"error": {"@Message.ExtendedInfo": [1, {"MessageId": 2}]}}'])
def test_errors_of_no_shape_are_judged_by_their_status(body: bytes) -> None:
    found = failure_in(
        Answer(403, email.message.Message(), body, {}),  # type: ignore
        WORDS)
    assert type(found) is LoginRefused


def test_of_the_bmcs_words_only_names_are_logged(
        caplog: pytest.LogCaptureFixture) -> None:
    names: list[Any] = ['Base.1.12.GeneralError', 'not\na name', 'a' * 81,
                        'ä', 1, *['Many'] * 100]
    failure_in(answer(403, *names), WORDS)
    said = caplog.records[0].getMessage()
    assert caplog.records[0].levelno == logging.WARNING
    assert said == ('iDRAC refused: 403 Base.1.12.GeneralError '
                    'Many Many Many')


@pytest.mark.parametrize('root', ['/redfish/v1', '/redfish/v1/'])
def test_paths_are_below_the_root(root: str) -> None:
    assert path_below(root, 'Managers/1') == '/redfish/v1/Managers/1'
