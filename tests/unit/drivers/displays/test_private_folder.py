# SPDX-License-Identifier: Apache-2.0
"""A directory in which no name is trusted."""

import os
import pathlib
import stat
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ironic_console.drivers.displays.private_folder import (
    FolderError,
    PrivateFolder,
)


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / 'new' / 'folder'


@pytest.fixture
def folder(path: pathlib.Path) -> Iterator[PrivateFolder]:
    with PrivateFolder(str(path)) as folder:
        yield folder


def test_is_made_for_its_owner_alone(
        folder: PrivateFolder, path: pathlib.Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert folder.owner == os.geteuid()


def test_what_is_put_is_there_with_its_mode_whatever_the_umask(
        folder: PrivateFolder, path: pathlib.Path) -> None:
    before = os.umask(0o777)
    try:
        folder.put('name', b'first', 0o644)
        folder.put('name', b'second', 0o600)
    finally:
        os.umask(before)
    assert folder.get('name', 100) == b'second'
    assert stat.S_IMODE((path / 'name').stat().st_mode) == 0o600
    assert folder.names() == ['name']


def test_readers_never_see_half_a_file(
        folder: PrivateFolder, path: pathlib.Path) -> None:
    folder.put('name', b'old', 0o600)
    with (path / 'name').open('rb') as file:
        folder.put('name', b'new and longer', 0o600)
        assert file.read() == b'old'


def test_what_cannot_be_put_leaves_nothing(
        folder: PrivateFolder, path: pathlib.Path) -> None:
    (path / 'name').mkdir()
    with pytest.raises(FolderError, match='name cannot be written'):
        folder.put('name', b'data', 0o600)
    assert folder.names() == ['name']


def test_what_is_not_there_is_none(folder: PrivateFolder) -> None:
    assert folder.get('name', 100) is None
    folder.remove('name')
    folder.remove_folder('name')


def test_does_not_follow_links(
        folder: PrivateFolder, path: pathlib.Path) -> None:
    other = path.parent / 'other'
    other.write_bytes(b'secret')
    (path / 'name').symlink_to(other)
    with pytest.raises(FolderError, match='name cannot be read'):
        folder.get('name', 100)
    folder.put('name', b'ours', 0o600)
    assert other.read_bytes() == b'secret'
    assert folder.get('name', 100) == b'ours'


@pytest.mark.parametrize(('make', 'problem'), [
    (os.mkfifo, 'is no regular file'),
    (os.mkdir, 'is no regular file'),
])
def test_waits_for_nothing_that_is_no_file(
        folder: PrivateFolder, path: pathlib.Path, make: object,
        problem: str) -> None:
    assert callable(make)
    make(path / 'name')
    with pytest.raises(FolderError, match=problem):
        folder.get('name', 100)


def test_a_file_that_is_too_long_is_not_read(folder: PrivateFolder) -> None:
    folder.put('name', bytes(101), 0o600)
    with pytest.raises(FolderError, match='is too long'):
        folder.get('name', 100)
    assert folder.get('name', 101) == bytes(101)


@pytest.mark.parametrize('mode', [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_believed(
        folder: PrivateFolder, path: pathlib.Path, mode: int) -> None:
    folder.put('name', b'', mode)
    with pytest.raises(FolderError, match='is open to others'):
        folder.get('name', 100)


def test_a_file_of_somebody_else_is_not_believed(
        folder: PrivateFolder, path: pathlib.Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    (path / 'name').touch(0o600)
    real = os.fstat

    def somebody_else(fd: int) -> os.stat_result:
        fields = list(real(fd))
        fields[stat.ST_UID] = 12345
        return os.stat_result(fields)
    monkeypatch.setattr(os, 'fstat', somebody_else)
    with pytest.raises(FolderError, match='belongs to somebody else'):
        folder.get('name', 100)


@pytest.mark.parametrize('mode', [0o720, 0o702, 0o777])
def test_a_folder_that_others_may_write_is_refused(
        path: pathlib.Path, mode: int) -> None:
    path.mkdir(parents=True)
    path.chmod(mode)
    with pytest.raises(FolderError, match='change its mode to 0700'):
        PrivateFolder(str(path))


def test_a_link_in_place_of_the_folder_is_refused(
        path: pathlib.Path) -> None:
    path.parent.mkdir()
    path.symlink_to('/tmp')
    with pytest.raises(FolderError, match='cannot be used'):
        PrivateFolder(str(path))


def test_one_locks_it_for_all_others(
        folder: PrivateFolder, path: pathlib.Path) -> None:
    folder.lock()
    with (PrivateFolder(str(path)) as other,
          pytest.raises(FolderError, match='another program')):
        other.lock()


def test_a_lock_ends_with_its_program(path: pathlib.Path) -> None:
    subprocess.run([sys.executable, '-c', (
        'import sys\n'
        'from ironic_console.drivers.displays.private_folder import *\n'
        'PrivateFolder(sys.argv[1]).lock()'), str(path)], check=True)
    with PrivateFolder(str(path)) as other:
        other.lock()


def test_knows_when_another_has_taken_its_place(
        folder: PrivateFolder, path: pathlib.Path) -> None:
    assert folder.is_in_place()
    path.rename(path.parent / 'moved')
    assert not folder.is_in_place()
    path.mkdir()
    assert not folder.is_in_place()


def test_sweeps_what_is_old_and_nobodys(
        folder: PrivateFolder, path: pathlib.Path) -> None:
    for name in ('.tmp-1', '.tmp-young', 'left', 'left-young', 'kept'):
        (path / name).touch()
        if 'young' not in name:
            os.utime(path / name, (0, 0))
    folder.sweep(lambda name: name.startswith('left'), 60)
    assert set(folder.names()) == {'.tmp-young', 'left-young', 'kept'}


def test_makes_a_folder_that_its_owner_may_empty(
        folder: PrivateFolder, path: pathlib.Path) -> None:
    folder.make_folder('name', 'file', b'data', None)
    assert stat.S_IMODE((path / 'name').stat().st_mode) == 0o700
    assert stat.S_IMODE((path / 'name' / 'file').stat().st_mode) == 0o400
    with pytest.raises(FolderError, match='cannot be made'):
        folder.make_folder('name', 'file', b'data', None)


@pytest.mark.skipif(os.geteuid() != 0, reason='only root gives files away')
def test_gives_a_folder_to_another_user(
        folder: PrivateFolder, path: pathlib.Path) -> None:
    folder.make_folder('name', 'file', b'data', 65532)
    for one in (path / 'name', path / 'name' / 'file'):
        assert (one.stat().st_uid, one.stat().st_gid) == (65532, 65532)


def test_removes_a_folder_and_nothing_that_its_links_lead_to(
        folder: PrivateFolder, path: pathlib.Path) -> None:
    other = path.parent / 'other'
    other.mkdir()
    (other / 'file').touch()
    folder.make_folder('name', 'file', b'data', None)
    (path / 'name' / 'link').symlink_to(other)
    folder.remove_folder('name')
    assert not folder.names()
    assert (other / 'file').exists()
    (path / 'name').symlink_to(other)
    with pytest.raises(FolderError, match='cannot be removed'):
        folder.remove_folder('name')
    assert (other / 'file').exists()
