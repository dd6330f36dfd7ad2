# SPDX-License-Identifier: Apache-2.0
"""The VNC server of an iDRAC, as its attributes show it and change it.

It knows names, values and the order that works; how they travel is for
redfish.py. Dell, "Attribute Registry" of the iDRAC8 and iDRAC9, group
VNCServer; Dell, "iDRAC9 User's Guide", "Configuring VNC server".
"""

import dataclasses
import re
import secrets
import string
from collections.abc import Mapping
from typing import Any, Protocol

from ironic_console.common.errors import BmcRefused, BmcUnsupported
from ironic_console.common.secret import Secret

_GROUP = 'VNCServer.1.'
_ENABLE = f'{_GROUP}Enable'
_PASSWORD = f'{_GROUP}Password'
_PORT = f'{_GROUP}Port'
_TIMEOUT = f'{_GROUP}Timeout'
_SSL = f'{_GROUP}SSLEncryptionBitLength'
_SESSIONS = f'{_GROUP}ActiveSessions'
_ON, _OFF = 'Enabled', 'Disabled'
# "Auto Negotiate" lets clients choose what was broken long ago.
_STRONG = '256-Bit or higher'
#: What is changed, and can be given back.
_SETTINGS = (_ENABLE, _PORT, _TIMEOUT, _SSL)
#: Times that the attributes are read until they are as they should be, with
#: seconds between.
_READS, _READ_INTERVAL = 10, 1.0
# VncAuth takes no more than 8 characters (RFC 6143 §7.2.2), iDRAC9 wants one
# of each of these. Without those that need quoting somewhere: quoted, nobody
# would know it again who has to keep it out of a log.
_CLASSES = (string.ascii_uppercase, string.ascii_lowercase, string.digits,
            '!#-._')
_PASSWORD_CHARS = 8
#: Longest value that is kept of what stood there.
_MAX_VALUE_CHARS = 64


class NoVncServer(BmcUnsupported):
    """The iDRAC has none, or not with its licence."""


@dataclasses.dataclass(frozen=True)
class Generation:
    """What servers of a generation have in common.

    :ivar name: for people.
    :ivar tls: its VNC server is known to speak TLS.
    :ivar encodings: numbers that it bears in SetEncodings; empty for any.
    :ivar handshake_timeout: seconds that it may take up to ServerInit.
    """

    name: str
    tls: bool
    encodings: tuple[int, ...] = ()
    handshake_timeout: float = 30.0


# iDRAC7 and 8, firmware 2.x: no update ever comes when SetEncodings lists
# what they do not know. Hextile, CopyRect, Raw and DesktopSize are known.
_OLD_ENCODINGS = (5, 1, 0, -223)
# By what stands in Manager.Model, for example "14G Monolithic".
_GENERATIONS = {
    '12G': Generation('iDRAC7', tls=False, encodings=_OLD_ENCODINGS),
    '13G': Generation('iDRAC8', tls=False, encodings=_OLD_ENCODINGS),
    '14G': Generation('iDRAC9', tls=True),
    '15G': Generation('iDRAC9', tls=True),
    '16G': Generation('iDRAC9', tls=True),
    '17G': Generation('iDRAC10', tls=True),
}
_NEWEST = Generation('iDRAC', tls=True)
_MODEL = re.compile(r'(\d\dG)\b')


def generation_of(model: object) -> Generation:
    """:param model: of the manager, as the BMC says it."""
    found = _MODEL.match(model) if isinstance(model, str) else None
    return _GENERATIONS.get(found[1], _NEWEST) if found else _NEWEST


def new_password() -> Secret:
    """:returns: 8 characters, some of each class."""
    letters = [secrets.choice(letters) for letters in _CLASSES]
    letters += [secrets.choice(''.join(_CLASSES))
                for _ in range(_PASSWORD_CHARS - len(letters))]
    secrets.SystemRandom().shuffle(letters)
    return Secret(''.join(letters))


@dataclasses.dataclass(frozen=True)
class Wanted:
    """How the server is to run.

    :ivar port: TCP port.
    :ivar timeout: seconds without input after which it ends a session.
    :ivar tls: whether it speaks TLS.
    """

    port: int
    timeout: int
    tls: bool

    def settings(self) -> dict[str, object]:
        return {_ENABLE: _ON, _PORT: self.port, _TIMEOUT: self.timeout,
                _SSL: _STRONG if self.tls else _OFF}


class Attributes(Protocol):
    """Where the settings are; :class:`redfish.DellAttributes`."""

    @property
    def owner(self) -> str:
        """Whose they are, at the beginning of a sentence."""

    def read(self) -> dict[str, Any]:
        """:returns: all, by name."""

    def write(self, values: Mapping[str, object]) -> None:
        """Change some."""

    def pause(self, seconds: float) -> bool:
        """:returns: there is time for another look."""


class VncServer:
    """One VNC server.

    :param attributes: read now.
    :raises NoVncServer: there is none.
    """

    def __init__(self, attributes: Attributes) -> None:
        self._attributes = attributes
        self._now = self._read()
        if _ENABLE not in self._now:
            raise NoVncServer(
                f'{attributes.owner} shows no VNC server; install an '
                'Enterprise or Datacenter licence, and give the account of '
                'driver_info/redfish_username the right to configure it, or '
                'use the console interface idrac-kvm')

    @property
    def settings(self) -> dict[str, Any]:
        """What stands there, as :meth:`restore` takes it."""
        return {name: value for name, value in self._now.items()
                if name in _SETTINGS and isinstance(value, (str, int))
                and len(str(value)) <= _MAX_VALUE_CHARS}

    @property
    def in_use(self) -> bool:
        """Somebody is connected."""
        sessions = self._now.get(_SESSIONS)
        return isinstance(sessions, int) and sessions > 0

    def runs_as(self, wanted: Wanted) -> bool:
        """It is switched on, and set as is wanted."""
        return not self._differences(wanted.settings())

    def start(self, wanted: Wanted, password: Secret) -> None:
        """Switch it on with other settings than it had.

        :raises BmcRefused: it was told so and does not.
        """
        self._change(wanted.settings(), password)

    def stop(self) -> None:
        """Switch it off; nobody knows its password any more.

        :raises BmcRefused: it was told so and does not.
        """
        self._attributes.write({_ENABLE: _OFF, _PASSWORD: new_password()})
        self._confirm({_ENABLE: _OFF})

    def restore(self, settings: Mapping[str, Any]) -> None:
        """Give it the settings back that it had, but for the password.

        :param settings: of an earlier look.
        :raises BmcRefused: it was told so and does not.
        """
        self._change({name: value for name, value in settings.items()
                      if name in _SETTINGS}, new_password())

    def _change(self, settings: Mapping[str, object], password: Secret,
                ) -> None:
        quiet = {name: value for name, value in settings.items()
                 if name != _ENABLE and name in self._now}
        if settings.get(_ENABLE) != _ON:
            self._attributes.write({_ENABLE: _OFF, _PASSWORD: password,
                                    **quiet})
            self._confirm({_ENABLE: _OFF, **quiet})
            return
        # While it runs some firmware keeps its old password and sessions.
        if self._now[_ENABLE] != _OFF:
            self._attributes.write({_ENABLE: _OFF})
        self._attributes.write({_PASSWORD: password, **quiet})
        self._attributes.write({_ENABLE: _ON})
        self._confirm(settings)

    def _confirm(self, settings: Mapping[str, object]) -> None:
        """Read back, since an answer of 200 has meant nothing before."""
        for _ in range(_READS):
            self._now = self._read()
            wrong = self._differences(settings)
            if not wrong:
                return
            if not self._attributes.pause(_READ_INTERVAL):
                break
        raise BmcRefused(
            f'{self._attributes.owner} was told to change '
            f'{", ".join(wrong)} and did not; see whether it is in lockdown '
            'mode, and update its firmware')

    def _differences(self, settings: Mapping[str, object]) -> list[str]:
        # What this firmware has not cannot be otherwise.
        return [name for name, value in settings.items()
                if name in self._now and self._now[name] != value]

    def _read(self) -> dict[str, Any]:
        return {name: value
                for name, value in self._attributes.read().items()
                if isinstance(name, str) and name.startswith(_GROUP)}
