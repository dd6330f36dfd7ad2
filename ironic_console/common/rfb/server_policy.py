# SPDX-License-Identifier: Apache-2.0
"""What a server of ours demands of its clients, RFC 6143 §7.1.2.

It decides nothing; server.py and the security types do.
"""

import dataclasses
import enum
import secrets
from collections.abc import Callable

from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import Credential


class Verdict(enum.Enum):
    """When the caller decides about a client.

    The later, the more is known of the client; the earlier, the more clients
    can show their users why they were refused.
    """

    #: It does not; the policy decides.
    NEVER = enum.auto()
    #: Once it speaks RFB. A refusal is zero security types and a reason.
    BEFORE_TYPES = enum.auto()
    #: Once it has done what its security type asks for. A refusal is a
    #: SecurityResult and, from version 3.8 on, a reason.
    BEFORE_RESULT = enum.auto()


@dataclasses.dataclass(frozen=True)
class ServerPolicy:
    """What we demand of a client.

    :ivar security_types: numbers of security types and VeNCrypt sub-types
        to offer, best first; a client of version 3.3 gets the first that
        its version knows.
    :ivar credential: what it has to know; ``None`` if nothing.
    :ivar challenge: makes the 16 random bytes of VncAuth.
    :ivar inside_tight: offer None and VncAuth inside Tight, not as they are.
    :ivar verdict: when the caller decides who may come in. Where it does,
        what a client says of itself (Plain) is taken down and not judged.
    """

    security_types: tuple[int, ...] = (SecurityNumber.NONE,)
    credential: Credential | None = None
    challenge: Callable[[], bytes] = dataclasses.field(
        default=lambda: secrets.token_bytes(16), repr=False)
    inside_tight: bool = False
    verdict: Verdict = Verdict.NEVER

    @property
    def judges(self) -> bool:
        """It decides itself, by the credential."""
        return self.verdict is Verdict.NEVER
