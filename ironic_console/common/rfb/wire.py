# SPDX-License-Identifier: Apache-2.0
"""A byte reader that waits for whole fields. It knows no RFB."""


class ByteReader:
    """Collects bytes as they arrive and gives them back in whole fields."""

    __slots__ = ('_data',)

    def __init__(self) -> None:
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data)

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        self._data += data

    def peek(self, size: int) -> bytes:
        """:returns: up to ``size`` bytes, which stay."""
        return bytes(self._data[:size])

    def take(self, size: int) -> bytes | None:
        """:returns: exactly ``size`` bytes, or ``None`` while they are not
            all there."""
        if len(self._data) < size:
            return None
        taken = bytes(self._data[:size])
        del self._data[:size]
        return taken

    def take_all(self) -> bytes:
        """:returns: whatever is left."""
        taken = bytes(self._data)
        self._data.clear()
        return taken
