# SPDX-License-Identifier: Apache-2.0
"""Tickets: what a console URL carries, and how it is checked.

A ticket is signed and not stored. The node's ``novnc_secret_token`` is the
key, so that changing or deleting that secret revokes every ticket of the
node. Signing is itsdangerous (HMAC, SHA-256) with a salt of its own.
"""

import dataclasses
import datetime
import hashlib
import hmac
import secrets
from typing import Any

import itsdangerous

from ironic_console.common.errors import TokenExpired, TokenUnknown
from ironic_console.common.nodes import NodeRecord
from ironic_console.common.secret import Secret

_SALT = b'ironic_console.ticket'
_NONCE_BYTES = 9
#: Longer tickets are not even looked at; ours have about 200 characters.
MAX_TICKET_CHARS = 1024
#: How far the clocks of an API host and a proxy may lie apart, seconds.
CLOCK_SKEW = 30
_END_OF_TIME = 253402300799
_FORMAT = '%Y-%m-%d %H:%M:%S UTC'


@dataclasses.dataclass(frozen=True)
class Ticket:
    """What a good ticket says.

    :ivar node: UUID of the node whose console it opens.
    :ivar expires: when it stops to start sessions, aware UTC.
    :ivar read_only: sessions it starts may only look.
    """

    node: str
    expires: datetime.datetime
    read_only: bool = False


def new_secret() -> str:
    """:returns: a fresh ``novnc_secret_token`` with 256 bits."""
    return secrets.token_urlsafe(32)


def issue(secret: Secret, node: str, now: datetime.datetime,
          lifetime: float, read_only: bool = False) -> str:
    """Make a ticket.

    :param secret: of the node.
    :param node: UUID of the node.
    :param now: aware UTC.
    :param lifetime: seconds in which it may start sessions.
    :returns: text that is safe in a URL.
    """
    begin = int(now.timestamp())
    content = [node, begin, begin + int(lifetime), int(read_only),
               secrets.token_urlsafe(_NONCE_BYTES)]
    return str(_serializer(secret).dumps(content))


def check(secret: Secret, ticket: str, node: str,
          now: datetime.datetime) -> Ticket:
    """Check a ticket.

    :param secret: of the node that the request names.
    :param node: UUID that the request names.
    :param now: aware UTC.
    :raises TokenUnknown: not signed with this secret, or for another node.
    :raises TokenExpired: signed, but its time is over.
    """
    if len(ticket) > MAX_TICKET_CHARS or not ticket.isascii():
        raise TokenUnknown('ticket does not look like one of ours')
    owner, begin, end, read_only = _open(_serializer(secret), ticket.encode())
    if owner != node:
        raise TokenUnknown('ticket is for another node')
    if not begin - CLOCK_SKEW <= now.timestamp() <= end:
        raise TokenExpired(f'ticket was good from {_moment(begin):{_FORMAT}} '
                           f'to {_moment(end):{_FORMAT}}')
    return Ticket(owner, _moment(end), read_only)


def check_plain(record: NodeRecord, token: str, now: datetime.datetime,
                lifetime: float) -> Ticket:
    """Check a raw token by Ironic's own rule: equal, and not too old.

    :param lifetime: seconds from the creation of the node's secret.
    :raises TokenUnknown: another token, or the node has none.
    :raises TokenExpired: the right one, too late.
    """
    if record.secret is None or not record.secret.equals(token):
        raise TokenUnknown("token is not the node's")
    if record.created is None:
        raise TokenUnknown('nobody knows when the token was made')
    end = record.created.timestamp() + lifetime
    if now.timestamp() > end:
        raise TokenExpired(f'token was good until {_moment(end):{_FORMAT}}')
    return Ticket(record.uuid, _moment(end))


def _serializer(secret: Secret) -> itsdangerous.URLSafeSerializer:
    return itsdangerous.URLSafeSerializer(
        secret.reveal(), salt=_SALT,
        signer_kwargs={'digest_method': hashlib.sha256,
                       'key_derivation': 'hmac'})


def _open(serializer: itsdangerous.URLSafeSerializer,
          ticket: bytes) -> tuple[str, int, int, bool]:
    payload, _, signature = ticket.rpartition(b'.')
    # Compared as text: the base64 of 32 bytes has two spare bits and room for
    # junk, and loads() would take other spellings of a good signature.
    good = serializer.make_signer().get_signature(payload)
    if not hmac.compare_digest(good, signature):
        raise TokenUnknown('ticket is not signed by this node')
    try:
        content: Any = serializer.load_payload(payload)
    except itsdangerous.BadData as exc:
        raise TokenUnknown('ticket is signed but not of our form') from exc
    match content:
        case [str(owner), int(begin), int(end), 0 | 1 as read_only, str()]:
            return owner, begin, end, bool(read_only)
    raise TokenUnknown('ticket is signed but not of our form')


def _moment(seconds: float) -> datetime.datetime:
    # A lifetime may be as good as for ever; a datetime ends with year 9999.
    return datetime.datetime.fromtimestamp(
        max(0, min(seconds, _END_OF_TIME)), datetime.UTC)
