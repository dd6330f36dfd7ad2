# SPDX-License-Identifier: Apache-2.0
"""Ends a browser whose page eats the memory of its host.

Limits of processes do not do: Chromium reserves more than any machine has,
and takes as many processes as a page wants. Where a container has a limit of
its own, whichever is reached first counts.
"""

import contextlib
import logging
import os
import pathlib
import re
import threading
from collections.abc import Callable

LOG = logging.getLogger(__name__)

#: Bytes for all of a visit. Consoles have come along with a third.
MAX_BYTES = 2 * 1024 ** 3
#: Seconds; pages fill a gigabyte in one.
INTERVAL = 1.0
# proc(5): what is not a file's. Shared memory counts for each who has it.
_OWN = re.compile(r'^Rss(?:Anon|Shmem):\s+(\d+) kB', re.MULTILINE)


def used_by_group(group: int) -> int:
    """:returns: bytes of memory that processes of a group have."""
    total = 0
    for path in pathlib.Path('/proc').glob('[0-9]*'):
        # They come and go.
        with contextlib.suppress(OSError):
            if os.getpgid(int(path.name)) == group:
                text = (path / 'status').read_text()
                total += 1024 * sum(map(int, _OWN.findall(text)))
    return total


class MemoryGuard:
    """Looks at our process group from :meth:`start` to :meth:`stop`.

    :param too_much: called once, by a thread, if there is too much.
    """

    def __init__(self, too_much: Callable[[], None]) -> None:
        self._too_much = too_much
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True,
                                        name='memory')

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Look no more; safe at any time."""
        self._stopped.set()
        if self._thread.ident:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(INTERVAL):
            used = used_by_group(os.getpgrp())
            if used > MAX_BYTES:
                LOG.warning('the page of the BMC takes more memory than a '
                            'display may have, %d MB: the browser is killed',
                            used // 1024 ** 2)
                self._too_much()
                return
