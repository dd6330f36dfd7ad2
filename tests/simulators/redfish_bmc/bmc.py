# SPDX-License-Identifier: Apache-2.0
"""All parts of a BMC, joined. It has no logic of its own."""

import dataclasses
import pathlib
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any, Self

from tests.helpers.certificates import Authority, Certificate
from tests.simulators.redfish_bmc import attributes
from tests.simulators.redfish_bmc.attributes import Attributes
from tests.simulators.redfish_bmc.envelopes import Messages
from tests.simulators.redfish_bmc.knobs import Knobs
from tests.simulators.redfish_bmc.profiles import PROFILES
from tests.simulators.redfish_bmc.resources import Machine
from tests.simulators.redfish_bmc.service import Service
from tests.simulators.redfish_bmc.sessions import Sessions
from tests.simulators.redfish_bmc.tasks import Tasks
from tests.simulators.redfish_bmc.vnc import Certificates, VncServer
from tests.simulators.redfish_bmc.web import FaultyWire, Web
from tests.simulators.redfish_bmc.witness import Witness
from tools.lab import ports


@dataclasses.dataclass(frozen=True)
class Identity:
    """Who a BMC is and where.

    :ivar port: of HTTPS; 0 for a free one.
    :ivar vnc_port: what VNCServer.1.Port is at first; 0 for a free one.
    """

    host: str = '127.0.0.1'
    port: int = 0
    vnc_port: int = 0
    username: str = 'root'
    password: str = 'calvin'
    service_tag: str = 'SIM0001'


class RedfishBmc:
    """A BMC that runs until the end of its ``with``.

    :param certificate: of HTTPS; it is for the host, and for ``localhost`` if
        a redirection is to be followed.
    :param profile: name of a generation.
    :param knobs: what goes wrong from the beginning.
    :ivar vnc: its VNC server.
    :ivar witness: where redirections go to.
    """

    def __init__(self, certificate: Certificate, profile: str = 'idrac9',
                 identity: Identity = Identity(),
                 **knobs: Any) -> None:
        self.identity = identity
        self.profile = PROFILES[profile]
        self.knobs = Knobs.of(self.profile, **knobs)
        self._certificate = certificate

    def __enter__(self) -> Self:
        # Not where tests have theirs: paths of UNIX sockets must be short.
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='bmc-'))
        identity, profile = self.identity, self.profile
        messages = Messages(profile)
        self.vnc = VncServer(
            self._folder, identity.host, profile.depth, Certificates(
                self._certificate, Authority(
                    'idrac-vnc', [identity.host]).itself), self.knobs)
        self._attributes = Attributes(
            profile, messages, lambda: self.knobs.licensed,
            {attributes.ACTIVE: self.vnc.live})
        self._attributes.store({
            attributes.PORT: identity.vnc_port
            or ports.free_port(identity.host)})
        self._sessions = Sessions(identity.username, identity.password)
        self._service = Service(
            Machine(profile, identity.service_tag, self._attributes,
                    self._sessions, Tasks()),
            self.knobs, messages, lambda: self.witness.url, self._applied)
        self._wire = FaultyWire(self.knobs, self._service.answer)
        context = self._certificate.server_context()
        self.witness = Witness(context)
        self._web = Web(identity.host, identity.port, self._wire, context)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._wire.stop()
        self._web.stop()
        self.witness.stop()
        self.vnc.stop()
        shutil.rmtree(self._folder)

    # -- where it is ---------------------------------------------------------

    @property
    def host(self) -> str:
        return self.identity.host

    @property
    def port(self) -> int:
        return self._web.port

    @property
    def url(self) -> str:
        host = f'[{self.host}]' if ':' in self.host else self.host
        return f'https://{host}:{self.port}'

    @property
    def vnc_port(self) -> int:
        """What VNCServer.1.Port is."""
        return int(self.attributes[attributes.PORT])

    # -- what it is ----------------------------------------------------------

    @property
    def attributes(self) -> dict[str, str | int]:
        """Values in effect, with secrets."""
        return self._attributes.values()

    @property
    def requests(self) -> dict[tuple[str, str], int]:
        """Method and path -> how many came, also those that were cut."""
        return dict(self._wire.requests)

    @property
    def sessions(self) -> Sessions:
        return self._sessions

    def set_attributes(self, changes: Mapping[str, str | int]) -> None:
        """As if somebody had done so before."""
        self._attributes.store(changes)
        self._applied()

    def turn(self, **changes: Any) -> None:
        """Set knobs, with what follows for VNC.

        :raises UnknownKnob: it names what there is.
        """
        self.knobs.set(changes)
        self.vnc.follow()

    def paint(self, colour: int) -> None:
        """Give the whole screen one colour; VNC must be enabled.

        :param colour: 24 bits of red, green and blue.
        """
        assert self.vnc.display, 'VNC is disabled'
        self.vnc.display.run('xsetroot', 'x11-xserver-utils', '-solid',
                             f'#{colour:06x}')

    def state(self) -> dict[str, Any]:
        """:returns: all there is to know, as JSON can have it."""
        return {
            'profile': self.profile.name, 'url': self.url,
            'attributes': self.attributes, 'knobs': self.knobs.as_dict(),
            'requests': {' '.join(key): count
                         for key, count in self.requests.items()},
            'sessions': {'live': len(self._sessions.live()),
                         'peak': self._sessions.peak,
                         'logins': self._sessions.logins,
                         'refused': self._sessions.refused},
            'vnc': self.vnc.state(),
            'witness': self.witness.requests}

    def _applied(self) -> None:
        self.vnc.follow(self._attributes.values())
