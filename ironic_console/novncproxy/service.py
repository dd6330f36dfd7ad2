# SPDX-License-Identifier: Apache-2.0
"""Life of a worker process, as oslo.service drives it."""

import contextlib
import dataclasses
import logging
import mmap
import os
import pathlib
import signal
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

from oslo_service import service

from ironic_console.common import tls
from ironic_console.common.addresses import Resolver
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.endpoint_dialer import EndpointDialer
from ironic_console.common.errors import ConsoleError
from ironic_console.common.nodes import NodeStore
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.admin import AdminFolder, AdminServer
from ironic_console.novncproxy.authorizer import Authorizer
from ironic_console.novncproxy.gateway import Gateway, Terms, TicketDoor
from ironic_console.novncproxy.ledger import Ledger
from ironic_console.novncproxy.metrics import Metrics, PrometheusMetrics
from ironic_console.novncproxy.metrics_door import MetricsDoor
from ironic_console.novncproxy.opening import Services
from ironic_console.novncproxy.pages import Pages
from ironic_console.novncproxy.relay import CLOSE_TIMEOUT, Relay
from ironic_console.novncproxy.server import BrowserDoor, Server
from ironic_console.novncproxy.sessions import Host, SessionRegistry
from ironic_console.novncproxy.settings import (
    GatewaySettings,
    ListenAddress,
    Settings,
)
from ironic_console.novncproxy.site import Site

LOG = logging.getLogger(__name__)

# Seconds between two looks at whether there is haste.
_HASTE_INTERVAL = 0.2
_ENDING = signal.SIGTERM, signal.SIGINT


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What settings name and files hold; it can be loaded again.

    :ivar context: TLS towards browsers, or ``None``.
    :ivar endpoint_tls: TLS towards endpoints.
    :ivar gateway_context: TLS towards Nova, or ``None``.
    :ivar viewers_context: TLS towards people's own viewers, or ``None``.
    """

    settings: Settings
    pages: Pages
    context: ssl.SSLContext | None
    endpoint_tls: tls.EndpointTls
    gateway_context: ssl.SSLContext | None = None
    viewers_context: ssl.SSLContext | None = None


def load(settings: Settings) -> Loaded:
    """Read certificates and page files.

    :raises ConfigError: one is missing; the text says what to do.
    """
    if settings.endpoint_tls.allow_unverified:
        LOG.warning('[ironic_console]allow_unverified_tls is on: nobody '
                    'checks that endpoints which ask for it are what they '
                    'seem to be')
    return Loaded(settings, Pages(settings.pages),
                  _context(settings.listen),
                  tls.EndpointTls(settings.endpoint_tls),
                  _context(settings.gateway), _context(settings.viewers))


def _context(settings: GatewaySettings | ListenAddress | None,
             ) -> ssl.SSLContext | None:
    return (tls.server_context(settings.tls) if settings and settings.tls
            else None)


class Haste:
    """A flag of all workers: sessions may go on no longer.

    One byte of shared memory, which a signal handler may write to.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def __bool__(self) -> bool:
        return self._memory[0] != 0

    def order(self) -> None:
        self._memory[0] = 1


@dataclasses.dataclass(frozen=True)
class Common:
    """What all workers have in common; made before they are forked.

    :ivar listener: for browsers, not blocking.
    :ivar ledger: of all their sessions.
    :ivar runtime_folder: where they find each other.
    :ivar metrics_listener: ``None`` when nobody shall ask.
    :ivar viewers_listener: ``None`` when there is no such port.
    :ivar haste: whether sessions may still go on when the service ends.
    """

    listener: socket.socket
    ledger: Ledger
    runtime_folder: pathlib.Path
    metrics_listener: socket.socket | None = None
    viewers_listener: socket.socket | None = None
    haste: Haste = dataclasses.field(default_factory=Haste)

    def public_listeners(self) -> list[socket.socket]:
        """:returns: those that are closed when the service is to end."""
        return [listener for listener in (
            self.listener, self.viewers_listener) if listener]


class Worker:
    """Everything that runs in one worker process.

    :param common: with the other workers.
    :param loaded: what to work with.
    :param store: made in this process.
    """

    def __init__(self, common: Common, loaded: Loaded,
                 store: NodeStore, clock: Clock) -> None:
        self._clock = clock
        self._store = store
        self._haste = common.haste
        settings = loaded.settings
        self._drain_timeout = settings.drain_timeout
        self._metrics = (PrometheusMetrics(common.runtime_folder)
                         if common.metrics_listener else Metrics())
        self._relay = Relay(settings.relay, clock)
        self._sessions = SessionRegistry(
            store, settings.sessions, clock,
            Host(common.ledger, AdminFolder(common.runtime_folder),
                 self._metrics))
        self._admin = AdminServer(common.runtime_folder, self._sessions)
        self._authorizer = Authorizer(store, settings.access, clock)
        self._door = BrowserDoor(loaded.context)
        self._server = Server(self._services(loaded))
        self._server.open(common.listener, self._door)
        self._metrics_server = self._make_metrics_server(common, loaded)
        self._viewers_door = self._open_viewers_door(common, loaded)
        self._gateway = self._make_gateway(loaded)

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
        if self._gateway:
            self._gateway.stop()
        self._server.stop_accepting()
        LOG.info('%d sessions may go on for %g s', len(self._sessions),
                 self._drain_timeout)
        self._wait_for_sessions()
        self._sessions.stop()
        self._relay.stop(close_reasons.SHUTDOWN, CLOSE_TIMEOUT + 1)
        self._admin.stop()
        if self._metrics_server:
            self._metrics_server.stop_accepting()
        self._store.close()

    def _wait_for_sessions(self) -> None:
        deadline = Deadline(self._clock, self._drain_timeout,
                            'drain_timeout')
        while (left := deadline.remaining()) and not self._haste:
            if self._sessions.wait_until_empty(min(left, _HASTE_INTERVAL)):
                return

    def reload(self, loaded: Loaded) -> None:
        """Work with other settings from now on; sessions go on."""
        settings = loaded.settings
        self._drain_timeout = settings.drain_timeout
        self._relay.limits = settings.relay
        self._sessions.policy = settings.sessions
        self._authorizer.policy = settings.access
        self._server.services = self._services(loaded)
        self._door.context = loaded.context
        if self._viewers_door and loaded.viewers_context:
            self._viewers_door.context = loaded.viewers_context
        if self._gateway and settings.gateway:
            self._gateway.terms = Terms(settings.gateway.policy,
                                        loaded.gateway_context)

    def _open_viewers_door(self, common: Common, loaded: Loaded,
                           ) -> TicketDoor | None:
        if not common.viewers_listener or not loaded.viewers_context:
            return None
        door = TicketDoor(loaded.viewers_context, self._authorizer)
        self._server.open(common.viewers_listener, door)
        return door

    def _make_metrics_server(self, common: Common, loaded: Loaded,
                             ) -> Server | None:
        if not (common.metrics_listener
                and isinstance(self._metrics, PrometheusMetrics)):
            return None
        # One of its own, which neither a flood of browsers nor draining
        # keeps from answering.
        server = Server(dataclasses.replace(self._services(loaded),
                                            metrics=Metrics()))
        server.open(common.metrics_listener, MetricsDoor(self._metrics))
        return server

    def _make_gateway(self, loaded: Loaded) -> Gateway | None:
        settings = loaded.settings
        if settings.gateway is None:
            return None
        return Gateway(
            Terms(settings.gateway.policy, loaded.gateway_context),
            self._server, self._authorizer, self._store)

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
            viewer_port=settings.viewers.port if settings.viewers else 0)


class ProxyService(service.ServiceBase):
    """What oslo.service starts in each worker process.

    :param make_worker: called after the fork.
    :param reread: reads configuration and files again.
    :param common: of all workers, made before the fork as this is.
    """

    def __init__(self, make_worker: Callable[[], Worker],
                 reread: Callable[[], Loaded],
                 common: Common | None = None) -> None:
        self._make_worker = make_worker
        self._reread = reread
        self._common = common
        self._parent = os.getpid()
        self._worker: Worker | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        worker = self._make_worker()
        worker.start()
        self._worker = worker
        # What it works with was read before the fork, which for the
        # successor of a worker that died may be long ago.
        self.reset()

    def wait(self) -> None:
        self._stopped.wait()

    def stop(self) -> None:
        """SIGTERM."""
        if self._worker:
            self._worker.drain()
        elif self._common and os.getpid() == self._parent:
            # The eventlet backend asks here too, and has replaced whatever
            # close_at_sigterm() has set.
            for listener in self._common.public_listeners():
                _shut_down(listener)
            hurry_at_signals(self._common.haste)
        self._stopped.set()

    def reset(self) -> None:
        """SIGHUP: take what can be taken, keep what cannot be read."""
        try:
            loaded = self._reread()
        except ConsoleError as exc:
            LOG.error('The old configuration stays in force: %s', exc)
            return
        if self._worker:
            self._worker.reload(loaded)
            LOG.info('Configuration, certificates and page were read again')


def forward_sighup(wrapper: type | None) -> None:
    """Make SIGHUP call :meth:`ProxyService.reset`.

    oslo.service promises that, but its threading backend (seen in 4.8)
    hands its workers to Cotyledon without it, and Cotyledon's own answer to
    SIGHUP is to end the worker, with every session in it.

    :param wrapper: the backend's wrapper class; ``None`` if it has none.
    """
    if wrapper is not None and 'reload' not in vars(wrapper):
        def reload(self: object) -> None:
            self.service_instance.reset()  # type: ignore[attr-defined]
        wrapper.reload = reload  # type: ignore[attr-defined]


def close_at_sigterm(listener: socket.socket) -> None:
    """Refuse connections as soon as this process is told to end.

    That the workers close it is not enough: this process has it too, and
    the kernel would go on taking connections that nobody will ever serve.
    To shut it down ends it in all processes.

    :param listener: of the parent process of the workers, which calls this.
    """
    before: Any = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: object) -> None:
        _shut_down(listener)
        before(number, frame)

    signal.signal(signal.SIGTERM, handle)


def hurry_at_signals(haste: Haste) -> None:
    """End the draining at the next SIGTERM or SIGINT.

    Of the parent process of the workers, when it has told them to drain:
    whatever the backend would do at a second signal, it tells no session why.
    """
    def hurry(_number: int, _frame: object) -> None:
        haste.order()

    for number in _ENDING:
        signal.signal(number, hurry)


def ignore_signals() -> None:
    """Hear of no SIGTERM or SIGINT any more."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


def heed_second_signal(launcher: Any, haste: Haste) -> None:
    """Call :func:`hurry_at_signals` when the draining begins.

    oslo.service's threading backend leaves that to Cotyledon, which hears no
    signal from then on. The eventlet backend has :meth:`ProxyService.stop`.

    :param launcher: with its service.
    """
    manager = getattr(launcher, '_manager', None)
    if manager is not None:
        manager.register_hooks(
            on_terminate=lambda: hurry_at_signals(haste))


def _shut_down(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
