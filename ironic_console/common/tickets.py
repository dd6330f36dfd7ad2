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
    if len(ticket) > MAX_TICKET_CHARS:
        raise TokenUnknown('ticket is too long to be one of ours')
    try:
        content: Any = _serializer(secret).loads(ticket)
        owner, begin, end, read_only, _nonce = content
    except itsdangerous.BadData as exc:
        raise TokenUnknown('ticket is not signed by this node') from exc
    except (TypeError, ValueError) as exc:
        raise TokenUnknown('ticket is signed but not of our form') from exc
    if not hmac.compare_digest(str(owner), node):
        raise TokenUnknown('ticket is for another node')
    moment = now.timestamp()
    if not begin - CLOCK_SKEW <= moment <= end:
        raise TokenExpired(f'ticket was good from {_text(begin)} to '
                           f'{_text(end)}')
    return Ticket(owner, datetime.datetime.fromtimestamp(end, datetime.UTC),
                  bool(read_only))


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
    end = record.created + datetime.timedelta(seconds=lifetime)
    if now > end:
        raise TokenExpired(f'token was good until {end:%Y-%m-%d %H:%M:%S} '
                           'UTC')
    return Ticket(record.uuid, end)


def _serializer(secret: Secret) -> itsdangerous.URLSafeSerializer:
    return itsdangerous.URLSafeSerializer(
        secret.reveal(), salt=_SALT,
        signer_kwargs={'digest_method': hashlib.sha256,
                       'key_derivation': 'hmac'})


def _text(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f'{moment:%Y-%m-%d %H:%M:%S} UTC'
