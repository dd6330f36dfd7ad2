# SPDX-License-Identifier: Apache-2.0
"""Dell iDRAC9 and later: the HTML5 console, by a ticket that Redfish gives.

Nobody logs in to a web page: the ticket opens one console, once. Its two
halves are in the URL of the page, which is for nobody's eyes therefore.
"""

import re
import time
import urllib.parse

from ironic_console.drivers.displays.apps import redfish, signs
from ironic_console.drivers.displays.apps.base import App, Page
from ironic_console.drivers.displays.apps.polling import STATUS, wait_for
from ironic_console.drivers.displays.apps.redfish import Words
from ironic_console.drivers.displays.apps.signs import Sign
from ironic_console.drivers.displays.bmc_web import BmcWeb
from ironic_console.drivers.displays.failures import (
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

_ACTION = ('DelliDRACCardService/Actions/'
           'DelliDRACCardService.GetKVMSession')
# The second is that of firmware before 4.00; later firmware has both.
_ACTIONS = (f'Managers/iDRAC.Embedded.1/Oem/Dell/{_ACTION}',
            f'Dell/Managers/iDRAC.Embedded.1/{_ACTION}')
#: 32 bytes at most.
_SESSION_NAME = 'ironic-console'
_TICKET = re.compile(r'[\x21-\x7E]{1,256}')
# iDRAC9, and where some of its firmware has it instead.
_PAGES = ('/restgui/vconsole/index.html', '/vmc/vconsole/index.html')
#: Seconds for the page's last message. Who does not send it keeps one of six
#: places, and nothing tells when it has gone.
CLOSING_TIME = 0.5

_WORDS = Words(
    name='iDRAC',
    privilege='the privilege "Access Virtual Console" in the web page of the '
              'iDRAC (iDRAC Settings, Users)',
    licence='This iDRAC has no licence for its virtual console. Install an '
            'Enterprise or Datacenter licence.',
    sessions='All virtual console sessions of this iDRAC are in use. Close '
             'some in its web page (Dashboard, Sessions), then open the '
             'console again.')
_UNKNOWN_PAGE = ('The virtual console of this iDRAC is not where it is '
                 'expected; its firmware may be too new. Tell your operator.')
_SIGNS = (
    Sign(signs.LICENCE, NotLicensed, _WORDS.licence),
    Sign(signs.PRIVILEGE, LoginRefused, redfish.no_privilege(_WORDS)),
    Sign(signs.DENIED, ConsoleInUse,
         'Another user of this iDRAC has its virtual console and does not '
         'share it. Open the console again when that user has closed it.'),
    Sign(signs.IN_USE, ConsoleInUse,
         'The virtual console of this iDRAC is in use by somebody else, or '
         'was left without being closed. Close the other session in the web '
         'page of the iDRAC (Dashboard, Sessions), then open the console '
         'again.'),
    Sign(signs.LIMIT, NoSession, _WORDS.sessions),
    Sign(signs.LOST, ConsoleLost,
         'The virtual console of the iDRAC was closed: its session ended or '
         'the iDRAC was restarted.'),
)


class IdracApp(App):
    """Dell iDRAC9 and later."""

    documents = (r'/(restgui|vmc)/vconsole/index\.html\?[^#]*',)

    def __init__(self, bmc: Bmc, web: BmcWeb) -> None:
        super().__init__(bmc, web)
        self._ticket = ('', '')

    def log_in(self) -> None:
        for action in _ACTIONS:
            answer = self.web.request(
                'POST', redfish.path_below(self.bmc.root, action),
                body={'SessionTypeName': _SESSION_NAME}, basic=True)
            if answer.status not in (404, 405):
                break
        else:
            raise NotOffered(
                'This is no iDRAC whose console can be opened here: that '
                'needs an iDRAC9 with firmware 4.00 or later. For an older '
                'one use the console interface idrac-vnc.')
        ticket = answer.member('TempUsername'), answer.member('TempPassword')
        if answer.status not in (200, 201, 202) or not all(
                isinstance(half, str) and _TICKET.fullmatch(half)
                for half in ticket):
            raise redfish.failure_in(answer, _WORDS)
        self._ticket = ticket

    def open(self, page: Page) -> None:
        site = urllib.parse.urlsplit(self.bmc.url)
        host = f'[{self.bmc.host}]' if ':' in self.bmc.host else self.bmc.host
        query = urllib.parse.urlencode({
            'ip': host, 'kvmport': site.port or 443, 'title': 'console',
            'VCSID': self._ticket[0], 'VCSID2': self._ticket[1]}, safe='[]:')
        self._ticket = ('', '')
        for path in _PAGES:
            page.navigate(f'{self.bmc.url}{path}?{query}')
            status = wait_for(lambda: page.evaluate(STATUS), _UNKNOWN_PAGE)
            if status != 404:
                return
        raise PageChanged(_UNKNOWN_PAGE)

    def find_fault(self, page: Page) -> VisitFailed | None:
        return signs.find_sign(page, _SIGNS)

    def leave(self, page: Page) -> None:
        super().leave(page)
        time.sleep(CLOSING_TIME)

    def log_out(self) -> None:
        """The console was the session."""
