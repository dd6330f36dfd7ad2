# SPDX-License-Identifier: Apache-2.0
"""The event loop that serves every test card of a process.

It owns the sockets of cards and viewers from when it gets them, and closes
them. All of it runs in the loop's own thread, except :meth:`Loop.call` and
:meth:`Loop.wake`. What a viewer is told is the business of
``viewer.py``.
"""

import collections
import concurrent.futures
import contextlib
import logging
import math
import selectors
import socket
from collections.abc import Callable

from ironic_console.common.clock import Clock
from ironic_console.common.errors import ConsoleError
from ironic_console.drivers.testcard.connection import (
    Card,
    Connection,
    Ended,
)
from ironic_console.drivers.testcard.settings import Fault

LOG = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT = 10.0
#: Connections of one card, handshakes included.
MAX_VIEWERS = 32
#: Viewers that one card accepts in one turn.
MAX_ACCEPTS = 16
#: How long a card accepts nobody when the process has no descriptors left.
ACCEPT_PAUSE = 1.0


class Loop:
    """Serves cards until it is told to stop.

    :param clock: for deadlines and for what the cards show.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._calls: collections.deque[Callable[[], None]] = (
            collections.deque())
        self._cards: dict[str, Card] = {}
        self._touched: set[Card] = set()
        self._wake_at = math.inf
        self._stopping = False

    # -- from any thread ---------------------------------------------------

    def call(self, function: Callable[[], None],
             ) -> 'concurrent.futures.Future[None]':
        """Have something done in the loop's thread.

        :returns: its end, or the error it ended with, to come.
        """
        future: concurrent.futures.Future[None] = concurrent.futures.Future()

        def run() -> None:
            try:
                function()
            except BaseException as exc:
                # It is the caller's, and ends nobody's console.
                future.set_exception(exc)
            else:
                future.set_result(None)

        self._calls.append(run)
        self.wake()
        return future

    def wake(self) -> None:
        """Make the loop look at its calls and its clock now."""
        # A full buffer means that it has been told already, a closed one
        # that it has stopped.
        with contextlib.suppress(OSError):
            self._bell.send(b'\x00')

    # -- in the loop's thread ----------------------------------------------

    def run(self) -> None:
        """Serve until :meth:`stop`, then close everything."""
        try:
            while not self._stopping:
                self._turn()
        finally:
            for uuid in list(self._cards):
                self.remove(uuid)
            self._selector.close()
            self._bell.close()
            self._ear.close()

    def stop(self) -> None:
        self._stopping = True

    def add(self, card: Card) -> None:
        self._selector.register(card.listener, selectors.EVENT_READ, card)
        self._cards[card.settings.uuid] = card

    def remove(self, uuid: str) -> None:
        """Close a card and its viewers; an unknown one is fine."""
        card = self._cards.pop(uuid, None)
        if card is None:
            return
        for connection in list(card.connections):
            self._drop(connection, 'the card was closed')
        self._touched.discard(card)
        if math.isinf(card.resume_at):
            self._selector.unregister(card.listener)
        card.listener.close()

    def _turn(self) -> None:
        timeout: float | None = None
        if not math.isinf(self._wake_at):
            timeout = max(0.0, self._wake_at - self._clock.monotonic())
        for key, events in self._selector.select(timeout):
            if isinstance(key.data, Connection):
                self._serve(key.data, events)
            elif isinstance(key.data, Card):
                self._accept(key.data)
            else:
                self._ear.recv(4096)
        while self._calls:
            self._calls.popleft()()
        if self._clock.monotonic() >= self._wake_at:
            self._look_at_clock()
        while self._touched:
            self._refresh(self._touched.pop())

    def _wake_by(self, when: float) -> None:
        self._wake_at = min(self._wake_at, when)

    def _look_at_clock(self) -> None:
        now = self._clock.monotonic()
        self._wake_at = math.inf
        for card in self._cards.values():
            for connection in list(card.connections):
                if connection.deadline <= now:
                    self._drop(connection, 'its time was over')
                else:
                    self._wake_by(connection.deadline)
            if card.resume_at <= now:
                card.resume_at = math.inf
                self._selector.register(card.listener, selectors.EVENT_READ,
                                        card)
            self._wake_by(card.resume_at)
            self._touched.add(card)

    def _refresh(self, card: Card) -> None:
        """Show what has changed to whoever wants to see it."""
        if card.watched:
            card.redraw()
            # The next second begins: nobody looks, no tick.
            second = self._clock.now().microsecond / 1e6
            self._wake_by(self._clock.monotonic() + 1 - second)
        for connection in list(card.connections):
            self._attempt(connection, self._flush)

    # -- connections -------------------------------------------------------

    def _accept(self, card: Card) -> None:
        for _ in range(MAX_ACCEPTS):
            try:
                sock, _ = card.listener.accept()
            except (BlockingIOError, InterruptedError,
                    ConnectionAbortedError):
                return
            except OSError as exc:
                # Out of descriptors, most likely. The listener would stay
                # readable and keep the loop spinning.
                LOG.warning('%s accepts no viewers for %g s: %s',
                            card.settings, ACCEPT_PAUSE, exc)
                self._selector.unregister(card.listener)
                card.resume_at = self._clock.monotonic() + ACCEPT_PAUSE
                self._wake_by(card.resume_at)
                return
            if len(card.connections) >= MAX_VIEWERS:
                LOG.info('%s has %d viewers and takes no more',
                         card.settings, MAX_VIEWERS)
                sock.close()
            else:
                self._welcome(card, sock)

    def _welcome(self, card: Card, sock: socket.socket) -> None:
        settings = card.settings
        viewer = None
        if settings.fault is not Fault.NEVER_ANSWERS:
            viewer = card.new_viewer()
        sock.setblocking(False)
        connection = Connection(card, sock, viewer)
        now = self._clock.monotonic()
        if viewer is not None:
            connection.handshake_by = now + HANDSHAKE_TIMEOUT
        if settings.fault is Fault.DROPS:
            connection.cut_at = now + settings.fault_seconds
        card.connections.add(connection)
        self._selector.register(sock, connection.interest, connection)
        self._wake_by(connection.deadline)
        self._attempt(connection, self._greet)

    def _greet(self, connection: Connection) -> None:
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._flush(connection)

    def _serve(self, connection: Connection, events: int) -> None:
        if events & selectors.EVENT_READ:
            self._touched.add(connection.card)      # which flushes it, too
            self._attempt(connection, Connection.receive)
        else:
            self._attempt(connection, self._flush)

    def _flush(self, connection: Connection) -> None:
        interest = selectors.EVENT_READ
        if connection.flush():
            interest |= selectors.EVENT_WRITE
        if interest != connection.interest:
            connection.interest = interest
            self._selector.modify(connection.sock, interest, connection)

    def _attempt(self, connection: Connection,
                 action: Callable[[Connection], None]) -> None:
        """Whatever is wrong with a viewer ends that viewer alone."""
        try:
            action(connection)
        except (Ended, OSError) as exc:
            self._drop(connection, str(exc))
        except ConsoleError as exc:
            # The handshake may have prepared an answer that says why.
            with contextlib.suppress(OSError, ConsoleError):
                connection.flush()
            self._drop(connection, str(exc))
        except Exception:
            LOG.exception('%s: a viewer is dropped because of a bug',
                          connection.card.settings)
            self._drop(connection, 'a bug')

    def _drop(self, connection: Connection, reason: str) -> None:
        LOG.debug('%s: a viewer has gone: %s', connection.card.settings,
                  reason)
        connection.card.connections.discard(connection)
        self._selector.unregister(connection.sock)
        connection.sock.close()
        self._touched.add(connection.card)
