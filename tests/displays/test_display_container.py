# SPDX-License-Identifier: Apache-2.0
"""A display in a real container: what its viewers see, and what nobody sees.

The image is built from Debian's packages; Chromium in it opens the console
page of a simulated BMC.
"""

import base64
import contextlib
import dataclasses
import json
import pathlib
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from ironic_console.drivers.displays.settings import DisplaySettings
from ironic_console.drivers.displays.spool import IMAGE_UID
from tests.helpers import podman as podman_helper
from tests.helpers.display_manager import (
    PATIENCE,
    RunningManager,
    bmc_certificate,
    make_settings,
    viewer,
)
from tests.helpers.podman import Podman
from tests.helpers.proxy import wait_until
from tests.helpers.viewer import Frame, Viewer, pack_key
from tests.simulators.html5_bmc import Html5Bmc


@dataclasses.dataclass(frozen=True)
class Seen:
    """What the kernel says of a process.

    :ivar status: of ``/proc/pid/status``, by name.
    :ivar namespace: of users.
    """

    name: str
    words: list[str]
    status: dict[str, str]
    namespace: str

    @classmethod
    def look(cls, process: psutil.Process) -> 'Seen':
        folder = pathlib.Path(f'/proc/{process.pid}')
        lines = (folder / 'status').read_text().splitlines()
        return cls(
            process.name(), process.cmdline(),
            dict(line.split(':\t', 1) for line in lines if ':\t' in line),
            str((folder / 'ns' / 'user').readlink()))


@dataclasses.dataclass
class Shown:
    """A display that somebody looks at."""

    podman: Podman
    manager: RunningManager
    bmc: Html5Bmc
    settings: DisplaySettings
    viewer: Viewer
    name: str

    def processes(self) -> list[psutil.Process]:
        """:returns: all in the container, as the host sees them."""
        pid = int(self.podman.run('inspect', '--format', '{{.State.Pid}}',
                                  self.name))
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]

    def look(self) -> list[Seen]:
        """:returns: all processes, the first one first; but for those that
            Chromium ends meanwhile."""
        seen = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error, OSError):
                seen.append(Seen.look(process))
        return seen

    def shell(self, script: str) -> str:
        """Run something beside the display, as the same user."""
        return self.podman.run('exec', self.name, '/bin/sh', '-c', script)

    def secrets(self) -> set[str]:
        key = self.settings.vnc.key.reveal().splitlines()[1]
        return {self.bmc.password, self.settings.vnc.password.reveal(), key,
                *self.bmc.secrets}


@pytest.fixture(scope='module')
def podman() -> Podman:
    return podman_helper.get()


@pytest.fixture(scope='module')
def shown(podman: Podman, tmp_path_factory: pytest.TempPathFactory,
          ) -> Iterator[Shown]:
    with (Html5Bmc('ilo5', certificate=bmc_certificate()) as bmc,
          RunningManager(tmp_path_factory.mktemp('displays'), podman,
                         ) as manager):
        settings = make_settings(bmc)
        endpoint = manager.begin(settings)
        assert not bmc.log, 'nobody looks yet'
        with viewer(settings, endpoint) as one:
            container, = manager.containers()
            look_until(one, shows(bmc.profile.colour))
            yield Shown(podman, manager, bmc, settings, one,
                        container['Names'][0])


def shows(colour: int) -> Callable[[Frame], bool]:
    """:returns: whether a good part of a screen has a colour."""
    return lambda frame: sum(map(sum, frame.where(
        *colour.to_bytes(3)))) > frame.width * frame.height / 20


def look_until(viewer: Viewer, condition: Callable[[Frame], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition(viewer.look()):
        assert time.monotonic() < deadline, 'the screen never shows it'
        time.sleep(0.2)


def test_its_viewer_sees_the_console_and_types_into_it(shown: Shown) -> None:
    shown.bmc.paint(0x3f7f3f)
    look_until(shown.viewer, shows(0x3f7f3f))
    for down in (True, False):
        shown.viewer.send(pack_key(ord('a'), down))
    shown.bmc.wait_for(lambda: 'a' in shown.bmc.typed, 'the key')


def test_no_secret_is_where_others_look(shown: Shown) -> None:
    places = {
        'inspect': shown.podman.run('inspect', shown.name),
        'history': shown.podman.run('history', '--no-trunc', '--format',
                                    'json', shown.podman.image),
        'image': shown.podman.run('image', 'inspect', shown.podman.image),
        'ps': shown.podman.run('ps', '--all', '--no-trunc', '--format',
                               'json'),
        'log': shown.podman.run('logs', shown.name),
        'log of the manager': shown.manager.log.read_text(),
    }
    for process in psutil.process_iter():
        for file in ('environ', 'cmdline'):
            try:
                places[f'{file} of {process.pid}'] = pathlib.Path(
                    f'/proc/{process.pid}/{file}').read_text(errors='replace')
            except OSError:
                continue
    for folder in (shown.manager.directory, shown.manager.private):
        for path in folder.rglob('*'):
            if path.is_file():
                places[str(path)] = path.read_text()
    assert any(place.endswith('.request') for place in places)
    found = {(place, secret) for place, text in places.items()
             for secret in shown.secrets() if secret in text}
    assert not found


def test_no_secret_is_in_a_file_of_the_container(shown: Shown) -> None:
    files = shown.shell('cat /settings/* /run/* $(find /tmp -type f) '
                        '2>/dev/null | base64 -w0; true')
    text = base64.b64decode(files)
    opening = {shown.bmc.password, shown.settings.vnc.password.reveal(),
               shown.settings.vnc.key.reveal().splitlines()[1]}
    assert not [secret for secret in opening if secret.encode() in text]


def test_its_processes_have_no_rights(shown: Shown) -> None:
    processes = shown.look()
    assert any('chromium' in process.name for process in processes)
    for process in processes:
        status = process.status
        assert set(status['Uid'].split()) == {str(IMAGE_UID)}
        assert set(status['Gid'].split()) == {str(IMAGE_UID)}
        assert status['NoNewPrivs'] == '1'
        assert status['Seccomp'] == '2'
        # Chromium has all of them in its sandbox, where they are good for
        # nothing outside of it.
        if process.namespace == processes[0].namespace:
            for kind in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
                assert int(status[kind], 16) == 0, (process.words, kind)


def test_chromium_has_its_own_sandbox_too(shown: Shown) -> None:
    first, *others = shown.look()
    browsers = [one for one in others if 'chromium' in one.name]
    assert browsers
    assert not [one for one in browsers if '--no-sandbox' in one.words]
    assert any(one.namespace != first.namespace for one in browsers)


@pytest.mark.parametrize('place', ['/', '/etc', '/settings', '/var/tmp',
                                   '/usr/lib/python3/dist-packages'])
def test_it_can_write_nowhere_but_in_memory(shown: Shown, place: str) -> None:
    answer = shown.shell(f'touch {place}/x 2>&1 || echo refused')
    assert 'refused' in answer
    mounts = shown.shell('cat /proc/mounts').splitlines()
    kinds = {line.split()[1]: line.split()[2] for line in mounts}
    assert kinds['/tmp'] == kinds['/run'] == 'tmpfs'


def test_it_listens_for_viewers_only_and_only_where_it_was_told(
        shown: Shown) -> None:
    lines = shown.shell('cat /proc/net/tcp /proc/net/tcp6').splitlines()
    listening = {line.split()[1].rpartition(':')[2] for line in lines
                 if line.split()[3] == '0A'}
    assert listening == {f'{5900:04X}'}
    published = json.loads(shown.podman.run('inspect', shown.name))[0][
        'NetworkSettings']['Ports']
    addresses = {one['HostIp'] for ports in published.values() if ports
                 for one in ports}
    assert addresses == {'127.0.0.1'}


def test_chromium_has_its_policy_and_our_program_is_compiled(
        shown: Shown) -> None:
    """The root is read-only: nothing of this can be made later."""
    policy = shown.shell('cat /etc/chromium/policies/managed/*')
    assert json.loads(policy)
    folder = '/usr/lib/python3/dist-packages/ironic_console'
    found = shown.shell(f'find {folder} -name "*.py*"').splitlines()
    sources = [name for name in found if name.endswith('.py')]
    assert len(found) == 2 * len(sources) > 20
    assert not [name for name in found if '/manager/' in name]


def test_the_machine_that_built_it_left_nothing_in_the_image(
        shown: Shown) -> None:
    found = shown.shell('ls /etc/apt/sources.list* /var/lib/apt/lists/* '
                        '/var/cache/apt /var/log 2>/dev/null; true')
    assert 'sources' not in found
    assert '_dists_' not in found


def test_leaving_logs_out_and_taking_it_back_leaves_nothing(
        shown: Shown) -> None:
    """The last one: it ends what the others looked at."""
    processes = shown.processes()
    shown.manager.spool.withdraw(shown.settings.node)
    wait_until(lambda: not shown.manager.containers(), 'it to be removed',
               PATIENCE)
    assert not shown.bmc.sessions
    assert not any(one.is_running() for one in processes)
    assert not list(shown.manager.directory.iterdir())
    assert {path.name for path in shown.manager.private.iterdir()} <= {
        'seccomp.json'}
