# SPDX-License-Identifier: Apache-2.0
"""All parts of a BMC, joined. It has no logic of its own."""

import contextlib
import pathlib
import tempfile
import threading
from collections.abc import Callable
from typing import Self

from tests.helpers.certificates import Authority, Certificate
from tests.simulators.html5_bmc.consoles import Consoles
from tests.simulators.html5_bmc.core import Core, Vendor
from tests.simulators.html5_bmc.idrac import Idrac
from tests.simulators.html5_bmc.ilo import Ilo
from tests.simulators.html5_bmc.knobs import Knobs
from tests.simulators.html5_bmc.ledger import PATIENCE, Entry, Ledger
from tests.simulators.html5_bmc.pages import Pages
from tests.simulators.html5_bmc.profiles import PROFILES
from tests.simulators.html5_bmc.sessions import Session, Sessions
from tests.simulators.html5_bmc.supermicro import Supermicro
from tests.simulators.html5_bmc.web import Answer, Request, listen

_VENDORS: dict[str, Callable[[Core], Vendor]] = {
    **dict.fromkeys(('ilo4', 'ilo5', 'ilo6', 'ilo7'), Ilo),
    'supermicro': Supermicro, 'idrac9': Idrac}


class Html5Bmc:
    """A BMC that runs until the end of its ``with``.

    :param profile: a name of ``PROFILES``.
    :param knobs: what goes wrong from the beginning.
    :param address: to listen on; port 0 for a free one.
    :param credentials: user name and password, if not the profile's.
    :param certificate: if not a self-signed one of its own.
    :ivar certificate: what it presents.
    :ivar ca_file: PEM of what it is trusted by: its own if it is self-signed.
    """

    def __init__(self, profile: str = 'ilo5', knobs: Knobs | None = None, *,
                 address: tuple[str, int] = ('127.0.0.1', 0),
                 credentials: tuple[str, str] | None = None,
                 certificate: Certificate | None = None) -> None:
        self.profile = PROFILES[profile]
        self._knobs = knobs or Knobs()
        self.host, self._wanted_port = address
        self.username, self.password = credentials or (
            self.profile.username, self.profile.password)
        self.certificate = certificate or Authority(
            'BMC', [self.host, 'localhost']).itself
        self._ledger = Ledger()
        self._stopping = threading.Event()
        self._consoles = Consoles(self.profile, self.knobs, self._ledger)
        self._sessions = Sessions(
            self.profile, (self.username, self.password), self.knobs,
            self._ledger)
        self._vendor = _VENDORS[profile](Core(
            self.profile, self.knobs, self._sessions, self._consoles,
            Pages(self.profile, lambda: f'https://localhost:{self.port}')))

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            folder = pathlib.Path(stack.enter_context(
                tempfile.TemporaryDirectory(prefix='html5-bmc-')))
            self.ca_file = str(folder / 'ca.pem')
            pathlib.Path(self.ca_file).write_bytes(self.certificate.cert)
            self._web = listen(
                self.host, self._wanted_port,
                self.certificate.server_context(), self._serve)
            stack.callback(self._web.stop)
            stack.callback(self._sessions.end_all)
            stack.callback(self._stopping.set)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    # -- where it is ---------------------------------------------------------

    @property
    def port(self) -> int:
        return self._web.port

    @property
    def url(self) -> str:
        return self._web.url

    # -- what has happened ---------------------------------------------------

    @property
    def sessions(self) -> list[Session]:
        """Those that are logged in now; Dell: the consoles in use."""
        return self._sessions.live()

    @property
    def sessions_begun(self) -> int:
        return self._sessions.begun

    @property
    def sessions_peak(self) -> int:
        """Most that were logged in at a time."""
        return self._sessions.peak

    @property
    def consoles(self) -> int:
        """Number of console WebSockets that are open now."""
        return len(self._consoles)

    @property
    def log(self) -> list[Entry]:
        """All requests, oldest first."""
        return self._ledger.log

    @property
    def strayed(self) -> list[Entry]:
        """Requests for another host, which only its link leads to."""
        return [entry for entry in self.log if entry.host == 'localhost']

    @property
    def keys(self) -> list[tuple[bool, str]]:
        """What was typed: down or up, ``KeyboardEvent.code``."""
        return self._ledger.keys

    @property
    def typed(self) -> str:
        """The characters of it."""
        return self._ledger.typed

    @property
    def clicks(self) -> list[tuple[int, int]]:
        """Where on the picture."""
        return self._ledger.clicks

    @property
    def secrets(self) -> set[str]:
        """All that ever opened something: nothing of it may be found
        anywhere."""
        return self._sessions.secrets

    def wait_for(self, condition: Callable[[], object], what: str,
                 timeout: float = PATIENCE) -> None:
        """Wait until a condition holds; it is asked at each change.

        :param what: for the message, as in "waited 60 s for ...".
        :raises AssertionError: it did not in time.
        """
        self._ledger.wait_for(condition, what, timeout)

    # -- what is done to it --------------------------------------------------

    @property
    def knobs(self) -> Knobs:
        """What goes wrong from now on; just set them."""
        return self._knobs

    def paint(self, colour: int) -> None:
        """Change the main colour of the picture, 24 bits."""
        self._consoles.colour = colour

    def click(self, element_id: str) -> None:
        """Let the pages of all consoles click on one of their elements, also
        if it is hidden, as a person could.

        :param element_id: see ``pages/menu.html``.
        """
        self._consoles.errands.append(element_id)

    def kick(self) -> None:
        """Lose all sessions, and with them the consoles; returns when they
        are closed."""
        self._sessions.end_all()
        self.wait_for(lambda: not self.consoles, 'consoles to be closed')

    def _serve(self, request: Request) -> Answer | None:
        answer = self._vendor.answer(request)
        self._ledger.note_request(Entry(
            request.method, request.target, answer.status, request.host))
        is_page = answer.headers.get('Content-Type', '').startswith(
            'text/html')
        if is_page and self._stopping.wait(self.knobs.slow):
            return None
        return answer
