# SPDX-License-Identifier: Apache-2.0
"""Who may ask: the user with Basic authentication, or with a session."""

import base64
import binascii
import dataclasses
import hmac
import itertools
import secrets
import threading
from collections.abc import Mapping

#: Of a real one, all kinds of sessions together.
LIMIT = 6


@dataclasses.dataclass(frozen=True)
class Session:
    """One login that has not ended."""

    number: str
    user: str


class Sessions:
    """The one user and its sessions.

    :ivar logins: sessions that were begun.
    :ivar refused: credentials that were wrong.
    :ivar peak: most sessions at a time.
    :ivar tokens: all that were ever given.
    """

    def __init__(self, username: str, password: str) -> None:
        self.username = username
        self._password = password
        self.logins = 0
        self.refused = 0
        self.peak = 0
        self.tokens: list[str] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._by_token: dict[str, Session] = {}

    def live(self) -> list[Session]:
        with self._lock:
            return list(self._by_token.values())

    def knows(self, username: object, password: object) -> bool:
        """:returns: whether this is the user."""
        good = (isinstance(username, str) and isinstance(password, str)
                and hmac.compare_digest(username.encode(),
                                        self.username.encode())
                and hmac.compare_digest(password.encode(),
                                        self._password.encode()))
        if not good:
            with self._lock:
                self.refused += 1
        return good

    def begin(self) -> tuple[str, Session] | None:
        """:returns: token and session; ``None`` if there are too many."""
        with self._lock:
            if len(self._by_token) >= LIMIT:
                return None
            token = secrets.token_hex(16)
            session = Session(str(next(self._numbers)), self.username)
            self._by_token[token] = session
            self.tokens.append(token)
            self.logins += 1
            self.peak = max(self.peak, len(self._by_token))
            return token, session

    def end(self, number: str) -> bool:
        """:returns: whether there was such a session."""
        with self._lock:
            before = len(self._by_token)
            self._by_token = {
                token: session for token, session in self._by_token.items()
                if session.number != number}
            return len(self._by_token) < before

    def end_all(self) -> None:
        with self._lock:
            self._by_token.clear()

    def admits(self, headers: Mapping[str, str]) -> bool:
        """:param headers: of a request, names in lower case.
        :returns: whether they are of somebody who may ask."""
        if 'x-auth-token' in headers:
            with self._lock:
                return headers['x-auth-token'] in self._by_token
        return basic_credentials(headers) is not None and self.knows(
            *(basic_credentials(headers) or ('', '')))


def basic_credentials(headers: Mapping[str, str]) -> list[str] | None:
    """:returns: user name and password of a header Authorization, RFC 7617;
        ``None`` if there is none that makes sense."""
    kind, _, value = headers.get('authorization', '').partition(' ')
    if kind.lower() != 'basic':
        return None
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return text.split(':', 1) if ':' in text else None
