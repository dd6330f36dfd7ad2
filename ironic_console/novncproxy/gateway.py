# SPDX-License-Identifier: Apache-2.0
"""Doors for viewers that speak plain RFB, and when they are open.

For every node with a console of ours one port, which Nova and the in-tree
proxy find in ``vnc_port``; and one port for people's own viewers. What
happens behind a door is told in viewers.py.
"""

import dataclasses
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from typing import NamedTuple

from ironic_console.common.addresses import is_within, without_port
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.errors import (
    NodeStoreUnavailable,
    PeerRejected,
    TokenUnknown,
)
from ironic_console.common.nodes import NodeStore
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.novncproxy.authorizer import Authorizer, Grant
from ironic_console.novncproxy.server import Arrival, Server, open_port
from ironic_console.novncproxy.settings import GatewayPolicy
from ironic_console.novncproxy.viewers import (
    Demand,
    Proof,
    ViewerConnection,
)

LOG = logging.getLogger(__name__)


class _NodePort(NamedTuple):
    """Where a door is, and where it leads to."""

    host: str
    port: int
    node: str


@dataclasses.dataclass(frozen=True)
class GatewayAccess:
    """Who gets consoles through the gateway, and how it is known.

    :ivar context: TLS that demands a certificate, or ``None``.
    """

    policy: GatewayPolicy
    context: ssl.SSLContext | None


class NodeDoor:
    """The door to one node.

    :param access: asked for anew by each who comes.
    """

    def __init__(self, uuid: str, port: int,
                 access: Callable[[], GatewayAccess],
                 authorizer: Authorizer) -> None:
        self._uuid = uuid
        self._port = port
        self._access = access
        self._authorizer = authorizer

    def serve(self, arrival: Arrival) -> None:
        access = self._access()
        policy = access.policy
        near = without_port(arrival.peer)
        known = is_within(near, policy.networks)
        types = tuple(number for number in policy.security_types
                      if number != SecurityNumber.NONE or known)

        def authorize(proof: Proof) -> Grant:
            if not types:
                raise PeerRejected(f'{near} is not in [ironic_console]'
                                   'gateway_networks')
            if (policy.names and proof.names is not None
                    and not policy.names.intersection(proof.names)):
                raise PeerRejected(
                    f'the certificate is for {", ".join(proof.names)}; none '
                    'of that is in [ironic_console]gateway_client_names')
            return self._authorizer.authorize_node(self._uuid, self._port)

        # Strangers are told no in the way that every viewer shows.
        ViewerConnection(
            TcpChannel(arrival.sock, arrival.peer), arrival.services,
            Demand(types or (SecurityNumber.NONE,), access.context,
                   authorize), arrival.heard).run()

    def turn_away(self, sock: socket.socket) -> None:
        sock.close()


class TicketDoor:
    """The door for people's own viewers: node and ticket are the login.

    :param context: TLS; may be replaced.
    """

    def __init__(self, context: ssl.SSLContext, authorizer: Authorizer,
                 ) -> None:
        self.context = context
        self._authorizer = authorizer

    def serve(self, arrival: Arrival) -> None:
        ViewerConnection(
            TcpChannel(arrival.sock, arrival.peer), arrival.services,
            Demand((SecurityNumber.X509_PLAIN,), self.context,
                   self._authorize), arrival.heard).run()

    def _authorize(self, proof: Proof) -> Grant:
        claim = proof.claim
        if claim is None:
            raise TokenUnknown('the viewer did not say who it is')
        return self._authorizer.authorize_viewer(claim.username,
                                                 claim.password.reveal())

    def turn_away(self, sock: socket.socket) -> None:
        sock.close()


class Gateway:
    """Opens and shuts the doors to nodes, as their consoles come and go.

    Each worker has all doors; the kernel chooses the worker.

    :param access: may be replaced; doors follow.
    :param server: that accepts.
    """

    def __init__(self, access: GatewayAccess, server: Server,
                 authorizer: Authorizer, store: NodeStore) -> None:
        self.access = access
        self._server = server
        self._authorizer = authorizer
        self._store = store
        self._open: dict[_NodePort, socket.socket] = {}
        # What is complained about already.
        self._failed: set[_NodePort] = set()
        self._doubtful: set[int] = set()
        self._unknown = False
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name='gateway',
                                        daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Shut all doors, for good; connections go on."""
        with self._lock:
            self._stopping.set()
            self._settle(set())

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.refresh()
                self._unknown = False
            except NodeStoreUnavailable as exc:
                # Once: it is true again every second.
                if not self._unknown:
                    LOG.warning('The doors of the gateway stay as they are: '
                                '%s', exc)
                self._unknown = True
            except Exception:
                # This thread must live on, or no door would open any more.
                LOG.exception('Bug: the gateway failed')
            self._stopping.wait(self.access.policy.interval)

    def refresh(self) -> None:
        """Look at the nodes once.

        :raises NodeStoreUnavailable: nobody can say which doors there are.
        """
        wanted = self._wanted()
        with self._lock:
            # The store may have taken its time.
            if not self._stopping.is_set():
                self._settle(wanted)

    def _settle(self, wanted: set[_NodePort]) -> None:
        for place in self._open.keys() - wanted:
            self._server.shut(self._open.pop(place))
        self._failed &= wanted
        for place in wanted - self._open.keys():
            listener = self._listen(place)
            if listener:
                self._open[place] = listener
                self._server.open(listener, NodeDoor(
                    place.node, place.port, lambda: self.access,
                    self._authorizer))

    def _wanted(self) -> set[_NodePort]:
        policy = self.access.policy
        places: dict[int, list[_NodePort]] = {}
        for record in self._store.consoles():
            if record.ours and record.plain_port in policy.ports:
                places.setdefault(record.plain_port, []).append(_NodePort(
                    policy.host, record.plain_port, record.uuid))
        # Two conductors that do not agree about the ports. Whom a connection
        # would lead to is up to chance.
        doubtful = {port for port, claimants in places.items()
                    if len(claimants) > 1}
        for port in doubtful - self._doubtful:
            LOG.error(
                'Nodes %s have the same port %d and get no door for Nova: '
                '[ironic_console]gateway_port_range must be the same in all '
                'conductors',
                ', '.join(place.node for place in places[port]), port)
        self._doubtful = doubtful
        return {claimants[0] for port, claimants in places.items()
                if port not in doubtful}

    def _listen(self, place: _NodePort) -> socket.socket | None:
        try:
            listener = open_port(place.host, place.port, reuse_port=True)
        except (OSError, UnicodeError) as exc:
            if place not in self._failed:
                self._failed.add(place)
                LOG.error('Node %s gets no door for Nova: port %d at %s '
                          'cannot be opened: %s', place.node, place.port,
                          place.host, exc)
            return None
        self._failed.discard(place)
        return listener
