# SPDX-License-Identifier: Apache-2.0
"""Channel whose bytes pass the cipher of an RFB security type (RA2)."""

from ironic_console.common.channels.base import (
    RECEIVE_BYTES,
    Channel,
    ChannelError,
)
from ironic_console.common.rfb.handshake import Cipher

# What one send takes; it keeps the rest of an encrypted piece in memory.
_SEND_BYTES = 8 * 1024


class CipherChannel(Channel):
    """What the handshake began to encrypt goes on so.

    :param below: owned from now on.
    :param cipher: with the state that the handshake left.
    """

    def __init__(self, below: Channel, cipher: Cipher) -> None:
        self.peer = below.peer
        self._below = below
        self._cipher = cipher
        self._input = bytearray()
        self._output = bytearray()

    @property
    def has_output(self) -> bool:
        return bool(self._output)

    def fileno(self) -> int:
        return self._below.fileno()

    def receive(self) -> bytes | None:
        if not self._input:
            data = self._below.receive()
            if not data:
                return data
            try:
                self._input += self._cipher.decrypt(data)
            except ValueError as exc:
                raise ChannelError(
                    f'{self.peer}: not decipherable: {exc}') from exc
            if not self._input:
                return None
        taken = bytes(self._input[:RECEIVE_BYTES])
        del self._input[:RECEIVE_BYTES]
        return taken

    def send(self, data: bytes | bytearray | memoryview) -> int:
        if not self.flush():
            return 0
        taken = bytes(data[:_SEND_BYTES])
        self._output += self._cipher.encrypt(taken)
        self.flush()
        return len(taken)

    def flush(self) -> bool:
        while self._output:
            sent = self._below.send(self._output)
            if not sent:
                return False
            del self._output[:sent]
        return True

    def pending(self) -> bool:
        return bool(self._input) or self._below.pending()

    def close(self) -> None:
        self._input.clear()
        self._output.clear()
        self._below.close()
