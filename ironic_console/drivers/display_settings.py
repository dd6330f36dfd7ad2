# SPDX-License-Identifier: Apache-2.0
"""From ``driver_info`` to what a display is told.

It starts nothing; who does is in display_providers.
"""

import dataclasses
import hashlib
import hmac
import ipaddress
import json
import os
import pathlib
import re
import secrets
import string
from typing import Any, Self

from ironic.conf import CONF

from ironic_console.common.addresses import AddressPolicy, parse_networks
from ironic_console.common.errors import ConfigError
from ironic_console.common.secret import Secret
from ironic_console.common.tls import cas_in
from ironic_console.drivers import (
    base,
    bmc_settings,
    certificates,
    driver_info,
)
from ironic_console.drivers.displays import browser_tls
from ironic_console.drivers.displays.settings import (
    MAX_CIPHERS_CHARS,
    MAX_SIZE,
    MIN_SIZE,
    Bmc,
    DisplaySettings,
    Screen,
    VncServer,
)

_SIZE = re.compile(r'([0-9]{3,4})x([0-9]{3,4})')
_PASSWORD_LETTERS = string.ascii_letters + string.digits
_MAX_CA_BYTES = 64 * 1024


@dataclasses.dataclass(frozen=True)
class Shown:
    """What a display shows, and how: all that is the same with each start.

    :ivar app: one of ``displays.settings.APPS``.
    """

    app: str
    bmc: Bmc
    screen: Screen

    @classmethod
    def of(cls, node: Any, app: str) -> Self:
        """:raises ConfigError: naming the option or key and what is allowed.
        """
        return cls(app, _bmc(node), _screen(node))

    def digest(self, password: str) -> str:
        """Sum it up, to know later whether the display that runs is what
        would be started then.

        :param password: of VNC. It is the key, so that nobody without it can
            try passwords of the BMC.
        """
        text = json.dumps(dataclasses.asdict(self), default=Secret.reveal)
        return hmac.new(password.encode(), text.encode(),
                        hashlib.sha256).hexdigest()


def make(node: Any, shown: Shown, listen: tuple[str, int],
         ) -> tuple[DisplaySettings, str]:
    """Make settings for a display that is about to be started.

    :param listen: address, '' for all, and port, 0 for a free one.
    :returns: them, and the fingerprint of its certificate.
    """
    made = certificates.make(f'display-{node.uuid}')
    password = Secret(''.join(
        secrets.choice(_PASSWORD_LETTERS) for _ in range(8)))
    server = VncServer(made.certificate, made.key, password, *listen)
    return DisplaySettings(node.uuid, node.name or node.uuid, shown.app,
                           shown.bmc, server, shown.screen), made.fingerprint


def _bmc(node: Any) -> Bmc:
    settings = bmc_settings.BmcSettings.from_node(node)
    if not settings.username or not settings.password.reveal():
        raise ConfigError(
            'driver_info/redfish_username or redfish_password is not set; '
            "the display logs in at the BMC's console page with them")
    networks = parse_networks(CONF.ironic_console.endpoint_networks)
    _check_address(settings.host, AddressPolicy(exceptions=networks))
    ca = (_read_cas(settings.verify) if isinstance(settings.verify, str)
          else '')
    # Chromium has nothing older: what may be old is newer than it has to be.
    version = '1.3' if settings.tls_minimum_version == '1.3' else '1.2'
    _check_ciphers(version, settings.tls_ciphers)
    return Bmc(settings.address, settings.username, settings.password,
               f'/{settings.root.strip("/")}/', bool(settings.verify), ca,
               ','.join(map(str, networks)), version, settings.tls_ciphers)


def _check_ciphers(version: str, ciphers: str) -> None:
    if not browser_tls.can_obey(version, ciphers):
        raise ConfigError(
            'driver_info/redfish_tls_ciphers, or [redfish]tls_ciphers, names '
            'no cipher that Chromium has for TLS 1.2, or has more than '
            f'{MAX_CIPHERS_CHARS} characters; allow one of '
            f'{", ".join(browser_tls.CIPHERS)}; or set '
            'redfish_tls_minimum_version to 1.3, where no cipher of TLS 1.2 '
            'is needed')


def _check_address(host: str, policy: AddressPolicy) -> None:
    """Refuse now what the display would refuse; names it judges itself, once
    it has looked them up."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return
    if not policy.allows(address):
        raise ConfigError(
            f'driver_info/redfish_address leads to {host}, where no BMC of '
            'another machine is; correct it, or name that network in '
            '[ironic_console]endpoint_networks')


def _screen(node: Any) -> Screen:
    ours = CONF.ironic_console
    size = _SIZE.fullmatch(ours.display_resolution)
    numbers = [int(text) for text in size.groups()] if size else [0, 0]
    if not all(MIN_SIZE <= number <= MAX_SIZE for number in numbers):
        raise ConfigError(
            f'[ironic_console]display_resolution is '
            f'{ours.display_resolution!r}; it must be WIDTHxHEIGHT, each '
            f'from {MIN_SIZE} to {MAX_SIZE}')
    width, height = numbers
    read_only = driver_info.flag(node.driver_info, base.READ_ONLY_KEY)
    return Screen(width, height, CONF.vnc.read_only or read_only,
                  ours.display_linger)


def _read_cas(path: str) -> str:
    """Read the CAs of a file, or of all files of a folder."""
    problem = (f'the CAs that driver_info/redfish_verify_ca or [redfish]'
               f'verify_ca names in {path[:200]!r}')
    try:
        if os.path.isdir(path):
            files = sorted(one for one in pathlib.Path(path).iterdir()
                           if one.is_file())
        else:
            files = [pathlib.Path(path)]
        text = ''
        for one in files:
            with one.open('rb') as file:
                data = file.read(_MAX_CA_BYTES + 1)
            text += data.decode('ascii', 'replace') + '\n'
            if len(text) > _MAX_CA_BYTES:
                raise ConfigError(
                    f'{problem} have more than {_MAX_CA_BYTES} bytes; name '
                    'only those of this BMC')
    except OSError as exc:
        raise ConfigError(f'{problem} cannot be read: {exc.strerror}',
                          ) from exc
    try:
        return cas_in(text)
    except ConfigError as exc:
        raise ConfigError(f'{problem} cannot be used: {exc}') from exc
