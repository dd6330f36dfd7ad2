# SPDX-License-Identifier: Apache-2.0
"""What tools/quickstart says when it cannot do what it is asked for.

That it works is seen by "tools/quickstart --check", a part of run-tests.
"""

import importlib.machinery
import importlib.util
import pathlib
import socket
import types

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / 'tools' / 'quickstart'


@pytest.fixture
def quickstart(tmp_path: pathlib.Path,
               monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The script as a module, with a folder and signals of its own."""
    loader = importlib.machinery.SourceFileLoader('quickstart', str(SCRIPT))
    spec = importlib.util.spec_from_loader('quickstart', loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    monkeypatch.setattr(module, 'HOME', tmp_path)
    monkeypatch.setattr('signal.signal', lambda number, handler: None)
    return module


def started(module: types.ModuleType, monkeypatch: pytest.MonkeyPatch,
            *words: str) -> int:
    """:returns: exit status for a command line."""
    monkeypatch.setattr('sys.argv', ['quickstart', *words])
    status = module.main()
    assert isinstance(status, int)
    return status


@pytest.mark.parametrize('option', ['--port', '--api-port',
                                    '--json-rpc-port'])
def test_a_busy_port_is_one_clear_line(
        quickstart: types.ModuleType, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str], option: str) -> None:
    others = {'--port', '--api-port', '--json-rpc-port'} - {option}
    with socket.create_server(('127.0.0.1', 0)) as listener:
        port = listener.getsockname()[1]
        words = [option, str(port)]
        for other in sorted(others):
            words += [other, '0']
        assert started(quickstart, monkeypatch, *words) == 1
    error = capsys.readouterr().err
    assert error.startswith(f'quickstart: port {port} of 127.0.0.1')
    assert error.endswith(f'is in use; choose another with {option}\n')
    assert error.count('\n') == 1


def test_an_address_of_another_machine_is_one_clear_line(
        quickstart: types.ModuleType, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    assert started(quickstart, monkeypatch, '--host', '192.0.2.1') == 1
    error = capsys.readouterr().err
    assert '192.0.2.1' in error
    assert error.count('\n') == 1


def test_two_at_once_are_refused(
        quickstart: types.ModuleType, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    with quickstart.only_one():
        assert started(quickstart, monkeypatch, '--port', '0') == 1
    assert 'another quickstart runs' in capsys.readouterr().err


def test_a_port_that_is_none_is_refused(
        quickstart: types.ModuleType,
        monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as caught:
        started(quickstart, monkeypatch, '--port', '65536')
    assert caught.value.code == 2


@pytest.mark.parametrize(('address', 'host'), [
    ('127.0.0.1', '127.0.0.1'), ('::1', '[::1]'),
    ('0.0.0.0', socket.getfqdn())])
def test_the_url_names_an_address_to_reach(
        quickstart: types.ModuleType, address: str, host: str) -> None:
    assert quickstart.url_host(address) == host
