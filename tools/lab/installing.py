# SPDX-License-Identifier: Apache-2.0
"""What has to be on the machine: virtual environments, Debian packages.

A package of Debian is installed only by root and only if its program is
missing; everybody else is told the command.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tools.lab.process import TAIL_LINES

STAMP = '.installed'


class InstallError(Exception):
    """Something is missing and we cannot fetch it; names what to run."""


def find_program(name: str) -> str | None:
    """:returns: path of a program or a library (``lib...so``), or None."""
    if name.endswith('.so'):
        return next((str(path) for pattern in ('lib*', 'lib/*')
                     for path in Path('/usr').glob(f'{pattern}/{name}')),
                    None)
    return shutil.which(name)


def run(argv: Sequence[str | Path], log: Path, *, cwd: Path | None = None,
        env: Mapping[str, str] | None = None) -> None:
    """Run a program to its end with its output in a file.

    :raises InstallError: it failed; with the last lines.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in argv]
    with log.open('a') as output:
        start = output.tell()
        output.write(f'$ {" ".join(words)}\n')
        output.flush()
        try:
            status = subprocess.run(
                words, stdin=subprocess.DEVNULL, stdout=output, cwd=cwd,
                stderr=subprocess.STDOUT, env=env, check=False).returncode
        except OSError as exc:
            raise InstallError(f'cannot run {words[0]}: {exc}') from exc
    if status:
        with log.open() as output:
            output.seek(start)
            tail = output.read().splitlines()[-TAIL_LINES:]
        raise InstallError('\n'.join(
            [f'{" ".join(words)} ended with status {status}:', *tail]))


def require_programs(packages: Mapping[str, str], log: Path) -> list[str]:
    """Make sure that programs and libraries are there.

    :param packages: Debian package by program or library.
    :param log: file for what apt-get says.
    :returns: packages that were installed now.
    :raises InstallError: names the packages and the command.
    """
    missing = sorted({package for program, package in packages.items()
                      if not find_program(program)})
    if missing:
        install_packages(missing, log)
    return missing


def install_packages(packages: Iterable[str], log: Path) -> None:
    """Install packages of Debian, if we may.

    :raises InstallError: names the packages and the command.
    """
    words = list(packages)
    command = f'apt-get install {" ".join(words)}'
    if os.geteuid() or not find_program('apt-get'):
        raise InstallError(f'missing on this machine: {", ".join(words)}; '
                           f'as root, run "{command}"')
    env = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'}
    run(['apt-get', 'update'], log, env=env)
    run(['apt-get', 'install', '-y', '--no-install-recommends', *words], log,
        env=env)


def make_venv(folder: Path, log: Path) -> Path:
    """Make a virtual environment of this Python, unless it is there.

    :returns: folder of its programs.
    :raises InstallError: Python lacks the module for it.
    """
    python = folder / 'bin' / 'python'
    if not python.exists():
        # Debian has it in a package of its own.
        if importlib.util.find_spec('ensurepip') is None:
            install_packages(['python3-venv'], log)
        # --clear: one whose Python went away is of no use.
        run([sys.executable, '-m', 'venv', '--clear', folder], log)
    return folder / 'bin'


def pip_install(venv: Path, requirements: Sequence[str], log: Path, *,
                name: str, sources: Iterable[Path] = ()) -> bool:
    """Install into a virtual environment, unless that was done already.

    :param venv: folder of the virtual environment.
    :param requirements: what pip is told.
    :param name: of this set; its stamp holds a hash of all that went in.
    :param sources: files whose change means installing again.
    :returns: whether anything was done.
    :raises InstallError: pip failed.
    """
    stamp = venv / f'{STAMP}-{name}'
    wanted = _fingerprint(requirements, sources)
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    stamp.unlink(missing_ok=True)
    run([venv / 'bin' / 'python', '-m', 'pip', 'install',
         '--disable-pip-version-check', *requirements], log)
    stamp.write_text(wanted)
    return True


def _fingerprint(requirements: Sequence[str],
                 sources: Iterable[Path]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for word in requirements:
        digest.update(word.encode() + b'\0')
    for path in sources:
        digest.update(path.read_bytes())
    return digest.hexdigest()
