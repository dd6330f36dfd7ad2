# SPDX-License-Identifier: Apache-2.0
"""Numbers of RFB and the names to print for them."""

import enum
from collections.abc import Sequence


class SecurityNumber(enum.IntEnum):
    """Security types and VeNCrypt sub-types that have a name for our logs.

    RFC 6143 §7.1.2, §8.1.2 and the registry in rfbproto; VeNCrypt 0.2.
    """

    INVALID = 0
    NONE = 1
    VNC_AUTH = 2
    RA2 = 5
    RA2NE = 6
    TIGHT = 16
    ULTRA = 17
    TLS = 18
    VENCRYPT = 19
    SASL = 20
    XVP = 22
    APPLE_DH = 30
    MS_LOGON_II = 113
    RA2_256 = 129
    RA2NE_256 = 130
    # Sub-types of VeNCrypt; they never stand in a list of types.
    PLAIN = 256
    TLS_NONE = 257
    TLS_VNC = 258
    TLS_PLAIN = 259
    X509_NONE = 260
    X509_VNC = 261
    X509_PLAIN = 262


def security_name(number: int) -> str:
    """Name a security type; any number is fine.

    :param number: as it stood on the wire.
    :returns: for example ``VENCRYPT (19)`` or ``unknown (255)``.
    """
    try:
        return f'{SecurityNumber(number).name} ({number})'
    except ValueError:
        return f'unknown ({number})'


def security_names(numbers: 'bytes | Sequence[int]') -> str:
    """Name a list of security types for one line of text."""
    return ', '.join(map(security_name, numbers)) or 'none at all'


class ClientMessage(enum.IntEnum):
    """Types of client messages. RFC 6143 §7.5 and rfbproto."""

    SET_PIXEL_FORMAT = 0
    SET_ENCODINGS = 2
    FRAMEBUFFER_UPDATE_REQUEST = 3
    KEY_EVENT = 4
    POINTER_EVENT = 5
    CLIENT_CUT_TEXT = 6
    ENABLE_CONTINUOUS_UPDATES = 150
    CLIENT_FENCE = 248
    XVP = 250
    SET_DESKTOP_SIZE = 251
    GII = 253
    QEMU = 255


class ServerMessage(enum.IntEnum):
    """Types of server messages. RFC 6143 §7.6."""

    FRAMEBUFFER_UPDATE = 0
    SET_COLOUR_MAP_ENTRIES = 1
    BELL = 2
    SERVER_CUT_TEXT = 3


class Encoding(enum.IntEnum):
    """Encodings that we write ourselves. RFC 6143 §7.7."""

    RAW = 0


class PseudoEncoding(enum.IntEnum):
    """Extensions that a client claims to understand and that concern what
    it sends. rfbproto "Pseudo-encodings"."""

    QEMU_EXTENDED_KEY_EVENT = -258
    QEMU_AUDIO = -259
    GII = -305
    XVP = -309
    EXTENDED_MOUSE_BUTTONS = -316
    EXTENDED_CLIPBOARD = 0xC0A1E5CE - 2**32         # s32 on the wire


# Limits for lengths that a peer announces. Each is far above what any server
# is known to send and far below what would hurt.
MAX_REASON_BYTES = 1024
MAX_NAME_BYTES = 4096
MAX_CAPABILITIES = 256

#: What Tight adds to ServerInit: three counts of capabilities, padding.
NO_CAPABILITIES = bytes(8)
