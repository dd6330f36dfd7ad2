# SPDX-License-Identifier: Apache-2.0
"""Templates for Ironic's own providers: what those make of them holds no
secret, and gives a display no rights.

There is no cluster here, and no systemd: the schemas of Kubernetes judge one,
the reader of unit files the other. ``container`` is tested for real in
test_display_files.
"""

import configparser
import json
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any
from unittest import mock

import kubernetes_validate
import pytest
from ironic.common import utils
from ironic.conf import CONF
from ironic.console.container import kubernetes, systemd
from oslo_config import fixture

from ironic_console.common.conf import console
from ironic_console.drivers.displays.settings import DisplaySettings
from ironic_console.drivers.displays.spool import IMAGE_UID, hand_over
from tests.helpers import podman as podman_helper
from tests.helpers.conductor import UUID
from tests.helpers.display_settings import SECRETS, SETTINGS, other

FOLDER = pathlib.Path(__file__).parents[2] / 'etc' / 'ironic_console'
#: The oldest that upstream still mends.
VERSION = '1.33'
IMAGE = 'registry.example.org/ironic-display:1'
#: podman's own would make interfaces on this machine, and each browser of
#: other tests drop what it loads then.
NO_NETWORK = '--network=none'


@pytest.fixture
def conf() -> Iterator[Any]:
    console.register_opts(CONF)
    with fixture.Config(CONF) as changed:
        changed.config(group='vnc', console_image=IMAGE)
        yield changed


class Quadlet(configparser.RawConfigParser):
    """Options may be there more than once; their case counts."""

    def __init__(self) -> None:
        super().__init__(strict=False)

    def optionxform(self, optionstr: str) -> str:
        return optionstr


@pytest.fixture
def quadlet(conf: Any, tmp_path: pathlib.Path) -> str:
    """:returns: the file that Ironic would have podman make a unit of."""
    conf.config(group='vnc', systemd_container_template=str(
        FOLDER / 'display.container.template'),
        systemd_container_publish_port='192.0.2.9::5900')
    provider = systemd.SystemdConsoleContainer.__new__(
        systemd.SystemdConsoleContainer)
    provider._init_unit_dir(str(tmp_path))
    provider._write_container_file(UUID, 'ilo', {})
    file, = tmp_path.iterdir()
    return file.read_text()


def test_the_quadlet_is_one_and_mounts_what_is_handed_over(
        quadlet: str) -> None:
    parser = Quadlet()
    parser.read_string(quadlet)
    container = parser['Container']
    assert container['Image'] == IMAGE
    assert container['PublishPort'] == '192.0.2.9::5900'
    assert container['Volume'] == (
        f'{CONF.ironic_console.display_directory}/{UUID}:/settings:rw')
    assert UUID in parser['Unit']['Description']
    assert parser['Service']['Restart'] == 'no'


def test_the_quadlet_gives_no_rights(quadlet: str) -> None:
    lines = set(quadlet.splitlines())
    assert {f'User={IMAGE_UID}', f'Group={IMAGE_UID}', 'DropCapability=all',
            'NoNewPrivileges=true', 'ReadOnly=true'} <= lines
    assert not [line for line in lines if line.startswith('Environment')]


def test_the_handed_over_directory_is_where_templates_look(
        conf: Any, tmp_path: pathlib.Path) -> None:
    folder = hand_over(str(tmp_path / 'displays'), SETTINGS)
    assert pathlib.Path(folder).name == UUID
    for name in ('display-container.template', 'display.container.template'):
        assert f'{CONF.ironic_console.display_directory}/' in (
            FOLDER / name).read_text()


def manifests(settings: DisplaySettings | None) -> list[Any]:
    """:returns: what Ironic would tell Kubernetes to make."""
    template = str(FOLDER / 'display-pod.yaml.template')
    CONF.set_override('kubernetes_container_template', template, 'vnc')
    # Its version is asked of kubectl.
    with mock.patch.object(utils, 'execute'):
        provider = kubernetes.KubernetesConsoleContainer()
    document = settings.to_document() if settings else None
    text = provider._render_template(UUID, 'ilo', document)
    return list(provider._get_resources_from_yaml(text))


@pytest.fixture
def pod(conf: Any) -> Any:
    return manifests(SETTINGS)[1]['spec']


@pytest.mark.parametrize('kind', ['Secret', 'Pod'])
def test_the_schema_knows_every_field(conf: Any, kind: str) -> None:
    document, = (one for one in manifests(SETTINGS) if one['kind'] == kind)
    kubernetes_validate.validate(document, VERSION, strict=True)


@pytest.mark.parametrize('title', [
    'rack7', "O'Brien's", '"quoted"', 'a: b # c', '{{ x }}', '\\n', '<&>',
    'Gestell \N{LATIN SMALL LETTER U WITH DIAERESIS}ber'])
def test_settings_arrive_whatever_a_node_is_called(
        conf: Any, title: str) -> None:
    settings = other(title=title)
    secret = manifests(settings)[0]
    data = secret['stringData']['settings.json']
    assert DisplaySettings.from_json(data.encode()) == settings


def test_only_the_secret_holds_secrets(conf: Any) -> None:
    text = json.dumps(manifests(SETTINGS)[1])
    assert not [one for one in SECRETS if one in text]


def test_nothing_but_the_settings_is_changed_by_an_app(conf: Any) -> None:
    """Ironic makes the names of what it deletes without them."""
    for mine, theirs in zip(manifests(None), manifests(SETTINGS),
                            strict=True):
        assert mine['metadata'] == theirs['metadata']


def test_the_pod_may_do_nothing(pod: Any) -> None:
    assert pod['securityContext']['runAsUser'] == IMAGE_UID
    assert pod['securityContext']['runAsNonRoot'] is True
    assert pod['automountServiceAccountToken'] is False
    for container in (*pod['initContainers'], *pod['containers']):
        assert container['securityContext'] == {
            'allowPrivilegeEscalation': False,
            'readOnlyRootFilesystem': True, 'capabilities': {'drop': ['ALL']}}
        assert 'env' not in container


def test_the_display_never_sees_the_secret_itself(pod: Any) -> None:
    display, = pod['containers']
    assert {mount['name'] for mount in display['volumeMounts']} == {
        'settings', 'tmp', 'run'}
    for volume in pod['volumes']:
        if volume['name'] != 'secret':
            assert volume['emptyDir']['medium'] == 'Memory'
            assert volume['emptyDir']['sizeLimit']


def test_the_commands_of_the_pod_work_in_the_image(
        pod: Any, tmp_path: pathlib.Path) -> None:
    podman = podman_helper.get()
    secret, settings = tmp_path / 'secret', tmp_path / 'settings'
    for folder in (secret, settings):
        folder.mkdir()
        folder.chmod(0o777)
    (secret / 'settings.json').write_text('{"app": 1}')
    (secret / 'settings.json').chmod(0o444)
    tmp_path.chmod(0o711)
    tmp_path.parent.chmod(0o711)
    pids = () if podman.limits else ('--pids-limit=0',)
    begin = ('run', '--rm', *podman.options, *pids, NO_NETWORK,
             f'--volume={secret}:/secret:ro',
             f'--volume={settings}:/settings')
    words = pod['initContainers'][0]['command']
    podman.run(*begin, '--entrypoint', words[0], podman.image, *words[1:])
    copy, = settings.iterdir()
    assert copy.read_text() == '{"app": 1}'
    assert copy.stat().st_mode & 0o777 == 0o400
    # What the pod runs then takes it, and says what is wrong with it.
    done = subprocess.run([*podman.command, *begin, podman.image],
                          capture_output=True, text=True, check=False)
    assert 'version' in json.loads(done.stdout)['error']
    assert not list(settings.iterdir())


def test_the_probe_of_the_pod_sees_whether_a_display_listens(
        pod: Any) -> None:
    podman = podman_helper.get()
    shell, option, script = pod['containers'][0]['startupProbe']['exec'][
        'command']
    pids = () if podman.limits else ('--pids-limit=0',)
    listen = ('import socket, subprocess, sys\n'
              'print(subprocess.call(sys.argv[1:]))\n'
              'server = socket.create_server(("", 5900))\n'
              'print(subprocess.call(sys.argv[1:]))\n'
              'server.close()\n'
              'server = socket.create_server(("", 5900),'
              ' family=socket.AF_INET6)\n'
              'print(subprocess.call(sys.argv[1:]))')
    told = podman.run('run', '--rm', *podman.options, *pids, NO_NETWORK,
                      '--entrypoint', '/usr/bin/python3', podman.image, '-c',
                      listen, shell, option, script)
    assert told.split() == ['1', '0', '0']
