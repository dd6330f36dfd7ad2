# SPDX-License-Identifier: Apache-2.0
"""How a VNC server lets us in: security types by name, and what we have to
know for them.

What contradicts itself is refused here, in words; which of the types is taken
is decided once the server has said what it offers.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ironic_console.common.errors import ConfigError
from ironic_console.common.quotation import quoted
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import (
    Credential,
    default_types,
    texts_of,
)
from ironic_console.common.rfb.security.vnc_auth import check_password
from ironic_console.common.secret import Secret
from ironic_console.drivers import driver_info

_OPEN = {'none': SecurityNumber.NONE, 'tlsnone': SecurityNumber.TLS_NONE,
         'x509none': SecurityNumber.X509_NONE}
# With these a server looks at eight characters of the password.
_VNC = {'vncauth': SecurityNumber.VNC_AUTH, 'tlsvnc': SecurityNumber.TLS_VNC,
        'x509vnc': SecurityNumber.X509_VNC}
_PLAIN = {'plain': SecurityNumber.PLAIN, 'tlsplain': SecurityNumber.TLS_PLAIN,
          'x509plain': SecurityNumber.X509_PLAIN}
_RA2 = {'ra2': SecurityNumber.RA2, 'ra2_256': SecurityNumber.RA2_256,
        'ra2ne': SecurityNumber.RA2NE, 'ra2ne_256': SecurityNumber.RA2NE_256}
_WITH_USERNAME = _PLAIN | _RA2
#: Name in ``driver_info`` -> number.
SECURITY_TYPES: dict[str, SecurityNumber] = _OPEN | _VNC | _WITH_USERNAME
_NAMES = {number: name for name, number in SECURITY_TYPES.items()}
_WITH_CERTIFICATE = [name for name in SECURITY_TYPES
                     if name.startswith('x509')]
_WITH_TLS = [name for name in SECURITY_TYPES
             if name.startswith(('tls', 'x509'))]
# What the type takes that takes least.
_MAX_CREDENTIAL_BYTES = 255


def read_credential(info: Mapping[str, Any]) -> Credential | None:
    """Read ``vnc_username`` and ``vnc_password``.

    :raises ConfigError: no server takes them; shows neither.
    """
    username = driver_info.text(info, 'vnc_username')
    password = driver_info.text(info, 'vnc_password')
    if not password:
        if username:
            raise ConfigError('driver_info/vnc_username is set, but '
                              'vnc_password is not; set both or none')
        return None
    credential = Credential(Secret(password), username)
    driver_info.checked('vnc_username or vnc_password', lambda: texts_of(
        credential, _MAX_CREDENTIAL_BYTES))
    return credential


def read_types(info: Mapping[str, Any], credential: Credential | None,
               scheme: str, certificate: str = '') -> tuple[int, ...]:
    """Read ``vnc_security``.

    :param scheme: of the endpoint.
    :param certificate: a key that is set and says which certificate is good.
    :returns: the types that may be used, best first.
    :raises ConfigError: naming the key and what is allowed.
    """
    names = [name.lower()
             for name in driver_info.items(info, 'vnc_security')]
    names = names or _default_names(credential, scheme, bool(certificate))
    for name in names:
        if name not in SECURITY_TYPES:
            raise ConfigError(
                f'driver_info/vnc_security has {quoted(name)}; allowed are '
                f'{", ".join(SECURITY_TYPES)}')
    _check_credential(names, credential)
    if scheme == 'vncs' and (name := _first(names, _WITH_TLS)):
        raise ConfigError(
            f'driver_info/vnc_security has {name}, which begins TLS later, '
            'but vnc_tls is on and begins with it; set vnc_tls to off, or '
            'name another type')
    if (certificate and scheme == 'vnc'
            and not _first(names, _WITH_CERTIFICATE)):
        raise ConfigError(
            f'driver_info/{certificate} is set, but no certificate is shown; '
            'set vnc_tls to on, or vnc_security to '
            f'{" or ".join(_WITH_CERTIFICATE)}')
    return tuple(SECURITY_TYPES[name] for name in dict.fromkeys(names))


def _default_names(credential: Credential | None, scheme: str,
                   certificate: bool) -> list[str]:
    """What authenticates with all that we know, and no weaker way."""
    if credential is None:
        raise ConfigError(
            'driver_info/vnc_security and vnc_password are not set; set the '
            'password, or vnc_security to none if the VNC server asks for '
            'nothing')
    names = [_NAMES[SecurityNumber(number)]
             for number in default_types(credential)]
    if credential.username:
        names = [name for name in names if name in _WITH_USERNAME]
    if scheme == 'vncs':
        names = [name for name in names if name not in _WITH_TLS]
    elif scheme == 'vnc' and certificate:
        # Else whoever stands between could offer types without one.
        names = [name for name in names if name in _WITH_CERTIFICATE]
    return names


def _check_credential(names: Sequence[str], credential: Credential | None,
                      ) -> None:
    """:raises ConfigError: what we know and what is to be used do not go
        together."""
    closed = [name for name in names if name not in _OPEN]
    if credential is None:
        if closed:
            raise ConfigError(f'driver_info/vnc_security has {closed[0]}, '
                              'which needs vnc_password')
        return
    if not closed:
        raise ConfigError('driver_info/vnc_password is set, but nothing in '
                          f'vnc_security ({", ".join(names)}) uses it')
    if credential.username and not _first(names, _WITH_USERNAME):
        raise ConfigError(
            'driver_info/vnc_username is set, but nothing in vnc_security '
            f'({", ".join(names)}) uses it; these do: '
            f'{", ".join(_WITH_USERNAME)}')
    if not credential.username and (name := _first(names, _PLAIN)):
        raise ConfigError(f'driver_info/vnc_security has {name}, which needs '
                          'vnc_username')
    if name := _first(names, _VNC):
        try:
            check_password(credential.password)
        except ConfigError as exc:
            raise ConfigError(
                f'driver_info/vnc_password does not do for {name}: {exc}, '
                'and servers look at no more. Set the part that counts, or '
                'set vnc_security to types that take all of it: '
                f'{", ".join(_WITH_USERNAME)}') from exc


def _first(names: Sequence[str], among: Collection[str]) -> str:
    """:returns: '' if there is none."""
    return next((name for name in names if name in among), '')
