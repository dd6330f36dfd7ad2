# SPDX-License-Identifier: Apache-2.0
"""What ``--check`` says of this host, with real ports and folders."""

import dataclasses
import socket

import pytest

from ironic_console.common.errors import NodeStoreUnavailable
from ironic_console.common.nodes_memory import MemoryNodeStore
from ironic_console.common.tls import ServerTls
from ironic_console.novncproxy.check import report
from ironic_console.novncproxy.settings import (
    GatewayPolicy,
    GatewaySettings,
    ListenAddress,
)
from tests.helpers.proxy import make_settings
from tools.lab import ports

LOOPBACK = '127.0.0.1'


@pytest.fixture
def say(tmp_path, capsys):
    """:returns: the verdict, and what is said of each thing."""
    def say(store=None, **changes):
        settings = dataclasses.replace(
            make_settings(tmp_path),
            listen=ListenAddress(LOOPBACK, ports.free_port()), **changes)
        good = report(settings, 7, store or MemoryNodeStore())
        lines = capsys.readouterr().out.splitlines()
        return good, dict(line.split(': ', 1) for line in lines)
    return say


@pytest.fixture
def busy():
    with socket.create_server((LOOPBACK, 0)) as listener:
        yield listener.getsockname()[1]


def gateway(first, last, tls=None):
    return GatewaySettings(GatewayPolicy(
        LOOPBACK, range(first, last + 1), ()), tls)


def test_says_that_all_is_well(say):
    good, said = say(runtime_dir='')
    assert good
    assert said['Page'] == '7 files'
    assert [said[name].partition(',')[0] for name in (
        'Configuration', 'Runtime folder', 'Ports', 'Database')] == [
            'fine'] * 4
    assert said['Certificates'] == 'none; browsers connect without TLS'


@pytest.mark.parametrize(('workers', 'said_of_them'), [
    (1, '1 worker at'), (2, '2 workers at')])
def test_counts_workers_as_people_do(say, workers, said_of_them):
    _good, said = say(workers=workers)
    assert said_of_them in said['Configuration']


def test_says_whose_certificates_were_read(say):
    files = ServerTls('x.crt', 'x.key')
    _good, said = say(gateway=gateway(1, 0, files), viewers=ListenAddress(
        LOOPBACK, ports.free_port(), files))
    assert said['Certificates'] == (
        'fine, for the gateway and viewers; browsers connect without TLS')


# -- the folder ---------------------------------------------------------------

def test_makes_no_runtime_folder_but_says_that_it_can_be_made(say, tmp_path):
    path = tmp_path / 'new' / 'folder'
    good, said = say(runtime_dir=str(path))
    assert good
    assert said['Runtime folder'] == 'fine, it will be made'
    assert not path.parent.exists()


def test_says_that_a_runtime_folder_cannot_be_made(say, tmp_path):
    (tmp_path / 'file').touch()
    good, said = say(runtime_dir=str(tmp_path / 'file' / 'folder'))
    assert not good
    assert 'runtime_dir cannot be made' in said['Runtime folder']
    # The rest is looked at all the same.
    assert said['Database'] == 'fine'


def test_says_that_others_may_use_the_runtime_folder(say, tmp_path):
    tmp_path.chmod(0o755)
    good, said = say(runtime_dir=str(tmp_path))
    assert not good
    assert 'mode 0700' in said['Runtime folder']


# -- ports --------------------------------------------------------------------

def test_a_port_that_is_in_use_is_worth_a_word_but_no_failure(say, busy):
    for where in ({'metrics': ListenAddress(LOOPBACK, busy)},
                  {'viewers': ListenAddress(LOOPBACK, busy)},
                  {'gateway': gateway(busy, busy)}):
        good, said = say(**where)
        assert good
        assert said['Ports'].startswith(f'in use: {busy} (by the proxy, if')


def test_names_only_some_of_many_ports(say):
    with socket.socket() as first:
        first.bind((LOOPBACK, 0))
        begin = first.getsockname()[1]
    listeners = []
    for port in range(begin, begin + 40):
        try:
            listeners.append(socket.create_server((LOOPBACK, port)))
        except OSError:
            continue
    good, said = say(gateway=gateway(begin, begin + 39))
    for listener in listeners:
        listener.close()
    assert good
    assert 'more of the gateway' in said['Ports']


def test_looking_at_a_port_takes_nobody_away_from_it(say):
    # As the doors of the gateway are, which all workers have.
    with socket.create_server((LOOPBACK, 0), reuse_port=True) as door:
        port = door.getsockname()[1]
        _good, said = say(gateway=gateway(port, port))
        assert f'in use: {port}' in said['Ports']
        with socket.create_connection((LOOPBACK, port), 10):
            door.settimeout(10)
            door.accept()[0].close()


@pytest.mark.parametrize('host', ['192.0.2.1', 'no.such.host.invalid'])
def test_an_address_that_is_not_ours_is_a_failure(say, host):
    good, said = say(metrics=ListenAddress(host, ports.free_port()))
    assert not good
    assert 'metrics_host' in said['Ports']


# -- the database -------------------------------------------------------------

def test_says_that_the_database_is_down(say):
    class Down(MemoryNodeStore):
        def check(self):
            raise NodeStoreUnavailable('the database\nfailed')

    good, said = say(Down())
    assert not good
    assert said['Database'] == 'the database failed'
