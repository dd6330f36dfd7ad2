# SPDX-License-Identifier: Apache-2.0
"""VeNCrypt's Plain: user name and password as they are.

Inside TLS with a certificate that is fine; without, anybody on the way can
read them. It exists only as a sub-type.
"""

import hmac
import struct

from ironic_console.common.errors import (
    AuthenticationFailed,
    LimitExceeded,
)
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import Credential, texts_of
from ironic_console.common.rfb.security.base import (
    ClientRole,
    SecurityType,
    ServerRole,
    Steps,
)
from ironic_console.common.secret import Secret

_MAX_BYTES = 1024


class PlainSecurity(SecurityType):
    """u32 and u32 lengths, then both texts in UTF-8."""

    number = SecurityNumber.PLAIN

    def client_steps(self, handshake: ClientRole) -> Steps:
        username, password = texts_of(handshake.credential, _MAX_BYTES)
        handshake.send(struct.pack('>II', len(username), len(password))
                       + username + password)
        yield from ()
        return True

    def server_steps(self, handshake: ServerRole) -> Steps:
        policy = handshake.policy
        known, expected = (texts_of(policy.credential, _MAX_BYTES)
                           if policy.judges else (b'', b''))
        lengths = yield from handshake.read(8, 'lengths of Plain')
        name_size, password_size = struct.unpack('>II', lengths)
        for size in (name_size, password_size):
            if size > _MAX_BYTES:
                raise LimitExceeded(handshake.side, 'Plain', size, _MAX_BYTES)
        username = yield from handshake.read(name_size, 'user name of Plain')
        password = yield from handshake.read(password_size,
                                             'password of Plain')
        if not policy.judges:
            handshake.claim = Credential(
                Secret(password.decode(errors='replace')),
                username.decode(errors='replace'))
            return True
        right = hmac.compare_digest(username, known)
        right &= hmac.compare_digest(password, expected)
        if not right:
            raise AuthenticationFailed(handshake.side, 'Plain',
                                       'wrong user name or password')
        return True
