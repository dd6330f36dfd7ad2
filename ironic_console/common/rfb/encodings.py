# SPDX-License-Identifier: Apache-2.0
"""EncodingFilter: a server hears only of encodings that it bears.

Some servers send no picture at all once SetEncodings lists a number that they
do not know. Which numbers those are is decided elsewhere. RFC 6143 §7.5.2.
"""

import struct
from collections.abc import Collection

from ironic_console.common.rfb.constants import (
    ClientMessage,
    Encoding,
    PseudoEncoding,
)
from ironic_console.common.rfb.messages import (
    HEAD_BYTES,
    InvalidMessage,
    message_length,
)
from ironic_console.common.rfb.pressed_keys import PressedKeys
from ironic_console.common.rfb.read_only import ReadOnlyFilter


class EncodingFilter:
    """Rewrites SetEncodings, and nothing else, of what another rule passes.

    :param rule: gets what the client says first.
    :param encodings: numbers that the server may hear of. With
        ExtendedMouseButtons (-316) nobody could say how long a PointerEvent
        is, so that one it never hears of.

    Of a message only the beginning is held until its length is known;
    SetEncodings, of 256 KiB at most, until it is whole.
    """

    __slots__ = ('_borne', '_held', '_lost', '_rule', '_to_pass')

    def __init__(self, rule: ReadOnlyFilter | PressedKeys,
                 encodings: Collection[int]) -> None:
        self._rule = rule
        self._borne = frozenset(encodings) - {
            PseudoEncoding.EXTENDED_MOUSE_BUTTONS}
        self._held = bytearray()
        self._to_pass = 0
        self._lost = False

    def receive_data(self, data: bytes) -> bytes:
        """Take bytes of the client, any split.

        :returns: bytes for the server; may be empty. Once a message cannot
            be followed, that is all that the other rule passes, as it is.
        :raises RemoteProtocolError: the other rule does.
        """
        data = self._rule.receive_data(data)
        if self._lost:
            return data
        held = self._held
        held += data
        passed: list[bytes | bytearray] = []
        begin = 0                               # of what passes as it is
        at = min(self._to_pass, len(held))
        try:
            while at < len(held):
                head = bytes(held[at:at + HEAD_BYTES])
                length = message_length(head)
                if length is None:
                    break
                end = at + length
                if head[0] == ClientMessage.SET_ENCODINGS:
                    if end > len(held):
                        break
                    passed += [held[begin:at],
                               self._rewritten(bytes(held[at:end]))]
                    begin = end
                at = end
        except InvalidMessage:
            self._lost = True
            at = len(held)
        self._to_pass = max(0, self._to_pass - len(held), at - len(held))
        passed.append(held[begin:at])
        del held[:at]
        return b''.join(passed)

    @property
    def inputs(self) -> int:
        """Number of messages that came of a person's hands."""
        return self._rule.inputs

    @property
    def messages(self) -> int:
        """Number of messages, of any kind."""
        return self._rule.messages

    def releases(self) -> bytes:
        """:returns: what the other rule does, which is nothing while some
            of a message is held here."""
        return self._rule.releases()

    def _rewritten(self, message: bytes) -> bytes:
        count = len(message) // 4 - 1
        kept = [number for number in struct.unpack_from(f'>{count}i',
                                                        message, 4)
                if number in self._borne]
        # What a server sends whom it has heard ask for nothing. §7.7.1
        kept = kept or [Encoding.RAW]
        return struct.pack(f'>BxH{len(kept)}i', ClientMessage.SET_ENCODINGS,
                           len(kept), *kept)
