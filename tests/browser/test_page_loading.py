# SPDX-License-Identifier: Apache-2.0
"""How the page comes into a real Chromium: quickly, safely, from anywhere.

The program and the real noVNC, in front of an Xvnc; directly, behind nginx
with TLS under a path, and in frames of other sites.
"""

import contextlib
import http.server
import pathlib
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.common.exceptions import JavascriptException

from ironic_console.common import console_url
from ironic_console.common.nodes import NodeRecord
from tests.browser.chromium import Chromium, Size, chromium
from tests.helpers.certificates import Authority, Certificate
from tests.helpers.nginx import Nginx
from tests.helpers.program import Site
from tests.helpers.proxy import node_record, ticket_for
from tests.helpers.xvnc import Xvnc
from tools.lab import ports
from tools.lab.proxy import LocalProxy

MAX_TRANSFER = 250_000
ALIASES = ('console.html', 'vnc.html', 'vnc_auto.html', 'vnc_lite.html', '')
_ENTRIES = ("performance.getEntriesByType('navigation').concat("
            "performance.getEntriesByType('resource'))"
            ".map(entry => entry.toJSON())")


class FramingSite:
    """A site whose page shows one address in a frame; a context manager."""

    def __init__(self) -> None:
        self.framed = ''
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header('Content-Type', 'text/html')
                self.end_headers()
                framed = site.framed.replace('&', '&amp;')
                self.wfile.write(
                    b'<!doctype html><link rel="icon" href="data:,"><iframe '
                    b'id="console" width="1000" height="700" '
                    b'src="%s"></iframe>' % framed.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(
            (ports.LOOPBACK, 0), Handler)
        self.port = self._server.server_port

    @property
    def origin(self) -> str:
        return f'http://{ports.LOOPBACK}:{self.port}'

    def __enter__(self) -> 'FramingSite':
        threading.Thread(target=self._server.serve_forever,
                         daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope='module')
def certificate() -> Certificate:
    return Authority().issue()


@pytest.fixture(scope='module')
def horizon() -> Iterator[FramingSite]:
    with FramingSite() as site:
        yield site


@pytest.fixture(scope='module')
def stranger() -> Iterator[FramingSite]:
    with FramingSite() as site:
        yield site


@pytest.fixture(scope='module')
def record(xvnc: Xvnc) -> NodeRecord:
    return node_record(xvnc.port)


@pytest.fixture(scope='module')
def nginx_port() -> int:
    return ports.free_port()


@pytest.fixture(scope='module')
def proxy(tmp_path_factory: pytest.TempPathFactory, schema: pathlib.Path,
          novnc_root: pathlib.Path, record: NodeRecord, nginx_port: int,
          horizon: FramingSite) -> Iterator[LocalProxy]:
    """Our proxy, which may be used directly and behind nginx."""
    site = Site(tmp_path_factory.mktemp('site'), schema)
    site.save(record)
    port = ports.free_port()
    with site.proxy({
        'vnc': {'novnc_web': novnc_root, 'public_url':
                f'https://127.0.0.1:{nginx_port}/consoles/console.html'},
        'cors': {'allowed_origin': f'http://127.0.0.1:{port}'},
        'ironic_console': {'frame_ancestors': [horizon.origin]},
    }, port=port) as running:
        yield running


@pytest.fixture(scope='module')
def nginx(tmp_path_factory: pytest.TempPathFactory, proxy: LocalProxy,
          certificate: Certificate, nginx_port: int) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp('nginx'),
               (proxy.address, proxy.port), certificate,
               nginx_port) as running:
        yield running


@pytest.fixture(scope='module')
def window(certificate: Certificate) -> Iterator[Chromium]:
    # Trusted, rather than forgiven: of what is forgiven nothing is cached.
    with chromium(Size(1024, 768), '--ignore-certificate-errors-spki-list='
                                   + certificate.pin) as browser:
        yield browser


@pytest.fixture
def browser(window: Chromium) -> Chromium:
    """The module's window, with an empty cache."""
    window.open('about:blank')
    window.driver.execute_cdp_cmd('Network.clearBrowserCache', {})
    return window


@contextlib.contextmanager
def slow_line(browser: Chromium) -> Iterator[None]:
    """20 kB/s and 200 ms there and back."""
    def emulate(latency: float, throughput: float) -> None:
        browser.driver.execute_cdp_cmd('Network.emulateNetworkConditions', {
            'offline': False, 'latency': latency,
            'downloadThroughput': throughput, 'uploadThroughput': throughput})
    browser.driver.execute_cdp_cmd('Network.enable', {})
    emulate(200, 20_000)
    try:
        yield
    finally:
        emulate(0, -1)
        browser.driver.execute_cdp_cmd('Network.disable', {})


def link(page: str, record: NodeRecord) -> str:
    """:returns: a console URL with a ticket of its own."""
    return console_url.build(page, record.uuid, ticket_for(record))


def connect(browser: Chromium, page: str, record: NodeRecord) -> str:
    """Open a console.

    :returns: its URL.
    """
    url = link(page, record)
    browser.open(url)
    browser.wait_phase('connected')
    return url


def loaded(browser: Chromium) -> list[dict[str, Any]]:
    """:returns: what was requested for the page, itself first."""
    return list(browser.run(_ENTRIES))


def static_files(browser: Chromium) -> list[dict[str, Any]]:
    found = [entry for entry in loaded(browser)
             if '/static/' in entry['name']]
    assert len(found) > 50
    return found


def complaints(browser: Chromium) -> list[str]:
    """:returns: what the browser did not like about the page."""
    return [str(entry['message']) for entry in browser.console_log()
            if entry['level'] in ('WARNING', 'SEVERE')]


def test_all_modules_are_asked_for_before_the_first_one_runs(
        browser: Chromium, proxy: LocalProxy, record: NodeRecord) -> None:
    connect(browser, f'{proxy.url}/console.html', record)
    modules = [entry for entry in static_files(browser)
               if entry['name'].endswith('.js')]
    names = [entry['name'] for entry in modules]
    assert len(set(names)) == len(names)
    # Chromium says "script" of what a module asked for, and "other" of what
    # the page preloads.
    assert {entry['name']: entry['initiatorType'] for entry in modules
            if entry['initiatorType'] != 'other'} == {}


def test_the_whole_page_is_light(
        browser: Chromium, proxy: LocalProxy, record: NodeRecord) -> None:
    connect(browser, f'{proxy.url}/console.html', record)
    entries = loaded(browser)
    assert all(entry['transferSize'] > 0 for entry in entries)
    total = sum(entry['transferSize'] for entry in entries)
    assert total < MAX_TRANSFER


def test_what_was_loaded_once_is_not_loaded_again(
        browser: Chromium, proxy: LocalProxy, record: NodeRecord) -> None:
    connect(browser, f'{proxy.url}/console.html', record)
    assert all(entry['transferSize'] for entry in static_files(browser))
    browser.driver.refresh()
    browser.wait_phase('connected')
    assert not any(entry['transferSize'] for entry in static_files(browser))
    # Another console of the same proxy, under another name of the page.
    connect(browser, f'{proxy.url}/vnc_lite.html', record)
    assert not any(entry['transferSize'] for entry in static_files(browser))


def test_a_slow_line_takes_long_and_fails_nothing(
        browser: Chromium, proxy: LocalProxy, record: NodeRecord) -> None:
    with slow_line(browser):
        browser.open(link(f'{proxy.url}/console.html', record))
        browser.wait_phase('connected', 60)
        # Longer than [ironic_console]keepalive_timeout, so that connections
        # were closed in between.
        assert max(entry['responseEnd']
                   for entry in static_files(browser)) > 5000
        assert all(entry['responseStatus'] == 200
                   for entry in static_files(browser))


def test_the_browser_has_nothing_to_complain_about(
        browser: Chromium, proxy: LocalProxy, record: NodeRecord) -> None:
    before = len(complaints(browser))
    connect(browser, f'{proxy.url}/console.html', record)
    assert browser.csp_violations() == []
    assert complaints(browser)[before:] == []


def test_the_page_has_no_more_rights_than_it_needs(
        browser: Chromium, proxy: LocalProxy, record: NodeRecord) -> None:
    connect(browser, f'{proxy.url}/console.html', record)
    allowed = set(browser.run('document.featurePolicy.allowedFeatures()'))
    assert {'clipboard-read', 'clipboard-write', 'fullscreen'} <= allowed
    assert not allowed & {'camera', 'microphone', 'geolocation', 'usb',
                          'display-capture', 'payment', 'serial', 'hid'}
    for attempt in ("document.body.innerHTML = '<b>x</b>'",
                    "document.createElement('script').text = 'x'",
                    "trustedTypes.createPolicy('x', {})"):
        with pytest.raises(JavascriptException):
            browser.run(attempt)


def test_everything_works_behind_nginx_under_a_path_with_tls(
        browser: Chromium, nginx: Nginx, record: NodeRecord) -> None:
    before = len(complaints(browser))
    url = connect(browser, f'{nginx.url}console.html', record)
    assert browser.canvas_size() == (1024, 768)
    assert browser.run('location.href') == f'{nginx.url}console.html'
    names = [entry['name'] for entry in loaded(browser)[1:]]
    assert all(name.startswith(nginx.url) for name in names)
    assert all(entry['transferSize'] for entry in static_files(browser))
    browser.driver.refresh()
    browser.wait_phase('connected')
    assert not any(entry['transferSize'] for entry in static_files(browser))
    assert browser.csp_violations() == []
    assert complaints(browser)[before:] == []
    # nginx has seen the ticket and has kept it for itself. It logs a
    # WebSocket when that has ended.
    browser.open('about:blank')
    browser.wait('the log', lambda: nginx.logged().count(
        '"GET /consoles/websockify" 101') >= 2)
    assert url.rpartition('token')[2][-30:] not in nginx.logged()


@pytest.mark.parametrize('page', ALIASES)
def test_every_name_of_the_page_works_under_a_path(
        browser: Chromium, nginx: Nginx, record: NodeRecord,
        page: str) -> None:
    connect(browser, f'{nginx.url}{page}', record)


@contextlib.contextmanager
def framed(browser: Chromium, site: FramingSite, url: str) -> Iterator[None]:
    """Show a page in the frame of a site, and look into it."""
    site.framed = url
    browser.open(f'{site.origin}/')
    browser.driver.switch_to.frame('console')
    try:
        yield
    finally:
        browser.driver.switch_to.default_content()


def test_who_may_frame_the_page_shows_a_live_console(
        browser: Chromium, nginx: Nginx, horizon: FramingSite,
        record: NodeRecord) -> None:
    url = link(f'{nginx.url}console.html', record) + '&title=n%28u%29'
    assert urllib.parse.urlsplit(url).netloc != urllib.parse.urlsplit(
        horizon.origin).netloc
    with framed(browser, horizon, url):
        browser.wait_phase('connected')
        assert browser.canvas_size() == (1024, 768)


def test_who_may_not_frame_the_page_shows_nothing_of_it(
        browser: Chromium, nginx: Nginx, proxy: LocalProxy,
        stranger: FramingSite, record: NodeRecord) -> None:
    connect(browser, f'{nginx.url}console.html', record)
    opened = proxy.written().count(' opened for ')
    assert opened
    before = len(complaints(browser))
    with framed(browser, stranger, link(f'{nginx.url}console.html', record)):
        assert browser.phase() == ''
        assert browser.run('location.protocol') == 'chrome-error:'
    assert any('frame-ancestors' in one
               for one in complaints(browser)[before:])
    assert proxy.written().count(' opened for ') == opened
