# SPDX-License-Identifier: Apache-2.0
"""A real Xtigervnc that listens on a UNIX socket and wants a password.

Who may reach that socket from outside is up to :mod:`gate`.
"""

import contextlib
import os
import pathlib
import re
import subprocess
import threading

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from tests.helpers.certificates import Certificate
from tools.lab import installing
from tools.lab.process import Program, ProgramError

START_TIMEOUT = 30.0
X_TIMEOUT = 30.0
NAME = 'OpenVNC'
SIZE = '1024x768'
#: Fixed key of password files of VNC servers: it hides, it does not encrypt.
_FILE_KEY = bytes((23, 82, 107, 6, 35, 78, 88, 7))


def obfuscate(password: str) -> bytes:
    """:returns: a password as TigerVNC has it in a file, 8 bytes."""
    # VNC's DES reads the bits of each byte of a key from the other end.
    key = bytes(int(f'{byte:08b}'[::-1], 2) for byte in _FILE_KEY)
    # Three times the same key is DES.
    des = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()
    return des.update(password.encode()[:8].ljust(8, b'\0'))


class Display:
    """One that runs from the beginning to :meth:`stop`.

    :param folder: its own; the path must be short, for a UNIX socket.
    :param depth: of its pixels, in bits.
    :param vencrypt: certificate to be shown inside VeNCrypt, which is then
        its only security type; else that is VncAuth.
    :ivar path: of its socket.
    """

    def __init__(self, folder: pathlib.Path, password: str, depth: int,
                 vencrypt: Certificate | None = None) -> None:
        self.path = str(folder / 'rfb')
        self._password_file = folder / 'password'
        self._x_log = folder / 'x-program.log'
        self._painter: threading.Thread | None = None
        self._save_password(password)
        types = ['-SecurityTypes', 'VncAuth']
        if vencrypt:
            files = vencrypt.save(folder, 'vencrypt')
            types = ['-SecurityTypes', 'X509Vnc', '-X509Cert',
                     files.cert_file, '-X509Key', files.key_file]
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        # It chooses a display that is free, and tells that first. Without a
        # list of those who failed: tests fail on purpose.
        self._program = Program([
            _find('Xtigervnc', 'tigervnc-standalone-server'), '-displayfd',
            '1', '-rfbport', '-1', '-rfbunixpath', self.path, '-rfbunixmode',
            '0600', *types, '-rfbauth', self._password_file, '-geometry',
            SIZE, '-depth', str(depth), '-desktop', NAME, '-AlwaysShared',
            '-UseBlacklist=0'], folder / 'display.log')

    @property
    def pid(self) -> int:
        return self._program.pid

    @property
    def display(self) -> str:
        """What X programs know it as; waits until it is there."""
        self._program.wait_for(lambda: bool(self._number()), START_TIMEOUT,
                               'the number of its display')
        return f':{self._number()}'

    def run(self, program: str, package: str, *arguments: str) -> None:
        """Run an X program on it to its end, as soon as it is there.

        :param package: of Debian that has it.
        """
        display = self.display
        with self._x_log.open('w') as output:
            subprocess.run(
                [_find(program, package), *arguments], check=True,
                env={'DISPLAY': display}, stdout=output,
                stderr=subprocess.STDOUT, timeout=X_TIMEOUT)

    def paint(self, colour: int) -> None:
        """Give the whole screen one colour.

        :param colour: 24 bits of red, green and blue.
        """
        self.run('xsetroot', 'x11-xserver-utils', '-solid', f'#{colour:06x}')

    def paint_soon(self, colour: int) -> None:
        """The same, without waiting until it is there; if it ever is."""
        def work() -> None:
            with contextlib.suppress(ProgramError, subprocess.SubprocessError):
                self.paint(colour)
        self._painter = threading.Thread(target=work, daemon=True,
                                         name='painter')
        self._painter.start()

    def stop(self) -> None:
        self._program.stop()
        if self._painter:
            self._painter.join(X_TIMEOUT)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    def _save_password(self, password: str) -> None:
        with open(self._password_file, 'wb', opener=lambda name, flags:
                  os.open(name, flags, 0o600)) as file:
            file.write(obfuscate(password))

    def _number(self) -> str:
        found = re.search(r'^(\d+)$', self._program.written(), re.MULTILINE)
        return found[1] if found else ''


def _find(name: str, package: str) -> str:
    path = installing.find_program(name)
    assert path, f'{name} is missing: apt-get install {package}'
    return path
