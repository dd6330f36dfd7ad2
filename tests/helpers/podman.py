# SPDX-License-Identifier: Apache-2.0
"""The display image in a real podman, where one can run.

Containers have a network of their own; this machine's loopback is
``HOST_LOOPBACK`` in it, so that simulated BMCs need not listen elsewhere.
"""

import contextlib
import fcntl
import functools
import json
import pathlib
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.helpers.xvnc import find_program

BUILD = (pathlib.Path(__file__).parents[2] / 'tools' / 'display-image'
         / 'build')
HOST_LOOPBACK = '10.0.2.2'
NETWORK = 'slirp4netns:allow_host_loopback=true'
#: Seconds; an image is built from packages that are downloaded.
BUILD_TIMEOUT, TIMEOUT = 1800.0, 120.0
#: Ways to run a container, best first: machines without a systemd and with
#: limits of their own may not give more than the last.
_WAYS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    ((), ()),
    (('--runtime', 'runc'), ()),
    (('--runtime', 'runc'), ('--ulimit=nofile=1024:1024',
                             '--ulimit=nproc=1000:1000')),
)


class Podman:
    """A podman that works here.

    :ivar command: with its global options.
    :ivar options: that ``run`` needs.
    :ivar limits: whether it can limit memory and processes.
    """

    def __init__(self, image: str, command: Sequence[str],
                 options: Sequence[str], limits: bool) -> None:
        self.image = image
        self.command = tuple(command)
        self.options = tuple(options)
        self.limits = limits

    def run(self, *arguments: str | pathlib.Path) -> str:
        """:returns: what it says."""
        done = subprocess.run([*self.command, *arguments], check=False,
                              capture_output=True, text=True,
                              timeout=TIMEOUT)
        assert not done.returncode, done.stderr
        return done.stdout

    def remove(self, container: str) -> None:
        """End a container and wait until it is gone.

        Programs that are being put into a mount namespace of their own hold
        mounts of every container for a moment, which are busy then.
        """
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                self.run('rm', '--force', '--ignore', container)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
            else:
                return

    def containers(self, **labels: str) -> list[dict[str, Any]]:
        """:param labels: below ``org.ironic-console.``."""
        filters = [f'--filter=label=org.ironic-console.{name}={value}'
                   for name, value in labels.items()]
        return list(json.loads(self.run('ps', '--all', '--format', 'json',
                                        *filters) or '[]'))


def get() -> Podman:
    """:returns: with the image in it; the test is skipped, with the reason,
        where no container can run."""
    image = _image()
    reasons = []
    for command, options in _WAYS:
        for pids, limits in (('--pids-limit=512', True),
                             ('--pids-limit=0', False)):
            found = Podman(image, ['podman', *command], options, limits)
            try:
                found.run('run', '--rm', pids, *options, '--network', NETWORK,
                          '--entrypoint', '/bin/true', image)
            except AssertionError as exc:
                reasons.append(str(exc).strip().splitlines()[-1])
            else:
                return found
    pytest.skip('NOT RUN: podman cannot run a container on this machine: '
                + '; '.join(dict.fromkeys(reasons)))


@functools.cache
def _image() -> str:
    for program, package in (('podman', 'podman'), ('runc', 'runc'),
                             ('mmdebstrap', 'mmdebstrap'),
                             ('slirp4netns', 'slirp4netns')):
        find_program(program, package)
    with _alone():
        done = subprocess.run([BUILD], check=False, capture_output=True,
                              text=True, timeout=BUILD_TIMEOUT)
    assert not done.returncode, done.stderr[-4000:]
    return done.stdout.strip()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Tests of several lanes shall not all build it."""
    path = pathlib.Path(tempfile.gettempdir()) / 'ironic-display-build.lock'
    with path.open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
