# SPDX-License-Identifier: Apache-2.0
"""Notices: where text goes, and how they fail alone."""

import itertools
import socket

import pytest

from ironic_console.drivers.displays import x11
from ironic_console.drivers.displays.notice import (
    Layout,
    NoticeWindow,
    Painter,
)
from ironic_console.drivers.displays.reception import Notice
from tests.unit.drivers.displays.test_x11 import EXPOSE, setup

LONG = 'The BMC has no free session for us. ' * 12
SIZES = [(320, 320), (640, 480), (1280, 960), (4096, 4096), (320, 4096),
         (4096, 320)]


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('text', [LONG, 'x' * 600, '\n\n'.join('abc'), ''])
def test_all_that_is_drawn_is_on_the_screen_and_nothing_overlaps(size, text):
    width, height = size
    layout = Layout(width, height, 'a title, ' * 20)
    lines = layout.lines(text)
    boxes = [line.box for line in (*lines, layout.sign(lines, 1))]
    for box in boxes:
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= width
        assert box.y + box.height <= height
    for upper, lower in itertools.pairwise(boxes):
        assert upper.y + upper.height <= lower.y


@pytest.mark.parametrize('size', SIZES[:4])
def test_the_longest_text_of_a_failure_fits(size):
    lines = Layout(*size, 'a title').lines(LONG)
    assert ' '.join(line.text for line in lines[1:]) == LONG.strip()


def test_large_screens_have_large_letters():
    small, large = (Layout(*size, 'title').lines('text')[1].scale
                    for size in ((640, 480), (1920, 1080)))
    assert small < large


def test_what_the_font_does_not_have_is_a_question_mark():
    title, text = Layout(640, 480, 'r\u00e4ck\x1b').lines('\u4e16\n\u754c')[:2]
    assert title.text == 'r?ck?'
    assert text.text == '?'


def test_signs_of_life_differ():
    layout = Layout(640, 480, 'title')
    lines = layout.lines('text')
    assert len({layout.sign(lines, count).text for count in range(3)}) == 3


def reply(**fields):
    data = bytearray(32)
    data[0] = 1
    for at, value in fields.items():
        data[int(at[1:])] = value
    return bytes(data)


COMPOSITE, OVERLAY = reply(_8=1, _9=142), reply(_8=99)


def painter():
    layout = Layout(640, 480, 'title')
    one = Painter(b'c' * 16, layout)
    one.show(Notice('text'))
    return one


def test_nothing_is_drawn_before_there_is_a_window():
    one = painter()
    assert one.data_to_send() == x11.connect(b'c' * 16)
    one.tick()
    assert one.data_to_send() == b''


def test_draws_whenever_its_window_is_exposed():
    one = painter()
    one.receive_data(setup())
    one.receive_data(COMPOSITE + reply() + OVERLAY)
    asked = one.data_to_send()
    assert x11.get_overlay_window(142, 77) in asked
    assert x11.grab_keyboard(0x200000) in asked
    one.receive_data(reply() + EXPOSE)
    drawn = one.data_to_send()
    one.receive_data(EXPOSE)
    assert one.data_to_send() == drawn
    one.show(Notice('another text'))
    assert one.data_to_send() != drawn


def test_a_server_without_what_we_need_is_an_error():
    one = painter()
    one.receive_data(setup())
    with pytest.raises(x11.X11Error, match='Composite'):
        one.receive_data(reply())


def test_a_refused_request_is_an_error():
    with pytest.raises(x11.X11Error, match='error 3 for request 1'):
        painter().receive_data(
            setup() + bytes((0, 3)) + bytes(8) + b'\x01' + bytes(21))


@pytest.fixture
def server(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / 'X'))
        listener.listen()
        yield listener


@pytest.fixture
def window(server):
    window = NoticeWindow(server.getsockname(), b'c' * 16,
                          Layout(640, 480, 'title'))
    yield window
    window.close()


def test_without_a_text_there_is_no_connection(server, window):
    assert window.fileno() == -1
    window.show(Notice('text'))
    with server.accept()[0] as connection:
        assert window.fileno() >= 0
        assert window.is_busy
        window.show(None)
        assert window.fileno() == -1
        assert connection.recv(4096) == x11.connect(b'c' * 16)
        assert connection.recv(4096) == b''


def test_a_server_that_goes_takes_nothing_but_the_text_with_it(
        server, window, caplog):
    window.show(Notice('text'))
    server.accept()[0].close()
    window.serve()
    assert window.fileno() == -1
    assert 'there is no text on the screen' in caplog.text
    window.tick()
    window.show(Notice('text'))
    assert window.fileno() == -1
    window.show(Notice('next text'))
    server.accept()[0].close()


def test_a_server_that_is_not_there_is_no_reason_to_fail(tmp_path, caplog):
    window = NoticeWindow(str(tmp_path / 'none'), b'', Layout(640, 480, ''))
    window.show(Notice('text'))
    assert not window.is_busy
    assert 'there is no text on the screen' in caplog.text


def test_what_a_server_does_not_take_waits_and_not_for_ever(
        server, window, caplog):
    window.show(Notice('text'))
    with server.accept()[0] as connection:
        connection.sendall(setup())
        window.serve()
        connection.sendall(COMPOSITE + reply() + OVERLAY)
        window.serve()
        for count in range(20_000):
            window.show(Notice(f'{count} ' * 200))
            if window.fileno() < 0:
                break
        assert 'does not listen' in caplog.text
    assert not window.has_unsent
