# SPDX-License-Identifier: Apache-2.0
"""TigerVNC's Xvnc, the screen of a display: how it is started, what it needs
to be told, and who is looking.

It does not decide what is on the screen. Options: Xvnc(1), Xserver(1); the
texts of its log: TigerVNC 1.12 and 1.15.
"""

import collections
import enum
import functools
import logging
import os
import re
import shutil
import socket
import stat
import struct
import subprocess
from collections.abc import Iterable, Sequence

from ironic_console.common.errors import ConfigError
from ironic_console.drivers.displays import own_process
from ironic_console.drivers.displays.lines import LineReader
from ironic_console.drivers.displays.settings import DisplaySettings

LOG = logging.getLogger(__name__)

_PROGRAMS = ('Xtigervnc', 'Xvnc')
_PASSWORD_PROGRAMS = ('tigervncpasswd', 'vncpasswd')
_PASSWORD_TIMEOUT = 20.0
_SOCKET_TIMEOUT = 5.0
_PASSWORD = re.compile('[!-~]{8}')
_MAX_LINE_BYTES = 512
#: Lines of its log that are kept for when it dies.
_TAIL_LINES = 8
_MAX_TITLE_CHARS = 128
#: Our proxies, and checks of the port, all come from few addresses. A guess
#: costs a TLS handshake, and the password has 47 bits and more.
_BLACKLIST_THRESHOLD = 1_000_000
#: Xvnc crashes when it has more than select(2) knows, which anybody can bring
#: about who only connects (TigerVNC 1.12). Those who come then have to wait.
MAX_FILES = 512
_TLS = 'NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2'
_OPTIONS = (
    '-nolisten', 'tcp', '-noreset', '-extension', 'GLX', '-s', '0',
    '-SecurityTypes=X509Vnc', f'-GnuTLSPriority={_TLS}',
    '-AlwaysShared=1', '-AcceptSetDesktopSize=0',
    '-SendCutText=0', '-AcceptCutText=0', '-SendPrimary=0', '-SetPrimary=0',
    # Otherwise any X program may switch the clipboard on again.
    '-AllowOverride=', f'-BlacklistThreshold={_BLACKLIST_THRESHOLD}',
    # More would bring a line for each key that is typed.
    '-Log=*:stderr:0,VNCServerST:stderr:100,VNCSConnST:stderr:30')
_READ_ONLY = ('-AcceptKeyEvents=0', '-AcceptPointerEvents=0')
# Not the decoration around them.
_WORDS = re.compile('[a-z]{3}')
_COOKIE_NAME = b'MIT-MAGIC-COOKIE-1'
_FAMILY_WILD = 65535


class Seen(enum.Enum):
    """What the log says about viewers."""

    #: The first has been let in.
    CAME = re.compile(r' VNCServerST: +[Ss]tarting desktop')
    #: One wants pictures: proxies and viewers say how, checks do not.
    LOOKS = re.compile(r' VNCSConnST: +Client pixel format .*')
    #: The last has gone.
    LEFT = re.compile(r' VNCServerST: +[Ss]topping desktop')


def find_seen(line: str) -> Seen | None:
    """:param line: of Xvnc's log."""
    return next((seen for seen in Seen if seen.value.fullmatch(line)), None)


def pack_authority(cookie: bytes) -> bytes:
    """:returns: an Xauthority file with one cookie, good for any display.

    Xsecurity(7), "File Format"; the wildcard: Xauth.h.
    """
    def field(data: bytes) -> bytes:
        return len(data).to_bytes(2) + data
    return (_FAMILY_WILD.to_bytes(2) + field(b'') + field(b'')
            + field(_COOKIE_NAME) + field(cookie))


def clean_title(title: str) -> str:
    """:returns: one line that no log takes for another."""
    return ''.join(char if char.isprintable() else '?'
                   for char in title[:_MAX_TITLE_CHARS])


class Xvnc:
    """One Xvnc.

    :param folder: private, for its X cookie.
    :ivar number: of the X display; -1 until it lets viewers in.
    :ivar port: of VNC.
    :ivar authority: path of an Xauthority file.
    :ivar log: its log.
    :ivar started: says when it lets viewers in.
    """

    log: LineReader
    started: LineReader

    def __init__(self, settings: DisplaySettings, folder: str) -> None:
        self._settings = settings
        self.authority = os.path.join(folder, 'Xauthority')
        self.cookie = os.urandom(16)
        _write_private(self.authority, pack_authority(self.cookie))
        self.number = -1
        self.port = settings.vnc.port
        self._tail = collections.deque[str](maxlen=_TAIL_LINES)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def is_running(self) -> bool:
        """It was started and not yet buried."""
        return bool(self._process and self._process.returncode is None)

    @property
    def socket(self) -> str:
        """Where X programs connect to."""
        return f'/tmp/.X11-unix/X{self.number}'  # noqa: S108

    def check_socket(self) -> None:
        """Make sure that X programs give the cookie to nobody else.

        :raises ConfigError: somebody may be, or come to be, in its place.
        """
        place = os.path.dirname(self.socket)
        try:
            folder = os.stat(place, follow_symlinks=False)
            listener = _listener_at(self.socket)
        except OSError as exc:
            raise ConfigError(
                f'{self.socket}, through which the screen is reached, cannot '
                f'be used: {exc.strerror}') from exc
        is_shared = folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if (folder.st_uid not in (0, os.geteuid())
                or (is_shared and not folder.st_mode & stat.S_ISVTX)):
            raise ConfigError(
                f'others may replace files of {place}, through which the '
                'screen is reached; make it one of root with the mode 1777')
        if listener != self.pid:
            raise ConfigError(f'another program listens at {self.socket}, '
                              'through which the screen is reached; end it')

    @property
    def has_lost_port(self) -> bool:
        """Somebody took the free port in the moment before it did."""
        return (not self._settings.vnc.port and self.number < 0
                and any('already in use' in line for line in self._tail))

    def start(self) -> None:
        """Start it; :attr:`started` becomes readable later.

        :raises ConfigError: what it needs is not there.
        """
        program = _find(_PROGRAMS, 'tigervnc-standalone-server')
        vnc = self._settings.vnc
        self.port = vnc.port or _free_port(vnc.host)
        self._tail.clear()
        secrets = (_obscured(vnc.password.reveal()),
                   _in_memory('certificate', vnc.certificate.encode()),
                   _in_memory('key', vnc.key.reveal().encode()))
        log, log_end = os.pipe()
        started, started_end = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603
                [program, *self._arguments(started_end, secrets)],
                stdin=subprocess.DEVNULL, stdout=log_end, stderr=log_end,
                pass_fds=(started_end, *secrets), start_new_session=True,
                preexec_fn=functools.partial(_prepare, os.getpid()))
        except (OSError, subprocess.SubprocessError) as exc:
            os.close(log)
            os.close(started)
            raise ConfigError(f'{program} cannot be started: {exc}') from exc
        finally:
            for fd in (log_end, started_end, *secrets):
                os.close(fd)
        self.log = LineReader(log, _MAX_LINE_BYTES)
        self.started = LineReader(started, _MAX_LINE_BYTES)

    def read_started(self) -> bool:
        """:returns: whether it lets viewers in now."""
        for line in self.started.read():
            if line.isdecimal():
                self.number = int(line)
                return True
        return False

    def read_log(self) -> list[Seen]:
        """:returns: what happened to viewers, oldest first."""
        return self._understand(self.log.read())

    def signal(self, number: int) -> None:
        """Send a signal; if it has ended already, that is fine."""
        if self.is_running:
            os.kill(self.pid, number)

    def bury(self) -> str:
        """Take note of its end, which has come.

        :returns: its last words.
        """
        assert self._process
        self._process.wait()
        self._understand(self.log.drain())
        self.log.close()
        self.started.close()
        return '; '.join(self._tail)

    def _understand(self, lines: Iterable[str]) -> list[Seen]:
        happened = []
        for line in lines:
            seen = find_seen(line)
            if seen:
                happened.append(seen)
            elif _WORDS.search(line):
                LOG.debug('Xvnc: %s', line.strip())
                self._tail.append(line.strip())
        return happened

    def _arguments(self, started_fd: int, secrets: Sequence[int],
                   ) -> list[str]:
        password, certificate, key = map(_path, secrets)
        vnc, screen = self._settings.vnc, self._settings.screen
        arguments = [
            *_OPTIONS, '-displayfd', str(started_fd), '-auth', self.authority,
            '-geometry', f'{screen.width}x{screen.height}',
            f'-rfbport={self.port}', f'-X509Cert={certificate}',
            f'-X509Key={key}', f'-PasswordFile={password}',
            f'-desktop={clean_title(self._settings.title)}']
        if vnc.host:
            arguments.append(f'-interface={vnc.host}')
        if screen.read_only:
            arguments += _READ_ONLY
        return arguments


def _find(names: Sequence[str], package: str) -> str:
    """:raises ConfigError: naming what to install."""
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    raise ConfigError(f'{" or ".join(names)} is not on PATH; install '
                      f"TigerVNC's server (Debian: apt-get install {package})")


def _listener_at(path: str) -> int:
    """:returns: process that listens there; unix(7), SO_PEERCRED."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_SOCKET_TIMEOUT)
        probe.connect(path)
        pid: int
        pid, _, _ = struct.unpack('3i', probe.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize('3i')))
    return pid


def _path(fd: int) -> str:
    # Xvnc opens it anew for each viewer, so it is found at its beginning.
    return f'/proc/self/fd/{fd}'


def _in_memory(name: str, data: bytes = b'') -> int:
    """:returns: a file without a name; the caller closes it."""
    fd = os.memfd_create(name)
    with open(fd, 'wb', closefd=False) as file:
        file.write(data)
    return fd


def _obscured(password: str) -> int:
    """:returns: a file with the password as TigerVNC reads it; the caller
        closes it.
    :raises ConfigError: there is no such file."""
    # Its program would cut it at a line's end, and knows no encodings.
    if not _PASSWORD.fullmatch(password):
        raise ConfigError('the VNC password of the display must be 8 '
                          'printable ASCII characters')
    program = _find(_PASSWORD_PROGRAMS, 'tigervnc-tools')
    fd = _in_memory('password')
    try:
        subprocess.run(  # noqa: S603
            [program, '-f'], input=password.encode(), stdout=fd,
            stderr=subprocess.DEVNULL, timeout=_PASSWORD_TIMEOUT, check=True)
    except (OSError, subprocess.SubprocessError) as exc:
        os.close(fd)
        raise ConfigError(f'{program} cannot make the file of the VNC '
                          f'password: {type(exc).__name__}') from exc
    return fd


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ':' in host or not host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
            return int(probe.getsockname()[1])
    except OSError:
        # No IPv6, or no such address, which Xvnc says best.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(('', 0))
            return int(probe.getsockname()[1])


def _write_private(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(fd, 'wb') as file:
        file.write(data)


def _prepare(parent: int) -> None:
    """Have this process end when its parent does, however that ends, and
    bound what strangers can make it do.

    Runs in the child, before it is Xvnc: what it costs costs us nothing.
    """
    own_process.end_with(parent)
    own_process.bound_files(MAX_FILES)
