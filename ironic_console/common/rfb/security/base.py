# SPDX-License-Identifier: Apache-2.0
"""What a security type has to bring. RFC 6143 §7.2."""

import abc
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from ironic_console.common.errors import NoCommonSecurityType
from ironic_console.common.rfb.constants import (
    security_name,
    security_names,
)

if TYPE_CHECKING:
    from ironic_console.common.rfb.client import ClientHandshake
    from ironic_console.common.rfb.server import ServerHandshake

#: A SecurityResult follows in every version of RFB; otherwise that depends
#: on the version.
ResultFollows = bool


class SecurityType(abc.ABC):
    """What is said between the choice of a type and SecurityResult.

    :cvar number: on the wire.
    """

    number: int

    def carries(self, number: int) -> bool:
        """Whether choosing this type can lead to the type ``number``.

        VeNCrypt and Tight are only ways to another type.
        """
        return number == self.number

    @abc.abstractmethod
    def client_steps(self, handshake: 'ClientHandshake',
                     ) -> Generator[None, None, ResultFollows]:
        """Speak as the client.

        ``handshake.allowed`` and ``handshake.credential`` tell what may be
        used.
        """

    @abc.abstractmethod
    def server_steps(self, handshake: 'ServerHandshake',
                     ) -> Generator[None, None, ResultFollows]:
        """Speak as the server.

        :raises AuthenticationFailed: the client did not prove its right.
        """


def nothing_in_common(handshake: 'ClientHandshake', offered: Sequence[int],
                      names: str = '') -> NoCommonSecurityType:
    """The error when policy allows nothing of what a server offers.

    :param names: of what it offers, if they need saying in another way.
    """
    return NoCommonSecurityType(
        handshake.side, offered, handshake.allowed,
        f'server offers {names or security_names(offered)}, allowed is '
        f'{security_names(handshake.allowed)}')


def chose_other(handshake: 'ServerHandshake', number: int,
                offered: Sequence[int]) -> NoCommonSecurityType:
    """The error when a client picks what it was not offered.

    It must not get past that (RealVNC CVE-2006-2369).
    """
    return NoCommonSecurityType(
        handshake.side, (number,), offered,
        f'client chose {security_name(number)}, offered was '
        f'{security_names(offered)}')
