# SPDX-License-Identifier: Apache-2.0
"""Clients of a simulated BMC: one that sees every byte, and sushy."""

import base64
import contextlib
import dataclasses
import gc
import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any

import sushy
from sushy import auth

from tests.helpers.bmc import Bmcs
from tests.simulators.redfish_bmc import RedfishBmc

ROOT = '/redfish/v1'
MANAGER = f'{ROOT}/Managers/iDRAC.Embedded.1'
DELL = f'{MANAGER}/Oem/Dell/DellAttributes/iDRAC.Embedded.1'
LEGACY = f'{MANAGER}/Attributes'
SESSIONS = f'{ROOT}/SessionService/Sessions'
ENABLE, PASSWORD, PORT, TIMEOUT = (
    f'VNCServer.1.{name}' for name in ('Enable', 'Password', 'Port',
                                       'Timeout'))
GOOD_PASSWORD = 'Abc12!xy'
#: For answers that are not late on purpose, seconds.
PATIENCE = 20.0


@dataclasses.dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Those of its error envelope."""
        error = self.json['error']
        assert error['code'].endswith('.GeneralError')
        assert error['message']
        messages: list[dict[str, Any]] = error['@Message.ExtendedInfo']
        return messages

    @property
    def message_ids(self) -> list[str]:
        return [message['MessageId'] for message in self.messages]


class RedfishClient:
    """Asks one BMC, each time on a connection of its own.

    :param headers: with credentials; of the user if ``None``.
    """

    def __init__(self, bmcs: Bmcs, bmc: RedfishBmc,
                 headers: Mapping[str, str] | None = None) -> None:
        self._context = bmcs.authority.client_context()
        self._bmc = bmc
        self._headers = (basic('root', 'calvin') if headers is None
                         else headers)

    def ask(self, method: str, path: str, content: Any = None,
            timeout: float = PATIENCE) -> Reply:
        connection = http.client.HTTPSConnection(
            self._bmc.host, self._bmc.port, timeout=timeout,
            context=self._context)
        with contextlib.closing(connection):
            body = None if content is None else json.dumps(content)
            connection.request(method, path, body, dict(self._headers))
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())

    def get(self, path: str) -> Reply:
        return self.ask('GET', path)

    def patch(self, **changes: Any) -> Reply:
        """:param changes: of VNCServer attributes."""
        return self.ask('PATCH', DELL, {'Attributes': {
            f'VNCServer.1.{name}': value for name, value in changes.items()}})

    def log_in(self, password: str = 'calvin') -> Reply:
        return self.ask('POST', SESSIONS,
                        {'UserName': 'root', 'Password': password})


def basic(username: str, password: str) -> dict[str, str]:
    both = base64.b64encode(f'{username}:{password}'.encode()).decode()
    return {'Authorization': f'Basic {both}'}


@contextlib.contextmanager
def session(bmcs: Bmcs, bmc: RedfishBmc) -> Iterator[sushy.Sushy]:
    """sushy as Ironic uses it, but with little patience."""
    with auth.SessionAuth('root', 'calvin') as login:
        yield sushy.Sushy(
            bmc.url, auth=login, verify=bmcs.ca_file, server_side_retries=2,
            server_side_retries_delay=0.01)
    # Now, and not when other tests run.
    gc.collect()


def dell_attributes(root: sushy.Sushy) -> Any:
    """:returns: those of the manager."""
    extension = root.get_manager().get_oem_extension('Dell')
    return next(iter(extension.attributes))
