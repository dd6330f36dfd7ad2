# SPDX-License-Identifier: Apache-2.0
"""Nodes whose BMC is a simulated iDRAC, and what comes of their consoles."""

import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ironic.common import exception

from ironic_console.common import nodes
from ironic_console.common.addresses import (
    AddressPolicy,
    Resolver,
    parse_networks,
)
from ironic_console.common.clock import Clock
from ironic_console.common.endpoint_dialer import EndpointDialer, OpenEndpoint
from ironic_console.common.nodes import NodeRecord
from ironic_console.common.tls import ClientTls, EndpointTls
from ironic_console.drivers.idrac_vnc import IDRACVNCConsole
from tests.helpers.bmc import Bmcs
from tests.helpers.conductor import Node, Task
from tests.simulators.redfish_bmc import RedfishBmc
from tests.simulators.redfish_bmc.envelopes import Answer
from tests.simulators.redfish_bmc.service import Request

ENABLE, PORT, TIMEOUT, SSL, PASSWORD = (f'VNCServer.1.{name}' for name in (
    'Enable', 'Port', 'Timeout', 'SSLEncryptionBitLength', 'Password'))
MANAGER = '/redfish/v1/Managers/iDRAC.Embedded.1'
SYSTEM = '/redfish/v1/Systems/System.Embedded.1'
#: Words of the simulated BMC that nobody but operators should read.
_PROSE = re.compile('default password is still|licence that this needs|'
                    'user lacks|is not ready for|The service is|'
                    'There is no|The value|Credentials are|Loading')
Tamper = Callable[[Request, Answer], Answer]


class Rack:
    """One simulated iDRAC, with the node that it belongs to.

    :param knobs: what goes wrong with it from the beginning.
    """

    def __init__(self, bmcs: Bmcs, profile: str = 'idrac9', **knobs: Any,
                 ) -> None:
        self.bmc: RedfishBmc = bmcs.start(profile, **knobs)
        self.node = Node(**bmcs.driver_info(self.bmc),
                         idrac_vnc_port=self.bmc.vnc_port)
        self.node.console_interface = 'idrac-vnc'
        self.task = Task(self.node)
        self.console = IDRACVNCConsole()

    @property
    def info(self) -> dict[str, Any]:
        return self.node.driver_internal_info

    @property
    def password(self) -> str:
        """What the node says that the VNC server has been given."""
        return str(self.info[nodes.CREDENTIAL_KEY]['password'])

    def start(self) -> None:
        """As "console enable" does."""
        self.console.start_console(self.task)
        self.node.console_enabled = True

    def stop(self) -> None:
        """As "console disable" does."""
        self.console.stop_console(self.task)
        self.node.console_enabled = False

    def check(self) -> None:
        """What is done every now and then."""
        self.console._check(self.task)

    def requests(self) -> int:
        """How many the BMC has got so far."""
        return sum(self.bmc.requests.values())

    def changes(self) -> int:
        """How many of these were to change something."""
        return sum(count for (method, _path), count
                   in self.bmc.requests.items() if method == 'PATCH')

    def tamper(self, change: Tamper) -> None:
        """Have answers of the BMC changed on their way."""
        wire = self.bmc._wire
        right = wire._right_answer
        wire._right_answer = lambda request: change(request, right(request))

    def answer_with(self, part: str, content: Any, status: int = 200,
                    **headers: str) -> None:
        """Have it answer so.

        :param part: of ``"METHOD /path"``, or the end of one with ``$``.
        """
        body = content if isinstance(content, bytes) else json.dumps(
            content).encode()

        def change(request: Request, answer: Answer) -> Answer:
            if f'{request.method} {request.path}$'.find(part) < 0:
                return answer
            return Answer(status, body, {
                name.replace('_', '-'): value
                for name, value in headers.items()})
        self.tamper(change)

    def refusal(self, within: float = 20.0) -> str:
        """Try to start the console, in vain.

        :param within: seconds.
        :returns: what becomes ``last_error``, a sentence as it should be.
        """
        began = time.monotonic()
        with pytest.raises(exception.ConsoleError) as caught:
            self.start()
        took = time.monotonic() - began
        assert took < within, f'it took {took:.1f} s'
        return self.sentence(str(caught.value))

    def sentence(self, text: str) -> str:
        """:returns: the text, which says where, what and what to do."""
        assert (self.node.driver_info['redfish_address'] in text
                or re.search(r'VNC server (at 127\.0\.0\.1:\d+|may)', text)
                ), text
        assert text.count('. ') <= 1, text
        assert re.search(r'\b(set|correct|check|see|install|give|reset|try|'
                         'change|Install|have|name|enable|allow)', text), text
        assert not _PROSE.search(text), text
        assert '***' not in text, text
        assert len(text) < 500, text
        assert '\n' not in text, text
        for secret in self.secrets():
            assert secret not in text, text
        return text

    def secrets(self) -> list[str]:
        """What opens something."""
        bmc = self.bmc
        found = [bmc.identity.password,
                 str(bmc.attributes['VNCServer.1.Password']),
                 *list(bmc.sessions._by_token)]
        return [one for one in found if one]


def see(rack: Rack) -> OpenEndpoint:
    """Open the console as the proxy does."""
    record = NodeRecord.from_info(rack.node.uuid, 'rack7', None, True,
                                  rack.info)
    dialer = EndpointDialer(
        Resolver(AddressPolicy(parse_networks(['127.0.0.0/8']))),
        EndpointTls(ClientTls()), Clock(), 10, 10)
    return dialer.open(record.endpoint(), record.credential(),
                       lambda event: None)


def opens(rack: Rack) -> bool:
    opened = see(rack)
    opened.channel.close()
    return opened.handshake.server_init.name == b'OpenVNC'


def viewers_gone(rack: Rack) -> None:
    """A BMC with one session needs a moment to see that it has ended."""
    deadline = time.monotonic() + 20
    while rack.bmc.vnc.state()['viewers']:
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
