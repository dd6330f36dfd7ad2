# SPDX-License-Identifier: Apache-2.0
"""An ordinary user of this machine who runs containers.

Nothing of the machine changes: its list of users, and a Python that others
may read, are those of one mount namespace. Images of the user are in memory:
there it takes no time to be rid of them (Linux 6.6). What the user is asked to
run is not known here.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
from types import TracebackType
from typing import Self

import pytest

from tests.helpers import podman as podman_helper
from tests.helpers.xvnc import find_program
from tools.lab import Program

REPOSITORY = pathlib.Path(__file__).parents[2]
#: Seconds; an image of some hundred MB is copied.
PATIENCE = 300.0
NAME, UID = 'ironic', 64901
_SUB_IDS = f'{NAME}:200000:65536\n'
_HOLD = '''
mount --make-rshared /
mount --types overlay --options "lowerdir=$1/etc:/etc" overlay /etc
mount --types tmpfs --options "uid=$4,gid=$4,mode=0700" tmpfs "$5"
mount --bind "$2" "$1/python"
mount --bind "$3" "$1/source"
touch "$1/ready"
exec sleep infinity
'''


class Account:
    """The user; a context manager.

    :ivar home: of the user.
    :ivar runtime: the user's directory in memory, more or less.
    """

    def __init__(self) -> None:
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='rootless-'))
        self.home = self._folder / 'home'
        self.runtime = self._folder / 'run'
        self.source = self._folder / 'source'
        self._holder: Program | None = None

    def __enter__(self) -> Self:
        for program, package in (('newuidmap', 'uidmap'),
                                 ('slirp4netns', 'slirp4netns')):
            find_program(program, package)
        self._folder.chmod(0o755)
        for path in (self.home, self.runtime):
            path.mkdir(0o700)
            os.chown(path, UID, UID)
        # The default of podman 4.3 copies a whole image for each container.
        config = self.home / '.config/containers'
        storage = self.home / '.local/share/containers'
        for path in (config, storage):
            path.mkdir(parents=True)
        (config / 'storage.conf').write_text('[storage]\ndriver="overlay"\n')
        for path in (self.home, *self.home.rglob('*')):
            os.chown(path, UID, UID)
        for name in ('etc', 'python', 'source'):
            (self._folder / name).mkdir()
        self._write_lists()
        self._holder = Program(
            ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec',
             _HOLD, 'sh', self._folder, sys.base_prefix, REPOSITORY,
             str(UID), storage], self._folder / 'holder.log')
        try:
            self._holder.wait_for((self._folder / 'ready').exists, PATIENCE,
                                  'the mounts of a user')
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self.run('podman', 'rm', '--all', '--force')
        self._end()

    def _end(self) -> None:
        # What holds the user namespace of rootless podman.
        with contextlib.suppress(OSError, ValueError):
            pid = (self.runtime / 'libpod/tmp/pause.pid').read_text()
            os.kill(int(pid), signal.SIGKILL)
        assert self._holder
        self._holder.stop()
        shutil.rmtree(self._folder)

    def _write_lists(self) -> None:
        line = f'{NAME}:x:{UID}:'
        etc = pathlib.Path('/etc')
        texts = {'passwd': (etc / 'passwd').read_text()
                 + f'{line}{UID}::{self.home}:/bin/sh\n',
                 'group': (etc / 'group').read_text() + f'{line}\n',
                 'subuid': _SUB_IDS, 'subgid': _SUB_IDS}
        for name, text in texts.items():
            (self._folder / 'etc' / name).write_text(text)

    def command(self, *words: str | pathlib.Path) -> list[str]:
        """:returns: for a process of ours to run as the user."""
        assert self._holder
        return ['nsenter', '--target', str(self._holder.pid), '--mount',
                'setpriv', f'--reuid={NAME}', f'--regid={NAME}',
                '--clear-groups', 'env', '--ignore-environment',
                f'--chdir={self.home}', 'PATH=/usr/sbin:/usr/bin',
                f'HOME={self.home}', f'XDG_RUNTIME_DIR={self.runtime}',
                *map(str, words)]

    def python(self) -> list[str]:
        """:returns: the beginning of a command, with our package and no
            other in reach."""
        return ['env', f'LD_LIBRARY_PATH={self._folder}/python/lib',
                f'PYTHONPATH={self.source}', 'PYTHONDONTWRITEBYTECODE=1',
                f'{self._folder}/python/bin/python3.{sys.version_info.minor}',
                '-P']

    def run(self, *words: str | pathlib.Path) -> str:
        """:returns: what it says.
        :raises CalledProcessError: it failed.
        """
        done = subprocess.run(self.command(*words), check=False,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=PATIENCE)
        if done.returncode:
            raise subprocess.CalledProcessError(
                done.returncode, words, done.stdout, done.stderr)
        return done.stdout

    def take(self, image: str) -> None:
        """Copy an image of root's."""
        giver = subprocess.Popen(['podman', 'save', image],
                                 stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL)
        try:
            subprocess.run(self.command('podman', 'load', '--quiet'),
                           stdin=giver.stdout, check=True,
                           timeout=PATIENCE, stdout=subprocess.DEVNULL)
        finally:
            assert giver.stdout
            giver.stdout.close()
            giver.wait()

    def runtime_options(self, image: str) -> list[str]:
        """:returns: global options of podman with which containers run; the
            test is skipped, with the reason, where none can."""
        reasons = []
        for options in ([], ['--runtime', 'runc']):
            try:
                self.run('podman', *options, 'run', '--rm', '--network',
                         podman_helper.NETWORK, '--entrypoint', '/bin/true',
                         image)
            except subprocess.CalledProcessError as exc:
                reasons += exc.stderr.strip().splitlines()[-1:]
            else:
                return options
        pytest.skip('NOT RUN: podman cannot run a container without root on '
                    f'this machine: {"; ".join(dict.fromkeys(reasons))}')
