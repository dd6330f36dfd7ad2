# SPDX-License-Identifier: Apache-2.0
"""One viewer of a test card: RFB in, RFB out, no socket.

It owns what differs between viewers: handshake, pixel format, held keys, and
what each has yet to see. It reads no clock and never blocks.

RFC 6143 §7.4 to §7.7.
"""

import struct
from collections.abc import Iterator, Sequence

from ironic_console.common.errors import RemoteProtocolError, Side
from ironic_console.common.rfb.constants import (
    MAX_NAME_BYTES,
    ClientMessage,
    Encoding,
    ServerMessage,
)
from ironic_console.common.rfb.messages import ClientMessageReader, Message
from ironic_console.common.rfb.pixel_format import PixelFormat
from ironic_console.common.rfb.server import ServerHandshake
from ironic_console.common.rfb.server_init import ServerInit
from ironic_console.common.rfb.server_policy import ServerPolicy
from ironic_console.drivers.testcard import pixels
from ironic_console.drivers.testcard.geometry import Rect, Region
from ironic_console.drivers.testcard.palette import PALETTE
from ironic_console.drivers.testcard.picture import Picture
from ironic_console.drivers.testcard.pixels import PixelConverter
from ironic_console.drivers.testcard.scene import Keyboard, Scene

#: Output is made in pieces of about this size, so this is what a viewer that
#: does not read costs, however large its screen.
CHUNK_BYTES = 128 * 1024

_RECT = struct.Struct('>4H')
_RECT_HEAD = struct.Struct('>4Hi')
_UPDATE_HEAD = struct.Struct('>BxH')


class Viewer:
    """Serves one client.

    :param name: of the desktop.
    :param scene: what the card shows; the client's input goes there.
    :param picture: the card's pixels.
    :param policy: what the client has to prove; by default nothing.

    Whoever changes the picture calls :meth:`expose`.
    """

    def __init__(self, name: str, scene: Scene, picture: Picture,
                 policy: ServerPolicy | None = None) -> None:
        self._scene = scene
        self._picture = picture
        self._screen = picture.canvas.bounds
        self._format = PixelFormat()
        self._handshake = ServerHandshake(
            ServerInit(self._screen.width, self._screen.height, self._format,
                       name.encode(errors='replace')[:MAX_NAME_BYTES]),
            policy or ServerPolicy())
        self._messages = ClientMessageReader()
        self._keyboard = Keyboard()
        self._unseen = Region()
        self._unseen.add([self._screen])
        self._wanted = Region()
        self._update: Iterator[bytes | bytearray] | None = None

    @property
    def established(self) -> bool:
        """The handshake is over: it sees the card."""
        return self._handshake.done

    @property
    def wants_tls(self) -> bool:
        """Once all that there is to send is sent, TLS has to begin; then
        call :meth:`tls_started`."""
        return self._handshake.wants_tls is not None

    def tls_started(self) -> None:
        """Go on inside TLS."""
        self._handshake.tls_started()

    def receive_data(self, data: bytes) -> None:
        """Take what the client sent, any split.

        :raises ConsoleError: the client cannot be served any longer. What
            :meth:`data_to_send` gives should still be sent.
        """
        if not self.established:
            self._handshake.receive_data(data)
            if not self._handshake.done:
                return
            data = self._handshake.trailing_data()
        for message in self._messages.receive_data(data):
            self._obey(message)

    def expose(self, rects: Sequence[Rect]) -> None:
        """Note pixels that have changed."""
        self._unseen.add(rects)

    def data_to_send(self) -> bytes | bytearray:
        """:returns: the next bytes for the client, less than twice
            ``CHUNK_BYTES``; none if there is nothing to say now."""
        if not self._handshake.done:
            return self._handshake.data_to_send()
        data = bytearray(self._handshake.data_to_send())
        while len(data) < CHUNK_BYTES:
            if self._update is None:
                # The next update begins once the last one was taken.
                self._update = None if data else self._next_update()
                if self._update is None:
                    break
            piece = next(self._update, None)
            if piece is None:
                self._update = None
            else:
                data += piece
        return data

    # -- client messages ---------------------------------------------------

    def _obey(self, message: Message) -> None:
        data = message.data
        if message.type is ClientMessage.FRAMEBUFFER_UPDATE_REQUEST:
            self._request(bool(data[1]), Rect(*_RECT.unpack(data[2:])))
        elif message.type is ClientMessage.KEY_EVENT:
            self._press(int.from_bytes(data[4:]), bool(data[1]))
        elif message.type is ClientMessage.POINTER_EVENT:
            x, y = struct.unpack('>2H', data[2:])
            self._scene.pointer = (min(x, self._screen.width - 1),
                                   min(y, self._screen.height - 1))
            self._scene.buttons = data[1]
        elif message.type is ClientMessage.SET_PIXEL_FORMAT:
            self._set_format(PixelFormat.parse(data[4:]))
        # The rest asks for what this server never announced, or for
        # encodings, of which everybody takes Raw (RFC 6143 §7.7.1).

    def _request(self, incremental: bool, rect: Rect) -> None:
        rect = rect.clip(self._screen)
        self._wanted.add([rect])
        if not incremental:
            self._unseen.add([rect])

    def _press(self, keysym: int, down: bool) -> None:
        stroke = self._keyboard.key(keysym, down)
        if stroke is not None:
            self._scene.press(stroke)

    def _set_format(self, pixel_format: PixelFormat) -> None:
        try:
            pixels.check(pixel_format)
        except pixels.UnusableFormat as exc:
            raise RemoteProtocolError(Side.BROWSER, 'SetPixelFormat',
                                      str(exc)) from exc
        self._format = pixel_format

    # -- updates -----------------------------------------------------------

    def _next_update(self) -> Iterator[bytes | bytearray] | None:
        """:returns: an update, if one is wanted and there is news."""
        rects = [rect for window in self._wanted
                 for rect in self._unseen.take(window)]
        if not rects:
            return None
        self._wanted = Region()
        # A function, not a generator, so that the format is the one of
        # now: the client may change it while this is on its way.
        return self._pack(rects, PixelConverter(self._format, PALETTE))

    def _pack(self, rects: Sequence[Rect], converter: PixelConverter,
              ) -> Iterator[bytes | bytearray]:
        """RFC 6143 §7.6.1, §7.7.1. Pixels are those of when they leave; a
        change in between is an update of its own."""
        yield _UPDATE_HEAD.pack(ServerMessage.FRAMEBUFFER_UPDATE, len(rects))
        pixels = CHUNK_BYTES // converter.bytes_per_pixel
        for rect in rects:
            yield _RECT_HEAD.pack(rect.x, rect.y, rect.width, rect.height,
                                  Encoding.RAW)
            for band in rect.bands(pixels):
                yield converter.convert(self._picture.canvas.read(band))
