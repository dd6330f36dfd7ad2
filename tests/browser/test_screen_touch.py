# SPDX-License-Identifier: Apache-2.0
"""The screen under fingers: an emulated phone, a real X display."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.browser.chromium import Chromium, Size
from tests.browser.screen import (
    DOWN,
    LEFT,
    RIGHT,
    SCREEN,
    UP,
    box,
    close_panel,
    is_full,
    show,
    wait_pressed,
    zoom,
)
from tests.helpers.input_recorder import InputRecorder
from tests.helpers.proxy import RunningWorker, wait_until
from tests.helpers.xvnc import Xvnc


@pytest.fixture
def browser(window: Chromium) -> Iterator[Chromium]:
    yield window
    window.stop_emulating()
    window.open('about:blank')


def touch(browser: Chromium, kind: str, *points: tuple[float, float]) -> None:
    browser.devtools('Input.dispatchTouchEvent', type=kind, touchPoints=[
        {'x': x, 'y': y, 'id': number} for number, (x, y)
        in enumerate(points)])


@contextlib.contextmanager
def phone(browser: Chromium, worker: RunningWorker, display: Xvnc,
          ) -> Iterator[None]:
    """A console on a small device, its panel closed."""
    browser.emulate(Size(420, 700), 2, touch=True)
    show(browser, worker, display.port)
    close_panel(browser)
    yield
    assert browser.csp_violations() == []


def place(browser: Chromium, x: int, y: int) -> tuple[float, float]:
    """:returns: where a pixel of the server is on the page."""
    where = box(browser)
    return (where.left + (x + 0.5) * where.width / SCREEN.width,
            where.top + (y + 0.5) * where.height / SCREEN.height)


def test_a_tap_clicks_where_it_is_made(
        browser: Chromium, worker: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    with phone(browser, worker, display):
        touch(browser, 'touchStart', place(browser, 60, 40))
        touch(browser, 'touchEnd')
        wait_pressed(recorder, LEFT, 60, 40)
        wait_until(lambda: recorder.places()[-1:] == [
            ('ButtonRelease 1', 60, 40)], 'the button up')


def test_a_long_press_is_the_right_button(
        browser: Chromium, worker: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    with phone(browser, worker, display):
        touch(browser, 'touchStart', place(browser, 61, 41))
        wait_pressed(recorder, RIGHT, 61, 41)
        touch(browser, 'touchEnd')
        wait_until(lambda: recorder.places()[-1:] == [
            ('ButtonRelease 3', 61, 41)], 'the button up')


def test_two_fingers_scroll_what_the_server_shows(
        browser: Chromium, worker: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    with phone(browser, worker, display):
        recorder.take()
        x, y = place(browser, 100, 75)
        for button, way in ((DOWN, -1), (UP, 1)):
            # Together: a finger that comes late belongs to nothing.
            touch(browser, 'touchStart', (x, y), (x + 60, y))
            for step in range(1, 13):
                touch(browser, 'touchMove', (x, y + 12 * way * step),
                      (x + 60, y + 12 * way * step))
            recorder.wait_for(f'ButtonRelease {button}')
            touch(browser, 'touchEnd')


def test_fingers_can_move_the_view(
        browser: Chromium, worker: RunningWorker, display: Xvnc,
        recorder: InputRecorder) -> None:
    with phone(browser, worker, display):
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
        browser: Chromium, worker: RunningWorker, display: Xvnc) -> None:
    with phone(browser, worker, display):
        browser.click_control('open-screen')
        browser.click_control('full-screen')
        browser.wait('full screen', lambda: is_full(browser))
        # All of it: what is left would be in the way of the finger.
        browser.wait('the bar to be gone', lambda: box(
            browser, '#bar').top + box(browser, '#bar').height <= 0)
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
