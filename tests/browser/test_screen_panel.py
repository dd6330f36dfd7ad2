# SPDX-License-Identifier: Apache-2.0
"""How the page shows the screen: by pixels, in a real Chromium.

What the display shows and hears is known from the side of X; what the user
sees, from the browser's own screenshots.
"""

import contextlib
import math
import pathlib
import struct
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.browser.chromium import (
    DEFAULT_TIMEOUT,
    Chromium,
    Size,
    chromium,
)
from tests.helpers import pattern, png
from tests.helpers.client_log import SET_ENCODINGS, messages
from tests.helpers.endpoints import console_url
from tests.helpers.input_recorder import InputRecorder
from tests.helpers.page_proxy import page_proxy
from tests.helpers.proxy import NODE, RunningWorker, node_record, wait_until
from tests.helpers.slow_line import SlowLine
from tests.helpers.xvnc import Xvnc
from tests.simulators.rfb_server import Behaviour, Peer, RfbServer, good
from tools.lab.ports import free_port

SCREEN = Size(200, 150)
WINDOW = Size(1024, 700)
RATIOS = (1, 1.25, 1.5, 2)
LINE_PORT = free_port()
LEFT, RIGHT, UP, DOWN = 1, 3, 4, 5


class Box(NamedTuple):
    """Where something is on the page, in CSS pixels."""

    left: float
    top: float
    width: float
    height: float


@pytest.fixture(scope='module')
def window() -> Iterator[Chromium]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def browser(window: Chromium) -> Iterator[Chromium]:
    window.emulate(WINDOW)
    yield window
    window.stop_emulating()
    window.open('about:blank')


@pytest.fixture(scope='module', params=RATIOS)
def fine_browser(request: pytest.FixtureRequest) -> Iterator[Chromium]:
    """A browser whose screen has more device pixels than CSS pixels: really,
    because an emulated one rounds in other places."""
    with chromium(Size(1024, 768),
                  f'--force-device-scale-factor={request.param}') as browser:
        yield browser


@pytest.fixture(scope='module')
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xvnc]:
    with Xvnc(tmp_path_factory.mktemp('display'), '-geometry',
              f'{SCREEN.width}x{SCREEN.height}') as server:
        yield server


@pytest.fixture(scope='module')
def recorder(display: Xvnc, tmp_path_factory: pytest.TempPathFactory,
             ) -> Iterator[InputRecorder]:
    with InputRecorder(tmp_path_factory.mktemp('xev'), display) as running:
        yield running


@pytest.fixture(scope='module')
def proxy(tmp_path_factory: pytest.TempPathFactory, novnc_root: pathlib.Path,
          ) -> Iterator[RunningWorker]:
    with page_proxy(tmp_path_factory.mktemp('proxy'), novnc_root,
                    ports=(LINE_PORT,)) as worker:
        yield worker


@pytest.fixture(scope='module')
def line(proxy: RunningWorker) -> Iterator[SlowLine]:
    with SlowLine(proxy.address[1], LINE_PORT) as running:
        yield running


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


# -- size ---------------------------------------------------------------------

@pytest.mark.parametrize('size', [Size(1024, 700), Size(500, 700)])
def test_fit_keeps_the_aspect_and_leaves_the_rest_to_the_page(
        browser: Chromium, proxy: RunningWorker, display: Xvnc, size: Size,
        ) -> None:
    browser.emulate(size)
    display.paint(0x10c0f0)
    show(browser, proxy, display.port)
    close_panel(browser)
    view = box(browser, '#screen')
    # A slower machine lays out later.
    browser.wait('the fitted picture', lambda: math.isclose(
        max(box(browser).width / view.width,
            box(browser).height / view.height), 1, abs_tol=0.01))
    where = box(browser)
    assert math.isclose(where.width / where.height,
                        SCREEN.width / SCREEN.height, rel_tol=0.005)
    browser.wait_pixel(1, 1, lambda pixel: pixel == (0x10, 0xc0, 0xf0))
    shot = browser.capture(*view)
    middle = (shot.width // 2, shot.height // 2)
    assert shot.pixel(*middle) == (0x10, 0xc0, 0xf0)
    beside = (2, 2), (shot.width - 3, shot.height - 3)
    assert {shot.pixel(*place) for place in beside} == {(0xe9, 0xeb, 0xee)}
    # As much on one side as on the other.
    assert abs((where.left - view.left) * 2 + where.width - view.width) < 1
    assert abs((where.top - view.top) * 2 + where.height - view.height) < 1


def test_whole_numbers_show_every_pixel_as_a_square_of_device_pixels(
        fine_browser: Chromium, proxy: RunningWorker, display: Xvnc,
        tmp_path: pathlib.Path) -> None:
    browser = fine_browser
    ratio = browser.run('devicePixelRatio')
    expected = pattern.paint(display, tmp_path, seed=round(10 * ratio))
    show(browser, proxy, display.port)
    for scale in (1, 2, 3):
        zoom(browser, str(scale))
        close_panel(browser)
        where = box(browser)
        assert math.isclose(where.width, scale * SCREEN.width / ratio,
                            abs_tol=0.05)
        assert math.isclose(where.height, scale * SCREEN.height / ratio,
                            abs_tol=0.05)
        wait_seen(browser, ratio, expected.enlarged(scale))
        browser.click_control('open-screen')


def test_sizes_follow_when_the_window_moves_to_a_finer_screen(
        browser: Chromium, proxy: RunningWorker, display: Xvnc) -> None:
    show(browser, proxy, display.port)
    zoom(browser, '2')
    assert box(browser).width == 2 * SCREEN.width
    browser.emulate(WINDOW, 2)
    browser.wait('half as many CSS pixels',
                 lambda: box(browser).width == SCREEN.width)
    browser.emulate(WINDOW, 1)
    browser.wait('all of them again',
                 lambda: box(browser).width == 2 * SCREEN.width)


def test_every_corner_of_a_large_picture_can_be_seen_and_clicked(
        browser: Chromium, proxy: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    browser.emulate(Size(700, 400))
    show(browser, proxy, display.port)
    zoom(browser, '4')
    close_panel(browser)
    recorder.take()
    for x, y in ((0, 0), (199, 0), (0, 149), (199, 149)):
        browser.driver.execute_script(
            "document.getElementById('screen').scrollTo("
            'arguments[0] * 9999, arguments[1] * 9999)', x, y)
        browser.click(x, y)
        wait_pressed(recorder, LEFT, x, y)


def test_clicks_arrive_where_they_are_made_at_every_scale(
        fine_browser: Chromium, proxy: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    browser = fine_browser
    show(browser, proxy, display.port)
    for number, scale in enumerate(('fit', '1', '2', '3')):
        zoom(browser, scale)
        close_panel(browser)
        for x, y in ((7 + number, 3), (100, 75 + number), (191, 145)):
            browser.click(x, y)
            # The driver knows whole CSS pixels only, and one may be more
            # than one pixel of the server.
            step = box(browser).width / SCREEN.width
            slack = 0 if step >= 2 or step == 1 else 1
            wait_pressed(recorder, LEFT, x, y, slack)
        browser.click_control('open-screen')


def test_moving_the_view_by_mouse_and_keys_sends_nothing(
        browser: Chromium, proxy: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    browser.emulate(Size(700, 400))
    show(browser, proxy, display.port)
    assert browser.run("document.getElementById('move-view').hidden")
    zoom(browser, '4')
    browser.wait('the button', lambda: not browser.run(
        "document.getElementById('move-view').hidden"))
    browser.click_control('move-view')
    recorder.take()

    def scrolled() -> Any:
        return browser.run("(s => [s.scrollLeft, s.scrollTop])"
                           "(document.getElementById('screen'))")
    for kind, x, y in (('mousePressed', 400, 300), ('mouseMoved', 300, 250),
                       ('mouseReleased', 300, 250)):
        browser.devtools('Input.dispatchMouseEvent', type=kind, x=x, y=y,
                         button='left', buttons=1, clickCount=1)
    browser.wait('a moved view', lambda: scrolled() == [100, 50])
    browser.press('Right')
    browser.wait('a view further right', lambda: scrolled()[0] > 100)
    browser.press('Down')
    browser.wait('a view further down', lambda: scrolled()[1] > 50)
    assert recorder.take() == []
    browser.press('Escape')
    browser.press('a')
    recorder.wait_for('KeyRelease a')
    assert 'KeyPress Escape' not in recorder.take()


def test_choices_last_until_the_next_visit(
        browser: Chromium, proxy: RunningWorker, display: Xvnc) -> None:
    show(browser, proxy, display.port)
    zoom(browser, '3')
    browser.click_control('dot-cursor')
    choose_quality(browser, 'light')
    show_again(browser)
    browser.wait('3:1', lambda: 'at 3:1.' in browser.text('shown'))
    assert browser.run("document.getElementById('dot-cursor').checked")
    assert browser.run("document.getElementById('quality').value") == 'light'


@pytest.mark.parametrize('stored', ['"7"', '{}', 'null', '[', '-1', '"fit'])
def test_what_somebody_else_has_stored_does_no_harm(
        browser: Chromium, proxy: RunningWorker, display: Xvnc, stored: str,
        ) -> None:
    forget(browser, proxy)
    browser.driver.execute_script(
        "for (const key of ['scale', 'quality', 'dotCursor'])"
        " localStorage.setItem(`ironic-console:${key}`, arguments[0])",
        stored)
    browser.open(console_url(proxy, node_record(display.port)))
    open_panel(browser)
    assert browser.run("document.getElementById('scale-fit').checked")
    assert browser.run(
        "document.getElementById('quality').value") == 'automatic'


# -- full screen --------------------------------------------------------------

def is_full(browser: Chromium) -> bool:
    return bool(browser.run('document.fullscreenElement !== null'))


def test_full_screen_shows_the_screen_alone_and_the_bar_on_demand(
        browser: Chromium, proxy: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    browser.stop_emulating()
    show(browser, proxy, display.port)
    # Whether the keyboard is locked can only be seen on real keyboards; that
    # it should be, here.
    browser.driver.execute_script(
        "globalThis.asked = []; for (const name of ['lock', 'unlock'])"
        " navigator.keyboard[name] = async (...keys) => asked.push("
        " name, ...keys)")
    browser.click_control('full-screen')
    browser.wait('full screen', lambda: is_full(browser))
    browser.move_pointer(100, 75)
    browser.wait('the bar to leave', lambda: box(
        browser, '#bar').top + box(browser, '#bar').height <= 0)
    assert box(browser, '#screen').top == 0
    # Esc is a key like any other now.
    recorder.take()
    browser.press('Escape')
    recorder.wait_for('KeyRelease Escape')
    assert is_full(browser)
    # By mouse, at the upper edge.
    browser.devtools('Input.dispatchMouseEvent', type='mouseMoved', x=500,
                     y=1)
    browser.wait('the bar', lambda: box(browser, '#bar').top == 0)
    browser.move_pointer(100, 75)
    browser.wait('the bar to leave', lambda: box(browser, '#bar').top < 0)
    # By keyboard.
    browser.press('Control+Alt+Shift')
    browser.wait('the bar', lambda: box(browser, '#bar').top == 0)
    browser.click_control('open-screen')
    panel = box(browser, '#panel-screen')
    bar = box(browser, '#bar')
    assert panel.top >= bar.top + bar.height - 1
    assert browser.text('full-screen') == 'Leave full screen'
    browser.click_control('full-screen')
    browser.wait('the window', lambda: not is_full(browser))
    assert box(browser, '#bar').top == 0
    assert browser.run('asked') == ['lock', 'unlock']
    assert browser.csp_violations() == []


def test_a_frame_without_permission_says_why_there_is_no_full_screen(
        browser: Chromium, proxy: RunningWorker, display: Xvnc,
        tmp_path: pathlib.Path) -> None:
    url = console_url(proxy, node_record(display.port))
    page = tmp_path / 'around.html'
    page.write_text('<!doctype html><iframe id="console" width="1000" '
                    'height="660"></iframe>')
    browser.open(page.as_uri())
    browser.driver.execute_script(
        "document.getElementById('console').src = arguments[0]", url)
    browser.driver.switch_to.frame('console')
    try:
        browser.wait_phase('connected')
        browser.click_control('open-screen')
        assert browser.run("document.getElementById('full-screen').disabled")
        assert 'tab of its own' in browser.text('full-screen-hint')
    finally:
        browser.driver.switch_to.default_content()


# -- screenshot ---------------------------------------------------------------

@pytest.mark.parametrize('scale', ['fit', '3'])
def test_screenshot_is_the_servers_picture_whatever_is_shown_of_it(
        browser: Chromium, proxy: RunningWorker, display: Xvnc,
        tmp_path: pathlib.Path, scale: str) -> None:
    expected = pattern.paint(display, tmp_path, seed=len(scale))
    browser.devtools('Browser.setDownloadBehavior', behavior='allow',
                     downloadPath=str(tmp_path))
    show(browser, proxy, display.port)
    zoom(browser, scale)
    first = expected.pixel(0, 0)
    browser.wait_pixel(0, 0, lambda pixel: pixel == first)
    # The last row comes last.
    corner = expected.pixel(SCREEN.width - 1, SCREEN.height - 1)
    browser.wait_pixel(SCREEN.width - 1, SCREEN.height - 1,
                       lambda pixel: pixel == corner)

    def is_same() -> bool:
        for old in tmp_path.glob('*.png'):
            old.unlink()
        browser.click_control('save-screenshot')
        file = browser.wait('the file',
                            lambda: next(tmp_path.glob('*.png'), None))
        assert file.name in browser.text('screen-said')
        name, _, time = file.stem.partition('_')
        # The node's name, as the proxy knows it.
        assert name == 'node-7'
        assert len(time) == len('2026-11-22T09-12-36Z')
        return bool(png.read(file.read_bytes()) == expected)
    browser.wait('the same pixels', is_same)
    assert browser.csp_violations() == []


def test_screenshot_is_not_named_after_what_a_link_says(
        browser: Chromium, proxy: RunningWorker, display: Xvnc,
        tmp_path: pathlib.Path) -> None:
    browser.devtools('Browser.setDownloadBehavior', behavior='allow',
                     downloadPath=str(tmp_path))
    url = console_url(proxy, node_record(display.port))
    browser.open(url + '&title=another%20node%20%2F..%2F')
    browser.wait_phase('connected')
    browser.click_control('open-screen')
    browser.wait('the name of the node', lambda: NODE in str(
        browser.run("document.getElementById('name').title")))
    browser.click_control('save-screenshot')
    file = browser.wait('the file',
                        lambda: next(tmp_path.glob('*.png'), None))
    assert file.name.startswith('node-7_')


# -- touch --------------------------------------------------------------------

def touch(browser: Chromium, kind: str, *points: tuple[float, float]) -> None:
    browser.devtools('Input.dispatchTouchEvent', type=kind, touchPoints=[
        {'x': x, 'y': y, 'id': number} for number, (x, y)
        in enumerate(points)])


@contextlib.contextmanager
def phone(browser: Chromium, proxy: RunningWorker, display: Xvnc,
          ) -> Iterator[None]:
    """A console on a small device, its panel closed."""
    browser.emulate(Size(420, 700), 2, touch=True)
    show(browser, proxy, display.port)
    close_panel(browser)
    yield
    assert browser.csp_violations() == []


def place(browser: Chromium, x: int, y: int) -> tuple[float, float]:
    """:returns: where a pixel of the server is on the page."""
    where = box(browser)
    return (where.left + (x + 0.5) * where.width / SCREEN.width,
            where.top + (y + 0.5) * where.height / SCREEN.height)


def test_a_tap_clicks_where_it_is_made(
        browser: Chromium, proxy: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    with phone(browser, proxy, display):
        touch(browser, 'touchStart', place(browser, 60, 40))
        touch(browser, 'touchEnd')
        wait_pressed(recorder, LEFT, 60, 40)
        wait_until(lambda: recorder.places()[-1:] == [
            ('ButtonRelease 1', 60, 40)], 'the button up')


def test_a_long_press_is_the_right_button(
        browser: Chromium, proxy: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    with phone(browser, proxy, display):
        touch(browser, 'touchStart', place(browser, 61, 41))
        wait_pressed(recorder, RIGHT, 61, 41)
        touch(browser, 'touchEnd')
        wait_until(lambda: recorder.places()[-1:] == [
            ('ButtonRelease 3', 61, 41)], 'the button up')


def test_two_fingers_scroll_what_the_server_shows(
        browser: Chromium, proxy: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    with phone(browser, proxy, display):
        recorder.take()
        x, y = place(browser, 100, 75)
        for button, way in ((DOWN, -1), (UP, 1)):
            touch(browser, 'touchStart', (x, y))
            touch(browser, 'touchStart', (x, y), (x + 60, y))
            for step in range(1, 13):
                touch(browser, 'touchMove', (x, y + 12 * way * step),
                      (x + 60, y + 12 * way * step))
            recorder.wait_for(f'ButtonRelease {button}')
            touch(browser, 'touchEnd')


def test_fingers_can_move_the_view(
        browser: Chromium, proxy: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    with phone(browser, proxy, display):
        browser.click_control('open-screen')
        zoom(browser, '4')
        browser.click_control('scale-4')
        browser.emulate(Size(300, 500), 2, touch=True)
        browser.wait('the button', lambda: not browser.run(
            "document.getElementById('move-view').hidden"))
        browser.click_control('move-view')
        recorder.take()
        touch(browser, 'touchStart', (200, 300))
        for step in range(1, 11):
            touch(browser, 'touchMove', (200 - 8 * step, 300))
        touch(browser, 'touchEnd')
        browser.wait('a moved view', lambda: browser.run(
            "document.getElementById('screen').scrollLeft") > 20)
        assert [event for event in recorder.take()
                if event.startswith('Button')] == []
        browser.click_control('stop-moving')
        assert browser.run("document.getElementById('stop-moving').hidden")


def test_fingers_get_the_bar_out_in_full_screen(
        browser: Chromium, proxy: RunningWorker, display: Xvnc) -> None:
    with phone(browser, proxy, display):
        browser.click_control('open-screen')
        browser.click_control('full-screen')
        browser.wait('full screen', lambda: is_full(browser))
        browser.wait('the bar to leave',
                     lambda: box(browser, '#bar').top < 0)
        handle = box(browser, '#show-bar')
        assert min(handle.width, handle.height) >= 44
        touch(browser, 'touchStart', (handle.left + 20, handle.top + 20))
        touch(browser, 'touchEnd')
        browser.wait('the bar', lambda: box(browser, '#bar').top == 0)
        touch(browser, 'touchStart', place(browser, 100, 100))
        touch(browser, 'touchEnd')
        browser.wait('the bar to leave',
                     lambda: box(browser, '#bar').top < 0)
        browser.run('document.exitFullscreen()')
        browser.wait('the window', lambda: not is_full(browser))


# -- the server's side --------------------------------------------------------

def test_the_servers_screen_takes_the_size_of_the_window(
        browser: Chromium, proxy: RunningWorker,
        tmp_path: pathlib.Path) -> None:
    with Xvnc(tmp_path, '-geometry', '320x240') as display:
        show(browser, proxy, display.port)
        zoom(browser, '2')
        browser.click_control('follow')
        view = box(browser, '#screen')
        wait_until(lambda: display.size() == (view.width, view.height),
                   'the size of the view')
        browser.wait('1:1', lambda: 'at 1:1.' in browser.text('shown'))
        assert browser.run("document.getElementById('scale-1').disabled")
        browser.emulate(Size(800, 500))
        smaller = browser.wait('a smaller view', lambda: (
            box(browser, '#screen').width == 800 and box(browser, '#screen')))
        wait_until(lambda: display.size() == (smaller.width, smaller.height),
                   'the size of the smaller view')
        browser.click_control('follow')
        browser.emulate(WINDOW)
        browser.wait('2:1', lambda: 'at 2:1.' in browser.text('shown'))
        assert display.size() == (smaller.width, smaller.height)


def test_a_server_that_cannot_change_its_size_is_told_of(
        browser: Chromium, proxy: RunningWorker) -> None:
    with RfbServer(good(width=320, height=240)) as server:
        show(browser, proxy, server.port)
        browser.click_control('follow')
        browser.wait('words', lambda: 'has not changed its size'
                     in browser.text('screen-said'))
        assert not browser.run("document.getElementById('follow').checked")
        assert not browser.run("document.getElementById('scale-1').disabled")


def test_who_may_only_look_cannot_change_the_servers_size(
        browser: Chromium, proxy: RunningWorker, display: Xvnc) -> None:
    show(browser, proxy, display.port, read_only=True)
    browser.wait('the box to be disabled', lambda: browser.run(
        "document.getElementById('follow').disabled"))
    assert 'only look' in browser.text('panel-screen')
    zoom(browser, '2')


def encodings(peer: Peer) -> list[set[int]]:
    """:returns: each SetEncodings that a simulated server has got."""
    return [message.encodings() for message in messages(peer)
            if message.kind == SET_ENCODINGS]


def choose_quality(browser: Chromium, name: str) -> None:
    browser.driver.execute_script(
        "const s = document.getElementById('quality'); "
        "s.value = arguments[0]; s.dispatchEvent(new Event('change'))", name)


@pytest.mark.parametrize(('name', 'quality', 'compression'), [
    ('sharp', 9, 1), ('light', 3, 6), ('lightest', 0, 9)])
def test_the_chosen_quality_is_asked_for(
        browser: Chromium, proxy: RunningWorker, name: str, quality: int,
        compression: int) -> None:
    with RfbServer(good()) as server:
        show(browser, proxy, server.port)
        peer = server.peer()
        first = browser.wait('the first', lambda: encodings(peer))[0]
        assert {-32 + 6, -256 + 2} <= first
        choose_quality(browser, name)
        wait_until(lambda: {-32 + quality, -256 + compression}
                   <= encodings(peer)[-1], 'the choice')
        # The next connection begins with it.
        show_again(browser)
        peer = server.peer(1)
        assert {-32 + quality, -256 + compression} <= browser.wait(
            'the first', lambda: encodings(peer))[0]


def in_two_parts(more: threading.Event) -> Behaviour:
    """A server that sends a picture, and another one when it is told to."""
    def raw(width: int, height: int) -> bytes:
        return (struct.pack('>BxHHHHHi', 0, 1, 0, 0, width, height, 0)
                + b'\x80' * 4 * width * height)

    def behave(peer: Peer) -> None:
        peer.send(raw(400, 150))
        if more.wait(2 * DEFAULT_TIMEOUT):
            peer.send(raw(100, 100))
        peer.wait_for_end()
    return good(width=400, height=300, after=behave)


@pytest.mark.parametrize(('rate', 'quality', 'words'), [
    (20_000, (3, 0), 'slow lines'), (0, (9, 6), 'now: ')])
def test_automatic_quality_follows_the_line(
        browser: Chromium, proxy: RunningWorker, line: SlowLine, rate: int,
        quality: tuple[int, ...], words: str) -> None:
    more = threading.Event()
    with RfbServer(in_two_parts(more)) as server:
        forget(browser, proxy)
        url = urllib.parse.urlsplit(
            console_url(proxy, node_record(server.port)))
        line.rate = 0
        browser.open(url._replace(netloc=f'127.0.0.1:{line.port}').geturl())
        open_panel(browser)
        # A first picture alone is no reason to measure.
        browser.wait_pixel(1, 1, lambda pixel: pixel == (128, 128, 128))
        sample = ("performance.getEntriesByName(performance"
                  ".getEntriesByType('resource').find(one => one.name"
                  ".endsWith('core/rfb.js')).name).length")
        before = browser.run(sample)
        line.rate = rate
        more.set()
        browser.wait('a measurement', lambda: browser.run(sample) > before)
        wait_until(lambda: any(
            -32 + one in encodings(server.peer())[-1] for one in quality),
            'the quality for this line')
        assert words in browser.run(
            "document.getElementById('quality').options[0].text")


def test_a_dot_is_shown_where_the_server_shows_no_pointer(
        browser: Chromium, proxy: RunningWorker) -> None:
    with RfbServer(good()) as server:
        show(browser, proxy, server.port)
        cursor = "document.querySelector('#screen canvas').style.cursor"
        assert browser.run(cursor) == 'none'
        browser.click_control('dot-cursor')
        assert 'url(' in browser.run(cursor)
        browser.click_control('dot-cursor')
        assert browser.run(cursor) == 'none'
        assert browser.csp_violations() == []
