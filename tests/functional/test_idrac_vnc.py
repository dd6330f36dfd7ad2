# SPDX-License-Identifier: Apache-2.0
"""Consoles of simulated iDRACs in a real Ironic, through the real proxy.

Each test also sees that nothing which opens something gets into the API, a
log at DEBUG, or a process list; so it is at the end of :class:`IdracNodes`.
"""

import pathlib
import re
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ironic_console.common import nodes as keys
from tests.helpers.bmc import Bmcs
from tests.helpers.foreign_viewer import (
    ForeignViewer,
    ViewerClosed,
    ViewerRefused,
)
from tests.helpers.idrac_nodes import IdracNode, IdracNodes, colours
from tests.helpers.input_recorder import InputRecorder
from tests.simulators.redfish_bmc.attributes import (
    ENABLE,
    PASSWORD,
    PORT,
    SSL,
    TIMEOUT,
)
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import LocalProxy
from tools.lab.rest import RestError

DOCUMENT = (pathlib.Path(__file__).parents[2] / 'doc' / 'source'
            / 'idrac-vnc.rst')
RED = (255, 0, 0)
#: Seconds in which a session ends when its right does.
END = 30.0
#: Whatever a request is: its connection is cut.
DEAD, ALIVE = {'cut': 1_000_000}, {'cut': 0}
NOT_STOPPED = 'The console may not have been stopped: The BMC at https://'


@pytest.fixture
def nodes(ironic: LocalIronic, proxy: LocalProxy, bmcs: Bmcs,
          ) -> Iterator[IdracNodes]:
    with IdracNodes(ironic, proxy, bmcs) as nodes:
        yield nodes


def end_of(viewer: ForeignViewer, work: Callable[[], object],
           ) -> tuple[int, str]:
    """:returns: how a session ends, in time, when something was done."""
    work()
    done = time.monotonic()
    closed = viewer.wait_closed()
    assert time.monotonic() - done < END
    return closed.code, closed.reason


# -- what a user sees ---------------------------------------------------------

@pytest.mark.parametrize(('profile', 'driver', 'knobs', 'scheme'), [
    ('idrac8', 'redfish', {}, 'vnc'),
    ('idrac9-old', 'idrac', {}, 'vncs'),
    ('idrac9', 'idrac', {}, 'vncs'),
    ('idrac9', 'redfish', {'tls': 'vencrypt'}, 'vnc'),
    ('idrac9', 'fake-hardware', {'asynchronous': True, 'task_polls': 1},
     'vncs'),
    ('idrac10', 'redfish', {}, 'vncs'),
], ids=['idrac8', 'idrac9-old', 'idrac9', 'idrac9 with VeNCrypt',
        'idrac9 with jobs', 'idrac10'])
def test_screen_and_keyboard_from_enable_to_disable(
        nodes: IdracNodes, tmp_path: pathlib.Path, profile: str, driver: str,
        knobs: dict[str, Any], scheme: str) -> None:
    node = nodes.enroll(profile, driver, colour=0xff0000, **knobs)
    link = node.enable()
    password = node.password
    assert node.stored()[keys.ENDPOINT_KEY]['scheme'] == scheme
    assert node.bmc.attributes[PASSWORD] == password
    assert node.bmc.attributes[TIMEOUT] == 10800
    with ForeignViewer(link) as viewer:
        assert viewer.name == b'OpenVNC'
        node.wait_until(lambda: colours(viewer).most_common(1)[0][0] == RED,
                        'the screen of the server')
        assert node.bmc.vnc.display
        with InputRecorder(tmp_path, node.bmc.vnc.display) as recorder:
            viewer.press(ord('x'))
            recorder.wait_for('KeyPress x')
            recorder.wait_for('KeyRelease x')
        code, _reason = end_of(viewer, node.disable)
        # Either the BMC hangs up at once, or the proxy knows better.
        assert code in (1008, 4502)
    assert node.is_off(password)
    assert not node.bmc.sessions.live()
    assert not {*keys.CONSOLE_KEYS, keys.CHANGES_KEY} & set(node.stored())
    with pytest.raises(ViewerRefused) as caught:
        ForeignViewer(link)
    assert caught.value.status == 403


def test_an_old_one_with_a_late_banner_hears_of_no_strange_encoding(
        nodes: IdracNodes) -> None:
    """It is later than the proxies' handshake_timeout, 6 s here."""
    node = nodes.enroll('idrac8', colour=0xff0000, banner_delay=7.0)
    with node.opened() as viewer:
        quirks = node.stored()[keys.ENDPOINT_KEY]['quirks']
        assert quirks['handshake_timeout'] >= 30
        assert quirks['encodings'] == [5, 1, 0, -223]
        # Tight and a cursor: a real one falls silent for good.
        viewer.send(struct.pack('>BxH3i', 2, 3, 7, 0, -239))
        node.wait_until(lambda: colours(viewer).most_common(1)[0][0] == RED,
                        'the screen of the server')


def test_a_second_viewer_is_told_and_the_first_goes_on(
        nodes: IdracNodes) -> None:
    node = nodes.enroll()
    with node.opened() as viewer:
        with pytest.raises(ViewerClosed) as caught:
            ForeignViewer(node.link())
        assert 'broke off the connection' in caught.value.refusal
        assert viewer.picture()
        # Nor do the checks of the conductor end what goes on.
        seen = sum(node.bmc.requests.values())
        node.wait_until(lambda: sum(node.bmc.requests.values()) > seen + 12,
                        'some checks')
        assert viewer.picture()


def test_the_commands_of_the_documentation_work_as_written(
        nodes: IdracNodes, ironic: LocalIronic) -> None:
    node = nodes.enroll()
    ironic.rest.set_node(node.uuid, console_interface='no-console')
    commands = re.findall(r'^    (openstack .* NODE.*)$', DOCUMENT.read_text(),
                          re.MULTILINE)[:3]
    said = ''
    for command in commands:
        said = subprocess.run(
            command.replace('NODE', node.uuid), shell=True, check=True,
            env=ironic.environment, stdout=subprocess.PIPE, text=True).stdout
        # As it says below them, this takes some seconds.
        if 'console enable' in command:
            node.wait_until(lambda: node['console_enabled'], 'the console')
    link = re.search(r'http://\S+', said)
    assert link, commands
    with ForeignViewer(link[0].rstrip("'},")) as viewer:
        assert viewer.name == b'OpenVNC'


# -- Ironic's rules -----------------------------------------------------------

def provided(nodes: IdracNodes, **knobs: Any) -> IdracNode:
    """:returns: a node that can be deployed at once."""
    node = nodes.enroll(driver='fake-hardware', **knobs)
    node.provision('manage', 'manageable')
    node.provision('provide', 'available')
    return node


def test_undeploy_switches_it_off_and_the_next_deployment_on_again(
        nodes: IdracNodes) -> None:
    node = provided(nodes)
    node.enable()
    node.provision('active', 'active')
    first = node.password
    link = node.link()
    with ForeignViewer(link) as viewer:
        code, _ = end_of(viewer, lambda: node.provision('deleted',
                                                        'available'))
        assert code in (1008, 4502)
    assert node.is_off(first)
    assert node['console_enabled'] is True
    assert not {*keys.CONSOLE_KEYS, keys.CHANGES_KEY} & set(node.stored())
    with pytest.raises(ViewerRefused):
        ForeignViewer(link)
    node.provision('active', 'active')
    assert node.password != first
    with ForeignViewer(node.link()) as viewer:
        assert viewer.name == b'OpenVNC'


def test_undeploy_with_a_dead_bmc_works_and_the_bmc_is_not_forgotten(
        nodes: IdracNodes) -> None:
    node = provided(nodes)
    node.enable()
    node.provision('active', 'active')
    password = node.password
    node.bmc.turn(**DEAD)
    node.provision('deleted', 'available')
    assert NOT_STOPPED in node.history()
    assert not set(keys.CONSOLE_KEYS) & set(node.stored())
    assert node.serves()
    node.bmc.turn(**ALIVE)
    node.wait_until(lambda: node.is_off(password), 'the VNC server to be off')
    node.wait_until(lambda: keys.CHANGES_KEY not in node.stored(),
                    'Ironic to know of it')


def test_disable_with_a_dead_bmc_works_and_the_bmc_is_not_forgotten(
        nodes: IdracNodes) -> None:
    node = nodes.enroll()
    link = node.enable()
    password = node.password
    with ForeignViewer(link) as viewer:
        node.bmc.turn(**DEAD)
        # Nobody but the proxy can end it.
        assert end_of(viewer, node.disable) == (
            1008, 'The console of this node was switched off.')
    assert NOT_STOPPED in node.history()
    assert node['console_enabled'] is False
    with pytest.raises(ViewerRefused):
        ForeignViewer(link)
    assert node.serves()
    node.bmc.turn(**ALIVE)
    node.wait_until(lambda: node.is_off(password), 'the VNC server to be off')


def test_a_node_with_a_dead_bmc_can_be_deleted(
        nodes: IdracNodes, ironic: LocalIronic) -> None:
    node = nodes.enroll()
    with node.opened() as viewer:
        node.bmc.turn(**DEAD)
        code, _ = end_of(viewer, lambda: nodes.delete(node))
        assert code == 1008
    with pytest.raises(RestError):
        ironic.rest.node(node.uuid)


@pytest.mark.parametrize('tampering', [
    {ENABLE: 'Disabled'}, {SSL: 'Disabled'}, {PORT: 5902}],
    ids=['switched off', 'TLS off', 'another port'])
def test_what_is_changed_behind_our_back_is_repaired(
        nodes: IdracNodes, tampering: dict[str, Any]) -> None:
    node = nodes.enroll()
    link = node.enable()
    before = node.bmc.attributes
    first = node.password
    node.bmc.set_attributes(tampering)
    node.wait_until(lambda: node.stored().get(keys.CREDENTIAL_KEY, {}).get(
        'password') not in (None, first), 'the repair')
    for name in tampering:
        assert node.bmc.attributes[name] == before[name]
    with ForeignViewer(link) as viewer:
        assert viewer.name == b'OpenVNC'
    assert node['console_enabled'] is True


def test_a_restart_of_the_conductor_keeps_what_is_good_and_repairs_the_rest(
        nodes: IdracNodes, ironic: LocalIronic) -> None:
    good, bad, dead = (nodes.enroll() for _ in range(3))
    links = {good: good.enable(), bad: bad.enable()}
    dead.enable()
    kept = dead.stored()
    before, changes = good.stored(), good.changes()
    first = bad.password
    with ForeignViewer(links[good]) as viewer:
        ironic.stop()
        bad.bmc.set_attributes({ENABLE: 'Disabled'})
        dead.bmc.turn(**DEAD)
        seen = sum(good.bmc.requests.values())
        ironic.start()
        good.wait_until(lambda: sum(good.bmc.requests.values()) > seen
                        and not good['reservation'], 'a look at the good one')
        bad.wait_until(lambda: bad.stored().get(
            keys.CREDENTIAL_KEY, {}).get('password') not in (None, first)
            and not bad['reservation'], 'the repair')
        assert good.stored() == before
        assert good.changes() == changes
        # A network that is down does not disable it.
        dead.wait_until(lambda: 'left as it was' in ironic.log(),
                        'the last one')
        dead.bmc.turn(**ALIVE)
        dead.wait_until(lambda: not dead['reservation'], 'its end')
        assert dead['console_enabled'] is True
        assert dead.stored() == kept
        links[dead] = dead.link()
        # Whoever looks goes on looking.
        viewer.press(ord('x'))
        assert viewer.picture()
    for node, link in links.items():
        assert node['console_enabled'] is True
        with ForeignViewer(link) as viewer:
            assert viewer.name == b'OpenVNC'


@pytest.mark.parametrize('interface', ['fake-vnc', 'fake-graphical',
                                       'no-console'])
def test_whichever_interface_comes_next_the_server_is_switched_off(
        nodes: IdracNodes, ironic: LocalIronic, interface: str) -> None:
    """Ironic lets people change it while the console is enabled."""
    node = nodes.enroll()
    link = node.enable()
    password = node.password
    ironic.rest.set_node(node.uuid, console_interface=interface)
    if interface != 'no-console':
        node.disable()
    node.wait_until(lambda: node.is_off(password), 'it to be off')
    node.wait_until(lambda: not {*keys.OUR_KEYS, keys.CHANGES_KEY}
                    & set(node.stored()), 'Ironic to know of it')
    with pytest.raises(ViewerRefused):
        ForeignViewer(link)
    ironic.rest.set_node(node.uuid, console_interface='idrac-vnc')
    if interface != 'no-console':
        with ForeignViewer(node.enable()) as viewer:
            assert viewer.name == b'OpenVNC'


# -- what goes wrong ----------------------------------------------------------

@pytest.mark.parametrize(('profile', 'knobs', 'words'), [
    ('idrac7', {}, 'has no attributes over Redfish (model 13G Monolithic, '
                   'firmware 2.40.40.40). Install a newer firmware'),
    ('idrac9', {'licensed': False}, 'shows no VNC server; install an '
                                    'Enterprise or Datacenter licence'),
    ('idrac9', {'denied': 'default-password'},
     'default password; change that on the BMC and in driver_info/'
     'redfish_password'),
    ('idrac9', {'ineffective': [ENABLE]},
     'was told to change VNCServer.1.Enable and did not; see whether it is '
     'in lockdown mode'),
    ('idrac9', {'vnc_dead': True}, 'is switched on but let nobody in within'),
    ('idrac9', {'tls': 'ignored'}, 'cannot be talked to as is wanted'),
    ('idrac9', {'redirect': 307}, 'credentials do not follow; set driver_info'
                                  '/redfish_address'),
    ('idrac9', DEAD, 'cannot be reached'),
    ('idrac9', {'slow': 30.0}, '[ironic_console]bmc_timeout'),
], ids=['too old', 'licence', 'default password', 'lockdown', 'VNC dead',
        'no TLS', 'redirect', 'cut', 'slow'])
def test_what_is_wrong_is_told_in_last_error_with_what_to_do(
        nodes: IdracNodes, profile: str, knobs: dict[str, Any], words: str,
        ) -> None:
    node = nodes.enroll(profile, **knobs)
    with pytest.raises(RestError):
        node.enable()
    assert words in node['last_error']
    assert node['console_enabled'] is False
    assert node.bmc.witness.credentials() == []


@pytest.mark.parametrize(('key', 'value', 'words'), [
    ('redfish_password', 'wr0ng-pa55word', 'does not accept driver_info/'
     'redfish_username and redfish_password; correct them'),
    ('redfish_verify_ca', True, 'shows a certificate that is not trusted'),
    ('redfish_address', 'https://127.0.0.1:1', 'cannot be reached'),
    ('idrac_vnc_address', '169.254.169.254', 'endpoint_networks'),
])
def test_wrong_driver_info_is_told_in_last_error_with_what_to_do(
        nodes: IdracNodes, key: str, value: object, words: str) -> None:
    node = nodes.enroll(driver_info={key: value})
    with pytest.raises(RestError):
        node.enable()
    assert words in node['last_error']
    assert 'wr0ng' not in node['last_error'] + node.history()


def test_a_server_that_never_let_us_in_is_switched_off_again(
        nodes: IdracNodes) -> None:
    node = nodes.enroll(vnc_dead=True)
    with pytest.raises(RestError, match='let nobody in'):
        node.enable()
    node.wait_until(lambda: node.bmc.attributes[ENABLE] == 'Disabled',
                    'the VNC server to be off')
    node.bmc.turn(vnc_dead=False)
    with node.opened() as viewer:
        assert viewer.name == b'OpenVNC'


def test_bad_driver_info_is_refused_before_anything_is_asked(
        nodes: IdracNodes, ironic: LocalIronic) -> None:
    node = nodes.enroll(driver_info={'idrac_vnc_port': 'many'})
    validation = ironic.rest.call('GET', f'/v1/nodes/{node.uuid}/validate')
    assert 'a number from 1024 to 65535' in validation['console']['reason']
    with pytest.raises(RestError, match='driver_info/idrac_vnc_port') as bad:
        node.enable()
    assert bad.value.status == 400
    assert not node.bmc.requests


# -- many ---------------------------------------------------------------------

def test_twenty_nodes_are_enabled_at_once_and_disabled_at_once(
        nodes: IdracNodes) -> None:
    many = [nodes.enroll('idrac9' if number % 2 else 'idrac8')
            for number in range(20)]
    for enabled in (True, False):
        for node in many:
            node.ask_console(enabled)
        for node in many:
            node.wait_until(lambda node=node, enabled=enabled:
                            node['console_enabled'] is enabled
                            and not node['reservation'],
                            f'console_enabled to be {enabled}')
        if enabled:
            passwords = [node.password for node in many]
            assert len(set(passwords)) == len(many)
            for node in many[::5]:
                with ForeignViewer(node.link()) as viewer:
                    assert viewer.name == b'OpenVNC'
    for node, password in zip(many, passwords, strict=True):
        assert node.is_off(password)
        assert not node.bmc.sessions.live()
        # A check may be under way, which keeps nobody from anything.
        assert node.bmc.sessions.peak <= 2
