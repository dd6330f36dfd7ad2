# SPDX-License-Identifier: Apache-2.0
"""Why a session ended: one name for the log, one sentence for the user."""

import dataclasses

from ironic_console.common.errors import ConsoleError, SessionEnded

#: What a close frame can hold besides the code, RFC 6455 §5.5.
MAX_REASON_BYTES = 123


@dataclasses.dataclass(frozen=True)
class CloseReason:
    """End of a session.

    :ivar name: for the log.
    :ivar code: WebSocket close code, RFC 6455 §7.4 and the IANA registry.
    :ivar text: sentence for the user, at most ``MAX_REASON_BYTES`` of
        UTF-8.
    """

    name: str
    code: int
    text: str

    def __str__(self) -> str:
        return self.name


def by_operator(text: str) -> CloseReason:
    """:param text: what the user is told; '' for nothing special."""
    if not text:
        return KICKED
    fits = text.encode()[:MAX_REASON_BYTES].decode(errors='ignore')
    return dataclasses.replace(KICKED, text=fits)


def from_error(error: ConsoleError) -> CloseReason:
    """The reason behind an error of ours."""
    return CloseReason(type(error).__name__, error.close_code,
                       error.public_reason)


def to_error(reason: CloseReason) -> SessionEnded:
    """For a session that is not open yet."""
    error = SessionEnded(f'it had to end: {reason}')
    error.public_reason, error.close_code = reason.text, reason.code
    return error


BROWSER_CLOSED = CloseReason('browser closed', 1000, '')
BROWSER_LOST = CloseReason('browser lost', 1001, '')
BROWSER_SILENT = CloseReason(
    'browser silent', 1001, 'Your browser stopped answering.')
ENDPOINT_CLOSED = CloseReason(
    'endpoint closed', 4502, "The server's console closed the connection.")
ENDPOINT_LOST = CloseReason(
    'endpoint lost', 4502, "The connection to the server's console broke.")
STALLED = CloseReason(
    'stalled', 1008, 'Nothing could be delivered for too long.')
IDLE = CloseReason(
    'idle', 1008, 'The session was closed because it was not used.')
TOO_LONG = CloseReason(
    'session length', 1008, 'The session has reached its time limit.')
REVOKED = CloseReason(
    'revoked', 1008, 'The console of this node was switched off.')
CHANGED = CloseReason(
    'changed', 1013,
    'The console of this node was set up anew. Connect again.')
READ_ONLY = CloseReason(
    'read-only', 1013,
    'Consoles are read-only from now on. Connect again to go on watching.')
FLOOD = CloseReason(
    'flood', 1008, 'Your browser sent too much at once.')
TAKEN_OVER = CloseReason(
    'taken over', 4409, 'Somebody else took over this console.')
KICKED = CloseReason(
    'closed by operator', 1008, 'An operator closed this session.')
UNCHECKED = CloseReason(
    'unchecked', 1013,
    'Your right to this console could not be checked any more.')
SHUTDOWN = CloseReason(
    'shutdown', 1001,
    'The console service is being restarted. Try again in a moment.')
BUG = CloseReason('internal error', ConsoleError.close_code,
                  ConsoleError.public_reason)
