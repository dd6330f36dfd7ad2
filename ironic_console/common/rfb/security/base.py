# SPDX-License-Identifier: Apache-2.0
"""What a security type has to bring. RFC 6143 §7.2."""

import abc
from collections.abc import Generator, Sequence

from ironic_console.common.errors import NoCommonSecurityType
from ironic_console.common.rfb.constants import (
    security_name,
    security_names,
)
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.handshake import Handshake
from ironic_console.common.rfb.server_policy import ServerPolicy

#: A SecurityResult follows in every version of RFB; otherwise that depends
#: on the version.
ResultFollows = bool
Steps = Generator[None, None, ResultFollows]


class ClientRole(Handshake):
    """A handshake in which we are the client, as far as security types see.

    :ivar allowed: numbers of the types that policy allows, best first.
    :ivar credential: what to authenticate with.
    """

    allowed: tuple[int, ...]
    credential: Credential | None


class ServerRole(Handshake):
    """A handshake in which we are the server, likewise.

    :ivar policy: what the client has to do.
    :ivar claim: who it says it is, where the policy does not judge that.
    """

    policy: ServerPolicy
    claim: Credential | None


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
    def client_steps(self, handshake: ClientRole) -> Steps:
        """Speak as the client."""

    @abc.abstractmethod
    def server_steps(self, handshake: ServerRole) -> Steps:
        """Speak as the server.

        :raises AuthenticationFailed: the client did not prove its right.
        """


def nothing_in_common(handshake: ClientRole, offered: Sequence[int],
                      names: str = '') -> NoCommonSecurityType:
    """The error when policy allows nothing of what a server offers.

    :param names: of what it offers, if they need saying in another way.
    """
    return NoCommonSecurityType(
        handshake.side, offered, handshake.allowed,
        f'server offers {names or security_names(offered)}, allowed is '
        f'{security_names(handshake.allowed)}')


def chose_other(handshake: ServerRole, number: int,
                offered: Sequence[int]) -> NoCommonSecurityType:
    """The error when a client picks what it was not offered.

    It must not get past that (RealVNC CVE-2006-2369).
    """
    return NoCommonSecurityType(
        handshake.side, (number,), offered,
        f'client chose {security_name(number)}, offered was '
        f'{security_names(offered)}')
