# SPDX-License-Identifier: Apache-2.0
"""Why a visit failed: what is tried again, and what must not be."""

import inspect

import pytest

from ironic_console.drivers.displays import failures
from ironic_console.drivers.displays.failures import VisitFailed

KINDS = [kind for _, kind in inspect.getmembers(failures, inspect.isclass)
         if issubclass(kind, VisitFailed)]


@pytest.mark.parametrize('kind', KINDS)
def test_the_text_is_for_the_screen_and_for_the_log(
        kind: type[VisitFailed]) -> None:
    failure = kind('Check the cable.')
    assert failure.text == str(failure) == 'Check the cable.'


def test_only_what_harms_nobody_is_tried_again() -> None:
    """A wrong password locks the account, another try takes a session or a
    console away from somebody."""
    assert {kind.__name__ for kind in KINDS if kind.retry} >= {
        'BmcAway', 'PageChanged', 'ConsoleLost', 'BrowserFailed'}
    assert {kind.__name__ for kind in KINDS if not kind.retry} >= {
        'VisitFailed', 'BmcUntrusted', 'LoginRefused', 'NoSession',
        'NotLicensed', 'ConsoleInUse'}
