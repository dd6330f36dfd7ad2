# SPDX-License-Identifier: Apache-2.0
"""The manager of displays as a program, and a conductor's side of its
directory."""

import contextlib
import os
import pathlib
import ssl
import sys
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.secret import Secret
from ironic_console.drivers import certificates
from ironic_console.drivers.displays.manager.cmd import spool_name
from ironic_console.drivers.displays.settings import (
    Bmc,
    DisplaySettings,
    Screen,
    VncServer,
)
from ironic_console.drivers.displays.spool import (
    PORT,
    Endpoint,
    Failure,
    Request,
    Spool,
    new_generation,
)
from tests.helpers.certificates import Authority, Certificate
from tests.helpers.podman import HOST_LOOPBACK, NETWORK, Podman
from tests.helpers.proxy import wait_until
from tests.helpers.viewer import Viewer, pack_format
from tests.simulators.html5_bmc import Html5Bmc
from tools.lab import Program

#: Seconds for a container on a busy machine.
PATIENCE = 90.0
VNC_PASSWORD = 'vncPa55w'
NODE = '4b0d4b0d-0000-4000-8000-00000000000'


def bmc_certificate() -> Certificate:
    """:returns: of a BMC that containers see at ``HOST_LOOPBACK``."""
    return Authority('BMC', [HOST_LOOPBACK]).itself


def make_settings(bmc: Html5Bmc | None = None, number: int = 1,
                  ) -> DisplaySettings:
    """:param number: of the node, one digit.
    :returns: for a display in a container.
    """
    made = certificates.make('display')
    where = Bmc(f'https://{HOST_LOOPBACK}:{bmc.port}', bmc.username,
                Secret(bmc.password),
                ca=pathlib.Path(bmc.ca_file).read_text()
                ) if bmc else Bmc('https://192.0.2.1', 'root', Secret('none'))
    return DisplaySettings(
        f'{NODE}{number}', f'node {number}', 'ilo', where,
        VncServer(made.certificate, made.key, Secret(VNC_PASSWORD), '', PORT),
        Screen(640, 480, linger=1.0))


@contextlib.contextmanager
def viewer(settings: DisplaySettings, endpoint: tuple[str, int],
           ) -> Iterator[Viewer]:
    """Look at a display; nobody but it has its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=settings.vnc.certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    with Viewer(*endpoint, SecurityNumber.X509_VNC,
                Credential(settings.vnc.password), context) as one:
        one.send(pack_format(one.server_init.pixel_format))
        yield one


class Conductor:
    """A conductor's side of a directory.

    :ivar spool: has to be opened.
    :ivar uid: of the conductor; ours if 0.
    """

    spool: Spool
    uid = 0

    def open(self, directory: pathlib.Path) -> None:
        # A conductor has it open too, wherever it was when we looked.
        descriptor = os.open(directory, os.O_PATH)
        try:
            with self.itself():
                self.spool = Spool(f'/proc/self/fd/{descriptor}/.')
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def itself(self) -> Iterator[None]:
        """Be its user for a moment, as far as files go."""
        if not self.uid:
            yield
            return
        os.setegid(self.uid)
        os.seteuid(self.uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)

    def withdraw(self, node: str) -> None:
        with self.itself():
            self.spool.withdraw(node)

    def ask(self, settings: DisplaySettings) -> str:
        """:returns: generation."""
        request = Request(settings.node, new_generation(), settings.app,
                          settings.title, 'this conductor')
        with self.itself():
            self.spool.ask(request, request.to_json(), settings)
        return request.generation

    def answer(self, node: str, generation: str) -> Endpoint | Failure:
        found: list[Endpoint | Failure] = []

        def is_there() -> bool:
            with self.itself():
                answer = self.spool.answer(node, generation)
            found.extend([answer] if answer else [])
            return bool(found)
        self.wait_for(is_there, 'an endpoint')
        return found[0]

    def begin(self, settings: DisplaySettings) -> tuple[str, int]:
        """:returns: where it is."""
        answer = self.answer(settings.node, self.ask(settings))
        assert isinstance(answer, Endpoint), answer
        return answer.host, answer.port

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        wait_until(condition, what, PATIENCE)


class RunningManager(Conductor):
    """The program, and its directory; a context manager.

    At the end no container of it is left.
    """

    def __init__(self, folder: pathlib.Path, podman: Podman,
                 *arguments: str) -> None:
        self.podman = podman
        self.directory = folder / 'displays'
        self.private = folder / 'private'
        self.log = folder / 'manager.log'
        self._name = spool_name(str(self.directory))
        self._command = [
            sys.executable, '-P', '-m',
            'ironic_console.drivers.displays.manager',
            '--directory', str(self.directory),
            '--state-directory', str(self.private),
            '--image', podman.image, '--network', NETWORK,
            '--podman', ' '.join(podman.command),
            *(f'--podman-run-option={one}' for one in podman.options),
            *(() if podman.limits else ('--pids-limit', '0')), *arguments]
        self.program: Program | None = None

    def __enter__(self) -> Self:
        self.spool = Spool(str(self.directory))
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        try:
            if error:
                print(self.log.read_text())
            self.stop()
        finally:
            wait_until(lambda: not self._asking(), 'podman to have done it',
                       PATIENCE)
            for one in self.containers():
                self.podman.remove(one['Id'])
            self.spool.close()

    def start(self) -> None:
        self.program = Program(self._command, self.log, name='manager')

    def stop(self) -> None:
        """Displays go on."""
        assert self.program
        self.program.stop()

    def kill(self) -> None:
        """What it has asked podman for is done nevertheless, as with the
        KillMode of its unit."""
        assert self.program
        self.program.kill()

    def _asking(self) -> list[str]:
        """:returns: podman's commands about this directory that still
            run."""
        label = f'org.ironic-console.directory={self._name}'.encode()
        found = []
        for process in pathlib.Path('/proc').glob('[0-9]*'):
            with contextlib.suppress(OSError):
                if label in (process / 'cmdline').read_bytes():
                    found.append(process.name)
        return found

    def containers(self, node: str = '') -> list[dict[str, Any]]:
        """:returns: all of this directory, or of one node."""
        labels = {'directory': self._name}
        if node:
            labels['node'] = node
        return self.podman.containers(**labels)
