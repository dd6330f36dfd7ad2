# SPDX-License-Identifier: Apache-2.0
"""Displays in containers in a real Ironic, through the real proxy: asked for
by files, and run by Ironic's own provider ``container``."""

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers import podman as podman_helper
from tests.helpers.display_manager import (
    PATIENCE,
    RunningManager,
    bmc_certificate,
)
from tests.helpers.display_nodes import DisplayNode
from tests.helpers.foreign_viewer import ForeignViewer
from tests.helpers.onlooker import Onlooker
from tests.helpers.podman import HOST_LOOPBACK, NETWORK, Podman
from tests.helpers.proxy import wait_until
from tests.simulators.html5_bmc import Html5Bmc
from tools.lab import ports
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import LocalProxy

TEMPLATE = (pathlib.Path(__file__).parents[2] / 'etc' / 'ironic_console'
            / 'display-container.template')
DIRECTORY = '/run/ironic-console-displays'
NODE_LABEL = 'org.openstack.ironic.node'


class Site:
    """An Ironic whose displays are in containers.

    :ivar directory: through which settings go.
    """

    def __init__(self, podman: Podman, ironic: LocalIronic,
                 proxy: LocalProxy, directory: pathlib.Path) -> None:
        self.podman = podman
        self.ironic = ironic
        self.proxy = proxy
        self.directory = directory

    @contextlib.contextmanager
    def node(self) -> Iterator[DisplayNode]:
        """A node with its BMC; what opens something is seen by nobody."""
        logs = [self.ironic.state_dir / f'{name}.log'
                for name in self.ironic.programs]
        with (Html5Bmc('ilo5', certificate=bmc_certificate()) as bmc,
              Onlooker(*logs, self.proxy.log) as onlooker):
            made = self.ironic.rest.create_node(
                driver='redfish', console_interface='ilo-kvm', driver_info={
                    'redfish_address': f'https://{HOST_LOOPBACK}:{bmc.port}',
                    'redfish_username': bmc.username,
                    'redfish_password': bmc.password,
                    'redfish_verify_ca': bmc.ca_file})
            node = DisplayNode(self.ironic, bmc, made['uuid'])
            try:
                yield node
            finally:
                opening = {bmc.password, *bmc.secrets, *node.openers}
                with contextlib.suppress(KeyError):
                    opening.add(node.password)
                self.ironic.rest.delete_node(node.uuid)
                self.wait_gone(node)
        assert not onlooker.found(opening)

    def containers(self, node: DisplayNode) -> list[dict[str, Any]]:
        return [one for one in self.podman.containers()
                if node.uuid in (one['Labels'] or {}).values()]

    def wait_gone(self, node: DisplayNode) -> None:
        wait_until(lambda: not self.containers(node), 'it to be gone',
                   PATIENCE)
        node.bmc.wait_for(lambda: not node.bmc.sessions, 'to be logged out',
                          PATIENCE)
        assert not [path for path in self.directory.iterdir()
                    if node.uuid in path.name]


@pytest.fixture(scope='module')
def podman() -> Podman:
    return podman_helper.get()


@contextlib.contextmanager
def running_site(folder: pathlib.Path, podman: Podman, schema: pathlib.Path,
                 novnc_root: pathlib.Path, directory: pathlib.Path,
                 **vnc: object) -> Iterator[Site]:
    port = ports.free_port()
    options = {
        'vnc': {'public_url': f'http://127.0.0.1:{port}/console.html',
                'novnc_web': novnc_root, **vnc},
        'ironic_console': {'endpoint_networks': '127.0.0.0/8',
                           'recheck_interval': 1, 'display_linger': 1,
                           'display_resolution': '640x480',
                           'display_directory': directory,
                           'display_start_timeout': 45,
                           'console_check_interval': 2},
    }
    with (LocalIronic(
            folder / 'ironic', hardware_types=('redfish',),
            console_interfaces=('ilo-kvm', 'no-console'), options=options,
            debug=True, schema=schema) as ironic,
          LocalProxy(ironic.config_file, folder / 'proxy', port=port,
                     ) as proxy):
        yield Site(podman, ironic, proxy, directory)


@pytest.fixture(scope='module')
def manager(tmp_path_factory: pytest.TempPathFactory, podman: Podman,
            ) -> Iterator[RunningManager]:
    with RunningManager(tmp_path_factory.mktemp('manager'), podman,
                        ) as running:
        yield running


@pytest.fixture(scope='module')
def files(tmp_path_factory: pytest.TempPathFactory, podman: Podman,
          manager: RunningManager, schema: pathlib.Path,
          novnc_root: pathlib.Path) -> Iterator[Site]:
    """The manager starts displays."""
    with running_site(tmp_path_factory.mktemp('files'), podman, schema,
                      novnc_root, manager.directory,
                      container_provider='display-files') as site:
        yield site


@pytest.fixture(scope='module')
def container(tmp_path_factory: pytest.TempPathFactory, podman: Podman,
              schema: pathlib.Path, novnc_root: pathlib.Path,
              ) -> Iterator[Site]:
    """Ironic's own provider starts them, with our template."""
    folder = tmp_path_factory.mktemp('container')
    directory = folder / 'displays'
    directory.mkdir(0o700)
    program = folder / 'engine'
    program.write_text(f'#!/bin/sh\nexec {" ".join(podman.command)} "$@"\n')
    program.chmod(0o755)
    text = TEMPLATE.read_text()
    assert DIRECTORY in text
    text = text.replace(DIRECTORY, str(directory))
    # What this machine needs, and the way to the simulated BMC.
    options = [*podman.options, f'--network={NETWORK}']
    if not podman.limits:
        text = text.replace('--pids-limit 512', '--pids-limit 0')
    template = folder / 'template'
    template.write_text(text.replace(
        '\nrun ', f'\nrun {" ".join(options)} '))
    with running_site(folder, podman, schema, novnc_root, directory,
                      container_provider='container',
                      container_executable=program,
                      container_command_template=template,
                      container_publish_port='127.0.0.1::5900',
                      console_image=podman.image,
                      wait_for_ready_timeout=60) as site:
        yield site


@pytest.fixture(params=['files', 'container'])
def site(request: pytest.FixtureRequest) -> Site:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Site)
    return found


def test_a_viewer_sees_the_console_types_into_it_and_leaves_no_session(
        site: Site) -> None:
    with site.node() as node:
        with node.opened() as viewer:
            node.wait_for_picture(viewer)
            viewer.press(ord('a'))
            node.bmc.wait_for(lambda: 'a' in node.bmc.typed, 'the key')
        node.bmc.wait_for(lambda: not node.bmc.sessions, 'to be logged out',
                          PATIENCE)
        one, = site.containers(node)
        told = site.podman.run('inspect', one['Id'])
        assert node.bmc.password not in told
        assert node.password not in told
        node.disable()
        site.wait_gone(node)


def test_a_display_that_is_killed_is_started_again(site: Site) -> None:
    with site.node() as node:
        node.enable()
        one, = site.containers(node)
        site.podman.remove(one['Id'])
        wait_until(lambda: [two['State'] for two in site.containers(node)
                            ] == ['running'] and not node['reservation'],
                   'another one', PATIENCE)
        with ForeignViewer(node.link()) as viewer:
            node.wait_for_picture(viewer)


def test_a_restart_of_the_conductor_does_not_end_displays_asked_for_by_files(
        files: Site) -> None:
    with files.node() as node:
        link = node.enable()
        before = files.containers(node)
        with ForeignViewer(link) as viewer:
            node.wait_for_picture(viewer)
            files.ironic.restart()
            node.bmc.paint(0x3f7f3f)
            node.wait_for_picture(viewer, 0x3f7f3f)
        assert [one['Id'] for one in files.containers(node)] == [
            one['Id'] for one in before]
        with ForeignViewer(link) as viewer:
            node.wait_for_picture(viewer, 0x3f7f3f)


def test_a_console_interface_that_is_changed_ends_the_display(files: Site,
                                                              ) -> None:
    with files.node() as node:
        with node.opened() as viewer:
            node.wait_for_picture(viewer)
            files.ironic.rest.set_node(node.uuid,
                                       console_interface='no-console')
            viewer.wait_closed()
        files.wait_gone(node)


def test_without_a_manager_the_console_says_what_is_missing(
        files: Site, manager: RunningManager) -> None:
    manager.stop()
    try:
        with files.node() as node:
            files.ironic.rest.call(
                'PUT', f'/v1/nodes/{node.uuid}/states/console',
                {'enabled': True})
            wait_until(lambda: bool(node['last_error'])
                       and not node['reservation'], 'the error',
                       2 * PATIENCE)
            assert 'display-manager' in node['last_error']
            assert not list(files.directory.iterdir())
    finally:
        manager.start()
