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
    found = pathlib.Path(path).absolute()
    if len(os.fsencode(found)) > MAX_FOLDER_BYTES:
        raise ConfigError(
            f'[ironic_console]runtime_dir {path} is too long for a folder of '
            f'sockets: {MAX_FOLDER_BYTES} bytes at most')
    try:
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = found.lstat()
    except OSError as exc:
        raise ConfigError('[ironic_console]runtime_dir cannot be made: '
                          f'{exc}') from exc
    if (not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid()
            or status.st_mode & 0o077):
        raise ConfigError(
            f'[ironic_console]runtime_dir {path} must be a folder that '
            f'belongs to the user {os.geteuid()} and has mode 0700')
    yield found
