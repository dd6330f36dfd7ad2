# SPDX-License-Identifier: Apache-2.0
"""AES-EAX in frames, as the RA2 types use it. rfbproto "RSA-AES".

A frame is a u16 length, as many bytes of ciphertext, and a MAC of 16 bytes.
The nonce counts the frames of its direction; the length is authenticated
with the rest. This owns keys and counters of one connection; where the keys
come from is not known here.
"""

from typing import Any

from Crypto.Cipher import AES

#: bytes of the length in front of a frame
HEAD_BYTES = 2
#: bytes of the MAC behind it
MAC_BYTES = 16
# A frame could have 65535 bytes; TigerVNC takes no more than 8192.
_MAX_FRAME_BYTES = 8192
_NONCE_BYTES = 16


class FrameCipher:
    """Seals what we say and opens what the peer says, frame by frame.

    It can be handed to :meth:`Handshake.start_cipher`.

    :param send_key: 16 or 32 bytes, for our direction.
    :param receive_key: likewise, for the peer's.
    """

    def __init__(self, send_key: bytes, receive_key: bytes) -> None:
        self._send_key = send_key
        self._receive_key = receive_key
        self._sent = 0
        self._received = 0
        self._pending = bytearray()

    def seal(self, data: bytes) -> bytes:
        """Make one frame, whatever its length.

        :param data: up to 65535 bytes.
        """
        head = len(data).to_bytes(HEAD_BYTES)
        eax = _eax(self._send_key, self._sent, head)
        self._sent += 1
        ciphertext, mac = eax.encrypt_and_digest(data)
        return b''.join((head, ciphertext, mac))

    def open(self, head: bytes, sealed: bytes) -> bytes:
        """Read one frame.

        :param head: its two bytes of length.
        :param sealed: the rest.
        :raises ValueError: it is not the peer's next one.
        """
        eax = _eax(self._receive_key, self._received, head)
        data: bytes = eax.decrypt_and_verify(sealed[:-MAC_BYTES],
                                             sealed[-MAC_BYTES:])
        self._received += 1
        return data

    def encrypt(self, data: bytes) -> bytes:
        """Make as many frames as it takes; of nothing, none."""
        return b''.join(self.seal(data[at:at + _MAX_FRAME_BYTES])
                        for at in range(0, len(data), _MAX_FRAME_BYTES))

    def decrypt(self, data: bytes) -> bytes:
        """Take bytes, any split; give those of whole frames.

        :raises ValueError: a frame is not from the peer. It is raised once
            all that came before has been given, so that the outcome does
            not depend on the split; from then on always.
        """
        self._pending += data
        plain = bytearray()
        while len(self._pending) >= HEAD_BYTES:
            head = bytes(self._pending[:HEAD_BYTES])
            end = HEAD_BYTES + int.from_bytes(head) + MAC_BYTES
            if len(self._pending) < end:
                break
            try:
                plain += self.open(head,
                                   bytes(self._pending[HEAD_BYTES:end]))
            except ValueError:
                if plain:
                    break
                raise
            del self._pending[:end]
        return bytes(plain)


def _eax(key: bytes, count: int, head: bytes) -> Any:
    eax = AES.new(key, AES.MODE_EAX, mac_len=MAC_BYTES,
                  nonce=count.to_bytes(_NONCE_BYTES, 'little'))
    return eax.update(head)
