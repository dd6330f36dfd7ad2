# SPDX-License-Identifier: Apache-2.0
"""Security type VncAuth, RFC 6143 §7.2.2: DES over a challenge.

Weak, and all that many BMCs have: a password of at most eight characters,
and nothing that follows is protected.
"""

import hmac

from Crypto.Cipher import DES

from ironic_console.common.errors import AuthenticationFailed, ConfigError
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import Credential, require
from ironic_console.common.rfb.security.base import (
    ClientRole,
    SecurityType,
    ServerRole,
    Steps,
)
from ironic_console.common.secret import Secret

_CHALLENGE_BYTES = 16
_MAX_PASSWORD_BYTES = 8


def check_password(password: Secret) -> bytes:
    """Make the DES key of a password.

    :raises ConfigError: it is empty (servers differ in whether that means
        "nobody" or "anybody"), longer than the eight bytes that count, or
        not latin-1.
    """
    try:
        data = password.reveal().encode('latin-1')
    except UnicodeEncodeError:
        # Its text would show the password.
        raise ConfigError('the VNC password has characters that are not in '
                          'latin-1; VncAuth knows no others') from None
    if not 0 < len(data) <= _MAX_PASSWORD_BYTES:
        raise ConfigError(f'the VNC password has {len(data)} characters; '
                          'VncAuth takes 1 to 8')
    return data


def _respond(password: bytes, challenge: bytes) -> bytes:
    # "each byte's bits reversed": an accident of the first implementation.
    key = bytes(int(f'{byte:08b}'[::-1], 2)
                for byte in password.ljust(8, b'\0'))
    # Both the algorithm and the mode are the protocol's.
    return DES.new(key, DES.MODE_ECB).encrypt(challenge)  # noqa: S304


class VncAuthSecurity(SecurityType):
    """Proves knowledge of a password without sending it."""

    number = SecurityNumber.VNC_AUTH

    def client_steps(self, handshake: ClientRole) -> Steps:
        password = check_password(password_of(handshake.credential))
        challenge = yield from handshake.read(_CHALLENGE_BYTES,
                                              'VncAuth challenge')
        handshake.send(_respond(password, challenge))
        return True

    def server_steps(self, handshake: ServerRole) -> Steps:
        password = check_password(password_of(handshake.policy.credential))
        challenge = handshake.policy.challenge()
        handshake.send(challenge)
        response = yield from handshake.read(_CHALLENGE_BYTES,
                                             'VncAuth response')
        if not hmac.compare_digest(response, _respond(password, challenge)):
            raise AuthenticationFailed(handshake.side, 'VncAuth response',
                                       'wrong password')
        return True


def password_of(credential: Credential | None) -> Secret:
    """:raises ConfigError: there is no credential."""
    return require(credential).password
