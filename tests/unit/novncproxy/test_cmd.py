# SPDX-License-Identifier: Apache-2.0
"""The real program with something wrong: one clear line, exit status 1."""

import concurrent.futures
import importlib.metadata
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.novncproxy import cmd
from tests.helpers.certificates import Authority
from tests.helpers.program import START_PATIENCE
from tests.helpers.proxy import PUBLIC_URL, fake_novnc
from tools.lab import free_port, settings

PROGRAM = Path(sys.executable).with_name('ironic-console-novncproxy')
MODULE = [sys.executable, '-m', 'ironic_console.novncproxy']


def run(folder, options, argv):
    """Run the program with a configuration and wait for its end."""
    folder.mkdir(exist_ok=True)
    path = folder / 'proxy.conf'
    settings.write(path, settings.merged({
        'DEFAULT': {'host': 'localhost', 'my_ip': '127.0.0.1',
                    'state_path': folder},
        'database': {'connection': f'sqlite:///{folder}/db.sqlite'},
        'vnc': {'host_ip': '127.0.0.1', 'port': free_port(),
                'public_url': PUBLIC_URL,
                'novnc_web': fake_novnc(folder / 'novnc')},
    }, options))
    return subprocess.run(
        [*map(str, argv), '--config-file', str(path)], text=True,
        capture_output=True, timeout=START_PATIENCE, check=False,
        env={name: value for name, value in os.environ.items()
             if name != 'PYTHONWARNINGS'})


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    """All bad configurations; the programs run side by side."""
    folder = tmp_path_factory.mktemp('bad')
    busy = socket.create_server(('127.0.0.1', 0))
    files = Authority().issue().save(folder)
    tls = {'enable_ssl': True, 'cert_file': files.cert_file,
           'key_file': files.key_file}
    cases = {
        'port in use': {'vnc': {'port': busy.getsockname()[1]}},
        'no public_url': {'vnc': {'public_url': ''}},
        'no noVNC': {'vnc': {'novnc_web': folder / 'nothing'}},
        'certificate is missing': {
            'vnc': {**tls, 'cert_file': folder / 'nothing.crt'}},
        'key is missing': {
            'vnc': {**tls, 'key_file': folder / 'nothing.key'}},
        'no such network': {
            'ironic_console': {'endpoint_networks': '10.0.0.300/8'}},
        'no such origin': {'cors': {'allowed_origin': 'example.org'}},
    }
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        # One of them in the other way to start it.
        futures = {name: pool.submit(
            run, folder / name.replace(' ', '_'), options,
            argv=MODULE if name == 'no public_url' else [PROGRAM])
            for name, options in cases.items()}
        yield {name: future.result() for name, future in futures.items()}
    busy.close()


@pytest.mark.parametrize(('case', 'says'), [
    ('port in use', '[vnc]port'),
    ('port in use', 'in use'),
    ('no public_url', '[vnc]public_url is not set'),
    ('no noVNC', '[vnc]novnc_web'),
    ('no noVNC', 'apt-get install novnc'),
    ('certificate is missing', 'nothing.crt'),
    ('key is missing', 'nothing.key'),
    ('no such network', "'10.0.0.300/8'"),
    ('no such origin', "[cors]allowed_origin has 'example.org'"),
])
def test_says_in_one_line_what_is_wrong(results, case, says):
    result = results[case]
    assert result.returncode == 1, result.stderr
    *_logged, line = result.stderr.rstrip('\n').split('\n')
    assert line.startswith(f'{cmd.PROGRAM}: ')
    assert says in line
    assert 'Traceback' not in result.stderr


def test_says_nothing_else(results):
    """Warnings are for those who can do something about them."""
    for result in results.values():
        *logged, _line = result.stderr.rstrip('\n').split('\n')
        assert [line for line in logged if ' ironic_console.' not in line
                ] == []


@pytest.mark.parametrize('arguments', [
    ['--version'], ['--config-file', '/no/such/file', '--version']])
def test_tells_our_version_and_that_of_ironic(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        cmd.main(['x', *arguments])
    assert ended.value.code == 0
    ours, ironic = map(importlib.metadata.version,
                       ('ironic-console', 'ironic'))
    assert capsys.readouterr().out == (
        f'ironic-console-novncproxy {ours} with Ironic {ironic}\n')


def test_a_file_that_is_missing_is_an_error(capsys):
    assert cmd.main(['x', '--config-file', '/no/such/file']) == 1
    output = capsys.readouterr()
    assert '/no/such/file' in output.err
    assert output.err.count('\n') == 1


def test_reads_the_backend_before_everything_else(tmp_path):
    path = tmp_path / 'x.conf'
    settings.write(path, {
        'ironic_console': {'concurrency_backend': 'eventlet'},
        'anything': {'else': 'goes'}})
    assert cmd._read_backend(['x', '--debug', '--config-file', str(path)]) == (
        'eventlet')


@pytest.mark.parametrize('text', ['[ironic_console', 'x = y', ''])
def test_a_file_that_cannot_be_read_is_left_to_those_who_tell(tmp_path, text):
    path = tmp_path / 'x.conf'
    path.write_text(text)
    assert cmd._read_backend(['x', '--config-file', str(path)]) == (
        'threading')


def test_says_that_eventlet_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, 'eventlet', None)
    with pytest.raises(ConfigError, match=r'ironic-console\[eventlet\]'):
        cmd._select_backend('eventlet')
