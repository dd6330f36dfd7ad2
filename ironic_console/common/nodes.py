# SPDX-License-Identifier: Apache-2.0
"""What the two halves share about a node: the keys in its record.

Drivers write these keys into ``driver_internal_info``, the proxy reads them.
This module knows their names and shapes; how a record is fetched is up to a
:class:`NodeStore`.
"""

import abc
import dataclasses
import datetime
from collections.abc import Collection, Mapping
from typing import Any, Self

from ironic_console.common.endpoint import SHARING, Endpoint
from ironic_console.common.errors import ConfigError
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.secret import Secret

# Ironic's own keys; Nova's driver reads the first two as well.
HOST_KEY = 'vnc_host'
PORT_KEY = 'vnc_port'
SECRET_KEY = 'novnc_secret_token'  # noqa: S105
CREATED_KEY = 'novnc_secret_token_created'
# Ours. "secret" in a name makes Ironic's API mask the value.
ENDPOINT_KEY = 'console_endpoint'
CREDENTIAL_KEY = 'console_endpoint_secret'
# What we have written into the first two. If something else stands there by
# now, an in-tree driver has started a console since.
TOLD_KEY = 'console_told'
# Ours too, of the drivers alone: what they changed on a BMC, kept until that
# is undone. Without an endpoint beside it, that has not worked yet. The
# "kind" in it is the console interface that can undo it.
CHANGES_KEY = 'console_bmc_changes'

CONSOLE_KEYS = (HOST_KEY, PORT_KEY, SECRET_KEY, CREATED_KEY, ENDPOINT_KEY,
                CREDENTIAL_KEY, TOLD_KEY)
#: Those that an in-tree driver leaves alone.
OUR_KEYS = (ENDPOINT_KEY, CREDENTIAL_KEY, TOLD_KEY)


@dataclasses.dataclass(frozen=True)
class NodeRecord:
    """What the proxy knows of a node.

    :ivar uuid: of the node.
    :ivar name: of the node, or '' if it has none.
    :ivar interface: its console interface.
    :ivar enabled: Ironic says that the console is enabled.
    :ivar secret: signs tickets; ``None`` when no console is running, or one
        of ours that is not the node's console interface any more.
    :ivar created: when the secret was made, aware UTC.
    :ivar ours: a driver of this package runs the console.
    :ivar info: ``driver_internal_info``; ask :meth:`endpoint`.
    """

    uuid: str
    name: str
    interface: str
    enabled: bool
    secret: Secret | None
    created: datetime.datetime | None
    ours: bool
    info: Mapping[str, Any] = dataclasses.field(repr=False)

    @classmethod
    def from_info(cls, uuid: str, name: str | None, interface: str | None,
                  enabled: bool, info: Mapping[str, Any] | None) -> Self:
        """Read ``driver_internal_info``, whoever wrote it."""
        info = info or {}
        secret = info.get(SECRET_KEY)
        kind = kind_of(info.get(ENDPOINT_KEY))
        fits = not kind or not interface or kind == interface
        started_by_us = is_ours(info)
        if started_by_us and not fits:
            # Whoever that interface sends here is not meant for this one.
            secret = None
        return cls(
            uuid=uuid, name=name or '', interface=interface or '',
            enabled=bool(enabled),
            secret=Secret(secret) if secret and isinstance(secret, str)
            else None,
            created=parse_time(info.get(CREATED_KEY)),
            ours=started_by_us and fits,
            info=info)

    @property
    def plain_port(self) -> int:
        """Where those connect that know nothing of us; 0 for nowhere."""
        port = self.info.get(PORT_KEY)
        return port if isinstance(port, int) else 0

    def endpoint(self) -> Endpoint:
        """Where to connect.

        In-tree drivers write no ``console_endpoint``; theirs is plain RFB
        without authentication at ``vnc_host`` and ``vnc_port``.

        :raises ConfigError: the record names no usable endpoint.
        """
        return Endpoint.from_dict(self._described_endpoint())

    def _described_endpoint(self) -> object:
        if self.ours:
            return self.info[ENDPOINT_KEY]
        return {'host': self.info.get(HOST_KEY),
                'port': self.info.get(PORT_KEY), 'kind': self.interface,
                'security_types': [SecurityNumber.NONE]}

    @property
    def read_only(self) -> bool:
        """Whether nobody may type at this endpoint.

        Of a record that is not as it should be, that is taken to be so.
        """
        described = self._described_endpoint()
        return (not isinstance(described, Mapping)
                or described.get('read_only', False) is not False)

    @property
    def sharing(self) -> str:
        """What happens to a second session, one of ``endpoint.SHARING``; ''
        for what the proxy does otherwise.

        Of a record that is not as it should be, :meth:`endpoint` tells.
        """
        described = self._described_endpoint()
        found = (described.get('sharing', '')
                 if isinstance(described, Mapping) else '')
        return found if found in SHARING else ''

    def credential(self) -> Credential | None:
        """What the endpoint's authentication needs.

        :raises ConfigError: what is stored is none.
        """
        stored = self.info.get(CREDENTIAL_KEY)
        if stored is None or not self.ours:
            return None
        if not isinstance(stored, Mapping):
            raise ConfigError('console_endpoint_secret is not a mapping')
        password = stored.get('password')
        username = stored.get('username', '')
        if not isinstance(password, str) or not isinstance(username, str):
            raise ConfigError('console_endpoint_secret has no password')
        return Credential(Secret(password), username)

    def same_right(self, other: 'NodeRecord') -> bool:
        """Whether a session that began with ``self`` is still allowed.

        Every way to end a console changes one of these: disable, delete of
        the node, another interface, a new secret.
        """
        return (other.enabled and other.interface == self.interface
                and other.secret is not None and other.secret == self.secret)

    def same_endpoint(self, other: 'NodeRecord') -> bool:
        """Whether it also leads to the same place in the same way."""
        return self._described_endpoint() == other._described_endpoint()


def kind_of(stored: object) -> str:
    """:param stored: at ``ENDPOINT_KEY`` or ``CHANGES_KEY``.
    :returns: the console interface that has stored it; '' if it says none.
    """
    kind = stored.get('kind') if isinstance(stored, Mapping) else None
    return kind if isinstance(kind, str) else ''


def console_of(info: Mapping[str, Any]) -> dict[str, Any]:
    """:returns: the part of it that is about the console."""
    return {key: info[key] for key in CONSOLE_KEYS if key in info}


def has_console_of(info: Mapping[str, Any], kind: str) -> bool:
    """:returns: the endpoint in it is of that console interface."""
    return kind_of(info.get(ENDPOINT_KEY)) == kind


def is_ours(info: Mapping[str, Any]) -> bool:
    """:returns: an interface of ours was the last that started a console."""
    endpoint, told = info.get(ENDPOINT_KEY), info.get(TOLD_KEY)
    return endpoint is not None and (
        told is None or told == [info.get(HOST_KEY), info.get(PORT_KEY)])


def format_time(moment: datetime.datetime) -> str:
    """Write a time as Ironic does: naive UTC, always with microseconds.

    Ironic's parser wants the microseconds even when there are none.
    """
    return moment.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(
        timespec='microseconds')


def parse_time(text: object) -> datetime.datetime | None:
    """Read a time that Ironic wrote; ``None`` for anything else."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return moment.replace(tzinfo=datetime.UTC)
        return moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return None


class NodeStore(abc.ABC):
    """Where node records come from. It is never written to."""

    @abc.abstractmethod
    def get(self, uuid: str) -> NodeRecord | None:
        """Fetch one node.

        :returns: ``None`` if there is no such node.
        :raises NodeStoreUnavailable: nobody can say.
        """

    @abc.abstractmethod
    def get_many(self, uuids: Collection[str]) -> dict[str, NodeRecord]:
        """Fetch several nodes in one query.

        :returns: by UUID; a node that is gone is missing.
        :raises NodeStoreUnavailable: nobody can say.
        """

    @abc.abstractmethod
    def find(self, name: str) -> NodeRecord | None:
        """Fetch one node by its name.

        :returns: ``None`` if there is no such node.
        :raises NodeStoreUnavailable: nobody can say.
        """

    @abc.abstractmethod
    def consoles(self) -> list[NodeRecord]:
        """Fetch all nodes whose console is enabled, or being enabled and
        its record written already.

        :raises NodeStoreUnavailable: nobody can say.
        """

    @abc.abstractmethod
    def check(self) -> None:
        """:raises NodeStoreUnavailable: the store does not answer."""

    def close(self) -> None:
        """Let go of threads and connections."""
