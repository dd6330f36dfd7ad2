# SPDX-License-Identifier: Apache-2.0
"""The picture: what is where, and what changes."""

import dataclasses
import datetime

import pytest

from ironic_console.drivers.testcard.geometry import Rect
from ironic_console.drivers.testcard.palette import (
    ACCENT,
    BARS,
    BLACK,
    PANEL,
    TYPED,
)
from ironic_console.drivers.testcard.picture import (
    MAX_SIZE,
    MIN_SIZE,
    Picture,
)
from ironic_console.drivers.testcard.scene import Scene

UUID = '1be26c0b-03f2-4d2e-ae87-c02d7f33c123'
NOON = datetime.datetime(2026, 9, 1, 12, tzinfo=datetime.UTC)
SECOND = datetime.timedelta(seconds=1)


def scene(**changes):
    return dataclasses.replace(Scene(NOON), **changes)


def picture(width=1024, height=768, name='node-1'):
    return Picture(name, UUID, width, height)


def pixel(shown, x, y):
    return shown.canvas.read(Rect(x, y, 1, 1))[0]


def whole(shown):
    return shown.canvas.read(shown.canvas.bounds)


def area(rects):
    return sum(rect.width * rect.height for rect in rects)


def differences(before, after, width):
    return {(n % width, n // width)
            for n, (old, new) in enumerate(zip(before, after, strict=True))
            if old != new}


def is_in(point, rects):
    x, y = point
    return any(rect.x <= x < rect.right and rect.y <= y < rect.bottom
               for rect in rects)


def test_bars_stand_side_by_side_in_the_upper_half():
    shown = picture()
    assert [pixel(shown, 20 + 123 * n + 60, 190) for n in range(8)] == [*BARS]


def test_a_line_at_the_very_edge_shows_whether_the_screen_is_cropped():
    shown = picture(640, 480)
    edge = [Rect(0, 0, 640, 1), Rect(0, 479, 640, 1), Rect(0, 0, 1, 480),
            Rect(639, 0, 1, 480)]
    assert {index for rect in edge
            for index in shown.canvas.read(rect)} == {ACCENT}
    assert ACCENT not in shown.canvas.read(Rect(1, 1, 638, 8))


def test_corners_are_alike():
    shown = picture(1000, 700)
    corners = {pixel(shown, x, y) for x in (1, 998) for y in (1, 698)}
    assert len(corners) == 1


def test_the_same_scene_changes_nothing():
    shown = picture()
    assert shown.show(scene())
    before = whole(shown)
    assert shown.show(scene()) == []
    assert whole(shown) == before


@pytest.mark.parametrize('change', [
    {'now': NOON + SECOND}, {'now': NOON + 86400 * SECOND},
    {'pointer': (500, 300)}, {'pointer': (0, 0), 'buttons': 255},
    {'pointer': (1023, 767), 'buttons': 1}, {'text': 'Hello'},
    {'text': 'x' * 5000}, {'text': '\n' * 50}, {'viewers': 12},
    {'stroke': 'Ctrl+Alt+Delete', 'strokes': 9}])
def test_tells_every_pixel_that_changed(change):
    shown = picture()
    shown.show(scene(text='typed before', pointer=(40, 350)))
    before = whole(shown)
    changed = shown.show(scene(**change))
    for point in differences(before, whole(shown), 1024):
        assert is_in(point, changed), point
    for rect in changed:
        assert rect == rect.clip(shown.canvas.bounds)


def test_scenes_leave_nothing_behind():
    fresh, used = picture(), picture()
    for n in range(30):
        used.show(scene(
            now=NOON + n * SECOND, pointer=(37 * n, 29 * n), buttons=n,
            text='a long line of text ' * n, stroke='F' * n, viewers=n,
            strokes=n * 3))
    used.show(scene(strokes=1))
    fresh.show(scene(strokes=1))
    assert whole(used) == whole(fresh)


def test_a_tick_of_the_clock_is_a_small_change():
    shown = picture()
    shown.show(scene())
    assert area(shown.show(scene(now=NOON + SECOND))) < 5000


def test_a_letter_appears_where_the_cursor_was():
    shown = picture()
    shown.show(scene())
    first, second = shown.text_cell(0, 0), shown.text_cell(0, 1)
    cursor = shown.canvas.read(first)
    assert cursor.count(TYPED) > cursor.count(PANEL)
    assert TYPED not in shown.canvas.read(second)
    changed = shown.show(scene(text='i'))
    assert area(changed) == area([first, second])
    assert 0 < shown.canvas.read(first).count(TYPED) < cursor.count(TYPED)
    assert shown.canvas.read(second) == cursor


def test_text_begins_where_the_browser_tests_look_for_it():
    assert picture().text_cell(0, 0) == Rect(32, 342, 12, 20)
    assert picture().text_cell(1, 2) == Rect(56, 364, 12, 20)


def test_the_lamp_goes_through_the_bars_with_every_key():
    shown = picture()
    assert shown.lamp == Rect(636, 468, 59, 59)
    colours = []
    for strokes in range(10):
        shown.show(scene(strokes=strokes))
        assert len(set(shown.canvas.read(shown.lamp))) == 1
        colours.append(pixel(shown, 665, 497))
    assert colours == [BLACK, *BARS, BARS[0]]


def test_the_crosshair_marks_the_pointer_and_goes_with_it():
    shown = picture()
    shown.show(scene())
    before = whole(shown)
    shown.show(scene(pointer=(300, 200)))
    marked = differences(before, whole(shown), 1024)
    assert (300, 200) in marked
    assert (300 + 20, 200) in marked
    assert (300, 200 - 20) in marked
    shown.show(scene())
    assert whole(shown) == before


def test_the_crosshair_is_thicker_while_a_button_is_down():
    shown = picture()
    shown.show(scene())
    before = whole(shown)
    bars = Rect(20, 114, 984, 150)

    def marked():
        return sum(is_in(point, [bars])
                   for point in differences(before, whole(shown), 1024))

    shown.show(scene(pointer=(300, 200)))
    thin = marked()
    shown.show(scene(pointer=(300, 200), buttons=1))
    assert marked() > 3 * thin


@pytest.mark.parametrize(('width', 'height'), [
    (MIN_SIZE, MIN_SIZE), (MIN_SIZE, MAX_SIZE), (MAX_SIZE, MIN_SIZE),
    (320, 240), (641, 479), (800, 600), (1366, 768), (1920, 1080)])
def test_fits_on_screens_of_any_size(width, height):
    shown = picture(width, height, 'a-rather-long.name.example.org')
    shown.show(scene(pointer=(width - 1, 0), text='x' * 300, stroke='x' * 99,
                     strokes=1, viewers=32))
    edge = shown.canvas.read(Rect(0, 0, width, 1))
    edge += shown.canvas.read(Rect(0, height - 1, width, 1))
    assert edge.count(ACCENT) > len(edge) * 0.7
    assert len(whole(shown)) == width * height


@pytest.mark.parametrize('name', ['', 'x', 'x' * 10000, 'node\u20ac\n\x00'])
def test_takes_any_name(name):
    picture(name=name).show(scene())


@pytest.mark.parametrize(('width', 'height'), [
    (0, 0), (MIN_SIZE - 1, 600), (800, MAX_SIZE + 1), (-800, 600)])
def test_refuses_sizes_that_make_no_card(width, height):
    with pytest.raises(ValueError, match='allowed'):
        picture(width, height)
