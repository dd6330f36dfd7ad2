# SPDX-License-Identifier: Apache-2.0
"""The door for Prometheus: HTTP, one question, one answer.

What is counted is up to metrics.py. Whoever can connect may ask, so nothing
here may name a node or a user.
"""

import contextlib
import socket

from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.clock import Deadline
from ironic_console.common.errors import BadRequest
from ironic_console.novncproxy import http
from ironic_console.novncproxy.http import Answer, Conversation
from ironic_console.novncproxy.metrics import PrometheusMetrics
from ironic_console.novncproxy.server import Arrival

PATH = '/metrics'


class MetricsDoor:
    """Answers ``GET /metrics``, and HEAD.

    :param metrics: of all workers.
    """

    def __init__(self, metrics: PrometheusMetrics) -> None:
        self._metrics = metrics

    def serve(self, arrival: Arrival) -> None:
        channel = TcpChannel(arrival.sock, arrival.peer)
        deadline = Deadline(arrival.services.clock,
                            arrival.services.limits.head_timeout,
                            'head_timeout')
        with contextlib.closing(channel):
            conversation = Conversation(channel)
            try:
                head = conversation.next_request(deadline)
                if head is None:
                    return
                answer = self._answer(head.method, head.target)
            except BadRequest as exc:
                answer = http.refusal(exc)
            conversation.answer(answer, deadline)

    def turn_away(self, sock: socket.socket) -> None:
        sock.close()

    def _answer(self, method: bytes, target: bytes) -> Answer:
        """:raises BadRequest: it asks for something else."""
        if target.partition(b'?')[0] != PATH.encode():
            raise BadRequest(f'only {PATH} is served here', 404)
        if method not in (b'GET', b'HEAD'):
            raise BadRequest('only GET and HEAD are understood', 405)
        text, content_type = self._metrics.text()
        return Answer(200, text, content_type)
