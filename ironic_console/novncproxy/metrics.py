# SPDX-License-Identifier: Apache-2.0
"""Numbers about the service for Prometheus, and who serves them.

They name no node, no user and no ticket: what is counted is how the service
does, not who uses it. Who counts what is up to the callers.
"""

import contextlib
import importlib
import os
import pathlib
import socket
import threading
import wsgiref.simple_server
from typing import Any

from ironic_console.common.errors import ConsoleError, Side
from ironic_console.novncproxy.close_reasons import CloseReason
from ironic_console.novncproxy.link import Link

_FOLDER = 'PROMETHEUS_MULTIPROC_DIR'
_PREFIX = 'ironic_console_'
# A BMC may take ten seconds, a handshake on one host a millisecond.
_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 5, 10, 20, 30, 60)
_LENGTHS = (10, 60, 300, 1800, 3600, 4 * 3600, 12 * 3600)
_TIMEOUT = 5


class Metrics:
    """Counts nothing; the base of what does."""

    def refused(self, error: ConsoleError) -> None:
        """A request was answered with an error, before the upgrade."""

    def failed(self, error: ConsoleError) -> None:
        """A session ended before there was a picture."""

    def handshake(self, side: Side, seconds: float) -> None:
        """An RFB handshake was finished, connecting included."""

    def opened(self, interface: str) -> None:
        """A session has a picture."""

    def closed(self, interface: str, link: Link, reason: CloseReason,
               seconds: float) -> None:
        """Such a session has ended."""

    def setups(self, number: int) -> None:
        """So many connections are being set up."""

    def turned_away(self, why: str) -> None:
        """A connection was closed without an answer of its own.

        :param why: one of our own words.
        """


class PrometheusMetrics(Metrics):
    """Counts, together with all other workers of this host.

    :param folder: of all workers, in which each keeps its numbers.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        # Read by the library when it is loaded, and never again.
        os.environ[_FOLDER] = str(folder)
        library = importlib.import_module('prometheus_client')
        multiprocess = importlib.import_module(
            'prometheus_client.multiprocess')
        self._app = library.make_wsgi_app
        self._registry = library.CollectorRegistry()
        multiprocess.MultiProcessCollector(self._registry, str(folder))
        _bury(folder, multiprocess)

        def counter(name: str, text: str, *labels: str) -> Any:
            return library.Counter(_PREFIX + name, text, labels)

        def histogram(name: str, text: str, buckets: Any, *labels: str,
                      ) -> Any:
            return library.Histogram(_PREFIX + name, text, labels,
                                     buckets=buckets)

        def gauge(name: str, text: str, *labels: str) -> Any:
            return library.Gauge(_PREFIX + name, text, labels,
                                 multiprocess_mode='livesum')

        self._open = gauge(
            'sessions', 'Sessions that show a picture.', 'interface')
        self._setups = gauge(
            'setups', 'Connections that are being set up.')
        self._refusals = counter(
            'refusals', 'Requests refused before the upgrade.', 'reason')
        self._failures = counter(
            'failures', 'Sessions that never had a picture.', 'reason')
        self._away = counter(
            'turned_away', 'Connections closed unheard.', 'why')
        self._closed = counter(
            'closed', 'Sessions that ended.', 'interface', 'reason')
        self._handshakes = histogram(
            'handshake_seconds', 'Connecting and RFB handshake.', _SECONDS,
            'side')
        self._lengths = histogram(
            'session_seconds', 'Length of sessions.', _LENGTHS, 'interface')
        self._bytes = counter(
            'bytes', 'Payload of sessions that ended.', 'direction')
        self._stalls = counter(
            'stalls', 'Times that a browser could not take more.')

    def refused(self, error: ConsoleError) -> None:
        self._refusals.labels(type(error).__name__).inc()

    def failed(self, error: ConsoleError) -> None:
        self._failures.labels(type(error).__name__).inc()

    def handshake(self, side: Side, seconds: float) -> None:
        self._handshakes.labels(side.value).observe(seconds)

    def opened(self, interface: str) -> None:
        self._open.labels(interface).inc()

    def closed(self, interface: str, link: Link, reason: CloseReason,
               seconds: float) -> None:
        self._open.labels(interface).dec()
        self._closed.labels(interface, reason.name).inc()
        self._lengths.labels(interface).observe(seconds)
        self._bytes.labels('from_browser').inc(link.from_browser_bytes)
        self._bytes.labels('to_browser').inc(link.to_browser_bytes)
        self._stalls.inc(link.stalls)

    def setups(self, number: int) -> None:
        self._setups.set(number)

    def turned_away(self, why: str) -> None:
        self._away.labels(why).inc()

    def serve(self, listener: socket.socket) -> 'MetricsServer':
        """Answer whoever asks for the numbers.

        :param listener: shared with the other workers; stays its caller's.
        """
        return MetricsServer(listener, self._app(self._registry))


class MetricsServer:
    """Answers GET with what a WSGI application says, one at a time."""

    def __init__(self, listener: socket.socket, app: Any) -> None:
        host, port = listener.getsockname()[:2]
        self._server = wsgiref.simple_server.WSGIServer(
            (host, port), _QuietHandler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener.dup()
        self._server.server_name, self._server.server_port = host, port
        self._server.setup_environ()
        self._server.set_app(app)
        threading.Thread(target=self._server.serve_forever, name='metrics',
                         daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _QuietHandler(wsgiref.simple_server.WSGIRequestHandler):
    timeout = _TIMEOUT

    def log_message(self, *_arguments: object) -> None:
        """Who asks every few seconds is no news."""


def _bury(folder: pathlib.Path, multiprocess: Any) -> None:
    """Forget what dead workers had open; what they counted stays."""
    for path in folder.glob('gauge_live*.db'):
        worker = path.stem.rpartition('_')[2]
        if worker.isdecimal() and not pathlib.Path('/proc', worker).exists():
            with contextlib.suppress(OSError):
                multiprocess.mark_process_dead(int(worker), str(folder))
