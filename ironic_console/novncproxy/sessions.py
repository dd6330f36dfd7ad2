# SPDX-License-Identifier: Apache-2.0
"""Sessions: how many there are, and when their right has ended."""

import dataclasses
import logging
import threading
from collections.abc import Callable, Mapping

from ironic_console.common.clock import Clock
from ironic_console.common.errors import (
    NodeStoreUnavailable,
    SessionLimitReached,
)
from ironic_console.common.nodes import NodeRecord, NodeStore
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.authorizer import Grant
from ironic_console.novncproxy.close_reasons import CloseReason

LOG = logging.getLogger(__name__)

Closer = Callable[[CloseReason], None]


@dataclasses.dataclass(eq=False)
class Session:
    """One authorised use of a console.

    :ivar id: of the connection, for the log.
    :ivar grant: what it may do.
    :ivar closer: ends it; ``None`` while it is being set up.
    :ivar revoked: its right ended while it was being set up.
    """

    id: str
    grant: Grant
    closer: Closer | None = None
    revoked: CloseReason | None = None


@dataclasses.dataclass(frozen=True)
class SessionPolicy:
    """Limits of the registry.

    :ivar max_sessions: at the same time.
    :ivar recheck_interval: seconds between two looks at the nodes.
    :ivar database_grace: seconds for which sessions go on while the nodes
        cannot be looked at.
    :ivar read_only: nobody may type, also in sessions that could so far.
    """

    max_sessions: int = 2000
    recheck_interval: float = 5.0
    database_grace: float = 60.0
    read_only: bool = False


class SessionRegistry:
    """All sessions of a process. Its methods may be called from any thread.

    :param store: where their nodes are looked at again and again.
    :param policy: may be replaced at any time.
    :param clock: for the grace.
    """

    def __init__(self, store: NodeStore, policy: SessionPolicy,
                 clock: Clock) -> None:
        self._store = store
        self.policy = policy
        self._clock = clock
        self._sessions: set[Session] = set()
        self._lock = threading.Condition()
        self._stopping = threading.Event()
        self._checked_at = clock.monotonic()
        self._thread = threading.Thread(
            target=self._run, name='recheck', daemon=True)

    def start(self) -> None:
        """Begin to look at the nodes of the sessions."""
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def __len__(self) -> int:
        return len(self._sessions)

    def add(self, connection_id: str, grant: Grant) -> Session:
        """Register a session before anything is done for it.

        :raises SessionLimitReached: there are too many.
        """
        with self._lock:
            self._check_limit()
            session = Session(connection_id, grant)
            self._sessions.add(session)
            return session

    def check_limit(self, grant: Grant) -> None:
        """Find out beforehand whether there is room.

        A page that has its session already, maybe the last one, asks too and
        is not told that there is none.

        :raises SessionLimitReached: one more session is too many, and none
            of those there are began with the same link.
        """
        with self._lock:
            if not any(grant.same_link(session.grant)
                       for session in self._sessions):
                self._check_limit()

    def _check_limit(self) -> None:
        if len(self._sessions) >= self.policy.max_sessions:
            raise SessionLimitReached(
                f'{len(self._sessions)} sessions are open, which is '
                '[ironic_console]max_sessions')

    def established(self, session: Session, closer: Closer) -> None:
        """Say how a session can be closed from now on."""
        with self._lock:
            session.closer = closer
            revoked = session.revoked
        if revoked:
            closer(revoked)

    def remove(self, session: Session) -> None:
        with self._lock:
            self._sessions.discard(session)
            self._lock.notify_all()

    def wait_until_empty(self, timeout: float) -> bool:
        """:returns: no session is left."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._sessions, timeout)

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
            session.revoked = reason
        if closer:
            closer(reason)
