# SPDX-License-Identifier: Apache-2.0
"""Keys and buttons that mean something to browsers, for the page alone.
"""

import pytest

from ironic_console.drivers.displays.chromium import Chromium
from tests.helpers.display_browser import PATIENCE, windows
from tests.helpers.proxy import wait_until
from tests.helpers.scripted_site import Site
from tests.helpers.xvnc import Xvnc

pytestmark = pytest.mark.usefixtures('on_screen')


#: As xdotool names them.
CHORDS = [
    *(f'ctrl+{key}' for key in 'tnopsjuhdlfgkrwaq0'),
    *(f'ctrl+shift+{key}' for key in 'ijntwqoamb'),
    *(f'F{number}' for number in range(1, 13)),
    'ctrl+equal', 'ctrl+minus', 'ctrl+Tab', 'ctrl+F4', 'ctrl+F5',
    'ctrl+shift+Delete', 'ctrl+BackSpace', 'shift+Escape', 'shift+F10',
    'alt+Home', 'alt+Left', 'alt+Right', 'alt+F4', 'alt+space', 'alt+d',
    'alt+f', 'Menu', 'Super_L', 'XF86Back', 'XF86HomePage', 'XF86Search',
    'XF86Refresh', 'Print', 'Escape']
LISTENING = '''() => {
    window.keys = [];
    addEventListener('keydown', (event) => keys.push(event.code));
    window.mark = 'not loaded again';
}'''
UNHARMED = '() => [window.mark, document.title, devicePixelRatio]'


def xdotool(screen: Xvnc, *words: str) -> None:
    screen.run('xdotool', 'xdotool', *words)


@pytest.mark.parametrize('chord', CHORDS)
def test_keys_reach_the_page_and_nothing_else(
        listening: Chromium, screen: Xvnc, chord: str) -> None:
    xdotool(screen, 'key', chord)
    # Had anything come up, what follows would go there.
    for _ in range(3):
        xdotool(screen, 'key', 'z')
    count = chord.count('+') + 4
    codes = wait_until(lambda: listening.page.evaluate(
        '(count) => keys.length >= count && keys.splice(0)', count),
        'keys to arrive', PATIENCE)
    assert len(codes) == count
    assert codes[-3:] == ['KeyZ'] * 3
    assert listening.page.evaluate(UNHARMED) == [
        'not loaded again', 'console', 1]
    assert windows(screen) == 1


@pytest.mark.parametrize('words', [
    ('click', '8'), ('click', '9'), ('click', '3'), ('click', '2'),
    ('keydown', 'ctrl', 'click', '4', 'click', '5', 'click', '5', 'keyup',
     'ctrl')], ids=['back', 'forward', 'menu', 'middle', 'zoom'])
def test_buttons_of_the_mouse_do_nothing_of_a_browser(
        listening: Chromium, screen: Xvnc, words: tuple[str, ...]) -> None:
    xdotool(screen, *words, 'key', 'z')
    wait_until(lambda: listening.page.evaluate(
        '() => keys.splice(0).includes("KeyZ")'), 'a key to arrive', PATIENCE)
    assert listening.page.evaluate(UNHARMED) == [
        'not loaded again', 'console', 1]
    assert windows(screen) == 1


@pytest.fixture(scope='module')
def listening(module_browser: Chromium, module_site: Site, screen: Xvnc,
              ) -> Chromium:
    """The page notes keys, and does not keep the browser from them."""
    module_browser.page.navigate(f'{module_site.url}/console.html')
    module_browser.page.evaluate(LISTENING)
    xdotool(screen, 'mousemove', '600', '400')
    return module_browser
