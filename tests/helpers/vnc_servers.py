# SPDX-License-Identifier: Apache-2.0
"""Real VNC servers in every way they authenticate: TigerVNC, QEMU, x11vnc.

A program that is missing fails the test with the command that installs it.
All listen on loopback, on IPv4 and IPv6, and know one user and two passwords:
that of VncAuth has 8 characters, which is all that VncAuth looks at.
"""

import dataclasses
import os
import pathlib
import subprocess
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from tests.helpers.certificates import Certificate
from tests.helpers.xvnc import START_TIMEOUT, Xvnc, find_program
from tools.lab import ports
from tools.lab.process import Program

PASSWORD = 'secret12'
USER = 'operator'
USER_PASSWORD = 'a longer s\u00e9cret'
IPV4, IPV6 = '127.0.0.1', '::1'
HOSTS = {'IPv4': IPV4, 'IPv6': IPV6}
TLS_VERSIONS = ('1.2', '1.3')
#: What Debian 12's build of Xvnc has.
TIGERVNC_TYPES = ('None', 'VncAuth', 'Plain', 'TLSNone', 'TLSVnc', 'TLSPlain',
                  'X509None', 'X509Vnc', 'X509Plain')


def gnutls_priority(version: str) -> str:
    """:param version: of TLS, the only one that is spoken then."""
    return f'NORMAL:-VERS-ALL:+VERS-TLS{version}'


def password_file(folder: pathlib.Path) -> str:
    """:returns: path of a file as TigerVNC and x11vnc want it."""
    path = folder / 'vnc-password'
    path.write_bytes(subprocess.run(
        [find_program('tigervncpasswd', 'tigervnc-tools'), '-f'],
        input=PASSWORD.encode(), stdout=subprocess.PIPE, check=True).stdout)
    return str(path)


def tigervnc(folder: pathlib.Path, certificate: Certificate, version: str,
             types: Sequence[str] = TIGERVNC_TYPES) -> Xvnc:
    """An Xvnc that offers all its security types.

    :param folder: its own.
    :param version: of TLS.
    :returns: to be entered.
    """
    files = certificate.save(folder)
    return Xvnc(
        folder, '-SecurityTypes', ','.join(types),
        '-rfbauth', password_file(folder), '-PlainUsers', USER,
        '-PAMService', 'vnc', '-X509Cert', files.cert_file,
        '-X509Key', files.key_file, '-GnuTLSPriority',
        gnutls_priority(version), '-geometry', '320x240',
        env={**os.environ, **_pam(folder)})


def _pam(folder: pathlib.Path) -> dict[str, str]:
    """Users of a process's own.

    Xvnc asks PAM, and PAM asks the system's files; pam_wrapper, made for
    such tests, gives it others.
    """
    library = pathlib.Path(find_program('libpam_wrapper.so',
                                        'libpam-wrapper'))
    service = folder / 'pam.d'
    service.mkdir()
    users = folder / 'users'
    users.write_text(f'{USER}:{USER_PASSWORD}:vnc\n')
    module = library.parent / 'pam_wrapper' / 'pam_matrix.so'
    (service / 'vnc').write_text(''.join(
        f'{kind} required {module} passdb={users}\n'
        for kind in ('auth', 'account')))
    return {'LD_PRELOAD': str(library), 'PAM_WRAPPER': '1',
            'PAM_WRAPPER_SERVICE_DIR': str(service)}


# -- QEMU ---------------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Identity:
    """TLS of a QEMU screen.

    :ivar certificate: what it presents; ``None`` for anonymous TLS.
    :ivar version: of TLS, the only one it speaks.
    :ivar client_ca: PEM; clients must have a certificate of it.
    """

    certificate: Certificate | None = None
    version: str = '1.2'
    client_ca: bytes = b''

    def save(self, folder: pathlib.Path) -> str:
        """:returns: rest of QEMU's -object that says the same."""
        if self.certificate is None:
            return 'tls-creds-anon,endpoint=server'
        folder.mkdir()
        # Without, QEMU makes parameters of its own, for seconds.
        subprocess.run(
            [find_program('openssl', 'openssl'), 'genpkey', '-genparam',
             '-algorithm', 'DH', '-pkeyopt', 'group:ffdhe2048',
             '-out', str(folder / 'dh-params.pem')], check=True)
        for name, content in (
                ('ca-cert', self.client_ca or self.certificate.cert),
                ('server-cert', self.certificate.cert),
                ('server-key', self.certificate.key)):
            (folder / f'{name}.pem').write_bytes(content)
        verify = 'on' if self.client_ca else 'off'
        return (f'tls-creds-x509,endpoint=server,dir={folder},'
                f'verify-peer={verify},sanity-check=off,'
                f'priority={gnutls_priority(self.version)}')


@dataclasses.dataclass(frozen=True)
class Screen:
    """One VNC server of a QEMU.

    :ivar password: it wants one.
    :ivar tls: inside VeNCrypt.
    """

    host: str = IPV4
    password: bool = False
    tls: Identity | None = None


class Qemu:
    """A virtual machine without anything but screens; a context manager.

    :param screens: all different.
    """

    def __init__(self, state_dir: pathlib.Path,
                 screens: Iterable[Screen]) -> None:
        self._state_dir = state_dir
        program = find_program('qemu-system-x86_64', 'qemu-system-x86')
        password = state_dir / 'password'
        password.write_text(PASSWORD)
        self._argv = [
            program, '-machine', 'none', '-nodefaults', '-display', 'none',
            '-object', f'secret,id=password,file={password}']
        screens = list(screens)
        self._ports = dict(zip(screens, ports.free_ports(len(screens)),
                               strict=True))
        identities: dict[Identity, str] = {}
        for screen, port in self._ports.items():
            if screen.tls and screen.tls not in identities:
                name = f'tls{len(identities)}'
                identities[screen.tls] = name
                self._argv += ['-object', screen.tls.save(state_dir / name)
                               + f',id={name}']
            host = f'[{screen.host}]' if ':' in screen.host else screen.host
            self._argv += ['-vnc', ','.join([
                f'{host}:{port - 5900}', f'id=vnc{port}',
                *(['password-secret=password'] if screen.password else []),
                *([f'tls-creds={identities[screen.tls]}'] if screen.tls
                  else [])])]
        self._program: Program | None = None

    def port(self, screen: Screen) -> int:
        return self._ports[screen]

    def __enter__(self) -> Self:
        self._program = Program(self._argv, self._state_dir / 'qemu.log')
        for screen, port in self._ports.items():
            self._program.wait_for(
                lambda host=screen.host, port=port: ports.answers(host, port),
                START_TIMEOUT, 'QEMU to listen')
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        assert self._program
        self._program.stop()


# -- x11vnc -------------------------------------------------------------------

class X11vnc:
    """Shows somebody else's X display; a context manager.

    :param display: what it shows.
    :param certificate: TLS from the first byte.
    :param version: of TLS.
    :param vencrypt: it speaks VeNCrypt to a client that does not begin with
        TLS within 1.4 s.
    :ivar port: of VNC.
    """

    def __init__(self, state_dir: pathlib.Path, display: Xvnc, *,
                 certificate: Certificate | None = None,
                 version: str = '1.2', vencrypt: bool = False) -> None:
        self._log = state_dir / 'x11vnc.log'
        # -nosel: nobody needs its clipboard. -noxrecord: it is slow to end.
        self._argv = [
            find_program('x11vnc', 'x11vnc'), '-display', display.display,
            '-forever', '-shared', '-localhost', '-nosel', '-noxrecord',
            '-rfbauth', password_file(state_dir)]
        self._env = dict(os.environ)
        if certificate:
            self._argv += ['-ssl', certificate.save(state_dir).both_file]
            self._argv += ['-vencrypt', 'only'] if vencrypt else ['-sslonly']
            self._env['OPENSSL_CONF'] = str(_openssl_conf(state_dir, version))
        self._program: Program | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.port = ports.free_port()
        self._program = Program(
            [*self._argv, '-rfbport', str(self.port), '-rfbportv6',
             str(self.port)], self._log, env=self._env)
        # Not by connecting: with -ssl that keeps it busy for a second.
        self._program.wait_for(
            lambda: f'PORT={self.port}' in self._log.read_text(),
            START_TIMEOUT, 'x11vnc to listen')
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        assert self._program
        self._program.stop()


def _openssl_conf(folder: pathlib.Path, version: str) -> pathlib.Path:
    path = folder / 'openssl.cnf'
    path.write_text(
        'openssl_conf = main\n[main]\nssl_conf = ssl\n[ssl]\n'
        'system_default = default\n[default]\n'
        f'MinProtocol = TLSv{version}\nMaxProtocol = TLSv{version}\n')
    return path
