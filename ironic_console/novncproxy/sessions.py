# SPDX-License-Identifier: Apache-2.0
"""Sessions: who may begin one, and when its right has ended."""

import dataclasses
import datetime
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.endpoint import SHARED, TAKE_OVER
from ironic_console.common.errors import (
    NodeInUse,
    NodeLimitReached,
    NodeStoreUnavailable,
    SessionLimitReached,
    SourceLimitReached,
)
from ironic_console.common.interruption import Interruption
from ironic_console.common.nodes import NodeRecord, NodeStore
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.authorizer import Grant
from ironic_console.novncproxy.close_reasons import CloseReason
from ironic_console.novncproxy.ledger import Entry, Ledger
from ironic_console.novncproxy.link import Link
from ironic_console.novncproxy.lobby import Lobby
from ironic_console.novncproxy.metrics import Metrics

LOG = logging.getLogger(__name__)

Closer = Callable[[CloseReason], None]

CONNECTING, OPEN = 'connecting', 'open'
# Time in which a session that has to go is waited for, and how often one
# looks, seconds: BMCs with a single session refuse the next one until then.
_LEAVE_TIMEOUT, _LEAVE_INTERVAL = 4.0, 0.02


@dataclasses.dataclass(eq=False)
class Session:
    """One authorised use of a console.

    :ivar id: of the connection, for the log.
    :ivar grant: what it may do.
    :ivar source: address of the browser, without port.
    :ivar opened: when it began, aware UTC.
    :ivar place: in the ledger.
    :ivar state: ``CONNECTING`` or ``OPEN``, and ``''`` when it is over.
    :ivar link: what carries it; ``None`` while it is being set up.
    :ivar closer: ends it; ``None`` while it is being set up.
    :ivar interruption: ends it until then.
    :ivar revoked: why it had to end, if it had to.
    """

    id: str
    grant: Grant
    source: str
    opened: datetime.datetime
    place: int
    state: str = ''
    link: Link | None = None
    closer: Closer | None = None
    interruption: Interruption = dataclasses.field(
        default_factory=Interruption)
    revoked: CloseReason | None = None


@dataclasses.dataclass(frozen=True)
class SessionPolicy:
    """Limits of the registry.

    :ivar max_sessions: of one worker at the same time.
    :ivar max_per_node: of all workers; 0 means no limit.
    :ivar max_per_source: likewise, from one address; Nova's proxy and its
        like are not counted.
    :ivar sharing: whether a node may have several, one of
        ``endpoint.SHARING``; what the node itself says wins.
    :ivar recheck_interval: seconds between two looks at the nodes.
    :ivar database_grace: seconds for which sessions go on while the nodes
        cannot be looked at.
    :ivar read_only: nobody may type, also in sessions that could so far.
    """

    max_sessions: int = 2000
    recheck_interval: float = 5.0
    database_grace: float = 60.0
    read_only: bool = False
    max_per_node: int = 0
    max_per_source: int = 0
    sharing: str = SHARED


class Peers(Protocol):
    """The other workers."""

    def close(self, worker: int, session: str, reason: CloseReason) -> None:
        """Ask a worker to end a session; one that has ended is fine."""


@dataclasses.dataclass(frozen=True)
class Host:
    """What the workers of a host have in common, as far as sessions go.

    :ivar ledger: of all their sessions.
    :ivar peers: the other workers; ``None`` if there are none.
    :ivar metrics: of this worker.
    """

    ledger: Ledger
    peers: Peers | None = None
    metrics: Metrics = dataclasses.field(default_factory=Metrics)


class SessionRegistry:
    """All sessions of a process. Its methods may be called from any thread.

    :param store: where their nodes are looked at again and again.
    :param policy: may be replaced at any time.
    :param clock: for the grace.
    :ivar lobby: for the viewers of those that are being set up.
    """

    def __init__(self, store: NodeStore, policy: SessionPolicy,
                 clock: Clock, host: Host) -> None:
        self._store = store
        self.policy = policy
        self.lobby = Lobby(clock)
        self._clock = clock
        self._host = host
        self._ledger = host.ledger
        self._sessions: set[Session] = set()
        self._lock = threading.Condition()
        # Set when the service is being stopped.
        self.draining = False
        # Why all have to end, also those that are added from now on.
        self._ending: CloseReason | None = None
        self._stopping = threading.Event()
        self._checked_at = clock.monotonic()
        self._thread = threading.Thread(
            target=self._run, name='recheck', daemon=True)

    def start(self) -> None:
        """Begin to look at the nodes of the sessions."""
        self.lobby.start()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self.lobby.stop()

    def __len__(self) -> int:
        return len(self._sessions)

    def add(self, connection_id: str, grant: Grant, source: str,
            take_over: bool = False) -> Session:
        """Register a session before anything is done for it.

        :param source: address of the browser, without port.
        :param take_over: those who have the console now have to go; only
            back when they have.
        :raises ServiceUnavailable: there are too many in all, or of this
            node, or from there; its subclasses say which.
        :raises NodeInUse: one is too many, or somebody else was quicker to
            take over.
        """
        with self._ledger.locked():
            leaving = self._check(grant, source, take_over)
            opened = self._clock.now()
            # Who speaks for many stands at no place, or users who come from
            # there themselves would pay for all of those.
            place = self._ledger.write(Entry(
                connection_id, grant.node.uuid,
                '' if grant.for_many else source, opened.timestamp()))
            if place is None:
                raise SessionLimitReached(
                    'the ledger of sessions is full; a larger '
                    '[ironic_console]max_sessions needs a restart')
            session = Session(connection_id, grant, source, opened, place)
            with self._lock:
                self._sessions.add(session)
                self._set_state(session, CONNECTING)
                ending = self._ending
        if ending:
            self._close(session, ending)
        if leaving:
            self._make_way(session, leaving)
        return session

    def check(self, grant: Grant, source: str, take_over: bool = False,
              ) -> None:
        """Find out beforehand whether there is room.

        :raises RequestError: as :meth:`add` would.
        """
        with self._ledger.locked():
            self._check(grant, source, take_over)

    def _check(self, grant: Grant, source: str, take_over: bool,
               ) -> list[Entry]:
        """:returns: those that have to end for one more."""
        policy = self.policy
        if len(self._sessions) >= policy.max_sessions:
            raise SessionLimitReached(
                f'{len(self._sessions)} sessions are open, which is '
                '[ironic_console]max_sessions')
        leaving = self._check_node(grant, take_over)
        if policy.max_per_source and not grant.for_many:
            others = self._ledger.of_source(source) - {
                entry.session for entry in leaving}
            if len(others) >= policy.max_per_source:
                raise SourceLimitReached(
                    f'{source} has {len(others)} sessions, and '
                    '[ironic_console]max_sessions_per_source is '
                    f'{policy.max_per_source}')
        return leaving

    def _check_node(self, grant: Grant, take_over: bool) -> list[Entry]:
        policy = self.policy
        sharing = grant.node.sharing or policy.sharing
        if sharing == SHARED and not policy.max_per_node:
            return []
        others = self._ledger.of_node(grant.node.uuid)
        if sharing != SHARED and others:
            can = sharing == TAKE_OVER
            if not (can and take_over):
                raise NodeInUse(f'{others[0].source or "another proxy"} has '
                                'its console, which is not shared '
                                f'({sharing})', can)
            return others
        if 0 < policy.max_per_node <= len(others):
            raise NodeLimitReached(
                f'the node has {len(others)} sessions, and [ironic_console]'
                f'max_sessions_per_node is {policy.max_per_node}')
        return []

    def established(self, session: Session, link: Link, closer: Closer,
                    ) -> None:
        """Say what carries a session and how it is closed from now on."""
        with self._lock:
            session.link = link
            session.closer = closer
            revoked = session.revoked
            # It may have ended already.
            if session in self._sessions:
                self._set_state(session, OPEN)
        if revoked:
            closer(revoked)

    def remove(self, session: Session) -> None:
        with self._lock:
            if session in self._sessions:
                self._sessions.discard(session)
                self._ledger.erase(session.place)
                self._set_state(session, '')
            self._lock.notify_all()

    def _set_state(self, session: Session, state: str) -> None:
        interface = session.grant.node.interface
        for one, change in ((session.state, -1), (state, 1)):
            if one:
                self._host.metrics.sessions(one, interface, change)
        session.state = state

    def all(self) -> list[Session]:
        """:returns: those of this worker, oldest first."""
        with self._lock:
            return sorted(self._sessions, key=lambda one: one.opened)

    def close(self, which: str, reason: CloseReason) -> int:
        """Close sessions of this worker.

        :param which: id of a session, or UUID of a node for all of its.
        :returns: how many.
        """
        found = [session for session in self.all()
                 if which in (session.id, session.grant.node.uuid)]
        for session in found:
            self._close(session, reason)
        return len(found)

    def close_all(self, reason: CloseReason) -> None:
        """Close every session of this worker, and those to come."""
        with self._lock:
            self._ending = reason
        for session in self.all():
            self._close(session, reason)

    def wait_until_empty(self, timeout: float) -> bool:
        """:returns: no session is left."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._sessions, timeout)

    # -- taking over ---------------------------------------------------------

    def _make_way(self, session: Session, leaving: Sequence[Entry]) -> None:
        """:raises NodeInUse: the session itself had to go meanwhile."""
        try:
            self._send_away(leaving)
            self._wait_for_exit(session, leaving)
        except BaseException:
            self.remove(session)
            raise
        if session.revoked is close_reasons.TAKEN_OVER:
            self.remove(session)
            raise NodeInUse('somebody else took over the console at the same '
                            'moment', can_take_over=True)

    def _send_away(self, leaving: Sequence[Entry]) -> None:
        """End sessions of whichever worker."""
        for entry in leaving:
            LOG.info('%s: node %s is taken over', entry.session, entry.node)
            if entry.worker == os.getpid():
                self.close(entry.session, close_reasons.TAKEN_OVER)
            elif self._host.peers:
                self._host.peers.close(entry.worker, entry.session,
                                       close_reasons.TAKEN_OVER)

    def _wait_for_exit(self, session: Session, leaving: Sequence[Entry],
                       ) -> None:
        """Wait until they are gone, for a while."""
        deadline = Deadline(self._clock, _LEAVE_TIMEOUT, 'take-over')
        gone = {entry.session for entry in leaving}
        while (deadline.remaining() and not session.revoked
               and any(entry.session in gone for entry in
                       self._ledger.of_node(leaving[0].node))
               and not self._stopping.wait(_LEAVE_INTERVAL)):
            continue

    # -- the end of a right --------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.wait(self.policy.recheck_interval):
            self.recheck()

    def recheck(self) -> None:
        """Look at the nodes of all sessions, in one query, and close the
        sessions whose right has ended."""
        with self._lock:
            sessions = list(self._sessions)
        now = self._clock.monotonic()
        if not sessions:
            self._checked_at = now
            return
        try:
            nodes = self._store.get_many(
                {session.grant.node.uuid for session in sessions})
        except NodeStoreUnavailable as exc:
            self._cannot_check(sessions, now, exc)
            return
        # This thread must live on, or no session would ever be closed again.
        except Exception as exc:
            LOG.exception('Bug: sessions cannot be checked')
            self._cannot_check(sessions, now, exc)
            return
        self._checked_at = now
        for session in sessions:
            reason = self._ended(session.grant, nodes)
            if reason:
                self._close(session, reason)

    def _ended(self, grant: Grant, nodes: Mapping[str, NodeRecord],
               ) -> CloseReason | None:
        after = nodes.get(grant.node.uuid)
        if after is None or not grant.node.same_right(after):
            return close_reasons.REVOKED
        if self.policy.read_only and not grant.read_only:
            return close_reasons.READ_ONLY
        if not grant.node.same_endpoint(after):
            return close_reasons.CHANGED
        return None

    def _cannot_check(self, sessions: list[Session], now: float,
                      error: Exception) -> None:
        since = now - self._checked_at
        LOG.warning('The nodes of %d sessions cannot be looked at, for %.0f '
                    's now: %s', len(sessions), since, error)
        if since >= self.policy.database_grace:
            for session in sessions:
                self._close(session, close_reasons.UNCHECKED)

    def _close(self, session: Session, reason: CloseReason) -> None:
        with self._lock:
            closer = session.closer
            session.revoked = session.revoked or reason
        if closer:
            closer(reason)
        else:
            session.interruption.happen()
