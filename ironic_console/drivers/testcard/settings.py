# SPDX-License-Identifier: Apache-2.0
"""What can be chosen about a test card. Values only."""

import dataclasses
import enum
import ssl

from ironic_console.common.rfb.server_policy import ServerPolicy


class Fault(enum.Enum):
    """What a card does wrong, so that others can be tested."""

    NONE = 'none'
    #: Each viewer is cut off ``fault_seconds`` after it connected.
    DROPS = 'drops'
    #: Viewers are accepted and never hear a byte.
    NEVER_ANSWERS = 'never-answers'


@dataclasses.dataclass(frozen=True)
class CardSettings:
    """One test card.

    :ivar uuid: of the node; there is one card for each.
    :ivar name: of the node, any text.
    :ivar width: of the screen, pixels.
    :ivar height: of the screen, pixels.
    :ivar host: where to listen: IPv4 or IPv6 literal, or a name.
    :ivar port: where to listen; 0 is any free port.
    :ivar fault: what goes wrong.
    :ivar fault_seconds: when, for ``Fault.DROPS``.
    :ivar policy: what viewers have to prove; no type that encrypts by
        itself (RA2).
    :ivar context: for the types with TLS; ``None`` if there is none among
        them.
    """

    uuid: str
    name: str
    width: int = 1024
    height: int = 768
    host: str = '127.0.0.1'
    port: int = 0
    fault: Fault = Fault.NONE
    fault_seconds: float = 5.0
    policy: ServerPolicy = dataclasses.field(default_factory=ServerPolicy)
    context: ssl.SSLContext | None = None

    def __str__(self) -> str:
        return f'test card of node {self.uuid}'

    def at_port(self, port: int) -> 'CardSettings':
        return dataclasses.replace(self, port=port)

    def satisfied_by(self, other: 'CardSettings') -> bool:
        """Is a card with other settings what these ask for?

        :param other: with the port that the card really has.
        """
        return self.at_port(self.port or other.port) == other
