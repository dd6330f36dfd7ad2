# SPDX-License-Identifier: Apache-2.0
"""The program that one visit is: log in, show the console, log out.

    settings ─▶ log_in ─▶ open ─▶ picture ─▶ watch ─▶ leave ─▶ log_out
                Chromium ─┘                           Chromium ends

It reads its settings from the first line of standard input, whose end means
that it shall leave, and says on standard output how it gets on, in JSON, a
line each. Who looks, and what the screen says meanwhile, is the display's
business.
"""

import concurrent.futures
import contextlib
import importlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.errors import ConfigError
from ironic_console.drivers.displays import own_process
from ironic_console.drivers.displays.apps.base import App
from ironic_console.drivers.displays.bmc_web import BmcWeb
from ironic_console.drivers.displays.cdp import Interrupted
from ironic_console.drivers.displays.chromium import Chromium
from ironic_console.drivers.displays.failures import (
    BrowserFailed,
    ConsoleLost,
    PageChanged,
    PageMoving,
    VisitFailed,
)
from ironic_console.drivers.displays.settings import (
    MAX_BYTES,
    DisplaySettings,
)
from ironic_console.drivers.displays.trust import Trust

LOG = logging.getLogger(__name__)

#: Name in the settings -> module and class; only the one is imported.
_APPS = {'ilo': ('ilo', 'IloApp'),
         'supermicro': ('supermicro', 'SupermicroApp'),
         'idrac': ('idrac', 'IdracApp')}

#: Seconds for all that is asked of the BMC before there is a page.
LOGIN_TIMEOUT = 40.0
#: Seconds for what an app asks of it while it opens the page.
OPEN_TIMEOUT = 20.0
#: Seconds for the page to show something, also again.
PICTURE_TIMEOUT = 30.0
# Leaving has to be done within the ten seconds that a display waits.
PAGE_LEAVE_TIMEOUT = 2.0
LOGIN_END_TIMEOUT = 2.0
LOGOUT_TIMEOUT = 3.0
_PIN_INTERVAL = 0.02
_PICTURE_INTERVAL = 0.1
_WATCH_INTERVAL = 1.0
#: Looks in a row without a picture before viewers are told.
_MISSING_LOOKS = 3

# What was drawn is on the screen when the next frame but one begins.
_SETTLE = '''() => new Promise((done) => {
    requestAnimationFrame(() => requestAnimationFrame(() => done(true)));
    setTimeout(done, 1000);
})'''
_UNEXPECTED = ('The console failed for a reason that was not foreseen. Tell '
               'your operator.')

Announce = Callable[[dict[str, Any]], None]


class Visit:
    """One visit.

    :param announce: told how it gets on; see :class:`display.Display`.
    """

    def __init__(self, settings: DisplaySettings, announce: Announce,
                 clock: Clock | None = None) -> None:
        self._settings = settings
        self._announce = announce
        self._clock = clock or Clock()
        self._web = BmcWeb(settings.bmc, self._deadline(LOGIN_TIMEOUT,
                                                        'login'))
        self._app = open_app(settings, self._web)
        self._browser: Chromium | None = None
        self._login: concurrent.futures.Future[None] | None = None
        self._stop: concurrent.futures.Future[None] = (
            concurrent.futures.Future())

    def _deadline(self, seconds: float, name: str) -> Deadline:
        return Deadline(self._clock, seconds, name)

    def run(self) -> bool:
        """All of it.

        :returns: whether it ended because it was asked to.
        """
        try:
            self._show()
        except Interrupted:
            return True
        except VisitFailed as exc:
            LOG.warning('%s: %s', type(exc).__name__, exc.text)
            self._announce({'failed': exc.text, 'retry': exc.retry})
        finally:
            self._leave()
        return False

    def stop(self) -> None:
        """Have it end soon; by another thread or a signal, and once."""
        if not self._stop.done():
            self._stop.set_result(None)
        if self._browser:
            self._browser.interrupt()

    # -- there ---------------------------------------------------------------

    def _show(self) -> None:
        """:raises VisitFailed: there is no picture, or no more.
        :raises Interrupted: it is to end."""
        self._step('Logging in to the BMC')
        login = self._login = _in_background(self._app.log_in)
        # It proves itself by the certificate that it shows first.
        while not self._web.trust and not login.done():
            self._pause(_PIN_INTERVAL, login)
        if login.done():
            login.result()
        browser = self._start_browser(self._web.trust or Trust())
        while not login.done():
            self._pause(LOGIN_TIMEOUT, login)
        login.result()
        self._step('Opening the console')
        self._web.deadline = self._deadline(OPEN_TIMEOUT, 'opening')
        self._app.open(browser.page)
        self._step('Waiting for the picture')
        self._await_picture(browser)
        self._announce({'shown': True})
        self._watch(browser)

    def _step(self, text: str) -> None:
        self._announce({'step': text})

    def _start_browser(self, trust: Trust) -> Chromium:
        bmc = self._settings.bmc
        self._browser = Chromium(bmc.url, self._web.address, trust,
                                 self._app.documents, self._settings.screen)
        if self._stop.done():
            # It came too early for our browser to hear of it.
            self._browser.interrupt()
        self._browser.start()
        return self._browser

    def _await_picture(self, browser: Chromium) -> None:
        deadline = self._deadline(PICTURE_TIMEOUT, 'picture')
        while not self._is_painted(browser):
            if not deadline.remaining():
                raise PageChanged(
                    'The console page of the BMC opened but shows no '
                    'picture. Check that its console works in a browser of '
                    'your own.')
            self._pause(_PICTURE_INTERVAL)
        with contextlib.suppress(PageMoving):
            browser.page.evaluate(_SETTLE)
        browser.page.ignore_dialogs()

    def _watch(self, browser: Chromium) -> None:
        """Look on until something is wrong."""
        missing = 0
        while True:
            self._pause(_WATCH_INTERVAL)
            if self._is_painted(browser):
                if missing >= _MISSING_LOOKS:
                    self._announce({'shown': True})
                missing = 0
                continue
            missing += 1
            if missing == _MISSING_LOOKS:
                self._announce({
                    'hidden': True, 'text': 'The console of the BMC shows '
                    'no picture at the moment. Waiting for it'})
            if missing * _WATCH_INTERVAL > PICTURE_TIMEOUT:
                raise ConsoleLost('The console of the BMC has lost its '
                                  'picture and does not get it back.')

    def _is_painted(self, browser: Chromium) -> bool:
        """Look once.

        :raises VisitFailed: it is worse than no picture.
        """
        page = browser.page
        page.check()
        try:
            fault = self._app.find_fault(page)
            if fault:
                raise fault
            is_painted = page.evaluate(self._app.painted)
        except PageMoving:
            return False
        if not page.is_console:
            raise ConsoleLost('The BMC has left its console page. The '
                              'session may have expired, or the BMC was '
                              'restarted.')
        return is_painted is True

    def _pause(self, seconds: float,
               *others: 'concurrent.futures.Future[None]') -> None:
        """Wait, or until one of others is done.

        :raises Interrupted: it is to end.
        """
        concurrent.futures.wait(
            [self._stop, *others], seconds,
            return_when=concurrent.futures.FIRST_COMPLETED)
        if self._stop.done():
            raise Interrupted

    # -- and back again ------------------------------------------------------

    def _leave(self) -> None:
        browser = self._browser
        if browser:
            self._leave_page(browser)
            browser.close()
        if not self._login:
            return
        # What is under way may succeed yet, and would hold a session.
        concurrent.futures.wait([self._login], LOGIN_END_TIMEOUT)
        if not self._login.done():
            LOG.warning('the login hangs; a session may be left at the BMC')
        elif not self._login.exception():
            self._log_out()

    def _leave_page(self, browser: Chromium) -> None:
        browser.resume()
        timer = threading.Timer(PAGE_LEAVE_TIMEOUT, browser.interrupt)
        timer.start()
        try:
            if browser.page.is_console:
                self._app.leave(browser.page)
        except (VisitFailed, Interrupted):
            LOG.info('the page could not be left in time')
        finally:
            timer.cancel()

    def _log_out(self) -> None:
        self._web.deadline = self._deadline(LOGOUT_TIMEOUT, 'logout')
        try:
            self._app.log_out()
        except VisitFailed as exc:
            LOG.warning('not logged out: %s', exc.text)


def open_app(settings: DisplaySettings, web: BmcWeb) -> App:
    """:returns: what knows the vendor's page."""
    module, name = _APPS[settings.app]
    package = 'ironic_console.drivers.displays.apps'
    app: App = getattr(importlib.import_module(f'{package}.{module}'),
                       name)(settings.bmc, web)
    return app


def _in_background(call: Callable[[], None],
                   ) -> 'concurrent.futures.Future[None]':
    """:returns: what becomes of it; it keeps no process from ending."""
    future: concurrent.futures.Future[None] = concurrent.futures.Future()

    def run() -> None:
        try:
            call()
            future.set_result(None)
        except BaseException as exc:
            future.set_exception(exc)

    threading.Thread(target=run, name='login', daemon=True).start()
    return future


def announce(message: dict[str, Any]) -> None:
    """Say something to the display, which may be gone."""
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), json.dumps(message).encode() + b'\n')


def _stop_at_end_of_input(visit: Visit) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    visit.stop()


def main() -> int:
    """:returns: exit status."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO,
                        format='%(levelname)s visit: %(message)s')
    own_process.come_last()
    own_process.hide_memory()
    try:
        settings = DisplaySettings.from_json(
            sys.stdin.buffer.readline(MAX_BYTES + 1))
    except ConfigError as exc:
        LOG.error('%s', exc)
        announce({'failed': f'This display is not set up correctly: {exc}.',
                  'retry': False})
        return 1
    visit = Visit(settings, announce)
    signal.signal(signal.SIGTERM, lambda *_: visit.stop())
    threading.Thread(target=_stop_at_end_of_input, args=(visit,),
                     name='end of input', daemon=True).start()
    try:
        return 0 if visit.run() else 1
    except Exception as exc:
        # Its text might quote a secret.
        LOG.error('unexpected %s in %s', type(exc).__name__, _where(exc))
        announce({'failed': _UNEXPECTED, 'retry': BrowserFailed.retry})
        return 1


def _where(exc: BaseException) -> str:
    """:returns: file and line, innermost last."""
    places = []
    trace = exc.__traceback__
    while trace:
        name = os.path.basename(trace.tb_frame.f_code.co_filename)
        places.append(f'{name}:{trace.tb_lineno}')
        trace = trace.tb_next
    return ' > '.join(places)


if __name__ == '__main__':
    sys.exit(main())
