# SPDX-License-Identifier: Apache-2.0
"""How the page shows the screen: by pixels, in a real Chromium.

What the display shows and hears is known from the side of X; what the user
sees, from the browser's own screenshots.
"""

import math
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.chromium import Chromium, Size, chromium
from tests.browser.screen import (
    LEFT,
    SCREEN,
    WINDOW,
    box,
    choose_quality,
    close_panel,
    forget,
    is_full,
    open_panel,
    show,
    show_again,
    wait_pressed,
    wait_seen,
    zoom,
)
from tests.helpers import pattern, png
from tests.helpers.endpoints import console_url
from tests.helpers.input_recorder import InputRecorder
from tests.helpers.proxy import NODE, RunningWorker, node_record
from tests.helpers.xvnc import Xvnc

RATIOS = (1, 1.25, 1.5, 2)


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


# -- size ---------------------------------------------------------------------

@pytest.mark.parametrize('size', [Size(1024, 700), Size(500, 700)])
def test_fit_keeps_the_aspect_and_leaves_the_rest_to_the_page(
        browser: Chromium, worker: RunningWorker, display: Xvnc, size: Size,
        ) -> None:
    browser.emulate(size)
    display.paint(0x10c0f0)
    show(browser, worker, display.port)
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
        fine_browser: Chromium, worker: RunningWorker, display: Xvnc,
        tmp_path: pathlib.Path) -> None:
    browser = fine_browser
    ratio = browser.run('devicePixelRatio')
    expected = pattern.paint(display, tmp_path, seed=round(10 * ratio))
    show(browser, worker, display.port)
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
        browser: Chromium, worker: RunningWorker, display: Xvnc) -> None:
    show(browser, worker, display.port)
    zoom(browser, '2')
    assert box(browser).width == 2 * SCREEN.width
    browser.emulate(WINDOW, 2)
    browser.wait('half as many CSS pixels',
                 lambda: box(browser).width == SCREEN.width)
    browser.emulate(WINDOW, 1)
    browser.wait('all of them again',
                 lambda: box(browser).width == 2 * SCREEN.width)


def test_every_corner_of_a_large_picture_can_be_seen_and_clicked(
        browser: Chromium, worker: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    browser.emulate(Size(700, 400))
    show(browser, worker, display.port)
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
        fine_browser: Chromium, worker: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    browser = fine_browser
    show(browser, worker, display.port)
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
        browser: Chromium, worker: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    browser.emulate(Size(700, 400))
    show(browser, worker, display.port)
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
        browser: Chromium, worker: RunningWorker, display: Xvnc) -> None:
    show(browser, worker, display.port)
    zoom(browser, '3')
    browser.click_control('dot-cursor')
    choose_quality(browser, 'light')
    show_again(browser)
    browser.wait('3:1', lambda: 'at 3:1.' in browser.text('shown'))
    assert browser.run("document.getElementById('dot-cursor').checked")
    assert browser.run("document.getElementById('quality').value") == 'light'


@pytest.mark.parametrize('stored', ['"7"', '{}', 'null', '[', '-1', '"fit'])
def test_what_somebody_else_has_stored_does_no_harm(
        browser: Chromium, worker: RunningWorker, display: Xvnc, stored: str,
        ) -> None:
    forget(browser, worker)
    browser.driver.execute_script(
        "for (const key of ['scale', 'quality', 'dotCursor'])"
        " localStorage.setItem(`ironic-console:${key}`, arguments[0])",
        stored)
    browser.open(console_url(worker, node_record(display.port)))
    open_panel(browser)
    assert browser.run("document.getElementById('scale-fit').checked")
    assert browser.run(
        "document.getElementById('quality').value") == 'automatic'


# -- full screen --------------------------------------------------------------

def test_full_screen_shows_the_screen_alone_and_the_bar_on_demand(
        browser: Chromium, worker: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    browser.stop_emulating()
    show(browser, worker, display.port)
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
        browser: Chromium, worker: RunningWorker, display: Xvnc,
        tmp_path: pathlib.Path) -> None:
    url = console_url(worker, node_record(display.port))
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
        browser: Chromium, worker: RunningWorker, display: Xvnc,
        tmp_path: pathlib.Path, scale: str) -> None:
    expected = pattern.paint(display, tmp_path, seed=len(scale))
    browser.devtools('Browser.setDownloadBehavior', behavior='allow',
                     downloadPath=str(tmp_path))
    show(browser, worker, display.port)
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
        browser: Chromium, worker: RunningWorker, display: Xvnc,
        tmp_path: pathlib.Path) -> None:
    browser.devtools('Browser.setDownloadBehavior', behavior='allow',
                     downloadPath=str(tmp_path))
    url = console_url(worker, node_record(display.port))
    browser.open(url + '&title=another%20node%20%2F..%2F')
    browser.wait_phase('connected')
    browser.click_control('open-screen')
    browser.wait('the name of the node', lambda: NODE in str(
        browser.run("document.getElementById('name').title")))
    browser.click_control('save-screenshot')
    file = browser.wait('the file',
                        lambda: next(tmp_path.glob('*.png'), None))
    assert file.name.startswith('node-7_')
