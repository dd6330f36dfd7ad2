# SPDX-License-Identifier: Apache-2.0
"""A user's way: the command line, its URL, a real Chromium, a real Ironic."""

import pathlib
import shutil
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.chromium import Chromium, Pixel
from tests.helpers.foreign_viewer import ForeignViewer
from tests.helpers.xvnc import Xvnc
from tools.lab import look
from tools.lab.ironic import LocalIronic
from tools.lab.process import Program
from tools.lab.proxy import LocalProxy


@pytest.fixture
def browser(window: Chromium) -> Chromium:
    """The module's window, on an empty page."""
    window.open('about:blank')
    return window


@pytest.fixture
def make_node(ironic: LocalIronic, proxy: LocalProxy,
              ) -> Iterator[Callable[..., str]]:
    made = []

    def make(interface: str = 'fake-vnc', name: str | None = None,
             **driver_info: object) -> str:
        node = ironic.rest.create_node(
            driver='fake-hardware', console_interface=interface, name=name,
            driver_info=driver_info)
        made.append(node['uuid'])
        ironic.rest.set_console(node['uuid'], True)
        return str(node['uuid'])
    yield make
    for uuid in made:
        ironic.rest.delete_node(uuid)


def shown_text(browser: Chromium) -> Any:
    """:returns: a number that changes with the text of a test card."""
    return browser.run(look.TEXT)


def whole_text(browser: Chromium) -> Any:
    """:returns: likewise, once the first picture is whole."""
    browser.wait('colour bars', lambda: look.has_bars(browser))
    seen = [None]

    def is_whole() -> bool:
        seen.append(shown_text(browser))
        return seen[-1] == seen[-2]
    browser.wait('the same twice', is_whole)
    return seen[-1]


def test_console_show_opens_a_live_screen_that_hears_typing(
        ironic: LocalIronic, browser: Chromium,
        make_node: Callable[..., str]) -> None:
    node = make_node(name='rack7-u12')
    shown = ironic.baremetal('node', 'console', 'show', node)
    browser.open(shown['console_info']['url'])
    browser.wait_phase('connected')
    assert browser.canvas_size() == (1024, 768)
    browser.wait('colour bars', lambda: look.has_bars(browser))
    before = shown_text(browser)
    browser.type_text('hello')
    browser.wait('the typed text', lambda: shown_text(browser) != before)
    typed = shown_text(browser)
    browser.click_control('ctrl-alt-del')
    browser.wait('the focus to return', lambda: browser.run(
        "document.activeElement.tagName === 'CANVAS'"))
    assert browser.phase() == 'connected'
    browser.press('Backspace')
    browser.wait('a shorter text', lambda: shown_text(browser) != typed)
    assert browser.csp_violations() == []
    assert 'rack7-u12' in browser.driver.title


def test_clock_of_the_test_card_runs(
        ironic: LocalIronic, browser: Chromium,
        make_node: Callable[..., str]) -> None:
    browser.open(ironic.rest.console_url(make_node()))
    browser.wait_phase('connected')
    browser.wait('colour bars', lambda: look.has_bars(browser))
    picture = ("(c => c.toDataURL())(document.querySelector("
               "'#screen canvas'))")
    first = browser.run(picture)
    browser.wait('the clock to move', lambda: browser.run(picture) != first)


def test_ticket_leaves_the_address_and_survives_a_reload(
        ironic: LocalIronic, browser: Chromium,
        make_node: Callable[..., str]) -> None:
    browser.open(ironic.rest.console_url(make_node()))
    browser.wait_phase('connected')
    assert 'token' not in browser.driver.current_url
    browser.driver.refresh()
    browser.wait_phase('connected')


def test_nothing_is_fetched_from_elsewhere(
        ironic: LocalIronic, proxy: LocalProxy, browser: Chromium,
        make_node: Callable[..., str]) -> None:
    link = ironic.rest.console_url(make_node())
    evil = ('&host=evil.example&port=1&encrypt=1&autoconnect=1&password=x'
            '&title=node(uuid)')
    browser.open(link + evil)
    browser.wait_phase('connected')
    fetched = browser.run("performance.getEntriesByType('resource')"
                          ".map(entry => entry.name)")
    assert fetched
    assert {urllib.parse.urlsplit(one).netloc for one in fetched} == {
        urllib.parse.urlsplit(proxy.url).netloc}


def test_link_cannot_lead_to_another_host(
        proxy: LocalProxy, browser: Chromium) -> None:
    path = urllib.parse.quote('wss://evil.example/websockify?node=x&token=y')
    browser.open(f'{proxy.url}/console.html?path={path}')
    browser.wait_phase('failed')
    assert browser.csp_violations() == []
    assert browser.run("performance.getEntriesByType('resource')"
                       ".every(one => !one.name.includes('evil'))")


@pytest.mark.parametrize('page', ['vnc.html', 'vnc_auto.html',
                                  'vnc_lite.html', ''])
def test_pages_of_other_proxies_lead_here_too(
        ironic: LocalIronic, browser: Chromium,
        make_node: Callable[..., str], page: str) -> None:
    link = ironic.rest.console_url(make_node())
    browser.open(link.replace('/console.html', f'/{page}'))
    browser.wait_phase('connected')


def test_bad_ticket_is_told_in_words(
        ironic: LocalIronic, browser: Chromium,
        make_node: Callable[..., str]) -> None:
    browser.open(ironic.rest.console_url(make_node()) + 'x')
    browser.wait_phase('failed')
    assert browser.text('command').startswith(
        'openstack baremetal node console show ')
    assert browser.run("document.getElementById('retry').hidden")


def test_endpoint_trouble_is_told_in_words(
        ironic: LocalIronic, browser: Chromium,
        make_node: Callable[..., str]) -> None:
    browser.open(ironic.rest.console_url(
        make_node(fake_vnc_fault='never-answers')))
    browser.wait_phase('failed')
    assert 'did not answer in time' in browser.text('message')
    assert not browser.run("document.getElementById('retry').hidden")


def test_disabled_console_is_told_in_words(
        ironic: LocalIronic, browser: Chromium,
        make_node: Callable[..., str]) -> None:
    node = make_node(interface='fake-graphical')
    browser.open(ironic.rest.console_url(node))
    browser.wait_phase('connected')
    ironic.rest.set_console(node, False)
    browser.wait_phase('closed')
    assert 'switched off' in browser.text('message')
    assert browser.run("document.getElementById('retry').hidden")


def test_read_only_console_says_so_and_hears_nothing(
        ironic: LocalIronic, browser: Chromium,
        make_node: Callable[..., str]) -> None:
    node = make_node(console_read_only=True)
    browser.open(ironic.rest.console_url(node))
    browser.wait_phase('connected')
    browser.wait('the badge', lambda: not browser.run(
        "document.getElementById('read-only').hidden"))
    assert browser.run("document.getElementById('ctrl-alt-del').disabled")
    before = whole_text(browser)
    browser.type_text('hello')
    # What the other viewer types arrives later, and alone.
    ironic.rest.set_node(node, driver_info={})
    with ForeignViewer(ironic.rest.console_url(node)) as viewer:
        viewer.press(ord('x'))
        browser.wait('what the other typed',
                     lambda: shown_text(browser) != before)
        viewer.press(0xff08)
        # Half a picture may come first.
        browser.wait('that, and nothing else, to be gone',
                     lambda: shown_text(browser) == before)


def test_typing_reaches_programs_on_a_real_x_display(
        ironic: LocalIronic, browser: Chromium, xvnc: Xvnc,
        make_node: Callable[..., str], tmp_path: pathlib.Path) -> None:
    xterm = shutil.which('xterm')
    assert xterm, 'xterm is missing: apt-get install xterm'
    heard = tmp_path / 'heard'
    with Program([xterm, '-display', f':{xvnc.port}', '-geometry', '80x24+0+0',
                  '-bg', '#204060', '-e', 'tee', str(heard)],
                 tmp_path / 'xterm.log') as program:
        browser.open(ironic.rest.console_url(
            make_node(interface='fake-graphical')))
        browser.wait_phase('connected')
        # Without a window manager the keys go where the pointer is.
        browser.wait_pixel(100, 200, lambda pixel: pixel == Pixel(
            0x20, 0x40, 0x60))
        browser.click(100, 200)
        browser.type_text('Bare Metal 3.8!\n')
        browser.wait('the text in a file',
                     lambda: heard.exists() and heard.read_text()
                     == 'Bare Metal 3.8!\n')
        assert program.running()


def test_console_in_a_frame_of_horizons_tells_its_parent_nothing(
        ironic: LocalIronic, browser: Chromium,
        make_node: Callable[..., str], tmp_path: pathlib.Path) -> None:
    node = make_node()
    link = ironic.rest.console_url(node) + '&title=name%28uuid%29'
    page = tmp_path / 'horizon.html'
    page.write_text('<!doctype html><title>tab</title><iframe id="console" '
                    'width="1000" height="700"></iframe>')
    browser.open(page.as_uri())
    browser.driver.execute_script(
        "window.heard = []; onmessage = (event) => heard.push(event.data);"
        "document.getElementById('console').src = arguments[0]", link)
    browser.driver.switch_to.frame('console')
    try:
        browser.wait_phase('connected')
        browser.wait('colour bars', lambda: look.has_bars(browser))
        assert browser.text('name') == 'name(uuid)'
        # What it shows is for its user alone, also when it ends.
        browser.click_control('open-session')
        ironic.rest.set_console(node, False)
        browser.wait_phase('closed')
    finally:
        browser.driver.switch_to.default_content()
    assert browser.run('heard') == []
    assert browser.driver.title == 'tab'
    assert browser.run("document.getElementById('console').src") == link
