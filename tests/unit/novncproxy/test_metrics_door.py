# SPDX-License-Identifier: Apache-2.0
"""Who asks for metrics gets them, and nothing else."""

import dataclasses

import pytest

from ironic_console.common.clock import Clock
from ironic_console.novncproxy.metrics import Metrics
from ironic_console.novncproxy.metrics_door import MetricsDoor
from ironic_console.novncproxy.server import Server, listen
from ironic_console.novncproxy.settings import SetupLimits
from tests.helpers.proxy import (
    Holdings,
    HTTPConnection,
    http_get,
    wait_until,
)


class FakeMetrics:
    def text(self):
        return b'sessions 7\n', 'text/plain; version=1.0.0'


@dataclasses.dataclass
class FakeServices:
    limits: SetupLimits
    clock: Clock = dataclasses.field(default_factory=Clock)
    metrics: Metrics = dataclasses.field(default_factory=Metrics)


@pytest.fixture
def address():
    before = Holdings.now()
    listener = listen('127.0.0.1', 0)
    address = listener.getsockname()
    server = Server(FakeServices(SetupLimits(max_setups=2,
                                             head_timeout=3)))
    server.open(listener, MetricsDoor(FakeMetrics()))
    server.start()
    yield address
    server.stop_accepting()
    before.wait_for_return()


def test_answers(address):
    for target in ('/metrics', '/metrics?debug=1'):
        answer = http_get(address, target)
        assert answer.status == 200
        assert answer.body == b'sessions 7\n'
        assert answer.headers['content-type'] == 'text/plain; version=1.0.0'


@pytest.mark.parametrize(('target', 'method', 'status'), [
    ('/', 'GET', 404), ('/metricsx', 'GET', 404), ('/healthz', 'GET', 404),
    ('/websockify', 'GET', 404), ('/metrics', 'POST', 405),
    ('/metrics', 'DELETE', 405)])
def test_answers_nothing_else(address, target, method, status):
    assert http_get(address, target, method=method).status == status


def test_what_is_not_http_is_told_so(address):
    with HTTPConnection(address) as connection:
        connection.send(b'\x16\x03\x01 nonsense\r\n\r\n')
        assert connection.read_response().status == 400
        assert connection.is_closed()


def test_who_is_slow_keeps_nobody_waiting(address):
    with HTTPConnection(address) as one, HTTPConnection(address) as other:
        one.send(b'GET /met')
        other.send(b'G')
        assert http_get(address, '/metrics').status == 200
        wait_until(lambda: http_get(address, '/metrics').status == 200,
                   'it still answers')
        assert other.is_closed() or other.read_response().status == 408
