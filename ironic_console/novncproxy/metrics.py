# SPDX-License-Identifier: Apache-2.0
"""Metrics: numbers about the service, for Prometheus.

They name no node, no user and no ticket: what is counted is how the service
does, not who uses it. Who counts what is up to the callers, and who asks for
the numbers is served by metrics_door.py.
"""

import importlib
import os
import pathlib
from typing import Any

from ironic_console.common.errors import ConsoleError, Side
from ironic_console.novncproxy.close_reasons import CloseReason
from ironic_console.novncproxy.link import Link

_FOLDER = 'PROMETHEUS_MULTIPROC_DIR'
_PREFIX = 'ironic_console_'
# A BMC may take ten seconds, a handshake on one host a millisecond.
_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 5, 10, 20, 30, 60)
_LENGTHS = (10, 60, 300, 1800, 3600, 4 * 3600, 12 * 3600)


class Metrics:
    """Counts nothing; the base of what does."""

    def refused(self, error: ConsoleError) -> None:
        """A request was answered with an error, before the upgrade."""

    def failed(self, error: ConsoleError) -> None:
        """A session ended before there was a picture."""

    def handshake(self, side: Side, seconds: float) -> None:
        """An RFB handshake was finished, connecting included."""

    def sessions(self, state: str, interface: str, change: int) -> None:
        """There are so many more sessions in a state, or fewer.

        :param state: one of our own words.
        """

    def closed(self, interface: str, link: Link, reason: CloseReason,
               seconds: float) -> None:
        """A session that had a picture has ended."""

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
        self._folder = folder
        # The library's way to be told; it looks there when it makes a file.
        os.environ[_FOLDER] = str(folder)
        library = importlib.import_module('prometheus_client')
        multiprocess = importlib.import_module(
            'prometheus_client.multiprocess')
        # It chooses this when it is loaded, which somebody else may have
        # done before us.
        values = importlib.import_module('prometheus_client.values')
        values.ValueClass = values.MultiProcessValue()  # type: ignore[attr-defined]
        self._generate = library.generate_latest
        self._content_type: str = library.CONTENT_TYPE_LATEST
        self._registry = library.CollectorRegistry()
        multiprocess.MultiProcessCollector(self._registry, str(folder))
        self._bury()

        def counter(name: str, text: str, *labels: str) -> Any:
            return library.Counter(_PREFIX + name, text, labels,
                                   registry=None)

        def histogram(name: str, text: str, buckets: Any, *labels: str,
                      ) -> Any:
            return library.Histogram(_PREFIX + name, text, labels,
                                     buckets=buckets, registry=None)

        def gauge(name: str, text: str, *labels: str) -> Any:
            return library.Gauge(_PREFIX + name, text, labels, registry=None,
                                 multiprocess_mode='livesum')

        self._sessions = gauge(
            'sessions', 'Sessions, those that connect included.', 'state',
            'interface')
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

    def sessions(self, state: str, interface: str, change: int) -> None:
        self._sessions.labels(state, interface).inc(change)

    def closed(self, interface: str, link: Link, reason: CloseReason,
               seconds: float) -> None:
        self._closed.labels(interface, reason.name).inc()
        self._lengths.labels(interface).observe(seconds)
        self._bytes.labels('from_browser').inc(link.from_browser_bytes)
        self._bytes.labels('to_browser').inc(link.to_browser_bytes)
        self._stalls.inc(link.stalls)

    def setups(self, number: int) -> None:
        self._setups.set(number)

    def turned_away(self, why: str) -> None:
        self._away.labels(why).inc()

    def text(self) -> tuple[bytes, str]:
        """:returns: the numbers of all workers, and their content type."""
        self._bury()
        return self._generate(self._registry), self._content_type

    def _bury(self) -> None:
        """Forget what dead workers had open; what they counted stays."""
        for path in self._folder.glob('gauge_live*.db'):
            worker = path.stem.rpartition('_')[2]
            if worker.isdecimal() and not _lives(int(worker)):
                path.unlink(missing_ok=True)


def clear(folder: pathlib.Path) -> None:
    """Forget what workers of earlier proxies counted: counters begin anew
    with the service, as Prometheus expects."""
    for path in folder.glob('*_*.db'):
        path.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        status = pathlib.Path('/proc', str(pid), 'stat').read_text()
    except OSError:
        return False
    # A zombie does not; the name before its state may hold anything.
    return not status.rpartition(')')[2].lstrip().startswith('Z')
