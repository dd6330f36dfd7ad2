# SPDX-License-Identifier: Apache-2.0
"""Rectangles and regions, checked pixel by pixel."""

import random

from ironic_console.drivers.testcard.geometry import MAX_RECTS, Rect, Region


def pixels(rects):
    found = [(x, y) for rect in rects
             for x in range(rect.x, rect.right)
             for y in range(rect.y, rect.bottom)]
    assert len(found) == len(set(found)), 'rectangles overlap'
    return set(found)


def random_rect(chance):
    return Rect(chance.randrange(-5, 20), chance.randrange(-5, 20),
                chance.randrange(0, 12), chance.randrange(0, 12))


def test_a_rectangle_without_area_is_false():
    assert Rect(3, 4, 1, 1)
    assert not Rect(3, 4, 0, 9)
    assert not Rect(3, 4, -2, 9)


def test_clips_to_what_two_rectangles_share():
    screen = Rect(0, 0, 100, 50)
    assert Rect(90, 40, 65535, 65535).clip(screen) == Rect(90, 40, 10, 10)
    assert not Rect(100, 0, 10, 10).clip(screen)
    assert not Rect(65535, 65535, 65535, 65535).clip(screen)


def test_set_operations_agree_with_those_on_pixels():
    chance = random.Random(4)
    for _ in range(500):
        one, two = random_rect(chance), random_rect(chance)
        assert pixels([one.clip(two)]) == pixels([one]) & pixels([two])
        if one:
            assert pixels(one.without(two)) == pixels([one]) - pixels([two])
            assert pixels([one.cover(two)]) >= pixels([one])


def test_bands_are_the_rectangle_in_small_pieces():
    rect = Rect(3, 5, 10, 25)
    bands = list(rect.bands(70))
    assert pixels(bands) == pixels([rect])
    assert max(band.width * band.height for band in bands) == 70
    assert len(list(rect.bands(1))) == 25


def test_a_region_holds_each_pixel_once():
    chance = random.Random(5)
    region, expected = Region(), set()
    for _ in range(6):
        rect = random_rect(chance)
        region.add([rect])
        expected |= pixels([rect])
    assert pixels(region) == expected
    assert region


def test_taking_a_window_leaves_the_rest():
    region, window = Region(), Rect(5, 5, 10, 10)
    region.add([Rect(0, 0, 8, 8), Rect(14, 0, 3, 20), Rect(30, 30, 1, 1)])
    before = pixels(region)
    taken = pixels(region.take(window))
    assert taken == before & pixels([window])
    assert pixels(region) == before - taken
    assert region.take(window) == []


def test_many_rectangles_become_one():
    region = Region()
    region.add(Rect(3 * n, 2 * n, 1, 1) for n in range(MAX_RECTS))
    assert len(list(region)) == MAX_RECTS
    region.add([Rect(100, 100, 1, 1)])
    assert list(region) == [Rect(0, 0, 101, 101)]


def test_an_empty_region_is_false():
    region = Region()
    region.add([Rect(1, 1, 0, 0)])
    assert not region
