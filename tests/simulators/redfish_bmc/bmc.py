# SPDX-License-Identifier: Apache-2.0
"""All parts of a BMC, joined. It has no logic of its own."""

import contextlib
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
from tests.simulators.redfish_bmc.web import FaultyWire, listen
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
    :ivar sessions: who has logged in.
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
        with contextlib.ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def _start(self, stack: contextlib.ExitStack) -> None:
        # Not where tests have theirs: paths of UNIX sockets must be short.
        folder = pathlib.Path(tempfile.mkdtemp(prefix='bmc-'))
        stack.callback(shutil.rmtree, folder)
        identity, profile = self.identity, self.profile
        own = Authority('idrac-vnc', [identity.host]).itself
        self.vnc = VncServer(
            folder, identity.host, profile.depth,
            Certificates(self._certificate, own), self.knobs)
        stack.callback(self.vnc.stop)
        context = self._certificate.server_context()
        self.witness = Witness(context)
        stack.callback(self.witness.stop)
        self._wire = FaultyWire(self.knobs, self._service().answer)
        self._web = listen(identity.host, identity.port, self._wire, context)
        stack.callback(self._web.stop)
        stack.callback(self._wire.stop)

    def _service(self) -> Service:
        identity, profile = self.identity, self.profile
        messages = Messages(profile)
        self._attributes = Attributes(
            profile, messages, lambda: self.knobs.licensed,
            {attributes.ACTIVE: self.vnc.live})
        self._attributes.store({
            attributes.PORT: identity.vnc_port
            or ports.free_port(identity.host)})
        self.sessions = Sessions(identity.username, identity.password)
        machine = Machine(profile, identity.service_tag, self._attributes,
                          self.sessions, Tasks())
        return Service(machine, self.knobs, messages, self.witness.url,
                       self._applied)

    # -- where it is ---------------------------------------------------------

    @property
    def host(self) -> str:
        return self.identity.host

    @property
    def port(self) -> int:
        return self._web.port

    @property
    def url(self) -> str:
        return self._web.url

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
    def secrets(self) -> set[str]:
        """All that ever opened something: passwords and tokens."""
        return {self.identity.password, *self._attributes.passwords,
                *self.sessions.tokens}

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
        """Give the whole screen one colour, also when it starts anew.

        :param colour: 24 bits of red, green and blue.
        """
        self.knobs.set({'colour': colour})
        if self.vnc.display:
            self.vnc.display.paint(colour)

    def state(self) -> dict[str, Any]:
        """:returns: all there is to know, as JSON can have it."""
        return {
            'profile': self.profile.name, 'url': self.url,
            'attributes': self.attributes, 'knobs': self.knobs.as_dict(),
            'requests': {' '.join(key): count
                         for key, count in self.requests.items()},
            'sessions': {'live': len(self.sessions.live()),
                         'peak': self.sessions.peak,
                         'logins': self.sessions.logins,
                         'refused': self.sessions.refused},
            'vnc': self.vnc.state(),
            'witness': self.witness.requests}

    def _applied(self) -> None:
        self.vnc.follow(self._attributes.values())
