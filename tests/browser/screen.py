# SPDX-License-Identifier: Apache-2.0
"""The screen of a console as a user handles and sees it.

Opens consoles of a known size, chooses in their screen panel, finds what is
where, and reads pixels from the browser's own screenshots. It expects nothing.
"""

import math
from typing import NamedTuple

from tests.browser.chromium import Chromium, Size
from tests.helpers import png
from tests.helpers.client_log import SET_ENCODINGS, messages
from tests.helpers.endpoints import console_url
from tests.helpers.input_recorder import InputRecorder
from tests.helpers.proxy import RunningWorker, node_record, wait_until
from tests.simulators.rfb_server import Peer

#: Of the display.
SCREEN = Size(200, 150)
#: Of the page.
WINDOW = Size(1024, 700)
LEFT, RIGHT, UP, DOWN = 1, 3, 4, 5


class Box(NamedTuple):
    """Where something is on the page, in CSS pixels."""

    left: float
    top: float
    width: float
    height: float


def show(browser: Chromium, proxy: RunningWorker, port: int, *,
         read_only: bool = False) -> None:
    """Open a console as a newcomer does, and its screen panel."""
    forget(browser, proxy)
    browser.open(console_url(proxy, node_record(port), read_only))
    open_panel(browser)


def show_again(browser: Chromium) -> None:
    """Reload the page: whoever has chosen something comes back."""
    browser.driver.refresh()
    open_panel(browser)


def open_panel(browser: Chromium) -> None:
    browser.wait_phase('connected')
    browser.click_control('open-screen')


def forget(browser: Chromium, proxy: RunningWorker) -> None:
    """Empty the page's storages, from beside the page."""
    host, port = proxy.address
    browser.open(f'http://{host}:{port}/healthz')
    browser.driver.execute_script(
        'localStorage.clear(); sessionStorage.clear()')


def zoom(browser: Chromium, scale: str) -> None:
    """Choose a scale and wait until the canvas has followed.

    :param scale: such as ``fit`` or ``2``.
    """
    browser.click_control(f'scale-{scale}')
    if scale != 'fit':
        browser.wait(f'scale {scale}', lambda: f'at {scale}:1.'
                     in browser.text('shown'))


def box(browser: Chromium, selector: str = '#screen canvas') -> Box:
    return Box(*browser.run(
        '(r => [r.left, r.top, r.width, r.height])(document'
        '.querySelector(arguments[0]).getBoundingClientRect())', selector))


def seen(browser: Chromium, ratio: float) -> png.Picture:
    """:returns: what is on the canvas, in device pixels."""
    where = box(browser)
    left, top = math.floor(where.left), math.floor(where.top)
    whole = browser.capture(
        left, top, math.ceil(where.left + where.width) - left,
        math.ceil(where.top + where.height) - top)
    return whole.crop(
        snap(where.left * ratio) - snap(left * ratio),
        snap(where.top * ratio) - snap(top * ratio),
        snap(where.width * ratio), snap(where.height * ratio))


def snap(number: float) -> int:
    """:returns: the device pixel at which a browser draws an edge."""
    return math.floor(number + 0.5)


def wait_seen(browser: Chromium, ratio: float, picture: png.Picture) -> None:
    browser.wait('exactly these pixels',
                 lambda: seen(browser, ratio) == picture)


def wait_pressed(recorder: InputRecorder, button: int, x: int, y: int,
                 slack: int = 0) -> None:
    """Wait until the latest press is of this button, at this pixel.

    :param slack: so many pixels beside it are as good.
    """
    def is_there() -> bool:
        presses = [(left, top) for event, left, top in recorder.places()
                   if event == f'ButtonPress {button}']
        return bool(presses) and all(
            abs(got - wanted) <= slack for got, wanted
            in zip(presses[-1], (x, y), strict=True))
    wait_until(is_there, f'button {button} at {x}, {y}')


def close_panel(browser: Chromium) -> None:
    browser.driver.execute_script(
        "document.querySelector('#panel-screen .panel-close').click()")


def is_full(browser: Chromium) -> bool:
    return bool(browser.run('document.fullscreenElement !== null'))


def encodings(peer: Peer) -> list[set[int]]:
    """:returns: each SetEncodings that a simulated server has got."""
    return [message.encodings() for message in messages(peer)
            if message.kind == SET_ENCODINGS]


def choose_quality(browser: Chromium, name: str) -> None:
    browser.driver.execute_script(
        "const s = document.getElementById('quality'); "
        "s.value = arguments[0]; s.dispatchEvent(new Event('change'))", name)
