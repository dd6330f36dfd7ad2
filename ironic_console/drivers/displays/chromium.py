# SPDX-License-Identifier: Apache-2.0
"""Chromium as a visit has it: one window over the whole screen, then gone.

It owns the process and its profile. How it is called is in
:mod:`browser_command`, what is in its window in :mod:`page`.
"""

import collections
import contextlib
import fcntl
import json
import logging
import os
import pathlib
import select
import shutil
import signal
import tempfile
import threading
from collections.abc import Mapping, Sequence

from ironic_console.drivers.displays import browser_command
from ironic_console.drivers.displays.cdp import Connection
from ironic_console.drivers.displays.failures import BrowserFailed
from ironic_console.drivers.displays.memory_guard import MemoryGuard
from ironic_console.drivers.displays.page import ChromiumPage
from ironic_console.drivers.displays.request_filter import RequestFilter
from ironic_console.drivers.displays.settings import Screen
from ironic_console.drivers.displays.trust import Trust

LOG = logging.getLogger(__name__)

#: Seconds for it to end by itself, and after it was killed.
CLOSE_TIMEOUT = 2.0
KILL_TIMEOUT = 2.0
_WORDS_TIMEOUT = 1.0
# Its helpers complain as well when it ends.
_LAST_LINES, _MAX_LINE = 20, 300
_FIRST_FD = 10
_MAX_PARENT_CHARS, _SHORT_PARENT = 40, '/tmp'  # noqa: S108

# CONTENT_SETTING_BLOCK
_BLOCK = 2
#: What a profile can say; chromium-policy.json says more, where it is
#: installed. Not devtools.availability: without them we are shut out too.
_PREFERENCES = {
    'printing': {'enabled': False},
    'credentials_enable_service': False,
    'autofill': {'enabled': False, 'profile_enabled': False},
    'translate': {'enabled': False},
    'download': {'prompt_for_download': False},
    'safebrowsing': {'enabled': False},
    'net': {'network_prediction_options': 2},
    # Without a proxy that is no UDP at all: the request filter and the
    # resolver see nothing of it.
    'webrtc': {'ip_handling_policy': 'disable_non_proxied_udp',
               'multiple_routes_enabled': False,
               'nonproxied_udp_enabled': False},
    # Of this machine, which viewers could be made to choose.
    'hardware': {'screen_capture_enabled': False,
                 'audio_capture_enabled': False,
                 'video_capture_enabled': False},
    'profile': {'default_content_setting_values': dict.fromkeys(
        ('bluetooth_guard', 'file_system_read_guard',
         'file_system_write_guard', 'hid_guard', 'serial_guard',
         'usb_guard'), _BLOCK)},
    # Schemes that are not here are for programs of this machine (xdg-open).
    'policy': {'url_blocklist': ['*'], 'url_allowlist': [
        'http://*', 'https://*', 'about:*', 'blob:*', 'data:*']},
}
_LOCAL_STATE = {'select_file_dialogs': {'allowed': False}}


class Chromium:
    """A browser that shows one BMC, from :meth:`start` to :meth:`close`.

    It stays in the process group of whoever starts it, so that a visit that
    is killed with its group leaves nothing behind.

    :param site: scheme, host and port of the BMC.
    :param address: of that host.
    :param trust: whom it takes for the BMC.
    :param documents: see :attr:`apps.base.App.documents`.
    :param screen: that its window fills.
    :ivar page: what it shows.
    """

    def __init__(self, site: str, address: str, trust: Trust,
                 documents: Sequence[str], screen: Screen) -> None:
        self._argv = [*browser_command.build(site, address, screen),
                      *trust.flags()]
        self._trust = trust
        self._screen = screen
        self._folder = _make_folder()
        self._profile = self._folder / 'profile'
        # Chromium wants 3 and 4; ours must not be among them when they are
        # copied there.
        theirs, ours = _high_pipe(), _high_pipe()
        self._theirs: tuple[int, ...] = (theirs[0], ours[1])
        self._connection = Connection(ours[0], theirs[1])
        self.page = ChromiumPage(self._connection, site,
                                 RequestFilter(site, documents))
        self._process: _Process | None = None
        self._guard: MemoryGuard | None = None

    def start(self) -> None:
        """Start it, and come back when its window is there.

        :raises BrowserFailed: it did not start.
        :raises Interrupted: see :meth:`interrupt`.
        """
        argv = [*self._argv, f'--user-data-dir={self._profile}']
        try:
            self._write('Default/Preferences', _PREFERENCES)
            self._write('Local State', _LOCAL_STATE)
            self._trust.install(self._folder)
            self._process = _Process(argv, self._theirs,
                                     browser_command.environment(
                                         self._folder))
        except OSError as exc:
            LOG.error('%s cannot be started: %s', argv[0], exc.strerror)
            raise BrowserFailed('The web browser of this display cannot be '
                                'started. Tell your operator.') from exc
        finally:
            # Or its end would not be seen.
            self._close_theirs()
        self._guard = MemoryGuard(self._process.end)
        self._guard.start()
        self._connection.start()
        try:
            self.page.open(self._screen)
        except BrowserFailed:
            for line in self._process.last_words():
                LOG.warning('Chromium said: %s', line)
            raise
        self._process.ignore_words()

    def _write(self, name: str, content: Mapping[str, object]) -> None:
        path = self._profile / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))

    def interrupt(self) -> None:
        """End what waits for the browser, and let nothing wait again; by
        another thread."""
        self._connection.interrupt()

    def resume(self) -> None:
        """Allow waiting again."""
        self._connection.resume()

    def close(self) -> None:
        """End it and remove all that it wrote; safe at any time, and twice."""
        if self._guard:
            # Before its process can be somebody else's.
            self._guard.stop()
        if self._process:
            self._connection.post('Browser.close')
            if not self._process.wait(CLOSE_TIMEOUT):
                LOG.warning('Chromium did not end by itself and is killed')
                self._process.kill()
            self._process.close()
            self._process = None
        self._connection.close()
        self._close_theirs()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _close_theirs(self) -> None:
        for fd in self._theirs:
            os.close(fd)
        self._theirs = ()


class _Process:
    """Chromium's first process; all others end with it.

    Not a ``Popen``: that can give a child its file descriptors under other
    numbers only by running Python in it, which a process with threads must
    not.
    """

    def __init__(self, argv: list[str], pipes: Sequence[int],
                 env: Mapping[str, str]) -> None:
        words, theirs = _high_pipe()
        nothing = os.open(os.devnull, os.O_RDWR)
        try:
            self._pid = os.posix_spawn(argv[0], argv, env, file_actions=[
                (os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(
                    (nothing, nothing, theirs, *pipes))],
                setsigdef=(signal.SIGPIPE, signal.SIGINT, signal.SIGTERM))
        except BaseException:
            os.close(words)
            raise
        finally:
            os.close(nothing)
            os.close(theirs)
        self._pidfd = os.pidfd_open(self._pid)
        self._lines: collections.deque[str] = collections.deque(
            maxlen=_LAST_LINES)
        self._is_heard = True
        self._reader = threading.Thread(
            target=self._read, args=(words,), daemon=True,
            name='words of Chromium')
        self._reader.start()

    def _read(self, fd: int) -> None:
        # What is read is dropped later on, lest Chromium waits for us.
        with open(fd, 'rb', buffering=0) as words:
            while data := words.read(65536):
                if self._is_heard:
                    self._lines.extend(
                        ascii(line[-_MAX_LINE:].decode(errors='replace'))
                        for line in data.splitlines() if line)

    def last_words(self) -> list[str]:
        """:returns: what it wrote last; all of it, if it ends by now."""
        # Its pipes are closed a moment before it has ended.
        if self.wait(_WORDS_TIMEOUT):
            self._reader.join(_WORDS_TIMEOUT)
        return list(self._lines)

    def ignore_words(self) -> None:
        """From here on they may be about what it shows."""
        self._is_heard = False
        self._lines.clear()

    def wait(self, timeout: float) -> bool:
        """:returns: whether it has ended."""
        return bool(select.select([self._pidfd], [], [], timeout)[0])

    def kill(self) -> None:
        self.end()
        self.wait(KILL_TIMEOUT)

    def end(self) -> None:
        """Kill it, and do not wait."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Forget it; it has ended."""
        os.close(self._pidfd)
        os.waitpid(self._pid, os.WNOHANG)


def _make_folder() -> pathlib.Path:
    """:returns: a private one, for profile, home and temporary files."""
    parent = tempfile.gettempdir()
    # Chromium has a socket there, org.chromium.Chromium.XXXXXX/
    # SingletonSocket below it; its address has 107 bytes.
    if len(parent) > _MAX_PARENT_CHARS:
        parent = _SHORT_PARENT
    return pathlib.Path(tempfile.mkdtemp(prefix='chromium-', dir=parent))


def _high_pipe() -> tuple[int, int]:
    """:returns: reading and writing end, above those that programs know."""
    low = os.pipe()
    reader, writer = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FD)
                      for fd in low)
    for fd in low:
        os.close(fd)
    return reader, writer
