# SPDX-License-Identifier: Apache-2.0
"""Another host that remembers what it is told, credentials above all.

A client that follows a redirection to it has told them to a stranger.
"""

import ssl
from collections.abc import Callable
from typing import Any

from tests.simulators.redfish_bmc.envelopes import answer_json
from tests.simulators.redfish_bmc.service import Request
from tests.simulators.redfish_bmc.web import listen, pack

REMEMBERED = 1000
_CREDENTIALS = ('authorization', 'x-auth-token', 'cookie')


class Witness:
    """On a port of its own, and by another name than the BMC.

    :ivar requests: what came, oldest first.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.requests: list[dict[str, Any]] = []
        self._web = listen('127.0.0.1', 0, self._answer, context)
        self.url = f'https://localhost:{self._web.port}'

    def credentials(self) -> list[str]:
        """:returns: headers and bodies that it should never have seen."""
        return [text for request in self.requests
                for text in (*(request['headers'].get(name, '')
                               for name in _CREDENTIALS), request['body'])
                if text]

    def stop(self) -> None:
        self._web.stop()

    def _answer(self, request: Request, send: Callable[[bytes], object],
                ) -> bool:
        if len(self.requests) < REMEMBERED:
            self.requests.append({
                'method': request.method, 'path': request.path,
                'headers': dict(request.headers),
                'body': request.body.decode(errors='replace')})
        send(pack(request, answer_json({})))
        return True
