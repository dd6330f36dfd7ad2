# SPDX-License-Identifier: Apache-2.0
"""How a value that somebody else chose is quoted in a sentence of ours.

It knows nothing of what the value is for.
"""

import reprlib

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100
_SHORT.maxlevel = 2


def quoted(value: object) -> str:
    """:returns: its ``repr()``, in few characters however long that is: these
        sentences are stored, logged and sent to users."""
    return _SHORT.repr(value)


def one_line(said: object) -> str:
    """:returns: the words of an exception, or of whatever has some."""
    return ' '.join(str(said).split())


def shortened(text: str, most: int = 400) -> str:
    """:returns: the words of somebody else, or how they begin and end."""
    half = most // 2
    return text if len(text) <= most else f'{text[:half]}...{text[-half:]}'
