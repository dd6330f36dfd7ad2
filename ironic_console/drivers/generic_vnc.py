# SPDX-License-Identifier: Apache-2.0
"""Console interface ``generic-vnc``: any VNC server that somebody else runs.

``driver_info`` says where it is and how it lets us in; nothing is started,
stopped or asked here.
"""

import ipaddress
from collections.abc import Mapping
from typing import Any

from ironic.conf import CONF

from ironic_console.common.addresses import AddressPolicy, parse_networks
from ironic_console.common.endpoint import (
    VERIFY_MODES,
    Endpoint,
    Quirks,
    TlsPolicy,
    parse_encodings,
    parse_fingerprint,
)
from ironic_console.common.errors import ConfigError
from ironic_console.common.quotation import quoted
from ironic_console.drivers import base, driver_info, vnc_security
from ironic_console.drivers.driver_info import checked, choice, text
from ironic_console.drivers.vnc_security import SECURITY_TYPES

_KIND = 'generic-vnc'
_SCHEMES = {'off': 'vnc', 'on': 'vncs', 'auto': 'auto'}
_ABOUT_CERTIFICATES = ('vnc_verify', 'vnc_fingerprint', 'vnc_ca',
                       'vnc_server_name')

PROPERTIES = {
    'vnc_address': 'Address or host name of the VNC server. Required.',
    'vnc_port': 'TCP port of the VNC server. Default is 5900. Optional.',
    'vnc_password': 'Password of the VNC server. Optional.',
    'vnc_username': 'User name, for the security types plain, tlsplain, '
                    'x509plain and ra2 with its variants. Optional.',
    'vnc_security': 'Security types that may be used, separated by commas, '
                    f'best first; out of {", ".join(SECURITY_TYPES)}. '
                    'Default is what authenticates with the password. '
                    'Optional.',
    'vnc_tls': 'Whether the connection begins with TLS, one of '
               f'{", ".join(_SCHEMES)}. Default is off. Optional.',
    'vnc_verify': 'How the certificate of the VNC server is checked, one of '
                  f'{", ".join(VERIFY_MODES)}. Default is fingerprint if '
                  'there is one, else ca. Optional.',
    'vnc_fingerprint': 'SHA-256 of the certificate, 64 hex digits. Optional.',
    'vnc_ca': 'The CAs that may vouch for the certificate: PEM, or the path '
              'of a PEM file on the conductors. Default is those of the '
              'proxy. Optional.',
    'vnc_server_name': 'Name or address that the certificate must be for, if '
                       'not vnc_address. Optional.',
    'vnc_encodings': 'Numbers of the RFB encodings that the VNC server bears '
                     'to hear of, separated by commas. Default is any. '
                     'Optional.',
    'vnc_handshake_timeout': 'Seconds that the VNC server may take to let us '
                             'in, if that is more than the proxy gives '
                             'others. Optional.',
}


class GenericVNCConsole(base.VNCConsole):
    """Shows what a VNC server shows that is named in ``driver_info``."""

    kind = _KIND

    def get_properties(self) -> dict[str, str]:
        return base.PROPERTIES | PROPERTIES

    def check_settings(self, node: Any) -> None:
        read_settings(node.driver_info)

    def open_console(self, task: Any) -> base.OpenedConsole:
        console = read_settings(task.node.driver_info)
        _check_address(console.endpoint.host)
        return console

    def close_console(self, task: Any) -> None:
        """Nothing: whoever runs the server goes on doing so."""


def read_settings(info: Mapping[str, Any]) -> base.OpenedConsole:
    """Read ``driver_info``.

    :raises ConfigError: naming the key and what is allowed.
    """
    driver_info.refuse_unknown(info, 'vnc_', PROPERTIES, _KIND)
    scheme = _SCHEMES[choice(info, 'vnc_tls', tuple(_SCHEMES), 'off')]
    credential = vnc_security.read_credential(info)
    certificate = next((key for key in _ABOUT_CERTIFICATES
                        if info.get(key)), '')
    endpoint = Endpoint(
        _host(info), _port(info), scheme, kind=_KIND,
        security_types=vnc_security.read_types(info, credential, scheme,
                                               certificate),
        tls=_tls_policy(info), quirks=_quirks(info))
    if credential is None:
        return base.OpenedConsole(endpoint)
    return base.OpenedConsole(endpoint, {
        'password': credential.password.reveal(),
        'username': credential.username})


def _check_address(host: str) -> None:
    """Refuse now what the proxy would refuse; names it judges itself, once
    it has looked them up."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return
    policy = AddressPolicy(parse_networks(
        CONF.ironic_console.endpoint_networks))
    if not policy.allows(address):
        raise ConfigError(
            f'driver_info/vnc_address is {host}, which [ironic_console]'
            'endpoint_networks does not allow; name its network there, on '
            'conductors and proxies, or correct the address')


def _host(info: Mapping[str, Any]) -> str:
    host = text(info, 'vnc_address')
    if not host:
        raise ConfigError('driver_info/vnc_address is not set; it is the '
                          'address or host name of the VNC server')
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if any(letter in host for letter in '/:[]@'):
            raise ConfigError(
                f'driver_info/vnc_address is {quoted(host)}; it must be an '
                'address or a host name alone, the port is in vnc_port',
                ) from None
    return checked('vnc_address', lambda: Endpoint.from_dict(
        {'host': host, 'port': 1}).host)


def _port(info: Mapping[str, Any]) -> int:
    return checked('vnc_port', lambda: Endpoint.from_dict(
        {'host': 'any', 'port': info.get('vnc_port', 5900)}).port)


def _tls_policy(info: Mapping[str, Any]) -> TlsPolicy:
    fingerprint = text(info, 'vnc_fingerprint')
    verify = choice(info, 'vnc_verify', VERIFY_MODES,
                    'fingerprint' if fingerprint else 'ca')
    if (verify == 'fingerprint') != bool(fingerprint):
        raise ConfigError(
            f'driver_info/vnc_verify is {verify}, but vnc_fingerprint is '
            f'{"set" if fingerprint else "not set"}; they go together')
    if fingerprint:
        fingerprint = checked('vnc_fingerprint',
                              lambda: parse_fingerprint(fingerprint))
    ca = driver_info.cas(info, 'vnc_ca')
    if ca and verify != 'ca':
        raise ConfigError(f'driver_info/vnc_ca is set, but vnc_verify is '
                          f'{verify} and asks no CA; remove one of them')
    name = text(info, 'vnc_server_name')
    return checked('vnc_server_name', lambda: TlsPolicy.from_dict(
        {'verify': verify, 'server_name': name, 'fingerprint': fingerprint,
         'ca': ca}))


def _quirks(info: Mapping[str, Any]) -> Quirks:
    seconds = driver_info.number(info.get('vnc_handshake_timeout', 0), float)
    encodings = [driver_info.number(one, int)
                 for one in driver_info.items(info, 'vnc_encodings')]
    return Quirks(
        checked('vnc_handshake_timeout', lambda: Quirks.from_dict(
            {'handshake_timeout': seconds})).handshake_timeout,
        checked('vnc_encodings', lambda: parse_encodings(encodings)))
