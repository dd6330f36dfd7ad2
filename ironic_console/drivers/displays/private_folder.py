# SPDX-License-Identifier: Apache-2.0
"""A directory that two users may write to, neither trusting names in it.

Files appear whole or not at all; what is read is a regular file of somebody
who may say so. What the files mean is not known here.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from ironic_console.common.errors import DisplayError

_TEMPORARY = '.tmp-'


class FolderError(DisplayError):
    """The directory, or a file in it, is not as it has to be."""


class PrivateFolder:
    """The directory, held open.

    :param path: is made if it is not there.
    :ivar owner: user whose files in it are believed, beside root's and ours.
    :raises FolderError: it cannot be used, or others could write to it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        with _saying(f'{path} cannot be used',
                     'it has to be a directory of the user of this program'):
            os.makedirs(path, 0o700, exist_ok=True)
            self._fd = os.open(path, os.O_DIRECTORY | os.O_NOFOLLOW
                               | os.O_CLOEXEC)
        status = os.fstat(self._fd)
        self.owner = status.st_uid
        if os.geteuid() not in (0, self.owner) and self.owner != 0:
            self.close()
            raise FolderError(f'{path} belongs to somebody else; change its '
                              'owner to the user of this program')
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            self.close()
            raise FolderError(f'others may write to {path}, which says what '
                              'to start; change its mode to 0700')

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def lock(self) -> None:
        """Keep others who call this away, until we close it or end.

        :raises FolderError: one is here already.
        """
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise FolderError(f'another program serves {self.path} already',
                              ) from exc

    def is_in_place(self) -> bool:
        """:returns: whether the path still leads here."""
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(self._fd))

    def names(self) -> list[str]:
        """:returns: all that is in it, in any order.

        :raises FolderError: it cannot be read.
        """
        with (_saying(f'{self.path} cannot be read'),
              os.scandir(self._fd) as entries):
            return [entry.name for entry in entries]

    def put(self, name: str, data: bytes, mode: int) -> None:
        """Write a file, in place of any that is there.

        :raises FolderError: it cannot be written.
        """
        temporary = _TEMPORARY + secrets.token_hex(8)
        with _saying(f'{self.path}/{name} cannot be written'):
            try:
                _write(self._fd, temporary, data, mode)
                os.rename(temporary, name, src_dir_fd=self._fd,
                          dst_dir_fd=self._fd)
            except OSError:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=self._fd)
                raise
            os.fsync(self._fd)

    def get(self, name: str, max_bytes: int, forbidden: int = 0o022,
            ) -> bytes | None:
        """Read a file.

        :param forbidden: bits that its mode may not have.
        :returns: ``None`` if it is not there.
        :raises FolderError: it cannot be believed.
        """
        problem, data = '', b''
        with _saying(f'{self.path}/{name} cannot be read'):
            try:
                # A pipe in its place would make us wait for ever.
                fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW
                             | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._fd)
            except FileNotFoundError:
                return None
            try:
                problem = self._problem(os.fstat(fd), forbidden)
                if not problem:
                    with os.fdopen(fd, 'rb', closefd=False) as file:
                        data = file.read(max_bytes + 1)
            finally:
                os.close(fd)
        if len(data) > max_bytes:
            problem = 'is too long'
        if problem:
            raise FolderError(f'{self.path}/{name} {problem}')
        return data

    def _problem(self, status: os.stat_result, forbidden: int) -> str:
        if not stat.S_ISREG(status.st_mode):
            return 'is no regular file'
        if status.st_uid not in (0, self.owner, os.geteuid()):
            return 'belongs to somebody else'
        if status.st_mode & forbidden:
            return 'is open to others'
        return ''

    def remove(self, name: str) -> None:
        """Remove a file; fine if there is none.

        :raises FolderError: it cannot be removed.
        """
        with (_saying(f'{self.path}/{name} cannot be removed'),
              contextlib.suppress(FileNotFoundError)):
            os.unlink(name, dir_fd=self._fd)

    def sweep(self, is_leftover: Callable[[str], bool], min_age: float,
              ) -> None:
        """Remove what somebody who crashed has left.

        :param is_leftover: told a name; temporary files are, in any case.
        :param min_age: seconds for which it may still be in use.
        """
        for name in self.names():
            if not name.startswith(_TEMPORARY) and not is_leftover(name):
                continue
            with contextlib.suppress(OSError):
                changed = os.stat(name, dir_fd=self._fd,
                                  follow_symlinks=False).st_mtime
                if time.time() - changed > min_age:
                    os.unlink(name, dir_fd=self._fd)

    def make_folder(self, name: str, file: str, data: bytes,
                    owner: int | None) -> None:
        """Make a directory with one file, which its owner may remove.

        :param owner: user and group, if it shall be another than us.
        :raises FolderError: it cannot be made; also if it is there.
        """
        with _saying(f'{self.path}/{name} cannot be made'):
            os.mkdir(name, 0o700, dir_fd=self._fd)
            fd = os.open(name, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC,
                         dir_fd=self._fd)
            try:
                _write(fd, file, data, 0o400)
                if owner is not None:
                    os.chown(file, owner, owner, dir_fd=fd,
                             follow_symlinks=False)
                    os.fchown(fd, owner, owner)
            finally:
                os.close(fd)

    def remove_folder(self, name: str) -> None:
        """Remove a directory and all in it; fine if there is none.

        Whoever still holds it can put nothing there any more.

        :raises FolderError: it cannot be removed.
        """
        with (_saying(f'{self.path}/{name} cannot be removed'),
              contextlib.suppress(FileNotFoundError)):
            shutil.rmtree(name, dir_fd=self._fd)


def _write(folder: int, name: str, data: bytes, mode: int) -> None:
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                 | os.O_CLOEXEC, 0o600, dir_fd=folder)
    with os.fdopen(fd, 'wb') as file:
        # The umask may have taken away what others need.
        os.fchmod(fd, mode)
        file.write(data)
        file.flush()
        os.fsync(fd)


@contextlib.contextmanager
def _saying(what: str, advice: str = '') -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise FolderError(f'{what}: {exc.strerror}'
                          + (f'; {advice}' if advice else '')) from exc
