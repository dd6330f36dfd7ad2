# SPDX-License-Identifier: Apache-2.0
"""Signals: what oslo.service's backends do not do with them.

Its two backends hear SIGHUP, SIGTERM and SIGINT in different processes, and
neither does all that service.py needs. What is done then is decided there.
"""

import contextlib
import math
import signal
import socket
from collections.abc import Iterator
from typing import Any, Protocol

from ironic_console.novncproxy.shared import DrainOverride

_ENDING = signal.SIGTERM, signal.SIGINT
# Time between the end of drain_timeout and being killed, seconds.
_LAST_WORDS = 10


class Signalled(Protocol):
    """A service, in the parent process and in workers."""

    def reset(self) -> None:
        """SIGHUP."""

    def stop(self) -> None:
        """SIGTERM."""


def forward_sighup(wrapper: type | None) -> None:
    """Make SIGHUP call ``reset()`` in workers.

    oslo.service promises that, but its threading backend (seen in 4.8)
    hands its workers to Cotyledon without it, and Cotyledon's own answer to
    SIGHUP is to end the worker, with every session in it.

    :param wrapper: the backend's wrapper class; ``None`` if it has none.
    """
    if wrapper is not None and 'reload' not in vars(wrapper):
        def reload(self: object) -> None:
            self.service_instance.reset()  # type: ignore[attr-defined]
        wrapper.reload = reload  # type: ignore[attr-defined]


def forward_to_parent(launcher: Any, service: Signalled) -> None:
    """Make SIGHUP and SIGTERM call ``reset()`` and ``stop()`` in the parent
    process of the workers, too, before the workers hear of them.

    The eventlet backend does that by itself, the threading backend (Cotyledon)
    has hooks for it.

    :param launcher: with its service.
    """
    manager = getattr(launcher, '_manager', None)
    if manager is not None:
        manager.register_hooks(on_reload=service.reset,
                               on_terminate=service.stop)


def close_at_sigterm(listener: socket.socket) -> None:
    """Refuse connections as soon as this process is told to end.

    That the workers close it is not enough: this process has it too, and
    the kernel would go on taking connections that nobody will ever serve.
    To shut it down ends it in all processes.

    :param listener: of the parent process of the workers, which calls this.
    """
    before: Any = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: object) -> None:
        shut_down(listener)
        before(number, frame)

    signal.signal(signal.SIGTERM, handle)


def shut_down(listener: socket.socket) -> None:
    """Accept nothing more, in any process; one that is closed is fine."""
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)


def override_drain_at_signals(override: DrainOverride) -> None:
    """End the draining at the next SIGTERM or SIGINT.

    Of the parent process of the workers, when it has told them to drain:
    whatever the backend would do at a second signal, it tells no session why.
    """
    def order(_number: int, _frame: object) -> None:
        override.order()

    for number in _ENDING:
        signal.signal(number, order)


def ignore_signals() -> None:
    """Hear of no SIGTERM or SIGINT any more."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


def shutdown_timeout(drain_timeout: float) -> int:
    """:returns: seconds after which a process that drains is killed."""
    return math.ceil(drain_timeout) + _LAST_WORDS


def allow_to_drain(drain_timeout: float) -> None:
    """Have this process killed when it hangs, and not before.

    Backends set this alarm by what they have heard at the start, which
    SIGHUP may have changed since.
    """
    signal.alarm(shutdown_timeout(drain_timeout))


@contextlib.contextmanager
def allowed_to_drain(drain_timeout: float) -> Iterator[None]:
    """As :func:`allow_to_drain`, for what is done in here."""
    allow_to_drain(drain_timeout)
    try:
        yield
    finally:
        signal.alarm(0)
