# SPDX-License-Identifier: Apache-2.0
"""Test cards: live screens for consoles that have no hardware behind them.

It owns what conductor threads may call, and listening sockets until they are
handed to the loop. One thread serves all cards of a process, however many
viewers they have (``loop.py``).
"""

import concurrent.futures
import errno
import functools
import socket
import threading
from collections.abc import Callable, Sequence

from ironic_console.common.clock import Clock
from ironic_console.common.errors import DriverError
from ironic_console.drivers.testcard.connection import Card
from ironic_console.drivers.testcard.loop import Loop
from ironic_console.drivers.testcard.settings import CardSettings, Fault

__all__ = ['CardSettings', 'Fault', 'TestCardServer']

#: How long the loop may take for what it does at once.
ANSWER_TIMEOUT = 10.0
_BACKLOG = 64


class TestCardServer:
    """All test cards of a process. Every method may be called by any thread.

    :param clock: for deadlines and for what the cards show.
    """

    __test__ = False    # pytest would take it for a test by its name

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: Loop | None = None
        # What is open, with the port that it really has.
        self._open: dict[str, CardSettings] = {}

    def open(self, settings: CardSettings) -> int:
        """Show a card.

        A card of that node which is open with the same settings stays as it
        is; any port will do for port 0. With others it is replaced, and its
        viewers are cut off.

        :returns: the port it listens at.
        :raises DriverError: host or port cannot be used, or no card can be
            of that size; it says which.
        """
        if (port := self._port_of(settings)) is not None:
            return port
        addresses = _resolve(settings)      # may take long: not locked
        with self._lock:
            loop = self._running_loop()
            old = self._open.get(settings.uuid)
            if old is not None and settings.satisfied_by(old):
                return old.port
            self._remove(settings.uuid)
            listener = _listen(settings, addresses)
            try:
                card = Card(settings, listener, self._clock)
                port = int(listener.getsockname()[1])
                self._call(functools.partial(loop.add, card))
            except (DriverError, ValueError) as exc:
                listener.close()
                raise DriverError(f'{settings}: {exc}') from exc
            self._open[settings.uuid] = settings.at_port(port)
            return port

    def close(self, uuid: str) -> None:
        """Close a card and cut off its viewers; an unknown one is fine."""
        with self._lock:
            if self._alive():
                self._remove(uuid)

    def is_open(self, uuid: str) -> bool:
        with self._lock:
            return self._alive() and uuid in self._open

    def stop(self) -> None:
        """Close everything and end the thread; :meth:`open` starts anew."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
            self._open.clear()
            if loop is not None and thread is not None:
                loop.call(loop.stop)
                thread.join(ANSWER_TIMEOUT)

    def wake(self) -> None:
        """Have deadlines looked at now; for clocks that jump."""
        with self._lock:
            if self._loop is not None:
                self._loop.wake()

    # -- with the lock held ------------------------------------------------

    def _alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _running_loop(self) -> Loop:
        """Start the thread unless there is one."""
        if self._loop is None or not self._alive():
            self._open.clear()
            self._loop = Loop(self._clock)
            self._thread = threading.Thread(
                target=self._loop.run, name='test-cards', daemon=True)
            self._thread.start()
        return self._loop

    def _remove(self, uuid: str) -> None:
        if self._loop is not None and self._open.pop(uuid, None) is not None:
            self._call(functools.partial(self._loop.remove, uuid))

    def _call(self, function: Callable[[], None]) -> None:
        assert self._loop is not None
        try:
            self._loop.call(function).result(ANSWER_TIMEOUT)
        except concurrent.futures.TimeoutError as exc:
            raise DriverError('the thread of the test cards does not answer '
                              f'within {ANSWER_TIMEOUT:g} s') from exc

    # ----------------------------------------------------------------------

    def _port_of(self, settings: CardSettings) -> int | None:
        with self._lock:
            card = self._open.get(settings.uuid)
            if (card is not None and self._alive()
                    and settings.satisfied_by(card)):
                return card.port
            return None


_Address = tuple[int, tuple[object, ...]]


def _resolve(settings: CardSettings) -> list[_Address]:
    """:returns: address families and addresses to try, best first."""
    try:
        found = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as exc:
        raise DriverError(f'{settings}: the host {settings.host!r} is not '
                          f'known: {exc}') from exc
    return [(family, address) for family, _, _, _, address in found]


def _listen(settings: CardSettings, addresses: Sequence[_Address],
            ) -> socket.socket:
    """Listen at the first address that this machine has."""
    failure = OSError('no address')
    for family, address in addresses:
        try:
            return _listen_at(family, address)
        except OSError as exc:
            failure = exc
            # A name may stand for addresses of which some are not ours. But
            # where somebody else listens at one of them, whoever goes by
            # the name would meet them.
            if exc.errno == errno.EADDRINUSE:
                break
    if failure.errno == errno.EADDRINUSE:
        raise DriverError(
            f'{settings}: port {settings.port} of {settings.host} is in use '
            'by another program; choose another one, or 0 for any free port',
        ) from failure
    raise DriverError(
        f'{settings}: cannot listen at port {settings.port} of '
        f'{settings.host}: {failure.strerror or failure}') from failure


def _listen_at(family: int, address: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port whose old viewers are in TIME_WAIT can be opened again.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener
