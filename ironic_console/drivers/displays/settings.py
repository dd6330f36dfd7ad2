# SPDX-License-Identifier: Apache-2.0
"""What a display is told: one JSON document, for whoever starts it.

It arrives on standard input or as a file that only the display can read, for
the password of the BMC is in it. Who makes it is not known here.
"""

import dataclasses
import ipaddress
import json
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any, Self

from ironic_console.common.errors import ConfigError
from ironic_console.common.secret import Secret

VERSION = 1
#: Longest document, bytes.
MAX_BYTES = 256 * 1024
#: Vendors whose pages can be opened.
APPS = ('ilo', 'supermicro', 'idrac')

_UUID = re.compile('[0-9a-f-]{36}')
# VncAuth looks at eight bytes.
_VNC_PASSWORD = re.compile('[!-~]{8}')
_MAX_CHARS = 128 * 1024
#: Of TLS, from which a BMC may have to speak on.
TLS_VERSIONS = ('1.2', '1.3')
#: Longest cipher list.
MAX_CIPHERS_CHARS = 4096
# What is in it only OpenSSL can tell, which is too large to be loaded while
# nobody looks; who writes the list asks it, and so does who uses it.
_CIPHERS = re.compile(f'[ -~]{{0,{MAX_CIPHERS_CHARS}}}')
# So many keys that nobody knows are named, so long each.
_MAX_NAMED, _MAX_KEY_CHARS = 5, 64
#: Of a screen, in pixels.
MIN_SIZE, MAX_SIZE = 320, 4096
_MAX_LINGER = 600.0


@dataclasses.dataclass(frozen=True)
class Bmc:
    """Where a BMC is, and whom we take for it.

    :ivar url: scheme, host and port, without a path.
    :ivar root: path of its Redfish service root.
    :ivar verify: whether a CA has to vouch for its certificate. Otherwise
        the one that it shows when a visit begins is good for that visit.
    :ivar ca: PEM, the only CAs that may; '' for those of the system.
    :ivar networks: CIDR, with commas between them: where it may be although
        no BMC is there otherwise, on this machine for example.
    :ivar tls_minimum_version: ``1.2``, which is the oldest that browsers
        speak, or ``1.3``.
    :ivar tls_ciphers: OpenSSL cipher list for TLS 1.2; '' for any.
    """

    url: str
    username: str
    password: Secret
    root: str = '/redfish/v1/'
    verify: bool = True
    ca: str = ''
    networks: str = ''
    tls_minimum_version: str = '1.2'
    tls_ciphers: str = ''

    @property
    def host(self) -> str:
        """Name or address, an IPv6 address without brackets."""
        return urllib.parse.urlsplit(self.url).hostname or ''


@dataclasses.dataclass(frozen=True)
class Screen:
    """What viewers get to see.

    :ivar read_only: nobody may type or move the mouse.
    :ivar linger: seconds for which the page stays open after the last
        viewer has gone, in case one comes back.
    """

    width: int = 1280
    height: int = 960
    read_only: bool = False
    linger: float = 5.0


@dataclasses.dataclass(frozen=True)
class VncServer:
    """How viewers get in: VeNCrypt X509Vnc, and no other way.

    :ivar host: address to listen on; '' for all.
    :ivar port: TCP port; 0 for any that is free.
    :ivar certificate: PEM.
    :ivar key: PEM, of the certificate.
    :ivar password: eight characters of ASCII.
    """

    certificate: str
    key: Secret
    password: Secret
    host: str = ''
    port: int = 0


@dataclasses.dataclass(frozen=True)
class DisplaySettings:
    """All that a display has to know.

    :ivar node: UUID.
    :ivar title: of the node, for people.
    :ivar app: one of ``APPS``.
    """

    node: str
    title: str
    app: str
    bmc: Bmc
    vnc: VncServer
    screen: Screen = Screen()

    def to_document(self) -> dict[str, Any]:
        """:returns: JSON; passwords are in it, plainly."""
        return {'version': VERSION, **_plain(self)}

    @classmethod
    def from_document(cls, document: object) -> Self:
        """Read what another version of ours may have written.

        :raises ConfigError: naming the key; never shows a value.
        """
        if not isinstance(document, Mapping):
            raise ConfigError('the settings of the display are no mapping')
        version = document.get('version')
        # JSON's true is 1 for Python.
        if type(version) is not int or version != VERSION:
            raise ConfigError(
                'the settings of the display are not of version '
                f'{VERSION}, which is the one that this display knows; bring '
                'conductor and display image to the same version')
        fields = {key: value for key, value in document.items()
                  if key != 'version'}
        settings: Self = _read(cls, fields, '')
        _check(settings)
        return settings

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """:raises ConfigError: they cannot be used; never shows a value."""
        if len(data) > MAX_BYTES:
            raise ConfigError('the settings of the display have more than '
                              f'{MAX_BYTES} bytes')
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            # The cause would bring its document along.
            raise ConfigError('the settings of the display are no JSON',
                              ) from None
        return cls.from_document(document)


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    if not dataclasses.is_dataclass(value):
        return value
    return {field.name: _plain(getattr(value, field.name))
            for field in dataclasses.fields(value)}


def _read(kind: type, data: object, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise ConfigError(f'{where.rstrip("/")} of the display is no mapping')
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(f'{where}{key}' for key in data.keys() - fields.keys())
    if unknown:
        named = ', '.join(repr(key[:_MAX_KEY_CHARS])
                          for key in unknown[:_MAX_NAMED])
        raise ConfigError(
            'the settings of the display have keys that this version does '
            f'not know: {named}; bring conductor and display image to the '
            'same version')
    missing = [name for name, field in fields.items()
               if name not in data and field.default is dataclasses.MISSING]
    if missing:
        raise ConfigError('the settings of the display lack '
                          f'{where}{missing[0]}')
    return kind(**{name: _value(fields[name].type, value, f'{where}{name}')
                   for name, value in data.items()})


def _value(kind: Any, value: object, key: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _read(kind, value, f'{key}/')  # type: ignore[arg-type]
    given = str if kind is Secret else kind
    if given is float and type(value) is int and abs(value) < 2 ** 53:
        value = float(value)
    # JSON's true is an int for Python.
    if type(value) is not given:
        raise ConfigError(f'{key} of the display cannot be used; it must be '
                          f'of the type {given.__name__}')
    if isinstance(value, str) and not _is_text(value):
        raise ConfigError(
            f'{key} of the display cannot be used; it must be text of '
            f'{_MAX_CHARS} characters at most, all of them in Unicode')
    return Secret(value) if kind is Secret else value


def _is_text(value: str) -> bool:
    # Half of a surrogate pair comes out of JSON, and goes nowhere.
    return (len(value) <= _MAX_CHARS
            and not any('\ud800' <= char <= '\udfff' for char in value))


def _check(settings: DisplaySettings) -> None:
    """:raises ConfigError: naming the key; never shows a secret."""
    problems = {
        'node': not _UUID.fullmatch(settings.node),
        'app': settings.app not in APPS,
        'bmc/url': not _is_site(settings.bmc.url),
        'bmc/networks': not _are_networks(settings.bmc.networks),
        'bmc/root': not settings.bmc.root.startswith('/'),
        'bmc/tls_minimum_version': (settings.bmc.tls_minimum_version
                                    not in TLS_VERSIONS),
        'bmc/tls_ciphers': not _CIPHERS.fullmatch(settings.bmc.tls_ciphers),
        'vnc/password': not _VNC_PASSWORD.fullmatch(
            settings.vnc.password.reveal()),
        'vnc/port': not 0 <= settings.vnc.port < 65536,
        'screen/width': not MIN_SIZE <= settings.screen.width <= MAX_SIZE,
        'screen/height': not MIN_SIZE <= settings.screen.height <= MAX_SIZE,
        'screen/linger': not 0 <= settings.screen.linger <= _MAX_LINGER,
    }
    for key, is_wrong in problems.items():
        if is_wrong:
            raise ConfigError(f'{key} of the display cannot be used')


def _are_networks(text: str) -> bool:
    try:
        return all(map(ipaddress.ip_network, filter(None, text.split(','))))
    except ValueError:
        return False


def _is_site(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        # There are characters that urlsplit() leaves out.
        return (parts.scheme in ('https', 'http') and bool(parts.hostname)
                and parts.port != 0 and '@' not in parts.netloc
                and url.isprintable() and ' ' not in url
                and url.lower() == f'{parts.scheme}://{parts.netloc.lower()}')
    except ValueError:
        return False
