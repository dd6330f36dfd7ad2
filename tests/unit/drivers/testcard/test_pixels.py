# SPDX-License-Identifier: Apache-2.0
"""Palette indices to pixels of any format."""

import dataclasses
import itertools
import random

import pytest

from ironic_console.common.rfb.pixel_format import PixelFormat
from ironic_console.drivers.testcard.pixels import (
    PixelConverter,
    UnusableFormat,
    check,
)

NOVNC = PixelFormat(red_shift=0, green_shift=8, blue_shift=16)
RGB565 = PixelFormat(16, 16, red_max=31, green_max=63, blue_max=31,
                     red_shift=11, green_shift=5)
BGR233 = PixelFormat(8, 8, red_max=7, green_max=7, blue_max=3,
                     red_shift=0, green_shift=3, blue_shift=6)
PALETTE = [(0, 0, 0), (255, 255, 255), (255, 150, 26)]


def expected(pixel_format, colour):
    """Straight from RFC 6143 §7.4, one pixel at a time; spare bits set."""
    red, green, blue = (
        int(level * maximum / 255 + 0.5) for level, maximum in zip(
            colour, (pixel_format.red_max, pixel_format.green_max,
                     pixel_format.blue_max), strict=True))
    value = (red << pixel_format.red_shift
             | green << pixel_format.green_shift
             | blue << pixel_format.blue_shift)
    value |= ~(pixel_format.red_max << pixel_format.red_shift
               | pixel_format.green_max << pixel_format.green_shift
               | pixel_format.blue_max << pixel_format.blue_shift)
    size = pixel_format.bits_per_pixel // 8
    return (value % 256 ** size).to_bytes(
        size, 'big' if pixel_format.big_endian else 'little')


@pytest.mark.parametrize('big_endian', [False, True])
@pytest.mark.parametrize('pixel_format', [
    PixelFormat(), NOVNC, RGB565, BGR233])
def test_writes_pixels_as_the_specification_has_them(pixel_format,
                                                     big_endian):
    asked = dataclasses.replace(pixel_format, big_endian=big_endian)
    converter = PixelConverter(asked, PALETTE)
    assert converter.convert(b'\x02\x00\x01') == b''.join(
        expected(asked, PALETTE[index]) for index in (2, 0, 1))


def test_spare_bits_are_opaque_for_novnc_1_3_0():
    pixels = PixelConverter(NOVNC, PALETTE).convert(bytes(range(256)))
    assert set(pixels[3::4][:len(PALETTE)]) == {255}


def test_writes_known_bytes():
    assert PixelConverter(NOVNC, PALETTE).convert(b'\x02') == bytes(
        (255, 150, 26, 255))
    assert PixelConverter(RGB565, PALETTE).convert(b'\x01') == b'\xff\xff'
    assert PixelConverter(BGR233, PALETTE).convert(b'\x02') == bytes(
        (7 | 4 << 3,))


@pytest.mark.parametrize('change', [
    {'bits_per_pixel': 0}, {'bits_per_pixel': 24}, {'bits_per_pixel': 255},
    {'true_colour': False}, {'red_max': 0}, {'green_max': 0},
    {'blue_max': 0}, {'red_shift': 32}, {'green_shift': 255},
    {'bits_per_pixel': 8, 'red_shift': 8}])
def test_refuses_formats_in_which_no_colour_can_be_written(change):
    with pytest.raises(UnusableFormat):
        check(dataclasses.replace(PixelFormat(), **change))


def test_no_format_that_passes_makes_it_fail():
    chance = random.Random(6)
    fields = itertools.cycle([0, 1, 2, 7, 254, 255])
    passed = 0
    for _ in range(5000):
        data = bytearray(chance.randbytes(PixelFormat.SIZE))
        data[0] = chance.choice((8, 16, 24, 32, 64))
        data[3] = next(fields)
        for shift in (10, 11, 12):
            data[shift] %= 40
        pixel_format = PixelFormat.parse(bytes(data))
        try:
            check(pixel_format)
        except UnusableFormat:
            continue
        passed += 1
        pixels = PixelConverter(pixel_format, PALETTE).convert(b'\x00\x02')
        assert len(pixels) == pixel_format.bits_per_pixel // 4
    assert passed > 500
