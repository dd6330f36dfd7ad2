# SPDX-License-Identifier: Apache-2.0
"""Waiting for what a page does in its own time."""

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

from ironic_console.common.clock import Clock, Deadline
from ironic_console.drivers.displays.apps.base import STEP_TIMEOUT
from ironic_console.drivers.displays.failures import (
    PageChanged,
    PageMoving,
)

T = TypeVar('T')

#: JavaScript: what HTTP said of the document; 1 if that is not known.
STATUS = '''() =>
    performance.getEntriesByType('navigation')[0]?.responseStatus || 1'''
_INTERVAL = 0.1


def wait_for(look: Callable[[], T], text: str,
             timeout: float = STEP_TIMEOUT) -> T:
    """Look until something true is seen.

    :raises PageChanged: with that text: it never was.
    """
    deadline = Deadline(Clock(), timeout, 'page')
    while True:
        with contextlib.suppress(PageMoving):
            found = look()
            if found:
                return found
        if not deadline.remaining():
            raise PageChanged(text)
        time.sleep(_INTERVAL)
