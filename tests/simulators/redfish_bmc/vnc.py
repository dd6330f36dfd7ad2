# SPDX-License-Identifier: Apache-2.0
"""The VNC server of a BMC: attributes and knobs -> display and gate.

It runs only while it is enabled. Changes take effect at once, and end what
runs.
"""

import dataclasses
import pathlib
import secrets
import threading
from collections.abc import Mapping
from typing import Any

from tests.helpers.certificates import Certificate
from tests.simulators.redfish_bmc import attributes
from tests.simulators.redfish_bmc.display import Display
from tests.simulators.redfish_bmc.gate import Gate, Loop, Rules
from tests.simulators.redfish_bmc.knobs import Knobs


@dataclasses.dataclass(frozen=True)
class Certificates:
    """What it may show.

    :ivar https: the one of the web server.
    :ivar own: its own, which nobody trusts.
    """

    https: Certificate
    own: Certificate


@dataclasses.dataclass(frozen=True)
class _Wanted:
    """What is to run.

    :ivar tls: from byte 0.
    :ivar vencrypt: in the display.
    """

    password: str
    port: int
    tls: Certificate | None = None
    vencrypt: Certificate | None = None


class VncServer:
    """Off until :meth:`follow` says that it is on.

    :param folder: its own; the path must be short.
    :param depth: of the display's pixels.
    :ivar certificates: what it may show.
    :ivar trouble: why the port could not be opened, if so.
    """

    def __init__(self, folder: pathlib.Path, host: str, depth: int,
                 certificates: Certificates, knobs: Knobs) -> None:
        self._folder = folder
        self._depth = depth
        self.certificates = certificates
        self._knobs = knobs
        self._lock = threading.RLock()
        self._loop = Loop()
        self._gate = Gate(self._loop, host, self._rules)
        self._values: dict[str, Any] = {}
        self._running: _Wanted | None = None
        self._display: Display | None = None
        # As long as nobody has set one, nobody knows it.
        self._unknown = secrets.token_hex(4)
        self.trouble = ''

    def follow(self, values: Mapping[str, Any] | None = None) -> None:
        """Make it what attributes and knobs want.

        :param values: attributes; the last ones if ``None``.
        """
        with self._lock:
            if values is not None:
                self._values = dict(values)
            wanted = self._wanted()
            if wanted == self._running:
                return
            self._stop()
            if wanted:
                self._start(wanted)

    def stop(self) -> None:
        """For good."""
        with self._lock:
            self._stop()
            self._loop.stop()

    @property
    def display(self) -> Display | None:
        """The server behind the gate, while it is enabled."""
        return self._display

    def live(self) -> int:
        """:returns: number of viewers that gave the password."""
        return self._gate.live()

    def state(self) -> dict[str, Any]:
        """:returns: all there is to know, with the password."""
        running = self._running
        return {
            'enabled': running is not None,
            'port': running.port if running else None,
            'tls': bool(running and running.tls),
            'vencrypt': bool(running and running.vencrypt),
            'fingerprints': {
                'own': self.certificates.own.fingerprint,
                'https': self.certificates.https.fingerprint},
            'password': running.password if running else None,
            'viewers': self._gate.viewers(), 'live': self._gate.live(),
            'trouble': self.trouble,
            **dataclasses.asdict(self._gate.counters)}

    def _wanted(self) -> _Wanted | None:
        values, knobs = self._values, self._knobs
        if values.get(attributes.ENABLE) != 'Enabled' or knobs.vnc_dead:
            return None
        password = values[attributes.PASSWORD] or self._unknown
        wanted = _Wanted(password[:attributes.PASSWORD_LENGTH],
                         values[attributes.PORT])
        if values[attributes.SSL] == 'Disabled' or knobs.tls == 'ignored':
            return wanted
        shown = getattr(self.certificates, knobs.presents)
        if knobs.tls == 'vencrypt':
            return dataclasses.replace(wanted, vencrypt=shown)
        return dataclasses.replace(wanted, tls=shown)

    def _start(self, wanted: _Wanted) -> None:
        self._display = Display(self._folder, wanted.password, self._depth,
                                wanted.vencrypt)
        if self._knobs.colour is not None:
            self._display.paint_soon(self._knobs.colour)
        context = wanted.tls.server_context() if wanted.tls else None
        self._running = wanted
        try:
            self._gate.open(wanted.port, self._display.path, context)
        except OSError as exc:
            self.trouble = f'port {wanted.port}: {exc}'
        else:
            self.trouble = ''

    def _stop(self) -> None:
        self._gate.close()
        if self._display:
            self._display.stop()
        self._display = self._running = None

    def _rules(self) -> Rules:
        knobs, values = self._knobs, self._values
        return Rules(
            sessions=1 if knobs.one_session
            else values[attributes.MAX_SESSIONS],
            banner_delay=knobs.banner_delay,
            idle_timeout=values[attributes.TIMEOUT] * knobs.idle_scale,
            picky=knobs.picky)
