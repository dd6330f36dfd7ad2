# SPDX-License-Identifier: Apache-2.0
"""ServerInit."""

from ironic_console.common.rfb.pixel_format import PixelFormat
from ironic_console.common.rfb.server_init import ServerInit


def test_writes_every_field_in_its_place():
    assert ServerInit(1920, 1080, PixelFormat(), b'node').pack() == (
        bytes.fromhex('0780 0438'                            # size
                      '20 18 00 01 00ff 00ff 00ff 10 08 00 000000'
                      '00000004') + b'node')                 # name


def test_the_head_is_all_but_the_name():
    name = b'n' * 300
    data = ServerInit(1, 2, PixelFormat(), name).pack()
    assert len(data) == ServerInit.HEAD_BYTES + 300
    assert data[ServerInit.HEAD_BYTES - 4:ServerInit.HEAD_BYTES] == (
        b'\0\0\x01\x2c')


def test_the_length_counts_bytes_and_not_characters():
    name = 'n\xf6de'.encode()
    data = ServerInit(1, 1, PixelFormat(), name).pack()
    assert data.endswith(b'\0\0\0\x05' + name)


def test_shows_a_name_of_any_bytes_in_one_line():
    init = ServerInit(640, 480, PixelFormat(), b'\xff\nok')
    assert str(init) == r"ServerInit 640x480 32 bpp '" + '\ufffd' + r"\nok'"
