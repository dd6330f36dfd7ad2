# SPDX-License-Identifier: Apache-2.0
"""Supermicro as of X11: its web server, and the IKVM node of its Redfish.

Both ways lead to the same console page, which carries a ticket of its own.
"""

import functools
import secrets
import struct
import time
import zlib

from tests.simulators.html5_bmc import core, redfish
from tests.simulators.html5_bmc.core import Core
from tests.simulators.html5_bmc.redfish import Redfish
from tests.simulators.html5_bmc.sessions import Refusal, Session
from tests.simulators.html5_bmc.web import Answer, Request, as_json
from tests.simulators.html5_bmc.websocket import WebSocket

COOKIE = 'SID'
IKVM = f'{redfish.ROOT}/Managers/1/Oem/Supermicro/IKVM'
#: Name of the user's field, ids of password and button, before an update and
#: after it.
FORM = ('name', 'pwd', 'login_word')
CHANGED_FORM = ('login_name', 'login_pwd', 'login_button')
_INTERFACE = 'Current interface'
_HTML5, _JAVA = 'HTML 5', 'JAVA plug-in'
#: First message on the WebSocket: token, and as many zeros.
_TOKEN, _GREETING_TIMEOUT = 24, 10.0
#: Message 0x39 is about other users; what follows is our own.
_IN_USE, _TAKE, _DENIED = b'\x39\x00', b'\x39\x01', b'\x39\x02'
_QUESTION_TIMEOUT = 60.0
_PAGES = {'mainmenu': 'mainmenu.html', 'topmenu': 'topmenu.html',
          'sys_info': 'sys_info.html'}


class Supermicro:
    """Request -> answer."""

    def __init__(self, parts: Core) -> None:
        self._core = parts
        self._redfish = Redfish(parts, 'Supermicro', {'Supermicro': {}})

    def answer(self, request: Request) -> Answer:
        match request.method, request.path:
            case 'GET', '/' if request.wants_websocket:
                return self._websocket(request)
            case 'GET', '/':
                return self._page('login.html')
            case 'POST', '/cgi/login.cgi':
                return self._log_in(request)
            case 'GET', '/cgi/url_redirect.cgi':
                return self._url_redirect(request)
            case 'GET', '/cgi/logout.cgi':
                return self._log_out(request)
            case 'GET', '/js/ikvm.js':
                return self._core.pages.script('supermicro/ikvm.js')
            case 'GET', core.ADMIN if not self._session(request):
                return self._timed_out()
        if request.path.startswith('/redfish/'):
            return self._answer_redfish(request)
        return self._core.other_page(request) or core.not_found()

    # -- web pages -----------------------------------------------------------

    @property
    def _form(self) -> tuple[str, str, str]:
        return CHANGED_FORM if self._core.knobs.changed_page else FORM

    def _page(self, name: str, token: str = '', notice: str = '',
              status: int = 200) -> Answer:
        form = self._form
        return self._core.pages.show(
            f'supermicro/{name}', status, user_id=form[0], password_id=form[1],
            submit_id=form[2], token=token, notice=notice)

    def _log_in(self, request: Request) -> Answer:
        username, password, _ = self._form
        found = self._core.sessions.log_in(request.form.get(username),
                                           request.form.get(password))
        if isinstance(found, Refusal):
            status = 500 if found is Refusal.HICCUP else 200
            return self._page('alert.html', '', self._core.reason(found),
                              status)
        return _with_cookie(self._page('entry.html'), found)

    def _log_out(self, request: Request) -> Answer:
        self._core.sessions.end(self._session(request))
        return self._page('exit.html')

    def _url_redirect(self, request: Request) -> Answer:
        session = self._session(request)
        name = request.query.get('url_name', '')
        if not session:
            return self._timed_out()
        if name in _PAGES:
            return self._page(_PAGES[name])
        if name == 'Snapshot':
            return Answer(_png(self._core.consoles.colour),
                          headers={'Content-Type': 'image/png'})
        if name == 'man_ikvm_html5_bootstrap':
            return self._console(session)
        return core.not_found()

    def _console(self, session: Session) -> Answer:
        knobs = self._core.knobs
        if knobs.expired_token:
            self._core.sessions.end(session)
            return self._timed_out()
        if knobs.no_licence:
            return self._core.no_licence()
        if knobs.changed_console:
            return self._core.pages.show('notice.html')
        ticket = self._core.sessions.issue(secrets.token_urlsafe(_TOKEN)[
            :_TOKEN], session.token)
        return self._page('ikvm.html', ticket)

    def _timed_out(self) -> Answer:
        return self._page('alert.html', '', self._core.texts.expired)

    def _session(self, request: Request) -> Session | None:
        return (self._core.sessions.find(request.cookie(COOKIE))
                or self._redfish.session(request))

    # -- Redfish -------------------------------------------------------------

    def _answer_redfish(self, request: Request) -> Answer:
        if request.path.endswith('.IKVM'):
            return self._one_time_page(request.path)
        answer = (self._redfish.public(request)
                  or self._redfish.refuse(request)
                  or self._redfish.log_out(request))
        if answer:
            return answer
        node = self._core.knobs.ikvm_node
        if request.path != IKVM or node == 'missing':
            return redfish.no_resource()
        if node == 'unlicensed' or self._core.knobs.no_licence:
            return redfish.error(403, 'SMC.1.0.OemLicenseNotPassed',
                                 self._core.texts.licence)
        if request.method == 'PATCH':
            return self._switch(request)
        return self._ikvm(node == 'java')

    def _ikvm(self, java: bool) -> Answer:
        found = {'@odata.type': '#IKVM.v1_0_1.IKVM', '@odata.id': IKVM,
                 'Id': 'IKVM', 'Name': 'IKVM',
                 _INTERFACE: _JAVA if java else _HTML5}
        if not java:
            found['URI'] = self._core.sessions.issue(
                f'/redfish/{secrets.token_hex(12)}.IKVM')
        return as_json(found)

    def _switch(self, request: Request) -> Answer:
        wish = request.json.get(_INTERFACE)
        if wish not in (_HTML5, _JAVA):
            return redfish.malformed(f'{_INTERFACE} cannot be that.')
        self._core.knobs.ikvm_node = 'html5' if wish == _HTML5 else 'java'
        return self._ikvm(wish == _JAVA)

    def _one_time_page(self, path: str) -> Answer:
        if (self._core.sessions.redeem(path) is None
                or self._core.knobs.expired_token):
            return redfish.no_resource()
        session = self._core.sessions.begin()
        if not session:
            return self._page('alert.html', '', self._core.texts.limit)
        return _with_cookie(self._console(session), session)

    # -- the console ---------------------------------------------------------

    def _websocket(self, request: Request) -> Answer:
        session = self._core.sessions.find(request.cookie(COOKIE))
        if not session:
            return core.forbidden()
        return Answer(status=101,
                      speak=functools.partial(self._speak, session))

    def _speak(self, session: Session, socket: WebSocket) -> None:
        parts = self._core
        with parts.consoles.counting():
            hello = socket.receive(_GREETING_TIMEOUT)
            if (isinstance(hello, bytes) and len(hello) == 2 * _TOKEN
                    and parts.sessions.redeem(
                        hello[:_TOKEN].decode(errors='replace'))
                    == session.token
                    and self._may_take(socket)):
                parts.consoles.show(
                    socket, lambda: bool(parts.sessions.find(session.token)))
            socket.close()

    def _may_take(self, socket: WebSocket) -> bool:
        knobs = self._core.knobs
        if not knobs.in_use:
            return True
        socket.send(_IN_USE)
        if socket.receive(_QUESTION_TIMEOUT) != _TAKE:
            return False
        until = time.monotonic() + knobs.answers_after
        while (left := until - time.monotonic()) > 0:
            socket.receive(left)
        if knobs.denies:
            socket.send(_DENIED)
            return False
        knobs.in_use = False
        return True


def _with_cookie(answer: Answer, session: Session) -> Answer:
    return core.with_headers(answer, {
        'Set-Cookie': f'{COOKIE}={session.token}; Path=/; Secure; HttpOnly'})


def _png(colour: int) -> bytes:
    """:returns: a small picture of one colour."""
    width, height = 160, 120
    line = b'\0' + colour.to_bytes(3) * width

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (struct.pack('>I', len(data)) + kind + data
                + struct.pack('>I', zlib.crc32(kind + data)))
    return b''.join((
        b'\x89PNG\r\n\x1a\n',
        chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)),
        chunk(b'IDAT', zlib.compress(line * height)), chunk(b'IEND', b'')))
