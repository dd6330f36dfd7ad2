# SPDX-License-Identifier: Apache-2.0
"""The handshake in which we are the client: the endpoint side.

RFC 6143 §7.1 to §7.3.
"""

from collections.abc import Generator, Sequence

from ironic_console.common.errors import (
    AuthenticationFailed,
    EndpointNotRfb,
    HandshakeRefused,
    LocalProtocolError,
    NoCommonSecurityType,
    RemoteProtocolError,
    Side,
)
from ironic_console.common.rfb import versions
from ironic_console.common.rfb.constants import (
    MAX_NAME_BYTES,
    MAX_REASON_BYTES,
    SecurityNumber,
    security_name,
    security_names,
)
from ironic_console.common.rfb.handshake import Handshake, Said
from ironic_console.common.rfb.pixel_format import PixelFormat
from ironic_console.common.rfb.security import REGISTRY
from ironic_console.common.rfb.security.base import SecurityType
from ironic_console.common.rfb.server_init import ServerInit

SHARED = b'\x01'


class ClientHandshake(Handshake):
    """From the server's banner through ServerInit.

    :param allowed: numbers of the security types that policy allows, ours
        first; the first of them that the server offers is taken.
    :param side: the peer, for errors.
    """

    def __init__(self, allowed: Sequence[int] = (SecurityNumber.NONE,),
                 side: Side = Side.ENDPOINT) -> None:
        self._allowed = tuple(allowed)
        self._server_init: ServerInit | None = None
        super().__init__(side)

    @property
    def server_init(self) -> ServerInit:
        """:raises LocalProtocolError: the handshake is not done."""
        if self._server_init is None:
            raise LocalProtocolError(self.side, self.step,
                                     'ServerInit has not been read yet')
        return self._server_init

    def steps(self) -> Generator[None, None, None]:
        version = yield from self._agree_on_version()
        if version.offers_list:
            security = yield from self._choose_security()
        else:
            security = yield from self._obey_security()
        self.emit(Said(f'security type {security_name(security.number)}'))
        yield from security.client_steps(self)
        if security.authenticates or version.result_after_none:
            yield from self._read_security_result(version)
        # Shared, always: whether a second viewer may come in is policy of
        # the proxy and not of each browser.
        self.send(SHARED)
        self._server_init = yield from self._read_server_init()
        self.emit(self._server_init)

    def _agree_on_version(
            self) -> Generator[None, None, versions.ProtocolVersion]:
        # A web server's first line can be shorter than a banner, so the
        # first four bytes are judged as soon as they are there.
        magic = yield from self.read(4, 'ProtocolVersion')
        if magic != b'RFB ':
            heard = magic + self._reader.peek(64)
            spoken = versions.describe_stranger(heard)
            raise EndpointNotRfb(
                f'this is not a VNC server: it {spoken}: {heard!r}', spoken)
        rest = yield from self.read(versions.BANNER_BYTES - 4,
                                    'ProtocolVersion')
        try:
            version, answer = versions.answer_server(magic + rest)
        except versions.UnknownVersion as exc:
            raise RemoteProtocolError(self.side, 'ProtocolVersion',
                                      str(exc)) from exc
        self.emit(Said(f'ProtocolVersion {rest[:-1].decode()}, '
                       f'rules of {version}'))
        self.send(answer)
        return version

    def _choose_security(self) -> Generator[None, None, SecurityType]:
        """3.7 and later: the server lists, we choose. RFC 6143 §7.1.2."""
        count = yield from self.read_u8('number of security types')
        if count == 0:
            raise (yield from self._read_refusal())
        offered = yield from self.read(count, 'security types')
        self.emit(Said(f'security types {security_names(offered)}'))
        for number in self._allowed:
            if number in offered and number in REGISTRY:
                self.send(bytes((number,)))
                return REGISTRY[number]
        raise self._nothing_in_common(tuple(offered))

    def _obey_security(self) -> Generator[None, None, SecurityType]:
        """3.3: "The server decides the security type"."""
        number = yield from self.read_u32('security type')
        if number == SecurityNumber.INVALID:
            raise (yield from self._read_refusal())
        if number not in self._allowed or number not in REGISTRY:
            raise self._nothing_in_common((number,))
        return REGISTRY[number]

    def _nothing_in_common(self, offered: tuple[int, ...],
                           ) -> NoCommonSecurityType:
        return NoCommonSecurityType(
            self.side, offered, self._allowed,
            f'server offers {security_names(offered)}, '
            f'allowed is {security_names(self._allowed)}')

    def _read_reason(self, what: str) -> Generator[None, None, str]:
        reason = yield from self.read_counted(what, MAX_REASON_BYTES)
        return reason.decode(errors='replace')

    def _read_refusal(self) -> Generator[None, None, HandshakeRefused]:
        reason = yield from self._read_reason('reason of the refusal')
        return HandshakeRefused(self.side, 'security types', reason)

    def _read_security_result(self, version: versions.ProtocolVersion,
                              ) -> Generator[None, None, None]:
        """RFC 6143 §7.1.3."""
        result = yield from self.read_u32('SecurityResult')
        if result == 0:
            return
        reason = 'no reason given'
        if version.reason_after_failure:
            reason = yield from self._read_reason('reason of the failure')
        raise AuthenticationFailed(self.side, 'SecurityResult', reason)

    def _read_server_init(self) -> Generator[None, None, ServerInit]:
        size = yield from self.read(4, 'framebuffer size in ServerInit')
        pixel_format = yield from self.read(PixelFormat.SIZE,
                                            'pixel format in ServerInit')
        name = yield from self.read_counted('name in ServerInit',
                                            MAX_NAME_BYTES)
        return ServerInit(int.from_bytes(size[:2]), int.from_bytes(size[2:]),
                          PixelFormat.parse(pixel_format), name)
