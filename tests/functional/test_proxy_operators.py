# SPDX-License-Identifier: Apache-2.0
"""What the real program gives its operators: the list of sessions, metrics,
--check, and one clear line when it cannot start."""

import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.helpers.certificates import Authority
from tests.helpers.program import START_PATIENCE, Site
from tests.helpers.proxy import (
    NODE,
    OTHER,
    SECRET,
    Browser,
    http_get,
    path_to,
    ticket_for,
    wait_until,
)
from tools.lab import ports, settings

SESSIONS = pathlib.Path(sys.executable).with_name('ironic-console-sessions')
PROGRAM = pathlib.Path(sys.executable).with_name(
    'ironic-console-novncproxy')
PATIENCE = 30.0


@pytest.fixture(scope='module')
def site(tmp_path_factory, schema, record, other):
    site = Site(tmp_path_factory.mktemp('site'), schema)
    site.save(record, other)
    return site


@pytest.fixture(scope='module')
def folder():
    """Short enough for the names of sockets."""
    path = pathlib.Path(tempfile.mkdtemp(prefix='run-'))
    yield path
    shutil.rmtree(path)


class Operator:
    """A proxy with two workers and what its operator types."""

    def __init__(self, site, folder):
        self.folder = folder
        self.metrics = ports.free_port()
        self.proxy = site.proxy({'ironic_console': {
            'workers': 2, 'runtime_dir': folder, 'drain_timeout': 0,
            'metrics_port': self.metrics}})
        self.address = (self.proxy.address, self.proxy.port)

    def open(self, record, query=''):
        browser = Browser(self.address, path_to(
            record.uuid, ticket_for(record)) + query)
        browser.shake_hands()
        return browser

    def run(self, *arguments):
        """:returns: status, output and errors of ironic-console-sessions."""
        done = subprocess.run(
            [SESSIONS, '--config-file', self.proxy.own_config_file,
             *arguments], text=True, capture_output=True,
            timeout=START_PATIENCE, check=False)
        return done.returncode, done.stdout, done.stderr

    def sessions(self):
        status, out, err = self.run('list', '--json')
        assert status == 0, err
        return json.loads(out)

    def metric_text(self):
        answer = http_get((self.proxy.address, self.metrics), '/metrics')
        assert answer.status == 200
        return answer.body.decode()

    def workers(self):
        return psutil.Process(self.proxy.program.pid).children()


@pytest.fixture(scope='module')
def operator(site, folder):
    operator = Operator(site, folder)
    operator.proxy.start()
    yield operator
    operator.proxy.stop()
    assert 'Traceback' not in operator.proxy.written()


@pytest.fixture
def crowd(operator, record):
    """Sessions of one node, in both workers."""
    opened = [operator.open(record) for _ in range(2)]
    while len({one['worker'] for one in operator.sessions()}) < 2:
        assert len(opened) < 40, 'one worker gets all'
        opened.append(operator.open(record))
    yield opened
    for browser in opened:
        browser.sock.close()
    wait_until(lambda: not operator.sessions(), 'all have ended', PATIENCE)


def echoes(browser):
    browser.send(b'echo')
    return browser.read(4) == b'echo'


def still_echoes(browser):
    try:
        return echoes(browser)
    except (EOFError, OSError):
        return False


# -- the list of sessions -----------------------------------------------------

def test_lists_the_sessions_of_all_workers(operator, crowd):
    listed = operator.sessions()
    assert len(listed) == len(crowd)
    assert {one['worker'] for one in listed} == {
        worker.pid for worker in operator.workers()}
    assert {(one['node'], one['state'], one['source'], one['mode'])
            for one in listed} == {
        (NODE, 'open', '127.0.0.1', 'read-write')}
    status, out, _err = operator.run('list')
    assert status == 0
    assert out.count(NODE) == len(crowd)
    assert SECRET not in json.dumps(listed) + out
    status, out, _err = operator.run('show', listed[0]['id'])
    assert (status, json.loads(out)['id']) == (0, listed[0]['id'])


def test_closes_one_and_the_others_go_on(operator, crowd, other):
    with operator.open(other) as friend:
        doomed = next(one for one in operator.sessions()
                      if one['node'] == OTHER)
        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(friend.wait_closed)
            assert operator.run('close', doomed['id'], '--reason',
                                'Firmware is being updated.') == (
                0, '1 closed\n', '')
            assert told.result(PATIENCE) == (
                1008, 'Firmware is being updated.')
    assert all(echoes(browser) for browser in crowd)
    assert operator.run('close', doomed['id'])[0] == 1


def test_closes_all_of_a_node_in_both_workers(operator, crowd, other):
    with (operator.open(other) as friend,
          ThreadPoolExecutor(len(crowd)) as pool):
        told = [pool.submit(browser.wait_closed) for browser in crowd]
        assert operator.run('close', NODE) == (
            0, f'{len(crowd)} closed\n', '')
        assert {one.result(PATIENCE) for one in told} == {
            (1008, 'An operator closed this session.')}
        assert echoes(friend)


def test_a_worker_that_is_killed_takes_only_its_own_with_it(operator, crowd):
    before = operator.sessions()
    doomed = operator.workers()[0]
    lost = sum(one['worker'] == doomed.pid for one in before)
    doomed.kill()
    wait_until(lambda: len(operator.workers()) == 2
               and doomed.pid not in {
                   worker.pid for worker in operator.workers()},
               'there is a new worker', PATIENCE)
    alive = [browser for browser in crowd if still_echoes(browser)]
    assert len(alive) == len(crowd) - lost
    left = operator.sessions()
    assert {one['id'] for one in left} == {
        one['id'] for one in before if one['worker'] != doomed.pid}
    wait_until(lambda: 'sessions{interface="fake-vnc",state="open"} '
               f'{len(left)}.0' in operator.metric_text(),
               'metrics know', PATIENCE)
    # The door that it has left is gone.
    wait_until(lambda: operator.run('list')[2] == '', 'no complaints',
               PATIENCE)
    assert not (operator.folder / f'worker-{doomed.pid}.sock').exists()


def test_the_sockets_are_for_our_user_alone(operator):
    assert operator.folder.stat().st_mode & 0o777 == 0o700
    for worker in operator.workers():
        path = operator.folder / f'worker-{worker.pid}.sock'
        # One of them may have been started a moment ago.
        wait_until(path.exists, 'it has its socket', PATIENCE)
        assert path.stat().st_mode & 0o777 == 0o600
    if os.geteuid():
        pytest.fail('this test has to be run by root')
    done = subprocess.run(
        ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups',
         sys.executable, '-c',
         'import socket, sys; socket.socket(socket.AF_UNIX).connect('
         'sys.argv[1])', path], capture_output=True, text=True,
        timeout=START_PATIENCE, check=False)
    assert 'PermissionError' in done.stderr


# -- metrics ------------------------------------------------------------------

def test_metrics_name_nobody(operator, record):
    token = ticket_for(record)
    with Browser(operator.address, path_to(NODE, token)) as browser:
        browser.shake_hands()
        browser.close_politely()
    http_get(operator.address, path_to(NODE, 'bad'))
    http_get(operator.address, '/no/such/page')
    text = wait_until(lambda: (found := operator.metric_text())
                      and 'browser closed' in found and found, 'an end')
    for secret in (NODE, OTHER, SECRET, token[:20], 'bad', '127.0.0.1',
                   'node-7', '/no/such'):
        assert secret not in text, secret
    for name in ('sessions{', 'handshake_seconds_bucket{', 'bytes_total{',
                 'closed_total{', 'setups '):
        assert f'ironic_console_{name}' in text, name


def test_there_are_no_metrics_unless_asked_for(tmp_path, schema):
    with Site(tmp_path / 'other', schema).proxy() as proxy:
        listening = {
            connection.laddr.port
            for process in [psutil.Process(proxy.program.pid),
                            *psutil.Process(proxy.program.pid).children()]
            for connection in process.net_connections('tcp')
            if connection.status == psutil.CONN_LISTEN}
        assert listening == {proxy.port}
        assert http_get((proxy.address, proxy.port),
                        '/metrics').status == 404


# -- before it starts ---------------------------------------------------------

@pytest.fixture
def check(site, tmp_path):
    """Runs the program with options to its end."""
    def check(*layers, arguments=('--check',), files=None):
        proxy = site.proxy(*layers)
        path = tmp_path / 'check.conf'
        settings.write(path, settings.merged(proxy.options))

        def limit():
            if files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

        done = subprocess.run(
            [PROGRAM, '--config-file', site.config_file, '--config-file',
             path, *arguments], text=True, capture_output=True,
            timeout=START_PATIENCE, check=False, preexec_fn=limit,
            env={name: value for name, value in os.environ.items()
                 if name != 'PYTHONWARNINGS'})
        assert 'Traceback' not in done.stderr
        return done
    return check


def last_line(done):
    return done.stderr.rstrip('\n').split('\n')[-1]


def test_check_says_that_all_is_well_and_ends(check, tmp_path):
    files = Authority().issue().save(tmp_path)
    done = check({'vnc': {'enable_ssl': True, 'cert_file': files.cert_file,
                          'key_file': files.key_file}})
    assert done.returncode == 0, done.stderr
    # What it logs at DEBUG begins with the date.
    lines = [line for line in done.stdout.splitlines()
             if not line[0].isdigit()]
    assert [line.partition(':')[0] for line in lines] == [
        'Configuration', 'Certificates', 'Page', 'Runtime folder', 'Ports',
        'Database']
    assert done.stdout.count(': fine') == 5


def test_check_disturbs_nobody(check, operator):
    done = check({'vnc': {'port': operator.address[1]},
                  'ironic_console': {'runtime_dir': operator.folder}})
    assert done.returncode == 0, done.stderr
    workers = len(operator.workers())
    assert (f'Ports: in use: {operator.address[1]} (a proxy runs, with '
            f'{workers} workers)') in done.stdout
    assert operator.sessions() == []


@pytest.mark.parametrize(('options', 'says'), [
    ({'vnc': {'novnc_web': '/no/such/folder'}}, '[vnc]novnc_web'),
    ({'vnc': {'enable_ssl': True, 'cert_file': '/no/such/file'}},
     '/no/such/file'),
    ({'vnc': {'public_url': ''}}, '[vnc]public_url'),
    ({'ironic_console': {'sharing': 'alone'}}, 'sharing'),
    ({'ironic_console': {'trusted_proxies': '10.0.0.1/8'}},
     'trusted_proxies'),
    ({'ironic_console': {'max_sessions': 'many'}}, 'max_sessions'),
])
def test_check_says_in_one_line_what_is_wrong(check, options, says):
    done = check(options)
    assert done.returncode == 1
    assert says in last_line(done)
    assert last_line(done).startswith('ironic-console-novncproxy: ')


def test_check_says_that_the_database_is_down(check, tmp_path):
    done = check({'database': {
        'connection': f'sqlite:///{tmp_path}/no/such/folder/x.sqlite'}})
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith('Database: the database ')
    assert 'Configuration: fine' in done.stdout


@pytest.mark.parametrize('arguments', [(), ('--check',)],
                         ids=['start', 'check'])
def test_says_that_there_are_too_few_open_files(check, arguments):
    done = check(arguments=arguments, files=2000)
    assert done.returncode == 1
    assert 'limit of open files is 2000' in last_line(done)
    assert 'max_sessions = 2000' in last_line(done)


@pytest.mark.parametrize('arguments', [(), ('--check',)],
                         ids=['start', 'check'])
@pytest.mark.parametrize('kind', ['mode', 'owner', 'link'])
def test_refuses_a_runtime_folder_that_others_can_use(check, tmp_path, kind,
                                                      arguments):
    path = tmp_path / 'r'
    path.mkdir(mode=0o700)
    if kind == 'mode':
        path.chmod(0o755)
    elif kind == 'owner':
        os.chown(path, 65534, 65534)
    else:
        path = tmp_path / 'l'
        path.symlink_to(tmp_path / 'r')
    done = check({'ironic_console': {'runtime_dir': path},
                  'vnc': {'port': ports.free_port()}}, arguments=arguments)
    assert done.returncode == 1
    said = done.stdout if arguments else last_line(done)
    assert 'must be a folder that belongs to the user' in said
