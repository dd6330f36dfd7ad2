# SPDX-License-Identifier: Apache-2.0
"""A string that no log line, exception or debugger shows by accident."""

import hmac


class Secret:
    """Holds one secret; only :meth:`reveal` gives it away.

    Not a ``str``, so that it cannot be formatted into one.
    """

    __slots__ = ('_value',)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def equals(self, other: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(_encode(self._value), _encode(other))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.equals(other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return '***'


def _encode(text: str) -> bytes:
    # A URL can be made to carry half of a surrogate pair, which is wrong but
    # must not be an exception.
    return text.encode(errors='surrogatepass')
