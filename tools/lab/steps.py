# SPDX-License-Identifier: Apache-2.0
"""What a command is doing, line by line, with times."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TextIO


class Steps:
    """Numbered steps of a command.

    :param total: how many there will be.
    :param out: where they are shown; standard output if None.
    """

    def __init__(self, total: int, out: TextIO | None = None) -> None:
        self._total = total
        self._out = out or sys.stdout
        self._number = 0
        self._note = ''

    @contextlib.contextmanager
    def step(self, title: str, hint: str = '') -> Iterator[None]:
        """Show that a step has begun, and how long it took.

        :param hint: what the user may want to know while it runs.
        """
        self._number += 1
        self._note = ''
        started = time.monotonic()
        self.say(f'[{self._number}/{self._total}] {title}'
                 f'{f" ({hint})" if hint else ""} ... ', end='')
        try:
            yield
        except BaseException:
            self.say('not done')
            raise
        note = f'{self._note}, ' if self._note else ''
        self.say(f'{note}{time.monotonic() - started:.1f} s')

    def note(self, text: str) -> None:
        """Add a word on how the present step went."""
        self._note = text

    def say(self, text: str = '', end: str = '\n') -> None:
        """Show a line, at once even if nobody sits there."""
        print(text, end=end, file=self._out, flush=True)
