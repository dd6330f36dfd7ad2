# SPDX-License-Identifier: Apache-2.0
"""A real display, with a real Xvnc and a visit that a test pulls by
strings."""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.secret import Secret
from ironic_console.drivers.displays.notice import INK
from ironic_console.drivers.displays.settings import (
    Bmc,
    DisplaySettings,
    Screen,
    VncServer,
)
from ironic_console.drivers.testcard.font import text_rows
from tests.helpers import puppet_visit
from tests.helpers.certificates import Authority
from tests.helpers.viewer import Frame, Viewer, pack_format

PATIENCE = 30.0
VNC_PASSWORD, BMC_PASSWORD = 'vnc-pa55', 'bmc password'
NODE = '1be26c0b-03f2-4d2e-ae87-c02d7f33c123'
TITLE = 'node in rack 7'
_MAIN = ('import json, sys\n'
         'from ironic_console.drivers.displays.__main__ import main\n'
         'sys.exit(main(sys.argv[2:], json.loads(sys.argv[1])))')


def make_settings(authority: Authority, **screen: Any) -> DisplaySettings:
    """:returns: of a small display on loopback."""
    certificate = authority.issue()
    return DisplaySettings(
        NODE, TITLE, 'ilo',
        Bmc('https://192.0.2.1', 'root', Secret(BMC_PASSWORD)),
        VncServer(certificate.cert.decode(), Secret(certificate.key.decode()),
                  Secret(VNC_PASSWORD), '127.0.0.1'),
        Screen(**{'width': 640, 'height': 480, 'linger': 0.2} | screen))


def with_port(settings: DisplaySettings, port: int) -> DisplaySettings:
    return dataclasses.replace(settings, vnc=dataclasses.replace(
        settings.vnc, port=port))


def wait_until(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f'waited in vain for: {what}'
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        text = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return False
    return text.rpartition(')')[2].split()[0] not in 'ZX'


class PuppetVisit:
    """The strings of a visit.

    :ivar document: its settings.
    :ivar environment: its whole environment.
    :ivar pid: its process.
    :ivar part: another process of it.
    """

    def __init__(self, strings: socket.socket) -> None:
        strings.settimeout(PATIENCE)
        self._strings = strings
        self._lines = strings.makefile('r')
        told = self.hear()
        self.document: dict[str, Any] = told['document']
        self.environment: dict[str, str] = told['environment']
        self.pid: int = told['pid']
        self.part: int = told['part']

    def hear(self) -> Any:
        """:returns: the next it tells; ``None`` once it has ended."""
        line = self._lines.readline()
        return json.loads(line) if line else None

    def say(self, **message: object) -> None:
        self.order(f'say {json.dumps(message)}')

    def order(self, order: str) -> None:
        self._strings.sendall(order.encode() + b'\n')

    def is_asked_to_leave(self) -> bool:
        return bool(self.hear() == 'asked to leave')

    def is_gone(self) -> bool:
        return not is_alive(self.pid) and not is_alive(self.part)

    def close(self) -> None:
        self._lines.close()
        self._strings.close()


class DisplayProgram:
    """One display; a context manager.

    :param folder: for its log, and for its own folders.
    :param arguments: with these nothing is written to its input.
    :param announced: wait for what it says when it has started.
    :param before: Python that it runs first.
    :ivar answer: the one line that it says.
    :ivar own: folder in which it makes what it needs.
    """

    def __init__(self, folder: pathlib.Path, settings: DisplaySettings,
                 *arguments: str, announced: bool = True,
                 before: str = '') -> None:
        self._folder = folder
        self._announced = announced
        self._before = before
        self._settings = settings
        self._arguments = arguments
        self._log = folder / 'display.log'
        self.own = folder / 'tmp'
        self.own.mkdir()
        self._visits = socket.socket(socket.AF_UNIX)
        self.answer: dict[str, Any] = {}
        self._open: list[PuppetVisit] = []

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def port(self) -> int:
        port = self.answer['port']
        assert isinstance(port, int)
        return port

    def written(self) -> str:
        return self._log.read_text()

    def wait_for_log(self, text: str, count: int = 1) -> None:
        wait_until(lambda: self.written().count(text) >= count, text)

    def children(self) -> list[int]:
        return [int(pid) for pid in pathlib.Path(
            f'/proc/{self.pid}/task/{self.pid}/children',
            ).read_text().split()]

    def xvnc(self) -> int:
        """:returns: pid of its Xvnc."""
        found, = (pid for pid in self.children() if 'vnc' in pathlib.Path(
            f'/proc/{pid}/comm').read_text())
        return found

    @contextlib.contextmanager
    def viewer(self, wants_pictures: bool = True) -> Iterator[Viewer]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(
            cadata=self._settings.vnc.certificate)
        # The certificate itself is what we trust.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = False
        with Viewer('127.0.0.1', self.port, SecurityNumber.X509_VNC,
                    Credential(Secret(VNC_PASSWORD)), context) as viewer:
            if wants_pictures:
                viewer.send(pack_format(viewer.server_init.pixel_format))
            yield viewer

    def visit(self) -> PuppetVisit:
        """Wait for the next one."""
        visit = PuppetVisit(self._visits.accept()[0])
        self._open.append(visit)
        return visit

    def end_input(self) -> None:
        """As when whoever started it dies."""
        assert self.process.stdin
        self.process.stdin.close()

    def wait(self) -> int:
        """:returns: its exit status."""
        return self.process.wait(PATIENCE)

    def __enter__(self) -> Self:
        strings = self._folder / 'strings'
        self._visits.bind(str(strings))
        self._visits.listen()
        self._visits.settimeout(PATIENCE)
        command = [sys.executable, '-P', puppet_visit.__file__, str(strings)]
        with self._log.open('wb') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-P', '-c', f'{self._before}\n{_MAIN}',
                 json.dumps(command), *self._arguments], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log,
                env={**os.environ, 'TMPDIR': str(self.own)})
        assert self.process.stdin
        assert self.process.stdout
        if not self._arguments:
            self.process.stdin.write(json.dumps(
                self._settings.to_document()).encode() + b'\n')
            self.process.stdin.flush()
        if self._announced:
            self.answer = json.loads(self.process.stdout.readline() or b'{}')
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for visit in self._open:
            visit.close()
        self._visits.close()
        if error:
            print(self.written())
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            pipe.close()


def shows(frame: Frame, text: str, scale: int = 1) -> bool:
    """:returns: whether a line of a notice is somewhere on the screen."""
    wanted = text_rows(text, scale)
    # The row with most ink is not just anywhere.
    middle = max(range(len(wanted)), key=lambda y: sum(wanted[y]))
    rows = frame.where(*INK.to_bytes(3))
    for y in range(frame.height - len(wanted)):
        x = rows[y + middle].find(wanted[middle])
        if x >= 0 and all(rows[y + n][x:x + len(line)] == line
                          for n, line in enumerate(wanted)):
            return True
    return False
