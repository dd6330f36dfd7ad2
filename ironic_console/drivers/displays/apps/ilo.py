# SPDX-License-Identifier: Apache-2.0
"""HPE iLO 4 to 7: the page of the HTML5 console, /irc.html.

It opens for whoever has the cookie of a session, which is got in JSON as the
login page of all generations gets it. Firmware that does not take the cookie
shows a login form in the same page, which is filled in then.
"""

import contextlib
import logging
import re

from ironic_console.drivers.displays.apps import signs
from ironic_console.drivers.displays.apps.base import App, Page
from ironic_console.drivers.displays.apps.polling import wait_for
from ironic_console.drivers.displays.apps.signs import Sign
from ironic_console.drivers.displays.bmc_web import Answer, BmcWeb
from ironic_console.drivers.displays.failures import (
    BmcAway,
    ConsoleInUse,
    ConsoleLost,
    LoginRefused,
    NoSession,
    NotLicensed,
    NotOffered,
    PageChanged,
    VisitFailed,
)
from ironic_console.drivers.displays.settings import Bmc

LOG = logging.getLogger(__name__)

_LOGIN = '/json/login_session'
_CONSOLE = '/irc.html'
_COOKIE = 'sessionKey'
_KEY = re.compile('[0-9A-Za-z]{8,128}')
_CODE = re.compile('JS_ERR_[A-Z_]{1,40}')
_LIMIT = re.compile(rb'maximum number of|JS_ERR_[A-Z_]*(LIMIT|MAX)|'
                    rb'no free session', re.IGNORECASE)
_LOCKED = re.compile(rb'too many|JS_ERR_[A-Z_]*(LOCK|DELAY)', re.IGNORECASE)

# What the page is by now. A form that is shown comes first: the screen may
# lie below it.
_STATE = '''([user, submit]) => {
    const seen = (element) => element?.checkVisibility();
    const name = document.getElementById(user);
    if (seen(name)) {
        return name.disabled || !document.getElementById(submit) ? ''
            : 'form';
    }
    if (seen(document.querySelector('input[type=password]'))) return 'other';
    return seen(document.querySelector('canvas')) ? 'console' : '';
}'''
_FORM = ('username', 'login-form__submit')
# Scripts of forms listen to what a user would cause.
_FILL_IN = '''(name, secret) => {
    for (const [id, value] of [['username', name], ['password', secret]]) {
        const field = document.getElementById(id);
        field.value = value;
        for (const type of ['input', 'change']) {
            field.dispatchEvent(new Event(type, { bubbles: true }));
        }
    }
}'''
_SUBMIT = '''(id) => {
    const button = document.getElementById(id);
    if (!button || button.disabled) return false;
    button.click();
    return true;
}'''
_READ_KEY = '''() =>
    document.cookie.match(/(?:^|; )sessionKey=(\\w{8,128})/)?.[1] ?? '\''''

_UNKNOWN_ANSWER = ('This iLO answers a login in a way that is not known. '
                   'Check the address in the driver_info of the node: is it '
                   'that of an iLO 4 or later?')
_UNKNOWN_PAGE = ('The page of this iLO shows neither its remote console nor '
                 'a login form that is known; its firmware may be too new. '
                 'Tell your operator.')
_LOST = ('The console of the iLO was closed: the session ended, the iLO was '
         'restarted or somebody took the console over.')
_NO_PRIVILEGE = ('The account of this iLO in the driver_info of the node '
                 'lacks the privilege "Remote Console". Give it that in the '
                 'web page of the iLO (Administration, User Administration).')
_NO_SESSION = ('This iLO has no session left. Log out users in its web page '
               '(Information, Session List), then open the console again.')
_SIGNS = (
    Sign(signs.LICENCE, NotLicensed,
         'This iLO has no licence for its remote console. Install an iLO '
         'Advanced licence.'),
    Sign(signs.PRIVILEGE, LoginRefused, _NO_PRIVILEGE),
    Sign(signs.DENIED, ConsoleInUse,
         'Another user of this iLO has its remote console and keeps it. '
         'Open the console again when that user has closed it.'),
    Sign(signs.IN_USE, ConsoleInUse,
         'The remote console of this iLO is in use by somebody else, who '
         'would lose it. Open the console again when it is free.'),
    Sign(signs.LIMIT, NoSession, _NO_SESSION),
    Sign(signs.LOST, ConsoleLost, _LOST),
)
_FORM_SIGN = Sign('', ConsoleLost, _LOST, '#username, input[type=password]')


class IloApp(App):
    """HPE iLO 4, 5, 6 and 7."""

    documents = (r'/irc\.html(\?[\w=&.%-]*)?',)

    def __init__(self, bmc: Bmc, web: BmcWeb) -> None:
        super().__init__(bmc, web)
        self._key = ''

    def log_in(self) -> None:
        answer = self.web.request('POST', _LOGIN, body={
            'method': 'login', 'user_login': self.bmc.username,
            'password': self.bmc.password.reveal()})
        # Some firmware has the shorter name.
        key = answer.member('session_key') or answer.member('key')
        if answer.status not in (200, 201) or not key:
            raise _login_failure(answer)
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise PageChanged(_UNKNOWN_ANSWER)
        self._key = key
        if answer.member('remote_cons_priv') in (0, '0', False):
            self.log_out()
            raise LoginRefused(_NO_PRIVILEGE)

    def open(self, page: Page) -> None:
        page.set_cookie(_COOKIE, self._key)
        page.navigate(f'{self.bmc.url}{_CONSOLE}')
        if wait_for(lambda: self._look(page), _UNKNOWN_PAGE) == 'form':
            self._fill_in(page)

    def _look(self, page: Page) -> str:
        """:returns: ``console``, ``form`` or '' for nothing yet.
        :raises VisitFailed: it is something else."""
        fault = signs.find_sign(page, _SIGNS)
        if fault:
            raise fault
        state = page.evaluate(_STATE, list(_FORM))
        if state == 'other':
            raise PageChanged(_UNKNOWN_PAGE)
        return state if state in ('console', 'form') else ''

    def _fill_in(self, page: Page) -> None:
        LOG.info('the iLO did not take the session; its form is filled in')
        # It keeps few sessions, and the form begins another one.
        self.log_out()
        page.evaluate(_FILL_IN, self.bmc.username,
                      self.bmc.password.reveal())
        wait_for(lambda: page.evaluate(_SUBMIT, _FORM[1]), _UNKNOWN_PAGE)
        try:
            wait_for(lambda: self._look(page) == 'console', _UNKNOWN_PAGE)
        finally:
            # The session is there whatever the page thinks of it.
            with contextlib.suppress(VisitFailed):
                key = page.evaluate(_READ_KEY)
                if isinstance(key, str) and _KEY.fullmatch(key):
                    self._key = key

    def find_fault(self, page: Page) -> VisitFailed | None:
        return signs.find_sign(page, (*_SIGNS, _FORM_SIGN))

    def log_out(self) -> None:
        key, self._key = self._key, ''
        if not key:
            return
        answer = self.web.request('POST', _LOGIN, body={
            'method': 'logout', 'session_key': key})
        # A session that is gone already is refused.
        if answer.status >= 500:
            raise BmcAway('The iLO did not end its session; it will end by '
                          'itself.')


def _login_failure(answer: Answer) -> VisitFailed:
    code = answer.member('message')
    if isinstance(code, str) and _CODE.fullmatch(code):
        LOG.warning('the iLO refused the login: %s', code)
    if answer.status in (404, 405):
        return NotOffered('This is no iLO, or one whose console needs Java. '
                          'An HTML5 console is in iLO 4 with late firmware '
                          'and in iLO 5 and later.')
    if _LIMIT.search(answer.body):
        return NoSession(_NO_SESSION)
    if _LOCKED.search(answer.body):
        return LoginRefused('This iLO takes no logins for a while, after too '
                            'many with a wrong password. Check user name and '
                            'password in the driver_info of the node, then '
                            'wait a few minutes.')
    if answer.status in (401, 403) or b'JS_ERR_NO_PRIV' in answer.body:
        return LoginRefused.by('iLO')
    if answer.status >= 500 or answer.status == 429:
        return BmcAway('This iLO is too busy to log us in, or restarting. '
                       'Wait a minute, then open the console again.')
    return PageChanged(_UNKNOWN_ANSWER)
