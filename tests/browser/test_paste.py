# SPDX-License-Identifier: Apache-2.0
"""Texts that the page types: what arrives under every keyboard layout.

A real Chromium types through the proxy on a real X display whose keymap is
that of the layout; a terminal there writes down what it gets. Once the server
takes scancodes, once a BMC between them knows keysyms of a US keyboard only.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from ironic_console.common.nodes import NodeRecord
from tests.browser.chromium import Chromium
from tests.helpers.endpoints import console_url
from tests.helpers.keysym_bmc import KeysymBmc
from tests.helpers.proxy import NODE, OTHER, RunningWorker, node_record
from tests.helpers.typewriter import PATIENCE, Typewriter
from tests.helpers.xvnc import Xvnc
from tools import keyboard_layouts
from tools.keyboard_layouts import LAYOUTS, Layout
from tools.lab.xkb import Compose

SIZE = 2000
#: Keys that keyboards have and US keyboards do not.
EXTRA_KEYS = {'IntlBackslash', 'IntlRo', 'IntlYen'}
SHIFT = 0xffe1
_CHOOSE = """(() => {
    const field = document.getElementById(arguments[0]);
    field[arguments[1]] = arguments[2];
    field.dispatchEvent(new Event('input', {bubbles: true}));
})()"""


@pytest.fixture(scope='module')
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xvnc]:
    # As a machine does: what a key types is for the host's own keymap.
    with Xvnc(tmp_path_factory.mktemp('host'), '-RawKeyboard') as display:
        yield display


@pytest.fixture(scope='module')
def terminal(tmp_path_factory: pytest.TempPathFactory, host: Xvnc,
             ) -> Iterator[Typewriter]:
    with Typewriter(tmp_path_factory.mktemp('terminal'), host) as typewriter:
        yield typewriter


@pytest.fixture(scope='module')
def bmc(host: Xvnc) -> Iterator[KeysymBmc]:
    with KeysymBmc(host) as running:
        yield running


class Page:
    """The panel, as a user has it before him."""

    def __init__(self, browser: Chromium, worker: RunningWorker) -> None:
        self.browser = browser
        self._worker = worker

    def open(self, record: NodeRecord, read_only: bool = False) -> None:
        self.browser.open('about:blank')
        self.browser.open(console_url(self._worker, record, read_only))
        self.browser.wait_phase('connected')
        self.browser.open_panel('paste')

    def choose(self, control: str, value: str | bool) -> None:
        """Set a control as a user does, but quicker."""
        name = 'checked' if isinstance(value, bool) else 'value'
        self.browser.run(_CHOOSE, control, name, value)

    def is_hidden(self, control: str) -> bool:
        return bool(self.browser.run(
            'document.getElementById(arguments[0]).hidden', control))

    def value(self, control: str) -> Any:
        return self.browser.run(
            'document.getElementById(arguments[0]).value', control)

    def prepare(self, text: str, layout: str, speed: str = 'fast') -> None:
        """Fill in everything; returns when the plan is made."""
        self.choose('paste-layout', layout)
        self.choose('paste-speed', speed)
        self.choose('paste-text', text)
        self.browser.wait('a plan', lambda: self.browser.text(
            'paste-preview') or not self.is_hidden('paste-problem'))

    def begin(self) -> None:
        self.browser.click_control('paste-type')

    def wait_done(self) -> str:
        """:returns: what the panel says about it."""
        self.browser.wait('the end of typing',
                          lambda: self.browser.text('paste-said'), PATIENCE)
        return self.browser.text('paste-said')

    def unknown(self) -> set[str]:
        """:returns: characters that it says it cannot type."""
        return set(self.browser.run(
            "[...document.querySelectorAll('#paste-unknown mark')]"
            ".map(mark => mark.textContent)"))


@pytest.fixture
def page(window: Chromium, worker: RunningWorker) -> Page:
    return Page(window, worker)


@pytest.fixture
def console(page: Page, host: Xvnc, terminal: Typewriter,
            ) -> Iterator[Page]:
    """The panel, open over the terminal."""
    page.open(node_record(host.port, uuid=NODE))
    yield page
    page.browser.open('about:blank')
    page.browser.wait('all keys up', lambda: not terminal.keys_down())
    terminal.take(0)


@pytest.fixture
def bmc_console(page: Page, bmc: KeysymBmc, terminal: Typewriter,
                ) -> Iterator[Page]:
    """The same through the BMC."""
    bmc.heard.clear()
    bmc.unknown.clear()
    page.open(node_record(bmc.port, uuid=OTHER))
    yield page
    page.browser.open('about:blank')
    page.browser.wait('all keys up', lambda: not terminal.keys_down())
    terminal.take(0)


def characters(layout: Layout) -> set[str]:
    """:returns: all that a layout types, by X's own rules."""
    direct = {text for row in layout.rows.values() for text in row
              if text and text not in layout.dead}
    composed = {made for _, _, made in keyboard_layouts.compositions(layout)}
    return (direct | composed | set(''.join(layout.alone.values()))
            | {' ', '\n', '\t'})


def without_extra_keys(layout: Layout) -> Layout:
    """:returns: what is left of a layout on a US keyboard."""
    rows = {code: row for code, row in layout.rows.items()
            if code not in EXTRA_KEYS}
    left = {text for row in rows.values() for text in row}
    return Layout(
        rows,
        {mark: name for mark, name in layout.dead.items() if mark in left},
        {mark: text for mark, text in layout.alone.items() if mark in left})


def shuffled(chars: set[str], seed: str) -> str:
    """:returns: a text of 2,000 characters with each of them in it."""
    chance = random.Random(seed)
    text = sorted(chars)
    text += chance.choices(text, k=SIZE - len(text))
    chance.shuffle(text)
    return ''.join(text)


def length(text: str) -> int:
    return len(text.encode())


@pytest.fixture(scope='module')
def layouts() -> dict[str, Layout]:
    compose = Compose()
    return {name: keyboard_layouts.read_layout(name, compose)
            for name in LAYOUTS}


def test_layout_files_are_what_the_generator_makes() -> None:
    assert keyboard_layouts.main(['--check']) == 0


def test_types_every_character_of_every_layout(
        console: Page, terminal: Typewriter, layouts: dict[str, Layout],
        ) -> None:
    for name, layout in layouts.items():
        text = shuffled(characters(layout), name)
        terminal.use(LAYOUTS[name])
        console.prepare(text, name)
        assert console.unknown() == set(), name
        assert console.is_hidden('paste-limited')
        console.begin()
        assert 'All of it' in console.wait_done()
        assert terminal.take(length(text)) == text, name
    assert terminal.keys_down() == set()
    assert console.browser.csp_violations() == []


def test_types_through_a_bmc_all_that_a_us_keyboard_has_keys_for(
        bmc_console: Page, bmc: KeysymBmc, terminal: Typewriter,
        layouts: dict[str, Layout]) -> None:
    for name, layout in layouts.items():
        left = characters(without_extra_keys(layout))
        text = shuffled(characters(layout), name)
        arriving = ''.join(char for char in text if char in left)
        terminal.use(LAYOUTS[name])
        bmc_console.prepare(text, name)
        lost = characters(layout) - left
        assert bmc_console.is_hidden('paste-problem') == (not lost), name
        assert not bmc_console.is_hidden('paste-limited')
        # The list is cut when it is long.
        assert bmc_console.unknown() <= lost, name
        if lost:
            bmc_console.choose('paste-skip', True)
        bmc_console.begin()
        assert 'All of it' in bmc_console.wait_done()
        assert terminal.take(length(arriving)) == arriving, name
    assert bmc.unknown == set()
    assert bmc.down() == set()


def test_default_speed_arrives_too(
        console: Page, terminal: Typewriter) -> None:
    terminal.use(LAYOUTS['de'])
    text = 'echo "Grüße, é^ @€" | sudo tee ~/x\n'
    console.prepare(text, 'de', 'normal')
    assert 'Enter among them: 1.' in console.browser.text('paste-preview')
    assert ' s.' in console.browser.text('paste-preview')
    console.begin()
    console.wait_done()
    assert terminal.take(length(text)) == text
    assert console.value('paste-text') == ''


def test_user_can_type_and_choose_with_the_keyboard_alone(
        console: Page, terminal: Typewriter) -> None:
    terminal.use(LAYOUTS['us'])
    console.choose('paste-layout', 'us')
    console.browser.type_text('ls -l\nid')
    for _ in range(5):
        console.browser.press('Tab')
    assert console.browser.run('document.activeElement.id') == 'paste-type'
    console.browser.press('Enter')
    console.wait_done()
    assert terminal.take(8) == 'ls -l\nid'


@pytest.mark.parametrize('end', ['cancel', 'escape', 'click into the screen'])
def test_no_key_stays_down_when_typing_is_cancelled(
        console: Page, terminal: Typewriter, end: str) -> None:
    terminal.use(LAYOUTS['us'])
    console.prepare('A' * 200, 'us', 'slow')
    console.begin()
    console.browser.wait('keys down', terminal.keys_down)
    console.browser.wait('progress', lambda: console.value('paste-progress'))
    assert not console.is_hidden('paste-progress')
    if end == 'cancel':
        console.browser.click_control('paste-cancel')
    elif end == 'escape':
        console.browser.press('Escape')
    else:
        console.browser.click(100, 600)
    console.browser.wait('all keys up', lambda: not terminal.keys_down())
    assert 'cancelled' in console.browser.text('announcer')
    assert console.is_hidden('paste-progress')
    heard = terminal.heard()
    assert set(heard) <= {'A'}
    assert len(heard) < 100
    # Typing again tells that nothing of it is left.
    if console.is_hidden('panel-paste'):
        console.browser.open_panel('paste')
    console.prepare('b', 'us')
    console.begin()
    console.wait_done()
    assert terminal.take(len(heard) + 1) == heard + 'b'


@pytest.mark.parametrize('cut', ['proxy', 'page'])
def test_no_key_stays_down_when_the_connection_is_cut(
        bmc_console: Page, bmc: KeysymBmc, worker: RunningWorker,
        cut: str) -> None:
    bmc_console.prepare('A' * 200, 'us', 'slow')
    bmc_console.begin()
    bmc_console.browser.wait('Shift', lambda: SHIFT in bmc.down())
    if cut == 'page':
        bmc_console.browser.open('about:blank')
    else:
        worker.store.records.clear()
        bmc_console.browser.wait_phase('closed')
        assert 'lost' in bmc_console.browser.text('announcer')
        assert bmc_console.value('paste-text') == ''
        assert bmc_console.is_hidden('panel-paste')
    bmc_console.browser.wait('all keys up', lambda: not bmc.down())


def test_hidden_tab_pauses_typing_and_repeats_nothing(
        console: Page, terminal: Typewriter) -> None:
    terminal.use(LAYOUTS['us'])
    driver = console.browser.driver
    text = ''.join(chr(ord('a') + n % 26) for n in range(40))
    console.prepare(text, 'us', 'slow')
    console.begin()
    console.browser.wait('a beginning', terminal.heard)
    first = driver.current_window_handle
    driver.switch_to.new_window('tab')
    try:
        console.browser.wait('all keys up', lambda: not terminal.keys_down())
        # A browser lets timers of hidden pages run once a second.
        with pytest.raises(AssertionError, match='waited'):
            console.browser.wait('a key', terminal.keys_down, 3)
    finally:
        driver.close()
        driver.switch_to.window(first)
    console.wait_done()
    assert terminal.take(len(text)) == text


def test_keys_pressed_meanwhile_do_not_mix_with_the_text(
        console: Page, terminal: Typewriter) -> None:
    terminal.use(LAYOUTS['us'])
    console.prepare('A' * 20, 'us', 'slow')
    console.begin()
    console.browser.wait('a beginning', terminal.heard)
    console.browser.click_control('ctrl-alt-del')
    console.wait_done()
    # As xterm tells of Ctrl+Alt+Delete.
    delete = '\x1b[3;7~'
    heard = terminal.take(20 + len(delete))
    assert delete in heard
    assert heard.replace(delete, '') == 'A' * 20


def test_sticky_modifiers_are_let_go_before_typing(
        console: Page, terminal: Typewriter) -> None:
    terminal.use(LAYOUTS['us'])
    console.browser.open_panel('keys')
    console.browser.driver.find_element(
        'css selector', '[data-hold=Ctrl]').click()
    console.browser.wait('Ctrl', terminal.keys_down)
    console.browser.open_panel('paste')
    console.prepare('abc', 'us')
    console.begin()
    console.wait_done()
    assert terminal.take(3) == 'abc'


def test_characters_that_cannot_be_typed_are_shown_and_stop_it(
        console: Page, terminal: Typewriter) -> None:
    terminal.use(LAYOUTS['us'])
    console.prepare('ab→\n→c\u00a0<i>', 'us')
    assert console.browser.run(
        "document.getElementById('paste-type').disabled")
    assert console.unknown() == {'→', ''}
    told = console.browser.text('paste-unknown')
    assert 'U+2192, 2 times, first in line 1, column 3' in told
    assert 'U+00A0 in line 2, column 3' in told
    console.browser.click_control('paste-skip')
    console.begin()
    console.wait_done()
    assert terminal.take(7) == 'ab\nc<i>'


def test_password_is_hidden_and_kept_nowhere(
        console: Page, terminal: Typewriter) -> None:
    terminal.use(LAYOUTS['de'])
    console.choose('paste-layout', 'de')
    console.choose('paste-speed', 'fast')
    console.browser.click_control('paste-masked')
    assert console.browser.run(
        "document.getElementById('paste-secret').type") == 'password'
    console.choose('paste-secret', 'gehe|m日')
    console.browser.wait('words', lambda: 'Character 7' in
                         console.browser.text('paste-unknown'))
    # Not even the character that cannot be typed is shown.
    assert '日' not in console.browser.text('panel-paste')
    console.choose('paste-secret', 'gehe|m')
    console.choose('paste-enter', True)
    console.browser.type_text('\n')
    console.wait_done()
    assert terminal.take(7) == 'gehe|m\n'
    assert console.value('paste-secret') == ''
    assert 'gehe' not in str(console.browser.run(
        'JSON.stringify([{...localStorage}, {...sessionStorage}])'))
    assert 'gehe' not in str(console.browser.console_log())


def test_hidden_text_is_never_shown_later(console: Page) -> None:
    console.browser.click_control('paste-masked')
    console.choose('paste-secret', 'secret')
    console.browser.click_control('paste-masked')
    assert console.value('paste-text') == ''
    assert console.value('paste-secret') == ''
    console.choose('paste-text', 'two\nlines')
    console.browser.click_control('paste-masked')
    assert 'one line' in console.browser.text('paste-said')
    assert console.value('paste-text') == 'two\nlines'


def test_text_is_gone_when_the_panel_was_closed(console: Page) -> None:
    console.browser.type_text('something☃')
    assert console.value('paste-text') == 'something☃'
    console.browser.wait('words', lambda: '☃' in console.browser.text(
        'panel-paste'))
    console.browser.press('Escape')
    assert '☃' not in console.browser.text('panel-paste')
    console.browser.open_panel('paste')
    assert console.value('paste-text') == ''
    console.browser.press('Control+z')
    assert console.value('paste-text') == ''


def test_layout_and_speed_are_remembered(
        console: Page, host: Xvnc, layouts: dict[str, Layout]) -> None:
    console.prepare('x', 'jp', 'slow')
    console.open(node_record(host.port, uuid=NODE))
    assert console.value('paste-layout') == 'jp'
    assert console.value('paste-speed') == 'slow'
    assert set(console.browser.run(
        "[...document.getElementById('paste-layout').options]"
        ".map(option => option.value)")) == set(layouts)


def test_too_long_a_text_is_refused_in_words(console: Page) -> None:
    console.browser.run(
        "(field => { field.value = 'x'.repeat(100001); field.dispatchEvent("
        "new Event('input', {bubbles: true})); })("
        "document.getElementById('paste-text'))")
    console.browser.wait('words', lambda: '100000' in console.browser.text(
        'paste-preview'))
    assert console.browser.run(
        "document.getElementById('paste-type').disabled")


def test_control_v_in_the_screen_is_the_servers(
        console: Page, terminal: Typewriter) -> None:
    terminal.use(LAYOUTS['us'])
    console.browser.click(100, 600)
    console.browser.press('Control+v')
    assert terminal.take(1) == '\x16'


def test_read_only_console_says_so_and_types_nothing(
        page: Page, host: Xvnc) -> None:
    page.open(node_record(host.port, uuid=NODE), read_only=True)
    page.browser.wait('the words', lambda: not page.is_hidden(
        'paste-read-only'))
    assert page.is_hidden('paste-fields')
    assert page.browser.run(
        "document.getElementById('paste-type').disabled")
