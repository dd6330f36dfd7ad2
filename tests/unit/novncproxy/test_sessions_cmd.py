# SPDX-License-Identifier: Apache-2.0
"""``ironic-console-sessions``: what it prints, and what it says when it
cannot."""

import json
import os
import pathlib
import shutil
import tempfile

import pytest

from ironic_console.novncproxy import sessions_cmd
from ironic_console.novncproxy.admin import AdminServer
from tests.helpers.proxy import (
    NODE,
    RunningWorker,
    make_settings,
    node_record,
    wait_until,
)
from tests.simulators.rfb_server import RfbServer, echo_server
from tools.lab import settings


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix='cmd-'))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def run(capsys):
    """Runs it; gives status, output and errors."""
    def run(*arguments):
        status = sessions_cmd.main([str(one) for one in arguments])
        output = capsys.readouterr()
        return status, output.out, output.err
    return run


@pytest.fixture
def worker(tmp_path):
    with (RfbServer(echo_server()) as endpoint,
          RunningWorker(make_settings(tmp_path),
                        node_record(endpoint.port)) as worker):
        yield worker


@pytest.fixture
def viewer(worker):
    with worker.open(worker.store.records[NODE]) as browser:
        browser.shake_hands()
        wait_until(worker.sessions, 'it is open')
        yield browser


@pytest.fixture
def command(run, worker):
    return lambda *arguments: run(
        '--runtime-dir', worker.shared.runtime_folder, *arguments)


def test_lists_nothing_when_there_is_nothing(command):
    status, out, err = command('list')
    assert (status, err) == (0, '')
    assert out.split()[:4] == ['ID', 'NODE', 'NAME', 'SOURCE']
    assert out.count('\n') == 1
    assert command('list', '--json') == (0, '[]\n', '')


def test_lists_and_shows_and_closes(command, viewer):
    _status, out, _err = command('list')
    row = out.splitlines()[1].split()
    assert row[1:4] == [NODE, 'node-7', '127.0.0.1']
    listed = json.loads(command('list', '--json')[1])
    assert listed[0]['id'] == row[0]
    assert listed[0]['worker'] == os.getpid()
    assert json.loads(command('show', row[0])[1])['node'] == NODE
    assert command('close', row[0], '--reason', 'Repair.') == (
        0, '1 closed\n', '')
    assert viewer.wait_closed() == (1008, 'Repair.')


def test_closes_all_of_a_node_however_it_is_spelt(command, viewer):
    assert command('close', NODE.upper())[0] == 0
    assert viewer.wait_closed() == (
        1008, 'An operator closed this session.')


@pytest.mark.parametrize(('arguments', 'says'), [
    (['show', 'deadbeef'], 'there is no session deadbeef'),
    (['close', 'deadbeef'], 'deadbeef has no session'),
    (['close', 'deadbeef', '--reason', '\u00fc' * 62],
     'longer than 123 bytes'),
])
def test_says_what_it_cannot_do(command, arguments, says):
    status, out, err = command(*arguments)
    assert status == 1
    assert out == ''
    assert err.startswith('ironic-console-sessions: ')
    assert says in err
    assert err.count('\n') == 1


def test_says_that_no_service_runs(run, folder, tmp_path):
    assert 'no service runs' in run('--runtime-dir', folder, 'list')[2]
    missing = run('--runtime-dir', tmp_path / 'x', 'list')
    assert missing[0] == 1
    assert 'No such file' in missing[2]
    (folder / 'counter_7.db').touch()
    for arguments in (['list'], ['close', NODE]):
        status, _out, err = run('--runtime-dir', folder, *arguments)
        assert (status, 'no worker' in err) == (1, True)


def test_finds_the_folder_in_the_configuration(run, folder, tmp_path):
    path = tmp_path / 'ironic.conf'
    settings.write(path, {'ironic_console': {'runtime_dir': folder}})

    class NoSessions:
        def all(self):
            return []

    door = AdminServer(folder, NoSessions())
    door.start()
    try:
        assert run('--config-file', path, 'list', '--json') == (
            0, '[]\n', '')
    finally:
        door.stop()


def test_says_that_the_configuration_names_no_folder(run, tmp_path):
    path = tmp_path / 'ironic.conf'
    path.write_text('')
    status, _out, err = run('--config-file', path, 'list')
    assert status == 1
    assert '[ironic_console]runtime_dir is not set' in err
    status, _out, err = run('--config-file', tmp_path / 'missing', 'list')
    assert status == 1
    assert err.count('\n') == 1
