# SPDX-License-Identifier: Apache-2.0
"""Security type None, RFC 6143 §7.2.1: nothing is said."""

from collections.abc import Generator

from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.handshake import Handshake
from ironic_console.common.rfb.security.base import SecurityType


class NoneSecurity(SecurityType):
    """"No authentication is needed." """

    number = SecurityNumber.NONE
    authenticates = False

    def client_steps(self, handshake: Handshake,
                     ) -> Generator[None, None, None]:
        yield from ()

    def server_steps(self, handshake: Handshake,
                     ) -> Generator[None, None, None]:
        yield from ()
