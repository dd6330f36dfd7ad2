# SPDX-License-Identifier: Apache-2.0
"""The handshake in which we are the server: the browser side.

RFC 6143 §7.1 to §7.3.
"""

import struct
from collections.abc import Generator, Sequence

from ironic_console.common.errors import (
    AuthenticationFailed,
    LocalProtocolError,
    NoCommonSecurityType,
    RemoteProtocolError,
    Side,
)
from ironic_console.common.rfb import versions
from ironic_console.common.rfb.constants import (
    NO_CAPABILITIES,
    SecurityNumber,
    security_name,
)
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.handshake import Handshake, Said
from ironic_console.common.rfb.security import REGISTRY
from ironic_console.common.rfb.security.base import (
    SecurityType,
    ServerRole,
    chose_other,
)
from ironic_console.common.rfb.server_init import ServerInit
from ironic_console.common.rfb.server_policy import ServerPolicy, Verdict

_OK = struct.pack('>I', 0)
_FAILED = struct.pack('>I', 1)
# "The security-type may only take the value 0, 1, or 2", RFC 6143 Appendix A.
_KNOWN_TO_3_3 = (SecurityNumber.NONE, SecurityNumber.VNC_AUTH)
_ANYBODY = ServerPolicy()


def pack_security_types(numbers: Sequence[int]) -> bytes:
    """RFC 6143 §7.1.2: u8 count, then the types.

    :raises ValueError: none or more than 255 of them, or no bytes.
    """
    if not 0 < len(numbers) < 256:
        raise ValueError('1 to 255 security types can be offered')
    return bytes((len(numbers), *numbers))


def _pack_text(text: str) -> bytes:
    data = text.encode()
    return struct.pack('>I', len(data)) + data


class ServerHandshake(ServerRole):
    """From our banner through ServerInit.

    :param server_init: what the handshake shall end with; ``None`` if that
        is known with the verdict only.
    :param policy: what the client has to do before.
    :param side: the peer, for errors.
    :raises ValueError: the policy offers nothing, or what we do not speak.
    :ivar policy: as given.
    :ivar claim: who the client says it is, if it was asked and the caller
        decides.
    :ivar shared: the client wants to leave other clients connected
        (RFC 6143 §7.3.1); known when the handshake is done.

    Where the policy leaves the verdict to the caller, the handshake pauses
    with ``wants_verdict`` until :meth:`admit` or :meth:`refuse` is called.
    """

    def __init__(self, server_init: ServerInit | None,
                 policy: ServerPolicy = _ANYBODY,
                 side: Side = Side.BROWSER) -> None:
        self._server_init = server_init
        self.policy = policy
        self._offered = _top_level(policy)
        self.shared = True
        self.claim: Credential | None = None
        self._refusal = ''
        super().__init__(side)

    def admit(self, server_init: ServerInit) -> None:
        """The client may come in.

        :raises LocalProtocolError: nobody asked.
        :raises ConsoleError: the handshake cannot go on.
        """
        self._decide()
        self._server_init = server_init
        self._advance()

    def refuse(self, reason: str) -> None:
        """It may not; that is the end of the handshake.

        :param reason: sentence for the user, not empty.
        :raises LocalProtocolError: nobody asked.
        """
        self._decide()
        self._refusal = reason
        self._advance()

    def _decide(self) -> None:
        if not self.wants_verdict or self._failed:
            raise LocalProtocolError(self.side, self.step,
                                     'nobody waits for a verdict')
        self.wants_verdict = False

    def steps(self) -> Generator[None, None, None]:
        version = yield from agree_on_version(self)
        if self.policy.verdict is Verdict.BEFORE_TYPES:
            yield from self._await_verdict()
            if self._refusal:
                self.send(_pack_refusal(version, self._refusal))
                return
        try:
            if version.offers_list:
                security = yield from self._offer_security()
            else:
                security = self._decide_security()
            self.emit(Said(f'security type {security_name(security.number)}'))
            result_follows = yield from security.server_steps(self)
        except (AuthenticationFailed, NoCommonSecurityType) as exc:
            self.send(_FAILED)
            if version.reason_after_failure:
                self.send(_pack_text(exc.public_reason))
            raise
        if self.policy.verdict is Verdict.BEFORE_RESULT:
            yield from self._await_verdict()
        # Who gets no SecurityResult after None cannot be told that it is
        # refused either; it sees that the connection is closed.
        tells = result_follows or version.result_after_none
        if self._refusal:
            if tells:
                self.send(_FAILED)
            if tells and version.reason_after_failure:
                self.send(_pack_text(self._refusal))
            return
        if tells:
            self.send(_OK)
        self.shared = bool((yield from self.read_u8('ClientInit')))
        self.emit(Said('ClientInit'))
        assert self._server_init is not None
        self.send(self._server_init.pack())
        if security.number == SecurityNumber.TIGHT:
            self.send(NO_CAPABILITIES)

    def _await_verdict(self) -> Generator[None, None, None]:
        self.step = 'verdict'
        self._wanted = 0
        self.wants_verdict = True
        while self.wants_verdict:
            yield

    def _offer_security(self) -> Generator[None, None, SecurityType]:
        self.send(pack_security_types(self._offered))
        number = yield from self.read_u8('chosen security type')
        if number not in self._offered:
            raise chose_other(self, number, self._offered)
        return REGISTRY[number]

    def _decide_security(self) -> SecurityType:
        number = next(filter(_KNOWN_TO_3_3.__contains__, self._offered),
                      self._offered[0])
        security = REGISTRY[number]
        self.send(struct.pack('>I', security.number))
        return security


def _top_level(policy: ServerPolicy) -> tuple[int, ...]:
    """The types to list, in which those of the policy can be had.

    :raises ValueError: one of them cannot, or there are none.
    """
    offered = []
    for number in policy.security_types:
        ways = [kind.number for kind in REGISTRY.values()
                if kind.carries(number)]
        if not ways:
            raise ValueError(f'{security_name(number)} is not implemented')
        if policy.inside_tight and SecurityNumber.TIGHT in ways:
            offered.append(int(SecurityNumber.TIGHT))
        else:
            offered.append(number if number in ways else ways[0])
    if not offered:
        raise ValueError('no security type to offer')
    return tuple(dict.fromkeys(offered))


class RefusalHandshake(Handshake):
    """Tells an RFB client in words why it gets no console.

    This is the only way to reach the user of a viewer that shows no
    WebSocket close reason.

    :param reason: sentence for the user.
    """

    def __init__(self, reason: str, side: Side = Side.BROWSER) -> None:
        self._reason = reason
        super().__init__(side)

    def steps(self) -> Generator[None, None, None]:
        version = yield from agree_on_version(self)
        self.send(_pack_refusal(version, self._reason))


def _pack_refusal(version: versions.ProtocolVersion, reason: str) -> bytes:
    """RFC 6143 §7.1.2: zero security types, then the reason."""
    none = b'\x00' if version.offers_list else b'\x00\x00\x00\x00'
    return none + _pack_text(reason)


def agree_on_version(handshake: Handshake,
                     ) -> Generator[None, None, versions.ProtocolVersion]:
    """Offer 3.8 and take what the client answers. RFC 6143 §7.1.1.

    :raises RemoteProtocolError: the answer is not a version.
    """
    handshake.send(versions.V3_8.banner)
    banner = yield from handshake.read(versions.BANNER_BYTES,
                                       'ProtocolVersion')
    try:
        version = versions.accept_client(banner)
    except versions.UnknownVersion as exc:
        raise RemoteProtocolError(handshake.side, 'ProtocolVersion',
                                  str(exc)) from exc
    handshake.emit(Said(f'ProtocolVersion {version}'))
    return version
