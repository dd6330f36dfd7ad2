# SPDX-License-Identifier: Apache-2.0
"""What a viewer has said to a simulated server, message by message.

It knows the messages of RFC 6143 section 7.5, which is all that a viewer may
say to a server that has announced no extension.
"""

from typing import NamedTuple

from tests.simulators.rfb_server import Peer

SET_ENCODINGS, KEY_EVENT, CLIENT_CUT_TEXT = 2, 4, 6
# Version, choice of a security type, ClientInit.
_HANDSHAKE = 12 + 1 + 1
_LENGTHS = {0: 20, 3: 10, 4: 8, 5: 6}


class Message(NamedTuple):
    """:ivar kind: its type; :ivar body: all of it."""

    kind: int
    body: bytes

    def encodings(self) -> set[int]:
        """:returns: those of a SetEncodings."""
        return {int.from_bytes(self.body[at:at + 4], signed=True)
                for at in range(4, len(self.body), 4)}

    def text(self) -> bytes:
        """:returns: that of a ClientCutText."""
        return self.body[8:]


def messages(peer: Peer) -> list[Message]:
    """:returns: all that are complete, oldest first."""
    data, at, found = bytes(peer.received), _HANDSHAKE, []
    while at < len(data):
        end = at + _length(data[at:])
        if end > len(data):
            break
        found.append(Message(data[at], data[at:end]))
        at = end
    return found


def _length(data: bytes) -> int:
    """:returns: of the first message; a little more than is there, if its
        head is not complete."""
    kind = data[0]
    if kind == SET_ENCODINGS and len(data) >= 4:
        return 4 + 4 * int.from_bytes(data[2:4])
    if kind == CLIENT_CUT_TEXT and len(data) >= 8:
        return 8 + int.from_bytes(data[4:8])
    return _LENGTHS.get(kind, len(data) + 1)
