# SPDX-License-Identifier: Apache-2.0
"""The systemd unit: sound, strict, and still enough for the proxy.

systemd's tools judge the file, and the kernel enforces on a real proxy what
it says about system calls, sockets, memory, capabilities and limits; see
tests/helpers/confined.py. A real systemd runs it in test_systemd.py.
"""

import pathlib
import re
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest

from ironic_console.common.conf import console
from ironic_console.common.nodes import NodeRecord
from tests.helpers import confined
from tests.helpers.certificates import Authority
from tests.helpers.program import Site
from tests.helpers.proxy import (
    NODE,
    Browser,
    http_get,
    path_to,
    ticket_for,
    wait_until,
)
from tools.lab import LocalProxy, ports, settings

UNIT = (pathlib.Path(__file__).parents[2] / 'etc'
        / 'ironic-novncproxy.service')
#: systemd calls up to 2.0 "OK", and all of it but the network can be less.
EXPOSURE = 1.5


class ConfinedProxy(LocalProxy):
    """Our program as the unit would run it."""

    def command(self) -> Sequence[str | pathlib.Path]:
        return [sys.executable, '-m', 'tests.helpers.confined', UNIT,
                *super().command()]


def run(*words: str | pathlib.Path) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_finds_nothing_wrong_with_it(tmp_path: pathlib.Path) -> None:
    # The user is made by Ironic's own package, which is not here.
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace('=ironic\n', '=root\n'))
    assert run('systemd-analyze', '--no-pager', 'verify', unit) == ''


def test_systemd_calls_it_safe() -> None:
    told = run('systemd-analyze', '--no-pager', 'security',
               '--offline=true', UNIT)
    found = re.search(r'Overall exposure level .*: ([\d.]+) ', told)
    assert found, told
    assert float(found[1]) <= EXPOSURE


def test_it_waits_for_draining_and_kills_only_what_is_left() -> None:
    unit = confined.read_unit(UNIT)
    assert unit['KillMode'] == ['mixed']
    # The default of drain_timeout, and the time to say goodbye.
    assert int(unit['TimeoutStopSec'][0]) > 30 + 10


def test_memory_is_bounded_and_the_kernel_ends_one_worker_only() -> None:
    unit = confined.read_unit(UNIT)
    assert unit['MemoryMax'] == ['4G']
    assert unit['OOMPolicy'] == ['continue']


def test_what_is_removed_with_it_holds_nothing_of_others() -> None:
    folder, = confined.read_unit(UNIT)['RuntimeDirectory']
    options = {option.name: option.default for option in console.OPTS}
    displays = pathlib.Path(options['display_directory'])
    assert pathlib.Path('/run', folder) not in displays.parents


@pytest.mark.parametrize('tls', [False, True], ids=['splice', 'TLS'])
def test_the_proxy_works_in_its_confinement(
        tmp_path: pathlib.Path, schema: pathlib.Path,
        record: NodeRecord, tls: bool) -> None:
    authority = Authority()
    files = authority.issue().save(tmp_path)
    context = authority.client_context() if tls else None
    site = Site(tmp_path / 'site', schema)
    site.save(record)
    runtime, metrics_port = tmp_path / 'run', ports.free_port()
    options = site.options({
        'vnc': {'enable_ssl': tls, 'cert_file': files.cert_file,
                'key_file': files.key_file},
        'ironic_console': {'workers': 2, 'runtime_dir': runtime,
                           'drain_timeout': 1,
                           'metrics_port': metrics_port}})
    with ConfinedProxy(site.config_file, site.folder,
                       options=options) as proxy:
        # Each worker says so also when it has started.
        wait_until(lambda: proxy.written().count('were read again') == 2,
                   'both workers serve', 30)
        address = (proxy.address, proxy.port)
        target = path_to(NODE, ticket_for(record))
        with Browser(address, target, context=context) as browser:
            browser.shake_hands()
            # Enough for the relay to move it through a pipe.
            data = bytes(200_000)
            browser.send(data)
            assert browser.read(len(data)) == data
            listed = run(
                pathlib.Path(sys.executable).parent
                / 'ironic-console-sessions', '--runtime-dir', runtime,
                'list')
            assert NODE in listed
            assert http_get((proxy.address, metrics_port),
                            '/metrics').status == 200
            before = len(proxy.written())
            settings.write(proxy.own_config_file, proxy.options)
            proxy.signal(signal.SIGHUP)
            # By both: oslo.service takes no SIGTERM in between on eventlet.
            wait_until(lambda: proxy.written()[before:].count(
                'were read again') == 2, 'SIGHUP', 30)
            proxy.signal(signal.SIGTERM)
            assert browser.wait_closed()[0] == 1001
        assert proxy.program
        assert proxy.program.wait(30) == 0
        assert 'killed by signal' not in proxy.written()
        assert 'Traceback' not in proxy.written()


def test_what_the_unit_forbids_is_forbidden() -> None:
    """Or the test before this one would prove nothing."""
    for code, error in (
            ('1', ''),
            ('import os; os.fork() or os._exit(0); os.wait()', ''),
            ('import os; os.setgroups([])', 'PermissionError'),
            ('import os; os.nice(1)', 'PermissionError'),
            ('import socket; socket.socket(socket.AF_PACKET)',
             'Address family not supported'),
            ('import mmap; mmap.mmap(-1, 4096, prot=7)', 'PermissionError'),
            ('import os; os.chroot("/")', 'PermissionError')):
        done = subprocess.run(
            [sys.executable, '-m', 'tests.helpers.confined', UNIT,
             sys.executable, '-c', code], capture_output=True, text=True,
            check=False)
        assert bool(done.returncode) == bool(error), (code, done.stderr)
        assert error in done.stderr
