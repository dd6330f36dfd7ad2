# SPDX-License-Identifier: Apache-2.0
"""ServerInit, RFC 6143 §7.3.2."""

import dataclasses
import struct

from ironic_console.common.rfb.pixel_format import PixelFormat


@dataclasses.dataclass(frozen=True)
class ServerInit:
    """The last message of a handshake.

    :ivar width: of the framebuffer, pixels.
    :ivar height: of the framebuffer, pixels.
    :ivar pixel_format: what the server sends unless asked otherwise.
    :ivar name: of the desktop, as the peer sent it: UTF-8 by the
        specification, any bytes in practice.
    """

    width: int
    height: int
    pixel_format: PixelFormat
    name: bytes

    #: size in bytes of all but the name; the name's length is the last u32
    HEAD_BYTES = 4 + PixelFormat.SIZE + 4

    def pack(self) -> bytes:
        return b''.join((
            struct.pack('>HH', self.width, self.height),
            self.pixel_format.pack(),
            struct.pack('>I', len(self.name)), self.name))

    def __str__(self) -> str:
        name = self.name.decode(errors='replace')
        return (f'ServerInit {self.width}x{self.height} '
                f'{self.pixel_format.bits_per_pixel} bpp {name!r}')
