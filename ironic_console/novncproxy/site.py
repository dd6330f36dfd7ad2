# SPDX-License-Identifier: Apache-2.0
"""What is answered besides consoles: the page and two questions about us."""

from ironic_console.common.errors import NodeStoreUnavailable
from ironic_console.common.nodes import NodeStore
from ironic_console.novncproxy import http
from ironic_console.novncproxy.http import Answer
from ironic_console.novncproxy.pages import Pages
from ironic_console.novncproxy.request import PageRequest

_NOT_FOUND = Answer(404, b'There is nothing here.\n')


class Site:
    """Answers requests that open no console. Tells nothing that is secret
    to anybody, so nobody has to authenticate.

    :param pages: files of the page.
    :param store: whose reachability makes us ready.
    """

    def __init__(self, pages: Pages, store: NodeStore) -> None:
        self._pages = pages
        self._store = store

    def __call__(self, request: PageRequest) -> Answer:
        if request.path == '/healthz':
            return http.json_answer(200, {'status': 'ok'})
        if request.path == '/readyz':
            return self._readiness()
        return self._pages.find(request) or _NOT_FOUND

    def _readiness(self) -> Answer:
        try:
            self._store.check()
        except NodeStoreUnavailable as exc:
            return http.refusal(exc)
        return http.json_answer(200, {'status': 'ok'})
