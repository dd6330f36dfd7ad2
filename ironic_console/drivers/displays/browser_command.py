# SPDX-License-Identifier: Apache-2.0
"""How Chromium is called: with which flags, on which machine, for which BMC.

Nothing secret is in it, since all can see command lines. It does not start
anything but a probe for the sandbox.
"""

import logging
import os
import pathlib
import re
import shutil
import stat
import subprocess
import urllib.parse

from ironic_console.drivers.displays.failures import (
    BrowserFailed,
    VisitFailed,
)
from ironic_console.drivers.displays.settings import Screen

LOG = logging.getLogger(__name__)

#: Debian's starter only adds flags that do not matter here, slowly.
_PROGRAMS = ('/usr/lib/chromium/chromium', 'chromium', 'chromium-browser')
_SUID_SANDBOX = pathlib.Path('/usr/lib/chromium/chrome-sandbox')
#: Bytes of /dev/shm below which Chromium shall use files; containers often
#: have 64 MB, which ends the page.
_SHARED_MEMORY = '/dev/shm'  # noqa: S108
_MIN_SHARED_MEMORY = 512 * 1024 * 1024
_PROBE_TIMEOUT = 5.0
_HOST = re.compile(r'[A-Za-z0-9._:-]+')

_FLAGS = (
    '--remote-debugging-pipe', '--kiosk',
    # An application reserves no keys for the browser: the page gets all.
    '--app=data:text/html,<title>console</title>',
    # What a page stores is in memory, which has a bound (memory_guard.py).
    '--incognito',
    '--no-first-run', '--no-default-browser-check', '--test-type',
    '--lang=en-US', '--password-store=basic', '--disable-gpu',
    # Nobody but the BMC is to be asked for anything.
    '--no-proxy-server', '--disable-quic', '--no-pings',
    '--disable-background-networking', '--disable-component-update',
    '--disable-sync', '--disable-default-apps', '--disable-extensions',
    '--disable-domain-reliability', '--disable-breakpad',
    '--disable-crash-reporter', '--metrics-recording-only',
    '--disable-client-side-phishing-detection',
    '--webrtc-ip-handling-policy=disable_non_proxied_udp',
    # Nothing comes up beside the page.
    '--disable-features=HttpsUpgrades,HttpsFirstBalancedMode,Translate,'
    'MediaRouter,OptimizationHints,AutofillServerCommunication,'
    'InterestFeedContentSuggestions,DialMediaRouteProvider',
    '--disable-search-engine-choice-screen', '--disable-notifications',
    '--deny-permission-prompts', '--disable-prompt-on-repost',
    '--noerrdialogs', '--disable-hang-monitor', '--disable-infobars',
    '--disable-session-crashed-bubble', '--disable-pinch',
    '--overscroll-history-navigation=0', '--mute-audio',
    # A text of ours lies above it until there is a picture.
    '--disable-backgrounding-occluded-windows',
    '--disable-renderer-backgrounding',
    '--disable-background-timer-throttling')


class BrowserMissing(BrowserFailed):
    """There is no Chromium here."""

    retry = False


def build(site: str, address: str, screen: Screen) -> list[str]:
    """:returns: a command line, without its profile and whom it trusts.
    :raises BrowserMissing: there is no Chromium.
    """
    return [find_program(), *_FLAGS, *size_flags(screen),
            *site_flags(site, address), *machine_flags()]


def find_program() -> str:
    """:returns: path of Chromium.
    :raises BrowserMissing: it is not installed.
    """
    for name in _PROGRAMS:
        if path := shutil.which(name):
            return path
    LOG.error('there is no Chromium: apt-get install chromium')
    raise BrowserMissing('This display has no web browser. Tell your '
                         'operator to install the package chromium where '
                         'displays run.')


def size_flags(screen: Screen) -> list[str]:
    return ['--window-position=0,0',
            f'--window-size={screen.width},{screen.height}']


def site_flags(site: str, address: str) -> list[str]:
    """:param address: at which the host was found, and was allowed to be: a
        name that is looked up again may lead elsewhere.
    :returns: flags by which the browser finds one host, on one port.
    :raises VisitFailed: the host is none that a browser knows.
    """
    parts = urllib.parse.urlsplit(site)
    port = parts.port or (443 if parts.scheme == 'https' else 80)
    host = parts.hostname or ''
    # Anything else could end the rule and begin another.
    if not _HOST.fullmatch(host):
        raise VisitFailed('The address of the BMC in the driver_info of the '
                          'node cannot be used by a web browser. Correct it.')
    wanted, found = (f'[{one}]:{port}' if ':' in one else f'{one}:{port}'
                     for one in (host, address))
    return [f'--host-resolver-rules=MAP {wanted} {found}, MAP * ~NOTFOUND']


def machine_flags() -> list[str]:
    """:returns: flags for where we run."""
    flags = []
    try:
        memory = os.statvfs(_SHARED_MEMORY)
        has_memory = (os.access(_SHARED_MEMORY, os.W_OK) and memory.f_bavail
                      * memory.f_frsize >= _MIN_SHARED_MEMORY)
    except OSError:
        has_memory = False
    if not has_memory:
        flags.append('--disable-dev-shm-usage')
    if reason := find_no_sandbox_reason():
        LOG.warning('Chromium runs without its sandbox: %s', reason)
        flags.append('--no-sandbox')
    return flags


def find_no_sandbox_reason() -> str:
    """:returns: why Chromium's sandbox cannot work; '' if it can."""
    if os.geteuid() == 0:
        return 'this is root; run displays as another user'
    if _has_user_namespaces() or _has_setuid_sandbox():
        return ''
    return ('user namespaces are not allowed here; allow them (sysctl '
            'kernel.unprivileged_userns_clone, seccomp profile) or install '
            'chromium-sandbox')


def _has_user_namespaces() -> bool:
    """Try what Chromium's own probe does, and chroot(2), which container
    engines forbid on its own."""
    program = shutil.which('unshare')
    if not program:
        return False
    try:
        return subprocess.run(  # noqa: S603
            [program, '--map-root-user', '--pid', '--net', '--fork',
             '--root=/', 'true'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=_PROBE_TIMEOUT,
            check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _has_setuid_sandbox() -> bool:
    """Debian's package chromium-sandbox, where set-user-ID bits count."""
    try:
        mode = _SUID_SANDBOX.stat().st_mode
        status = pathlib.Path('/proc/self/status').read_text()
    except OSError:
        return False
    return bool(mode & stat.S_ISUID) and 'NoNewPrivs:\t0' in status


def environment(folder: pathlib.Path) -> dict[str, str]:
    """:param folder: where it may write.
    :returns: all that Chromium gets of ours, and no message bus.
    """
    env = {name: os.environ[name] for name in
           ('PATH', 'DISPLAY', 'XAUTHORITY') if name in os.environ}
    return {**env, 'HOME': str(folder), 'TMPDIR': str(folder),
            'LANG': 'C.UTF-8',
            'DBUS_SESSION_BUS_ADDRESS': 'unix:path=/dev/null',
            'DBUS_SYSTEM_BUS_ADDRESS': 'unix:path=/dev/null'}
