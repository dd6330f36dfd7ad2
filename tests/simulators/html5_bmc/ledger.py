# SPDX-License-Identifier: Apache-2.0
"""What has happened so far, and waiting for what has not.

It decides nothing. Secrets do not get in: they are replaced when requests are
noted.
"""

import dataclasses
import re
import threading
import time
from collections.abc import Callable

#: Seconds, for what a browser on a busy machine has to do.
PATIENCE = 60.0
#: A condition may depend on what nobody notes, such as time.
_LOOK_AGAIN = 0.25
#: Most of each that is kept.
_KEPT = 100_000
_SECRET = re.compile(
    r'((?:VCSID2?|vck|temp\w+)=|/redfish/(?=\w+\.IKVM))\w+')


@dataclasses.dataclass(frozen=True)
class Entry:
    """One request.

    :ivar path: with query; secrets in it are three stars.
    :ivar host: that it was meant for, without port.
    """

    method: str
    path: str
    status: int
    host: str


class Ledger:
    """Written by all threads of a BMC, read by tests.

    :ivar log: requests, oldest first, also WebSockets (status 101).
    :ivar keys: those that came to a console: whether it went down, and its
        ``KeyboardEvent.code``. Repetitions do not count.
    :ivar typed: characters of those that went down.
    :ivar clicks: where on the picture a button went down.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.log: list[Entry] = []
        self.keys: list[tuple[bool, str]] = []
        self.typed = ''
        self.clicks: list[tuple[int, int]] = []

    def note_request(self, entry: Entry) -> None:
        path = _SECRET.sub(r'\1***', entry.path)
        with self._changed:
            if len(self.log) < _KEPT:
                self.log.append(dataclasses.replace(entry, path=path))
            self._changed.notify_all()

    def note_key(self, down: bool, code: str, key: str) -> None:
        with self._changed:
            if len(self.keys) < _KEPT:
                self.keys.append((down, code))
                self.typed += key if down and len(key) == 1 else ''
            self._changed.notify_all()

    def note_click(self, x: int, y: int) -> None:
        with self._changed:
            if len(self.clicks) < _KEPT:
                self.clicks.append((x, y))
            self._changed.notify_all()

    def changed(self) -> None:
        """Something else did; who waits looks again."""
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], object], what: str,
                 timeout: float = PATIENCE) -> None:
        """Wait until a condition holds; it is asked at each change.

        :param what: for the message, as in "waited 60 s for ...".
        :raises AssertionError: it did not in time; says what came last.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while not condition():
                if time.monotonic() > deadline:
                    last = [dataclasses.astuple(entry)
                            for entry in self.log[-10:]]
                    raise AssertionError(
                        f'waited {timeout:g} s for {what}; last requests: '
                        f'{last}')
                self._changed.wait(_LOOK_AGAIN)
