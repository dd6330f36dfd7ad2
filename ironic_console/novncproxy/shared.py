# SPDX-License-Identifier: Apache-2.0
"""Shared: what the worker processes of a proxy have in common.

It is made by their parent, before it forks them. What they do with it is up
to worker.py.
"""

import dataclasses
import mmap
import pathlib
import socket

from ironic_console.novncproxy.ledger import Ledger
from ironic_console.novncproxy.settings import Settings


class DrainOverride:
    """Ends the draining of all workers before ``drain_timeout`` has passed.

    One byte of shared memory, which a signal handler may write to.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def __bool__(self) -> bool:
        return self._memory[0] != 0

    def order(self) -> None:
        self._memory[0] = 1


@dataclasses.dataclass
class Shared:
    """What all workers share.

    :ivar listener: for browsers, not blocking.
    :ivar ledger: of all their sessions.
    :ivar runtime_folder: where they find each other.
    :ivar metrics_listener: ``None`` when nobody shall ask.
    :ivar viewers_listener: ``None`` when there is no such port.
    :ivar drain_override: whether sessions may still go on when the service
        ends.
    """

    listener: socket.socket
    ledger: Ledger
    runtime_folder: pathlib.Path
    metrics_listener: socket.socket | None = None
    viewers_listener: socket.socket | None = None
    drain_override: DrainOverride = dataclasses.field(
        default_factory=DrainOverride)

    def public_listeners(self) -> list[socket.socket]:
        """:returns: those that are closed when the service is to end."""
        return [listener for listener in (
            self.listener, self.viewers_listener) if listener]

    def close_unused(self, settings: Settings) -> None:
        """Close the ports that are switched off, for the parent process.

        Workers close theirs; when the last one has, nobody listens. Workers
        that run cannot be given another one.
        """
        if self.metrics_listener and not settings.metrics:
            self.metrics_listener.close()
            self.metrics_listener = None
        if self.viewers_listener and not settings.viewers:
            self.viewers_listener.close()
            self.viewers_listener = None
