# SPDX-License-Identifier: Apache-2.0
"""A machine with a real systemd, which runs units as they are shipped.

It is a container of systemd-nspawn with this machine's programs, network and
Python, and no image: /usr is this machine's own, read-only, the rest is made
anew. MemoryMax does nothing in it on machines whose memory controller belongs
to cgroups v1.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import uuid
from types import TracebackType
from typing import Self

import psutil
import pytest

from tests.helpers.xvnc import find_program
from tools.lab import Program

REPOSITORY = pathlib.Path(__file__).parents[2]
#: Seconds for anything on a busy machine.
PATIENCE = 120.0
#: User and group that Ironic's packages make.
USER, UID = 'ironic', 990
#: Where our programs are in it, and their Python.
VENV, PYTHON = pathlib.Path('/opt/ironic-console'), pathlib.Path('/opt/python')
_CGROUPS = pathlib.Path('/sys/fs/cgroup')
_SITE_PACKAGES = f'lib/python3.{sys.version_info.minor}/site-packages'
_PASSWD = f'''\
root:x:0:0::/root:/bin/sh
{USER}:x:{UID}:{UID}::/var/lib/ironic:/usr/sbin/nologin
nobody:x:65534:65534::/:/usr/sbin/nologin
'''
# Units find our programs, and these a Python that is not where it was built.
_ENVIRONMENT = {'PATH': f'{VENV}/bin:/usr/sbin:/usr/bin',
                'LD_LIBRARY_PATH': f'{PYTHON}/lib',
                'PYTHONWARNINGS': 'ignore'}


class CommandFailed(AssertionError):
    """With what it wrote."""


class Machine:
    """Boots it; a context manager.

    :param folder: for its files.
    :param options: more of systemd-nspawn.
    :param containers: they can be run in it.
    :ivar root: its file system, but for /usr.
    """

    def __init__(self, folder: pathlib.Path, *options: str,
                 containers: bool = False) -> None:
        self.root = folder / 'root'
        self._options = options
        if containers:
            self._options += ('--capability=all',
                              '--system-call-filter=@known')
        self._installed = folder / 'installed'
        self._log = folder / 'machine.log'
        self._name = f'ironic-{uuid.uuid4().hex[:8]}'
        self._program: Program | None = None
        self._leader = 0
        self._make_root()

    def __enter__(self) -> Self:
        if os.geteuid():
            pytest.skip('NOT RUN: only root can boot a systemd')
        self._try()
        self._program = Program(self._command('--boot'), self._log,
                                name='systemd-nspawn')
        try:
            self._program.wait_for(self._is_running, PATIENCE,
                                   'systemd is running')
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if error:
            print(self.run('journalctl', '--no-pager', check=False))
        self._end()

    def _try(self) -> None:
        """Skip the test, with the reason, where no container can run."""
        done = subprocess.run(
            self._command('--as-pid2', '/usr/bin/true'), check=False,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE)
        if done.returncode:
            self._remove_cgroups()
            words = done.stderr.strip().splitlines() or ['it does not say']
            pytest.skip('NOT RUN: systemd-nspawn cannot run anything on this '
                        f'machine: {words[-1]}')

    def _end(self) -> None:
        assert self._program
        self._program.stop(PATIENCE)
        self._remove_cgroups()

    def _remove_cgroups(self) -> None:
        for folder in _own_cgroups(self._name):
            for path, _folders, _files in os.walk(folder, topdown=False):
                with contextlib.suppress(OSError):
                    pathlib.Path(path).rmdir()

    def add_unit(self, unit: pathlib.Path) -> None:
        """Copy a unit as its first lines say, unchanged."""
        shutil.copy(unit, self.root / 'etc/systemd/system')
        if self._leader:
            self.run('systemctl', 'daemon-reload')

    def command(self, *words: str | pathlib.Path, user: str = '',
                pid: int = 0) -> list[str]:
        """:param pid: of a process, as the machine counts them: what it sees
            of the file system is used.
        :returns: for a process of ours to run there.
        """
        enter = ['nsenter', '--target', str(self._leader), '--all']
        if pid:
            enter += ['nsenter', '--target', str(pid), '--mount']
        if user:
            enter += ['setpriv', f'--reuid={user}', f'--regid={user}',
                      '--clear-groups', '--']
        return [*enter, *map(str, words)]

    def run(self, *words: str | pathlib.Path, user: str = '', pid: int = 0,
            check: bool = True) -> str:
        """:returns: what it writes.
        :raises CommandFailed: with the same, unless nobody checks.
        """
        done = subprocess.run(
            self.command(*words, user=user, pid=pid), check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.STDOUT, timeout=PATIENCE, env=_ENVIRONMENT)
        if check and done.returncode:
            raise CommandFailed(f'{words}: {done.stdout}')
        return done.stdout

    def path(self, path: str) -> pathlib.Path:
        """:returns: where we find a path of it, what is mounted included."""
        return pathlib.Path(f'/proc/{self._leader}/root{path}')

    def property(self, unit: str, name: str) -> str:
        """:returns: what systemd knows of a unit."""
        return self.run('systemctl', 'show', '--value', f'--property={name}',
                        unit).strip()

    def processes(self, unit: str) -> list[int]:
        """:returns: as the machine counts them, the main one first."""
        main = int(self.property(unit, 'MainPID'))
        path = self.property(unit, 'ControlGroup')
        found = self.run('cat', f'/sys/fs/cgroup{path}/cgroup.procs',
                         check=False) if path else ''
        others = {int(word) for word in found.split() if word.isdecimal()}
        return [main, *sorted(others - {main})] if main else sorted(others)

    def journal(self, unit: str) -> list[str]:
        """:returns: what a unit has written, and systemd about it."""
        entries = self.run('journalctl', '--no-pager', '--output=json',
                           f'--unit={unit}').splitlines()
        return [str(json.loads(entry).get('MESSAGE')) for entry in entries]

    def _is_running(self) -> bool:
        assert self._program
        for process in psutil.Process(self._program.pid).children():
            self._leader = process.pid
            state = self.run('systemctl', 'is-system-running', check=False)
            return state.strip() in ('running', 'degraded')
        return False

    def _make_root(self) -> None:
        etc = self.root / 'etc'
        for name in ('usr', 'root', 'home', 'var/lib', 'var/log', 'run', 'srv',
                     f'etc/{USER}', 'etc/systemd/system',
                     'etc/systemd/system.conf.d'):
            (self.root / name).mkdir(parents=True)
        for name in ('bin', 'lib', 'lib64', 'sbin'):
            if pathlib.Path('/', name).is_symlink():
                (self.root / name).symlink_to(f'usr/{name}')
        for name in ('ld.so.cache', 'nsswitch.conf', 'os-release'):
            shutil.copy(pathlib.Path('/etc', name), etc)
        (etc / 'passwd').write_text(_PASSWD)
        (etc / 'group').write_text(re.sub(
            r'^(\w+):x:\d+:(\d+):.*', r'\1:x:\2:', _PASSWD, flags=re.M))
        # Without one it would be a first boot, which asks questions.
        (etc / 'machine-id').write_text(f'{uuid.uuid4().hex}\n')
        (etc / 'systemd/system.conf.d/tests.conf').write_text(
            '[Manager]\nDefaultEnvironment=' + ' '.join(
                f'{name}={value}' for name, value in _ENVIRONMENT.items()))
        (etc / 'systemd/system/default.target').symlink_to(
            '/usr/lib/systemd/system/multi-user.target')
        self._install()

    def _install(self) -> None:
        """Install our package: its code, its programs, and a Python."""
        programs = self.root / VENV.relative_to('/') / 'bin'
        programs.mkdir(parents=True)
        (programs.parent / _SITE_PACKAGES).mkdir(parents=True)
        (self.root / PYTHON.relative_to('/')).mkdir()
        (programs.parent / 'pyvenv.cfg').write_text(f'home = {PYTHON}/bin\n')
        version = f'python3.{sys.version_info.minor}'
        (programs / 'python').symlink_to(PYTHON / 'bin' / version)
        for script in pathlib.Path(sys.executable).parent.glob(
                'ironic-console-*'):
            _first, _newline, rest = script.read_text().partition('\n')
            copy = programs / script.name
            copy.write_text(f'#!{VENV}/bin/python\n{rest}')
            copy.chmod(0o755)
        shutil.copytree(REPOSITORY / 'ironic_console',
                        self._installed / 'ironic_console')

    def _command(self, *words: str) -> list[str]:
        modules = sysconfig.get_path('purelib')
        command = [
            find_program('systemd-nspawn', 'systemd-container'), '--quiet',
            f'--directory={self.root}', f'--machine={self._name}',
            '--register=no', '--link-journal=no', '--resolv-conf=off',
            '--timezone=off', '--console=pipe', '--bind-ro=/usr',
            f'--bind-ro={sys.base_prefix}:{PYTHON}',
            f'--overlay-ro={modules}:{self._installed}:'
            f'{VENV / _SITE_PACKAGES}',
            *self._options]
        return [*_in_own_cgroup(self._name), 'env',
                # Only cgroups v2 tell systemd that the last process ended.
                'SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1', *command,
                *(() if _has_systemd() else ('--keep-unit',)), *words]


def _own_cgroups(name: str) -> list[pathlib.Path]:
    """:returns: where a machine that has no systemd to ask puts it."""
    if _has_systemd():
        return []
    return [folder / name
            for folder in (_CGROUPS, _CGROUPS / 'systemd',
                           _CGROUPS / 'unified')
            if (folder / 'cgroup.procs').exists()]


def _has_systemd() -> bool:
    """See sd_booted(3)."""
    return pathlib.Path('/run/systemd/system').is_dir()


def _in_own_cgroup(name: str) -> list[str]:
    """Begin a command that shall not share its cgroup with another one."""
    folders = ' '.join(map(str, _own_cgroups(name)))
    return ['/bin/sh', '-ec',
            f'for folder in {folders}; do mkdir -p $folder; '
            'echo $$ > $folder/cgroup.procs; done; exec "$@"', 'sh']
