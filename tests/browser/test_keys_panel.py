# SPDX-License-Identifier: Apache-2.0
"""Keys by button, held ones and macros: what a real X display gets of them.

A real Chromium, the proxy, and xev on an Xvnc that obeys QEMU extended key
events; for a server without such events the simulator.
"""

import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.remote.webelement import WebElement

from ironic_console.common import console_url
from ironic_console.common.nodes import NodeRecord
from tests.browser.chromium import Chromium, Size
from tests.helpers.input_recorder import InputRecorder
from tests.helpers.page_proxy import page_proxy
from tests.helpers.proxy import RunningWorker, node_record, ticket_for
from tests.helpers.xvnc import Xvnc
from tests.simulators.rfb_server import RfbServer, good

PHONE = Size(390, 780)
FINGER = 44
STORE = 'ironic-console:macros'
# What X calls keys, where it has another name than the page.
X_NAMES = {
    'Ctrl': 'Control_L', 'Alt': 'Alt_L', 'Shift': 'Shift_L',
    'AltGr': 'ISO_Level3_Shift', 'Win': 'Super_L', 'Esc': 'Escape',
    'Del': 'Delete', 'Ins': 'Insert', 'Enter': 'Return', 'Space': 'space',
    'Backspace': 'BackSpace', 'PageUp': 'Prior', 'PageDown': 'Next',
    'ScrollLock': 'Scroll_Lock'}
# What X makes of a key while others are held.
X_COMBINATIONS = {'Alt+Print': 'Sys_Req', 'Ctrl+Pause': 'Break'}


class Keyboard:
    """What the display has heard of keys; nothing of it twice."""

    def __init__(self, browser: Chromium, recorder: InputRecorder) -> None:
        self._browser = browser
        self._recorder = recorder
        self._heard: list[str] = []

    def take(self, count: int) -> list[str]:
        """Wait for as many key events.

        :returns: all that came; ``+a`` is a press, ``-a`` a release.
        """
        try:
            self._browser.wait(f'{count} key events',
                               lambda: len(self._listen()) >= count)
        except AssertionError as exc:
            raise AssertionError(f'heard {self._heard}; {exc}') from exc
        taken, self._heard = self._heard, []
        return taken

    def has_none(self) -> bool:
        """:returns: nothing has come that was not taken."""
        return not self._listen()

    def _listen(self) -> list[str]:
        for event in self._recorder.take():
            kind, _, name = event.partition(' ')
            if kind in ('KeyPress', 'KeyRelease'):
                self._heard.append(('+' if kind == 'KeyPress' else '-') + name)
        return self._heard


def strokes(*combinations: str) -> list[str]:
    """:returns: what X hears of combinations, such as ``Ctrl+Alt+Del``."""
    heard = []
    for combination in combinations:
        keys = combination.split('+')
        names = [X_COMBINATIONS.get('+'.join(keys[:place]), x_name(key))
                 for place, key in enumerate(keys, 1)]
        heard += [f'+{name}' for name in names]
        heard += [f'-{name}' for name in reversed(names)]
    return heard


def x_name(key: str) -> str:
    return X_NAMES.get(key, key.lower() if len(key) == 1 else key)


@pytest.fixture(scope='module')
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xvnc]:
    # By itself it takes extended key events, but goes by their keysyms.
    with Xvnc(tmp_path_factory.mktemp('display'),
              '-RawKeyboard=1') as server:
        # Nor may it keep Ctrl+Alt+F1, as if it had a console to switch.
        set_layout(server, 'us', '-option', 'srvrkeys:none')
        yield server


@pytest.fixture(scope='module')
def record(display: Xvnc) -> NodeRecord:
    return node_record(display.port)


@pytest.fixture(scope='module')
def proxy(tmp_path_factory: pytest.TempPathFactory, novnc_root: pathlib.Path,
          record: NodeRecord) -> Iterator[RunningWorker]:
    with page_proxy(tmp_path_factory.mktemp('proxy'), novnc_root,
                    record) as worker:
        yield worker


@pytest.fixture
def browser(window: Chromium) -> Iterator[Chromium]:
    """The module's window, on an empty page."""
    window.open('about:blank')
    yield window
    window.stop_emulating()


@pytest.fixture
def page(browser: Chromium, proxy: RunningWorker,
         record: NodeRecord) -> Chromium:
    """A console with an open panel, and no macros."""
    connect(browser, proxy, record)
    browser.run(f"localStorage.removeItem('{STORE}')")
    browser.open_panel('keys')
    return browser


@pytest.fixture
def keyboard(page: Chromium, display: Xvnc, tmp_path: pathlib.Path,
             ) -> Iterator[Keyboard]:
    with InputRecorder(tmp_path, display) as recorder:
        heard = Keyboard(page, recorder)
        yield heard
        assert heard.has_none()


def set_layout(display: Xvnc, *arguments: str) -> None:
    display.run('setxkbmap', 'x11-xkb-utils', *arguments)


def connect(browser: Chromium, proxy: RunningWorker, record: NodeRecord,
            read_only: bool = False) -> None:
    host, port = proxy.address
    browser.open(console_url.build(
        f'http://{host}:{port}/console.html', record.uuid,
        ticket_for(record, read_only=read_only)))
    browser.wait_phase('connected')


def find(browser: Chromium, selector: str) -> WebElement:
    return browser.driver.find_element('css selector', selector)


def click(browser: Chromium, selector: str) -> None:
    element = find(browser, selector)
    # Not only to where the heading of the panel covers half of it.
    browser.run("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def hold(browser: Chromium, key: str) -> None:
    click(browser, f'[data-hold={key}]')


def state(browser: Chromium, key: str) -> Any:
    return find(browser, f'[data-hold={key}]').get_attribute('data-state')


def buttons(browser: Chromium, selector: str) -> list[WebElement]:
    found = browser.driver.find_elements('css selector', selector)
    assert found
    return found


def write(browser: Chromium, element_id: str, text: str) -> None:
    field = browser.driver.find_element('id', element_id)
    field.clear()
    field.send_keys(text)


def save_macro(browser: Chromium, name: str, text: str) -> None:
    write(browser, 'macro-text', text)
    browser.click_control('macro-keep')
    write(browser, 'macro-name', name)
    browser.click_control('macro-save')


def macros(browser: Chromium) -> list[str]:
    """:returns: names on the buttons."""
    return list(browser.run("[...document.querySelectorAll('.macro')]"
                            ".map(one => one.textContent)"))


def focused_id(browser: Chromium) -> Any:
    return browser.run('document.activeElement.id')


# -- buttons ------------------------------------------------------------------

def test_every_button_presses_its_keys_in_order_and_releases_them(
        page: Chromium, keyboard: Keyboard) -> None:
    for group in ('setup', 'moving', 'combinations'):
        found = buttons(page, f'#keys-{group} [data-keys]')
        pressed = [str(one.get_attribute('data-keys')) for one in found]
        for button in found:
            button.click()
        expected = strokes(*pressed)
        assert keyboard.take(len(expected)) == expected


@pytest.mark.parametrize('before', ['', 'Alt+', 'Ctrl+Alt+'])
def test_function_keys_alone_and_with_what_is_held_before_them(
        page: Chromium, keyboard: Keyboard, before: str) -> None:
    click(page, f'#keys-before [value="{before}"]')
    for button in buttons(page, '#keys-function [data-keys]'):
        button.click()
    expected = strokes(*[f'{before}F{n}' for n in range(1, 13)])
    assert keyboard.take(len(expected)) == expected


def test_ctrl_alt_del_is_one_click_on_the_bar(
        page: Chromium, keyboard: Keyboard) -> None:
    page.click_control('ctrl-alt-del')
    assert keyboard.take(6) == strokes('Ctrl+Alt+Del')


def test_who_clicks_types_on_and_who_uses_keys_stays(
        page: Chromium, keyboard: Keyboard) -> None:
    click(page, '#keys-setup [data-keys=F2]')
    keyboard.take(2)
    page.type_text('a')
    assert keyboard.take(2) == strokes('A')
    page.run("document.querySelector('#keys-setup [data-keys=F2]').focus()")
    page.press('Enter')
    assert keyboard.take(2) == strokes('F2')
    assert page.run("document.activeElement.dataset.keys") == 'F2'


def test_scancodes_tell_the_place_where_the_server_takes_them(
        page: Chromium, keyboard: Keyboard, display: Xvnc) -> None:
    set_layout(display, 'fr')
    try:
        click(page, '[data-keys="Ctrl+Z"]')
        assert keyboard.take(4) == ['+Control_L', '+w', '-w', '-Control_L']
    finally:
        set_layout(display, 'us')


def test_servers_without_extended_key_events_get_keysyms_of_a_us_keyboard(
        browser: Chromium, tmp_path: pathlib.Path,
        novnc_root: pathlib.Path) -> None:
    def events(*keysyms: int) -> bytes:
        return b''.join(b'\4%c\0\0%s' % (down, keysym.to_bytes(4))
                        for down, some in ((1, keysyms), (0, keysyms[::-1]))
                        for keysym in some)

    with RfbServer(good()) as server:
        record = node_record(server.port)
        with page_proxy(tmp_path, novnc_root, record) as proxy:
            connect(browser, proxy, record)
            browser.open_panel('keys')
            write(browser, 'macro-text', 'Ctrl+Alt+F1 Shift+1 Print')
            browser.click_control('macro-send')
            expected = (events(0xffe3, 0xffe9, 0xffbe)
                        + events(0xffe1, ord('!')) + events(0xff61))
            browser.wait('the keys', lambda:
                         server.peer().received.endswith(expected))


# -- Magic SysRq --------------------------------------------------------------

def test_harmless_sysrq_is_sent_at_once(
        page: Chromium, keyboard: Keyboard) -> None:
    for letter in 'RS':
        click(page, f'[data-sysrq={letter}]')
    expected = ['+Alt_L', '+Sys_Req', '+r', '-r', '-Sys_Req', '-Alt_L']
    assert keyboard.take(12) == expected + [
        event.replace('r', 's') if event[1:] == 'r' else event
        for event in expected]


@pytest.mark.parametrize('letter', 'EIUB')
def test_fatal_sysrq_warns_and_is_sent_when_confirmed(
        page: Chromium, keyboard: Keyboard, letter: str) -> None:
    click(page, f'[data-sysrq={letter}]')
    assert 'at once' in page.text('sysrq-warning')
    assert focused_id(page) == 'sysrq-cancel'
    page.press('Enter')
    assert not find(page, '#sysrq-question').is_displayed()
    assert keyboard.has_none()
    click(page, f'[data-sysrq={letter}]')
    page.click_control('sysrq-send')
    small = letter.lower()
    assert keyboard.take(6) == ['+Alt_L', '+Sys_Req', f'+{small}',
                                f'-{small}', '-Sys_Req', '-Alt_L']
    assert not find(page, '#sysrq-question').is_displayed()


# -- held for the next key ----------------------------------------------------

def test_a_held_modifier_is_for_one_real_key(
        page: Chromium, keyboard: Keyboard) -> None:
    hold(page, 'Ctrl')
    assert keyboard.take(1) == ['+Control_L']
    assert 'Ctrl is held' in page.text('keys-held')
    page.type_text('cd')
    assert keyboard.take(5) == [
        '+c', '-c', '-Control_L', '+d', '-d']
    assert state(page, 'Ctrl') == 'off'
    assert page.text('keys-held') == ''


def test_what_is_held_is_seen_on_the_bar_too(
        page: Chromium, keyboard: Keyboard) -> None:
    hold(page, 'Ctrl')
    hold(page, 'Alt')
    page.press('a')
    assert keyboard.take(6)[:2] == ['+Control_L', '+Alt_L']
    assert page.text('open-keys') == 'Keys'
    hold(page, 'Ctrl')
    page.click(10, 300)
    assert not find(page, '#panel-keys').is_displayed()
    assert page.text('open-keys') == 'Keys: Ctrl'
    page.type_text('c')
    assert keyboard.take(4) == ['+Control_L', '+c', '-c', '-Control_L']
    assert page.text('open-keys') == 'Keys'


def test_a_double_click_locks_it_until_it_is_clicked_again(
        page: Chromium, keyboard: Keyboard) -> None:
    hold(page, 'Ctrl')
    hold(page, 'Ctrl')
    assert state(page, 'Ctrl') == 'locked'
    page.type_text('cd')
    click(page, '#keys-setup [data-keys=F2]')
    assert keyboard.take(7) == [
        '+Control_L', '+c', '-c', '+d', '-d', '+F2', '-F2']
    hold(page, 'Ctrl')
    assert keyboard.take(1) == ['-Control_L']


def test_held_modifiers_join_and_go_with_a_button(
        page: Chromium, keyboard: Keyboard) -> None:
    for key in ('Ctrl', 'Alt', 'Win'):
        hold(page, key)
    click(page, '#keys-setup [data-keys=Del]')
    assert keyboard.take(8) == [
        '+Control_L', '+Alt_L', '+Super_L', '+Delete', '-Delete',
        '-Super_L', '-Alt_L', '-Control_L']


def test_the_windows_key_works_with_any_letter(
        page: Chromium, keyboard: Keyboard) -> None:
    hold(page, 'Win')
    page.type_text('l')
    assert keyboard.take(4) == ['+Super_L', '+l', '-l', '-Super_L']


def test_who_types_fast_gets_it_for_the_first_key(
        page: Chromium, keyboard: Keyboard) -> None:
    hold(page, 'Ctrl')
    # The second key goes down before the first comes up.
    for event, key in [('keyDown', 'c'), ('keyDown', 'd'), ('keyUp', 'c'),
                       ('keyUp', 'd')]:
        page.devtools('Input.dispatchKeyEvent', type=event, key=key,
                      code=f'Key{key.upper()}',
                      windowsVirtualKeyCode=ord(key.upper()))
    assert keyboard.take(6) == [
        '+Control_L', '+c', '-Control_L', '+d', '-c', '-d']


def test_release_all_releases_what_is_held(
        page: Chromium, keyboard: Keyboard) -> None:
    hold(page, 'Shift')
    hold(page, 'Ctrl')
    hold(page, 'Ctrl')
    page.click_control('release-keys')
    assert keyboard.take(4) == [
        '+Shift_L', '+Control_L', '-Control_L', '-Shift_L']
    assert state(page, 'Ctrl') == state(page, 'Shift') == 'off'


def test_screen_readers_hear_whether_a_modifier_is_held(
        page: Chromium, keyboard: Keyboard) -> None:
    button = find(page, '[data-hold=Ctrl]')
    assert button.get_attribute('aria-pressed') == 'false'
    for said, pressed in [('held', 'true'), ('locked', 'true'),
                          ('released', 'false')]:
        button.click()
        assert said in page.text('announcer')
        assert button.get_attribute('aria-pressed') == pressed
    keyboard.take(2)


# -- macros -------------------------------------------------------------------

def test_any_keys_can_be_sent_once(
        page: Chromium, keyboard: Keyboard) -> None:
    write(page, 'macro-text', 'strg+alt+f3 wait 20ms Enter\n')
    assert keyboard.take(8) == strokes('Ctrl+Alt+F3', 'Enter')
    assert focused_id(page) == 'macro-text'
    assert macros(page) == []


def test_a_macro_is_kept_by_the_browser_and_played_by_its_button(
        page: Chromium, keyboard: Keyboard) -> None:
    save_macro(page, '<b>Setup</b>', 'f2 F2 wait 100ms ctrl+alt+delete')
    assert macros(page) == ['<b>Setup</b>']
    page.driver.refresh()
    page.wait_phase('connected')
    page.open_panel('keys')
    click(page, '.macro')
    assert keyboard.take(10) == strokes('F2', 'F2', 'Ctrl+Alt+Del')
    page.type_text('a')
    assert keyboard.take(2) == strokes('A')
    page.wait('its end', lambda: 'sent' in page.text('macro-progress'))
    assert not find(page, '#macro-stop').is_displayed()
    assert page.csp_violations() == []


def test_macros_are_renamed_and_deleted(page: Chromium) -> None:
    save_macro(page, 'One', 'F1')
    save_macro(page, 'Two', 'F2')
    edit = buttons(page, '#macro-list li button:last-child')
    edit[0].click()
    write(page, 'macro-name', 'First')
    page.click_control('macro-save')
    assert macros(page) == ['First', 'Two']
    buttons(page, '#macro-list li button:last-child')[1].click()
    page.click_control('macro-remove')
    assert macros(page) == ['First']
    assert json.loads(page.run(f"localStorage.getItem('{STORE}')")) == [
        {'name': 'First', 'text': 'F1'}]


def test_what_is_wrong_with_a_macro_is_told_and_it_is_not_kept(
        page: Chromium) -> None:
    for name, text, words, field in [
            ('One', 'Ctrl+Foo', '“Foo” is no key', 'macro-text'),
            ('One', 'wait 99s', '“99s” is no time', 'macro-text'),
            ('', 'F2', 'a name', 'macro-name')]:
        page.run("document.getElementById('macro-cancel').click()")
        save_macro(page, name, text)
        assert words in page.text('macro-problem')
        assert focused_id(page) == field
        assert page.run(f"document.getElementById('{field}')"
                        ".getAttribute('aria-invalid')") == 'true'
    assert macros(page) == []
    write(page, 'macro-name', 'One')
    page.click_control('macro-save')
    assert page.text('macro-problem') == ''
    assert macros(page) == ['One']


@pytest.mark.parametrize(('stored', 'kept'), [
    ('{broken', []), ('7', []),
    ('[{"name":"One","text":"F1"},{"name":"Bad","text":"Foo"},null]',
     ['One'])])
def test_a_broken_store_is_told_and_costs_nothing_else(
        page: Chromium, stored: str, kept: list[str]) -> None:
    page.run('localStorage.setItem(arguments[0], arguments[1])', STORE,
             stored)
    page.run("localStorage.setItem('ironic-console:other', '\"kept\"')")
    page.driver.refresh()
    page.wait_phase('connected')
    page.open_panel('keys')
    assert macros(page) == kept
    assert 'cannot be read' in page.text('macro-stored')
    save_macro(page, 'New', 'F2')
    assert macros(page) == [*kept, 'New']
    assert page.run("localStorage.getItem('ironic-console:other')") == (
        '"kept"')
    page.run("localStorage.removeItem('ironic-console:other')")


def test_a_macro_is_stopped_and_nothing_stays_pressed(
        page: Chromium, keyboard: Keyboard) -> None:
    hold(page, 'Ctrl')
    hold(page, 'Ctrl')
    write(page, 'macro-text', 'F5 wait 60s F6\n')
    assert keyboard.take(3) == ['+Control_L', '+F5', '-F5']
    assert 'step' in page.text('macro-progress')
    page.click_control('macro-stop')
    assert keyboard.take(1) == ['-Control_L']
    page.wait('the end', lambda: 'stopped' in page.text('macro-progress'))
    click(page, '#keys-setup [data-keys=F2]')
    assert keyboard.take(2) == strokes('F2')


def test_a_macro_goes_on_while_the_panel_is_closed(
        page: Chromium, keyboard: Keyboard) -> None:
    write(page, 'macro-text', 'F5 wait 3s F6\n')
    heard = keyboard.take(2)
    page.press('Escape')
    assert not find(page, '#panel-keys').is_displayed()
    assert focused_id(page) == 'open-keys'
    # What was slow to be looked at may have come with the others.
    heard += keyboard.take(4 - len(heard))
    assert heard == strokes('F5', 'F6')


# -- when it ends -------------------------------------------------------------

def test_nothing_stays_pressed_when_the_page_goes(
        page: Chromium, keyboard: Keyboard) -> None:
    hold(page, 'Ctrl')
    hold(page, 'Shift')
    assert keyboard.take(2) == ['+Control_L', '+Shift_L']
    page.open('about:blank')
    assert sorted(keyboard.take(2)) == ['-Control_L', '-Shift_L']


def test_nothing_stays_pressed_when_the_connection_ends(
        browser: Chromium, display: Xvnc, tmp_path: pathlib.Path,
        novnc_root: pathlib.Path) -> None:
    record = node_record(display.port)
    with InputRecorder(tmp_path, display) as recorder:
        with page_proxy(tmp_path, novnc_root, record) as proxy:
            connect(browser, proxy, record)
            browser.open_panel('keys')
            keyboard = Keyboard(browser, recorder)
            hold(browser, 'Alt')
            hold(browser, 'Alt')
            write(browser, 'macro-text', 'F5 wait 60s F6\n')
            assert keyboard.take(3) == ['+Alt_L', '+F5', '-F5']
        browser.wait('the end', lambda: browser.phase() != 'connected')
        assert keyboard.take(1) == ['-Alt_L']
        assert state(browser, 'Alt') == 'off'
        browser.wait('the end of the macro', lambda:
                     'stopped' in browser.text('macro-progress'))


def test_a_read_only_session_says_why_there_are_no_keys(
        browser: Chromium, proxy: RunningWorker, record: NodeRecord) -> None:
    connect(browser, proxy, record, read_only=True)
    browser.wait('the badge', lambda: browser.text('read-only'))
    browser.open_panel('keys')
    browser.wait('the words', lambda: 'read-only' in find(
        browser, '#keys-read-only').text)
    found = buttons(browser, '#all-keys button')
    assert not any(one.is_enabled() for one in found)
    assert not find(browser, '#macro-text').is_enabled()


# -- fingers and keyboards ----------------------------------------------------

def test_fingers_get_large_buttons_with_those_of_the_firmware_first(
        page: Chromium, keyboard: Keyboard) -> None:
    page.emulate(PHONE, touch=True)
    page.wait('a coarse pointer',
              lambda: page.run("matchMedia('(pointer: coarse)').matches"))
    boxes = page.run(
        "[...document.querySelectorAll('#panel-keys button')]"
        ".filter(one => one.offsetParent)"
        ".map(one => [one.offsetWidth, one.offsetHeight])")
    assert min(min(box) for box in boxes) >= FINGER
    first = buttons(page, '#panel-keys [data-keys]')[:6]
    assert [one.text for one in first] == [
        'Esc', 'Del', 'F2', 'F10', 'F11', 'F12']
    for button in first:
        x, y = page.run(
            '(r => [r.x + r.width / 2, r.y + r.height / 2])'
            '(arguments[0].getBoundingClientRect())', button)
        assert page.run('document.elementFromPoint(arguments[0], '
                        'arguments[1]) === arguments[2]', x, y, button)
        for kind, points in (('touchStart', [{'x': x, 'y': y}]),
                             ('touchEnd', [])):
            page.devtools('Input.dispatchTouchEvent', type=kind,
                          touchPoints=points)
    expected = strokes('Esc', 'Del', 'F2', 'F10', 'F11', 'F12')
    assert keyboard.take(12) == expected


def test_the_panel_leaves_most_of_the_screen_to_be_seen(
        page: Chromium) -> None:
    share = ("(r => r.width * r.height / (innerWidth * innerHeight))"
             "(document.getElementById('panel-keys')"
             ".getBoundingClientRect())")
    assert page.run(share) <= 1 / 3
    page.emulate(PHONE, touch=True)
    page.wait('the phone', lambda: page.run('innerWidth') == PHONE.width)
    assert page.run(share) <= 1 / 3


def test_every_control_can_be_reached_by_keyboard(page: Chromium) -> None:
    wanted = page.run(
        "[...document.querySelectorAll('#panel-keys button, "
        "#panel-keys input')].filter(one => one.offsetParent && "
        "(one.type !== 'radio' || one.checked)).length")
    page.run("document.getElementById('panel-keys').focus()")
    reached = set()
    for _ in range(wanted):
        page.press('Tab')
        reached.add(page.run('document.activeElement'))
    assert len(reached) == wanted
    assert all(page.run("arguments[0].closest('#panel-keys') !== null", one)
               for one in reached)
