# SPDX-License-Identifier: Apache-2.0
"""Life of the proxy's processes, as oslo.service drives it.

What runs in a worker is put together in worker.py.
"""

import dataclasses
import logging
import os
import threading
from collections.abc import Callable

from oslo_service import service

from ironic_console.common.errors import ConsoleError
from ironic_console.novncproxy import signals
from ironic_console.novncproxy.loading import Loaded
from ironic_console.novncproxy.settings import Settings, needs_restart
from ironic_console.novncproxy.shared import Shared
from ironic_console.novncproxy.worker import Worker

LOG = logging.getLogger(__name__)


class ProxyService(service.ServiceBase):
    """What oslo.service starts in each worker process.

    The parent process has it too, and reads what the workers read: a worker
    that is forked later begins with what was good last.

    :param make_worker: called after the fork.
    :param reread: reads configuration and files again.
    :param loaded: to begin with.
    :param shared: by all workers, made before the fork as this is.
    """

    def __init__(self, make_worker: Callable[[Loaded], Worker],
                 reread: Callable[[], Loaded], loaded: Loaded,
                 shared: Shared) -> None:
        self._make_worker = make_worker
        self._reread = reread
        self._loaded = loaded
        self._shared = shared
        # What needs a restart to be otherwise.
        self._running = loaded.settings
        self._parent = os.getpid()
        self._worker: Worker | None = None
        self._lock = threading.RLock()
        self._stopped = threading.Event()

    def guard_forks(self) -> None:
        """Fork no worker while the configuration is being read.

        The threading backend forks on a thread of its own, and no lock must
        be held by a thread that the worker has not.
        """
        os.register_at_fork(before=self._lock.acquire,
                            after_in_parent=self._lock.release,
                            after_in_child=self._lock.release)

    def start(self) -> None:
        with self._lock:
            worker = self._make_worker(self._loaded)
            worker.start()
            self._worker = worker
        LOG.info('Worker serves')

    def wait(self) -> None:
        self._stopped.wait()

    def stop(self) -> None:
        """SIGTERM."""
        if self._worker:
            with signals.allowed_to_drain(self._worker.drain_timeout):
                self._worker.drain()
        elif self._is_parent():
            # The eventlet backend has replaced whatever close_at_sigterm()
            # has set.
            for listener in self._shared.public_listeners():
                signals.shut_down(listener)
            signals.override_drain_at_signals(self._shared.drain_override)
            signals.allow_to_drain(self._loaded.settings.drain_timeout)
        self._stopped.set()

    def reset(self) -> None:
        """SIGHUP: take what can be taken, keep what cannot be read."""
        with self._lock:
            try:
                loaded = self._reread()
            except ConsoleError as exc:
                self._complain(exc)
                return
            self._loaded = loaded
            if self._worker:
                self._worker.reload(loaded)
                LOG.info('Configuration, certificates and page were read '
                         'again')
            elif self._is_parent():
                self._shared.close_unused(loaded.settings)
                self._name_restarts(loaded.settings)

    def _is_parent(self) -> bool:
        return os.getpid() == self._parent

    def _complain(self, error: ConsoleError) -> None:
        if self._is_parent() and not self._worker:
            # Each worker says the same, and that it is an error.
            LOG.warning('Workers that begin from now on begin with the old '
                        'configuration: %s', error)
        else:
            LOG.error('The old configuration stays in force: %s', error)

    def _name_restarts(self, wanted: Settings) -> None:
        # What was closed is not there any more.
        self._running = dataclasses.replace(
            self._running,
            metrics=wanted.metrics and self._running.metrics,
            viewers=wanted.viewers and self._running.viewers)
        options = needs_restart(self._running, wanted)
        if options:
            LOG.warning('A restart is needed for what has changed in %s',
                        ', '.join(options))
