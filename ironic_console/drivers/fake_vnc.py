# SPDX-License-Identifier: Apache-2.0
"""Console interface ``fake-vnc``: a live test card instead of a BMC.

For trying out, for demonstrations and for tests. It fails on request, so
that what users see then can be seen too.
"""

import dataclasses
import re
import secrets
import string
import threading
from collections.abc import Mapping
from typing import Any, Self

from ironic.conf import CONF

from ironic_console.common import nodes
from ironic_console.common.addresses import instead_of_wildcard
from ironic_console.common.endpoint import Endpoint, TlsPolicy
from ironic_console.common.errors import ConfigError, DriverError
from ironic_console.common.quotation import quoted
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.server_policy import ServerPolicy
from ironic_console.common.secret import Secret
from ironic_console.drivers import base, driver_info
from ironic_console.drivers.testcard import certificate
from ironic_console.drivers.testcard.server import (
    CardSettings,
    Fault,
    TestCardServer,
)

_FAULTS = ('none', 'start-fails', 'start-slow', 'drops', 'never-answers')
_CARD_FAULTS = {'drops': Fault.DROPS, 'never-answers': Fault.NEVER_ANSWERS}
_SECURITY = {
    'none': SecurityNumber.NONE,
    'vncauth': SecurityNumber.VNC_AUTH,
    'x509none': SecurityNumber.X509_NONE,
    'x509vnc': SecurityNumber.X509_VNC,
    'x509plain': SecurityNumber.X509_PLAIN,
}
_WITH_TLS = ('x509none', 'x509vnc', 'x509plain')
_USERNAMES = {'vncauth': '', 'x509vnc': '', 'x509plain': 'fake-vnc'}
_PASSWORD_LETTERS = string.ascii_letters + string.digits
_PASSWORD = re.compile('[A-Za-z0-9]{8}')
_KIND = 'fake-vnc'
_SIZE = re.compile(r'(\d{1,5})x(\d{1,5})')
_MIN_SIZE, _MAX_SIZE = 160, 4096
_MAX_SECONDS = 600.0

PROPERTIES = {
    'fake_vnc_resolution': 'Size of the test card in pixels, for example '
                           '1024x768 (the default). Optional.',
    'fake_vnc_port': 'TCP port of the test card; by default a free one. '
                     'Optional.',
    'fake_vnc_fault': f'Failure to play, one of {", ".join(_FAULTS)}. '
                      'Optional.',
    'fake_vnc_fault_seconds': 'How long start-slow takes, or after how long '
                              'drops hangs up. Default is 5. Optional.',
    'fake_vnc_security': 'What the test card asks of the proxy, one of '
                         f'{", ".join(_SECURITY)}. Default is none. '
                         'Optional.',
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """What ``driver_info`` says about a test card."""

    width: int = 1024
    height: int = 768
    port: int = 0
    fault: str = 'none'
    fault_seconds: float = 5.0
    security: str = 'none'

    @classmethod
    def from_driver_info(cls, info: Mapping[str, Any]) -> Self:
        """:raises ConfigError: naming the key and what is allowed."""
        driver_info.refuse_unknown(info, 'fake_vnc_', PROPERTIES, _KIND)
        width, height = _size(info.get('fake_vnc_resolution', '1024x768'))
        return cls(
            width, height,
            fault=driver_info.choice(info, 'fake_vnc_fault', _FAULTS,
                                     cls.fault),
            security=driver_info.choice(info, 'fake_vnc_security',
                                        tuple(_SECURITY), cls.security),
            port=driver_info.number_in(info, 'fake_vnc_port', cls.port, 0,
                                       65535),
            fault_seconds=driver_info.number_in(
                info, 'fake_vnc_fault_seconds', cls.fault_seconds, 0,
                _MAX_SECONDS, float))


class FakeVNCConsole(base.VNCConsole):
    """Shows a test card that is drawn by this conductor."""

    kind = _KIND

    def __init__(self) -> None:
        super().__init__()
        self._cards = TestCardServer()
        # Nova compares the port when somebody opens an old link, so a node
        # keeps the one that it had.
        self._ports: dict[str, int] = {}

    def get_properties(self) -> dict[str, str]:
        return base.PROPERTIES | PROPERTIES

    def check_settings(self, node: Any) -> None:
        Settings.from_driver_info(node.driver_info)

    def open_console(self, task: Any) -> base.OpenedConsole:
        node = task.node
        settings = Settings.from_driver_info(node.driver_info)
        if settings.fault == 'start-fails':
            raise DriverError(
                'driver_info/fake_vnc_fault asks for this failure; set it to '
                '"none" and enable the console again')
        if settings.fault == 'start-slow':
            threading.Event().wait(settings.fault_seconds)
        listen = CONF.ironic_console.fake_vnc_address
        credential = _credential(node, settings.security)
        identity = (certificate.own_identity()
                    if settings.security in _WITH_TLS else None)
        types = (_SECURITY[settings.security],)
        port = self._open_card(node, CardSettings(
            uuid=node.uuid, name=node.name or '', width=settings.width,
            height=settings.height, host=listen, port=settings.port,
            fault=_CARD_FAULTS.get(settings.fault, Fault.NONE),
            fault_seconds=settings.fault_seconds,
            policy=ServerPolicy(types, credential),
            context=identity.context if identity else None))
        self._ports[node.uuid] = port
        host = instead_of_wildcard(listen, CONF.my_ip)
        tls = TlsPolicy()
        if identity:
            tls = TlsPolicy('fingerprint', fingerprint=identity.fingerprint)
        return base.OpenedConsole(
            Endpoint(host, port, security_types=types, kind=_KIND, tls=tls),
            _stored(credential))

    def close_console(self, task: Any) -> None:
        self._cards.close(task.node.uuid)

    def _open_card(self, node: Any, card: CardSettings) -> int:
        usual = self._ports.get(node.uuid) or _recorded_port(node)
        if not card.port and usual:
            try:
                again = dataclasses.replace(card, port=usual)
                return self._cards.open(again)
            except DriverError:
                # Somebody else has it by now; any other will do.
                self._ports.pop(node.uuid, None)
        return self._cards.open(card)


def _recorded_port(node: Any) -> int:
    """The port before this conductor was restarted; 0 if there is none."""
    return int(_recorded_endpoint(node).get('port', 0))


def _recorded_endpoint(node: Any) -> Mapping[str, Any]:
    """What was started last, if it was one of ours; else nothing."""
    endpoint = node.driver_internal_info.get(nodes.ENDPOINT_KEY) or {}
    return endpoint if endpoint.get('kind') == _KIND else {}


def _credential(node: Any, security: str) -> Credential | None:
    """What viewers have to know: as before, so that a second start ends no
    session, or made now."""
    if security not in _USERNAMES:
        return None
    password = ''
    if _recorded_endpoint(node):
        stored = node.driver_internal_info.get(nodes.CREDENTIAL_KEY) or {}
        password = str(stored.get('password', ''))
    if not _PASSWORD.fullmatch(password):
        password = ''.join(secrets.choice(_PASSWORD_LETTERS)
                           for _ in range(8))
    return Credential(Secret(password), _USERNAMES[security])


def _stored(credential: Credential | None) -> dict[str, str] | None:
    if credential is None:
        return None
    return {'password': credential.password.reveal(),
            'username': credential.username}


def _size(text: object) -> tuple[int, int]:
    match = _SIZE.fullmatch(str(text))
    if match:
        width, height = int(match[1]), int(match[2])
        if (_MIN_SIZE <= width <= _MAX_SIZE
                and _MIN_SIZE <= height <= _MAX_SIZE):
            return width, height
    raise ConfigError(
        f'driver_info/fake_vnc_resolution is {quoted(text)}; it must be '
        f'WIDTHxHEIGHT, each from {_MIN_SIZE} to {_MAX_SIZE}, for example '
        '1024x768')
