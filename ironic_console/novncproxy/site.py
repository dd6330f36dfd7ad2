# SPDX-License-Identifier: Apache-2.0
"""What is answered besides consoles: the page and two questions about us."""

import threading

from ironic_console.common.clock import Clock
from ironic_console.common.errors import NodeStoreUnavailable
from ironic_console.common.nodes import NodeStore
from ironic_console.novncproxy import http
from ironic_console.novncproxy.http import Answer
from ironic_console.novncproxy.pages import Pages
from ironic_console.novncproxy.request import PageRequest

_NOT_FOUND = Answer(404, b'There is nothing here.\n')
# How long an answer about the store is good for, seconds. Anybody may ask, so
# asking must not load the database.
_READINESS_LIFETIME = 1.0


class Site:
    """Answers requests that open no console. Tells nothing that is secret
    to anybody, so nobody has to authenticate.

    :param pages: files of the page.
    :param store: whose reachability makes us ready.
    :param clock: for how long that is believed.
    """

    def __init__(self, pages: Pages, store: NodeStore, clock: Clock) -> None:
        self._pages = pages
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._readiness: Answer | None = None
        self._ready_until = 0.0

    def __call__(self, request: PageRequest) -> Answer:
        if request.path == '/healthz':
            return http.json_answer(200, {'status': 'ok'})
        if request.path == '/readyz':
            return self._current_readiness()
        return self._pages.find(request) or _NOT_FOUND

    def _current_readiness(self) -> Answer:
        # Who comes while the store is being asked waits for that answer.
        with self._lock:
            if (self._readiness is None
                    or self._clock.monotonic() >= self._ready_until):
                self._readiness = self._check()
                self._ready_until = (self._clock.monotonic()
                                     + _READINESS_LIFETIME)
            return self._readiness

    def _check(self) -> Answer:
        try:
            self._store.check()
        except NodeStoreUnavailable as exc:
            return http.refusal(exc)
        return http.json_answer(200, {'status': 'ok'})
