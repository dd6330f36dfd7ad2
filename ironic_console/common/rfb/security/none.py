# SPDX-License-Identifier: Apache-2.0
"""Security type None, RFC 6143 §7.2.1: nothing is said."""

from collections.abc import Generator
from typing import TYPE_CHECKING

from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.security.base import (
    ResultFollows,
    SecurityType,
)

if TYPE_CHECKING:
    from ironic_console.common.rfb.client import ClientHandshake
    from ironic_console.common.rfb.server import ServerHandshake


class NoneSecurity(SecurityType):
    """"No authentication is needed." """

    number = SecurityNumber.NONE

    def client_steps(self, handshake: 'ClientHandshake',
                     ) -> Generator[None, None, ResultFollows]:
        yield from ()
        return False

    def server_steps(self, handshake: 'ServerHandshake',
                     ) -> Generator[None, None, ResultFollows]:
        yield from ()
        return False
