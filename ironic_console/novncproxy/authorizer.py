# SPDX-License-Identifier: Apache-2.0
"""From a ConnectRequest to a Grant, or to a refusal.

All refusals look the same outside. Which of them it was is in the log.
"""

import contextlib
import dataclasses
import re
import uuid as uuid_lib

from ironic_console.common import tickets
from ironic_console.common.clock import Clock
from ironic_console.common.errors import (
    NoConsole,
    OriginRejected,
    TokenUnknown,
    Unauthorized,
)
from ironic_console.common.nodes import NodeRecord, NodeStore
from ironic_console.common.secret import Secret
from ironic_console.novncproxy.request import ConnectRequest, normalise_origin

# Names of nodes, as Ironic allows them.
_NAME = re.compile('[A-Za-z0-9_.~-]{1,255}')


@dataclasses.dataclass(frozen=True)
class AccessPolicy:
    """Who may open a console.

    :ivar origins: of pages, normalised; see ``request.allowed_origins``.
    :ivar token_timeout: life of a raw token, seconds.
    :ivar plain_tokens: raw tokens open the consoles of our drivers too.
    :ivar read_only: nobody may type, anywhere.
    """

    origins: frozenset[str]
    token_timeout: float
    plain_tokens: bool = False
    read_only: bool = False


@dataclasses.dataclass(frozen=True)
class Grant:
    """The right to start one session now.

    :ivar node: whose console.
    :ivar ticket: what gave the right; ``None`` if another proof did.
    :ivar read_only: it is one to look and not to type.
    """

    node: NodeRecord
    ticket: tickets.Ticket | None
    read_only: bool = False

    @property
    def for_many(self) -> bool:
        """A proxy has it, which speaks for who knows how many users."""
        return self.ticket is None


class Authorizer:
    """Decides about requests; asks the node store, writes nothing.

    :param store: where nodes are looked up.
    :param policy: may be replaced at any time.
    :param clock: for the life of tickets.
    """

    def __init__(self, store: NodeStore, policy: AccessPolicy, clock: Clock,
                 ) -> None:
        self._store = store
        self.policy = policy
        self._clock = clock
        self._nobody = Secret(tickets.new_secret())

    def authorize(self, request: ConnectRequest) -> Grant:
        """Decide.

        :raises Unauthorized: its subclasses say why.
        :raises NodeStoreUnavailable: nobody can decide now.
        """
        self._check_origin(request.origin)
        node = self._store.get(request.node)
        if node is None or not node.enabled or node.secret is None:
            # As much work as for a known node, so that the time taken does
            # not tell which nodes there are.
            with contextlib.suppress(Unauthorized):
                tickets.check(self._nobody, request.token, request.node,
                              self._clock.now())
            raise TokenUnknown('the node is not known or has no console')
        ticket = self._check_token(node, request.token)
        return Grant(node, ticket, self.policy.read_only or ticket.read_only
                     or node.read_only)

    def authorize_viewer(self, node: str, token: str) -> Grant:
        """Decide about a viewer that logs in with name and password.

        :param node: UUID or name.
        :param token: ticket or raw token.
        :raises Unauthorized: its subclasses say why.
        :raises NodeStoreUnavailable: nobody can decide now.
        """
        try:
            uuid = str(uuid_lib.UUID(node))
        except ValueError:
            # What can be no name of a node is no question for a database.
            found = (self._store.find(node) if _NAME.fullmatch(node)
                     else None)
            # Of no node, so that both kinds of names cost as much.
            uuid = found.uuid if found else str(uuid_lib.UUID(int=0))
        return self.authorize(ConnectRequest(uuid, token, None, None))

    def authorize_node(self, uuid: str, port: int) -> Grant:
        """Decide about somebody who has proved enough for any console.

        :param port: that it came in by. It leads to this node only as long
            as Nova is told so.
        :raises Unauthorized: this node has none.
        :raises NodeStoreUnavailable: nobody can decide now.
        """
        node = self._store.get(uuid)
        if (node is None or not node.enabled or node.secret is None
                or not node.ours or node.plain_port != port):
            raise NoConsole(f'node {uuid} has no console at port {port}')
        return Grant(node, None, self.policy.read_only or node.read_only)

    def _check_origin(self, origin: str | None) -> None:
        # No Origin: not a browser, so no page can be abusing its user.
        if origin is None:
            return
        if normalise_origin(origin) not in self.policy.origins:
            raise OriginRejected(
                f'page of origin {origin[:128]!r} is not allowed; allowed '
                f'are {" ".join(sorted(self.policy.origins))}, see '
                '[vnc]public_url and [cors]allowed_origin')

    def _check_token(self, node: NodeRecord, token: str) -> tickets.Ticket:
        assert node.secret is not None
        now = self._clock.now()
        # For consoles of in-tree drivers Ironic hands out the raw token.
        # For ours that would make every reader of the database a user.
        if self.policy.plain_tokens or not node.ours:
            try:
                return tickets.check_plain(node, token, now,
                                           self.policy.token_timeout)
            except TokenUnknown:
                if not node.ours:
                    raise
        return tickets.check(node.secret, token, node.uuid, now)
