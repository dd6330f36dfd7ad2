# SPDX-License-Identifier: Apache-2.0
"""A node of a real Ironic, as operators and users handle it."""

import contextlib
import json
import sqlite3
import urllib.parse
from typing import Any

from ironic_console.common import nodes as keys
from tests.helpers.foreign_viewer import ForeignViewer
from tools.lab.ironic import LocalIronic


class ConsoleNode:
    """One node.

    :param patience: seconds for what Ironic does in the background.
    :ivar openers: all tickets that were asked for, and what signs them.
    """

    def __init__(self, ironic: LocalIronic, uuid: str, patience: float,
                 ) -> None:
        self.ironic = ironic
        self.uuid = uuid
        self.openers: set[str] = set()
        self._patience = patience

    def __getitem__(self, field: str) -> Any:
        """:returns: a field of the node, as the API shows it."""
        return self.ironic.rest.node(self.uuid)[field]

    def enable(self) -> str:
        """:returns: URL of the console."""
        self.ironic.rest.set_console(self.uuid, True, self._patience)
        return self.link()

    def disable(self) -> None:
        self.ironic.rest.set_console(self.uuid, False, self._patience)

    def opened(self) -> ForeignViewer:
        """Enable the console and look at it."""
        return ForeignViewer(self.enable())

    def link(self) -> str:
        """:returns: another URL of a console that is enabled."""
        link = self.ironic.rest.console_url(self.uuid)
        self.openers |= {urllib.parse.unquote(link).rpartition('token=')[2],
                         self.stored()[keys.SECRET_KEY]}
        return link

    def stored(self) -> dict[str, Any]:
        """:returns: driver_internal_info as the database has it."""
        with contextlib.closing(
                sqlite3.connect(self.ironic.database)) as database:
            row = database.execute(
                'SELECT driver_internal_info FROM nodes WHERE uuid = ?',
                (self.uuid,)).fetchone()
        return dict(json.loads(row[0] or '{}')) if row else {}

    @property
    def password(self) -> str:
        """What the proxy is told that the VNC server wants."""
        return str(self.stored()[keys.CREDENTIAL_KEY]['password'])
