# SPDX-License-Identifier: Apache-2.0
"""What tests of a visit's browser share: a console of our own, and looks at
its screen."""

import contextlib
import subprocess
from collections.abc import Iterator

from ironic_console.drivers.displays.chromium import Chromium
from ironic_console.drivers.displays.settings import Screen
from ironic_console.drivers.displays.trust import Trust
from tests.helpers.proxy import wait_until
from tests.helpers.scripted_site import Site, reply
from tests.helpers.xvnc import Xvnc

#: Seconds for what a browser on a busy machine has to do.
PATIENCE = 60.0
HTML = 'Content-Type: text/html'
CONSOLE = b'<!doctype html><title>console</title><p>the console'
DOCUMENTS = (r'/console\.html(\?.*)?', '/moved.html')
ANSWERS = {
    'GET /console.html': reply(200, CONSOLE, HTML),
    'GET /marker': reply(200, b'', 'Access-Control-Allow-Origin: *'),
    'GET /password': reply(401, b'', 'WWW-Authenticate: Basic realm="x"'),
}


def targets(site: Site) -> list[str]:
    """:returns: what it was asked for, without pictures of a site."""
    return [asked.target for asked in site.asked
            if asked.target != '/favicon.ico']


def windows(screen: Xvnc) -> int:
    """:returns: number of windows that can be seen."""
    def count() -> int:
        # One that is closed meanwhile is an error to xdotool.
        with contextlib.suppress(subprocess.CalledProcessError):
            return len(screen.run('xdotool', 'xdotool', 'search',
                                  '--onlyvisible', '--class', 'chromium',
                                  ).split())
        return 0
    found: int = wait_until(count, 'windows to be counted', PATIENCE)
    return found


@contextlib.contextmanager
def browser_for(url: str, trust: Trust | None = None,
                address: str = '127.0.0.1') -> Iterator[Chromium]:
    """A browser of one's own, which shows nothing yet."""
    browser = Chromium(url, address, trust or Trust(), DOCUMENTS,
                       Screen())
    try:
        browser.start()
        yield browser
    finally:
        browser.close()


def navigate_alone(url: str, trust: Trust, address: str = '127.0.0.1',
                   ) -> None:
    """With a browser of its own."""
    with browser_for(url, trust, address) as browser:
        browser.page.navigate(f'{url}/console.html')
