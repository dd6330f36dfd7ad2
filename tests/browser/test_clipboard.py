# SPDX-License-Identifier: Apache-2.0
"""Both clipboards: nothing passes unless the user asks, and then it does.

The browser has every permission, so that whatever the page tries works.
"""

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.chromium import Chromium
from tests.helpers.client_log import CLIENT_CUT_TEXT, messages
from tests.helpers.endpoints import console_url
from tests.helpers.proxy import RunningWorker, node_record, wait_until
from tests.helpers.xvnc import Xvnc
from tests.simulators.rfb_server import Peer, RfbServer, good

LIMIT = 256 * 1024
OWN = 'what the user has copied elsewhere'
LETTER_Z = bytes.fromhex('04 01 0000 0000007a')
#: Counts what the page does with the browser's clipboard.
_SPY = """
globalThis.touched = [];
for (const name of ['readText', 'read', 'writeText', 'write']) {
    const real = navigator.clipboard[name].bind(navigator.clipboard);
    navigator.clipboard[name] = (...values) => {
        touched.push(name);
        return real(...values);
    };
}
const exec = document.execCommand.bind(document);
document.execCommand = (name, ...rest) => {
    touched.push(name);
    return exec(name, ...rest);
};
"""


@pytest.fixture
def browser(window: Chromium, worker: RunningWorker) -> Iterator[Chromium]:
    """On an empty page; with permissions for the proxy's."""
    origin = 'http://{}:{}'.format(*worker.address)
    window.devtools('Browser.grantPermissions', origin=origin, permissions=[
        'clipboardReadWrite', 'clipboardSanitizedWrite'])
    spy = window.devtools('Page.addScriptToEvaluateOnNewDocument',
                          source=_SPY)
    yield window
    window.devtools('Page.removeScriptToEvaluateOnNewDocument',
                    identifier=spy['identifier'])
    window.devtools('Browser.resetPermissions')
    window.open('about:blank')


@pytest.fixture
def display(tmp_path: pathlib.Path) -> Iterator[Xvnc]:
    with Xvnc(tmp_path, '-geometry', '320x240') as server:
        yield server


def show(browser: Chromium, worker: RunningWorker, port: int, *,
         read_only: bool = False) -> None:
    """Open a console, with something in the browser's clipboard."""
    browser.open(console_url(worker, node_record(port), read_only))
    browser.wait_phase('connected')
    put(browser, OWN)
    browser.driver.execute_script('touched.length = 0')


def put(browser: Chromium, text: str) -> None:
    browser.driver.execute_async_script(
        'navigator.clipboard.writeText(arguments[0]).then(arguments[1])',
        text)


def get(browser: Chromium) -> Any:
    """:returns: what is in the browser's clipboard."""
    return browser.driver.execute_async_script(
        'navigator.clipboard.readText().then(arguments[0])')


def touched(browser: Chromium) -> Any:
    """:returns: calls of clipboard functions since the console was shown."""
    return browser.run('touched')


def fill(browser: Chromium, text: str) -> None:
    browser.driver.execute_script(
        "document.getElementById('clipboard-outgoing').value = arguments[0]",
        text)


def is_marked(browser: Chromium) -> bool:
    return bool(browser.run("document.getElementById('open-clipboard')"
                            ".classList.contains('marked')"))


def value(browser: Chromium, element_id: str) -> Any:
    return browser.run('document.getElementById(arguments[0]).value',
                       element_id)


def is_hidden(browser: Chromium, element_id: str) -> Any:
    return browser.run(
        'document.getElementById(arguments[0]).offsetParent === null',
        element_id)


def texts(peer: Peer) -> list[bytes]:
    """:returns: what a simulated server has got for its clipboard."""
    return [message.text() for message in messages(peer)
            if message.kind == CLIENT_CUT_TEXT]


# -- nothing by itself --------------------------------------------------------

def test_a_text_of_the_server_stays_in_the_page_until_asked_for(
        browser: Chromium, worker: RunningWorker, display: Xvnc) -> None:
    show(browser, worker, display.port)
    assert not is_marked(browser)
    display.copy('a secret of the server')
    browser.wait('the mark', lambda: is_marked(browser))
    browser.click_control('open-clipboard')
    assert 'a text of 22 characters' in browser.text('clipboard-state')
    assert 'secret' not in browser.run('document.body.innerText')
    assert value(browser, 'clipboard-incoming') == ''
    assert is_hidden(browser, 'clipboard-incoming')
    assert touched(browser) == []
    assert get(browser) == OWN
    stored = browser.run('JSON.stringify([{...localStorage},'
                         ' {...sessionStorage}])')
    assert 'secret' not in stored


def test_the_server_gets_nothing_from_the_browsers_clipboard_by_itself(
        browser: Chromium, worker: RunningWorker) -> None:
    with RfbServer(good()) as server:
        show(browser, worker, server.port)
        # Everything that other pages take for a wish.
        browser.driver.execute_script(
            "window.dispatchEvent(new Event('focus'));"
            "document.dispatchEvent(new Event('visibilitychange'));")
        browser.click(20, 20)
        browser.press('Control+c')
        browser.press('Control+v')
        browser.click_control('open-clipboard')
        browser.click_control('open-clipboard')
        peer = server.peer()
        # What came later is there, so whatever was sent before is, too.
        browser.click(30, 30)
        browser.press('z')
        wait_until(lambda: LETTER_Z in [message.body for message
                                        in messages(peer)], 'the key')
        assert texts(peer) == []
        assert touched(browser) == []


def test_what_was_shown_is_not_there_for_the_next_who_opens_the_panel(
        browser: Chromium, worker: RunningWorker, display: Xvnc) -> None:
    show(browser, worker, display.port)
    display.copy('shown once')
    browser.wait('the mark', lambda: is_marked(browser))
    browser.click_control('open-clipboard')
    browser.click_control('show-clipboard')
    assert value(browser, 'clipboard-incoming') == 'shown once'
    fill(browser, 'typed, not sent')
    # The next text was not asked for.
    display.copy('another text!')
    browser.wait('news', lambda: '13 characters'
                 in browser.text('clipboard-state'))
    assert is_hidden(browser, 'clipboard-incoming')
    assert value(browser, 'clipboard-incoming') == ''
    browser.click_control('open-clipboard')
    browser.click_control('open-clipboard')
    assert value(browser, 'clipboard-outgoing') == ''


def test_the_end_of_a_connection_ends_what_is_kept(
        browser: Chromium, worker: RunningWorker, tmp_path: pathlib.Path,
        ) -> None:
    with Xvnc(tmp_path) as display:
        show(browser, worker, display.port)
        display.copy('short-lived')
        browser.wait('the mark', lambda: is_marked(browser))
    browser.wait('the mark to go', lambda: not is_marked(browser))


# -- when the user asks -------------------------------------------------------

@pytest.mark.parametrize('text', [
    'one line', 'two\nlines\n', 'Grüße, ½', '日本語 😀 €', ' x\ty '])
def test_a_text_goes_to_the_server_by_button(
        browser: Chromium, worker: RunningWorker, display: Xvnc, text: str,
        ) -> None:
    show(browser, worker, display.port)
    browser.click_control('open-clipboard')
    fill(browser, text)
    browser.click_control('send-clipboard')
    wait_until(lambda: display.clipboard() == text, 'the text at the server')
    assert f'{len(text)} characters' in browser.text('clipboard-said')
    assert value(browser, 'clipboard-outgoing') == ''
    assert touched(browser) == []
    assert browser.csp_violations() == []


def test_the_browsers_clipboard_is_read_by_button_and_sent_by_another(
        browser: Chromium, worker: RunningWorker, display: Xvnc) -> None:
    show(browser, worker, display.port)
    display.copy('untouched')
    browser.click_control('open-clipboard')
    browser.click_control('take-clipboard')
    browser.wait('the text', lambda: value(
        browser, 'clipboard-outgoing') == OWN)
    assert touched(browser) == ['readText']
    assert display.clipboard() == 'untouched'
    browser.click_control('send-clipboard')
    wait_until(lambda: display.clipboard() == OWN, 'the text at the server')


def test_a_text_of_the_server_is_copied_by_button(
        browser: Chromium, worker: RunningWorker, display: Xvnc) -> None:
    show(browser, worker, display.port)
    display.copy('<b>für dich</b> €\n')
    browser.wait('the mark', lambda: is_marked(browser))
    browser.click_control('open-clipboard')
    browser.click_control('copy-clipboard')
    browser.wait('words', lambda: browser.text('clipboard-said'))
    assert get(browser) == '<b>für dich</b> €\n'
    assert touched(browser)[0] == 'writeText'
    # Never seen, only copied.
    assert is_hidden(browser, 'clipboard-incoming')


def test_without_permission_the_user_is_told_which_keys_do_it(
        browser: Chromium, worker: RunningWorker, display: Xvnc) -> None:
    show(browser, worker, display.port)
    display.copy('by keys')
    browser.wait('the mark', lambda: is_marked(browser))
    browser.devtools('Browser.setPermission', setting='denied',
                     permission={'name': 'clipboard-read'},
                     origin='http://{}:{}'.format(*worker.address))
    browser.click_control('open-clipboard')
    browser.click_control('take-clipboard')
    browser.wait('words', lambda: 'Ctrl+V' in browser.text('clipboard-said'))
    assert browser.run(
        'document.activeElement.id') == 'clipboard-outgoing'
    browser.press('Control+v')
    browser.wait('the text', lambda: value(
        browser, 'clipboard-outgoing') == OWN)
    browser.driver.execute_script(
        "navigator.clipboard.writeText = () => Promise.reject(new Error())")
    browser.click_control('copy-clipboard')
    browser.wait('words', lambda: 'Ctrl+C' in browser.text('clipboard-said'))
    selected = browser.run("document.getSelection().toString()")
    assert selected == 'by keys'


# -- what is not passed on ----------------------------------------------------

def test_what_is_too_long_is_not_sent_and_said_so(
        browser: Chromium, worker: RunningWorker) -> None:
    with RfbServer(good()) as server:
        show(browser, worker, server.port)
        browser.click_control('open-clipboard')
        fill(browser, 'a' * (LIMIT + 1))
        browser.click_control('send-clipboard')
        assert 'more than 256 KiB' in browser.text('clipboard-said')
        # It can be made shorter.
        assert len(value(browser, 'clipboard-outgoing')) == LIMIT + 1
        browser.click_control('open-clipboard')
        browser.click_control('open-clipboard')
        browser.click_control('send-clipboard')
        assert 'no text' in browser.text('clipboard-said')
        fill(browser, 'fits')
        browser.click_control('send-clipboard')
        peer = server.peer()
        wait_until(lambda: texts(peer), 'the text')
        assert texts(peer) == [b'fits']


def announce(length: int) -> Any:
    """A server that copies a text."""
    def behave(peer: Peer) -> None:
        peer.send(b'\x03\0\0\0' + length.to_bytes(4) + b'x' * length)
        peer.wait_for_end()
    return good(after=behave)


def test_what_is_too_long_is_not_kept_and_said_so(
        browser: Chromium, worker: RunningWorker) -> None:
    with RfbServer(announce(LIMIT + 1)) as server:
        show(browser, worker, server.port)
        browser.wait('the mark', lambda: is_marked(browser))
        browser.click_control('open-clipboard')
        assert 'more than 256 KiB' in browser.text('clipboard-state')
        assert browser.run("document.getElementById('copy-clipboard')"
                           '.disabled')


def test_who_may_only_look_gets_no_clipboard(
        browser: Chromium, worker: RunningWorker, display: Xvnc) -> None:
    show(browser, worker, display.port, read_only=True)
    display.copy('not for everybody')
    browser.click_control('open-clipboard')
    browser.wait('words', lambda: not is_hidden(
        browser, 'clipboard-read-only'))
    for name in ('clipboard-outgoing', 'take-clipboard', 'send-clipboard',
                 'copy-clipboard', 'show-clipboard'):
        assert browser.run('document.getElementById(arguments[0]).disabled',
                           name), name
    assert not is_marked(browser)
