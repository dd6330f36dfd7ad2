# SPDX-License-Identifier: Apache-2.0
"""The units under a real systemd, as an operator uses them.

What the files say is checked in test_unit_file.py.
"""

import pathlib
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from ironic_console.common.nodes import NodeRecord
from tests.helpers.certificates import Authority
from tests.helpers.program import Site
from tests.helpers.proxy import (
    NODE,
    Browser,
    Refused,
    fake_novnc,
    path_to,
    ticket_for,
    wait_until,
)
from tests.helpers.systemd import (
    PATIENCE,
    REPOSITORY,
    UID,
    USER,
    CommandFailed,
    Machine,
)
from tools.lab import ports, settings

UNIT = 'ironic-novncproxy.service'


class Service:
    """The proxy's unit, with a console that echoes.

    :ivar port: where it listens, of this machine.
    """

    def __init__(self, machine: Machine, site: Site, record: NodeRecord,
                 ) -> None:
        self.machine = machine
        self.port = ports.free_port()
        self._record = record
        authority = Authority()
        self._context = authority.client_context()
        config = machine.root / 'etc/ironic'
        files = authority.issue().save(config)
        self._file = config / 'ironic.conf'
        fake_novnc(machine.root / 'srv/novnc')
        self._options = settings.merged(site.options({
            'DEFAULT': {'host': 'localhost', 'my_ip': '127.0.0.1'},
            'database': {'connection':
                         'sqlite:////var/lib/ironic/ironic.sqlite'},
            'vnc': {'host_ip': '127.0.0.1', 'port': self.port,
                    'novnc_web': '/srv/novnc', 'enable_ssl': True,
                    'cert_file': _inside(machine, files.cert_file),
                    'key_file': _inside(machine, files.key_file)},
            'ironic_console': {'workers': 2, 'drain_timeout': 1,
                               'runtime_dir': '/run/ironic-novncproxy'}}))
        machine.add_unit(REPOSITORY / 'etc' / UNIT)
        self.configure()

    def configure(self, **own: settings.Value) -> None:
        """:param own: options of [ironic_console] that differ."""
        settings.write(self._file, settings.merged(
            self._options, {'ironic_console': own}))
        for path in (self._file.parent, self.machine.root / 'var/lib/ironic'):
            for one in (path, *path.rglob('*')):
                shutil.chown(one, UID, UID)

    def control(self, verb: str) -> None:
        self.machine.run('systemctl', verb, UNIT)

    def open(self) -> Browser:
        target = path_to(NODE, ticket_for(self._record))
        return Browser(('127.0.0.1', self.port), target,
                       context=self._context)

    def processes(self) -> list[int]:
        return self.machine.processes(UNIT)

    def property(self, name: str) -> str:
        return self.machine.property(UNIT, name)

    def look(self, script: str, user: str = USER) -> str:
        """Look around where the main process is."""
        return self.machine.run('/bin/sh', '-c', script, user=user,
                                pid=self.processes()[0], check=False)


def _inside(machine: Machine, path: str) -> pathlib.Path:
    return '/' / pathlib.Path(path).relative_to(machine.root)


@pytest.fixture(scope='module')
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp('machine')) as machine:
        yield machine


@pytest.fixture(scope='module')
def installed(machine: Machine, record: NodeRecord, schema: pathlib.Path,
              ) -> Service:
    site = Site(machine.root / 'var/lib/ironic', schema)
    site.save(record)
    return Service(machine, site, record)


@pytest.fixture
def service(installed: Service) -> Iterator[Service]:
    """It runs, as it is configured first."""
    installed.control('start')
    wait_until(lambda: len(installed.processes()) == 3, 'both workers',
               PATIENCE)
    yield installed
    installed.configure()
    installed.machine.run('systemctl', 'reset-failed', UNIT, check=False)


def echoes(browser: Browser) -> bool:
    browser.send(b'echo')
    return browser.read(4) == b'echo'


def test_a_console_opens_as_soon_as_systemctl_start_returns(
        installed: Service) -> None:
    installed.control('restart')
    # It heeds signals from then on, too.
    installed.control('reload')
    with installed.open() as browser:
        browser.shake_hands()
        assert echoes(browser)
    assert installed.property('ActiveState') == 'active'


def test_systemctl_start_tells_of_a_mistake_in_the_configuration(
        service: Service) -> None:
    service.configure(recheck_interval=-1)
    service.control('stop')
    with pytest.raises(CommandFailed):
        service.control('start')
    assert any('recheck_interval' in line
               for line in service.machine.journal(UNIT))
    service.control('stop')


def test_reload_keeps_sessions_and_takes_what_is_new(
        service: Service) -> None:
    before = service.processes()
    with service.open() as browser:
        browser.shake_hands()
        service.configure(max_sessions_per_node=1)
        service.control('reload')
        wait_until(lambda: refused(service), 'the new limit', PATIENCE)
        assert echoes(browser)
    assert service.processes() == before


def refused(service: Service) -> bool:
    try:
        with service.open() as browser:
            browser.shake_hands()
    except Refused as exc:
        return exc.response.status == 429
    return False


def test_stop_lets_sessions_go_on_and_says_why_they_end(
        service: Service) -> None:
    with service.open() as browser:
        browser.shake_hands()
        stopping = subprocess.Popen(
            service.machine.command('systemctl', 'stop', UNIT))
        assert browser.wait_closed()[0] == 1001
        assert stopping.wait(PATIENCE) == 0
    assert service.property('Result') == 'success'
    assert service.property('ActiveState') == 'inactive'
    assert not service.processes()
    assert not (service.machine.run('ls', '/run')).count('ironic-novncproxy')


def test_a_worker_that_is_killed_takes_no_other_with_it(
        service: Service) -> None:
    main, *workers = service.processes()
    service.machine.run('kill', '-KILL', str(workers[-1]))
    wait_until(lambda: (now := service.processes())[0] == main
               and len(now) == len(workers) + 1 and workers[-1] not in now,
               'another worker', PATIENCE)
    with service.open() as browser:
        browser.shake_hands()


def test_the_service_comes_back_when_its_main_process_is_killed(
        service: Service) -> None:
    before = service.processes()
    restarts = int(service.property('NRestarts'))
    service.machine.run('kill', '-KILL', str(before[0]))
    wait_until(lambda: int(service.property('NRestarts')) > restarts
               and service.property('ActiveState') == 'active',
               'it is started again', PATIENCE)
    assert not set(before) & set(service.processes())
    with service.open() as browser:
        browser.shake_hands()


def test_its_operator_sees_sessions_and_others_do_not(
        service: Service) -> None:
    with service.open() as browser:
        browser.shake_hands()
        words = ('ironic-console-sessions', '--runtime-dir',
                 '/run/ironic-novncproxy', 'list')
        for user in (USER, ''):
            assert NODE in service.machine.run(*words, user=user)
        with pytest.raises(CommandFailed):
            service.machine.run(*words, user='nobody')


@pytest.mark.parametrize('place', [
    '/', '/etc', '/etc/ironic', '/usr', '/var', '/var/lib', '/srv', '/opt',
    '/run', '/run/lock', '/dev', '/sys/fs/cgroup',
    '/proc/sys/kernel/hostname'])
def test_it_can_write_only_where_it_has_to(service: Service, place: str,
                                           ) -> None:
    """Not even root could there: it is the view of the service."""
    test = f'if [ -d {place} ]; then touch {place}/x; else : > {place}; fi'
    assert 'Read-only' in service.look(f'{test} 2>&1', user='')


def test_it_can_write_where_it_has_to(service: Service) -> None:
    answer = service.look('cd /var/lib/ironic && touch x && rm x && cd /tmp '
                          '&& touch x && rm x && cd /run/ironic-novncproxy && '
                          'touch x && rm x && echo done')
    assert answer == 'done\n'


def test_it_sees_no_homes_no_devices_and_no_processes_of_others(
        service: Service) -> None:
    service.machine.run('touch', '/home/secret', '/root/secret',
                        '/tmp/secret')
    assert service.look('ls /home /root /tmp 2>&1').count('secret') == 0
    seen = service.look('ls /dev').split()
    assert 'null' in seen
    assert not {'mem', 'kmsg', 'vda', 'fuse'} & set(seen)
    processes = {int(word) for word in service.look('ls /proc').split()
                 if word.isdecimal()}
    assert set(service.processes()) <= processes
    assert 1 not in processes


def test_none_of_its_processes_has_any_right(service: Service) -> None:
    processes = service.processes()
    assert len(processes) >= 3
    for pid in processes:
        status = dict(line.split(':\t', 1) for line in service.machine.run(
            'cat', f'/proc/{pid}/status').splitlines() if ':\t' in line)
        assert set(status['Uid'].split()) == {str(UID)}
        assert set(status['Gid'].split()) == {str(UID)}
        assert status['NoNewPrivs'] == '1'
        assert status['Seccomp'] == '2'
        for kind in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
            assert int(status[kind], 16) == 0


def test_systemd_calls_what_runs_safe(service: Service) -> None:
    told = service.machine.run('systemd-analyze', '--no-pager', 'security',
                               UNIT)
    found = re.search(r'Overall exposure level .*: ([\d.]+) ', told)
    assert found, told
    assert float(found[1]) <= 1.5
