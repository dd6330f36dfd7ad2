# SPDX-License-Identifier: Apache-2.0
"""The program with which users open a console in a viewer of their own.

The proxy is a real worker; the command line client is a stub on the path.
"""

import contextlib
import dataclasses
import io
import json
import pathlib
import shlex
import socket
import stat
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ironic_console.common import console_url
from ironic_console.common.tls import ServerTls
from ironic_console.novncproxy import url_cmd
from ironic_console.novncproxy.server import listen
from ironic_console.novncproxy.settings import ListenAddress
from tests.helpers.certificates import Authority
from tests.helpers.proxy import (
    NODE,
    RunningWorker,
    make_settings,
    node_record,
    ticket_for,
)

AUTHORITY = Authority()
SHOWN = {'console_enabled': True, 'console_info': {
    'type': 'vnc', 'url': 'http://proxy.example/console.html?path=x'}}


@pytest.fixture
def cloud(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the program openstack that says something."""
    def make(answer: object, status: int = 0, error: str = '') -> None:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        program = tmp_path / 'bin' / 'openstack'
        program.parent.mkdir(exist_ok=True)
        program.write_text(
            f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n'
            f'echo {shlex.quote(text)}\necho {shlex.quote(error)} >&2\n'
            f'exit {status}\n')
        program.chmod(0o755)
        monkeypatch.setenv('PATH', f'{program.parent}:/usr/bin:/bin')
    return make


@pytest.fixture(params=[False, True], ids=['http', 'https'])
def proxy(request: pytest.FixtureRequest, tmp_path: pathlib.Path,
          ) -> Iterator[RunningWorker]:
    files = AUTHORITY.issue().save(tmp_path)
    tls = ServerTls(files.cert_file, files.key_file)
    (tmp_path / 'ca.pem').write_bytes(AUTHORITY.pem)
    settings = dataclasses.replace(
        make_settings(tmp_path, tls=tls if request.param else None),
        viewers=ListenAddress('127.0.0.1', 0, tls))
    with RunningWorker(settings, node_record(),
                       viewers=listen('127.0.0.1', 0)) as worker:
        yield worker


def viewer_port(proxy: RunningWorker) -> int:
    assert proxy.shared.viewers_listener
    return int(proxy.shared.viewers_listener.getsockname()[1])


def url_of(proxy: RunningWorker, ticket: str) -> str:
    scheme = 'https' if proxy.settings.listen.tls else 'http'
    return console_url.build(
        f'{scheme}://localhost:{proxy.address[1]}/some/console.html', NODE,
        ticket)


def run(*arguments: str) -> tuple[int, str, str]:
    """:returns: exit status, what it printed, what it complained about."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = url_cmd.main(arguments)
    return status, out.getvalue(), err.getvalue()


@contextlib.contextmanager
def stranger(answer: bytes) -> Iterator[int]:
    """Something else at the port of a proxy, which says one thing."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        def serve() -> None:
            peer, _address = listener.accept()
            peer.recv(65536)
            peer.sendall(answer)
            peer.close()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


@pytest.mark.parametrize('answer', [
    b'SSH-2.0-OpenSSH_9.2p1\r\n', b'', b'HTTP/1.1 200 OK\r\nX\r\n',
    b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}',
    b'HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'])
def test_what_is_no_proxy_is_told_in_words(answer):
    with stranger(answer) as port:
        code, out, err = run('--viewer', console_url.build(
            f'http://127.0.0.1:{port}/console.html', NODE, 's3cret'))
    assert (code, out) == (1, '')
    assert err.startswith('ironic-console-url: ')
    assert err.count('\n') == 1
    assert 's3cret' not in err


@pytest.mark.parametrize('host', ['proxy.example:abc', 'proxy.example:99999',
                                  'pro xy.example'])
def test_a_url_that_nobody_can_connect_to_is_told_in_words(host):
    code, out, err = run('--viewer', console_url.build(
        f'http://{host}/console.html', NODE, 's3cret'))
    assert (code, out) == (1, '')
    assert err.startswith('ironic-console-url: ')
    assert err.count('\n') == 1
    assert 's3cret' not in err


def test_prints_the_url_of_a_node(cloud, tmp_path):
    cloud(SHOWN)
    assert run('rack 7') == (0, SHOWN['console_info']['url'] + '\n', '')
    assert (tmp_path / 'asked').read_text() == (
        'baremetal node console show -f json -- rack 7\n')


def test_a_node_that_looks_like_an_option_is_none(cloud, tmp_path):
    cloud(SHOWN)
    assert run('--', '--os-cloud')[0] == 0
    assert '-- --os-cloud' in (tmp_path / 'asked').read_text()


@pytest.mark.parametrize(('answer', 'status', 'error', 'told'), [
    ({'console_enabled': False, 'console_info': None}, 0, '',
     'openstack baremetal node console enable rack7'),
    ({'console_enabled': True, 'console_info': None}, 0, '',
     'is switched off'),
    ({'console_enabled': True, 'console_info': {
        'type': 'socat', 'url': 'tcp://x'}}, 0, '', "type 'socat'"),
    ('no JSON', 0, '', 'printed no console'),
    ([], 0, '', 'printed no console'),
    ('', 1, 'Missing value auth-url', 'failed: Missing value auth-url')])
def test_says_what_the_cloud_does_not_give(cloud, answer, status, error,
                                           told):
    cloud(answer, status, error)
    code, out, err = run('rack7')
    assert (code, out) == (1, '')
    assert told in err
    assert err.startswith('ironic-console-url: ')
    assert err.count('\n') == 1


def test_says_how_to_get_the_program(monkeypatch, tmp_path):
    monkeypatch.setenv('PATH', str(tmp_path))
    assert 'pip install python-openstackclient' in run('rack7')[2]


def test_says_how_to_connect_and_keeps_the_ticket_off_command_lines(
        proxy, tmp_path):
    ticket = ticket_for(proxy.store.records[NODE])
    status, out, err = run('--viewer', '--ca-file', f'{tmp_path}/ca.pem',
                           url_of(proxy, ticket))
    assert (status, err) == (0, '')
    assert 'Host:       localhost\n' in out
    assert f'Port:       {viewer_port(proxy)}\n' in out
    assert f'User name:  {NODE}\n' in out
    assert f'Password:   {ticket}\n' in out
    command = out.rpartition('both:\n')[2].strip()
    assert command == ('vncviewer -SecurityTypes=X509Plain '
                       f'-X509CA={tmp_path}/ca.pem '
                       f'localhost::{viewer_port(proxy)}')


def test_takes_the_url_from_standard_input(proxy, tmp_path, monkeypatch):
    ticket = ticket_for(proxy.store.records[NODE])
    monkeypatch.setattr('sys.stdin', io.StringIO(url_of(proxy, ticket)
                                                 + '\n'))
    status, out, _ = run('--viewer', '--ca-file', f'{tmp_path}/ca.pem', '-')
    assert status == 0
    assert ticket in out


def test_puts_the_ticket_into_a_file_for_nobody_else(proxy, tmp_path):
    ticket = ticket_for(proxy.store.records[NODE], read_only=True)
    path = tmp_path / 'ticket'
    path.write_text('old')
    path.chmod(0o666)
    status, out, _ = run('--viewer', '--ca-file', f'{tmp_path}/ca.pem',
                         '--ticket-file', str(path), '--host', '::1',
                         '--port', '7', url_of(proxy, ticket))
    assert status == 0
    assert ticket not in out
    assert path.read_text() == ticket + '\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (f'VNC_USERNAME={NODE} VNC_PASSWORD="$(cat {path})" vncviewer'
            in out)
    assert "'[::1]::7'" in out
    assert 'only shows the screen' in out


def test_says_where_the_file_cannot_be(proxy, tmp_path):
    ticket = ticket_for(proxy.store.records[NODE])
    status, _, err = run('--viewer', '--ca-file', f'{tmp_path}/ca.pem',
                         '--ticket-file', f'{tmp_path}/no/file',
                         url_of(proxy, ticket))
    assert status == 1
    assert '--ticket-file: ' in err


def test_a_ticket_that_is_not_good_is_told_in_the_words_of_the_proxy(
        proxy, tmp_path):
    status, out, err = run('--viewer', '--ca-file', f'{tmp_path}/ca.pem',
                           url_of(proxy, 'wr0ng'))
    assert (status, out) == (1, '')
    assert 'This link does not open a console' in err
    assert 'wr0ng' not in err


def test_a_proxy_without_a_port_for_viewers_is_told(tmp_path):
    with RunningWorker(make_settings(tmp_path), node_record()) as proxy:
        url = url_of(proxy, ticket_for(proxy.store.records[NODE]))
        assert 'viewer_port' in run('--viewer', url)[2]
        assert run('--viewer', '--port', '7', url)[0] == 0


def test_a_certificate_that_is_not_trusted_ends_it(tmp_path):
    files = AUTHORITY.issue().save(tmp_path)
    settings = make_settings(tmp_path, tls=ServerTls(files.cert_file,
                                                     files.key_file))
    with RunningWorker(settings, node_record()) as proxy:
        status, out, err = run('--viewer', url_of(proxy, 't1cket'))
    assert (status, out) == (1, '')
    assert 'localhost cannot be asked: ' in err
    assert 't1cket' not in err


@pytest.mark.parametrize('url', [
    'http://proxy.example/', 'ftp://x/?path=websockify%3Fnode=a%26token=b',
    'http://x/?path=file%3A///etc/passwd%3Fnode=a%26token=b',
    'http://x/?path=//other/websockify%3Fnode=a%26token=b',
    'http://[/?path=websockify%3Fnode=a%26token=b', 'x://' + '&a=' * 99])
def test_what_is_no_console_url_is_refused_and_not_shown(url):
    status, out, err = run('--viewer', url)
    assert (status, out) == (1, '')
    assert 'this is not the URL of a console' in err
    assert url not in err


def test_says_which_file_of_cas_is_none(tmp_path):
    url = console_url.build('https://x/', NODE, 't')
    assert f'--ca-file {tmp_path}/no: ' in run(
        '--viewer', '--ca-file', f'{tmp_path}/no', url)[2]
