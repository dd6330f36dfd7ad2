# SPDX-License-Identifier: Apache-2.0
"""Whoever cannot see, point or tell colours apart can use the page too."""

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator

import pytest

from ironic_console.common.nodes import NodeRecord
from ironic_console.drivers.testcard.server import TestCardServer
from ironic_console.drivers.testcard.settings import CardSettings
from tests.browser import axe
from tests.browser.chromium import Chromium, Size
from tests.helpers.endpoints import console_url
from tests.helpers.page_proxy import page_proxy
from tests.helpers.proxy import NODE, RunningWorker, node_record

PANELS = ('keys', 'paste', 'clipboard', 'screen', 'session')
WIDE, PHONE = Size(1024, 768), Size(390, 844)
#: What a system may ask of pages.
THEMES = {
    'light': {'prefers-color-scheme': 'light'},
    'dark': {'prefers-color-scheme': 'dark'},
    'light-contrast': {'prefers-color-scheme': 'light',
                       'prefers-contrast': 'more'},
    'dark-contrast': {'prefers-color-scheme': 'dark',
                      'prefers-contrast': 'more'},
    'forced-colors': {'forced-colors': 'active'},
}


@pytest.fixture
def browser(window: Chromium) -> Iterator[Chromium]:
    """The module's window, on an empty page, as large as a frame of
    Horizon's."""
    window.open('about:blank')
    window.emulate(WIDE)
    yield window
    window.stop_emulating()
    window.devtools('Emulation.setEmulatedMedia', features=[])


@pytest.fixture(scope='module')
def node() -> Iterator[NodeRecord]:
    cards = TestCardServer()
    yield node_record(cards.open(CardSettings(NODE, 'node-7')))
    cards.stop()


@pytest.fixture
def worker(tmp_path: pathlib.Path, novnc_root: pathlib.Path,
           ) -> Iterator[RunningWorker]:
    with page_proxy(tmp_path, novnc_root) as running:
        yield running


def choose(browser: Chromium, theme: str) -> None:
    browser.devtools('Emulation.setEmulatedMedia', features=[
        {'name': name, 'value': value}
        for name, value in THEMES[theme].items()])


def connect(browser: Chromium, worker: RunningWorker, node: NodeRecord,
            read_only: bool = False) -> None:
    browser.open(console_url(worker, node, read_only))
    browser.wait_phase('connected')


def open_panel(browser: Chromium, name: str) -> None:
    """Open a panel, wherever its button is, and wait for its content."""
    browser.driver.execute_script(
        'document.getElementById(arguments[0]).click()', f'open-{name}')
    browser.wait(f'panel {name}', lambda: browser.run(
        "document.querySelector(`#panel-${arguments[0]} .panel-body`)"
        '.childElementCount', name))


# -- rules --------------------------------------------------------------------

@pytest.mark.parametrize('size', [WIDE, PHONE], ids=['wide', 'phone'])
@pytest.mark.parametrize('theme', THEMES)
def test_no_rule_is_broken_while_connected(
        browser: Chromium, worker: RunningWorker, node: NodeRecord,
        theme: str, size: Size) -> None:
    choose(browser, theme)
    browser.emulate(size, touch=size is PHONE)
    connect(browser, worker, node)
    found = {'connected': axe.violations(browser)}
    for name in PANELS:
        open_panel(browser, name)
        found[name] = axe.violations(browser)
    assert {state: texts for state, texts in found.items() if texts} == {}


@pytest.mark.parametrize('theme', THEMES)
def test_no_rule_is_broken_before_and_after(
        browser: Chromium, worker: RunningWorker, node: NodeRecord,
        theme: str) -> None:
    choose(browser, theme)
    found = {}
    browser.devtools('Network.enable')
    browser.devtools('Network.setBlockedURLs', urls=['*/js/main.js'])
    browser.open(console_url(worker, node))
    assert browser.phase() == 'starting'
    found['starting'] = axe.violations(browser)
    browser.devtools('Network.setBlockedURLs', urls=[])
    connect(browser, worker, node, read_only=True)
    browser.wait('the badge', lambda: browser.text('read-only'))
    for name in PANELS:
        open_panel(browser, name)
        found[f'read-only {name}'] = axe.violations(browser)
    worker.store.records[NODE] = dataclasses.replace(node, enabled=False)
    browser.wait_phase('closed')
    found['closed'] = axe.violations(browser)
    # Nobody listens at port 1.
    worker.store.records[NODE] = node_record(1)
    browser.open(console_url(worker, node_record(1)))
    browser.wait_phase('failed')
    found['failed'] = axe.violations(browser)
    assert {state: texts for state, texts in found.items() if texts} == {}


def test_no_rule_is_broken_while_waiting(
        browser: Chromium, worker: RunningWorker) -> None:
    cards = TestCardServer()
    try:
        port = cards.open(CardSettings(NODE, 'node-7'))
        connect(browser, worker, node_record(port))
    finally:
        cards.stop()
    browser.wait('the next attempt', lambda: browser.text('countdown'))
    assert axe.violations(browser) == []


# -- keyboard -----------------------------------------------------------------

def focused(browser: Chromium) -> str:
    """:returns: id or name of what has the focus."""
    return str(browser.run(
        "(e => e.id || e.tagName.toLowerCase())(document.activeElement)"))


def walk(browser: Chromium, key: str = 'Tab') -> list[str]:
    """:returns: what has the focus after each press of a key, until it is
    seen again or in the picture, which takes the key."""
    seen: list[str] = []
    for _ in range(60):
        browser.press(key)
        name = focused(browser)
        if name in seen or name == 'canvas':
            return [*seen, name]
        seen.append(name)
    raise AssertionError(f'no end: {seen}')


def leave_screen(browser: Chromium) -> None:
    browser.press('Control+Alt+Shift')
    browser.wait('the bar', lambda: focused(browser) == 'ctrl-alt-del')


def test_every_control_is_reached_by_keyboard(
        browser: Chromium, worker: RunningWorker, node: NodeRecord) -> None:
    connect(browser, worker, node)
    browser.wait('the focus', lambda: focused(browser) == 'canvas')
    leave_screen(browser)
    assert walk(browser) == [*(f'open-{name}' for name in PANELS), 'canvas']
    # The picture takes Tab for the server, and is no trap.
    leave_screen(browser)


@pytest.mark.parametrize('name', PANELS)
def test_panel_is_used_and_left_by_keyboard(
        browser: Chromium, worker: RunningWorker, node: NodeRecord,
        name: str) -> None:
    connect(browser, worker, node)
    button, panel = f'open-{name}', f'panel-{name}'
    open_panel(browser, name)
    browser.press('Escape')
    browser.driver.execute_script(
        'document.getElementById(arguments[0]).focus()', button)
    browser.press('Enter')
    assert browser.run(
        'document.getElementById(arguments[0]).contains('
        'document.activeElement)', panel)
    assert browser.run('document.getElementById(arguments[0])'
                       '.getAttribute("aria-expanded")', button) == 'true'
    browser.press('Escape')
    assert focused(browser) == button
    assert browser.run('document.getElementById(arguments[0]).hidden', panel)


def test_read_only_screen_is_no_trap(
        browser: Chromium, worker: RunningWorker, node: NodeRecord) -> None:
    connect(browser, worker, node, read_only=True)
    browser.wait('the badge', lambda: browser.text('read-only'))
    browser.click(500, 400)
    browser.press('Shift+Tab')
    assert focused(browser) == 'open-session'


# -- panels -------------------------------------------------------------------

@pytest.mark.parametrize('size', [WIDE, Size(800, 600), PHONE], ids=str)
def test_panels_leave_two_thirds_of_the_screen_free(
        browser: Chromium, worker: RunningWorker, node: NodeRecord,
        size: Size) -> None:
    browser.emulate(size, touch=size is PHONE)
    connect(browser, worker, node)
    for name in PANELS:
        open_panel(browser, name)
        part = browser.run(
            '(r => r.width * r.height)(document.getElementById('
            'arguments[0]).getBoundingClientRect()) / (r => r.width * '
            "r.height)(document.querySelector('main')"
            '.getBoundingClientRect())', f'panel-{name}')
        assert 0 < part < 0.335, name
        # Nothing sticks out of it sideways.
        assert browser.run(
            '(e => e.scrollWidth <= e.clientWidth)(document.querySelector('
            'arguments[0]))', f'#panel-{name}'), name
    assert browser.run('document.documentElement.scrollWidth') <= size.width


def test_one_panel_is_open_at_a_time_and_none_after_a_click_on_the_screen(
        browser: Chromium, worker: RunningWorker, node: NodeRecord) -> None:
    connect(browser, worker, node)
    shown = "[...document.querySelectorAll('.panel:not([hidden])')]"
    for name in PANELS:
        browser.click_control(f'open-{name}')
        assert browser.run(f'{shown}.map(e => e.id)') == [f'panel-{name}']
    browser.click(100, 400)
    assert browser.run(f'{shown}.length') == 0


def test_fingers_can_hit_what_they_have_to(
        browser: Chromium, worker: RunningWorker, node: NodeRecord) -> None:
    browser.emulate(PHONE, 2.0, touch=True)
    connect(browser, worker, node)
    small = []
    for name in ('', *PANELS):
        if name:
            open_panel(browser, name)
        small += browser.run(
            "[...document.querySelectorAll('button, select')]"
            '.filter(e => e.checkVisibility())'
            '.map(e => [e, e.getBoundingClientRect()])'
            '.filter(([, r]) => r.width < 44 || r.height < 44)'
            '.map(([e, r]) => `${e.id || e.textContent}: '
            '${r.width} x ${r.height}`)')
    assert small == []


def test_nothing_moves_for_those_who_asked_for_that(
        browser: Chromium, worker: RunningWorker, node: NodeRecord) -> None:
    connect(browser, worker, node)
    for preference, moving in (('no-preference', True), ('reduce', False)):
        browser.devtools('Emulation.setEmulatedMedia', features=[
            {'name': 'prefers-reduced-motion', 'value': preference}])
        names = browser.run(
            "[...document.querySelectorAll('*')].map(e => "
            'getComputedStyle(e)).flatMap(s => [s.animationName, '
            "s.transitionDuration]).filter(v => !['none', '0s'].includes(v))")
        assert bool(names) == moving


def test_system_chooses_the_colours(
        browser: Chromium, worker: RunningWorker, node: NodeRecord) -> None:
    connect(browser, worker, node)
    colours = []
    for theme in THEMES:
        choose(browser, theme)
        colours.append(tuple(browser.run(
            "(s => [s.backgroundColor, s.color, s.borderBottomColor])("
            "getComputedStyle(document.getElementById('bar')))")))
    for one, other in itertools.combinations(colours[:4], 2):
        assert one != other
