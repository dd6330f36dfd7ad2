# SPDX-License-Identifier: Apache-2.0
"""What the page says of a session, and when it comes back by itself.

In a real Chromium with the real proxy. Endpoints are test cards and an Xvnc
that goes away and comes again.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import urllib.parse
from collections.abc import Callable, Iterator

import pytest

from ironic_console.common.nodes import NodeRecord
from ironic_console.drivers.testcard.server import TestCardServer
from ironic_console.drivers.testcard.settings import CardSettings
from ironic_console.novncproxy.relay import RelayLimits
from tests.browser.chromium import Chromium, Size, chromium
from tests.helpers.endpoints import console_url
from tests.helpers.page_proxy import page_proxy
from tests.helpers.proxy import NODE, RunningWorker, node_record
from tests.helpers.xvnc import Xvnc
from tools.lab import look, ports
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import LocalProxy

#: The page waits ever longer between two attempts, up to half a minute.
RECONNECT_TIMEOUT = 90.0
HOSTILE = '<img src=x onerror=alert(1)><b id="evil">7</b>'


@pytest.fixture
def browser(window: Chromium) -> Iterator[Chromium]:
    """The module's window, on an empty page."""
    window.open('about:blank')
    yield window
    assert window.csp_violations() == []


@pytest.fixture(scope='module')
def cards() -> Iterator[TestCardServer]:
    server = TestCardServer()
    yield server
    server.stop()


@pytest.fixture
def worker(tmp_path: pathlib.Path, novnc_root: pathlib.Path,
           ) -> Iterator[RunningWorker]:
    with page_proxy(tmp_path, novnc_root) as running:
        yield running


@pytest.fixture
def node(cards: TestCardServer) -> NodeRecord:
    """A node with a test card."""
    return node_record(cards.open(CardSettings(NODE, 'node-7')))


def connect(browser: Chromium, worker: RunningWorker, node: NodeRecord,
            *, query: str = '', read_only: bool = False) -> None:
    """Open a console and wait for it, and for what the proxy says of it."""
    browser.open(console_url(worker, node, read_only) + query)
    browser.wait_phase('connected')
    browser.wait('the node', lambda: node.uuid in browser.text(
        'panel-session'))


def waiting(browser: Chromium) -> bool:
    """:returns: the page will try again by itself."""
    return not browser.run("document.getElementById('stop').hidden")


# -- coming back --------------------------------------------------------------

@pytest.fixture
def own_proxy(ironic: LocalIronic, tmp_path: pathlib.Path,
              ) -> Iterator[LocalProxy]:
    """A proxy that a test may kill."""
    port = ports.free_port()
    with LocalProxy(ironic.config_file, tmp_path, port=port, options={
            'cors': {'allowed_origin': f'http://127.0.0.1:{port}'},
            'ironic_console': {'drain_timeout': 0}}) as running:
        yield running


def kill(proxy: LocalProxy) -> None:
    """End all its processes without a word."""
    assert proxy.program
    os.killpg(proxy.program.pid, signal.SIGKILL)
    proxy.stop()


@pytest.mark.parametrize('end', [LocalProxy.stop, kill],
                         ids=['stopped', 'killed'])
def test_comes_back_to_a_proxy_that_was_started_again(
        ironic: LocalIronic, own_proxy: LocalProxy, browser: Chromium,
        end: Callable[[LocalProxy], object]) -> None:
    created = ironic.rest.create_node(
        driver='fake-hardware', console_interface='fake-vnc')
    try:
        ironic.rest.set_console(created['uuid'], True)
        link = urllib.parse.urlsplit(ironic.rest.console_url(created['uuid']))
        browser.open(link._replace(
            netloc=f'127.0.0.1:{own_proxy.port}').geturl())
        browser.wait_phase('connected')
        end(own_proxy)
        browser.wait('a countdown', lambda: re.fullmatch(
            r'Trying again in \d+ s\.', browser.text('countdown')))
        assert waiting(browser)
        own_proxy.start()
        browser.wait_phase('connected', RECONNECT_TIMEOUT)
        browser.wait('colour bars', lambda: look.has_bars(browser))
        assert not waiting(browser)
    finally:
        ironic.rest.delete_node(created['uuid'])


def test_comes_back_to_an_endpoint_that_boots(
        worker: RunningWorker, browser: Chromium, tmp_path: pathlib.Path,
        ) -> None:
    with Xvnc(tmp_path) as display:
        connect(browser, worker, node_record(display.port))
    # Cut off at first; then nobody is there.
    browser.wait('a refusal', lambda: 'refused the connection'
                 in browser.text('message'))
    assert waiting(browser)
    with Xvnc(tmp_path, '-geometry', '640x480') as display:
        worker.store.records[NODE] = node_record(display.port)
        browser.wait_phase('connected', RECONNECT_TIMEOUT)
        assert browser.canvas_size() == (640, 480)


@pytest.fixture
def lost(browser: Chromium, worker: RunningWorker, cards: TestCardServer,
         node: NodeRecord) -> Callable[[], None]:
    """A page that has lost its endpoint and waits; gives it back."""
    connect(browser, worker, node)
    cards.close(NODE)
    browser.wait('the next attempt', lambda: browser.text('countdown'))

    def give_back() -> None:
        worker.store.records[NODE] = node_record(
            cards.open(CardSettings(NODE, 'node-7')))
    return give_back


def test_can_be_told_to_stop_waiting(
        lost: Callable[[], None], browser: Chromium) -> None:
    browser.wait('the button', lambda: browser.run(
        "document.getElementById('stop').checkVisibility()"))
    browser.click_control('stop')
    assert not waiting(browser)
    assert browser.text('countdown') == ''
    assert browser.phase() in ('closed', 'failed')
    lost()
    browser.click_control('retry')
    browser.wait_phase('connected')


def test_can_be_told_to_try_at_once(
        lost: Callable[[], None], browser: Chromium) -> None:
    lost()
    browser.wait('an offer', lambda: browser.text('retry') == 'Try now')
    assert browser.run("(document.getElementById('retry').click(),"
                       ' document.documentElement.dataset.phase)'
                       ) == 'connecting'
    browser.wait_phase('connected')


def test_tries_at_once_when_the_network_is_back(
        lost: Callable[[], None], browser: Chromium) -> None:
    lost()
    browser.wait('the wait', lambda: browser.run(
        "(document.documentElement.dataset.phase === 'connecting' ? null :"
        " (dispatchEvent(new Event('online')),"
        " document.documentElement.dataset.phase))") == 'connecting')
    browser.wait_phase('connected')


def test_waiting_leaves_the_focus_where_it_is(
        lost: Callable[[], None], browser: Chromium) -> None:
    browser.driver.execute_script("document.getElementById('stop').focus()")
    seen = {browser.text('countdown')}
    browser.wait('two more countdowns', lambda: (
        seen.add(browser.text('countdown')), len(seen) > 3)[1])
    assert browser.run('document.activeElement.id') == 'stop'
    lost()
    browser.wait_phase('connected', RECONNECT_TIMEOUT)


def test_knocks_once_only_where_waiting_cannot_help(
        worker: RunningWorker, browser: Chromium, node: NodeRecord) -> None:
    browser.open(console_url(worker, node) + 'x')
    browser.wait_phase('failed')
    assert not waiting(browser)
    assert browser.run("document.getElementById('retry').hidden")


# -- ends in words ------------------------------------------------------------

def shown(browser: Chromium) -> tuple[str, list[str], bool, bool]:
    """:returns: title; commands; whether one can try again; whether the page
    does so by itself."""
    return (browser.text('title'), browser.text('command').splitlines(),
            not browser.run("document.getElementById('retry').hidden"),
            waiting(browser))


SHOW = 'openstack baremetal node console show node-7'


def test_console_that_was_switched_off(
        worker: RunningWorker, browser: Chromium, node: NodeRecord) -> None:
    connect(browser, worker, node)
    worker.store.records[NODE] = dataclasses.replace(node, enabled=False)
    browser.wait_phase('closed')
    assert shown(browser) == (
        'Console switched off',
        ['openstack baremetal node console enable node-7', SHOW],
        False, False)


def test_consoles_that_became_read_only(
        worker: RunningWorker, browser: Chromium, node: NodeRecord) -> None:
    connect(browser, worker, node)
    worker.reload(dataclasses.replace(
        worker.settings, sessions=dataclasses.replace(
            worker.settings.sessions, read_only=True),
        access=dataclasses.replace(worker.settings.access, read_only=True)))
    browser.wait_phase('closed')
    assert shown(browser) == ('Read-only from now on', [], True, False)
    browser.click_control('retry')
    browser.wait_phase('connected')
    browser.wait('the badge', lambda: browser.text('read-only'))


@pytest.mark.parametrize(('limits', 'commands', 'can_retry'), [
    (RelayLimits(max_session_length=2), [SHOW], False),
    (RelayLimits(idle_timeout=2), [], True)], ids=['length', 'idle'])
def test_session_that_reached_a_limit(
        tmp_path: pathlib.Path, novnc_root: pathlib.Path, browser: Chromium,
        xvnc: Xvnc, limits: RelayLimits, commands: list[str],
        can_retry: bool) -> None:
    # For each change of a screen the page asks for the next one; an Xvnc
    # alone does not change.
    with page_proxy(tmp_path, novnc_root, relay=RelayLimits(ping_interval=5),
                    ) as worker:
        connect(browser, worker, node_record(xvnc.port))
        # From now on, for a busy browser may need as long to connect. What
        # is open hears of it with its next ping.
        worker.reload(dataclasses.replace(worker.settings, relay=limits))
        browser.wait_phase('closed')
        assert shown(browser) == ('Session ended', commands, can_retry, False)


def test_disconnecting_by_hand_is_not_undone(
        worker: RunningWorker, browser: Chromium, node: NodeRecord) -> None:
    connect(browser, worker, node)
    browser.click_control('open-session')
    browser.click_control('disconnect')
    browser.wait_phase('closed')
    assert shown(browser) == ('Console closed', [], True, False)
    browser.wait('the session to be over', lambda: worker.sessions() == 0)


# -- the session --------------------------------------------------------------

def test_tells_the_session_in_words(
        browser: Chromium, tmp_path: pathlib.Path, novnc_root: pathlib.Path,
        node: NodeRecord) -> None:
    limits = RelayLimits(max_session_length=290, idle_timeout=600)
    with page_proxy(tmp_path, novnc_root, relay=limits) as worker:
        connect(browser, worker, node)
        assert browser.text('name') == 'node-7'
        browser.click_control('open-session')
        assert browser.text('session-node') == 'node-7'
        assert browser.text('session-uuid') == NODE
        assert browser.text('session-endpoint') == 'Test card (fake-vnc)'
        assert browser.text('session-mode') == 'look and type'
        assert browser.text('session-since').startswith('since ')
        assert browser.text('session-left') == '4 min'
        assert browser.text('session-idle') == 'after 10 min'
        browser.wait('a round trip', lambda: browser.run(
            "document.getElementById('session-roundTrip')"))
        assert re.fullmatch(r'\d+ ms', browser.text('session-roundTrip'))
        # It is the way alone, without the time to open a connection.
        assert browser.run(
            "performance.getEntriesByType('resource').filter(one => "
            "one.name.endsWith('/healthz')).map(one => "
            'one.connectEnd - one.connectStart)[1]') == 0
        browser.wait('the warning', lambda: browser.text('time-left')
                     == '4 min left')


def test_read_only_session_says_so(
        worker: RunningWorker, browser: Chromium, node: NodeRecord) -> None:
    connect(browser, worker, node, read_only=True)
    browser.wait('the badge', lambda: browser.text('read-only')
                 == 'Read-only')
    browser.click_control('open-session')
    assert browser.text('session-mode') == 'only look'
    assert browser.run("document.getElementById('ctrl-alt-del').disabled")


# -- texts of others ----------------------------------------------------------

def is_text_only(browser: Chromium) -> bool:
    """:returns: no mark-up of theirs has become part of the page."""
    return bool(browser.run(
        "!document.getElementById('evil') &&"
        " !document.querySelector('img[onerror]')"))


def test_hostile_names_are_shown_as_text(
        worker: RunningWorker, browser: Chromium, cards: TestCardServer,
        ) -> None:
    port = cards.open(CardSettings(NODE, HOSTILE))
    record = dataclasses.replace(node_record(port), name=HOSTILE)
    connect(browser, worker, record)
    browser.wait('the name', lambda: browser.text('name') == HOSTILE)
    browser.click_control('open-session')
    assert browser.text('session-node') == HOSTILE
    assert is_text_only(browser)
    connect(browser, worker, dataclasses.replace(record, name=''))
    browser.wait('the name of the desktop',
                 lambda: HOSTILE in browser.text('name'))
    assert is_text_only(browser)
    worker.store.records[NODE] = dataclasses.replace(record, enabled=False)
    browser.wait_phase('closed')
    assert browser.text('command').endswith(f'console show {NODE}')


def test_hostile_title_is_shown_as_text(
        worker: RunningWorker, browser: Chromium, node: NodeRecord) -> None:
    connect(browser, worker, node,
            query='&' + urllib.parse.urlencode({'title': HOSTILE}))
    assert browser.text('name') == HOSTILE
    assert HOSTILE in browser.driver.title
    assert is_text_only(browser)


def test_long_names_give_way_to_the_controls(
        worker: RunningWorker, browser: Chromium, node: NodeRecord) -> None:
    title = 'W' * 100
    connect(browser, worker, node, query=f'&title={title}')
    assert browser.text('name') == title
    assert browser.run(
        "document.getElementById('open-session').getBoundingClientRect()"
        '.right <= innerWidth')


@contextlib.contextmanager
def answering(browser: Chromium, status: int, body: str) -> Iterator[None]:
    """Something else answers the page in the place of the service."""
    script = (f'window.fetch = async () => new Response({json.dumps(body)},'
              f' {{status: {status}}});')
    added = browser.devtools('Page.addScriptToEvaluateOnNewDocument',
                             source=script)
    try:
        yield
    finally:
        browser.devtools('Page.removeScriptToEvaluateOnNewDocument',
                         **added)


def test_hostile_reasons_are_shown_as_text(
        worker: RunningWorker, browser: Chromium, node: NodeRecord) -> None:
    body = json.dumps({'status': 'refused', 'reason': HOSTILE})
    with answering(browser, 403, body):
        browser.open(console_url(worker, node) + 'x')
        browser.wait_phase('failed')
    assert browser.text('message') == HOSTILE
    assert is_text_only(browser)


# -- parts that are fetched later ---------------------------------------------

def test_tool_that_cannot_be_fetched_says_so_until_it_can(
        worker: RunningWorker, browser: Chromium, node: NodeRecord) -> None:
    connect(browser, worker, node)
    browser.devtools('Network.enable')
    browser.devtools('Network.setBlockedURLs', urls=['*/paste_panel.js'])
    browser.click_control('open-paste')
    browser.wait('words', lambda: 'could not be fetched' in browser.text(
        'panel-paste'))
    browser.devtools('Network.setBlockedURLs', urls=[])
    browser.click_control('open-paste')
    browser.click_control('open-paste')
    browser.wait('the tool', lambda: browser.run(
        "document.getElementById('paste-type')"))


# -- languages ----------------------------------------------------------------

def test_speaks_german_where_the_browser_does(
        worker: RunningWorker, node: NodeRecord) -> None:
    with chromium(Size(1024, 768), '--lang=de', '--accept-lang=de') as german:
        connect(german, worker, node)
        assert german.run('document.documentElement.lang') == 'de'
        assert german.text('status') == 'Verbunden'
        assert german.text('open-keys') == 'Tasten'
        worker.store.records[NODE] = dataclasses.replace(node, enabled=False)
        german.wait_phase('closed')
        assert german.text('title') == 'Konsole ausgeschaltet'
        assert german.csp_violations() == []


# -- whose link it is ---------------------------------------------------------

def test_link_is_known_to_this_tab_only(
        worker: RunningWorker, browser: Chromium, node: NodeRecord) -> None:
    connect(browser, worker, node)
    assert 'token' not in browser.driver.current_url
    assert browser.run('sessionStorage.length + localStorage.length') == 0
    # Opened by this tab, the other one gets a copy of its storage.
    browser.driver.execute_script('window.open(location.href)')
    first, second = browser.driver.window_handles
    browser.driver.switch_to.window(second)
    try:
        browser.wait_phase('failed')
        assert browser.text('title') == 'No console link'
    finally:
        browser.driver.close()
        browser.driver.switch_to.window(first)
    browser.driver.refresh()
    browser.wait_phase('connected')
