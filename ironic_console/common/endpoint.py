# SPDX-License-Identifier: Apache-2.0
"""Endpoint: where a node's VNC server is and how it may be talked to.

A driver writes it into ``driver_internal_info['console_endpoint']``, the
proxy reads it from there. Nothing in it is secret.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Self, TypeGuard

from ironic_console.common.errors import ConfigError
from ironic_console.common.rfb.constants import SecurityNumber

SCHEMES = ('vnc',)
_DIGITS = re.compile('[0-9]{1,5}')


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """Address of a VNC server, with policy.

    :ivar host: IPv4 or IPv6 literal, or a name.
    :ivar port: TCP port, 1 to 65535.
    :ivar scheme: ``vnc`` is RFB over plain TCP.
    :ivar security_types: numbers of the RFB security types that may be
        used, best first. What is not listed is refused, however willing the
        server is.
    :ivar kind: console interface that made it, for people.
    """

    host: str
    port: int
    scheme: str = 'vnc'
    security_types: tuple[int, ...] = (SecurityNumber.NONE,)
    kind: str = ''

    def to_dict(self) -> dict[str, Any]:
        """:returns: what JSON can hold."""
        return {**dataclasses.asdict(self),
                'security_types': list(self.security_types)}

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """Read what a driver wrote, believing nothing.

        :raises ConfigError: naming the key and what is allowed. A key that
            is not known is refused too: it may be a restriction that a newer
            driver relies on.
        """
        if not isinstance(data, Mapping):
            raise ConfigError('console_endpoint is not a mapping')
        unknown = set(data) - {field.name for field in
                               dataclasses.fields(cls)}
        if unknown:
            raise ConfigError(
                'console_endpoint has keys that this version does not know: '
                f'{", ".join(sorted(map(str, unknown)))}; upgrade the proxy '
                'to the version of the conductors')
        scheme = data.get('scheme', 'vnc')
        if scheme not in SCHEMES:
            raise ConfigError(f'console_endpoint scheme is {scheme!r}, '
                              f'allowed is {" ".join(SCHEMES)}')
        return cls(host=_host(data.get('host')), port=_port(data.get('port')),
                   scheme=scheme,
                   security_types=_numbers(data.get('security_types', [1])),
                   kind=str(data.get('kind', ''))[:64])

    @property
    def address(self) -> str:
        """Host and port as people write them."""
        host = f'[{self.host}]' if ':' in self.host else self.host
        return f'{host}:{self.port}'


def _host(value: object) -> str:
    if (not isinstance(value, str) or not 0 < len(value) < 256
            or not value.isprintable() or ' ' in value
            or not _can_be_looked_up(value)):
        raise ConfigError(f'the console host is {value!r}; it must be an '
                          'address or a host name')
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
        raise ConfigError(f'the console port is {value!r}; it must be a '
                          'number from 1 to 65535')
    return value


def _numbers(value: object) -> tuple[int, ...]:
    if (not isinstance(value, (list, tuple)) or not value
            or not all(_is_int(number) and 0 < number < 256
                       for number in value)):
        raise ConfigError(f'security_types is {value!r}; it must be a list '
                          'of numbers from 1 to 255')
    return tuple(value)


def _is_int(value: object) -> TypeGuard[int]:
    # JSON's true is an int for Python.
    return isinstance(value, int) and not isinstance(value, bool)
