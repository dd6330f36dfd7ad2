# SPDX-License-Identifier: Apache-2.0
"""What can be made to go wrong, at any time while the BMC runs.

Here is what each knob means; the code that obeys is where it happens.
"""

import dataclasses
import threading
import typing
from collections.abc import Mapping
from typing import Any, Literal, Self

from tests.simulators.redfish_bmc.profiles import Profile

Body = Literal['', 'huge', 'drip', 'garbage']
Denied = Literal['', 'default-password', 'licence', 'privilege']
Tls = Literal['from-byte-0', 'ignored', 'vencrypt']
Presents = Literal['own', 'https']


class UnknownKnob(Exception):
    """There is no such knob, or it cannot have that value."""


@dataclasses.dataclass
class Knobs:
    """All of it; just set one.

    Those that count go down by one with each request that they hit.

    :ivar only: a part of ``"METHOD /path"``; requests without it are served
        well. Of no concern to VNC.
    :ivar slow: seconds before an answer.
    :ivar cut: next requests whose connection is closed without an answer.
    :ivar lose: next requests that are obeyed, and then so.
    :ivar unavailable: next requests that get 503.
    :ivar not_ready: next requests that get 503 with SYS518.
    :ivar expire_after: requests after which all sessions are dead, and every
        one but a new login gets 401; ``None`` for never.
    :ivar redirect: 302, 307 or 308, to a host that remembers what it is told.
    :ivar body: answers without end, byte by byte, or that are not JSON.
    :ivar drip: seconds between two bytes.
    :ivar denied: why every PATCH gets 403.
    :ivar ineffective: attributes that are accepted and stay as they are.
    :ivar asynchronous: a PATCH is answered 202, and done some requests later.
    :ivar task_polls: how many.
    :ivar task_fails: then it is not done.
    :ivar licensed: there are VNCServer attributes.

    :ivar vnc_dead: VNC is enabled, and its port stays closed.
    :ivar banner_delay: seconds until it says its ProtocolVersion.
    :ivar picky: no pictures for who lists encodings that old ones do not
        know.
    :ivar one_session: a second viewer is dropped at once.
    :ivar idle_scale: seconds for each one of VNCServer.1.Timeout.
    :ivar tls: what SSLEncryptionBitLength means if it is not "Disabled".
    :ivar presents: the certificate that is shown then: a self-signed one of
        the VNC server, or that of HTTPS.
    :ivar colour: of the whole screen, 24 bits of red, green and blue.
    """

    only: str = ''
    slow: float = 0.0
    cut: int = 0
    lose: int = 0
    unavailable: int = 0
    not_ready: int = 0
    expire_after: int | None = None
    redirect: int = 0
    body: Body = ''
    drip: float = 0.2
    denied: Denied = ''
    ineffective: tuple[str, ...] = ()
    asynchronous: bool = False
    task_polls: int = 3
    task_fails: bool = False
    licensed: bool = True

    vnc_dead: bool = False
    banner_delay: float = 0.0
    picky: bool = False
    one_session: bool = True
    idle_scale: float = 1.0
    tls: Tls = 'from-byte-0'
    presents: Presents = 'own'
    colour: int | None = None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    @classmethod
    def of(cls, profile: Profile, **changes: Any) -> Self:
        """:returns: those of a BMC that is well, but for the changes."""
        knobs = cls(banner_delay=profile.banner_delay,
                    picky=profile.picky, one_session=profile.one_session)
        knobs.set(changes)
        return knobs

    def set(self, changes: Mapping[str, Any]) -> None:
        """Turn all of these, or none.

        :raises UnknownKnob: it says which one, and what there is.
        """
        known = {field.name: field.type for field in dataclasses.fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise UnknownKnob(f'no knob {name!r}; there are '
                                  f'{", ".join(sorted(known))}')
            kind = known[name]
            if not _fits(value, kind):
                raise UnknownKnob(f'{name} cannot be {value!r}: it is '
                                  f'{getattr(kind, "__name__", kind)}')
        with self._lock:
            for name, value in changes.items():
                if isinstance(value, list):
                    value = tuple(value)
                setattr(self, name, value)

    def hit(self, name: str) -> bool:
        """:returns: whether this request is one of the next ones."""
        with self._lock:
            left = getattr(self, name)
            if left:
                setattr(self, name, left - 1)
            return bool(left)

    def expired(self) -> bool:
        """Count a request.

        :returns: whether all sessions are dead.
        """
        with self._lock:
            if self.expire_after is None:
                return False
            self.expire_after -= 1
            return self.expire_after < 0

    def revive(self) -> None:
        """Somebody has logged in anew."""
        with self._lock:
            if self.expire_after is not None and self.expire_after < 0:
                self.expire_after = None

    def as_dict(self) -> dict[str, Any]:
        with self._lock:
            return {field.name: getattr(self, field.name)
                    for field in dataclasses.fields(self)}


def _fits(value: Any, kind: Any) -> bool:
    if typing.get_origin(kind) is Literal:
        return value in typing.get_args(kind)
    if kind == tuple[str, ...]:
        return (isinstance(value, list | tuple)
                and all(isinstance(one, str) for one in value))
    if kind is float:
        kind = float | int
    return (isinstance(value, kind)
            and isinstance(value, bool) == (kind is bool))
