# SPDX-License-Identifier: Apache-2.0
"""What a handshake authenticates with, and which security types that allows.

The security type that is taken is the first of ours that the server has, so
the order here is from strong to weak.
"""

import dataclasses

from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.secret import Secret

_WITH_PASSWORD = (
    SecurityNumber.X509_VNC, SecurityNumber.RA2_256, SecurityNumber.RA2,
    SecurityNumber.RA2NE_256, SecurityNumber.RA2NE, SecurityNumber.VNC_AUTH)


@dataclasses.dataclass(frozen=True)
class Credential:
    """User name and password, each for the types that want them.

    :ivar username: '' where only a password is asked for.
    """

    password: Secret
    username: str = ''


def default_types(credential: Credential | None) -> tuple[int, ...]:
    """The types that may be used when nobody has said which.

    Only types that authenticate with what we have. Security type None,
    anonymous TLS and plain passwords are for those who ask for them.

    :returns: numbers, best first; empty without a credential.
    """
    if credential is None:
        return ()
    if credential.username:
        return (SecurityNumber.X509_PLAIN, *_WITH_PASSWORD)
    return _WITH_PASSWORD
