# SPDX-License-Identifier: Apache-2.0
"""Options of the manager; the rest is tested with a real podman."""

import argparse
import json
import pathlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ironic_console.drivers.displays.manager import cmd, podman
from ironic_console.drivers.displays.manager.manager import Manager
from ironic_console.drivers.displays.spool import Spool


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = {number: signal.getsignal(number)
              for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a manager that does nothing was made of."""
    seen: dict[str, Any] = {}

    def note(self: Manager, places: Any, engine: Any) -> None:
        seen.update(places=places, engine=engine, path=places.spool.path)

    def run(self: Manager, stopping: threading.Event) -> None:
        seen['stopping'] = stopping
    monkeypatch.setattr(Manager, '__init__', note)
    monkeypatch.setattr(Manager, 'run', run)
    return seen


def run(tmp_path: pathlib.Path, *words: str) -> int:
    return cmd.main(['--directory', str(tmp_path / 'spool'),
                     '--state-directory', str(tmp_path / 'private'), *words])


def test_runs_with_what_it_is_told(
        tmp_path: pathlib.Path, made: dict[str, Any]) -> None:
    assert run(tmp_path, '--image', 'registry/display', '--publish', '::1',
               '--memory', '2g', '--podman', 'podman --runtime runc',
               '--podman-run-option=--dns=192.0.2.1',
               '--podman-run-option=--dns=192.0.2.2') == 0
    assert made['path'] == str(tmp_path / 'spool')
    engine = made['engine']._engine
    assert engine.command == ['podman', '--runtime', 'runc']
    assert engine.publish == '::1'
    assert engine.limits == podman.Limits('2g', 512)
    assert engine.options == ['--dns=192.0.2.1', '--dns=192.0.2.2']


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_ends_when_told_to(
        tmp_path: pathlib.Path, made: dict[str, Any], number: int) -> None:
    assert run(tmp_path) == 0
    assert not made['stopping'].is_set()
    signal.raise_signal(number)
    assert made['stopping'].is_set()


@pytest.mark.parametrize(('words', 'problem'), [
    (['--publish', 'host'], '--publish host is no IP address'),
    (['--publish', ''], '--publish needs an address'),
    (['--publish', '0.0.0.0'], 'nobody can connect to 0.0.0.0'),
    (['--publish', '::', '--address', '::'], 'nobody can connect to ::'),
    (['--address', 'x'], '--address x is no IP address'),
    (['--podman', ''], '--podman is empty'),
])
def test_says_which_option_is_wrong(
        tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str],
        words: list[str], problem: str) -> None:
    assert run(tmp_path, *words) == 1
    assert problem in capsys.readouterr().err


def test_may_listen_everywhere_if_it_says_where_that_is(
        tmp_path: pathlib.Path, made: dict[str, Any]) -> None:
    assert run(tmp_path, '--publish', '0.0.0.0', '--address',
               '192.0.2.1') == 0


def test_there_is_one_for_each_directory(
        tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str],
        made: dict[str, Any]) -> None:
    with Spool(str(tmp_path / 'spool')) as spool:
        spool.lock()
        assert run(tmp_path) == 1
    assert 'another program serves' in capsys.readouterr().err


def test_knows_its_displays_again_and_no_others() -> None:
    assert cmd.spool_name('/run/a') == cmd.spool_name('/run/x/../a/')
    assert cmd.spool_name('/run/a') != cmd.spool_name('/run/b')


@pytest.mark.parametrize('profile', [None, b'{"syscalls": []}'])
def test_gives_displays_a_profile_if_it_can(
        tmp_path: pathlib.Path, made: dict[str, Any],
        monkeypatch: pytest.MonkeyPatch, profile: bytes | None,
        caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(cmd, 'allow_sandbox', lambda: profile)
    assert run(tmp_path) == 0
    path = made['engine']._seccomp
    if profile:
        assert json.loads(pathlib.Path(path).read_bytes())
    else:
        assert path == ''
        assert 'without its own sandbox' in caplog.text


def test_needs_nothing_but_python_and_runs_without_ironic() -> None:
    """It may be installed where no conductor is."""

    code = ('import sys\n'
            'import ironic_console.drivers.displays.manager.cmd\n'
            'ours = [name for name in sys.modules if name.partition(".")[0]'
            ' not in {*sys.stdlib_module_names, "ironic_console"}'
            ' and not name.startswith(("_", "sitecustomize"))]\n'
            'print(ours)')
    done = subprocess.run([sys.executable, '-I', '-c', code], check=True,
                          capture_output=True, text=True)
    assert 'ironic' not in done.stdout
    assert 'oslo' not in done.stdout


def test_has_help_for_every_option(
        capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cmd.main(['--help'])
    assert '--podman-run-option' in capsys.readouterr().out
    parser = cmd._parser()
    assert isinstance(parser, argparse.ArgumentParser)
    assert all(action.help for action in parser._actions)
