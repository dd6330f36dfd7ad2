# SPDX-License-Identifier: Apache-2.0
"""PressedKeys: what a client holds down, and how to release it.

It only watches: what passes by is neither changed nor judged, and when it
does not understand any more it says nothing ever after. RFC 6143 §7.5.4 and
§7.5.5; rfbproto "QEMU Extended Key Event Message".
"""

from ironic_console.common.rfb.constants import ClientMessage
from ironic_console.common.rfb.messages import InvalidMessage, message_length

#: Keys that are remembered at once; above, the oldest is forgotten. Nobody
#: has as many fingers, but some clients never say that a key is up.
MAX_KEYS = 128

# Looked at when they are whole; of all others only the length matters.
_WATCHED = frozenset((ClientMessage.KEY_EVENT, ClientMessage.POINTER_EVENT,
                      ClientMessage.QEMU))
_LONGEST = 12                                   # of them; a QEMU key event
# In a pointer's mask: one more byte may follow, if both sides have agreed on
# ExtendedMouseButtons (-316), which cannot be seen from here.
_EXTENDED = 0x80


class PressedKeys:
    """Keys and pointer buttons of one client that are down.

    Every byte that the server gets from the client has to pass here.

    :ivar inputs: number of messages so far that came of a person's hands, or
        may have, once the messages could not be followed.
    :ivar messages: number of messages so far that could be followed.
    """

    __slots__ = ('_down', '_held', '_lost', '_to_skip', 'inputs',
                 'messages')

    def __init__(self) -> None:
        self.inputs = self.messages = 0
        # What a server tells keys apart by -> the message that releases it.
        self._down: dict[bytes, bytes] = {}
        self._held = b''
        self._to_skip = 0
        self._lost = False

    def receive_data(self, data: bytes) -> bytes:
        """See bytes on their way to the server, any split.

        Never raises, and never holds more than 11 of them.

        :returns: the same bytes.
        """
        if self._lost:
            self.inputs += bool(data)
        else:
            try:
                self._follow(self._held + data)
            except InvalidMessage:
                self._lost = True
                self._down.clear()
                self._held = b''
        return data

    def releases(self) -> bytes:
        """:returns: messages that release them all, last pressed first;
            nothing while a message is half sent, or once the messages could
            not be followed.
        """
        if self._held or self._to_skip:
            return b''
        return b''.join(reversed(self._down.values()))

    def _follow(self, data: bytes) -> None:
        at = min(self._to_skip, len(data))
        self._to_skip -= at
        while at < len(data):
            head = data[at:at + _LONGEST]
            length = message_length(head)
            if length is None:
                break
            if head[0] in _WATCHED:
                if length > len(head):
                    break
                self._look_at(head)
            self.messages += 1
            at += length
        self._held = data[at:]
        self._to_skip += max(0, at - len(data))

    def _look_at(self, message: bytes) -> None:
        """:param message: whole, and perhaps some of the next.
        :raises InvalidMessage: nobody can tell where the next one begins.
        """
        self.inputs += 1
        kind, flag = message[0], message[1]
        if kind == ClientMessage.POINTER_EVENT:
            if flag & _EXTENDED:
                raise InvalidMessage('PointerEvent of 6 or 7 bytes')
            # The same place, no button.
            self._note(b'\x05', bool(flag), b'\x05\0' + message[2:6])
        elif kind == ClientMessage.KEY_EVENT:
            key = message[4:8]
            self._note(key, bool(flag), b'\x04\0\0\0' + key)
        elif flag == 0:                         # QEMU extended key event
            keys = message[4:12]
            # Only a key without a code is told apart by its keysym.
            name = message[8:12] if any(message[8:12]) else keys
            self._note(b'\xff' + name, any(message[2:4]),
                       b'\xff\0\0\0' + keys)

    def _note(self, name: bytes, down: bool, release: bytes) -> None:
        if not down:
            self._down.pop(name, None)
            return
        self._down[name] = release
        if len(self._down) > MAX_KEYS:
            del self._down[next(iter(self._down))]
