# SPDX-License-Identifier: Apache-2.0
"""Relay: the event loop that carries every session of a process.

An idle session costs two file descriptors and a small object here, no thread
and no process. Setting sessions up is not done here: nothing in this loop
may wait for anything but the selector.
"""

import collections
import contextlib
import dataclasses
import functools
import heapq
import itertools
import logging
import selectors
import socket
import threading
from collections.abc import Callable
from typing import Any

from ironic_console.common.channels.base import READ, WRITE
from ironic_console.common.clock import Clock
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.close_reasons import CloseReason
from ironic_console.novncproxy.link import Buffers, Ended, Link
from ironic_console.novncproxy.pace import GATHER_SECONDS

LOG = logging.getLogger(__name__)

#: Time in which a browser may read the close frame and answer it, seconds.
CLOSE_TIMEOUT = 2.0
# The same with what is on its way before that frame, on a line so slow that
# it takes longer.
_LONGEST_CLOSE = 30.0
# A clipboard or a mouse that was held up comes as a burst: seconds' worth of
# frames that may come at once.
_BURST_SECONDS = 2.0


@dataclasses.dataclass(frozen=True)
class RelayLimits:
    """Time limits of a session, all in seconds; 0 means none.

    :ivar ping_interval: between two pings; also how long a browser may stay
        silent after one. Never 0.
    :ivar idle_timeout: without a key or a move of the pointer.
    :ivar stall_timeout: with bytes that a side does not take.
    :ivar max_session_length: in all.
    :ivar max_frame_rate: WebSocket frames of a browser per second, or
        messages in them, for longer than a moment; 0 means no limit. Not a
        time.
    """

    ping_interval: float = 20.0
    idle_timeout: float = 0.0
    stall_timeout: float = 300.0
    max_session_length: float = 0.0
    max_frame_rate: float = 5000.0


def _contained(step: Callable[..., None]) -> Callable[..., None]:
    """Make a step of one session that ends no other, whatever it raises."""
    @functools.wraps(step)
    def run(relay: 'Relay', link: Link, *args: Any) -> None:
        try:
            step(relay, link, *args)
        except Exception:
            relay._drop(link)

    return run


class Relay:
    """Moves bytes between the two sides of all sessions.

    :param limits: may be replaced while it runs; sessions follow with their
        next ping.
    :param clock: for all of them.

    ``add``, ``close`` and ``stop`` may be called from any thread; everything
    else happens on the relay's own.
    """

    def __init__(self, limits: RelayLimits, clock: Clock) -> None:
        self.limits = limits
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._buffers = Buffers()
        self._links: set[Link] = set()
        self._ready: set[Link] = set()
        self._gathering: collections.deque[tuple[float, Link]] = (
            collections.deque())
        self._timers: list[tuple[float, int, Link]] = []
        self._sequence = itertools.count()
        self._inbox: collections.deque[Callable[[], None]] = (
            collections.deque())
        self._awake, self._waker = socket.socketpair()
        self._awake.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._awake, READ, None)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name='relay',
                                        daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, link: Link) -> None:
        """Carry a session; the relay owns the link from now on."""
        self._call(lambda: self._begin(link))

    def close(self, link: Link, reason: CloseReason) -> None:
        """Close a session; one that has ended is fine."""
        def end() -> None:
            if not link.closing:
                self._end(link, reason)
        self._call(end)

    def stop(self, reason: CloseReason, timeout: float) -> None:
        """Close all sessions, then end the loop.

        :param timeout: seconds to wait for that.
        """
        self._call(lambda: self._stop(reason))
        self._thread.join(timeout)

    # -- the loop ------------------------------------------------------------

    def _call(self, action: Callable[[], None]) -> None:
        self._inbox.append(action)
        try:
            self._waker.send(b'\x00')
        except OSError:
            # It is full of calls to wake up already, or the loop has ended.
            return

    def _run(self) -> None:
        while not self._stopping or self._links or self._inbox:
            ready = self._selector.select(self._pause())
            now = self._clock.monotonic()
            for key, events in ready:
                if key.data is None:
                    self._read_inbox()
                else:
                    link, is_browser = key.data
                    self._turn(link, now,
                               events if is_browser else 0,
                               0 if is_browser else events)
            again, self._ready = self._ready, set()
            for link in again:
                self._turn(link, now, READ, READ)
            self._fetch_gathered(now)
            self._run_timers(now)
        self._selector.close()
        self._buffers.pipes.close()
        self._awake.close()
        self._waker.close()

    def _pause(self) -> float | None:
        if self._ready or self._inbox:
            return 0
        # All of them gather for the same time, so the first is the next.
        times = [queue[0][0] for queue in (self._gathering, self._timers)
                 if queue]
        if not times:
            return None
        return max(0.0, min(times) - self._clock.monotonic())

    def _read_inbox(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._awake.recv(4096)
        # What comes meanwhile has its turn after the sessions.
        for _ in range(len(self._inbox)):
            self._inbox.popleft()()

    def _fetch_gathered(self, now: float) -> None:
        while self._gathering and self._gathering[0][0] <= now:
            link = self._gathering.popleft()[1]
            link.fetch_gathered()
            self._turn(link, now, 0, READ)

    def _turn(self, link: Link, now: float, browser: int, endpoint: int,
              ) -> None:
        """Move what can be moved for one session, a bounded amount."""
        if link.ended:
            return
        try:
            if link.closing:
                self._turn_closing(link, now, browser)
            else:
                self._turn_open(link, now, browser, endpoint)
            self._listen(link)
        except Ended as exc:
            self._end(link, exc.reason)
        except Exception:
            self._drop(link)

    def _turn_open(self, link: Link, now: float, browser: int, endpoint: int,
                   ) -> None:
        # Whoever has to wait after this turn begins to wait now.
        progress = not (link.browser_busy() or link.endpoint_busy())
        if browser & WRITE:
            progress |= link.push_to_browser()
        if endpoint & WRITE:
            progress |= link.push_to_endpoint()
        if browser & READ:
            link.pull_from_browser(now)
            self._limit_rate(link, now)
        if endpoint & READ and not link.is_gathering():
            progress |= link.pull_from_endpoint(now)
            if link.is_gathering():
                self._gathering.append((now + GATHER_SECONDS, link))
        if progress:
            link.progress_at = now

    def _limit_rate(self, link: Link, now: float) -> None:
        """:raises Ended: the browser says more than anybody can type or
            point."""
        rate = self.limits.max_frame_rate
        credit = link.credit + now - link.counted_at
        # Frames pile up while an endpoint that takes nothing keeps us from
        # reading them, and come all at once then.
        if not link.held_up:
            credit = min(credit, max(link.credit, _BURST_SECONDS))
        pieces = link.count_pieces()
        if rate:
            credit -= (pieces - link.pieces) / rate
        link.credit, link.pieces, link.counted_at = credit, pieces, now
        link.held_up = link.is_full()
        if credit < 0:
            raise Ended(close_reasons.FLOOD)

    @staticmethod
    def _turn_closing(link: Link, now: float, browser: int) -> None:
        if link.browser_busy():
            link.push_to_browser()
            if not link.browser_busy():
                link.browser.shutdown_sending()
        elif browser & READ:
            # Answers to the close frame, and whatever was under way: it
            # must be read, or the kernel resets the connection and the
            # close frame is lost.
            link.pull_from_browser(now)

    def _listen(self, link: Link) -> None:
        """Tell the selector what the link waits for now."""
        browser, endpoint = link.interest()
        if browser != link.browser_events:
            self._register(link.browser.fileno(), link.browser_events,
                           browser, (link, True))
            link.browser_events = browser
        if endpoint != link.endpoint_events:
            self._register(link.endpoint.fileno(), link.endpoint_events,
                           endpoint, (link, False))
            link.endpoint_events = endpoint
        if link.pending():
            self._ready.add(link)

    def _register(self, fileno: int, before: int, after: int,
                  data: tuple[Link, bool]) -> None:
        if not after:
            self._selector.unregister(fileno)
        elif before:
            self._selector.modify(fileno, after, data)
        else:
            self._selector.register(fileno, after, data)

    # -- life of a link ------------------------------------------------------

    @_contained
    def _begin(self, link: Link) -> None:
        now = self._clock.monotonic()
        link.attach(self._buffers)
        link.opened_at = link.used_at = link.heard_at = now
        link.pinged_at = link.progress_at = link.counted_at = now
        link.credit = _BURST_SECONDS
        link.pieces = link.count_pieces()
        self._links.add(link)
        if self._stopping:
            self._end(link, close_reasons.SHUTDOWN)
            return
        self._schedule(link, now)
        # What came behind the handshakes waits for nobody to announce it.
        self._turn(link, now, READ | WRITE,
                   WRITE if link.endpoint_busy() else 0)

    @_contained
    def _end(self, link: Link, reason: CloseReason) -> None:
        if link.ended:
            return
        if link.closing:
            # The browser has answered the close frame, or is gone.
            self._finish(link)
            return
        self._begin_close(link, reason)
        if reason in (close_reasons.BROWSER_CLOSED,
                      close_reasons.BROWSER_LOST):
            with contextlib.suppress(Ended):
                link.push_to_browser()
            self._finish(link)
            return
        now = self._clock.monotonic()
        link.deadline = now + _LONGEST_CLOSE
        self._push_timer(now + CLOSE_TIMEOUT, link)
        self._turn(link, now, WRITE, 0)

    def _begin_close(self, link: Link, reason: CloseReason) -> None:
        if link.endpoint_events:
            self._selector.unregister(link.endpoint.fileno())
            link.endpoint_events = 0
        link.begin_close(reason)

    def _finish(self, link: Link) -> None:
        if link.ended:
            return
        link.ended = True
        self._links.discard(link)
        self._ready.discard(link)
        if link.browser_events:
            self._selector.unregister(link.browser.fileno())
            link.browser_events = 0
        link.close()
        assert link.closing is not None
        link.on_end(link, link.closing)

    def _drop(self, link: Link) -> None:
        """Let go of a session after an exception that nobody expected."""
        LOG.exception('Bug: a session failed in the relay')
        with contextlib.suppress(Exception):
            if not link.closing:
                self._begin_close(link, close_reasons.BUG)
                link.push_to_browser()
        link.closing = link.closing or close_reasons.BUG
        with contextlib.suppress(Exception):
            self._finish(link)

    def _stop(self, reason: CloseReason) -> None:
        self._stopping = True
        for link in [link for link in self._links if not link.closing]:
            self._end(link, reason)

    # -- time ----------------------------------------------------------------

    def _push_timer(self, when: float, link: Link) -> None:
        heapq.heappush(self._timers, (when, next(self._sequence), link))

    def _run_timers(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            link = heapq.heappop(self._timers)[2]
            if link.ended:
                continue
            if not link.closing:
                self._check(link, now)
            elif now < link.deadline and link.browser.below.still_delivers(
                    CLOSE_TIMEOUT):
                self._push_timer(now + CLOSE_TIMEOUT, link)
            else:
                self._end(link, link.closing)

    @_contained
    def _check(self, link: Link, now: float) -> None:
        """Look after one session whose time has come."""
        reason = self._overdue(link, now)
        if reason:
            self._end(link, reason)
            return
        if now >= link.pinged_at + self.limits.ping_interval:
            link.pinged_at = now
            if link.browser_busy() or not link.browser.answers_pings:
                # A ping behind bytes that the browser does not take says
                # nothing; stall_timeout looks after those. Who was not
                # asked is not silent.
                link.heard_at = now
            else:
                link.browser.ping()
                self._turn(link, now, WRITE, 0)
        if not link.ended and not link.closing:
            self._schedule(link, now)

    def _overdue(self, link: Link, now: float) -> CloseReason | None:
        limits = self.limits
        if 0 < limits.max_session_length <= now - link.opened_at:
            return close_reasons.TOO_LONG
        if 0 < limits.idle_timeout <= now - link.used_at:
            return close_reasons.IDLE
        busy = link.browser_busy() or link.endpoint_busy()
        if busy and 0 < limits.stall_timeout <= now - link.progress_at:
            return close_reasons.STALLED
        # On a slow line the ping may stand behind megabytes that the kernel
        # has taken; as long as those arrive, the browser is there.
        if (not link.browser_busy() and link.heard_at < link.pinged_at
                and now >= link.pinged_at + limits.ping_interval
                and not link.browser.below.still_delivers(
                    limits.ping_interval)):
            return close_reasons.BROWSER_SILENT
        return None

    def _schedule(self, link: Link, now: float) -> None:
        limits = self.limits
        when = link.pinged_at + limits.ping_interval
        if limits.max_session_length:
            when = min(when, link.opened_at + limits.max_session_length)
        if limits.idle_timeout:
            when = min(when, link.used_at + limits.idle_timeout)
        if limits.stall_timeout:
            when = min(when, now + limits.stall_timeout)
        self._push_timer(when, link)
