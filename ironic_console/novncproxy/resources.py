# SPDX-License-Identifier: Apache-2.0
"""What the proxy needs of its host, before there is a worker: file
descriptors, and a folder of its own while it runs."""

import contextlib
import os
import pathlib
import resource
import shutil
import stat
import tempfile
from collections.abc import Iterator

from ironic_console.common.errors import ConfigError

#: What the name of a Unix socket leaves for its folder; unix(7).
MAX_FOLDER_BYTES = 87
# Listener, database, logs, libraries, and what nobody thinks of.
_OTHER_FILES = 128
# Browser and endpoint of a session; while it is set up a handle more. A pipe
# more while its browser is the slower one: good to have, but it goes without.
_FILES_A_SESSION, _FILES_A_SETUP, _FILES_A_PIPE = 2, 3, 2


def raise_file_limit(max_sessions: int, max_setups: int, doors: int = 0,
                     ) -> None:
    """Make sure that a worker can hold what it may hold.

    :param doors: most ports that it listens on for others than browsers.
    :raises ConfigError: the host does not let it; naming what to change.
    """
    needed = (max_sessions * _FILES_A_SESSION + max_setups * _FILES_A_SETUP
              + doors + _OTHER_FILES)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ConfigError(
            f'the limit of open files is {hard}, and [ironic_console]'
            f'max_sessions = {max_sessions} with max_setups = {max_setups} '
            f'{f"and {doors} ports of the gateway " if doors else ""}'
            f'needs {needed}: raise it (LimitNOFILE in a systemd unit), or '
            'lower those')
    wanted = needed + max_sessions * _FILES_A_PIPE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.contextmanager
def runtime_folder(path: str) -> Iterator[pathlib.Path]:
    """A folder that only our user can look into.

    :param path: where; '' for a temporary one that goes with the context.
    :raises ConfigError: it cannot be had, or others could use it.
    """
    if not path:
        folder = tempfile.mkdtemp(prefix='ironic-console-')
        owner = os.getpid()
        try:
            yield pathlib.Path(folder)
        finally:
            # Not a worker, whichever way it was forked and ends.
            if os.getpid() == owner:
                shutil.rmtree(folder, ignore_errors=True)
        return
    found = _absolute(path)
    try:
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise _cannot_be_made(exc) from exc
    _verify(found, path)
    yield found


def check_runtime_folder(path: str) -> bool:
    """Find out whether :func:`runtime_folder` would give it; make nothing.

    :returns: it is there already.
    :raises ConfigError: as that would.
    """
    found = _absolute(path)
    if os.path.lexists(found):
        _verify(found, path)
        return True
    above = next(folder for folder in found.parents
                 if os.path.exists(folder))
    if not os.path.isdir(above) or not os.access(above, os.W_OK | os.X_OK):
        raise _cannot_be_made(
            f'{above} is not a folder that the user {os.geteuid()} may '
            'write to')
    return False


def _absolute(path: str) -> pathlib.Path:
    found = pathlib.Path(path).absolute()
    if len(os.fsencode(found)) > MAX_FOLDER_BYTES:
        raise ConfigError(
            f'[ironic_console]runtime_dir {path} is too long for a folder of '
            f'sockets: {MAX_FOLDER_BYTES} bytes at most')
    return found


def _cannot_be_made(why: object) -> ConfigError:
    return ConfigError(f'[ironic_console]runtime_dir cannot be made: {why}')


def _verify(found: pathlib.Path, path: str) -> None:
    try:
        status = found.lstat()
    except OSError as exc:
        raise _cannot_be_made(exc) from exc
    if (not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid()
            or status.st_mode & 0o077):
        raise ConfigError(
            f'[ironic_console]runtime_dir {path} must be a folder that '
            f'belongs to the user {os.geteuid()} and has mode 0700')
