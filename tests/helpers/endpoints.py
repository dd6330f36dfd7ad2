# SPDX-License-Identifier: Apache-2.0
"""Consoles of real VNC servers, opened through the real proxy.

The node's record is as a driver writes it; what comes out is what a viewer
in a browser gets, and what an operator reads in the log.
"""

import dataclasses
import logging
import re
import urllib.parse
from collections import Counter
from typing import Any

import pytest

from ironic_console.common.addresses import Resolver
from ironic_console.common.clock import Clock
from ironic_console.common.endpoint_dialer import EndpointDialer
from ironic_console.common.errors import ConsoleError
from ironic_console.common.nodes import NodeRecord
from ironic_console.common.tls import EndpointTls
from tests.helpers.foreign_viewer import ForeignViewer
from tests.helpers.proxy import (
    RunningWorker,
    node_record,
    path_to,
    ticket_for,
    wait_until,
)
from tests.helpers.vnc_servers import IPV4, PASSWORD, USER


def node_at(port: int, *types: int, host: str = IPV4, password: str = PASSWORD,
            username: str = USER, **endpoint: Any) -> NodeRecord:
    """Make a node whose driver knows a password.

    :param types: security types and sub-types that may be used.
    :param endpoint: more of ``console_endpoint``.
    """
    return node_record(
        port, host, endpoint={'security_types': list(types), **endpoint},
        credential={'password': password, 'username': username})


def console_url(worker: RunningWorker, record: NodeRecord,
                read_only: bool = False) -> str:
    """:returns: what "console show" would print."""
    worker.store.records[record.uuid] = record
    path = path_to(record.uuid, ticket_for(record, read_only=read_only))
    query = urllib.parse.urlencode({'path': path.lstrip('/')})
    return f'http://{worker.address[0]}:{worker.address[1]}/vnc.html?{query}'


def colours(worker: RunningWorker, record: NodeRecord) -> Counter[int]:
    """Look at a console.

    :returns: how many pixels have which colour, 24 bits of red, green and
        blue.
    """
    with ForeignViewer(console_url(worker, record)) as viewer:
        # 32 bits, depth 24, little-endian, true colour, shifts 16, 8 and 0;
        # the last byte of a pixel is nothing.
        assert viewer.pixel_format[:4] == b'\x20\x18\x00\x01'
        assert viewer.pixel_format[10:13] == b'\x10\x08\x00'
        pixels = memoryview(viewer.picture()).cast('I')
        return Counter(pixel & 0xffffff for pixel in pixels)


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A console that did not open.

    :ivar error: class of it.
    :ivar text: of the error, for operators.
    :ivar code: of the close frame.
    :ivar told: to the user.
    :ivar log: lines of the proxy at WARNING and above.
    """

    error: type[ConsoleError]
    text: str
    code: int
    told: str
    log: list[str]


def refusal(worker: RunningWorker, record: NodeRecord,
            caplog: pytest.LogCaptureFixture) -> Refusal:
    """Open a console in vain, without the proxy and through it."""
    error = dial_error(worker, record)
    caplog.clear()
    worker.store.records[record.uuid] = record
    with worker.open(record) as browser:
        inside = browser.read_refusal()
        code, told = browser.wait_closed()
    said = re.fullmatch(r'(.+) \(([0-9a-f]{8})\)', inside)
    assert said
    assert said[1] == told
    wait_until(lambda: not worker.sessions(), 'the session is forgotten')
    log = warnings_in(caplog)
    assert log[-1].startswith(f'{said[2]}: node {record.uuid} could not be '
                              'opened for ')
    assert 'Traceback' not in caplog.text
    assert told == error.public_reason
    assert code == error.close_code
    assert PASSWORD not in caplog.text
    return Refusal(type(error), str(error), code, told, log)


def dial_error(worker: RunningWorker, record: NodeRecord) -> ConsoleError:
    """:returns: with what the proxy's way to an endpoint fails."""
    settings = worker.settings
    dialer = EndpointDialer(
        Resolver(settings.addresses), EndpointTls(settings.endpoint_tls),
        Clock(), settings.setup.connect_timeout,
        settings.setup.handshake_timeout)
    with pytest.raises(ConsoleError) as caught:
        dialer.open(record.endpoint(), record.credential(),
                    lambda event: None)
    return caught.value


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records
            if record.levelno >= logging.WARNING]
