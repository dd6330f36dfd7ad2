# SPDX-License-Identifier: Apache-2.0
"""The manager's unit, as it is shipped, under a real systemd that podman
asks for a cgroup of each display."""

import pathlib
import shutil
from collections.abc import Iterator

import pytest

from tests.helpers import podman as podman_helper
from tests.helpers.display_manager import PATIENCE, Conductor, make_settings
from tests.helpers.display_manager import viewer as opened
from tests.helpers.podman import Podman
from tests.helpers.proxy import wait_until
from tests.helpers.systemd import (
    REPOSITORY,
    UID,
    USER,
    CommandFailed,
    Machine,
)

UNIT = 'ironic-console-display-manager.service'
ROOTLESS = 'ironic-console-display-manager.rootless.conf'
DIRECTORY = '/run/ironic-console-displays'
_DEFAULTS = pathlib.Path('etc/default/ironic-console-display-manager')
_STORAGE = '''\
[storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
[storage.options]
additionalimagestores = ["/srv/images"]
'''


class Unit(Conductor):
    """The unit, started; a context manager."""

    uid = UID

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def __enter__(self) -> 'Unit':
        self.machine.add_unit(REPOSITORY / 'etc' / UNIT)
        self.machine.run('systemctl', 'start', UNIT)
        self.open(self.machine.path(DIRECTORY))
        return self

    def __exit__(self, *_: object) -> None:
        self.spool.close()

    def containers(self) -> list[str]:
        return self.machine.run('podman', 'ps', '--all', '--quiet').split()

    def is_active(self) -> bool:
        return self.machine.property(UNIT, 'ActiveState') == 'active'


@pytest.fixture(scope='module')
def podman() -> Podman:
    return podman_helper.get()


@pytest.fixture(scope='module')
def unit(podman: Podman, tmp_path_factory: pytest.TempPathFactory,
         ) -> Iterator[Unit]:
    store = podman.run('info', '--format', '{{.Store.GraphRoot}}').strip()
    machine = Machine(
        tmp_path_factory.mktemp('machine'), f'--bind-ro={store}:/srv/images',
        '--bind=/dev/fuse', '--bind=/dev/net/tun', containers=True)
    containers = machine.root / 'etc/containers'
    shutil.copytree('/etc/containers', containers)
    (containers / 'storage.conf').write_text(_STORAGE)
    defaults = machine.root / _DEFAULTS
    defaults.parent.mkdir()
    # Controllers of cgroups v1, where a machine has those, are not for
    # containers in containers.
    words = ['--pids-limit=0', "--memory=''", f'--image={podman.image}',
             f'--network={podman_helper.NETWORK}',
             f"--podman='{' '.join(podman.command)}'",
             *(f"--podman-run-option={one}" for one in podman.options)]
    defaults.write_text(f'PUBLISH=127.0.0.1\nOPTIONS="{" ".join(words)}"\n')
    for name in ('subuid', 'subgid'):
        (machine.root / 'etc' / name).write_text(f'{USER}:200000:65536\n')
    home = machine.root / 'var/lib/ironic'
    home.mkdir()
    shutil.chown(home, UID, UID)
    with machine, Unit(machine) as running:
        yield running


def test_displays_go_on_while_the_unit_is_restarted_or_dies(
        unit: Unit) -> None:
    settings = make_settings()
    with opened(settings, unit.begin(settings)) as viewer:
        viewer.look()
        before = unit.containers()
        assert len(before) == 1
        unit.machine.run('systemctl', 'restart', UNIT)
        main = unit.machine.property(UNIT, 'MainPID')
        unit.machine.run('kill', '-KILL', main)
        wait_until(lambda: unit.is_active() and unit.machine.property(
            UNIT, 'MainPID') not in (main, '0'), 'it is started again',
            PATIENCE)
        assert unit.containers() == before
        viewer.look()
    unit.withdraw(settings.node)
    wait_until(lambda: not unit.containers(), 'it to be removed', PATIENCE)


def test_a_second_manager_is_told_why_it_cannot_serve(unit: Unit) -> None:
    with pytest.raises(CommandFailed, match='another program serves'):
        unit.machine.run('ironic-console-display-manager')


def test_only_the_conductor_and_root_read_what_is_in_memory(
        unit: Unit) -> None:
    private = '/run/ironic-console-display-manager'
    for path, user in ((DIRECTORY, 'nobody'), (private, 'nobody'),
                       (private, USER)):
        with pytest.raises(CommandFailed, match='Permission denied'):
            unit.machine.run('ls', path, user=user)


def test_it_starts_again_where_a_conductor_was_before_it(unit: Unit) -> None:
    """The directory and what is in it stay as they are."""
    before = unit.machine.run('stat', '--format=%i %U %a', DIRECTORY)
    assert before.split()[1:] == [USER, '700']
    unit.machine.run('systemctl', 'restart', UNIT)
    assert unit.machine.run('stat', '--format=%i %U %a', DIRECTORY) == before


def test_with_its_other_file_it_and_podman_need_no_root(unit: Unit) -> None:
    """As far as podman's user namespace: containers of users cannot be run
    in a container. test_display_rootless.py does it outside of one."""
    machine = unit.machine
    folder = machine.root / f'etc/systemd/system/{UNIT}.d'
    folder.mkdir()
    shutil.copy(REPOSITORY / 'etc' / ROOTLESS, folder)
    storage = machine.root / 'var/lib/ironic/.local/share/containers'
    try:
        machine.run('systemctl', 'daemon-reload')
        machine.run('systemctl', 'restart', UNIT)
        wait_until(storage.is_dir, 'podman runs', PATIENCE)
        status = machine.run('cat', '/proc/'
                             + machine.property(UNIT, 'MainPID') + '/status')
        assert f'Uid:\t{UID}\t{UID}\t{UID}\t{UID}\n' in status
        assert 'NoNewPrivs:\t0\n' in status
    finally:
        shutil.rmtree(folder)
        machine.run('systemctl', 'daemon-reload')
        machine.run('systemctl', 'stop', UNIT)
        # Root's podman and a user's do not share it.
        machine.run('rm', '-rf', '/run/ironic-console-display-manager')
        machine.run('systemctl', 'start', UNIT)
    assert not [line for line in machine.journal(UNIT)
                if 'newuidmap' in line]
