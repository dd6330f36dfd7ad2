# SPDX-License-Identifier: Apache-2.0
"""Client messages: where each begins and ends. RFC 6143 §7.5 and rfbproto.

The table knows the length of every message that a client may send. A type
that is not in it ends the conversation: nobody can say where the next
message begins.
"""

import dataclasses
import struct
from collections.abc import Callable, Iterator

from ironic_console.common.errors import (
    LimitExceeded,
    RemoteProtocolError,
    Side,
)
from ironic_console.common.rfb.constants import ClientMessage
from ironic_console.common.rfb.wire import ByteReader

#: Longest client message that we take, bytes: a clipboard of 1 MiB.
MAX_MESSAGE_BYTES = 1024 * 1024 + 8


@dataclasses.dataclass(frozen=True)
class Message:
    """One client message.

    :ivar type: see :class:`ClientMessage`.
    :ivar data: all of it, type byte included.
    """

    type: ClientMessage
    data: bytes


class InvalidMessage(ValueError):
    """Nobody can say where the next message begins."""


def _set_encodings(head: bytes) -> int:
    return 4 + 4 * int.from_bytes(head[2:4])


def _client_cut_text(head: bytes) -> int:
    # Signed: a negative length announces the extended clipboard format.
    length: int = struct.unpack('>i', head[4:8])[0]
    return 8 + abs(length)


def _client_fence(head: bytes) -> int:
    if head[8] > 64:
        raise InvalidMessage(
            f'ClientFence with {head[8]} bytes, 64 is the most')
    return 9 + head[8]


def _set_desktop_size(head: bytes) -> int:
    return 8 + 16 * head[6]


def _gii(head: bytes) -> int:
    order = '>' if head[1] & 0x80 else '<'
    length: int = struct.unpack(f'{order}H', head[2:4])[0]
    return 4 + length


def _qemu(head: bytes) -> int:
    if head[1] == 0:                                # extended key event
        return 12
    if head[1] == 1:                                # audio
        operation = int.from_bytes(head[2:4])
        if operation in (0, 1):
            return 4
        if operation == 2:
            return 10
    raise InvalidMessage(f'unknown QEMU message {head[1:4].hex()}')


# type -> (bytes needed to tell the length, length of it all)
_Rule = tuple[int, Callable[[bytes], int]]
_RULES: dict[int, _Rule] = {
    ClientMessage.SET_PIXEL_FORMAT: (1, lambda head: 20),
    ClientMessage.SET_ENCODINGS: (4, _set_encodings),
    ClientMessage.FRAMEBUFFER_UPDATE_REQUEST: (1, lambda head: 10),
    ClientMessage.KEY_EVENT: (1, lambda head: 8),
    ClientMessage.POINTER_EVENT: (1, lambda head: 6),
    ClientMessage.CLIENT_CUT_TEXT: (8, _client_cut_text),
    ClientMessage.ENABLE_CONTINUOUS_UPDATES: (1, lambda head: 10),
    ClientMessage.CLIENT_FENCE: (9, _client_fence),
    ClientMessage.XVP: (1, lambda head: 4),
    ClientMessage.SET_DESKTOP_SIZE: (7, _set_desktop_size),
    ClientMessage.GII: (4, _gii),
    ClientMessage.QEMU: (4, _qemu),
}


#: Most bytes of a message that ``message_length`` needs to see.
HEAD_BYTES = max(needed for needed, _ in _RULES.values())


def message_length(head: bytes) -> int | None:
    """Tell where a message ends.

    :param head: its first byte, and up to ``HEAD_BYTES`` as far as they are
        there; what follows does not matter.
    :returns: bytes, type byte included, up to 2 GiB; ``None`` while that
        cannot be told yet.
    :raises InvalidMessage: a type that nobody knows, or fields that
        contradict the specification.

    PointerEvent is taken as 6 bytes, which is wrong only when both sides
    have agreed on ExtendedMouseButtons (-316) and bit 7 of its mask is set.
    """
    rule = _RULES.get(head[0])
    if rule is None:
        raise InvalidMessage(f'unknown type {head[0]}')
    needed, length_of = rule
    return length_of(head) if len(head) >= needed else None


def checked_length(head: bytes, side: Side) -> int | None:
    """Tell where a message ends, if we are willing to take it.

    :param head: as for :func:`message_length`.
    :param side: the peer, for errors.
    :raises LimitExceeded: it is longer than ``MAX_MESSAGE_BYTES``.
    :raises RemoteProtocolError: its length cannot be told.
    """
    try:
        length = message_length(head)
    except InvalidMessage as exc:
        raise RemoteProtocolError(side, 'client message', str(exc)) from exc
    if length is not None and length > MAX_MESSAGE_BYTES:
        raise LimitExceeded(
            side, f'client message {ClientMessage(head[0]).name}', length,
            MAX_MESSAGE_BYTES)
    return length


class ClientMessageReader:
    """Cuts a client's bytes into messages.

    :param side: the peer, for errors.

    PointerEvent is taken as 6 bytes: whoever uses this reader must not
    have agreed on ExtendedMouseButtons (-316).
    """

    def __init__(self, side: Side = Side.BROWSER) -> None:
        self._side = side
        self._reader = ByteReader()

    def receive_data(self, data: bytes) -> Iterator[Message]:
        """Take bytes, any split.

        :returns: messages that are complete now, oldest first.
        :raises LimitExceeded: a message is longer than
            ``MAX_MESSAGE_BYTES``.
        :raises RemoteProtocolError: a type that nobody knows.
        """
        self._reader.feed(data)
        return iter(self._next, None)

    def _next(self) -> Message | None:
        if not len(self._reader):
            return None
        head = self._reader.peek(HEAD_BYTES)
        length = checked_length(head, self._side)
        data = None if length is None else self._reader.take(length)
        return None if data is None else Message(ClientMessage(head[0]), data)
