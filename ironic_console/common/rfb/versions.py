# SPDX-License-Identifier: Apache-2.0
"""ProtocolVersion: the banner and what differs between 3.3, 3.7 and 3.8.

RFC 6143 §7.1.1 and rfbproto "ProtocolVersion". No other file compares
version numbers.
"""

import dataclasses
import re

BANNER_BYTES = 12
_BANNER = re.compile(rb'RFB (\d{3})\.(\d{3})\n')


@dataclasses.dataclass(frozen=True)
class ProtocolVersion:
    """One set of handshake rules.

    :ivar name: as people write it.
    :ivar banner: 12 bytes that announce it.
    :ivar offers_list: the server sends a list of security types and the
        client chooses (RFC 6143 §7.1.2); before 3.7 the server decides.
    :ivar result_after_none: SecurityResult follows security type None too.
    :ivar reason_after_failure: a failed SecurityResult carries a reason.
    """

    name: str
    banner: bytes
    offers_list: bool
    result_after_none: bool
    reason_after_failure: bool

    def __str__(self) -> str:
        return self.name


V3_3 = ProtocolVersion('3.3', b'RFB 003.003\n', False, False, False)
V3_7 = ProtocolVersion('3.7', b'RFB 003.007\n', True, False, False)
V3_8 = ProtocolVersion('3.8', b'RFB 003.008\n', True, True, True)

# Banners that mean something else than their digits say:
#   3.889        Apple Remote Desktop
#   4.0 4.1 5.0  RealVNC Enterprise and later
#   3.4 3.5 3.6  UltraVNC and an old misprint
#   55.8         ATEN iKVM (Supermicro, AST2400 and later); it hangs up unless
#                its own banner comes back
_RULES_OF = {
    (3, 3): V3_3, (3, 4): V3_3, (3, 5): V3_3, (3, 6): V3_3,
    (3, 7): V3_7, (3, 8): V3_8, (3, 889): V3_8,
    (4, 0): V3_8, (4, 1): V3_8, (5, 0): V3_8, (55, 8): V3_8,
}
_ECHOED = {(55, 8)}
REPEATER = (0, 0)


class UnknownVersion(ValueError):
    """A banner that stands for no rules of ours."""


def _numbers(banner: bytes) -> tuple[int, int]:
    match = _BANNER.fullmatch(banner)
    if match is None:
        raise UnknownVersion(f'{banner!r} is not an RFB version')
    return int(match[1]), int(match[2])


def answer_server(banner: bytes) -> tuple[ProtocolVersion, bytes]:
    """Choose rules for a server's banner.

    :param banner: 12 bytes.
    :returns: the rules, and the 12 bytes to answer.
    :raises UnknownVersion: not a version, or one that nobody speaks.
    """
    numbers = _numbers(banner)
    if numbers == REPEATER:
        raise UnknownVersion(
            'this is an UltraVNC repeater (RFB 000.000); give the address of '
            'the VNC server itself')
    rules = _RULES_OF.get(numbers)
    if rules is None:
        if numbers < (3, 3):
            raise UnknownVersion(
                f'RFB {numbers[0]}.{numbers[1]} is older than 3.3')
        # "The client must not answer with a higher version": 3.8 is the
        # highest there is, and later servers have all kept to it.
        rules = V3_8
    return rules, banner if numbers in _ECHOED else rules.banner


def accept_client(banner: bytes) -> ProtocolVersion:
    """Choose rules for the banner that a client answered.

    :param banner: 12 bytes.
    :raises UnknownVersion: not a version at all.

    rfbproto: "Other version numbers are reported by some servers and
    clients, but should be interpreted as 3.3".
    """
    return _RULES_OF.get(_numbers(banner), V3_3)


# What a peer's first bytes look like when it speaks something else. Four of
# them decide, so that the verdict does not depend on how they were split. The
# words end the sentence "this is not a VNC server: it ...".
_OTHERS = (
    (re.compile(rb'HTTP|<htm|<!do', re.IGNORECASE), 'answered HTTP'),
    (re.compile(rb'SSH-'), 'answered SSH'),
    (re.compile(rb'[\x14-\x17]\x03[\x00-\x04]'), 'answered TLS'),
    (re.compile(rb'220[ -]'), 'answered FTP or SMTP'),
    (re.compile(rb'\xff[\xfb-\xfe]'), 'answered Telnet'),
)


def describe_stranger(data: bytes) -> str:
    """Say what a peer speaks that does not speak RFB.

    :param data: its first 4 bytes or more.
    :returns: words for after "it", never the peer's own bytes.
    """
    for pattern, words in _OTHERS:
        if pattern.match(data):
            return words
    return 'answered something else'
