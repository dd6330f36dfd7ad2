# SPDX-License-Identifier: Apache-2.0
"""What the page tells Chromium to do when something happens.

What Chromium makes of it is for tests/displays/test_display_browser.py.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ironic_console.drivers.displays.cdp import CommandRefused, Params
from ironic_console.drivers.displays.failures import (
    BmcAway,
    BmcUntrusted,
    BrowserFailed,
    NotOffered,
    PageChanged,
    PageMoving,
    VisitFailed,
)
from ironic_console.drivers.displays.page import ChromiumPage
from ironic_console.drivers.displays.request_filter import RequestFilter
from ironic_console.drivers.displays.settings import Screen

SITE = 'https://bmc.example'
TICKET = 's3cr3t-ticket'


class FakeConnection:
    """Remembers commands; events come by :meth:`say`.

    :ivar answers: by method; an exception is raised.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, Params, str]] = []
        self.listeners: dict[str, Callable[[str, Params], None]] = {}
        self.answers: dict[str, Any] = {
            'Target.attachToTarget': {'sessionId': 'S'},
            'Browser.getWindowForTarget': {'windowId': 1}}

    def listen(self, event: str, listener: Callable[[str, Params], None],
               ) -> None:
        self.listeners[event] = listener

    def command(self, method: str, params: Mapping[str, Any] = {},
                session: str = '', timeout: float = 0) -> Any:
        self.post(method, params, session)
        answer = self.answers.get(method, {})
        if isinstance(answer, Exception):
            raise answer
        return answer

    def post(self, method: str, params: Mapping[str, Any] = {},
             session: str = '') -> None:
        self.sent.append((method, params, session))

    def wait(self, condition: Callable[[], Any], timeout: float, what: str,
             ) -> Any:
        value = condition()
        if not value:
            raise BrowserFailed(what)
        return value

    def say(self, event: str, session: str = 'S', **params: Any) -> None:
        self.listeners[event](session, params)

    def last(self) -> tuple[str, Params, str]:
        return self.sent[-1]


@pytest.fixture
def connection() -> FakeConnection:
    return FakeConnection()


@pytest.fixture
def page(connection: FakeConnection) -> ChromiumPage:
    page: Any = ChromiumPage(connection, SITE,  # type: ignore[arg-type]
                             RequestFilter(SITE, [r'/irc\.html(\?.*)?']))
    see_target(connection, 'T')
    page.open(Screen(800, 600))
    return page


def see_target(connection: FakeConnection, name: str, kind: str = 'page',
               ) -> None:
    connection.say('Target.targetCreated', '', targetInfo={
        'targetId': name, 'type': kind})


def see_document(connection: FakeConnection, url: str, loader: str,
                 **frame: str) -> None:
    connection.say('Page.frameNavigated', frame={
        'url': url, 'loaderId': loader, **frame})


def pause(connection: FakeConnection, url: str, kind: str) -> None:
    connection.say('Fetch.requestPaused', '', requestId='R',
                   request={'url': url}, resourceType=kind)


# -- before there is a page ---------------------------------------------------

@pytest.mark.usefixtures('page')
def test_requests_are_judged_before_there_is_a_page(
        connection: FakeConnection) -> None:
    methods = [method for method, _, _ in connection.sent]
    assert methods[0] == 'Fetch.enable'
    assert methods.index('Fetch.enable') < methods.index(
        'Target.attachToTarget')
    assert ('Browser.setDownloadBehavior', {'behavior': 'deny'},
            '') in connection.sent


@pytest.mark.usefixtures('page')
def test_the_window_is_a_row_higher_than_the_screen(
        connection: FakeConnection) -> None:
    assert connection.last()[1]['bounds'] == {
        'left': 0, 'top': 0, 'width': 800, 'height': 601}


# -- what is let through ------------------------------------------------------

@pytest.mark.usefixtures('page')
@pytest.mark.parametrize(('url', 'kind', 'method'), [
    (f'{SITE}/irc.html', 'Document', 'Fetch.continueRequest'),
    (f'{SITE}/x.js', 'Script', 'Fetch.continueRequest'),
    (f'{SITE}/admin.html', 'Document', 'Fetch.failRequest'),
    ('https://evil/x.js', 'Script', 'Fetch.failRequest')])
def test_each_request_is_answered(
        connection: FakeConnection, url: str, kind: str, method: str) -> None:
    pause(connection, url, kind)
    assert connection.last()[0] == method
    assert connection.last()[1]['requestId'] == 'R'


@pytest.mark.usefixtures('page')
@pytest.mark.parametrize('url', [
    f'https://evil/x?t={TICKET}', f'https://evil/\n#{TICKET}',
    f'data:text/html,{TICKET}'])
def test_what_is_refused_is_logged_without_secrets(
        connection: FakeConnection, caplog: pytest.LogCaptureFixture,
        url: str) -> None:
    caplog.set_level('DEBUG')
    pause(connection, url, 'Document')
    assert 'not let through' in caplog.text
    assert '\n' not in caplog.messages[-1]
    assert TICKET not in caplog.text


@pytest.mark.usefixtures('page')
def test_a_page_that_tries_for_ever_does_not_fill_the_log(
        connection: FakeConnection, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('DEBUG')
    for _ in range(1000):
        pause(connection, 'https://evil/', 'Image')
    assert len(caplog.messages) < 100
    assert 'tries much' in caplog.messages[-1]
    assert len(connection.sent) > 1000


@pytest.mark.usefixtures('page')
def test_no_password_is_given(connection: FakeConnection) -> None:
    connection.say('Fetch.authRequired', '', requestId='R')
    assert connection.last() == ('Fetch.continueWithAuth', {
        'requestId': 'R', 'authChallengeResponse': {
            'response': 'CancelAuth'}}, '')


# -- one window ---------------------------------------------------------------

@pytest.mark.usefixtures('page')
@pytest.mark.parametrize('kind', ['page', 'other', 'webview'])
def test_other_windows_are_closed(
        connection: FakeConnection, kind: str) -> None:
    see_target(connection, 'U', kind)
    assert connection.last() == ('Target.closeTarget', {'targetId': 'U'}, '')


@pytest.mark.usefixtures('page')
@pytest.mark.parametrize('kind', ['iframe', 'worker', 'browser_ui'])
def test_what_is_no_window_is_left_alone(
        connection: FakeConnection, kind: str) -> None:
    before = len(connection.sent)
    see_target(connection, 'U', kind)
    assert len(connection.sent) == before


@pytest.mark.parametrize('event', ['Target.targetCrashed',
                                   'Target.targetDestroyed'])
def test_a_page_that_is_gone_fails_what_is_asked_of_it(
        page: ChromiumPage, connection: FakeConnection, event: str) -> None:
    connection.say(event, '', targetId='somebody else')
    page.check()
    connection.say(event, '', targetId='T')
    for ask in (page.check, lambda: page.evaluate('() => 1'),
                lambda: page.navigate(f'{SITE}/irc.html')):
        with pytest.raises(BrowserFailed, match='crashed'):
            ask()


@pytest.mark.usefixtures('page')
def test_frames_in_processes_of_their_own_are_guarded_and_set_free(
        connection: FakeConnection) -> None:
    connection.say('Target.attachedToTarget', 'S', sessionId='F',
                   targetInfo={'type': 'iframe'})
    sent = [method for method, _, session in connection.sent
            if session == 'F']
    assert sent == ['Page.enable', 'Page.addScriptToEvaluateOnNewDocument',
                    'Runtime.runIfWaitingForDebugger']
    connection.say('Target.attachedToTarget', 'S', sessionId='W',
                   targetInfo={'type': 'worker'})
    assert connection.last() == ('Runtime.runIfWaitingForDebugger', {}, 'W')


@pytest.mark.usefixtures('page')
@pytest.mark.parametrize(('kind', 'accepted'), [
    ('alert', True), ('beforeunload', True), ('confirm', False),
    ('prompt', False)])
def test_dialogs_are_answered(
        connection: FakeConnection, kind: str, accepted: bool) -> None:
    connection.say('Page.javascriptDialogOpening', type=kind)
    assert connection.last() == ('Page.handleJavaScriptDialog',
                                 {'accept': accepted}, 'S')


def test_what_dialogs_say_counts_until_there_is_a_picture(
        page: ChromiumPage, connection: FakeConnection) -> None:
    def open_dialog(text: str, kind: str = 'alert') -> None:
        connection.say('Page.javascriptDialogOpening', type=kind,
                       message=text)

    open_dialog(' too  many\nusers ')
    open_dialog('take over?', 'confirm')
    open_dialog('leave?', 'beforeunload')
    assert page.dialogs == ('too many users', 'take over?')
    page.ignore_dialogs()
    open_dialog('no licence for virtual media')
    assert page.dialogs == ()
    page.navigate(f'{SITE}/irc.html')
    assert page.dialogs == ()
    open_dialog('session expired')
    assert page.dialogs == ('session expired',)


def test_a_page_full_of_dialogs_fills_no_memory(
        page: ChromiumPage, connection: FakeConnection) -> None:
    for number in range(100):
        connection.say('Page.javascriptDialogOpening', type='alert',
                       message=f'{number} ' + 'x' * 1_000_000)
    assert len(page.dialogs) < 10
    assert page.dialogs[-1].startswith('99 ')
    assert max(map(len, page.dialogs)) <= 1000


# -- where it is --------------------------------------------------------------

def test_knows_where_its_main_frame_is(
        page: ChromiumPage, connection: FakeConnection) -> None:
    see_document(connection, f'{SITE}/irc.html', 'L')
    see_document(connection, f'{SITE}/other', 'M', parentId='T')
    assert page.url == f'{SITE}/irc.html'
    assert page.is_console
    connection.say('Page.navigatedWithinDocument', frameId='X', url='no')
    connection.say('Page.navigatedWithinDocument', frameId='T',
                   url=f'{SITE}/irc.html#menu')
    assert page.url == f'{SITE}/irc.html#menu'
    see_document(connection, 'chrome-error://chromewebdata/', 'N')
    assert not page.is_console


def test_waits_for_the_whole_document_that_it_asked_for(
        page: ChromiumPage, connection: FakeConnection) -> None:
    connection.answers['Page.navigate'] = {'loaderId': 'L2'}
    see_document(connection, f'{SITE}/irc.html', 'L1')
    connection.say('Page.lifecycleEvent', name='DOMContentLoaded',
                   loaderId='L1')
    with pytest.raises(BrowserFailed):
        page.navigate(f'{SITE}/irc.html')
    see_document(connection, f'{SITE}/irc.html', 'L2')
    connection.say('Page.lifecycleEvent', name='init', loaderId='L2')
    with pytest.raises(BrowserFailed):
        page.navigate(f'{SITE}/irc.html')
    connection.say('Page.lifecycleEvent', name='DOMContentLoaded',
                   loaderId='L2')
    page.navigate(f'{SITE}/irc.html')


@pytest.mark.parametrize(('error', 'failure'), [
    ('net::ERR_CERT_AUTHORITY_INVALID', BmcUntrusted),
    ('net::ERR_SSL_VERSION_OR_CIPHER_MISMATCH', NotOffered),
    ('net::ERR_ABORTED', PageChanged),
    ('net::ERR_CONNECTION_REFUSED', BmcAway),
    ('net::ERR_NAME_NOT_RESOLVED', BmcAway)])
def test_a_page_that_cannot_be_had_says_what_to_do(
        page: ChromiumPage, connection: FakeConnection, error: str,
        failure: type[VisitFailed]) -> None:
    connection.answers['Page.navigate'] = {'errorText': error}
    with pytest.raises(failure) as caught:
        page.navigate(f'{SITE}/irc.html')
    assert 'ERR' not in caught.value.text


# -- functions ----------------------------------------------------------------

def test_arguments_are_json_and_cannot_become_code(
        page: ChromiumPage, connection: FakeConnection) -> None:
    connection.answers['Runtime.evaluate'] = {'result': {'value': [1]}}
    assert page.evaluate('(text) => text', '");alert(1)//') == [1]
    assert connection.last()[1]['expression'] == (
        f'((text) => text)({json.dumps(chr(34) + ");alert(1)//")})')


def test_a_refused_command_is_a_page_that_moves_unless_it_crashed(
        page: ChromiumPage, connection: FakeConnection) -> None:
    connection.answers['Runtime.evaluate'] = CommandRefused('no context')
    with pytest.raises(PageMoving):
        page.evaluate('() => 1')


def test_a_cookie_that_is_not_taken_is_a_changed_page(
        page: ChromiumPage, connection: FakeConnection) -> None:
    page.set_cookie('SID', TICKET)
    assert connection.last()[1] == {
        'name': 'SID', 'value': TICKET, 'url': SITE, 'secure': True}
    connection.answers['Network.setCookie'] = {'success': False}
    with pytest.raises(PageChanged):
        page.set_cookie('SID', TICKET)
