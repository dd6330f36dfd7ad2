# SPDX-License-Identifier: Apache-2.0
"""Doors for viewers that speak plain RFB, and when they are open.

For every node with a console of ours one port, which Nova and the in-tree
proxy find in ``vnc_port``; and one port for people's own viewers. What
happens behind a door is told in viewers.py.
"""

import ipaddress
import logging
import socket
import ssl
import threading

from ironic_console.common.addresses import is_within
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.errors import (
    NodeStoreUnavailable,
    TokenUnknown,
)
from ironic_console.common.nodes import NodeRecord, NodeStore
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import Credential
from ironic_console.novncproxy.authorizer import Authorizer, Grant
from ironic_console.novncproxy.server import Arrival, Server
from ironic_console.novncproxy.settings import GatewayPolicy
from ironic_console.novncproxy.viewers import Demand, ViewerConnection

LOG = logging.getLogger(__name__)

_BACKLOG = 16


class NodeDoor:
    """The door to one node.

    :param context: TLS that demands a certificate, or ``None``.
    """

    def __init__(self, uuid: str, policy: GatewayPolicy,
                 context: ssl.SSLContext | None, authorizer: Authorizer,
                 ) -> None:
        self._uuid = uuid
        self._policy = policy
        self._context = context
        self._authorizer = authorizer

    def serve(self, arrival: Arrival) -> None:
        near = arrival.peer.rpartition(':')[0].strip('[]')
        known = is_within(near, self._policy.networks)
        types = tuple(number for number in self._policy.security_types
                      if number != SecurityNumber.NONE or known)
        ViewerConnection(
            TcpChannel(arrival.sock, arrival.peer), arrival.services,
            Demand(types, self._context, self._authorize),
            arrival.heard).run()

    def _authorize(self, _claim: Credential | None) -> Grant:
        return self._authorizer.authorize_node(self._uuid)

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

    def _authorize(self, claim: Credential | None) -> Grant:
        if claim is None:
            raise TokenUnknown('the viewer did not say who it is')
        return self._authorizer.authorize_viewer(claim.username,
                                                 claim.password.reveal())

    def turn_away(self, sock: socket.socket) -> None:
        sock.close()


class Gateway:
    """Opens and shuts the doors to nodes, as their consoles come and go.

    Each worker has all doors; the kernel chooses the worker.

    :param server: that accepts.
    :param interval: seconds between two looks at the nodes.
    """

    def __init__(self, policy: GatewayPolicy, context: ssl.SSLContext | None,
                 server: Server, authorizer: Authorizer, store: NodeStore,
                 interval: float) -> None:
        self._policy = policy
        self._context = context
        self._server = server
        self._authorizer = authorizer
        self._store = store
        self._interval = interval
        self._open: dict[tuple[str, int], socket.socket] = {}
        self._failed: set[tuple[str, int]] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name='gateway',
                                        daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Change nothing any more; the server closes what is open."""
        self._stopping.set()

    def _run(self) -> None:
        while True:
            try:
                self.refresh()
            except NodeStoreUnavailable as exc:
                LOG.warning('The doors of the gateway stay as they are: %s',
                            exc)
            except Exception:
                # This thread must live on, or no door would open any more.
                LOG.exception('Bug: the gateway failed')
            if self._stopping.wait(self._interval):
                return

    def refresh(self) -> None:
        """Look at the nodes once.

        :raises NodeStoreUnavailable: nobody can say which doors there are.
        """
        wanted = {(record.uuid, port): record
                  for record in self._store.consoles()
                  if (port := self._port_of(record))}
        for key in self._open.keys() - wanted.keys():
            self._server.shut(self._open.pop(key))
        self._failed &= wanted.keys()
        for key in wanted.keys() - self._open.keys():
            listener = self._listen(key)
            if listener:
                self._open[key] = listener
                self._server.open(listener, NodeDoor(
                    key[0], self._policy, self._context, self._authorizer))

    def _port_of(self, record: NodeRecord) -> int:
        """:returns: 0 if the node has no door."""
        port = record.plain_port
        return port if record.ours and port in self._policy.ports else 0

    def _listen(self, key: tuple[str, int]) -> socket.socket | None:
        uuid, port = key
        try:
            listener = listen_shared(self._policy.host, port)
        except OSError as exc:
            if key not in self._failed:
                self._failed.add(key)
                LOG.error('Node %s gets no door for Nova: port %d at %s '
                          'cannot be opened: %s', uuid, port,
                          self._policy.host, exc)
            return None
        self._failed.discard(key)
        return listener


def listen_shared(host: str, port: int) -> socket.socket:
    """Open a port that other workers may open as well.

    :raises OSError: it cannot be had.
    """
    family = (socket.AF_INET6
              if ipaddress.ip_address(host).version == 6 else socket.AF_INET)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setblocking(False)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
