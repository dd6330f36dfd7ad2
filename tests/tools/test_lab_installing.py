# SPDX-License-Identifier: Apache-2.0
"""What is missing is installed once, or named with its command."""

import pathlib
import sys

import pytest

from tools.lab import installing


def test_nothing_is_installed_when_all_programs_are_there(
        tmp_path: pathlib.Path) -> None:
    assert installing.require_programs({'sh': 'dash'}, tmp_path / 'log') == []
    assert not (tmp_path / 'log').exists()


def test_finds_libraries_too() -> None:
    assert installing.find_program('libc-of-nobody.so') is None
    for found in pathlib.Path('/usr/lib').glob('*/lib*.so'):
        assert installing.find_program(found.name)
        break


def test_a_missing_program_names_the_command(
        tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('os.geteuid', lambda: 1000)
    with pytest.raises(installing.InstallError) as caught:
        installing.require_programs(
            {'no-such-program-a': 'b', 'no-such-program-c': 'a', 'sh': 'x'},
            tmp_path / 'log')
    assert 'apt-get install a b' in str(caught.value)


def test_a_failing_program_shows_what_it_said(
        tmp_path: pathlib.Path) -> None:
    log = tmp_path / 'log'
    log.write_text('of before\n')
    with pytest.raises(installing.InstallError) as caught:
        installing.run([sys.executable, '-c', "print('oh'); exit(4)"], log)
    assert 'ended with status 4' in str(caught.value)
    assert 'oh' in str(caught.value)
    assert 'of before' not in str(caught.value)


def test_pip_runs_again_only_when_something_changed(
        tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / 'setup.cfg'
    source.write_text('a')
    runs: list[object] = []
    monkeypatch.setattr(installing, 'run',
                        lambda argv, log: runs.append(argv))

    def install(*requirements: str) -> bool:
        return installing.pip_install(tmp_path, requirements,
                                      tmp_path / 'log', name='x',
                                      sources=[source])

    assert install('one')
    assert not install('one')
    assert install('one', 'two')
    source.write_text('b')
    assert install('one', 'two')
    assert not install('one', 'two')
    assert len(runs) == 3


def test_a_failed_install_is_tried_again(
        tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(argv: object, log: object) -> None:
        raise installing.InstallError('no network')

    monkeypatch.setattr(installing, 'run', fail)
    for _ in range(2):
        with pytest.raises(installing.InstallError):
            installing.pip_install(tmp_path, ['x'], tmp_path / 'log',
                                   name='x')
