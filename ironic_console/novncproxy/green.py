# SPDX-License-Identifier: Apache-2.0
"""A selector for the eventlet backend that does not slow down with every
session.

eventlet leaves programs only ``select()``, which looks at all file
descriptors each time. What is chosen, and when, is up to cmd.py.
"""

import select
import selectors


class HubSelector(selectors.EpollSelector):
    """The kernel's epoll, waited for where eventlet can do something else.

    To be loaded before eventlet replaces what it replaces.
    """

    def select(self, timeout: float | None = None,
               ) -> list[tuple[selectors.SelectorKey, int]]:
        # eventlet's by then: its hub waits for one file descriptor.
        select.select([self.fileno()], [], [], timeout)
        return super().select(0)


def install() -> None:
    """Make it the default of this process."""
    selectors.DefaultSelector = HubSelector  # type: ignore[misc, assignment]
