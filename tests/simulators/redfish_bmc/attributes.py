# SPDX-License-Identifier: Apache-2.0
"""Attributes of the manager: what there is, what each takes, their values.

What follows from a value is none of its business.
"""

import dataclasses
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.simulators.redfish_bmc.envelopes import Message, Messages
from tests.simulators.redfish_bmc.profiles import Profile

VNC = 'VNCServer.1.'
ENABLE, PASSWORD, PORT, TIMEOUT, SSL, ACTIVE, MAX_SESSIONS = (
    VNC + name for name in (
        'Enable', 'Password', 'Port', 'Timeout', 'SSLEncryptionBitLength',
        'ActiveSessions', 'MaxSessions'))
#: Characters of a VNC password that count; the others are cut off silently.
PASSWORD_LENGTH = 8
_SWITCH = ('Disabled', 'Enabled')
_KINDS = (r'[A-Z]', r'[a-z]', r'[0-9]', r'[^A-Za-z0-9]')


@dataclasses.dataclass(frozen=True)
class Attribute:
    """What one takes.

    :ivar values: all of them, for an enumeration.
    :ivar low: lowest number, for an integer.
    :ivar secret: reads as null.
    """

    name: str
    default: str | int
    values: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    read_only: bool = False
    secret: bool = False

    @property
    def kind(self) -> str:
        """What a registry calls its type."""
        if self.secret:
            return 'Password'
        if isinstance(self.default, int):
            return 'Integer'
        return 'Enumeration' if self.values else 'String'


def _switch(name: str, default: str = 'Disabled') -> Attribute:
    return Attribute(name, default, _SWITCH)


def _count(name: str, default: int = 0, high: int = 6) -> Attribute:
    return Attribute(name, default, high=high, read_only=True)


_CONSOLE = 'VirtualConsole.1.'
TABLE = {attribute.name: attribute for attribute in (
    _switch(ENABLE),
    Attribute(PASSWORD, '', secret=True),
    Attribute(PORT, 5901, low=1024, high=65535),
    Attribute(TIMEOUT, 300, low=60, high=10800),
    Attribute(SSL, 'Disabled', (
        'Disabled', 'Auto Negotiate', '128-Bit or higher',
        '168-Bit or higher', '256-Bit or higher')),
    _switch(VNC + 'LowerEncryptionBitLength'),
    _count(ACTIVE, high=2),
    Attribute(MAX_SESSIONS, 2, low=1, high=2),
    Attribute(_CONSOLE + 'AccessPrivilege', 'Deny Access',
              ('Deny Access', 'Read Only', 'Full Access')),
    _count(_CONSOLE + 'ActiveSessions'),
    Attribute(_CONSOLE + 'AttachState', 'Auto-attach',
              ('Detached', 'Attached', 'Auto-attach')),
    _switch(_CONSOLE + 'CloseUnusedPort'),
    _switch(_CONSOLE + 'Enable', 'Enabled'),
    _switch(_CONSOLE + 'EncryptEnable', 'Enabled'),
    _switch(_CONSOLE + 'LocalVideo', 'Enabled'),
    Attribute(_CONSOLE + 'MaxSessions', 6, low=1, high=6),
    Attribute(_CONSOLE + 'PluginType', 'HTML5', ('HTML5', 'eHTML5')),
    Attribute(_CONSOLE + 'Port', 5900, low=1024, high=65535),
    Attribute(_CONSOLE + 'Timeout', 1800, low=60, high=10800),
    _switch(_CONSOLE + 'TimeoutEnable'),
    _switch(_CONSOLE + 'WebRedirect'),
)}


class Attributes:
    """Their values; also those that nobody may read.

    :param profile: whose rules hold.
    :param messages: words for what is refused.
    :param licensed: asked each time whether there are VNC attributes.
    :param live: values that are not stored but looked up, by name.
    :ivar passwords: all that were ever set.
    """

    def __init__(self, profile: Profile, messages: Messages,
                 licensed: Callable[[], bool],
                 live: Mapping[str, Callable[[], int]]) -> None:
        self._profile = profile
        self._messages = messages
        self._licensed = licensed
        self._live = live
        self.passwords: list[str] = []
        self._lock = threading.Lock()
        self._values = {name: attribute.default
                        for name, attribute in TABLE.items()}

    def known(self) -> Iterator[Attribute]:
        """:returns: what there is with this licence."""
        for name, attribute in TABLE.items():
            if self._licensed() or not name.startswith(VNC):
                yield attribute

    def values(self) -> dict[str, str | int]:
        """:returns: all, with secrets."""
        with self._lock:
            values = dict(self._values)
        values.update((name, look()) for name, look in self._live.items())
        return values

    def readable(self) -> dict[str, str | int | None]:
        """:returns: what is told."""
        values = self.values()
        return {one.name: None if one.secret else values[one.name]
                for one in self.known()}

    def problems(self, changes: Mapping[str, Any]) -> list[Message]:
        """:returns: why they are refused, if they are."""
        known = {one.name: one for one in self.known()}
        say = self._messages
        found = []
        for name, value in changes.items():
            attribute = known.get(name)
            if attribute is None:
                found.append(say.unknown(name))
            elif attribute.read_only:
                found.append(say.read_only(name))
            else:
                found += self._value_problems(attribute, value)
        return found

    def store(self, changes: Mapping[str, str | int]) -> None:
        """Make them so, without asking whether they may be."""
        with self._lock:
            self._values.update(changes)
            if PASSWORD in changes:
                self.passwords.append(str(changes[PASSWORD]))

    def _value_problems(self, attribute: Attribute, value: Any,
                        ) -> Iterator[Message]:
        name, say = attribute.name, self._messages
        # A bool is an int, but not to a BMC.
        if (not isinstance(value, type(attribute.default))
                or isinstance(value, bool)):
            yield say.wrong_type(name, value)
        elif isinstance(value, int):
            if not attribute.low <= value <= attribute.high:
                yield say.out_of_range(name, value)
        elif attribute.values:
            if value not in attribute.values:
                yield say.not_in_list(name, value)
        elif attribute.secret and not self._password_ok(value):
            yield say.wrong_format(name, value)

    def _password_ok(self, value: str) -> bool:
        if not self._profile.strong_password:
            return bool(value)
        return (len(value) >= PASSWORD_LENGTH
                and all(re.search(kind, value) for kind in _KINDS))
