# SPDX-License-Identifier: Apache-2.0
"""From ``driver_info`` to how a BMC is reached over Redfish.

It asks nobody; who does is in redfish.py.
"""

import dataclasses
import types
import urllib.parse
from collections.abc import Mapping
from typing import Any, Self

from ironic.common import exception
from ironic.drivers.modules.redfish import utils as redfish_utils

from ironic_console.common import tls
from ironic_console.common.errors import ConfigError
from ironic_console.common.quotation import quoted, shortened
from ironic_console.common.secret import Secret
from ironic_console.drivers import driver_info

#: What drivers that use Redfish understand, with Ironic's words.
PROPERTIES: dict[str, str] = {
    key: str(text) for key, text in redfish_utils.COMMON_PROPERTIES.items()
    if key.startswith('redfish_')}
# Of a value; a path may be that long.
_MAX_CHARS = 4096


@dataclasses.dataclass(frozen=True)
class BmcSettings:
    """How to reach a BMC over Redfish.

    :ivar address: URL, without a path.
    :ivar root: path of the service root.
    :ivar system: path of the node's ComputerSystem; '' for the only one.
    :ivar verify: whether its certificate is checked, or the file or folder
        of the CAs that may vouch for it.
    :ivar auth_type: ``basic``, ``session`` or ``auto``.
    """

    address: str
    root: str = '/redfish/v1/'
    system: str = ''
    username: str = ''
    password: Secret = Secret('')  # noqa: RUF009
    verify: bool | str = True
    auth_type: str = 'auto'
    tls_minimum_version: str = ''
    tls_ciphers: str = ''

    @classmethod
    def from_node(cls, node: Any) -> Self:
        """Read ``driver_info`` as Ironic's redfish interfaces do.

        :raises ConfigError: naming the key and what is allowed.
        """
        _check_texts(node.driver_info)
        try:
            # Ironic looks for more in a group of options named like the
            # hardware type, and fails where there is none. What counts here
            # is that the BMC speaks Redfish, whoever manages the node.
            info = redfish_utils.parse_driver_info(types.SimpleNamespace(
                uuid=node.uuid, driver='redfish',
                driver_info=node.driver_info))
        except (exception.InvalidParameterValue, ValueError) as exc:
            raise ConfigError(
                f'{shortened(str(exc))}. What redfish_address, '
                'redfish_username and redfish_password are is the same as '
                'for the hardware type redfish') from exc
        root = info.get('root_prefix', '')
        settings = cls(
            info['address'], root if root.strip('/') else cls.root,
            info['system_id'] or '', _text(node, 'redfish_username'),
            Secret(_text(node, 'redfish_password')), info['verify_ca'],
            info['auth_type'], info.get('tls_min_version') or '',
            info.get('tls_ciphers') or '')
        _check_address(settings.address)
        _check_ciphers(settings.tls_ciphers)
        return settings

    @property
    def host(self) -> str:
        """Name or address of the BMC."""
        return urllib.parse.urlsplit(self.address).hostname or ''


def _text(node: Any, key: str) -> str:
    value = node.driver_info.get(key)
    return driver_info.text({key: '' if value is None else value}, key)


def _check_texts(info: Mapping[str, Any]) -> None:
    """:raises ConfigError: a text is none that anybody can use."""
    for key in PROPERTIES:
        value = info.get(key)
        if not isinstance(value, str):
            continue
        # Half of a surrogate pair comes out of JSON, and goes nowhere.
        if '\0' in value or value != value.encode(
                errors='replace').decode():
            raise ConfigError(f'driver_info/{key} has characters that are '
                              'none; set it anew')
        if len(value) > _MAX_CHARS:
            raise ConfigError(f'driver_info/{key} has {len(value)} '
                              f'characters, {_MAX_CHARS} are allowed')


def _check_address(address: str) -> None:
    """:raises ConfigError: it cannot be asked, or says too much."""
    try:
        parts = urllib.parse.urlsplit(address)
        good = parts.scheme in ('https', 'http') and parts.port != 0
    except ValueError:
        good = False
    if not good or '@' in parts.netloc or not parts.hostname:
        raise ConfigError(
            'driver_info/redfish_address cannot be used; it must be like '
            'https://bmc.example.org or https://[2001:db8::7]:8443, without '
            'a user')


def _check_ciphers(ciphers: str) -> None:
    if not ciphers:
        return
    try:
        tls.suites_of(ciphers)
    except ConfigError as exc:
        raise ConfigError(
            f'driver_info/redfish_tls_ciphers is {quoted(ciphers)}, which '
            'names no cipher that OpenSSL has') from exc
