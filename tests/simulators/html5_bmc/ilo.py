# SPDX-License-Identifier: Apache-2.0
"""HPE iLO 4 to 7: their web server.

The cookie ``sessionKey`` may be read by scripts, as that of a real one.
"""

import functools
import time

from tests.simulators.html5_bmc import core
from tests.simulators.html5_bmc.core import Core
from tests.simulators.html5_bmc.sessions import Refusal, Session
from tests.simulators.html5_bmc.web import (
    Answer,
    Request,
    as_json,
    redirect,
)
from tests.simulators.html5_bmc.websocket import WebSocket

COOKIE = 'sessionKey'
#: Ids of user name, password and button, before an update and after it.
FORM = ('username', 'password', 'login-form__submit')
CHANGED_FORM = ('loginName', 'loginSecret', 'loginGo')
_PRIVILEGES = dict.fromkeys(
    ('login_priv', 'remote_cons_priv', 'virtual_media_priv', 'reset_priv',
     'config_priv', 'user_priv'), 1)
#: The greeting on the console's WebSocket.
_HELLO, _CONSOLE, _SEIZE, _SHARE = b'\x50', 0x2001, 0x0055, 0x0056
_DENIED, _GOOD, _BUSY, _UNLICENSED = b'\x51', b'\x52', b'\x53', b'\x57'
_GREETING_TIMEOUT = 10.0
#: A person thinks about a busy console.
_QUESTION_TIMEOUT = 60.0


class Ilo:
    """Request -> answer."""

    def __init__(self, parts: Core) -> None:
        self._core = parts
        self._oem_key = 'Hp' if parts.profile.name == 'ilo4' else 'Hpe'

    def answer(self, request: Request) -> Answer:
        match request.method, request.path:
            case 'GET', '/redfish/v1':
                return self._root()
            case 'POST', '/json/login_session':
                return self._login_session(request)
            case 'GET', '/json/session_info':
                return self._session_info(request)
            case 'GET', '/json/login_info':
                return as_json({'moniker': {
                    'PRODABR': self._core.profile.title}})
            case 'GET', '/' | '/html/login.html':
                return self._page('ilo/login.html')
            case 'GET', '/irc.html':
                return self._console(request)
            case 'GET', '/wss/ircport':
                return self._websocket(request)
            case 'GET', '/js/login.js' | '/js/irc.js' | '/js/form.js':
                return self._core.pages.script(f'ilo{request.path[3:]}')
            case 'GET', core.ADMIN if not self._session(request):
                return redirect('/html/login.html')
        return self._core.other_page(request) or core.not_found()

    # -- JSON ----------------------------------------------------------------

    def _root(self) -> Answer:
        return as_json({
            '@odata.id': '/redfish/v1/', 'Id': 'RootService',
            'Name': 'HPE RESTful Root Service', 'RedfishVersion': '1.13.0',
            'Vendor': 'HPE', 'Oem': {self._oem_key: {'Manager': [{
                'ManagerType': self._core.profile.title,
                'ManagerFirmwareVersion': '2.99'}]}}})

    def _login_session(self, request: Request) -> Answer:
        body = request.json
        if body.get('method') == 'logout':
            self._core.sessions.end(
                self._core.sessions.find(str(body.get('session_key'))))
            return as_json({})
        if body.get('method') != 'login':
            return as_json({'message': 'JS_ERR_BAD_METHOD'}, 400)
        found = self._core.sessions.log_in(body.get('user_login'),
                                           body.get('password'))
        if isinstance(found, Refusal):
            status = 503 if found is Refusal.HICCUP else 403
            return as_json({'message': f'JS_ERR_{found.name}',
                            'details': self._core.reason(found)}, status)
        return as_json(
            {'session_key': found.token, **self._about(found)},
            Set_Cookie=f'{COOKIE}={found.token}; Path=/; Secure; '
                       'SameSite=Strict')

    def _session_info(self, request: Request) -> Answer:
        session = self._session(request)
        if not session:
            return as_json({'message': 'JS_ERR_LOST_SESSION',
                            'details': self._core.texts.expired}, 403)
        return as_json(self._about(session))

    def _about(self, session: Session) -> dict[str, object]:
        return {'user_name': self._core.profile.username,
                'user_account': self._core.profile.username,
                'user_ip': '127.0.0.1', 'user_type': 'Local',
                'session_id': session.number, **_PRIVILEGES}

    def _session(self, request: Request) -> Session | None:
        return self._core.sessions.find(
            request.cookie(COOKIE) or request.headers.get('x-auth-token', ''))

    # -- pages ---------------------------------------------------------------

    def _page(self, name: str, session: str = '', notice: str = '',
              ) -> Answer:
        form = CHANGED_FORM if self._core.knobs.changed_page else FORM
        return self._core.pages.show(
            name, user_id=form[0], password_id=form[1], submit_id=form[2],
            session=session, notice=notice)

    def _console(self, request: Request) -> Answer:
        session = self._session(request)
        notice = ''
        if session and self._core.knobs.expired_token:
            self._core.sessions.end(session)
            session, notice = None, self._core.texts.expired
        if session and self._core.knobs.no_licence:
            return self._core.no_licence()
        is_in = session and not self._core.profile.own_form
        return self._page('ilo/irc.html', '1' if is_in else '', notice)

    # -- the console ---------------------------------------------------------

    def _websocket(self, request: Request) -> Answer:
        if not request.cookie(COOKIE) or not request.wants_websocket:
            return as_json({'message': 'JS_ERR_LOST_SESSION'}, 403)
        return Answer(status=101, speak=functools.partial(
            self._speak, self._session(request)))

    def _speak(self, session: Session | None, socket: WebSocket) -> None:
        parts = self._core
        with parts.consoles.counting():
            if parts.knobs.expired_token:
                parts.sessions.end(session)
                session = None
            verdict = self._greet(session, socket)
            socket.send(verdict)
            if session and verdict == _GOOD:
                parts.consoles.show(
                    socket, lambda: bool(parts.sessions.find(session.token)))
            socket.close()

    def _greet(self, session: Session | None, socket: WebSocket) -> bytes:
        """:returns: the last word about whether it may have the console."""
        socket.send(_HELLO)
        hello = socket.receive(_GREETING_TIMEOUT)
        if (not session or not isinstance(hello, bytes) or len(hello) != 34
                or hello[:2] != _CONSOLE.to_bytes(2, 'little')
                or hello[2:] != session.token.encode()):
            return _DENIED
        knobs = self._core.knobs
        if knobs.no_licence:
            return _UNLICENSED
        if not knobs.in_use:
            return _GOOD
        socket.send(_BUSY)
        wish = socket.receive(_QUESTION_TIMEOUT)
        if wish not in (_SEIZE.to_bytes(2, 'little'),
                        _SHARE.to_bytes(2, 'little')):
            return _DENIED
        until = time.monotonic() + knobs.answers_after
        while (left := until - time.monotonic()) > 0:
            socket.receive(left)
        if knobs.denies:
            return _DENIED
        knobs.in_use = False
        return _GOOD
