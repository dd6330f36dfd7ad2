# SPDX-License-Identifier: Apache-2.0
"""Dell iDRAC9: its Redfish action for a console's ticket, and the console.

A slot of the console is taken until the page says goodbye: whose browser
dies keeps it.
"""

import functools
import secrets
import time

from tests.simulators.html5_bmc import core, redfish
from tests.simulators.html5_bmc.core import Core
from tests.simulators.html5_bmc.redfish import Redfish
from tests.simulators.html5_bmc.sessions import Session
from tests.simulators.html5_bmc.web import Answer, Request, as_json
from tests.simulators.html5_bmc.websocket import WebSocket

_ACTION = ('DelliDRACCardService/Actions/'
           'DelliDRACCardService.GetKVMSession')
GET_KVM_SESSION = (f'{redfish.ROOT}/Managers/iDRAC.Embedded.1/Oem/Dell/'
                   f'{_ACTION}')
OLD_GET_KVM_SESSION = (f'{redfish.ROOT}/Dell/Managers/iDRAC.Embedded.1/'
                       f'{_ACTION}')
_FOLDER = '/restgui/vconsole'
#: Bytes of a SessionTypeName; digits of each half of a ticket.
_MAX_NAME, _DIGITS = 32, 24
#: Messages of Dell's: 0xf7, what; from the browser 0xf7, 0, what.
_KEY_REQUEST, _SHARED, _APPROVED = b'\xf7\xb3', b'\xf7\xa4', b'\xf7\xa6\x01'
_HEARTBEAT, _GOODBYE = b'\xf7\x00\xf6', b'\xf7\x00\xf9'
#: Of our own: no free slot, not approved, and the wish to share.
_FULL, _REFUSED, _WISH = b'\xf7\xff', b'\xf7\xa6\x00', b'\xf7\x00\xa4'
#: Seconds.
_KEY_TIMEOUT, _QUESTION_TIMEOUT = 7.0, 60.0


class Idrac:
    """Request -> answer.

    :ivar heartbeats: how many came.
    """

    def __init__(self, parts: Core) -> None:
        self._core = parts
        self._redfish = Redfish(parts, 'Dell', {'Dell': {
            'ServiceTag': 'SIM0009', 'ManagerMACAddress':
                '00:00:5e:00:53:09'}})
        self.heartbeats = 0

    def answer(self, request: Request) -> Answer:
        if request.path.startswith('/redfish/'):
            return self._answer_redfish(request)
        if request.path.startswith('/restgui/'):
            return self._answer_restgui(request)
        if request.path in ('/vnc/vconsole', '/vmc/vconsole'):
            return self._websocket(request)
        return self._core.other_page(request) or core.not_found()

    def _answer_redfish(self, request: Request) -> Answer:
        old_only = self._core.knobs.old_paths
        actions = {OLD_GET_KVM_SESSION} | (
            set() if old_only else {GET_KVM_SESSION})
        answer = (self._redfish.public(request)
                  or self._redfish.refuse(request)
                  or self._redfish.log_out(request))
        if answer:
            return answer
        if request.method == 'POST' and request.path in actions:
            return self._get_kvm_session(request)
        return redfish.no_resource()

    def _get_kvm_session(self, request: Request) -> Answer:
        name = request.json.get('SessionTypeName')
        if not isinstance(name, str) or len(name.encode()) > _MAX_NAME:
            return redfish.malformed(
                'SessionTypeName must be a string of at most 32 bytes.')
        if self._core.knobs.no_licence:
            return redfish.error(403, 'IDRAC.2.9.LIC501',
                                 self._core.texts.licence)
        if self._is_full():
            return redfish.error(503, 'IDRAC.2.9.RAC0218',
                                 self._core.texts.limit)
        first, second = (''.join(secrets.choice('0123456789')
                                 for _ in range(_DIGITS)) for _ in range(2))
        self._core.sessions.issue(first, second)
        return as_json({'TempUsername': first, 'TempPassword': second},
                       202 if self._core.knobs.accepted else 200)

    def _answer_restgui(self, request: Request) -> Answer:
        knobs, pages = self._core.knobs, self._core.pages
        if 'gzip' not in request.headers.get('accept-encoding', ''):
            return core.not_found()
        match request.path.removeprefix(_FOLDER):
            case '/index.html' if not knobs.changed_page:
                return (self._core.no_licence() if knobs.no_licence
                        else pages.show('idrac/index.html'))
            case '/vconsole.js':
                return pages.script('idrac/vconsole.js')
        return core.not_found()

    # -- the console ---------------------------------------------------------

    def _websocket(self, request: Request) -> Answer:
        key = request.query.get('vck', '')
        if not request.wants_websocket or len(key) != _DIGITS:
            return core.bad_gateway()
        return Answer(status=101,
                      speak=functools.partial(self._speak, key))

    def _speak(self, key: str, socket: WebSocket) -> None:
        parts = self._core
        with parts.consoles.counting():
            second = parts.sessions.redeem(key)
            slot = (None if second is None or parts.knobs.expired_token
                    else self._greet(key, second, socket))
            if slot:
                parts.consoles.show(
                    socket, lambda: bool(parts.sessions.find(slot.token)),
                    functools.partial(self._hear, slot))
            socket.close()

    def _greet(self, key: str, second: str, socket: WebSocket,
               ) -> Session | None:
        """:returns: a slot, if there is one and one may have it."""
        socket.send(_KEY_REQUEST)
        if (socket.receive(_KEY_TIMEOUT)
                != _KEY_REQUEST + second.encode() + bytes(8)):
            return None
        if self._is_full():
            socket.send(_FULL)
            return None
        return (self._core.sessions.begin('console', key)
                if self._may_share(socket) else None)

    def _may_share(self, socket: WebSocket) -> bool:
        knobs = self._core.knobs
        others = knobs.asks_to_share and any(
            session.kind == 'console' for session in self._core.sessions.live()
        )
        if not knobs.in_use and not others:
            return True
        socket.send(_SHARED + bytes(258))
        if socket.receive(_QUESTION_TIMEOUT) != _WISH:
            return False
        until = time.monotonic() + knobs.answers_after
        while (left := until - time.monotonic()) > 0:
            socket.receive(left)
        socket.send(_REFUSED if knobs.denies else _APPROVED)
        return not knobs.denies

    def _hear(self, slot: Session, message: bytes) -> None:
        if message == _GOODBYE:
            self._core.sessions.end(slot)
        elif message == _HEARTBEAT:
            self.heartbeats += 1

    def _is_full(self) -> bool:
        sessions = self._core.sessions
        return len(sessions.live()) >= sessions.limit
