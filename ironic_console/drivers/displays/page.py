# SPDX-License-Identifier: Apache-2.0
"""The one page of a visit's browser, and that it stays the only one.

It has Chromium obey the request filter, refuses whatever would open beside
the page, and is what apps work with. Starting and ending the browser is for
:mod:`chromium`.

Chrome DevTools Protocol, domains Browser, Fetch, Page, Runtime and Target.
"""

import collections
import json
import logging
import pathlib
import re
from typing import Any

from ironic_console.drivers.displays.apps import base
from ironic_console.drivers.displays.cdp import (
    CommandRefused,
    Connection,
    Params,
)
from ironic_console.drivers.displays.failures import (
    BmcAway,
    BmcUntrusted,
    BrowserFailed,
    NotOffered,
    PageChanged,
    PageMoving,
    VisitFailed,
)
from ironic_console.drivers.displays.request_filter import RequestFilter
from ironic_console.drivers.displays.settings import Screen

LOG = logging.getLogger(__name__)

_GUARD = (pathlib.Path(__file__).parent / 'guard.js').read_text()
#: Seconds for a cold start on a slow machine.
START_TIMEOUT = 30.0
#: Kinds of targets that are windows, or could be looked at in one.
_WINDOWS = ('page', 'other', 'webview', 'app', 'background_page')
#: Dialogs that are remembered, and characters of each.
_MAX_DIALOGS, _MAX_DIALOG_CHARS = 8, 1000
#: Lines about what a page tried.
_MAX_NOTES = 50
#: Of JavaScript and browsers; pages make others.
_ERRORS = ('DOMException', 'Error', 'EvalError', 'RangeError',
           'ReferenceError', 'SyntaxError', 'TypeError', 'URIError')
_CRASHED = ('The web browser of this display has crashed. It is started '
            'again when you reconnect.')
_CHANGED = ('The console page of the BMC does not work as expected; its '
            'firmware may be one that is not known. Tell your operator.')


class ChromiumPage:
    """What an app sees of the browser: :class:`apps.base.Page`.

    :param connection: not started yet.
    :param site: scheme, host and port of the BMC.
    """

    def __init__(self, connection: Connection, site: str,
                 requests: RequestFilter) -> None:
        self._connection = connection
        self._site = site
        self._requests = requests
        self._target = ''
        self._session = ''
        self._has_crashed = False
        self._url = ''
        # Documents that were there, newest last; whether the last is whole.
        self._documents: collections.deque[str] = collections.deque(
            maxlen=16)
        self._is_whole = False
        self._notes = 0
        self._dialogs: tuple[str, ...] = ()
        self._has_ears = True
        for event, listener in (
                ('Fetch.requestPaused', self._judge),
                ('Fetch.authRequired', self._give_no_password),
                ('Target.targetCreated', self._see_target),
                ('Target.targetCrashed', self._see_crash),
                ('Target.targetDestroyed', self._see_crash),
                ('Target.attachedToTarget', self._guard_frame),
                ('Page.javascriptDialogOpening', self._answer_dialog),
                ('Page.frameNavigated', self._see_document),
                ('Page.navigatedWithinDocument', self._see_move),
                ('Page.lifecycleEvent', self._see_progress),
                ('Page.frameStoppedLoading', self._see_stop)):
            connection.listen(event, listener)

    def open(self, screen: Screen) -> None:
        """Take charge of the browser, which has just been started.

        :raises BrowserFailed: it does not do what it should.
        """
        command = self._connection.command
        # Of all that the browser opens, so that nothing has to be attached
        # to before it begins to ask for something.
        command('Fetch.enable', {'patterns': [{'urlPattern': '*'}],
                                 'handleAuthRequests': True},
                timeout=START_TIMEOUT)
        command('Browser.setDownloadBehavior', {'behavior': 'deny'})
        command('Target.setDiscoverTargets', {'discover': True})
        self._connection.wait(lambda: self._target, START_TIMEOUT,
                              'opening its window')
        self._session = command('Target.attachToTarget', {
            'targetId': self._target, 'flatten': True})['sessionId']
        for method, params in (
                ('Page.enable', {}),
                ('Page.setLifecycleEventsEnabled', {'enabled': True}),
                ('Page.setInterceptFileChooserDialog',
                 {'enabled': True, 'cancel': True}),
                # Frames in processes of their own.
                ('Target.setAutoAttach',
                 {'autoAttach': True, 'waitForDebuggerOnStart': True,
                  'flatten': True}),
                ('Page.addScriptToEvaluateOnNewDocument',
                 {'source': _GUARD, 'runImmediately': True})):
            command(method, params, self._session)
        self._fill(screen)

    def _fill(self, screen: Screen) -> None:
        """Make the window as large as the screen.

        Chromium makes a window one pixel smaller that is as large as its
        screen, lest a window manager take it for something else.
        """
        window = self._connection.command(
            'Browser.getWindowForTarget', {'targetId': self._target})
        for bounds in ({'windowState': 'normal'},
                       {'left': 0, 'top': 0, 'width': screen.width,
                        'height': screen.height + 1}):
            self._connection.command('Browser.setWindowBounds', {
                'windowId': window['windowId'], 'bounds': bounds})

    # -- for apps ------------------------------------------------------------

    @property
    def url(self) -> str:
        return self._url

    @property
    def dialogs(self) -> tuple[str, ...]:
        return self._dialogs

    def ignore_dialogs(self) -> None:
        """Forget them until it goes elsewhere: from here on viewers can
        cause them, and they are about what those did."""
        self._has_ears = False
        self._dialogs = ()

    @property
    def is_console(self) -> bool:
        """Whether it shows a document that the app knows."""
        return self._requests.is_console(self._url)

    def navigate(self, url: str, referrer: str = '') -> None:
        self._dialogs = ()
        self._has_ears = True
        result = self._command('Page.navigate', {
            'url': url, **({'referrer': referrer} if referrer else {})})
        loader = result.get('loaderId')
        if error := str(result.get('errorText') or ''):
            LOG.warning('the page of the BMC cannot be had: %s',
                        ascii(error[:80]))
            raise _load_failure(error)
        if loader:
            self._connection.wait(
                lambda: loader in self._documents and self._is_whole,
                base.STEP_TIMEOUT, 'loading a page')

    def evaluate(self, function: str, *arguments: object) -> Any:
        listed = ', '.join(json.dumps(argument) for argument in arguments)
        result = self._command('Runtime.evaluate', {
            'expression': f'({function})({listed})', 'returnByValue': True,
            'awaitPromise': True, 'userGesture': True})
        if 'exceptionDetails' in result:
            LOG.warning('a script of ours failed in the page of the BMC: %s',
                        _summary(result['exceptionDetails']))
            raise PageChanged(_CHANGED)
        return result.get('result', {}).get('value')

    def set_cookie(self, name: str, value: str) -> None:
        # Scripts of vendors read it, so it is not for HTTP only.
        result = self._command('Network.setCookie', {
            'name': name, 'value': value, 'url': self._site,
            'secure': self._site.startswith('https:')})
        if not result.get('success', True):
            raise PageChanged(_CHANGED)

    def _command(self, method: str, params: Params) -> Params:
        """:raises VisitFailed: it was not done."""
        self.check()
        try:
            return self._connection.command(method, params, self._session,
                                            base.STEP_TIMEOUT)
        except CommandRefused as exc:
            self.check()
            raise PageMoving(_CHANGED) from exc

    def check(self) -> None:
        """:raises BrowserFailed: the page has crashed."""
        if self._has_crashed:
            raise BrowserFailed(_CRASHED)

    # -- what Chromium tells; in the thread that reads -----------------------

    def _note(self, text: str, *arguments: str) -> None:
        """Log what the page has tried, which may be often."""
        self._notes += 1
        if self._notes <= _MAX_NOTES:
            LOG.info(text, *arguments)
        elif self._notes == _MAX_NOTES + 1:
            LOG.warning('the page tries much that is not allowed; no more '
                        'of it is logged')

    def _judge(self, session: str, params: Params) -> None:
        url, kind = params['request']['url'], params['resourceType']
        if self._requests.allows(url, kind):
            self._connection.post('Fetch.continueRequest',
                                  {'requestId': params['requestId']}, session)
            return
        self._note('not let through: %s %s', ascii(kind),
                   _without_secrets(url))
        # A document that is aborted leaves the one before as it was.
        self._connection.post('Fetch.failRequest', {
            'requestId': params['requestId'], 'errorReason': 'Aborted'},
            session)

    def _give_no_password(self, session: str, params: Params) -> None:
        self._connection.post('Fetch.continueWithAuth', {
            'requestId': params['requestId'],
            'authChallengeResponse': {'response': 'CancelAuth'}}, session)

    def _see_target(self, _session: str, params: Params) -> None:
        target = params['targetInfo']
        if target['type'] not in _WINDOWS:
            return
        if not self._target and target['type'] == 'page':
            self._target = target['targetId']
            return
        self._note('closed another window of the browser (%s)',
                   ascii(target['type']))
        self._connection.post('Target.closeTarget',
                              {'targetId': target['targetId']})

    def _see_crash(self, _session: str, params: Params) -> None:
        """It crashed or was closed."""
        if params['targetId'] == self._target:
            self._has_crashed = True

    def _guard_frame(self, _session: str, params: Params) -> None:
        if not self._session:
            return
        session = params['sessionId']
        if params['targetInfo']['type'] == 'iframe':
            self._connection.post('Page.enable', {}, session)
            self._connection.post('Page.addScriptToEvaluateOnNewDocument', {
                'source': _GUARD, 'runImmediately': True}, session)
        self._connection.post('Runtime.runIfWaitingForDebugger', {}, session)

    def _answer_dialog(self, session: str, params: Params) -> None:
        # Yes to leaving a page and to what only informs, no to questions.
        kind, text = params['type'], params.get('message', '')
        self._note('the page opened a dialog (%s)', ascii(kind))
        if self._has_ears and kind != 'beforeunload':
            words = ' '.join(text[:_MAX_DIALOG_CHARS].split())
            self._dialogs = (*self._dialogs, words)[-_MAX_DIALOGS:]
        self._connection.post('Page.handleJavaScriptDialog', {
            'accept': kind in ('alert', 'beforeunload')}, session)

    def _see_document(self, session: str, params: Params) -> None:
        frame = params['frame']
        if session == self._session and 'parentId' not in frame:
            self._url = frame['url']
            self._is_whole = False
            self._documents.append(frame['loaderId'])

    def _see_move(self, session: str, params: Params) -> None:
        if session == self._session and params['frameId'] == self._target:
            self._url = params['url']

    def _see_progress(self, _session: str, params: Params) -> None:
        if (params['name'] == 'DOMContentLoaded' and self._documents
                and params['loaderId'] == self._documents[-1]):
            self._is_whole = True

    def _see_stop(self, session: str, params: Params) -> None:
        # A document that goes elsewhere at once, and is not let, is never
        # said to be whole.
        if session == self._session and params['frameId'] == self._target:
            self._is_whole = True


def _load_failure(error: str) -> VisitFailed:
    """:param error: Chromium's, such as ``net::ERR_TIMED_OUT``."""
    if 'ERR_CERT_' in error:
        return BmcUntrusted(
            'The BMC shows the browser a certificate that cannot be trusted, '
            'or another one than before. Tell your operator.')
    if 'ERR_SSL_' in error:
        # Browsers give up old ciphers sooner than OpenSSL does.
        return NotOffered(
            'The web browser of this display and the BMC have no encryption '
            'in common. Update the firmware of the BMC, or allow more in '
            'redfish_tls_ciphers of the node.')
    if 'ERR_ABORTED' in error or 'ERR_BLOCKED' in error:
        return PageChanged(
            'The BMC leads to a page that is not its console; its firmware '
            'may be one that is not known. Tell your operator.')
    return BmcAway('The console page of the BMC cannot be loaded. Check that '
                   'its web page opens.')


def _without_secrets(url: str) -> str:
    """:returns: scheme, host and path of an address, for the log."""
    if url.startswith('data:'):
        return 'data:'
    return ascii(re.split('[?#]', url[:200])[0])


def _summary(details: Params) -> str:
    """:returns: what kind of exception it was, and where in our function; its
    text may be anything that the page has been given."""
    kind = (details.get('exception') or {}).get('className')
    return (f'{kind if kind in _ERRORS else "something else"} at '
            f'{details.get("lineNumber")}:{details.get("columnNumber")}')
