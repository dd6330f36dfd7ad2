# SPDX-License-Identifier: Apache-2.0
"""Ironic's REST API, for where a second per CLI call is too slow.

Tests of what users see use the real ``baremetal`` program instead
(`LocalIronic.baremetal`).
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import Any

from tools.lab.process import POLL_INTERVAL

CONNECT_TIMEOUT = 60.0


class RestError(Exception):
    """The API refused, failed, or cannot be reached.

    :ivar status: of HTTP; 0 if there was no answer.
    :ivar reason: in the words of Ironic.
    """

    def __init__(self, call: str, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(f'{call}: {status or "no answer"}: {reason}')


class RestClient:
    """The API of one Ironic without authentication.

    :param url: where the API listens, without ``/v1``.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def call(self, method: str, path: str, body: object = None,
             timeout: float = CONNECT_TIMEOUT) -> Any:
        """Make one call.

        :param path: from ``/v1`` on.
        :param body: what is sent as JSON; nothing if None.
        :returns: the parsed answer; None if it is empty.
        :raises RestError: see there.
        """
        call = f'{method} {path}'
        request = urllib.request.Request(
            self.url + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={'Accept': 'application/json',
                     'Content-Type': 'application/json',
                     'X-OpenStack-Ironic-API-Version': 'latest'})
        try:
            with _OPENER.open(request, timeout=timeout) as answer:
                text = answer.read()
        except urllib.error.HTTPError as exc:
            raise RestError(call, exc.code, _reason(exc.read())) from exc
        except (OSError, http.client.HTTPException) as exc:
            raise RestError(call, 0, str(exc)) from exc
        return json.loads(text) if text else None

    def node(self, name: str) -> Any:
        """:returns: a node, found by name or UUID."""
        return self.call('GET', f'/v1/nodes/{name}')

    def create_node(self, **fields: object) -> Any:
        """:param fields: of the node, such as driver and driver_info.
        :returns: the node.
        """
        return self.call('POST', '/v1/nodes', fields)

    def set_node(self, name: str, **fields: object) -> Any:
        """Replace fields of a node.

        :returns: the node.
        """
        return self.call('PATCH', f'/v1/nodes/{name}', [
            {'op': 'add', 'path': f'/{field}', 'value': value}
            for field, value in fields.items()])

    def delete_node(self, name: str) -> None:
        """Delete a node, which ends its console."""
        self.call('DELETE', f'/v1/nodes/{name}')

    def set_console(self, name: str, enabled: bool,
                    timeout: float = 30.0) -> Any:
        """Switch a console on or off, and wait until that is done.

        :returns: what `console` returns then.
        :raises RestError: it was refused, failed (status 0 and the node's
            last_error), or took too long.
        """
        path = f'/v1/nodes/{name}/states/console'
        self.call('PUT', path, {'enabled': enabled})
        deadline = time.monotonic() + timeout
        while True:
            node = self.node(name)
            if node['console_enabled'] is enabled and not node['reservation']:
                return self.console(name)
            if node['last_error'] and not node['reservation']:
                raise RestError(f'PUT {path}', 0, node['last_error'])
            if time.monotonic() > deadline:
                raise RestError(f'PUT {path}', 0,
                                f'not done after {timeout:g} s')
            time.sleep(POLL_INTERVAL)

    def console(self, name: str) -> Any:
        """:returns: dict with console_enabled and console_info."""
        return self.call('GET', f'/v1/nodes/{name}/states/console')

    def console_url(self, name: str) -> str:
        """:returns: a fresh URL of a console that is enabled."""
        return str(self.console(name)['console_info']['url'])


# Nothing here is meant for the proxy that the environment may name.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _reason(text: bytes) -> str:
    """:returns: the fault in an answer of Ironic, or all of the answer."""
    try:
        message = json.loads(text)['error_message']
        if isinstance(message, str):  # JSON in JSON, as WSME had it
            message = json.loads(message)
        return str(message['faultstring'])
    except (ValueError, KeyError, TypeError):
        return text.decode(errors='replace')
