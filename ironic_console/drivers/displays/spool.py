# SPDX-License-Identifier: Apache-2.0
"""Displays as files: one directory between conductor and whoever starts them.

    NODE.request              there shall be a display; nothing secret
    NODE.GENERATION.settings  what it is told; removed by whoever starts it
    NODE.endpoint             there is one, or why there is none
    NODE/settings.json        the same for providers that mount a directory

It owns the names and what is in the files, for both sides; what a display is
made of is not known here. doc/source/displays-containers.rst describes all of
it for tools that are not ours.
"""

import dataclasses
import json
import os
import re
import secrets
from typing import Any, Self

from ironic_console.drivers.displays.private_folder import (
    FolderError,
    PrivateFolder,
)
from ironic_console.drivers.displays.settings import (
    MAX_BYTES as MAX_SETTINGS_BYTES,
)
from ironic_console.drivers.displays.settings import DisplaySettings

VERSION = 1
#: Where a display listens in a network of its own; Ironic's providers
#: publish it.
PORT = 5900
#: User and group of the display image.
IMAGE_UID = 65532
#: Settings in a directory of their own.
SETTINGS_FILE = 'settings.json'
#: Longest request or endpoint, bytes.
MAX_BYTES = 64 * 1024
#: Longest text of a failure, characters.
MAX_TEXT = 1000
#: Seconds after which settings that nobody asks for are those of somebody
#: who crashed.
LEFTOVER_AGE = 600.0

_REQUEST, _SETTINGS, _ENDPOINT = '.request', '.settings', '.endpoint'
_NODE = re.compile('[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')
_GENERATION = re.compile('[0-9a-f]{32}')
_HOST = re.compile('[0-9A-Za-z.:_-]{1,253}')


@dataclasses.dataclass(frozen=True)
class Request:
    """A display that shall be.

    :ivar generation: which one of this node; another for each start.
    :ivar title: of the node, for people.
    :ivar conductor: host name of the one that asks.
    """

    node: str
    generation: str
    app: str
    title: str
    conductor: str

    def to_json(self) -> str:
        return json.dumps({'version': VERSION, **dataclasses.asdict(self)},
                          indent=2) + '\n'

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """:raises FolderError: it is not one that this version knows."""
        document = _document(data)
        # Later ones may say more without being another version.
        values = {field.name: str(document.get(field.name, ''))[:MAX_TEXT]
                  for field in dataclasses.fields(cls)}
        if not (is_node(values['node'])
                and _GENERATION.fullmatch(values['generation'])):
            raise FolderError('it names no node or no generation')
        return cls(**values)


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A display that lets viewers in."""

    generation: str
    host: str
    port: int


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why there is no display.

    :ivar error: what to do.
    :ivar lost: it was there, or could have been; asking anew helps.
    """

    generation: str
    error: str
    lost: bool = False


class Spool(PrivateFolder):
    """The directory between both sides, which its methods name."""

    # -- the conductor ------------------------------------------------------

    def ask(self, request: Request, text: str, settings: DisplaySettings,
            ) -> None:
        """Ask for a display, instead of any that the node has.

        :param text: of ``NODE.request``; an operator may have other wishes
            for it than we.
        :raises FolderError: it cannot be written.
        """
        self.withdraw(request.node)
        # Settings first: who sees the request shall find them.
        self.put(settings_name(request.node, request.generation),
                 json.dumps(settings.to_document()).encode(), 0o600)
        self.put(request.node + _REQUEST, text.encode(), 0o600)

    def withdraw(self, node: str) -> None:
        """Take back what was asked for; fine if there is nothing.

        :raises FolderError: it cannot be removed.
        """
        self.remove(node + _REQUEST)
        self.remove(node + _ENDPOINT)
        for name in self.names():
            if _settings_of(name)[0] == node:
                self.remove(name)

    def answer(self, node: str, generation: str) -> Endpoint | Failure | None:
        """Look for the endpoint.

        :param generation: '' for any.
        :returns: ``None`` if there is none of this generation.
        :raises FolderError: what is there cannot be believed.
        """
        data = self.get(node + _ENDPOINT, MAX_BYTES)
        if data is None:
            return None
        document = _document(data)
        theirs = document.get('generation')
        if not isinstance(theirs, str) or generation not in ('', theirs):
            return None
        error = document.get('error')
        if isinstance(error, str):
            return Failure(theirs, _printable(error),
                           document.get('lost') is True)
        host, port = document.get('host'), document.get('port')
        if (isinstance(host, str) and _HOST.fullmatch(host)
                and type(port) is int and 0 < port < 65536):
            return Endpoint(theirs, host, port)
        raise FolderError(f'{self.path}/{node}{_ENDPOINT} names neither host '
                          'and port nor an error')

    # -- whoever starts displays --------------------------------------------

    def asked(self) -> set[str]:
        """:returns: nodes that have a request.

        :raises FolderError: the directory cannot be read.
        """
        return self._nodes(_REQUEST)

    def request(self, node: str) -> bytes | None:
        """:returns: what is asked for; ``None`` if nothing is, by now.

        :raises FolderError: it cannot be believed.
        """
        return self.get(node + _REQUEST, MAX_BYTES)

    def settings(self, node: str, generation: str) -> bytes | None:
        """:returns: those of a request, secrets in them; ``None`` if they
            were used already.

        :raises FolderError: others could have read or written them.
        """
        return self.get(settings_name(node, generation), MAX_SETTINGS_BYTES,
                        0o077)

    def left_settings(self) -> set[tuple[str, str]]:
        """:returns: nodes and generations whose settings are there.

        :raises FolderError: the directory cannot be read.
        """
        return {_settings_of(name) for name in self.names()} - {('', '')}

    def forget_settings(self, node: str, generation: str) -> None:
        """To be called when the display has them.

        :raises FolderError: they cannot be removed.
        """
        self.remove(settings_name(node, generation))

    def reply(self, node: str, answer: Endpoint | Failure) -> None:
        """Write the endpoint.

        :raises FolderError: it cannot be written.
        """
        document = {'version': VERSION, **dataclasses.asdict(answer)}
        self.put(node + _ENDPOINT, json.dumps(document).encode(), 0o644)

    def replied(self) -> set[str]:
        """:returns: nodes that have an endpoint.

        :raises FolderError: the directory cannot be read.
        """
        return self._nodes(_ENDPOINT)

    def unsay(self, node: str) -> None:
        """Remove the endpoint; fine if there is none.

        :raises FolderError: it cannot be removed.
        """
        self.remove(node + _ENDPOINT)

    def clear_up(self, wanted: set[tuple[str, str]]) -> None:
        """Remove what a side that crashed has left.

        :param wanted: nodes and generations whose settings are needed.
        :raises FolderError: the directory cannot be read.
        """
        self.sweep(lambda name: _settings_of(name) not in (*wanted, ('', '')),
                   LEFTOVER_AGE)

    def _nodes(self, ending: str) -> set[str]:
        nodes = {name.removesuffix(ending) for name in self.names()
                 if name.endswith(ending)}
        return {node for node in nodes if is_node(node)}


def hand_over(directory: str, settings: DisplaySettings) -> str:
    """Leave settings in a new directory of the node.

    They are the user's that a display in a container runs as: of the image
    if we are root, ourselves otherwise.

    :returns: path of the directory, to be mounted as ``/settings``.
    :raises FolderError: it cannot be written.
    """
    with PrivateFolder(directory) as folder:
        # A display that still runs may hold the old one, and could read.
        folder.remove_folder(settings.node)
        folder.make_folder(
            settings.node, SETTINGS_FILE,
            json.dumps(settings.to_document()).encode(),
            IMAGE_UID if os.geteuid() == 0 else None)
    return os.path.join(directory, settings.node)


def take_back(directory: str, node: str) -> None:
    """Remove that directory and what is left in it; fine if it is gone.

    A display that has it mounted can write nothing there any more.

    :raises FolderError: it cannot be removed.
    """
    with PrivateFolder(directory) as folder:
        folder.remove_folder(node)


def new_generation() -> str:
    """:returns: a name that no display had before."""
    return secrets.token_hex(16)


def is_node(text: str) -> bool:
    """:returns: whether it is the UUID of a node, as Ironic writes it."""
    return bool(_NODE.fullmatch(text))


def settings_name(node: str, generation: str) -> str:
    """:returns: name of the file."""
    return f'{node}.{generation}{_SETTINGS}'


def _settings_of(name: str) -> tuple[str, str]:
    """:returns: node and generation of settings; '' for other files."""
    node, _, rest = name.partition('.')
    generation = rest.removesuffix(_SETTINGS)
    if (is_node(node) and rest.endswith(_SETTINGS)
            and _GENERATION.fullmatch(generation)):
        return node, generation
    return '', ''


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise FolderError('it is no JSON') from exc
    if not isinstance(document, dict) or document.get('version') != VERSION:
        raise FolderError('it is not of a version that we know; bring all '
                          'that reads and writes it to the same version')
    return document


def _printable(text: str) -> str:
    return ''.join(letter if letter.isprintable() else ' '
                   for letter in text[:MAX_TEXT]).strip()
