# SPDX-License-Identifier: Apache-2.0
"""Security type VeNCrypt 0.2: another type, usually inside TLS.

rfbproto "VeNCrypt".
"""

import dataclasses
import struct
from collections.abc import Generator, Sequence

from ironic_console.common.errors import RemoteProtocolError
from ironic_console.common.rfb.constants import (
    SecurityNumber,
    security_name,
    security_names,
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
from ironic_console.common.rfb.security.plain import PlainSecurity
from ironic_console.common.rfb.security.ra2 import RA2_TYPES
from ironic_console.common.rfb.security.vnc_auth import VncAuthSecurity

_VERSION = b'\x00\x02'
_NONE, _VNC_AUTH, _PLAIN = NoneSecurity(), VncAuthSecurity(), PlainSecurity()


@dataclasses.dataclass(frozen=True)
class _SubType:
    """What a sub-type is made of.

    :ivar tls: is there any?
    :ivar anonymous: and is it without certificates?
    :ivar inner: what is said then.
    """

    inner: SecurityType
    tls: bool = True
    anonymous: bool = False


_SUB_TYPES: dict[int, _SubType] = {
    SecurityNumber.X509_NONE: _SubType(_NONE),
    SecurityNumber.X509_VNC: _SubType(_VNC_AUTH),
    SecurityNumber.X509_PLAIN: _SubType(_PLAIN),
    SecurityNumber.TLS_NONE: _SubType(_NONE, anonymous=True),
    SecurityNumber.TLS_VNC: _SubType(_VNC_AUTH, anonymous=True),
    SecurityNumber.TLS_PLAIN: _SubType(_PLAIN, anonymous=True),
    SecurityNumber.PLAIN: _SubType(_PLAIN, tls=False),
    # "ordinary types may appear too"; TigerVNC does that.
    SecurityNumber.NONE: _SubType(_NONE, tls=False),
    SecurityNumber.VNC_AUTH: _SubType(_VNC_AUTH, tls=False),
    **{kind.number: _SubType(kind, tls=False) for kind in RA2_TYPES},
}


class VeNCryptSecurity(SecurityType):
    """Version, sub-type, TLS, and the inner type."""

    number = SecurityNumber.VENCRYPT

    def carries(self, number: int) -> bool:
        return number in _SUB_TYPES

    # -- client --------------------------------------------------------------

    def client_steps(self, handshake: ClientRole) -> Steps:
        version = yield from handshake.read(2, 'VeNCrypt version')
        if version < _VERSION:
            raise RemoteProtocolError(
                handshake.side, 'VeNCrypt version',
                f'{version[0]}.{version[1]} is older than 0.2')
        handshake.send(_VERSION)
        if (yield from handshake.read_u8('acknowledgement of version')):
            raise RemoteProtocolError(handshake.side, 'VeNCrypt version',
                                      'server does not take 0.2')
        number = yield from self._choose(handshake)
        sub_type = _SUB_TYPES[number]
        if sub_type.tls:
            started = yield from handshake.read_u8('readiness for TLS')
            if started != 1:
                raise RemoteProtocolError(handshake.side, 'StartTLS',
                                          'server cannot begin TLS')
            yield from handshake.start_tls(sub_type.anonymous)
        yield from sub_type.inner.client_steps(handshake)
        return True

    def _choose(self, handshake: ClientRole,
                ) -> Generator[None, None, int]:
        count = yield from handshake.read_u8('number of VeNCrypt sub-types')
        data = yield from handshake.read(4 * count, 'VeNCrypt sub-types')
        offered = struct.unpack(f'>{count}I', data)
        handshake.emit(Said(f'VeNCrypt sub-types {security_names(offered)}'))
        for number in handshake.allowed:
            if number in offered and number in _SUB_TYPES:
                handshake.send(struct.pack('>I', number))
                handshake.emit(Said(f'sub-type {security_name(number)}'))
                return number
        raise nothing_in_common(handshake, offered,
                                f'{security_names(offered)} inside VeNCrypt')

    # -- server --------------------------------------------------------------

    def server_steps(self, handshake: ServerRole) -> Steps:
        handshake.send(_VERSION)
        version = yield from handshake.read(2, 'VeNCrypt version')
        if version != _VERSION:
            handshake.send(b'\xff')
            raise RemoteProtocolError(
                handshake.side, 'VeNCrypt version',
                f'client wants {version[0]}.{version[1]}, not 0.2')
        offered = self._offered(handshake.policy.security_types)
        handshake.send(struct.pack(f'>BB{len(offered)}I', 0, len(offered),
                                   *offered))
        number = yield from handshake.read_u32('chosen VeNCrypt sub-type')
        if number not in offered:
            raise chose_other(handshake, number, offered)
        handshake.emit(Said(f'sub-type {security_name(number)}'))
        sub_type = _SUB_TYPES[number]
        if sub_type.tls:
            handshake.send(b'\x01')
            yield from handshake.start_tls(sub_type.anonymous)
        yield from sub_type.inner.server_steps(handshake)
        return True

    @staticmethod
    def _offered(numbers: Sequence[int]) -> list[int]:
        # Ordinary types stand in the outer list.
        return [number for number in numbers if number in _SUB_TYPES
                and number >= SecurityNumber.PLAIN]
