# SPDX-License-Identifier: Apache-2.0
"""What the page asks of the server: its size, quality, and a pointer."""

import pathlib
import struct
import threading
import urllib.parse
from collections.abc import Iterator

import pytest

from tests.browser.chromium import DEFAULT_TIMEOUT, Chromium, Size
from tests.browser.screen import (
    WINDOW,
    box,
    choose_quality,
    encodings,
    forget,
    open_panel,
    show,
    show_again,
    zoom,
)
from tests.helpers.endpoints import console_url
from tests.helpers.page_proxy import page_proxy
from tests.helpers.proxy import RunningWorker, node_record, wait_until
from tests.helpers.slow_line import SlowLine
from tests.helpers.xvnc import Xvnc
from tests.simulators.rfb_server import Behaviour, Peer, RfbServer, good


@pytest.fixture
def browser(window: Chromium) -> Iterator[Chromium]:
    window.emulate(WINDOW)
    yield window
    window.stop_emulating()
    window.open('about:blank')


@pytest.fixture(scope='module')
def line() -> Iterator[SlowLine]:
    """To the worker."""
    with SlowLine() as running:
        yield running


@pytest.fixture(scope='module')
def worker(tmp_path_factory: pytest.TempPathFactory, novnc_root: pathlib.Path,
           line: SlowLine) -> Iterator[RunningWorker]:
    with page_proxy(tmp_path_factory.mktemp('proxy'), novnc_root,
                    ports=(line.port,)) as worker:
        line.to = worker.address[1]
        yield worker


def test_the_servers_screen_takes_the_size_of_the_window(
        browser: Chromium, worker: RunningWorker,
        tmp_path: pathlib.Path) -> None:
    with Xvnc(tmp_path, '-geometry', '320x240') as display:
        show(browser, worker, display.port)
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
        browser: Chromium, worker: RunningWorker) -> None:
    with RfbServer(good(width=320, height=240)) as server:
        show(browser, worker, server.port)
        browser.click_control('follow')
        browser.wait('words', lambda: 'has not changed its size'
                     in browser.text('screen-said'))
        assert not browser.run("document.getElementById('follow').checked")
        assert not browser.run("document.getElementById('scale-1').disabled")


def test_who_may_only_look_cannot_change_the_servers_size(
        browser: Chromium, worker: RunningWorker) -> None:
    with RfbServer(good()) as server:
        show(browser, worker, server.port, read_only=True)
        browser.wait('the box to be disabled', lambda: browser.run(
            "document.getElementById('follow').disabled"))
        assert 'only look' in browser.text('panel-screen')
        zoom(browser, '2')


@pytest.mark.parametrize(('name', 'quality', 'compression'), [
    ('sharp', 9, 1), ('light', 3, 6), ('lightest', 0, 9)])
def test_the_chosen_quality_is_asked_for(
        browser: Chromium, worker: RunningWorker, name: str, quality: int,
        compression: int) -> None:
    with RfbServer(good()) as server:
        show(browser, worker, server.port)
        peer = server.peer()
        first = browser.wait('the first', lambda: encodings(peer))[0]
        assert {-32 + 6, -256 + 2} <= first
        choose_quality(browser, name)

        def asked() -> bool:
            assert len(server.peers) == 1, 'the page has connected again'
            return {-32 + quality, -256 + compression} <= encodings(peer)[-1]
        browser.wait('the choice', asked)
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
        browser: Chromium, worker: RunningWorker, line: SlowLine, rate: int,
        quality: tuple[int, ...], words: str) -> None:
    more = threading.Event()
    with RfbServer(in_two_parts(more)) as server:
        forget(browser, worker)
        url = urllib.parse.urlsplit(
            console_url(worker, node_record(server.port)))
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
        browser: Chromium, worker: RunningWorker) -> None:
    with RfbServer(good()) as server:
        show(browser, worker, server.port)
        cursor = "document.querySelector('#screen canvas').style.cursor"
        assert browser.run(cursor) == 'none'
        browser.click_control('dot-cursor')
        assert 'url(' in browser.run(cursor)
        browser.click_control('dot-cursor')
        assert browser.run(cursor) == 'none'
        assert browser.csp_violations() == []
