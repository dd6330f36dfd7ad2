# SPDX-License-Identifier: Apache-2.0
"""Worker: everything that runs in one worker process, put together.

When it starts, reloads and drains is up to service.py.
"""

import dataclasses
import logging

from ironic_console.common.addresses import Resolver
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.endpoint_dialer import EndpointDialer
from ironic_console.common.nodes import NodeStore
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.admin import AdminFolder, AdminServer
from ironic_console.novncproxy.authorizer import Authorizer
from ironic_console.novncproxy.gateway import (
    Gateway,
    GatewayAccess,
    TicketDoor,
)
from ironic_console.novncproxy.loading import Loaded
from ironic_console.novncproxy.metrics import Metrics, PrometheusMetrics
from ironic_console.novncproxy.metrics_door import MetricsDoor
from ironic_console.novncproxy.opening import Services
from ironic_console.novncproxy.relay import CLOSE_TIMEOUT, Relay
from ironic_console.novncproxy.server import BrowserDoor, Server
from ironic_console.novncproxy.sessions import Host, SessionRegistry
from ironic_console.novncproxy.shared import Shared
from ironic_console.novncproxy.site import Site

LOG = logging.getLogger(__name__)

# Seconds between two looks at whether the draining is to end.
_OVERRIDE_INTERVAL = 0.2
# Seconds for those that were accepted last; many only connect in advance and
# say nothing.
_LATE_SECONDS = 0.5


class Worker:
    """Everything that runs in one worker process.

    :param shared: with the other workers.
    :param loaded: what to work with.
    :param store: made in this process.
    """

    def __init__(self, shared: Shared, loaded: Loaded,
                 store: NodeStore, clock: Clock) -> None:
        self._clock = clock
        self._store = store
        self._shared = shared
        settings = loaded.settings
        self._drain_timeout = settings.drain_timeout
        self._metrics = (PrometheusMetrics(shared.runtime_folder)
                         if shared.metrics_listener else Metrics())
        self._relay = Relay(settings.relay, clock)
        self._sessions = SessionRegistry(
            store, settings.sessions, clock,
            Host(shared.ledger, AdminFolder(shared.runtime_folder),
                 self._metrics))
        self._admin = AdminServer(shared.runtime_folder, self._sessions)
        self._authorizer = Authorizer(store, settings.access, clock)
        self._door = BrowserDoor(loaded.context)
        self._viewers_door = self._make_viewers_door(loaded)
        self._server = Server(self._services(loaded))
        self._server.open(shared.listener, self._door)
        if self._viewers_door and shared.viewers_listener:
            self._server.open(shared.viewers_listener, self._viewers_door)
        self._metrics_server = self._make_metrics_server(loaded)
        self._gateway = self._make_gateway(loaded)

    @property
    def drain_timeout(self) -> float:
        """Seconds for which :meth:`drain` lets sessions go on."""
        return self._drain_timeout

    def start(self) -> None:
        self._relay.start()
        self._sessions.start()
        self._admin.start()
        self._server.start()
        if self._metrics_server:
            self._metrics_server.start()
        if self._gateway:
            self._gateway.start()

    def drain(self) -> None:
        """Stop accepting, let sessions go on for a while, close the rest."""
        # Who is connected already could begin one more.
        self._sessions.draining = True
        if self._gateway:
            self._gateway.stop()
        self._server.stop_accepting()
        LOG.info('%d sessions may go on for %g s', len(self._sessions),
                 self._drain_timeout)
        deadline = Deadline(self._clock, self._drain_timeout,
                            'drain_timeout')
        # Who was let in a moment ago may be on the way to a session.
        self._server.wait_for_setups(min(deadline.remaining(),
                                         _LATE_SECONDS))
        self._wait_for_sessions(deadline)
        self._end_sessions()
        self._admin.stop()
        if self._metrics_server:
            self._metrics_server.stop_accepting()
        self._store.close()

    def _wait_for_sessions(self, deadline: Deadline) -> None:
        override = self._shared.drain_override
        while (left := deadline.remaining()) and not override:
            if self._sessions.wait_until_empty(min(left, _OVERRIDE_INTERVAL)):
                return

    def _end_sessions(self) -> None:
        """Tell those who are left why, and give them a moment to read it."""
        deadline = Deadline(self._clock, CLOSE_TIMEOUT + 1, 'end')
        self._sessions.close_all(close_reasons.SHUTDOWN)
        # Those whom the relay does not carry yet are told by their threads.
        self._server.wait_for_guests(deadline.remaining())
        self._relay.stop(close_reasons.SHUTDOWN, deadline.remaining())
        self._sessions.stop()

    def reload(self, loaded: Loaded) -> None:
        """Work with other settings from now on; sessions go on."""
        settings = loaded.settings
        self._drain_timeout = settings.drain_timeout
        self._relay.limits = settings.relay
        self._sessions.policy = settings.sessions
        self._authorizer.policy = settings.access
        self._reload_viewers_door(loaded)
        self._server.services = self._services(loaded)
        self._door.context = loaded.context
        self._reload_gateway(loaded)
        self._reload_metrics(loaded)

    def _reload_metrics(self, loaded: Loaded) -> None:
        if self._metrics_server and loaded.settings.metrics:
            self._metrics_server.services = self._for_metrics(loaded)
        elif self._metrics_server:
            self._metrics_server.stop_accepting()
            self._metrics_server = None
            LOG.info('The port for metrics is closed')

    def _reload_gateway(self, loaded: Loaded) -> None:
        access = _gateway_access(loaded)
        if self._gateway and access:
            self._gateway.access = access
        elif self._gateway:
            self._gateway.stop()
            self._gateway = None
            LOG.info('The gateway is closed')
        elif access:
            self._gateway = self._make_gateway(loaded)
            assert self._gateway
            self._gateway.start()
            LOG.info('The gateway is open')

    def _reload_viewers_door(self, loaded: Loaded) -> None:
        listener = self._shared.viewers_listener
        if self._viewers_door and loaded.viewers_context:
            self._viewers_door.context = loaded.viewers_context
        elif self._viewers_door and listener:
            self._server.shut(listener)
            self._viewers_door = None
            LOG.info('The port for viewers is closed')

    def _make_viewers_door(self, loaded: Loaded) -> TicketDoor | None:
        if not self._shared.viewers_listener or not loaded.viewers_context:
            return None
        return TicketDoor(loaded.viewers_context, self._authorizer)

    def _viewer_port(self) -> int:
        """:returns: the one that is open, whatever SIGHUP has named since;
            0 for none."""
        listener = self._shared.viewers_listener
        if not listener or not self._viewers_door:
            return 0
        return int(listener.getsockname()[1])

    def _make_metrics_server(self, loaded: Loaded) -> Server | None:
        listener = self._shared.metrics_listener
        if not (listener and isinstance(self._metrics, PrometheusMetrics)):
            return None
        # One of its own, which neither a flood of browsers nor draining
        # keeps from answering.
        server = Server(self._for_metrics(loaded))
        server.open(listener, MetricsDoor(self._metrics))
        return server

    def _for_metrics(self, loaded: Loaded) -> Services:
        # Who asks for metrics is not counted in them.
        return dataclasses.replace(self._services(loaded), metrics=Metrics())

    def _make_gateway(self, loaded: Loaded) -> Gateway | None:
        access = _gateway_access(loaded)
        if access is None:
            return None
        return Gateway(access, self._server, self._authorizer, self._store)

    def _services(self, loaded: Loaded) -> Services:
        settings = loaded.settings
        return Services(
            authorizer=self._authorizer, sessions=self._sessions,
            relay=self._relay, dialer=EndpointDialer(
                Resolver(settings.addresses), loaded.endpoint_tls,
                self._clock, settings.setup.connect_timeout,
                settings.setup.handshake_timeout),
            site=Site(loaded.pages, self._store, self._clock),
            clock=self._clock, limits=settings.setup,
            metrics=self._metrics,
            trusted_proxies=settings.trusted_proxies,
            viewer_port=self._viewer_port())


def _gateway_access(loaded: Loaded) -> GatewayAccess | None:
    gateway = loaded.settings.gateway
    if gateway is None:
        return None
    return GatewayAccess(gateway.policy, loaded.gateway_context)
