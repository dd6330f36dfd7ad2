# SPDX-License-Identifier: Apache-2.0
"""Endpoint: where a node's VNC server is and how it may be talked to.

A driver writes it into ``driver_internal_info['console_endpoint']``, the
proxy reads it from there. Nothing in it is secret.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Self, TypeGuard

from ironic_console.common.addresses import with_port
from ironic_console.common.errors import ConfigError
from ironic_console.common.quotation import quoted

#: vnc is RFB over plain TCP, vncs over TLS from the first byte, auto
#: whichever of the two the server speaks.
SCHEMES = ('vnc', 'vncs', 'auto')
#: How the certificate of an endpoint is checked.
VERIFY_MODES = ('ca', 'fingerprint', 'none')
#: What happens to a second session of a node: it is let in, it is refused, or
#: its user is asked whether the first has to go.
SHARING = SHARED, REFUSE, TAKE_OVER = 'shared', 'refuse', 'takeover'
_DIGITS = re.compile('[0-9]{1,5}')
_SHA256 = re.compile('[0-9a-f]{64}')
#: Longest list of CAs that an endpoint brings along, characters of PEM.
MAX_CA_CHARS = 64 * 1024
#: Longest time that an endpoint may ask for, seconds.
MAX_HANDSHAKE_TIMEOUT = 300.0


@dataclasses.dataclass(frozen=True)
class TlsPolicy:
    """Whom we take for the endpoint when it speaks TLS.

    :ivar verify: ``ca``: a CA that we trust vouches for its name;
        ``fingerprint``: it is this certificate and no other; ``none``:
        anybody, which the proxy's operator has to allow as well.
    :ivar server_name: name or address that the certificate must be for; ''
        for the endpoint's host.
    :ivar fingerprint: SHA-256 of the certificate in DER, 64 hex digits.
    :ivar ca: for ``ca``: PEM, the only CAs that may vouch for it; '' for
        those of the proxy.
    """

    verify: str = 'ca'
    server_name: str = ''
    fingerprint: str = ''
    ca: str = ''

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """:raises ConfigError: naming the key and what is allowed."""
        fields = _fields(cls, data, 'console_endpoint/tls')
        verify = fields.get('verify', 'ca')
        if verify not in VERIFY_MODES:
            raise ConfigError(
                f'console_endpoint/tls/verify is {quoted(verify)}, allowed '
                f'is {" ".join(VERIFY_MODES)}')
        fingerprint = fields.get('fingerprint', '')
        if verify == 'fingerprint' or fingerprint:
            fingerprint = parse_fingerprint(fingerprint)
        name = fields.get('server_name', '')
        return cls(verify, _host(name) if name else '', fingerprint,
                   _ca(fields.get('ca', '')))


def parse_fingerprint(text: object) -> str:
    """Read a SHA-256 as people write it, with or without colons.

    :returns: 64 hex digits in lower case.
    :raises ConfigError: it is none.
    """
    digits = str(text).replace(':', '').strip().lower()
    if not _SHA256.fullmatch(digits):
        raise ConfigError(f'the fingerprint is {quoted(text)}; it must be the '
                          'SHA-256 of the certificate, 64 hex digits')
    return digits


@dataclasses.dataclass(frozen=True)
class Quirks:
    """What a VNC server has to be spared.

    :ivar handshake_timeout: seconds that it may take up to ServerInit, if
        that is more than others get; 0 if it needs no more.
    :ivar encodings: numbers of the encodings and pseudo-encodings that it
        bears to hear of in SetEncodings; empty for any.
    """

    handshake_timeout: float = 0.0
    encodings: tuple[int, ...] = ()

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """:raises ConfigError: naming the key and what is allowed."""
        fields = _fields(cls, data, 'console_endpoint/quirks')
        return cls(_seconds(fields.get('handshake_timeout', 0.0)),
                   parse_encodings(fields.get('encodings', ())))


def parse_encodings(value: object) -> tuple[int, ...]:
    """:raises ConfigError: it is no list of encodings."""
    if (not isinstance(value, (list, tuple)) or len(value) > 256
            or not all(_is_int(number) and -2 ** 31 <= number < 2 ** 31
                       for number in value)):
        raise ConfigError(f'encodings is {quoted(value)}; it must be a list '
                          'of numbers of RFB encodings, such as 0, 1 or -223')
    return tuple(value)


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """Address of a VNC server, with policy.

    :ivar host: IPv4 or IPv6 literal, or a name.
    :ivar port: TCP port, 1 to 65535.
    :ivar scheme: one of ``SCHEMES``.
    :ivar security_types: numbers of the RFB security types and VeNCrypt
        sub-types that may be used, best first. What is not listed is
        refused, however willing the server is. Empty means: those that
        authenticate with the credential there is; see
        ``rfb.credential.default_types``.
    :ivar kind: console interface that made it, for people.
    :ivar tls: for ``vncs`` and for VeNCrypt.
    :ivar read_only: nobody may type here.
    :ivar quirks: for servers that are easily upset.
    :ivar sharing: one of ``SHARING``; '' for what the proxy does otherwise.
    """

    host: str
    port: int
    scheme: str = 'vnc'
    security_types: tuple[int, ...] = ()
    kind: str = ''
    tls: TlsPolicy = TlsPolicy()
    read_only: bool = False
    quirks: Quirks = Quirks()
    sharing: str = ''

    def to_dict(self) -> dict[str, Any]:
        """:returns: what JSON can hold, without what says nothing: a proxy
            that is older than a key can serve endpoints that do not use it.
        """
        return {key: value for key, value in _json(self).items()
                if key in _ALWAYS or value}

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """Read what a driver wrote, believing nothing.

        :raises ConfigError: naming the key and what is allowed. A key that
            is not known is refused too: it may be a restriction that a newer
            driver relies on.
        """
        fields = _fields(cls, data, 'console_endpoint')
        scheme = fields.get('scheme', 'vnc')
        if scheme not in SCHEMES:
            raise ConfigError(f'console_endpoint scheme is {quoted(scheme)}, '
                              f'allowed is {" ".join(SCHEMES)}')
        read_only = fields.get('read_only', False)
        if not isinstance(read_only, bool):
            raise ConfigError('console_endpoint read_only is '
                              f'{quoted(read_only)}, allowed is true or '
                              'false')
        sharing = fields.get('sharing', '')
        if sharing:
            parse_sharing(sharing, 'console_endpoint sharing')
        return cls(host=_host(fields.get('host')),
                   port=_port(fields.get('port')), scheme=scheme,
                   security_types=_numbers(fields.get('security_types', ())),
                   kind=str(fields.get('kind', ''))[:64],
                   tls=TlsPolicy.from_dict(fields.get('tls', {})),
                   read_only=read_only,
                   quirks=Quirks.from_dict(fields.get('quirks', {})),
                   sharing=sharing)

    @property
    def address(self) -> str:
        """Host and port as people write them."""
        return with_port(self.host, self.port)


def parse_sharing(value: object, key: str) -> str:
    """:raises ConfigError: naming the key and what is allowed."""
    if not isinstance(value, str) or value not in SHARING:
        raise ConfigError(f'{key} is {quoted(value)}, allowed is '
                          f'{" ".join(SHARING)}')
    return value


# Written whatever their values, for people who look at a node.
_ALWAYS = ('scheme', 'host', 'port', 'kind', 'security_types')


def _json(value: Any) -> Any:
    """A dataclass as JSON has it, nested ones without their defaults."""
    if isinstance(value, tuple):
        return list(value)
    if not dataclasses.is_dataclass(value):
        return value
    return {field.name: _json(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if isinstance(value, Endpoint)
            or getattr(value, field.name) != field.default}


def _fields(kind: type, data: object, what: str) -> Mapping[str, Any]:
    """:raises ConfigError: there are keys that ``kind`` has not."""
    if not isinstance(data, Mapping):
        raise ConfigError(f'{what} is not a mapping')
    unknown = set(data) - {field.name for field in dataclasses.fields(kind)}
    if unknown:
        raise ConfigError(
            f'{what} has keys that this version does not know: '
            f'{", ".join(sorted(map(repr, unknown)))}; upgrade the proxy to '
            'the version of the conductors')
    return data


def _host(value: object) -> str:
    if (not isinstance(value, str) or not 0 < len(value) < 256
            or not value.isprintable() or ' ' in value
            or not _can_be_looked_up(value)):
        raise ConfigError(f'the console host is {quoted(value)}; it must be '
                          'an address or a host name')
    return value


def _can_be_looked_up(host: str) -> bool:
    # socket.getaddrinfo() raises a UnicodeError if this does: an empty label
    # or one of more than 63 bytes.
    try:
        return bool(host.encode('idna'))
    except UnicodeError:
        return False


def _port(value: object) -> int:
    # Nova's contract allows "5900" as well as 5900.
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if not _is_int(value) or not 0 < value < 65536:
        raise ConfigError(f'the console port is {quoted(value)}; it must be a '
                          'number from 1 to 65535')
    return value


def _numbers(value: object) -> tuple[int, ...]:
    if (not isinstance(value, (list, tuple))
            or not all(_is_int(number) and 0 < number < 65536
                       for number in value)):
        raise ConfigError(f'security_types is {quoted(value)}; it must be a '
                          'list of numbers of RFB security types')
    return tuple(value)


def _seconds(value: object) -> float:
    if (isinstance(value, bool) or not isinstance(value, (int, float))
            or not 0 <= value <= MAX_HANDSHAKE_TIMEOUT):
        raise ConfigError(f'handshake_timeout is {quoted(value)}; it must be '
                          f'a number from 0 to {MAX_HANDSHAKE_TIMEOUT:g}')
    return float(value)


def _ca(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_CA_CHARS:
        raise ConfigError('console_endpoint/tls/ca must be certificates in '
                          f'PEM, {MAX_CA_CHARS} characters at most')
    return value


def _is_int(value: object) -> TypeGuard[int]:
    # JSON's true is an int for Python.
    return isinstance(value, int) and not isinstance(value, bool)
