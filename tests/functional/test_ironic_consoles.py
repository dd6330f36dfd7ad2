# SPDX-License-Identifier: Apache-2.0
"""Consoles of ours in a real Ironic, seen as operators and users see them."""

import contextlib
import json
import pathlib
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import pytest

from ironic_console.common import nodes
from tests.helpers.foreign_viewer import (
    ForeignViewer,
    ViewerClosed,
    ViewerRefused,
)
from tools.lab import ports
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import LocalProxy
from tools.lab.rest import RestError

BMC = {
    'fake-hardware': {},
    'redfish': {'redfish_address': 'https://192.0.2.1',
                'redfish_username': 'u', 'redfish_password': 'p'},
    'idrac': {'redfish_address': 'https://192.0.2.1',
              'redfish_username': 'u', 'redfish_password': 'p'},
    'ipmi': {'ipmi_address': '192.0.2.1'},
}


@pytest.fixture
def make_node(ironic: LocalIronic, proxy: LocalProxy,
              ) -> Callable[..., Any]:
    """Enrolls a node; it is gone after the test."""
    made = []

    def make(driver: str = 'fake-hardware', interface: str = 'fake-vnc',
             **driver_info: object) -> Any:
        node = ironic.rest.create_node(
            driver=driver, console_interface=interface,
            driver_info=BMC[driver] | driver_info)
        made.append(node['uuid'])
        return node['uuid']
    yield make
    there = {node['uuid'] for node in
             ironic.rest.call('GET', '/v1/nodes')['nodes']}
    for uuid in there.intersection(made):
        ironic.rest.delete_node(uuid)


def stored_info(ironic: LocalIronic, uuid: str) -> dict[str, Any]:
    """:returns: driver_internal_info as the database has it, unmasked."""
    with sqlite3.connect(ironic.database) as database:
        row = database.execute(
            'SELECT driver_internal_info FROM nodes WHERE uuid = ?',
            (uuid,)).fetchone()
    return dict(json.loads(row[0] or '{}'))


def wait_until(condition: Callable[[], Any], what: str,
               timeout: float = 30.0) -> Any:
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f'waited for {what}'
        time.sleep(0.05)
    return value


@pytest.mark.parametrize('driver', BMC)
def test_console_works_on_nodes_of_every_hardware_type(
        ironic: LocalIronic, make_node: Callable[..., Any],
        driver: str) -> None:
    node = make_node(driver)
    console = ironic.rest.set_console(node, True)
    assert console['console_info']['type'] == 'vnc'
    with ForeignViewer(console['console_info']['url']) as viewer:
        assert (viewer.width, viewer.height) == (1024, 768)
        before = viewer.picture()
        viewer.press(ord('x'))
        assert viewer.picture() != before
    assert ironic.rest.set_console(node, False)['console_enabled'] is False


def test_defaults_of_hardware_types_stay_as_they_are(
        ironic: LocalIronic) -> None:
    for driver, default in (('redfish', 'no-console'),
                            ('ipmi', 'no-console')):
        shown = ironic.rest.call('GET', f'/v1/drivers/{driver}')
        assert 'fake-vnc' in shown['enabled_console_interfaces']
        assert shown['default_console_interface'] == default


def test_bad_driver_info_is_refused_with_key_and_remedy(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    node = make_node(fake_vnc_resolution='huge')
    validation = ironic.rest.call('GET', f'/v1/nodes/{node}/validate')
    assert validation['console']['result'] is False
    assert 'fake_vnc_resolution' in validation['console']['reason']
    assert '1024x768' in validation['console']['reason']
    with pytest.raises(RestError, match='fake_vnc_resolution') as caught:
        ironic.rest.set_console(node, True)
    assert caught.value.status == 400


def test_failed_start_tells_in_last_error_what_to_do(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    node = make_node(fake_vnc_fault='start-fails')
    with pytest.raises(RestError, match='set it to "none"'):
        ironic.rest.set_console(node, True)
    assert ironic.rest.node(node)['console_enabled'] is False


def test_slow_start_is_waited_for(ironic: LocalIronic,
                                  make_node: Callable[..., Any]) -> None:
    node = make_node(fake_vnc_fault='start-slow', fake_vnc_fault_seconds=1)
    assert ironic.rest.set_console(node, True)['console_enabled'] is True


def test_endpoint_that_never_answers_is_told_in_words(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    node = make_node(fake_vnc_fault='never-answers')
    ironic.rest.set_console(node, True)
    with pytest.raises(ViewerClosed) as caught:
        ForeignViewer(ironic.rest.console_url(node))
    assert caught.value.code == 4504
    assert 'did not answer in time' in caught.value.reason
    assert 'did not answer in time' in caught.value.refusal


def test_endpoint_that_hangs_up_is_told_in_words(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    # Not before the viewer is in.
    node = make_node(fake_vnc_fault='drops', fake_vnc_fault_seconds=4)
    ironic.rest.set_console(node, True)
    with ForeignViewer(ironic.rest.console_url(node)) as viewer:
        closed = viewer.wait_closed()
    assert closed.code == 4502
    assert 'closed the connection' in closed.reason


def test_every_show_gives_a_fresh_link_and_writes_nothing(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    node = make_node()
    ironic.rest.set_console(node, True)
    stored = stored_info(ironic, node)
    links = {ironic.rest.console_url(node) for _ in range(3)}
    assert len(links) == 3
    assert stored_info(ironic, node) == stored
    for link in links:
        with ForeignViewer(link) as viewer:
            assert viewer.width == 1024


def test_nothing_stored_or_shown_opens_the_console(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    node = make_node()
    ironic.rest.set_console(node, True)
    good = ironic.rest.console_url(node)
    ticket = good.rpartition('token=')[2]
    shown = json.dumps(ironic.rest.node(node))
    stored = stored_info(ironic, node)
    assert ticket not in shown + json.dumps(stored)
    assert stored[nodes.SECRET_KEY] not in shown
    for value in (stored[nodes.SECRET_KEY], '******',
                  stored[nodes.CREATED_KEY]):
        with pytest.raises(ViewerRefused) as caught:
            ForeignViewer(good.replace(ticket, value))
        assert caught.value.status == 403


def test_ticket_opens_no_other_node(ironic: LocalIronic,
                                    make_node: Callable[..., Any]) -> None:
    mine, other = make_node(), make_node()
    ironic.rest.set_console(mine, True)
    ironic.rest.set_console(other, True)
    with pytest.raises(ViewerRefused):
        ForeignViewer(ironic.rest.console_url(mine).replace(mine, other))


def test_disable_ends_the_session_and_takes_every_trace(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    node = make_node()
    link = ironic.rest.set_console(node, True)['console_info']['url']
    port = stored_info(ironic, node)[nodes.PORT_KEY]
    with ForeignViewer(link) as viewer:
        ironic.rest.set_console(node, False)
        closed = viewer.wait_closed()
    # The card hangs up at once; an endpoint that would not is cut by the
    # recheck.
    assert closed.code in (1008, 4502)
    assert not set(nodes.CONSOLE_KEYS) & set(stored_info(ironic, node))
    assert not ports.answers(ports.LOOPBACK, port)
    with pytest.raises(ViewerRefused) as caught:
        ForeignViewer(link)
    assert caught.value.status == 403


def test_session_ends_with_a_reason_when_its_right_ends(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    """fake-graphical's server lives on, so only the proxy can end it."""
    node = make_node(interface='fake-graphical')
    link = ironic.rest.set_console(node, True)['console_info']['url']
    with ForeignViewer(link) as viewer:
        ironic.rest.set_console(node, False)
        closed = viewer.wait_closed()
    assert closed.code == 1008
    assert 'switched off' in closed.reason


def test_deleting_the_node_ends_the_session(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    node = make_node()
    link = ironic.rest.set_console(node, True)['console_info']['url']
    with ForeignViewer(link) as viewer:
        ironic.rest.delete_node(node)
        assert viewer.wait_closed().code in (1008, 4502)
    with pytest.raises(ViewerRefused):
        ForeignViewer(link)


def test_same_port_after_disable_and_enable(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    node = make_node()
    ironic.rest.set_console(node, True)
    port = ironic.rest.node(node)['driver_internal_info']['vnc_port']
    ironic.rest.set_console(node, False)
    ironic.rest.set_console(node, True)
    again = ironic.rest.node(node)['driver_internal_info']['vnc_port']
    assert again == port


def test_keys_of_another_interface_are_cleaned(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    node = make_node(interface='fake-graphical')
    ironic.rest.set_console(node, True)
    ironic.rest.set_node(node, console_interface='fake-vnc')
    ironic.rest.set_console(node, False)
    assert not set(nodes.CONSOLE_KEYS) & set(stored_info(ironic, node))


def test_undeploy_stops_the_console_and_the_next_deploy_starts_it(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    node = make_node()

    def provision(target: str, state: str) -> None:
        ironic.rest.call('PUT', f'/v1/nodes/{node}/states/provision',
                         {'target': target})
        wait_until(lambda: ironic.rest.node(node)['provision_state']
                   == state, state)

    provision('manage', 'manageable')
    provision('provide', 'available')
    ironic.rest.set_console(node, True)
    provision('active', 'active')
    link = ironic.rest.console_url(node)
    with ForeignViewer(link) as viewer:
        provision('deleted', 'available')
        assert viewer.wait_closed().code in (1008, 4502)
    shown = ironic.rest.node(node)
    assert shown['console_enabled'] is True
    assert not set(nodes.CONSOLE_KEYS) & set(shown['driver_internal_info'])
    assert ironic.rest.console(node)['console_info'] is None
    with pytest.raises(ViewerRefused):
        ForeignViewer(link)
    provision('active', 'active')
    with ForeignViewer(ironic.rest.console_url(node)) as viewer:
        assert viewer.width == 1024
    provision('deleted', 'available')


def test_our_proxy_serves_consoles_of_in_tree_drivers(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    node = make_node(interface='fake-graphical')
    link = ironic.rest.set_console(node, True)['console_info']['url']
    assert stored_info(ironic, node)[nodes.SECRET_KEY] in link
    with ForeignViewer(link) as viewer:
        assert viewer.name == b'a real X display'
        assert len(viewer.picture()) == viewer.width * viewer.height * 4


def test_consoles_of_in_tree_drivers_open_also_after_one_of_ours(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    """Their stop leaves what only we know of."""
    node = make_node(fake_vnc_security='x509vnc')
    ours = ironic.rest.set_console(node, True)['console_info']['url']
    ironic.rest.set_node(node, console_interface='fake-graphical')
    with pytest.raises(ViewerRefused):
        ForeignViewer(ours)
    ironic.rest.set_console(node, False)
    ironic.rest.set_console(node, True)
    with ForeignViewer(ironic.rest.console_url(node)) as viewer:
        assert viewer.name == b'a real X display'
    ironic.rest.set_console(node, False)
    ironic.rest.set_node(node, console_interface='fake-vnc')
    ironic.rest.set_console(node, True)
    with ForeignViewer(ironic.rest.console_url(node)) as viewer:
        assert viewer.width == 1024
    ironic.rest.set_console(node, False)
    assert not set(nodes.CONSOLE_KEYS) & set(stored_info(ironic, node))


def test_proxy_needs_no_message_queue(
        ironic: LocalIronic, proxy: LocalProxy,
        make_node: Callable[..., Any], tmp_path: pathlib.Path) -> None:
    node = make_node()
    link = ironic.rest.set_console(node, True)['console_info']['url']
    # The site uses oslo.messaging, and the queue is down.
    nowhere = f'rabbit://nobody@127.0.0.1:{ports.free_port()}/'
    with LocalProxy(ironic.config_file, tmp_path, options={
            'DEFAULT': {'rpc_transport': 'oslo',
                        'transport_url': nowhere}}) as other:
        theirs = link.replace(f':{proxy.port}/', f':{other.port}/')
        with ForeignViewer(theirs) as viewer:
            assert viewer.width == 1024


def test_lost_database_is_503_and_live_sessions_go_on(
        ironic: LocalIronic, proxy: LocalProxy,
        make_node: Callable[..., Any], tmp_path: pathlib.Path) -> None:
    node = make_node()
    link = ironic.rest.set_console(node, True)['console_info']['url']
    # A database of its own that can be taken away from this proxy alone.
    copy = tmp_path / 'copy.sqlite'
    # Ironic may be writing into its own.
    with (contextlib.closing(sqlite3.connect(ironic.database)) as source,
          contextlib.closing(sqlite3.connect(copy)) as target):
        source.backup(target)
    with LocalProxy(ironic.config_file, tmp_path, options={
            'database': {'connection': f'sqlite:///{copy}'}}) as other:
        theirs = link.replace(f':{proxy.port}/', f':{other.port}/')
        with ForeignViewer(theirs) as viewer:
            with sqlite3.connect(copy) as database:
                database.execute('ALTER TABLE nodes RENAME TO lost')
            with pytest.raises(ViewerRefused) as caught:
                ForeignViewer(theirs)
            assert caught.value.status == 503
            assert b'Try again' in caught.value.body
            wait_until(lambda: 'cannot be looked at' in other.written(),
                       'the recheck to fail')
            viewer.press(ord('x'))
            assert viewer.picture()
            with sqlite3.connect(copy) as database:
                database.execute('ALTER TABLE lost RENAME TO nodes')
            with ForeignViewer(theirs) as again:
                assert again.width == 1024


def test_several_viewers_watch_one_console(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    node = make_node()
    ironic.rest.set_console(node, True)
    with (ForeignViewer(ironic.rest.console_url(node)) as one,
          ForeignViewer(ironic.rest.console_url(node)) as two):
        before = two.picture()
        one.press(ord('q'))
        wait_until(lambda: two.picture() != before, 'what the other typed')


def test_conductor_restart_keeps_links_and_port(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    node = make_node()
    ironic.rest.set_console(node, True)
    link = ironic.rest.console_url(node)
    before = stored_info(ironic, node)
    ironic.restart()
    wait_until(lambda: ports.answers(ports.LOOPBACK,
                                     before[nodes.PORT_KEY]),
               'the console to be restored')
    wait_until(lambda: not ironic.rest.node(node)['reservation'], 'the lock')
    assert stored_info(ironic, node) == before
    with ForeignViewer(link) as viewer:
        assert viewer.width == 1024


@pytest.mark.parametrize('security', [
    'none', 'vncauth', 'x509none', 'x509vnc', 'x509plain'])
def test_endpoint_with_security_is_opened_and_its_password_stays_inside(
        ironic: LocalIronic, proxy: LocalProxy, make_node: Callable[..., Any],
        security: str) -> None:
    node = make_node(fake_vnc_security=security)
    link = ironic.rest.set_console(node, True)['console_info']['url']
    stored = stored_info(ironic, node)
    with ForeignViewer(link) as viewer:
        before = viewer.picture()
        assert len(set(before)) > 10
        viewer.press(ord('x'))
        assert viewer.picture() != before
    types = stored[nodes.ENDPOINT_KEY]['security_types']
    assert f'({types[0]})' in proxy.written()
    has_password = security in ('vncauth', 'x509vnc', 'x509plain')
    assert (nodes.CREDENTIAL_KEY in stored) == has_password
    if has_password:
        password = stored[nodes.CREDENTIAL_KEY]['password']
        api = [ironic.rest.node(node), ironic.rest.console(node),
               ironic.rest.call('GET', '/v1/nodes/detail'),
               ironic.rest.call('GET', f'/v1/nodes/{node}/validate')]
        assert password not in json.dumps(api)
        ironic.rest.set_console(node, False)
        assert nodes.CREDENTIAL_KEY not in stored_info(ironic, node)
        assert password not in ironic.log() + proxy.written()


def test_security_that_does_not_exist_is_refused_with_the_choices(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    node = make_node(fake_vnc_security='tls')
    validation = ironic.rest.call('GET', f'/v1/nodes/{node}/validate')
    assert validation['console']['result'] is False
    assert 'fake_vnc_security' in validation['console']['reason']
    assert 'x509plain' in validation['console']['reason']


def test_endpoint_that_changes_its_password_lets_nobody_in(
        ironic: LocalIronic, make_node: Callable[..., Any]) -> None:
    node = make_node(fake_vnc_security='vncauth')
    ironic.rest.set_console(node, True)
    stored = stored_info(ironic, node)
    stored[nodes.CREDENTIAL_KEY]['password'] = 'wr0ng'
    with sqlite3.connect(ironic.database) as database:
        database.execute(
            'UPDATE nodes SET driver_internal_info = ? WHERE uuid = ?',
            (json.dumps(stored), node))
    with pytest.raises(ViewerClosed) as caught:
        ForeignViewer(ironic.rest.console_url(node))
    assert caught.value.code == 4502
    assert 'did not accept our credentials' in caught.value.refusal


def test_no_log_of_anybody_holds_a_secret(
        ironic: LocalIronic, proxy: LocalProxy,
        make_node: Callable[..., Any]) -> None:
    node = make_node()
    link = ironic.rest.set_console(node, True)['console_info']['url']
    with ForeignViewer(link) as viewer:
        viewer.picture()
    secret = stored_info(ironic, node)[nodes.SECRET_KEY]
    ironic.rest.set_console(node, False)
    with pytest.raises(ViewerRefused):
        ForeignViewer(link)
    wait_until(lambda: proxy.written().count(node) >= 3, 'the log lines')
    logs = ironic.log() + proxy.written()
    assert 'DEBUG' in ironic.log()
    assert 'DEBUG' in proxy.written()
    ticket = link.rpartition('token=')[2]
    signature = ticket.rpartition('.')[2]
    for value in (secret, ticket, signature):
        assert value not in logs
