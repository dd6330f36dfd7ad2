# SPDX-License-Identifier: Apache-2.0
"""A real Chromium that browser tests drive: opens the page, reads, types.

It starts and ends the browser and knows the ids of the console page; it does
not know what a test expects. Coordinates are pixels of the server's screen,
wherever the page has scaled them to. Every wait has a deadline.
"""

import base64
import contextlib
import pathlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver

from tests.helpers import png
from tools.lab import ports

BROWSER = '/usr/bin/chromium'
DRIVER = '/usr/bin/chromedriver'
DEFAULT_TIMEOUT = 60.0
_POLL_INTERVAL = 0.05
#: Nothing but the page under test may use network or disk.
_FLAGS = ('--headless=new', '--no-sandbox', '--disable-gpu',
          '--disable-background-networking', '--disable-quic',
          '--no-first-run', '--disable-component-update', '--disable-sync',
          # /dev/shm of containers is often 64 MB, which ends the tab.
          '--disable-dev-shm-usage')
_CANVAS = "document.querySelector('#screen canvas')"
#: Runs before any script of a page; CSP does not bind what a debugger adds.
_WATCH_CSP = """
const seen = [];
Object.defineProperty(document, Symbol.for('csp'), {value: seen});
document.addEventListener('securitypolicyviolation', (event) => seen.push(
    `${event.effectiveDirective}: ${event.blockedURI} in ` +
    `${event.sourceFile}:${event.lineNumber}`));
"""
_KEYS = {name.replace('_', '').lower(): value
         for name, value in vars(Keys).items() if name.isupper()}


class Pixel(NamedTuple):
    """One pixel, each colour 0 to 255."""

    red: int
    green: int
    blue: int


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


class Chromium:
    """One window of a browser of its own, with a fresh profile.

    :param driver: started; :func:`chromium` ends it.
    """

    def __init__(self, driver: WebDriver) -> None:
        self.driver = driver
        self._log: list[dict[str, Any]] = []
        self._url = ''
        self._log_before = 0

    def open(self, url: str) -> None:
        """Go to an address; returns when the page's files are loaded."""
        self._log_before = len(self.console_log())
        self._url = url
        self.driver.get(url)

    def run(self, script: str, *arguments: Any) -> Any:
        """:returns: the value of a JavaScript expression."""
        return self.driver.execute_script(f'return {script}', *arguments)

    def text(self, element_id: str) -> str:
        """:returns: the text of an element, hidden or not."""
        return str(self.run(
            'document.getElementById(arguments[0]).textContent', element_id))

    def phase(self) -> str:
        """:returns: starting, connecting, connected, closed or failed; ''
        on pages that are not ours."""
        return self.run("document.documentElement.dataset.phase || ''") or ''

    def wait(self, what: str, condition: Callable[[], Any],
             timeout: float = DEFAULT_TIMEOUT) -> Any:
        """Poll until a condition holds.

        :param what: for the message, as in "waited 20 s for ...".
        :returns: the first true value of the condition.
        :raises AssertionError: the deadline passed; says what the page
            shows.
        """
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f'waited {timeout:g} s for {what}; {self._situation()}')
            time.sleep(_POLL_INTERVAL)
        return value

    def wait_phase(self, phase: str,
                   timeout: float = DEFAULT_TIMEOUT) -> None:
        """Wait until the page is in a phase.

        :raises AssertionError: the deadline passed.
        """
        def is_in_phase() -> bool:
            now = self.phase()
            # It has not come to its scripts, or those have failed.
            if (now in ('starting', 'failed') and now != phase
                    and self._has_lost_network()):
                self.open(self._url)
            return now == phase

        self.wait(f'phase {phase}', is_in_phase, timeout)

    def _has_lost_network(self) -> bool:
        """Whoever makes a network interface for a test of his own makes
        Chromium drop all that it loads at that moment."""
        return any('ERR_NETWORK_CHANGED' in entry['message']
                   for entry in self.console_log()[self._log_before:])

    def canvas_size(self) -> Size:
        """:returns: size of the server's screen; 0 x 0 without one."""
        width, height = self.run(
            f'(c => c ? [c.width, c.height] : [0, 0])({_CANVAS})')
        return Size(width, height)

    def canvas_pixel(self, x: int, y: int) -> Pixel:
        """:returns: colour of a pixel of the server's screen."""
        data = self.run(
            f"[...{_CANVAS}.getContext('2d').getImageData("
            'arguments[0], arguments[1], 1, 1).data]', x, y)
        return Pixel(*data[:3])

    def wait_pixel(self, x: int, y: int, predicate: Callable[[Pixel], bool],
                   timeout: float = DEFAULT_TIMEOUT) -> Pixel:
        """Wait until a pixel of the server's screen is as wished.

        :returns: its colour.
        :raises AssertionError: the deadline passed; names the last colour.
        """
        found: list[Pixel] = []

        def is_good() -> bool:
            size = self.canvas_size()
            if x >= size.width or y >= size.height:
                return False
            found[:] = [self.canvas_pixel(x, y)]
            return predicate(found[0])

        try:
            self.wait(f'pixel ({x}, {y})', is_good, timeout)
        except AssertionError as exc:
            raise AssertionError(f'{exc}; last colour {found}') from exc
        return found[0]

    def type_text(self, text: str) -> None:
        """Press and release the keys of a text, wherever the focus is."""
        webdriver.ActionChains(self.driver, duration=0).send_keys(
            text).perform()

    def press(self, keys: str) -> None:
        """Press keys together and release them in reverse order.

        :param keys: such as ``a``, ``Enter`` or ``Control+Alt+Delete``;
            names of selenium's ``Keys``, without underscores.
        """
        codes = [_key(name) for name in keys.split('+')]
        chain = webdriver.ActionChains(self.driver, duration=0)
        for code in codes:
            chain.key_down(code)
        for code in reversed(codes):
            chain.key_up(code)
        chain.perform()

    def move_pointer(self, x: int, y: int) -> None:
        """Move the pointer to a pixel of the server's screen."""
        self._point(x, y).perform()

    def click(self, x: int, y: int) -> None:
        """Click on a pixel of the server's screen."""
        action = self._point(x, y)
        action.pointer_action.click()
        action.perform()

    def open_panel(self, name: str) -> None:
        """Click a panel's button, and wait for its content: that of some is
        fetched first."""
        self.click_control(f'open-{name}')
        self.wait(f'the content of panel {name}', lambda: self.run(
            'document.querySelector(arguments[0]).hasChildNodes()',
            f'#panel-{name} .panel-body'))

    def click_control(self, element_id: str) -> None:
        """Click on a control of the page, such as ``retry``."""
        self.driver.find_element('id', element_id).click()

    def screenshot(self, path: pathlib.Path | str) -> None:
        """Save the window as a PNG file."""
        pathlib.Path(path).write_bytes(
            self.driver.get_screenshot_as_png())

    def devtools(self, command: str, **parameters: Any) -> Any:
        """Give a command of the DevTools protocol; :returns: its result."""
        return self.driver.execute_cdp_cmd(command, parameters)

    def emulate(self, size: Size, ratio: float = 1.0, *,
                touch: bool = False) -> None:
        """Pretend to be another device, until :meth:`stop_emulating`.

        :param size: of the page, in CSS pixels.
        :param ratio: device pixels of a CSS pixel.
        :param touch: it has a touch screen.
        """
        self.devtools('Emulation.setDeviceMetricsOverride',
                      width=size.width, height=size.height,
                      deviceScaleFactor=ratio, mobile=touch)
        self.devtools('Emulation.setTouchEmulationEnabled', enabled=touch,
                      maxTouchPoints=5)
        # A page hears of it with its next frame, which nobody else needs.
        self.capture(0, 0, 1, 1)

    def stop_emulating(self) -> None:
        """Be what it is again."""
        self.devtools('Emulation.clearDeviceMetricsOverride')
        self.devtools('Emulation.setTouchEmulationEnabled', enabled=False)

    def capture(self, left: float, top: float, width: float,
                height: float) -> png.Picture:
        """:returns: a part of the page as it is seen, in device pixels; what
        it takes is in CSS pixels."""
        shot = self.devtools(
            'Page.captureScreenshot', format='png', clip={
                'x': left, 'y': top, 'width': width, 'height': height,
                'scale': 1})
        return png.read(base64.b64decode(shot['data']))

    def console_log(self) -> list[dict[str, Any]]:
        """:returns: all entries since the start: level, source, message."""
        self._log += self.driver.get_log('browser')  # type: ignore
        return list(self._log)

    def csp_violations(self) -> list[str]:
        """:returns: what the content security policy has stopped: on the
        present page by its events, on all pages by the log."""
        events = self.run("document[Symbol.for('csp')] || []")
        logged = [str(entry['message']) for entry in self.console_log()
                  if 'Content Security Policy' in entry['message']]
        return [*events, *logged]

    def _point(self, x: int, y: int) -> ActionBuilder:
        left, top = self.run(
            '((c, x, y) => { const r = c.getBoundingClientRect(); return ['
            'r.left + (x + 0.5) * r.width / c.width,'
            'r.top + (y + 0.5) * r.height / c.height]; })('
            f'{_CANVAS}, arguments[0], arguments[1])', x, y)
        action = ActionBuilder(self.driver, duration=0)
        action.pointer_action.move_to_location(  # type: ignore
            int(left), int(top))
        return action

    def _situation(self) -> str:
        try:
            shown = self.run(
                "[location.href, document.documentElement.dataset.phase,"
                " ...['title', 'message', 'detail'].map(id =>"
                " document.getElementById(id)?.textContent)]")
        except WebDriverException as exc:
            return f'the page does not answer: {exc.msg}'
        return f'the page shows {shown}, its log says {self.console_log()}'


@contextlib.contextmanager
def chromium(size: Size = Size(1024, 768),  # noqa: B008
             *flags: str) -> Iterator[Chromium]:
    """Start a headless Chromium and end it, with all that it wrote.

    :param size: of the window.
    :param flags: further ones, such as ``--force-dark-mode``.
    :raises AssertionError: browser or driver are not installed.
    """
    for program in (BROWSER, DRIVER):
        assert shutil.which(program), (
            f'{program} is missing: apt-get install chromium chromium-driver')
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    # A dialog would be an attack that worked: keep it for the test to see.
    options.unhandled_prompt_behavior = 'ignore'
    with tempfile.TemporaryDirectory(
            prefix='chromium-', ignore_cleanup_errors=True) as profile:
        for flag in (*_FLAGS, *flags, f'--user-data-dir={profile}',
                     f'--window-size={size.width},{size.height}'):
            options.add_argument(flag)
        driver = webdriver.Chrome(options, webdriver.ChromeService(
            DRIVER, ports.free_port()))
        try:
            driver.execute_cdp_cmd('Page.addScriptToEvaluateOnNewDocument',
                                   {'source': _WATCH_CSP})
            yield Chromium(driver)
        finally:
            driver.quit()


def _key(name: str) -> str:
    if len(name) == 1:
        return name
    return str(_KEYS[name.lower()])
