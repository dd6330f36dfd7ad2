# SPDX-License-Identifier: Apache-2.0
"""Addresses: how they are written, and from the host of an endpoint to
those that may be dialled.

Whoever writes ``driver_info`` chooses the host, so it could lead into the
proxy's own network (server-side request forgery). Policy is applied to the
resolved address, and that address is what is dialled: no second look-up can
give another.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence

from ironic_console.common.calls import BoundedCalls, CallTimeout
from ironic_console.common.clock import Deadline
from ironic_console.common.errors import (
    ConfigError,
    EndpointTimeout,
    EndpointUnreachable,
    EndpointUntrusted,
)

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Lookup = Callable[[str], list[str]]

_RESOLVER_THREADS = 16
# Whoever owns a name must not make us knock at every door of a network.
_MAX_ADDRESSES = 16
# "This network", RFC 791 §3.2; the library knows its first address only.
_NOWHERE = ipaddress.ip_network('0.0.0.0/8')


def parse_networks(texts: Iterable[str], option: str = 'endpoint_networks',
                   ) -> tuple[IPNetwork, ...]:
    """:param option: of ours, that they stand in.
    :raises ConfigError: naming what is not a network.
    """
    networks = []
    for text in texts:
        try:
            networks.append(ipaddress.ip_network(text))
        except ValueError as exc:
            raise ConfigError(
                f'[ironic_console]{option} has {text!r}, which is '
                f'not a network like 192.0.2.0/24: {exc}') from exc
    return tuple(networks)


def is_within(address: str, networks: Iterable[IPNetwork]) -> bool:
    """:param address: literal; anything else is within nothing."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    plain = getattr(found, 'ipv4_mapped', None) or found
    return any(plain in network for network in networks)


def with_port(host: str, port: int) -> str:
    """:returns: both as people write them: ``[::1]:5900``."""
    return f'[{host}]:{port}' if ':' in host else f'{host}:{port}'


def without_port(text: str) -> str:
    """:param text: of :func:`with_port`.
    :returns: its host.
    """
    return text.rpartition(':')[0].strip('[]')


def instead_of_wildcard(host: str, own: str) -> str:
    """:param host: that something listens on.
    :param own: address of this machine.
    :returns: where it is to be reached: nobody can connect to a wildcard.
    """
    return own if host in ('', '0.0.0.0', '::') else host


class AddressPolicy:
    """Which addresses endpoints may have.

    :param networks: the only ones allowed; when empty, all but loopback,
        link-local, multicast, unspecified and reserved addresses. One with
        a scope (``fe80::1%eth0``) never is: it names an interface of
        another machine.
    :param exceptions: allowed all the same.
    """

    def __init__(self, networks: Sequence[IPNetwork] = (),
                 exceptions: Sequence[IPNetwork] = ()) -> None:
        self._networks = tuple(networks)
        self._exceptions = tuple(exceptions)

    def allows(self, address: IPAddress) -> bool:
        # ::ffff:127.0.0.1 reaches the same socket as 127.0.0.1.
        if isinstance(address, ipaddress.IPv6Address):
            if address.scope_id is not None:
                return False
            address = address.ipv4_mapped or address
        if self.excepts(address):
            return True
        if self._networks:
            return any(address in network for network in self._networks)
        return not (address.is_loopback or address.is_link_local
                    or address.is_multicast or address.is_unspecified
                    or address.is_reserved or address in _NOWHERE)

    def excepts(self, address: IPAddress) -> bool:
        return any(address in network for network in self._exceptions)


def _lookup(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Resolver:
    """Turns hosts into addresses, with a deadline and a policy.

    :param policy: what may be dialled.
    :param lookup: host -> addresses as text; getaddrinfo by default.
    """

    def __init__(self, policy: AddressPolicy,
                 lookup: Lookup = _lookup) -> None:
        self._policy = policy
        self._lookup = lookup
        self._calls = BoundedCalls(_RESOLVER_THREADS, 'resolver')

    def resolve(self, host: str, deadline: Deadline,
                check: Callable[[], None] = lambda: None) -> list[str]:
        """Find the addresses that may be dialled.

        :param check: called a few times a second meanwhile; what it raises
            ends the wait.
        :returns: literals, IPv6 and IPv4 in turn, the resolver's order kept.
        :raises EndpointUnreachable: the name is not known, or has no
            address.
        :raises EndpointTimeout: the resolver did not answer.
        :raises EndpointUntrusted: policy allows none of them.
        """
        found = list(dict.fromkeys(
            ipaddress.ip_address(text)
            for text in self._find(host, deadline, check)))[:_MAX_ADDRESSES]
        if not found:
            raise EndpointUnreachable(f'name {host!r} has no address')
        allowed = [one for one in found if self._policy.allows(one)]
        if not allowed:
            raise EndpointUntrusted(
                f'{host} is {", ".join(map(str, found))}, which [ironic_'
                'console]endpoint_networks does not allow')
        return _by_turns(allowed)

    def _find(self, host: str, deadline: Deadline,
              check: Callable[[], None]) -> list[str]:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            return [host]
        try:
            return self._calls.run(lambda: self._lookup(host), deadline,
                                   check)
        except CallTimeout as exc:
            raise EndpointTimeout(f'name {host!r} was not resolved within '
                                  f'the {deadline}') from exc
        except (OSError, UnicodeError) as exc:
            raise EndpointUnreachable(f'name {host!r} is not known: {exc}',
                                      ) from exc

    def close(self) -> None:
        self._calls.close()


def _by_turns(addresses: Sequence[IPAddress]) -> list[str]:
    """Interleave the families, so that one dead one costs one delay only.

    RFC 8305 §4.
    """
    first = [one for one in addresses if one.version == addresses[0].version]
    other = [one for one in addresses if one.version != addresses[0].version]
    mixed: list[IPAddress] = []
    while first or other:
        mixed += first[:1] + other[:1]
        first, other = first[1:], other[1:]
    return [str(one) for one in mixed]
