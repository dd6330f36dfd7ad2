# SPDX-License-Identifier: Apache-2.0
"""Who is logged in, and who may; with limits, lock-outs and tickets."""

import dataclasses
import enum
import hmac
import itertools
import secrets
import threading
import time

from tests.simulators.html5_bmc.knobs import Knobs
from tests.simulators.html5_bmc.ledger import Ledger
from tests.simulators.html5_bmc.profiles import Profile


class Refusal(enum.Enum):
    """Why a login failed; the values are names of ``Texts``."""

    WRONG = 'wrong'
    LOCKED = 'locked'
    LIMIT = 'limit'
    HICCUP = 'hiccup'


@dataclasses.dataclass(frozen=True)
class Session:
    """One login that has not ended.

    :ivar token: what proves it: cookie or header.
    :ivar kind: ``web``, ``redfish``, or ``console`` for a slot of Dell's.
    """

    number: str
    token: str = dataclasses.field(repr=False)
    kind: str = 'web'


class Sessions:
    """The one user and its sessions.

    :ivar begun: how many there were.
    :ivar peak: most at a time.
    :ivar secrets: the password and all tokens and tickets that ever were.
    """

    def __init__(self, profile: Profile, credentials: tuple[str, str],
                 knobs: Knobs, ledger: Ledger) -> None:
        self._profile = profile
        self._credentials = credentials
        self._knobs = knobs
        self._ledger = ledger
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._sessions: dict[str, Session] = {}
        self._tickets: dict[str, tuple[float, str]] = {}
        self._failures = 0
        self._locked_until = 0.0
        self.begun = 0
        self.peak = 0
        self.secrets = {credentials[1]}

    def live(self) -> list[Session]:
        with self._lock:
            return list(self._sessions.values())

    def find(self, token: str) -> Session | None:
        with self._lock:
            return self._sessions.get(token)

    # -- logins --------------------------------------------------------------

    def check(self, username: object, password: object) -> Refusal | None:
        """:returns: ``None`` if this is the user, who may come in."""
        with self._lock:
            if time.monotonic() < self._locked_until:
                return Refusal.LOCKED
            if not self._is_user(username, password):
                self._failures += 1
                if self._failures == self._profile.locks_after:
                    self._failures = 0
                    self._locked_until = (time.monotonic()
                                          + self._knobs.lockout)
                return Refusal.WRONG
            self._failures = 0
            if self._knobs.login_fails_once:
                self._knobs.login_fails_once = False
                return Refusal.HICCUP
            return None

    def log_in(self, username: object, password: object,
               kind: str = 'web') -> Session | Refusal:
        return (self.check(username, password) or self.begin(kind)
                or Refusal.LIMIT)

    def begin(self, kind: str = 'web', token: str = '') -> Session | None:
        """:param token: a new one if empty.
        :returns: ``None`` if there are too many."""
        session = Session(str(next(self._numbers)),
                          token or secrets.token_hex(16), kind)
        with self._lock:
            if len(self._sessions) >= self.limit:
                return None
            self._sessions[session.token] = session
            self.secrets.add(session.token)
            self.begun += 1
            self.peak = max(self.peak, len(self._sessions))
        self._ledger.changed()
        return session

    def end(self, session: Session | None) -> bool:
        """:returns: whether it was there."""
        if not session:
            return False
        with self._lock:
            found = self._sessions.pop(session.token, None)
        self._ledger.changed()
        return found is not None

    def end_all(self) -> None:
        with self._lock:
            self._sessions.clear()
        self._ledger.changed()

    @property
    def limit(self) -> int:
        chosen = self._knobs.session_limit
        return self._profile.sessions if chosen is None else chosen

    # -- tickets: secrets of one use -----------------------------------------

    def issue(self, ticket: str, value: str = '') -> str:
        """:param value: what :meth:`redeem` gives for it.
        :returns: the ticket."""
        with self._lock:
            self._tickets[ticket] = (
                time.monotonic() + self._knobs.token_life, value)
            self.secrets |= {ticket, value} - {''}
        return ticket

    def redeem(self, ticket: str) -> str | None:
        """:returns: ``None`` if it is not, or no longer, good."""
        with self._lock:
            until, value = self._tickets.pop(ticket, (0.0, ''))
        return value if time.monotonic() < until else None

    def _is_user(self, *given: object) -> bool:
        return all(isinstance(one, str)
                   and hmac.compare_digest(one.encode(), right.encode())
                   for one, right in zip(given, self._credentials,
                                         strict=True))
