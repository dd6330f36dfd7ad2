# SPDX-License-Identifier: Apache-2.0
"""Security type None, RFC 6143 §7.2.1: nothing is said."""

from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.security.base import (
    ClientRole,
    SecurityType,
    ServerRole,
    Steps,
)


class NoneSecurity(SecurityType):
    """"No authentication is needed." """

    number = SecurityNumber.NONE

    def client_steps(self, handshake: ClientRole) -> Steps:
        yield from ()
        return False

    def server_steps(self, handshake: ServerRole) -> Steps:
        yield from ()
        return False
