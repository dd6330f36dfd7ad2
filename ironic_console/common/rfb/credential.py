# SPDX-License-Identifier: Apache-2.0
"""What a handshake authenticates with, and which security types that allows.

The security type that is taken is the first of ours that the server has, so
the order here is from strong to weak.
"""

import dataclasses

from ironic_console.common.errors import ConfigError
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.secret import Secret

_WITH_PASSWORD = (
    SecurityNumber.X509_VNC, SecurityNumber.RA2_256, SecurityNumber.RA2,
    SecurityNumber.RA2NE_256, SecurityNumber.RA2NE, SecurityNumber.VNC_AUTH)


@dataclasses.dataclass(frozen=True)
class Credential:
    """User name and password, each for the types that want them.

    :ivar username: '' where only a password is asked for.
    """

    password: Secret
    username: str = ''


def default_types(credential: Credential | None) -> tuple[int, ...]:
    """The types that may be used when nobody has said which.

    Only types that authenticate with what we have. Security type None,
    anonymous TLS and plain passwords are for those who ask for them.

    :returns: numbers, best first; empty without a credential.
    """
    if credential is None:
        return ()
    if credential.username:
        return (SecurityNumber.X509_PLAIN, *_WITH_PASSWORD)
    return _WITH_PASSWORD


def require(credential: Credential | None) -> Credential:
    """:raises ConfigError: there is none."""
    if credential is None:
        raise ConfigError('authentication with a password is allowed, but '
                          'there is none in console_endpoint_secret')
    return credential


def texts_of(credential: Credential | None, limit: int,
             ) -> tuple[bytes, bytes]:
    """User name and password for the types that send them in UTF-8.

    :param limit: the longest that fits each, bytes.
    :raises ConfigError: one of them is longer or cannot be written in
        UTF-8, or the password is empty (servers differ in whether that
        means "nobody" or "anybody"). Its text shows neither.
    """
    known = require(credential)
    password = known.password.reveal()
    if not password:
        raise ConfigError('the password in console_endpoint_secret is empty')
    return (_encode(known.username, 'user name', limit),
            _encode(password, 'password', limit))


def _encode(text: str, what: str, limit: int) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        # Its text would show the password.
        raise ConfigError(f'the {what} of the endpoint has characters that '
                          'are not in Unicode') from None
    if len(data) > limit:
        raise ConfigError(f'the {what} of the endpoint has {len(data)} bytes '
                          f'in UTF-8; {limit} fit')
    return data
