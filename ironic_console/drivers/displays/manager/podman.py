# SPDX-License-Identifier: Apache-2.0
"""podman: runs displays with as little as they can do with.

It keeps secrets off command lines, labels and environments: a container gets
its settings as a file in a directory of its own. When one is started is
decided elsewhere.
"""

import dataclasses
import json
import logging
import os
import pathlib
import subprocess
from collections.abc import Sequence
from typing import Any

from ironic_console.common.errors import DisplayError
from ironic_console.drivers.displays import spool
from ironic_console.drivers.displays.manager.plan import (
    Container,
    ContainerExistsError,
)

LOG = logging.getLogger(__name__)

#: Seconds for a display to log out at its BMC, and then some.
STOP_TIMEOUT = 15
#: Seconds for any command; the first use of an image takes long.
COMMAND_TIMEOUT = 120.0
LABEL = 'org.ironic-console.'
#: Seccomp profiles of podman's packages.
PROFILES = ('/etc/containers/seccomp.json',
            '/usr/share/containers/seccomp.json')
# States of a container that has never run.
_NEW = ('created', 'configured', 'initialized')
_TMPFS = 'rw,nosuid,nodev,mode=1777'
_MAX_WORDS = 400
_MAX_LINES = 20


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one display may use.

    :ivar memory: as podman says it, such as ``1g``; '' for no limit.
    :ivar pids: processes and threads; 0 for no limit.
    """

    memory: str = '1g'
    pids: int = 512


@dataclasses.dataclass(frozen=True)
class Engine:
    """How displays are run.

    :ivar command: podman with its global options.
    :ivar publish: address at which the ports of displays are published.
    :ivar address: that viewers connect to instead, if it is another.
    :ivar network: as podman says it; '' for its default.
    :ivar options: further ones of ``podman run``.
    """

    image: str
    command: Sequence[str] = ('podman',)
    publish: str = '127.0.0.1'
    address: str = ''
    network: str = ''
    limits: Limits = Limits()
    options: Sequence[str] = ()


class Podman:
    """The containers of one spool.

    :param directory: name of the spool, which they are labelled with.
    :param seccomp: path of their profile; '' for podman's own.
    """

    def __init__(self, engine: Engine, directory: str, seccomp: str = '',
                 ) -> None:
        self._engine = engine
        self._directory = directory
        self._seccomp = seccomp

    def containers(self) -> list[Container]:
        """:returns: all, whether they run or not.

        :raises DisplayError: podman does not tell.
        """
        text = self._run(
            'ps', '--all', '--no-trunc', '--format', 'json', '--filter',
            f'label={LABEL}directory={self._directory}').stdout
        try:
            return [_container(entry, self._engine.address)
                    for entry in json.loads(text or '[]')]
        except (ValueError, KeyError, TypeError) as exc:
            raise DisplayError('podman says what this program does not '
                               'understand; it needs podman 4') from exc

    def start(self, request: spool.Request, folder: str) -> None:
        """Run a display.

        :param folder: where its settings are.
        :raises ContainerExistsError: somebody else was quicker.
        :raises DisplayError: it cannot be run.
        """
        name = self._name(request)
        try:
            self._run(*self._arguments(request, folder))
        except DisplayError as exc:
            if f'name "{name}" is already in use' in str(exc):
                raise ContainerExistsError(str(exc)) from None
            raise

    def discard(self, request: spool.Request) -> None:
        """Remove what is left of a container that was never made.

        :raises DisplayError: it may still be there.
        """
        self._run('rm', '--force', '--ignore', self._name(request))

    def _name(self, request: spool.Request) -> str:
        return f'ironic-display-{self._directory}-{request.generation}'

    def _arguments(self, request: spool.Request, folder: str) -> list[str]:
        engine = self._engine
        uid = spool.IMAGE_UID
        # The name makes sure that none is started twice.
        words = ['run', '--detach', '--name', self._name(request)]
        for label, value in (('directory', self._directory),
                             ('node', request.node),
                             ('generation', request.generation)):
            words += ['--label', f'{LABEL}{label}={value}']
        words += [
            '--user', f'{uid}:{uid}', '--cap-drop', 'all',
            '--security-opt', 'no-new-privileges',
            # The tmpfs that podman would add have no limit.
            '--read-only', '--read-only-tmpfs=false',
            '--tmpfs', f'/tmp:{_TMPFS},size=512m',  # noqa: S108
            '--tmpfs', f'/run:{_TMPFS},size=16m',
            '--volume', f'{folder}:/settings:rw,nosuid,nodev,Z',
            # Proxies of the host, maybe with passwords.
            '--http-proxy=false',
            # What it leaves behind is reaped by --init. Its log is bounded,
            # and is where it says that it is ready.
            '--init', '--sdnotify', 'ignore', '--restart', 'no',
            '--pull', 'never', '--stop-timeout', str(STOP_TIMEOUT),
            '--log-driver', 'k8s-file', '--log-opt', 'max-size=1mb',
            '--pids-limit', str(engine.limits.pids),
            '--publish', f'{_bracketed(engine.publish)}::{spool.PORT}/tcp']
        if self._seccomp:
            words += ['--security-opt', f'seccomp={self._seccomp}']
        if os.geteuid() != 0:
            # What is ours outside is the display's inside.
            words += ['--userns', f'keep-id:uid={uid},gid={uid}']
        if engine.limits.memory:
            words += ['--memory', engine.limits.memory,
                      '--memory-swap', engine.limits.memory]
        if engine.network:
            words += ['--network', engine.network]
        return [*words, *engine.options, engine.image]

    def said(self, name: str) -> dict[str, Any]:
        """:returns: what a display said of itself; empty if nothing yet.

        :raises DisplayError: podman does not tell.
        """
        for line in self._run('logs', name).stdout.splitlines():
            try:
                document = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(document, dict):
                return document
        return {}

    def last_words(self, name: str) -> list[str]:
        """:returns: the end of what a display wrote to its log.

        :raises DisplayError: podman does not tell.
        """
        done = self._run('logs', '--tail', str(_MAX_LINES), name)
        return done.stderr.splitlines()

    def stop(self, name: str) -> None:
        """End a display, politely first; fine if it has ended.

        :raises DisplayError: it may still be there.
        """
        self._run('stop', '--ignore', '--time', str(STOP_TIMEOUT), name)
        self._run('rm', '--force', '--ignore', name)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            done = subprocess.run(  # noqa: S603
                [*self._engine.command, *arguments], check=False,
                stdin=subprocess.DEVNULL, capture_output=True,
                text=True, errors='replace', timeout=COMMAND_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise DisplayError(f'podman {arguments[0]} takes more than '
                               f'{COMMAND_TIMEOUT:g} s') from None
        except OSError as exc:
            raise DisplayError(f'{self._engine.command[0]} cannot be run: '
                               f'{exc.strerror}') from exc
        if done.returncode:
            words = ' '.join(done.stderr.split())[-_MAX_WORDS:]
            raise DisplayError(f'podman {arguments[0]} failed: {words}')
        return done


def allow_sandbox() -> bytes | None:
    """Make a seccomp profile that lets Chromium have its own sandbox.

    podman's own lets everybody make user namespaces, which that sandbox is
    made of, but allows chroot(2) only to those who could harm the outside
    with it. In a user namespace it harms nobody, and the kernel refuses it
    everywhere else.

    :returns: podman's profile with that change; ``None`` if it is not found.
    """
    for path in PROFILES:
        try:
            profile = json.loads(pathlib.Path(path).read_bytes())
            rules = [rule for rule in profile['syscalls']
                     if rule['names'] != ['chroot']]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        rules.append({'names': ['chroot'], 'action': 'SCMP_ACT_ALLOW'})
        return json.dumps(profile | {'syscalls': rules}).encode()
    return None


def _container(entry: dict[str, Any], address: str) -> Container:
    labels = entry['Labels']
    host, port = next(
        ((str(one.get('host_ip', '')), int(one['host_port']))
         for one in entry.get('Ports') or ()
         if one.get('container_port') == spool.PORT), ('', 0))
    return Container(
        entry['Names'][0], labels[f'{LABEL}node'],
        labels[f'{LABEL}generation'], entry['State'] == 'running',
        entry['State'] not in _NEW, address or host, port,
        int(entry.get('ExitCode') or 0))


def _bracketed(address: str) -> str:
    return f'[{address}]' if ':' in address else address
