# SPDX-License-Identifier: Apache-2.0
"""Lobby: viewers that wait while their endpoint is reached.

The thread that sets a connection up waits for the endpoint then, up to
minutes for some. Here one thread looks after all those viewers: it notices
who leaves, keeps what they say for later, and pings those that can be
pinged, since what stands between us and them may cut a connection on which
nothing moves. What comes of that is up to its callers.
"""

import contextlib
import logging
import os
import selectors
import threading
from collections.abc import Callable, Iterator

from ironic_console.common.channels.base import READ, Channel, ChannelError
from ironic_console.common.channels.framing import ViewerChannel
from ironic_console.common.clock import Clock
from ironic_console.common.errors import (
    ConsoleError,
    RemoteProtocolError,
    Side,
    ViewerLeft,
)

LOG = logging.getLogger(__name__)

#: Most that a viewer may say before it is its turn, bytes. The longest
#: handshake of one that waits for no answer is a hundredth of that.
MAX_SAID_BYTES = 16 * 1024
# Seconds between two looks at who is to be pinged.
_PING_CHECK_INTERVAL = 2.0


class Guest:
    """A viewer in the lobby.

    :param channel: nobody else may use it until the guest is shown out.
    :param on_gone: called once, when there is no use in waiting any more.
    :param ping_interval: seconds.
    :ivar said: what it has said.
    :ivar error: why there is no use in waiting; ``None`` while there is.
    """

    def __init__(self, channel: Channel, on_gone: Callable[[], None],
                 ping_interval: float) -> None:
        self.said = bytearray()
        self.error: ConsoleError | None = None
        self.ping_interval = ping_interval
        self.pinged_at = 0.0
        # A channel bears one thread at a time.
        self.lock = threading.Lock()
        self.registered = False
        self._channel = channel
        self._on_gone = on_gone

    def fileno(self) -> int:
        return self._channel.fileno()

    def pending(self) -> bool:
        return self._channel.pending()

    def listen(self) -> None:
        """Take what it says now."""
        try:
            self._listen()
        except ChannelError as exc:
            self._give_up(ViewerLeft(str(exc)))
        except ConsoleError as exc:
            self._give_up(exc)
        # One guest's trouble must not leave all the others alone.
        except Exception:
            LOG.exception('Bug: a viewer failed in the lobby')
            self._give_up(ConsoleError('internal error'))

    def _listen(self) -> None:
        again = True
        while again:
            data = self._channel.receive()
            if data == b'':
                raise ViewerLeft('it has closed')
            self.said += data or b''
            if len(self.said) > MAX_SAID_BYTES:
                raise RemoteProtocolError(
                    Side.BROWSER, 'wait for the endpoint',
                    f'it said more than {MAX_SAID_BYTES} bytes meanwhile')
            again = data is not None and self._channel.pending()
        # Answers to pings.
        self._channel.flush()

    def ping(self) -> None:
        if not isinstance(self._channel, ViewerChannel):
            return
        try:
            self._channel.ping()
            self._channel.flush()
        except ChannelError as exc:
            self._give_up(ViewerLeft(str(exc)))

    def _give_up(self, error: ConsoleError) -> None:
        self.error = error
        self._on_gone()


class Lobby:
    """All guests of a process. May be used from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._guests: set[Guest] = set()
        self._checked_at = clock.monotonic()
        self._selector: selectors.BaseSelector | None = None
        self._waker = -1
        self._stopping = False

    def start(self) -> None:
        self._waker = os.eventfd(0)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._waker, READ, None)
        threading.Thread(target=self._run, args=(self._selector,),
                         name='lobby', daemon=True).start()

    def stop(self) -> None:
        """Look after nobody any more."""
        with self._lock:
            if self._selector and not self._stopping:
                os.eventfd_write(self._waker, 1)
            self._stopping = True

    @contextlib.contextmanager
    def waiting(self, guest: Guest) -> Iterator[Guest]:
        """The guest waits in here.

        :raises ChannelError: nobody can look after it.
        """
        # Before it can be heard of: what layers above the socket hold
        # already is announced by none.
        if guest.pending():
            guest.listen()
        self._show_in(guest)
        try:
            yield guest
        finally:
            self._show_out(guest)

    def _show_in(self, guest: Guest) -> None:
        guest.pinged_at = self._clock.monotonic()
        with self._lock, guest.lock:
            if guest.error or self._stopping or not self._selector:
                return
            try:
                # The kernel takes it while the other thread waits.
                self._selector.register(guest.fileno(), READ, guest)
            except (OSError, ValueError) as exc:
                raise ChannelError(f'cannot be waited for: {exc}') from exc
            guest.registered = True
            self._guests.add(guest)

    def _show_out(self, guest: Guest) -> None:
        with self._lock, guest.lock:
            if guest.registered and self._selector:
                self._selector.unregister(guest.fileno())
                guest.registered = False
                self._guests.discard(guest)

    # -- the thread ----------------------------------------------------------

    def _run(self, selector: selectors.BaseSelector) -> None:
        while not self._stopping:
            for key, _events in selector.select(_PING_CHECK_INTERVAL):
                if key.data:
                    self._attend(key.data, Guest.listen)
            self._ping_all()
        with self._lock:
            for guest in self._guests:
                guest.registered = False
            self._guests.clear()
            selector.close()
            os.close(self._waker)

    def _attend(self, guest: Guest, care: Callable[[Guest], None]) -> None:
        with guest.lock:
            # It may have been shown out a moment ago.
            if guest.registered:
                care(guest)
            gone = guest.error is not None
        if gone:
            # Its end would be announced for ever.
            self._show_out(guest)

    def _ping_all(self) -> None:
        now = self._clock.monotonic()
        if now < self._checked_at + _PING_CHECK_INTERVAL:
            return
        self._checked_at = now
        with self._lock:
            due = [guest for guest in self._guests
                   if now >= guest.pinged_at + guest.ping_interval]
        for guest in due:
            guest.pinged_at = now
            self._attend(guest, Guest.ping)
