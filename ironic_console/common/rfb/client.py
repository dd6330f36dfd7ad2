# SPDX-License-Identifier: Apache-2.0
"""The handshake in which we are the client: the endpoint side.

RFC 6143 §7.1 to §7.3.
"""

from collections.abc import Generator, Sequence

from ironic_console.common.errors import (
    AuthenticationFailed,
    EndpointNotRfb,
    HandshakeRefused,
    LimitExceeded,
    LocalProtocolError,
    RemoteProtocolError,
    Side,
)
from ironic_console.common.rfb import versions
from ironic_console.common.rfb.constants import (
    MAX_CAPABILITIES,
    MAX_NAME_BYTES,
    MAX_REASON_BYTES,
    SecurityNumber,
    security_name,
    security_names,
)
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.handshake import Said
from ironic_console.common.rfb.pixel_format import PixelFormat
from ironic_console.common.rfb.security import REGISTRY
from ironic_console.common.rfb.security.base import (
    ClientRole,
    SecurityType,
    nothing_in_common,
)
from ironic_console.common.rfb.server_init import ServerInit

SHARED = b'\x01'


class ClientHandshake(ClientRole):
    """From the server's banner through ServerInit.

    :param allowed: numbers of the security types and VeNCrypt sub-types
        that policy allows, ours first; the first of them that the server
        has is taken.
    :param credential: what to authenticate with.
    :param side: the peer, for errors.
    :ivar allowed: as given.
    :ivar credential: as given.
    """

    def __init__(self, allowed: Sequence[int] = (SecurityNumber.NONE,),
                 credential: Credential | None = None,
                 side: Side = Side.ENDPOINT) -> None:
        self.allowed = tuple(allowed)
        self.credential = credential
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
        result_follows = yield from security.client_steps(self)
        if result_follows or version.result_after_none:
            yield from self._read_security_result(version)
        # Shared, always: whether a second viewer may come in is policy of
        # the proxy and not of each browser.
        self.send(SHARED)
        self._server_init = yield from self._read_server_init()
        if security.number == SecurityNumber.TIGHT:
            yield from self._read_capabilities()
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
        security = self._find(offered)
        self.send(bytes((security.number,)))
        return security

    def _find(self, offered: Sequence[int]) -> SecurityType:
        """The way to the best type that policy allows.

        :raises NoCommonSecurityType: there is none.
        """
        kinds = [REGISTRY[number] for number in offered if number in REGISTRY]
        ways = [(kind, number) for number in self.allowed for kind in kinds
                if kind.carries(number)]
        for kind, number in ways:
            # A sub-type can be nowhere but inside; whether an ordinary type
            # is, shows only when there is no way back.
            if number == kind.number or number not in REGISTRY:
                return kind
        for kind, _number in ways:
            return kind
        raise nothing_in_common(self, tuple(offered))

    def _obey_security(self) -> Generator[None, None, SecurityType]:
        """3.3: "The server decides the security type"."""
        number = yield from self.read_u32('security type')
        if number == SecurityNumber.INVALID:
            raise (yield from self._read_refusal())
        return self._find((number,))

    def _read_reason(self, what: str) -> Generator[None, None, str]:
        reason = yield from self.read_counted(what, MAX_REASON_BYTES)
        return reason.decode(errors='replace')

    def _read_refusal(self) -> Generator[None, None, HandshakeRefused]:
        def refused(reason: str) -> HandshakeRefused:
            return HandshakeRefused(self.side, 'security types', reason)
        self.eof_means = refused('no reason given')
        return refused((yield from self._read_reason(
            'reason of the refusal')))

    def _read_security_result(self, version: versions.ProtocolVersion,
                              ) -> Generator[None, None, None]:
        """RFC 6143 §7.1.3."""
        result = yield from self.read_u32('SecurityResult')
        if result == 0:
            return
        def failed(reason: str) -> AuthenticationFailed:
            return AuthenticationFailed(self.side, 'SecurityResult', reason)
        self.eof_means = failed('no reason given')
        if not version.reason_after_failure:
            raise self.eof_means
        raise failed((yield from self._read_reason('reason of the failure')))

    def _read_capabilities(self) -> Generator[None, None, None]:
        """What Tight adds to ServerInit; no viewer of ours is told."""
        counts = yield from self.read(8, 'counts of Tight capabilities')
        total = sum(int.from_bytes(counts[at:at + 2]) for at in (0, 2, 4))
        if total > MAX_CAPABILITIES:
            raise LimitExceeded(self.side, 'Tight capabilities', total,
                                MAX_CAPABILITIES)
        yield from self.read(16 * total, 'Tight capabilities')

    def _read_server_init(self) -> Generator[None, None, ServerInit]:
        size = yield from self.read(4, 'framebuffer size in ServerInit')
        pixel_format = yield from self.read(PixelFormat.SIZE,
                                            'pixel format in ServerInit')
        name = yield from self.read_counted('name in ServerInit',
                                            MAX_NAME_BYTES)
        return ServerInit(int.from_bytes(size[:2]), int.from_bytes(size[2:]),
                          PixelFormat.parse(pixel_format), name)
