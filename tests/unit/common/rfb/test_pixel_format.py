# SPDX-License-Identifier: Apache-2.0
"""PIXEL_FORMAT."""

import pytest

from ironic_console.common.rfb.pixel_format import PixelFormat

# The example of RFC 6143 §7.4, little endian.
WIRE = bytes.fromhex('20 18 00 01 00ff 00ff 00ff 10 08 00 000000')
ODD = PixelFormat(8, 6, True, False, 3, 65535, 1, 0, 2, 255)


def test_the_default_is_32_bits_little_endian():
    assert PixelFormat().pack() == WIRE


def test_reads_what_it_writes():
    assert PixelFormat.parse(ODD.pack()) == ODD


def test_every_field_has_its_place():
    assert ODD.pack() == bytes.fromhex(
        '08 06 01 00 0003 ffff 0001 00 02 ff 000000')


def test_is_16_bytes():
    assert PixelFormat.SIZE == len(WIRE) == 16


def test_padding_is_ignored():
    assert PixelFormat.parse(WIRE[:-3] + b'\xff\xff\xff') == PixelFormat()


@pytest.mark.parametrize('byte', [1, 2, 255])
def test_every_flag_but_zero_is_true(byte):
    data = WIRE[:2] + bytes([byte, byte]) + WIRE[4:]
    parsed = PixelFormat.parse(data)
    assert parsed.big_endian is True
    assert parsed.true_colour is True
