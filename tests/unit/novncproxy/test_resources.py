# SPDX-License-Identifier: Apache-2.0
"""What the host has to give, and the one line that says what it lacks."""

import os
import resource
import stat

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.novncproxy.resources import (
    MAX_FOLDER_BYTES,
    raise_file_limit,
    runtime_folder,
)


@pytest.fixture
def limits(monkeypatch):
    """The limit of open files; a change of it is only noted."""
    now = {}

    def have(soft, hard):
        now['files'] = soft, hard

    monkeypatch.setattr(resource, 'getrlimit', lambda _which: now['files'])
    monkeypatch.setattr(resource, 'setrlimit',
                        lambda _which, pair: have(*pair))
    have(1024, 1048576)
    now['have'] = have
    return now


def test_raises_the_limit_of_files_to_what_may_be_needed(limits):
    raise_file_limit(1000, 100)
    soft, hard = limits['files']
    # Two a session, and a pipe for a slow browser.
    assert 4000 < soft < 5000
    assert hard == 1048576


def test_goes_without_pipes_where_there_is_no_more(limits):
    limits['have'](1024, 2500)
    raise_file_limit(1000, 100)
    assert limits['files'] == (2500, 2500)


def test_leaves_a_limit_alone_that_is_high_enough(limits):
    for soft in (100000, resource.RLIM_INFINITY):
        limits['have'](soft, resource.RLIM_INFINITY)
        raise_file_limit(1000, 100)
        assert limits['files'] == (soft, resource.RLIM_INFINITY)


def test_says_what_to_do_about_a_limit_that_is_too_low(limits):
    limits['have'](1024, 2000)
    with pytest.raises(ConfigError) as caught:
        raise_file_limit(1000, 100, 50)
    for text in ('2000', 'max_sessions = 1000', 'max_setups = 100', '50',
                 'LimitNOFILE'):
        assert text in str(caught.value)
    assert '\n' not in str(caught.value)


# -- the folder ---------------------------------------------------------------

def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_of_its_own_goes_at_the_end():
    with runtime_folder('') as folder:
        assert mode(folder) == 0o700
        (folder / 'x').touch()
    assert not folder.exists()


def test_a_worker_that_ends_leaves_the_folder_to_the_others():
    context = runtime_folder('')
    with context as folder:
        child = os.fork()
        if not child:
            # As when its stack is unwound.
            context.__exit__(None, None, None)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert folder.exists()
    assert not folder.exists()


def test_makes_the_folder_that_it_is_told(tmp_path):
    path = tmp_path / 'new' / 'folder'
    before = os.umask(0)
    try:
        with runtime_folder(str(path)) as folder:
            assert folder == path
            assert mode(folder) == 0o700
    finally:
        os.umask(before)
    assert path.exists()
    with runtime_folder(str(path)):
        pass


@pytest.mark.parametrize('bad', [0o750, 0o701, 0o777])
def test_refuses_a_folder_that_others_may_use(tmp_path, bad):
    tmp_path.chmod(bad)
    with (pytest.raises(ConfigError, match='mode 0700') as caught,
          runtime_folder(str(tmp_path))):
        pass
    assert str(tmp_path) in str(caught.value)


def test_refuses_the_folder_of_another_user(tmp_path, monkeypatch):
    tmp_path.chmod(0o700)
    monkeypatch.setattr(os, 'geteuid', lambda: 12345)
    with (pytest.raises(ConfigError, match='user 12345'),
          runtime_folder(str(tmp_path))):
        pass


def test_refuses_what_is_no_folder(tmp_path):
    real = tmp_path / 'real'
    real.mkdir(mode=0o700)
    link = tmp_path / 'link'
    link.symlink_to(real)
    file = tmp_path / 'file'
    file.touch()
    long = tmp_path / ('x' * MAX_FOLDER_BYTES)
    for path in (link, file, file / 'below', long):
        with (pytest.raises(ConfigError, match='runtime_dir'),
              runtime_folder(str(path))):
            pass
