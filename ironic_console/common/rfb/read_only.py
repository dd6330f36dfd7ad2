# SPDX-License-Identifier: Apache-2.0
"""ReadOnlyFilter: of all that a client says, what it needs to look.

It decides message by message; that a session is read-only is decided
elsewhere. RFC 6143 §7.5 and rfbproto "Client to Server Messages".
"""

import struct
from collections.abc import Callable

from ironic_console.common.errors import RemoteProtocolError, Side
from ironic_console.common.rfb.constants import ClientMessage, PseudoEncoding
from ironic_console.common.rfb.messages import HEAD_BYTES, checked_length
from ironic_console.common.rfb.pixel_format import PixelFormat

# A server does not get to know that the client has these. With some of them
# it would read other lengths than we do (PointerEvent may have 7 bytes), the
# others only invite messages that are dropped here.
_HIDDEN = frozenset(map(int, PseudoEncoding))


# Of what is dropped, that which a person at the other end has done.
_INPUT = frozenset((ClientMessage.KEY_EVENT, ClientMessage.POINTER_EVENT,
                    ClientMessage.QEMU))


class _Harmful(ValueError):
    """A message that could hurt a server."""


class ReadOnlyFilter:
    """Stands between a client that may only look and the server.

    :param side: the client, for errors.

    :ivar inputs: number of messages so far that came of a person's hands.
    :ivar messages: number of messages so far, of any kind.

    A message that is not whole yet is held, of which SetEncodings with
    256 KiB is the longest; of what is dropped nothing is held.
    """

    __slots__ = ('_held', '_side', '_to_drop', 'inputs', 'messages')

    def __init__(self, side: Side = Side.BROWSER) -> None:
        self._side = side
        self._held = bytearray()
        self._to_drop = 0
        self.inputs = self.messages = 0

    def receive_data(self, data: bytes) -> bytes:
        """Take bytes of the client, any split.

        :returns: whole messages for the server; may be empty.
        :raises LimitExceeded: a message is longer than
            ``MAX_MESSAGE_BYTES``.
        :raises RemoteProtocolError: a type that nobody knows, or fields
            that could hurt a server. Close the connection: it raises again
            whatever comes.
        """
        held = self._held
        held += data
        passed = []
        at = min(self._to_drop, len(held))
        self._to_drop -= at
        try:
            while at < len(held):
                head = bytes(held[at:at + HEAD_BYTES])
                length = checked_length(head, self._side)
                if length is None:
                    break
                end = at + length
                forward = _PASSED.get(head[0])
                if forward is None:
                    self.messages += 1
                    self.inputs += head[0] in _INPUT
                    self._to_drop = max(0, end - len(held))
                    at = min(end, len(held))
                    continue
                if end > len(held):
                    break
                self.messages += 1
                passed.append(forward(bytes(held[at:end])))
                at = end
        except _Harmful as exc:
            raise RemoteProtocolError(self._side, 'client message',
                                      str(exc)) from exc
        finally:
            # A bad message stays where it is: nothing gets past it.
            del held[:at]
        return b''.join(passed)

    @staticmethod
    def releases() -> bytes:
        """:returns: nothing, since no key can have been pressed."""
        return b''


def _as_it_is(data: bytes) -> bytes:
    return data


def _set_pixel_format(data: bytes) -> bytes:
    # QEMU divided by a maximum that was 0 (CVE-2015-8504). Nobody knows how
    # many BMCs divide or shift by what they are told.
    asked = PixelFormat.parse(data[4:])
    bits = asked.bits_per_pixel
    if bits not in (8, 16, 32):
        raise _Harmful(f'SetPixelFormat with {bits} bits per pixel')
    if asked.true_colour:
        if not (asked.red_max and asked.green_max and asked.blue_max):
            raise _Harmful('SetPixelFormat with a maximum of 0')
        shift = max(asked.red_shift, asked.green_shift, asked.blue_shift)
        if shift >= bits:
            raise _Harmful(f'SetPixelFormat with a shift of {shift} in '
                           f'{bits} bits per pixel')
    return data


def _set_encodings(data: bytes) -> bytes:
    asked = struct.unpack_from(f'>{len(data) // 4 - 1}i', data, 4)
    kept = [number for number in asked if number not in _HIDDEN]
    return struct.pack(f'>BxH{len(kept)}i', ClientMessage.SET_ENCODINGS,
                       len(kept), *kept)


# type -> what the server gets of it; all others are dropped.
_PASSED: dict[int, Callable[[bytes], bytes]] = {
    ClientMessage.SET_PIXEL_FORMAT: _set_pixel_format,
    ClientMessage.SET_ENCODINGS: _set_encodings,
    ClientMessage.FRAMEBUFFER_UPDATE_REQUEST: _as_it_is,
    ClientMessage.ENABLE_CONTINUOUS_UPDATES: _as_it_is,
    ClientMessage.CLIENT_FENCE: _as_it_is,
}
