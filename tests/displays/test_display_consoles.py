# SPDX-License-Identifier: Apache-2.0
"""Consoles on web pages, in a real Ironic, through the real proxy, with real
Xvnc and Chromium: what operators do and users see."""

import pathlib
from collections.abc import Iterator

import pytest

from tests.browser.chromium import chromium
from tests.helpers.display_nodes import (
    INTERFACES,
    PATIENCE,
    DisplayNodes,
    wait_for_colour,
)
from tests.helpers.foreign_viewer import ForeignViewer, ViewerClosed
from tests.helpers.proxy import wait_until
from tests.simulators.html5_bmc import Knobs
from tools.lab import ports
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import LocalProxy

TYPES = ('fake-hardware', 'redfish', 'idrac', 'ipmi')


@pytest.fixture(scope='module')
def proxy_port() -> int:
    return ports.free_port()


@pytest.fixture(scope='module')
def ironic(tmp_path_factory: pytest.TempPathFactory, schema: pathlib.Path,
           proxy_port: int, novnc_root: pathlib.Path,
           ) -> Iterator[LocalIronic]:
    """An Ironic whose conductor starts displays."""
    options = {
        'vnc': {'public_url': f'http://127.0.0.1:{proxy_port}/console.html',
                'novnc_web': novnc_root,
                'container_provider': 'display-process'},
        'ironic_console': {'endpoint_networks': '127.0.0.0/8',
                           'recheck_interval': 1, 'display_linger': 1,
                           'display_resolution': '1024x768',
                           'console_check_interval': 2},
    }
    with LocalIronic(
            tmp_path_factory.mktemp('ironic'), hardware_types=TYPES,
            console_interfaces=(*sorted(set(INTERFACES.values())),
                                'no-console'),
            options=options, debug=True, schema=schema) as running:
        yield running


@pytest.fixture(scope='module')
def proxy(ironic: LocalIronic, proxy_port: int,
          tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProxy]:
    with LocalProxy(ironic.config_file, tmp_path_factory.mktemp('proxy'),
                    port=proxy_port) as running:
        yield running


@pytest.fixture
def nodes(ironic: LocalIronic, proxy: LocalProxy) -> Iterator[DisplayNodes]:
    with DisplayNodes(ironic, proxy) as nodes:
        yield nodes


@pytest.mark.parametrize('profile', INTERFACES)
def test_a_viewer_sees_the_console_types_into_it_and_leaves_no_session(
        nodes: DisplayNodes, profile: str) -> None:
    node = nodes.enroll(profile)
    url = node.enable()
    assert not node.bmc.log, 'nobody looks yet'
    with ForeignViewer(url) as viewer:
        node.wait_for_picture(viewer)
        assert len(node.bmc.sessions) <= 1
        viewer.press(ord('a'))
        node.bmc.wait_for(lambda: 'a' in node.bmc.typed, 'the key')
    node.bmc.wait_for(lambda: not node.bmc.consoles, 'the page to be closed',
                      PATIENCE)
    node.bmc.wait_for(lambda: not node.bmc.sessions, 'to be logged out',
                      PATIENCE)
    with ForeignViewer(node.link()) as viewer:
        node.wait_for_picture(viewer)
        node.bmc.paint(0x3f7f3f)
        wait_for_colour(viewer, 0x3f7f3f)


def test_the_page_shows_it_and_hands_keys_and_clicks_on(
        nodes: DisplayNodes) -> None:
    node = nodes.enroll('ilo5')
    colour = tuple(node.bmc.profile.colour.to_bytes(3))
    with chromium() as browser:
        browser.open(node.enable())
        browser.wait_pixel(8, 300, lambda pixel: pixel == colour)
        browser.type_text('Hello')
        node.bmc.wait_for(lambda: node.bmc.typed == 'Hello', 'what was typed')
        browser.click(400, 400)
        node.bmc.wait_for(lambda: node.bmc.clicks, 'the click')
        assert browser.canvas_size() == (1024, 768)


@pytest.mark.parametrize('driver', ['fake-hardware', 'idrac', 'ipmi'])
def test_console_works_on_nodes_of_every_hardware_type(
        nodes: DisplayNodes, driver: str) -> None:
    node = nodes.enroll('supermicro', driver)
    with node.opened() as viewer:
        node.wait_for_picture(viewer)


def test_a_display_is_idle_until_somebody_wants_pictures(
        nodes: DisplayNodes) -> None:
    node = nodes.enroll()
    node.enable()
    memory = sum(one.memory_full_info().pss for one in node.programs(''))
    assert 0 < memory < 40e6
    assert not node.programs('chromium')
    assert not node.bmc.log


@pytest.mark.parametrize(('profile', 'knobs', 'text'), [
    ('ilo5', Knobs(session_limit=0), 'This iLO has no session left.'),
    ('ilo6', Knobs(no_licence=True), 'This iLO has no licence'),
    ('supermicro', Knobs(in_use=True),
     'The console of this Supermicro BMC is in use'),
    ('idrac9', Knobs(changed_page=True),
     'iDRAC'),
], ids=['no session', 'no licence', 'in use', 'changed page'])
def test_what_the_bmc_refuses_is_told_on_the_screen(
        nodes: DisplayNodes, profile: str, knobs: Knobs, text: str) -> None:
    node = nodes.enroll(profile, knobs=knobs)
    with node.opened() as viewer:
        node.wait_for_text(viewer, text)


def test_a_wrong_password_is_told_and_never_tried_twice(
        nodes: DisplayNodes) -> None:
    node = nodes.enroll('ilo5', redfish_password='not-that-one')
    with node.opened() as viewer:
        node.wait_for_text(viewer, 'The iLO does not take user name')
        node.wait_for_text(viewer, 'Correct them, then disable the')
    logins = [one for one in node.bmc.log if one.method == 'POST']
    assert len(logins) == 1


def test_a_browser_that_is_killed_comes_back(nodes: DisplayNodes) -> None:
    node = nodes.enroll('ilo6')
    with node.opened() as viewer:
        node.wait_for_picture(viewer)
        begun = node.bmc.sessions_begun
        node.programs('--type=renderer')[0].kill()
        node.bmc.wait_for(lambda: node.bmc.sessions_begun > begun,
                          'another login', PATIENCE)
        node.wait_for_picture(viewer)
        assert len(node.bmc.sessions) == 1


def test_a_display_that_is_killed_is_back_at_the_same_address(
        nodes: DisplayNodes) -> None:
    node = nodes.enroll('supermicro')
    with node.opened() as viewer:
        node.wait_for_picture(viewer)
        before = node.stored()
        programs = node.programs('')
        node.programs('ironic_console.drivers.displays')[0].kill()
        with pytest.raises(ViewerClosed):
            viewer.read(2 ** 30)
    wait_until(lambda: not any(one.is_running() for one in programs),
               'nothing of it is left', PATIENCE)
    wait_until(lambda: ports.answers(ports.LOOPBACK,
                                     before['console_endpoint']['port']),
               'it is back', PATIENCE)
    with ForeignViewer(node.link()) as viewer:
        node.wait_for_picture(viewer)
    assert node.stored() == before
    # Nobody was there to log out before.
    node.bmc.kick()


def test_disabling_logs_out_and_tells_who_looks(nodes: DisplayNodes) -> None:
    node = nodes.enroll('idrac9')
    with node.opened() as viewer:
        node.wait_for_picture(viewer)
        node.disable()
        closed = viewer.wait_closed()
    # Whichever is first: the proxy that looks, or the display that ends.
    assert closed.code in (1008, 4502)
    assert not node.bmc.sessions
    assert not node.programs('')
    assert 'console_endpoint' not in node.stored()


def test_a_console_interface_that_is_changed_ends_the_display_for_now(
        ironic: LocalIronic, nodes: DisplayNodes) -> None:
    node = nodes.enroll('ilo5')
    with node.opened() as viewer:
        node.wait_for_picture(viewer)
        port = node.endpoint['port']
        ironic.rest.set_node(node.uuid, console_interface='idrac-kvm')
        viewer.wait_closed()
        wait_until(lambda: not node.programs(''), 'its display to end',
                   PATIENCE)
    assert not node.bmc.sessions
    assert node['console_enabled']
    ironic.rest.set_node(node.uuid, console_interface='ilo-kvm')
    wait_until(lambda: ports.answers(ports.LOOPBACK, port)
               and not node['reservation'], 'it is back', PATIENCE)
    with ForeignViewer(node.link()) as viewer:
        node.wait_for_picture(viewer)


def test_read_only_holds_at_the_display_itself(nodes: DisplayNodes) -> None:
    node = nodes.enroll('ilo5', console_read_only=True)
    with node.opened() as viewer:
        node.wait_for_picture(viewer)
    assert node.endpoint['read_only'] is True
    assert node.programs('-AcceptKeyEvents=0')


def test_five_displays_at_once(nodes: DisplayNodes) -> None:
    five = [nodes.enroll(profile) for profile in (*INTERFACES, 'ilo5')]
    viewers = [node.opened() for node in five]
    for node, viewer in zip(five, viewers, strict=True):
        with viewer:
            node.wait_for_picture(viewer)
    for node in five:
        node.bmc.wait_for(lambda node=node: not node.bmc.sessions,
                          'to be logged out', PATIENCE)


def test_a_restart_of_the_conductor_brings_displays_back(
        ironic: LocalIronic, nodes: DisplayNodes) -> None:
    node = nodes.enroll('ilo5')
    link = node.enable()
    with ForeignViewer(link) as viewer:
        node.wait_for_picture(viewer)
        programs, port = node.programs(''), node.endpoint['port']
        ironic.restart()
        viewer.wait_closed()
    assert not any(one.is_running() for one in programs)
    assert not node.bmc.sessions
    wait_until(lambda: ports.answers(ports.LOOPBACK, port), 'its display',
               PATIENCE)
    # Links outlive it, and Nova finds what it was told.
    wait_until(lambda: not node['reservation'], 'it is enabled', PATIENCE)
    assert node.endpoint['port'] == port
    with ForeignViewer(link) as viewer:
        node.wait_for_picture(viewer)
