# SPDX-License-Identifier: Apache-2.0
import re

import pytest

from ironic_console.drivers.displays.apps import signs
from ironic_console.drivers.displays.apps.signs import Sign, find_sign
from ironic_console.drivers.displays.failures import (
    ConsoleInUse,
    NotLicensed,
)
from tests.helpers.scripted_page import ScriptedPage

SIGNS = (Sign(signs.LICENCE, NotLicensed, 'no licence'),
         Sign(signs.IN_USE, ConsoleInUse, 'in use', '#dialog'))


def test_the_page_says_only_which_sign_it_shows() -> None:
    page = ScriptedPage(lambda _function, _signs: 1)
    found = find_sign(page, SIGNS)
    assert isinstance(found, ConsoleInUse)
    assert found.text == 'in use'
    assert '#dialog' in page.told[0]


@pytest.mark.parametrize('answer', [
    -1, 2, 99, None, True, 1.0, '1', [0], {'text': 'x'}])
def test_what_else_it_says_is_nothing(answer: object) -> None:
    assert find_sign(ScriptedPage(lambda *_: answer), SIGNS) is None


@pytest.mark.parametrize(('shown', 'said', 'meaning'), [
    (-1, 'It is in use by another user.', 'in use'),
    (-1, 'A LICENSE IS REQUIRED', 'no licence'),
    (-1, 'Welcome', None),
    # The order of signs is that of what counts.
    (1, 'A license is required', 'no licence'),
    (0, 'It is in use by another user.', 'no licence')])
def test_dialogs_count_as_the_page_does(
        shown: int, said: str, meaning: str | None) -> None:
    page = ScriptedPage(lambda *_: shown)
    page.dialogs = ('Hello', said)
    found = find_sign(page, SIGNS)
    assert (found and found.text) == meaning


def test_a_dialog_is_no_sign_that_goes_by_an_element() -> None:
    page = ScriptedPage(lambda *_: -1)
    page.dialogs = ('anything',)
    assert find_sign(page, [Sign('', ConsoleInUse, 'x', '#form')]) is None


PHRASES = {
    'LICENCE': [
        'The remote console needs an iLO Advanced license',
        'An iLO license is required to use this feature',
        'License key required', 'This feature is not licensed',
        'Integrated Remote Console is a licensed feature',
        'Remote console is unavailable without an iLO Advanced license',
        'A required license is missing or expired',
        'The node product key needs to be activated',
        'Node product key such as SFT-OOB-LIC must be activated'],
    'PRIVILEGE': [
        'Insufficient user privilege', 'Access denied',
        'You do not have the privilege to use the remote console',
        'This user is not authorized for virtual console'],
    'IN_USE': [
        'The remote console is in use by another user',
        'The console is already in use', 'Session already in progress',
        'Do you want to acquire it?', 'Would you like to seize the console?',
        'Confirm Session Sharing',
        'There is another virtual console session'],
    'DENIED': [
        'You have been denied access',
        'The request for session sharing was denied',
        'The other user has rejected the request',
        'The console was seized by operator'],
    'LIMIT': [
        'The maximum number of sessions is reached',
        'Maximum virtual console sessions reached', 'Too many sessions',
        'There are no free sessions'],
    'LOST': [
        'Your session has expired', 'Session timed out',
        'The session was terminated', 'Please log in again',
        'Session has been closed', 'Connection to the server was lost'],
}
#: What healthy consoles show, in their menus.
HARMLESS = (
    'Power Keyboard Virtual media License Information Session List Sessions '
    'Log out Settings Help About Acquire Share In use: 1 Access Control '
    'Licenses Activate Maximum resolution Console session sharing Users '
    'HTML5 remote console iKVM Macro Hot keys Record Record video Connected '
    'Video quality Take screenshot Encryption: AES Connection: secure '
    'Close Exit Disconnect Requests Denied hosts Timeout: 30 minutes')


@pytest.mark.parametrize(('name', 'text'), [
    (name, text) for name, texts in PHRASES.items() for text in texts])
def test_phrases_are_known_for_what_they_mean(name: str, text: str) -> None:
    assert re.search(getattr(signs, name), text, re.IGNORECASE)


@pytest.mark.parametrize('name', PHRASES)
def test_menus_of_a_console_are_no_sign(name: str) -> None:
    assert not re.search(getattr(signs, name), HARMLESS, re.IGNORECASE)
