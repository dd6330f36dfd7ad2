# SPDX-License-Identifier: Apache-2.0
"""Supermicro X10 and later: the HTML5 console, iKVM/HTML5.

Redfish gives the URL of a page that opens once, to whoever has it. Firmware
without that is logged in to as its web page does.
"""

import base64
import logging
import re
from collections.abc import Mapping
from typing import NoReturn

from ironic_console.drivers.displays.apps import redfish, signs
from ironic_console.drivers.displays.apps.base import App, Page
from ironic_console.drivers.displays.apps.polling import STATUS, wait_for
from ironic_console.drivers.displays.apps.redfish import Words
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

_IKVM = 'Managers/1/Oem/Supermicro/IKVM'
_ONE_TIME_PAGE = re.compile(r'/redfish/[\w.~-]{1,200}\.IKVM', re.ASCII)
_LOGIN, _LOGOUT = '/cgi/login.cgi', '/cgi/logout.cgi'
_CONSOLE = '/cgi/url_redirect.cgi?url_name=man_ikvm_html5_bootstrap'
# Where users come from: firmware looks whether it is asked by its own pages.
_MAIN_MENU = '/cgi/url_redirect.cgi?url_name=mainmenu'
_COOKIE = 'SID'
#: In the page that a login is answered with.
_LOGGED_IN = b'url_name=mainmenu'
_LIMIT = re.compile(rb'maximum (number of )?[^.]{0,40}session', re.IGNORECASE)
_LOCKED = re.compile(rb'\block(ed|ed out)?\b|too many', re.IGNORECASE)

_IS_CONSOLE = '''() => Boolean(
    document.querySelector('canvas') ?? document.getElementById('entry_value'))
'''
# The page's cookie is out of reach for us. Logging out ends its console too.
_LOG_OUT = '''async (path) => {
    await fetch(path, { cache: 'no-store' });
}'''

_WORDS = Words(
    name='Supermicro BMC',
    privilege='the role Administrator or Operator in the web page of the BMC '
              '(Configuration, Users)',
    licence='This Supermicro BMC has no licence for opening its console. '
            'Activate a product key such as SFT-OOB-LIC or SFT-DCMS-SINGLE.',
    sessions='This Supermicro BMC has no session left. Log out users in its '
             'web page, then open the console again.')
_SHUT = ('This Supermicro BMC shows its login page instead of the console: '
         'its session ended at once, or it has none left. Log out users in '
         'its web page, then open the console again.')
_GONE = ('The console page of this Supermicro BMC was gone before it could be '
         'opened. Check that HTML 5 is chosen in its web page (Remote '
         'Control), then open the console again.')
_UNKNOWN_PAGE = ('The console page of this Supermicro BMC is not one that is '
                 'known; its firmware may be too new. Tell your operator.')
_SIGNS = (
    Sign(signs.LICENCE, NotLicensed, _WORDS.licence),
    Sign(signs.PRIVILEGE, LoginRefused, redfish.no_privilege(_WORDS)),
    Sign(signs.DENIED, ConsoleInUse,
         'Another user of this Supermicro BMC has its console and keeps it. '
         'Open the console again when that user has closed it.'),
    Sign(signs.IN_USE, ConsoleInUse,
         'The console of this Supermicro BMC is in use by somebody else, who '
         'would lose it. Open the console again when it is free.'),
    Sign(signs.LIMIT, NoSession, _WORDS.sessions),
    Sign(signs.LOST, ConsoleLost,
         'The console of the Supermicro BMC was closed: its session ended or '
         'the BMC was restarted.'),
    Sign('', ConsoleLost, _SHUT, '#login_alert, #login_word'),
)


class SupermicroApp(App):
    """Supermicro X10, X11, X12, X13, H11, H12, H13."""

    documents = (r'/redfish/[\w.~-]+\.IKVM',
                 r'/cgi/url_redirect\.cgi\?url_name=man_ikvm_html5_bootstrap')

    def __init__(self, bmc: Bmc, web: BmcWeb) -> None:
        super().__init__(bmc, web)
        self._page = ''
        self._session = ''

    def log_in(self) -> None:
        answer = self.web.request(
            'GET', redfish.path_below(self.bmc.root, _IKVM), basic=True)
        if answer.status == 200:
            self._page = _one_time_page(answer)
        elif answer.status in (401, 429) or answer.status >= 500:
            # Another try at the web page could lock the account, or would
            # find the BMC as busy.
            raise redfish.failure_in(answer, _WORDS)
        else:
            LOG.info('Redfish has no console to offer (%d); the web page may',
                     answer.status)
            self._log_in_to_web()

    def _log_in_to_web(self) -> None:
        name, password = self.bmc.username, self.bmc.password.reveal()
        answer = self._ask('POST', _LOGIN, '/', {
            'name': name, 'pwd': password})
        if answer.status == 400:
            # It has not looked at the password: it wants another form.
            answer = self._ask('POST', _LOGIN, '/', {
                'name': _base64(name), 'pwd': _base64(password),
                'check': '00'})
        session = answer.cookies.get(_COOKIE, '')
        if answer.status != 200 or _LOGGED_IN not in answer.body:
            _refuse(answer)
        if not session:
            raise PageChanged(_UNKNOWN_PAGE)
        self._page, self._session = _CONSOLE, session

    def _ask(self, method: str, path: str, referrer: str,
             form: Mapping[str, str] | None = None) -> Answer:
        return self.web.request(method, path, form=form, headers={
            'Referer': f'{self.bmc.url}{referrer}'})

    def open(self, page: Page) -> None:
        if self._session:
            page.set_cookie(_COOKIE, self._session)
            page.navigate(f'{self.bmc.url}{self._page}',
                          f'{self.bmc.url}{_MAIN_MENU}')
        else:
            page.navigate(f'{self.bmc.url}{self._page}')

        def look() -> bool:
            fault = self.find_fault(page)
            if fault:
                raise fault
            if page.evaluate(STATUS) == 404:
                raise ConsoleLost(_GONE)
            if page.evaluate(_IS_CONSOLE):
                return True
            if not page.url.startswith(f'{self.bmc.url}{self._page}'):
                raise ConsoleLost(_SHUT)
            return False
        wait_for(look, _UNKNOWN_PAGE)

    def find_fault(self, page: Page) -> VisitFailed | None:
        return signs.find_sign(page, _SIGNS)

    def leave(self, page: Page) -> None:
        try:
            if self._page and not self._session:
                page.evaluate(_LOG_OUT, _LOGOUT)
        finally:
            super().leave(page)

    def log_out(self) -> None:
        session, self._session = self._session, ''
        if not session:
            return
        answer = self._ask('GET', _LOGOUT, _MAIN_MENU)
        if answer.status >= 500:
            raise BmcAway('The Supermicro BMC did not end its session; it '
                          'will end by itself.')


def _one_time_page(answer: Answer) -> str:
    page = answer.member('URI')
    if isinstance(page, str) and _ONE_TIME_PAGE.fullmatch(page):
        return page
    interface = answer.member('Current interface')
    if isinstance(interface, str) and 'java' in interface.lower():
        raise NotOffered(
            'The console of this Supermicro BMC is set to the Java plug-in. '
            'Set it to HTML 5 in its web page (Remote Control, Console '
            'Redirection, or Configuration, Remote Session), then open the '
            'console again.')
    raise redfish.failure_in(answer, _WORDS)


def _refuse(answer: Answer) -> NoReturn:
    """:raises VisitFailed: what kept us out of the web page."""
    if answer.status == 404:
        raise NotOffered('This is no Supermicro BMC whose console can be '
                         'opened here: that needs an X10 or later. Check the '
                         'address in the driver_info of the node.')
    if answer.status != 200:
        raise redfish.failure_in(answer, _WORDS)
    if _LIMIT.search(answer.body):
        raise NoSession(_WORDS.sessions)
    if _LOCKED.search(answer.body):
        raise LoginRefused(
            'The account of this Supermicro BMC is locked, after too many '
            'logins with a wrong password. Check user name and password in '
            'the driver_info of the node, then unlock it or wait.')
    raise LoginRefused.by(_WORDS.name)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
