# SPDX-License-Identifier: Apache-2.0
"""Knobs and state of a running BMC over HTTP, for who is not in its process.

On loopback only, and without a login: it is a tool of tests.

=================  ========================================================
GET /state         all there is to know, passwords too
POST /faults       an object of knobs and their values; all are set, or none
POST /attributes   values to be in effect, as if set before; not validated
=================  ========================================================
"""

import json
from collections.abc import Callable

from tests.simulators.redfish_bmc.attributes import TABLE
from tests.simulators.redfish_bmc.bmc import RedfishBmc
from tests.simulators.redfish_bmc.envelopes import Answer, answer_json
from tests.simulators.redfish_bmc.knobs import UnknownKnob
from tests.simulators.redfish_bmc.service import Request, json_object
from tests.simulators.redfish_bmc.web import listen, pack

LOOPBACK = '127.0.0.1'


class Control:
    """The control port of one BMC.

    :ivar url: of it, without a path.
    """

    def __init__(self, bmc: RedfishBmc, port: int = 0) -> None:
        self._bmc = bmc
        self._web = listen(LOOPBACK, port, self._serve)
        self.url = self._web.url

    def stop(self) -> None:
        self._web.stop()

    def _serve(self, request: Request, send: Callable[[bytes], object],
               ) -> bool:
        send(pack(request, self._answer(request)))
        return True

    def _answer(self, request: Request) -> Answer:
        match request.method, request.path:
            case 'GET', '/state':
                return answer_json(self._bmc.state())
            case 'POST', '/faults':
                return self._change(request, self._turn)
            case 'POST', '/attributes':
                return self._change(request, self._set)
        return answer_json({'error': 'there is GET /state, POST /faults and '
                                     'POST /attributes'}, 404)

    def _change(self, request: Request, change: Callable[..., str],
                ) -> Answer:
        content = json_object(request.body)
        problem = ('the body must be a JSON object' if content is None
                   else change(content))
        if problem:
            return answer_json({'error': problem}, 400)
        return answer_json(self._bmc.state())

    def _turn(self, changes: dict[str, object]) -> str:
        try:
            self._bmc.turn(**changes)
        except UnknownKnob as exc:
            return str(exc)
        return ''

    def _set(self, changes: dict[str, str | int]) -> str:
        for name, value in changes.items():
            if name not in TABLE:
                return f'no attribute {name}'
            kind = type(TABLE[name].default)
            if type(value) is not kind:
                return f'{name} is of type {kind.__name__}'
        self._bmc.set_attributes(changes)
        return ''


def parse_knob(text: str) -> tuple[str, object]:
    """:param text: ``name=value``, as on a command line; the value is JSON, or
        a string as it is."""
    name, _, value = text.partition('=')
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
