# SPDX-License-Identifier: Apache-2.0
"""What a security type has to bring. RFC 6143 §7.2."""

import abc
from collections.abc import Generator

from ironic_console.common.rfb.handshake import Handshake


class SecurityType(abc.ABC):
    """What is said between the choice of a type and SecurityResult.

    :cvar number: on the wire.
    :cvar authenticates: a SecurityResult follows in every version; without
        authentication it depends on the version.
    """

    number: int
    authenticates: bool

    @abc.abstractmethod
    def client_steps(self, handshake: Handshake,
                     ) -> Generator[None, None, None]:
        """Speak as the client."""

    @abc.abstractmethod
    def server_steps(self, handshake: Handshake,
                     ) -> Generator[None, None, None]:
        """Speak as the server.

        :raises AuthenticationFailed: the client did not prove its right.
        """
