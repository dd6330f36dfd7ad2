# SPDX-License-Identifier: Apache-2.0
"""What becomes of lines when the log is gone: they are lost, and counted.

Some handlers raise when their file cannot be opened again, in whoever has
something to say. Where the log goes and how it looks is oslo.log's business.
"""

import logging
from collections.abc import Iterable


def lose_rather_than_raise(handlers: Iterable[logging.Handler]) -> None:
    """Keep the trouble of handlers from those who log."""
    for handler in handlers:
        if not isinstance(handler.emit, _Guard):
            handler.emit = _Guard(handler)  # type: ignore[method-assign]


class _Guard:
    """Called instead of a handler's ``emit``, with the handler's lock."""

    def __init__(self, handler: logging.Handler) -> None:
        self._emit = handler.emit
        self._lost = 0

    def __call__(self, record: logging.LogRecord) -> None:
        try:
            if self._lost:
                self._emit(_notice(self._lost))
                self._lost = 0
            self._emit(record)
        except OSError:
            self._lost += 1


def _notice(lost: int) -> logging.LogRecord:
    return logging.LogRecord(
        __name__, logging.WARNING, __file__, 0,
        '%d lines were lost while the log could not be written', (lost,),
        None)
