# SPDX-License-Identifier: Apache-2.0
"""Security type Tight: a list of tunnels, a list of types. rfbproto "Tight".

We take and offer no tunnel: nobody has ever built one.
"""

import struct
from collections.abc import Generator, Sequence

from ironic_console.common.errors import (
    LimitExceeded,
    RemoteProtocolError,
)
from ironic_console.common.rfb.constants import (
    MAX_CAPABILITIES,
    SecurityNumber,
    security_name,
)
from ironic_console.common.rfb.handshake import Said
from ironic_console.common.rfb.security.base import (
    ClientRole,
    SecurityType,
    ServerRole,
    Steps,
    chose_other,
    nothing_in_common,
)
from ironic_console.common.rfb.security.none import NoneSecurity
from ironic_console.common.rfb.security.vnc_auth import VncAuthSecurity

_NO_TUNNEL = 0
# Vendor and signature of what we offer.
_SIGNATURES: dict[int, bytes] = {
    SecurityNumber.NONE: b'STDVNOAUTH__',
    SecurityNumber.VNC_AUTH: b'STDVVNCAUTH_'}
_INNER: dict[int, SecurityType] = {
    kind.number: kind for kind in (NoneSecurity(), VncAuthSecurity())}


class TightSecurity(SecurityType):
    """No tunnel, then None or VncAuth."""

    number = SecurityNumber.TIGHT

    def carries(self, number: int) -> bool:
        return number in _INNER

    def client_steps(self, handshake: ClientRole) -> Steps:
        tunnels = yield from self._read_codes(handshake, 'Tight tunnels')
        if tunnels:
            if _NO_TUNNEL not in tunnels:
                raise RemoteProtocolError(
                    handshake.side, 'Tight tunnels',
                    'server insists on a tunnel')
            handshake.send(struct.pack('>i', _NO_TUNNEL))
        offered = yield from self._read_codes(handshake,
                                              'Tight security types')
        if not offered:
            # "if the number is 0, no authentication is needed".
            if SecurityNumber.NONE not in handshake.allowed:
                raise nothing_in_common(handshake, (SecurityNumber.NONE,),
                                        _names((SecurityNumber.NONE,)))
            return False
        handshake.emit(Said(f'security types {_names(offered)}'))
        for number in handshake.allowed:
            if number in offered and number in _INNER:
                handshake.send(struct.pack('>i', number))
                handshake.emit(Said(f'inside {security_name(number)}'))
                return (yield from _INNER[number].client_steps(handshake))
        raise nothing_in_common(handshake, offered, _names(offered))

    def server_steps(self, handshake: ServerRole) -> Steps:
        offered = [number for number in handshake.policy.security_types
                   if number in _INNER]
        handshake.send(struct.pack('>I', 0))                # no tunnels
        if offered == [SecurityNumber.NONE]:
            handshake.send(struct.pack('>I', 0))
            return False
        handshake.send(struct.pack('>I', len(offered)) + b''.join(
            struct.pack('>i', number) + _SIGNATURES[number]
            for number in offered))
        number = yield from handshake.read_u32('chosen type inside Tight')
        if number not in offered:
            raise chose_other(handshake, number, offered)
        handshake.emit(Said(f'inside {security_name(number)}'))
        return (yield from _INNER[number].server_steps(handshake))

    @staticmethod
    def _read_codes(handshake: ClientRole, what: str,
                    ) -> Generator[None, None, tuple[int, ...]]:
        count = yield from handshake.read_u32(f'number of {what}')
        if count > MAX_CAPABILITIES:
            raise LimitExceeded(handshake.side, what, count,
                                MAX_CAPABILITIES)
        # code, vendor (4) and signature (8); the code says it all.
        data = yield from handshake.read(16 * count, what)
        return tuple(entry[0] for entry in struct.iter_unpack('>i12x', data))


def _names(codes: Sequence[int]) -> str:
    # Beyond these two a code of Tight is not the type of that number.
    return ', '.join(security_name(code) if code in _INNER
                     else f'code {code}' for code in codes) + ' inside Tight'
