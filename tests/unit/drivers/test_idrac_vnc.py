# SPDX-License-Identifier: Apache-2.0
"""idrac-vnc against a simulated iDRAC, over real HTTPS and real RFB."""

import concurrent.futures
import contextlib
import copy
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ironic.common import exception
from ironic.conductor import utils as conductor_utils

from ironic_console.common import nodes
from ironic_console.common.endpoint import Endpoint
from ironic_console.common.errors import ConfigError
from ironic_console.drivers import idrac_vnc
from ironic_console.drivers.idrac_vnc import IDRACVNCConsole, Settings
from tests.helpers.bmc import Bmcs
from tests.helpers.conductor import Node, Task
from tests.helpers.idrac import (
    ENABLE,
    MANAGER,
    PASSWORD,
    PORT,
    SSL,
    TIMEOUT,
    Rack,
    opens,
    see,
    viewers_gone,
)
from tools.lab import ports

PROFILES = ('idrac8', 'idrac9-old', 'idrac9', 'idrac10')
MakeRack = Callable[..., Rack]


# -- driver_info --------------------------------------------------------------

def settings_of(**info: Any) -> Settings:
    return Settings.from_node(Node(**{
        'redfish_address': 'https://192.0.2.7', **info}))


def test_defaults() -> None:
    settings = settings_of()
    assert (settings.host, settings.port, settings.timeout, settings.tls,
            settings.verify) == ('192.0.2.7', 5901, 10800, 'auto', 'pin')


def test_reads_what_people_write() -> None:
    settings = settings_of(
        idrac_vnc_address='vnc.example.org', idrac_vnc_port='15901',
        idrac_vnc_timeout='60', idrac_vnc_tls='off', idrac_vnc_verify='ca')
    assert (settings.host, settings.port, settings.timeout, settings.tls,
            settings.verify) == ('vnc.example.org', 15901, 60, 'off', 'ca')


@pytest.mark.parametrize(('key', 'value', 'remedy'), [
    ('idrac_vnc_port', 1023, '1024 to 65535'),
    ('idrac_vnc_port', 65536, '1024 to 65535'),
    ('idrac_vnc_port', 'vnc', '1024 to 65535'),
    ('idrac_vnc_port', True, '1024 to 65535'),
    ('idrac_vnc_port', None, '1024 to 65535'),
    ('idrac_vnc_port', [5901], '1024 to 65535'),
    ('idrac_vnc_port', '9' * 5000, '1024 to 65535'),
    ('idrac_vnc_port', float('inf'), '1024 to 65535'),
    ('idrac_vnc_timeout', 59, '60 to 10800'),
    ('idrac_vnc_timeout', 10801, '60 to 10800'),
    ('idrac_vnc_tls', 'on', 'auto, required, off'),
    ('idrac_vnc_tls', True, 'auto, required, off'),
    ('idrac_vnc_tls', ['off'], 'auto, required, off'),
    ('idrac_vnc_verify', 'none', 'pin, ca'),
    ('idrac_vnc_address', 'two words', 'address'),
    ('idrac_vnc_address', ['192.0.2.8'], 'text'),
    ('idrac_vnc_address', 'x' * 300, 'address'),
    ('idrac_vnc_password', 'x', 'idrac_vnc_port'),
])
def test_validate_names_the_key_and_what_is_allowed(
        key: str, value: object, remedy: str, conf: Any) -> None:
    task = Task(Node(redfish_address='https://192.0.2.7', **{key: value}))
    with pytest.raises(exception.InvalidParameterValue) as caught:
        IDRACVNCConsole().validate(task)
    assert f'driver_info/{key}' in str(caught.value)
    assert remedy in str(caught.value)


def test_validate_asks_nobody(rack: Rack) -> None:
    rack.console.validate(rack.task)
    assert rack.requests() == 0


def test_every_setting_is_described() -> None:
    described = IDRACVNCConsole().get_properties()
    assert {'console_read_only', 'redfish_address', 'redfish_password',
            'idrac_vnc_port', 'idrac_vnc_verify'} <= described.keys()
    assert 'firmware_update_unresponsive_bmc_wait' not in described


@pytest.mark.parametrize('driver', ['redfish', 'idrac', 'ipmi',
                                    'fake-hardware', 'console-redfish'])
def test_any_hardware_type_will_do(rack: Rack, driver: str) -> None:
    rack.node.driver = driver
    rack.console.validate(rack.task)
    # One is enough to see that it works as well.
    if driver == 'console-redfish':
        rack.start()
        assert opens(rack)


def test_node_without_redfish_is_told_what_is_missing(conf: Any) -> None:
    node = Node(ipmi_address='192.0.2.7')
    node.driver = 'ipmi'
    with pytest.raises(exception.InvalidParameterValue) as caught:
        IDRACVNCConsole().validate(Task(node))
    assert 'redfish_address' in str(caught.value)


# -- all is well --------------------------------------------------------------

@pytest.mark.parametrize('profile', PROFILES)
def test_start_lets_the_proxy_in_and_stop_nobody(
        make: MakeRack, profile: str) -> None:
    rack = make(profile)
    rack.start()
    record = rack.node.saved[-1]
    endpoint = Endpoint.from_dict(record[nodes.ENDPOINT_KEY])
    tls = profile != 'idrac8'
    assert endpoint.scheme == ('vncs' if tls else 'vnc')
    assert endpoint.tls.verify == ('fingerprint' if tls else 'ca')
    assert endpoint.security_types == (2,)
    assert endpoint.quirks.handshake_timeout == 30
    assert endpoint.quirks.encodings == (() if tls else (5, 1, 0, -223))
    assert opens(rack)
    rack.stop()
    assert rack.node.saved[-1] == {'other': 'kept'}
    assert rack.bmc.attributes[ENABLE] == 'Disabled'
    assert rack.bmc.attributes[PASSWORD] != record[nodes.CREDENTIAL_KEY][
        'password']
    with pytest.raises(OSError, match='refused'):
        socket.create_connection(('127.0.0.1', endpoint.port), 5)


def test_server_runs_as_driver_info_says(rack: Rack) -> None:
    port = ports.free_port()
    rack.node.driver_info |= {'idrac_vnc_port': port, 'idrac_vnc_timeout': 77}
    rack.start()
    assert rack.bmc.attributes[PORT] == port
    assert rack.bmc.attributes[TIMEOUT] == 77
    assert rack.bmc.attributes[SSL] == '256-Bit or higher'
    assert opens(rack)


def test_tls_is_left_out_only_when_driver_info_says_so(
        rack: Rack, caplog: pytest.LogCaptureFixture) -> None:
    rack.node.driver_info['idrac_vnc_tls'] = 'off'
    rack.start()
    assert rack.bmc.attributes[SSL] == 'Disabled'
    assert rack.info[nodes.ENDPOINT_KEY]['scheme'] == 'vnc'
    assert 'not encrypted' in caplog.text
    assert opens(rack)


def test_vencrypt_is_found(make: MakeRack) -> None:
    rack = make(tls='vencrypt')
    rack.start()
    endpoint = Endpoint.from_dict(rack.info[nodes.ENDPOINT_KEY])
    assert (endpoint.scheme, endpoint.security_types) == ('vnc', (261,))
    assert endpoint.tls.verify == 'fingerprint'
    assert opens(rack)


def test_ca_may_vouch_for_the_vnc_server(
        make: MakeRack, bmcs: Bmcs, conf: Any) -> None:
    conf.config(group='ironic_console', vencrypt_ca_certs=bmcs.ca_file)
    rack = make(presents='https')
    rack.node.driver_info['idrac_vnc_verify'] = 'ca'
    rack.start()
    assert Endpoint.from_dict(
        rack.info[nodes.ENDPOINT_KEY]).tls.verify == 'ca'


def test_late_banner_is_waited_for(make: MakeRack) -> None:
    rack = make('idrac8', banner_delay=2.0)
    rack.start()
    assert opens(rack)


def test_what_stood_there_is_noted_before_anything_is_changed(
        rack: Rack) -> None:
    before = {name: rack.bmc.attributes[name]
              for name in (ENABLE, PORT, TIMEOUT, SSL)}
    rack.bmc.turn(denied='privilege')
    rack.refusal()
    assert rack.node.saved == [
        {'other': 'kept', nodes.CHANGES_KEY: {
            'kind': 'idrac-vnc', **before}}]


def test_what_stood_there_is_not_believed_to_be_short(rack: Rack) -> None:
    values = {**rack.bmc.attributes, PASSWORD: None, ENABLE: 'Disabled',
              TIMEOUT: 'x' * 100_000, PORT: [5901]}
    rack.bmc.turn(denied='privilege')
    rack.answer_with('GET ' + MANAGER + '/Oem/Dell', {
        'Id': 'x', 'Attributes': values})
    rack.refusal()
    assert rack.info[nodes.CHANGES_KEY] == {
        'kind': 'idrac-vnc', ENABLE: 'Disabled', SSL: 'Disabled'}


# -- again and again ----------------------------------------------------------

@pytest.mark.parametrize('profile', ['idrac8', 'idrac9'])
def test_second_start_keeps_what_is_good(
        make: MakeRack, profile: str) -> None:
    rack = make(profile)
    rack.start()
    before, changes = copy.deepcopy(rack.info), rack.changes()
    viewers_gone(rack)
    rack.start()
    assert rack.info == before
    assert rack.changes() == changes


def test_session_in_use_is_kept_without_knocking(running: Rack) -> None:
    before = copy.deepcopy(running.info)
    viewers_gone(running)
    opened = see(running)
    try:
        connections = running.bmc.vnc.state()['connections']
        running.start()
        assert running.bmc.vnc.state()['connections'] == connections
        assert running.bmc.vnc.state()['viewers'] == 1
    finally:
        opened.channel.close()
    assert running.info == before


@pytest.mark.parametrize('change', [
    {ENABLE: 'Disabled'}, {TIMEOUT: 300}, {SSL: 'Disabled'},
    {PORT: 'another'}, {PASSWORD: 'Oth3r#Pw'}])
def test_second_start_repairs_what_somebody_changed(
        running: Rack, change: dict[str, Any]) -> None:
    secret = running.info[nodes.SECRET_KEY]
    before = running.password
    if PORT in change:
        change = {PORT: ports.free_port()}
    running.bmc.set_attributes(change)
    running.start()
    assert opens(running)
    assert running.password != before
    assert running.info[nodes.SECRET_KEY] == secret


@pytest.mark.parametrize('change', [
    {'idrac_vnc_port': 'another'}, {'idrac_vnc_tls': 'off'},
    {'idrac_vnc_timeout': 60}, {'idrac_vnc_address': 'localhost'}])
def test_second_start_obeys_a_new_driver_info(
        running: Rack, change: dict[str, Any]) -> None:
    before = copy.deepcopy(running.info[nodes.CREDENTIAL_KEY])
    if 'idrac_vnc_port' in change:
        change = {'idrac_vnc_port': ports.free_port()}
    running.node.driver_info |= change
    running.start()
    assert running.info[nodes.CREDENTIAL_KEY] != before
    assert opens(running)


def test_second_start_obeys_a_new_way_to_trust(
        make: MakeRack, bmcs: Bmcs, conf: Any) -> None:
    conf.config(group='ironic_console', vencrypt_ca_certs=bmcs.ca_file)
    rack = make(presents='https')
    rack.start()
    rack.node.driver_info['idrac_vnc_verify'] = 'ca'
    rack.start()
    assert Endpoint.from_dict(
        rack.info[nodes.ENDPOINT_KEY]).tls.verify == 'ca'
    rack.node.driver_info['idrac_vnc_verify'] = 'pin'
    rack.start()
    assert Endpoint.from_dict(
        rack.info[nodes.ENDPOINT_KEY]).tls.verify == 'fingerprint'


def test_certificate_that_changed_is_pinned_anew(running: Rack) -> None:
    before = running.info[nodes.ENDPOINT_KEY]['tls']
    running.bmc.turn(presents='https')
    running.start()
    assert running.info[nodes.ENDPOINT_KEY]['tls'] != before
    assert opens(running)


def test_dead_port_leaves_time_for_the_repair(
        running: Rack, conf: Any) -> None:
    conf.config(group='ironic_console', bmc_timeout=4, vnc_ready_timeout=2)
    running.bmc.turn(vnc_dead=True)
    assert 'VNC server at' in running.refusal(within=14)
    running.bmc.turn(vnc_dead=False)
    running.start()
    assert opens(running)


def test_failed_repair_is_no_good_console(running: Rack, conf: Any) -> None:
    """The old password is no longer good, and is not kept as if it were."""
    conf.config(group='ironic_console', vnc_ready_timeout=1)
    running.bmc.set_attributes({ENABLE: 'Disabled'})
    running.bmc.turn(vnc_dead=True)
    running.check()
    assert nodes.CREDENTIAL_KEY not in running.info
    running.bmc.turn(vnc_dead=False)
    conf.config(group='ironic_console', vnc_ready_timeout=20)
    running.console._patience.well(running.node)
    running.check()
    assert opens(running)


def test_stop_twice_asks_once(running: Rack) -> None:
    running.stop()
    asked = running.requests()
    running.stop()
    assert running.requests() == asked
    assert running.node.last_error is None


def test_stop_without_start_asks_nobody(rack: Rack) -> None:
    rack.stop()
    assert rack.requests() == 0
    assert rack.info == {'other': 'kept'}


def test_stop_after_a_start_that_failed_half_way(
        rack: Rack, conf: Any) -> None:
    conf.config(group='ironic_console', vnc_ready_timeout=1)
    rack.bmc.turn(vnc_dead=True)
    rack.refusal()
    rack.stop()
    assert rack.bmc.attributes[ENABLE] == 'Disabled'
    assert rack.info == {'other': 'kept'}


def test_stop_gives_settings_back_if_that_is_wanted(
        rack: Rack, conf: Any) -> None:
    conf.config(group='ironic_console', idrac_vnc_restore=True)
    before = {ENABLE: 'Enabled', PORT: ports.free_port(), TIMEOUT: 1234,
              SSL: 'Auto Negotiate'}
    rack.bmc.set_attributes(before)
    rack.start()
    password = rack.password
    rack.start()
    rack.stop()
    after = rack.bmc.attributes
    assert {name: after[name] for name in before} == before
    assert after[PASSWORD] != password
    assert rack.info == {'other': 'kept'}


def test_stop_does_not_switch_on_what_was_off(rack: Rack, conf: Any) -> None:
    conf.config(group='ironic_console', idrac_vnc_restore=True)
    rack.bmc.set_attributes({TIMEOUT: 1234})
    rack.start()
    rack.stop()
    assert rack.bmc.attributes[ENABLE] == 'Disabled'
    assert rack.bmc.attributes[TIMEOUT] == 1234


def test_stop_needs_no_licence(running: Rack) -> None:
    running.bmc.turn(licensed=False)
    running.stop()
    assert running.info == {'other': 'kept'}
    assert running.node.last_error is None


@pytest.mark.parametrize('fault', [
    {'body': 'garbage'}, {'denied': 'privilege'}, {'unavailable': 100},
    {'redirect': 307}, {'ineffective': [ENABLE]}])
def test_what_could_not_be_stopped_is_remembered_and_reported(
        running: Rack, conf: Any, fault: dict[str, Any]) -> None:
    conf.config(group='ironic_console', bmc_timeout=2)
    running.bmc.turn(**fault)
    running.stop()
    assert running.info.keys() == {'other', nodes.CHANGES_KEY}
    assert running.node.last_error.startswith(
        'The console may not have been stopped: ')
    running.sentence(running.node.last_error)


# -- every now and then -------------------------------------------------------

def test_check_asks_little_when_all_is_well(running: Rack) -> None:
    asked, changes = running.requests(), running.changes()
    saved = len(running.node.saved)
    running.check()
    assert running.requests() - asked <= 6
    assert running.changes() == changes
    assert len(running.node.saved) == saved
    assert running.task.upgrades == 0


@pytest.mark.parametrize('change', [{ENABLE: 'Disabled'}, {TIMEOUT: 300}])
def test_check_repairs_what_should_run(
        running: Rack, change: dict[str, Any]) -> None:
    running.bmc.set_attributes(change)
    running.check()
    assert opens(running)
    assert running.task.upgrades == 1
    assert running.node.last_error is None


def test_check_publishes_again_what_an_in_tree_driver_has_hidden(
        running: Rack) -> None:
    """Somebody tried one, and went back while it was enabled."""
    address = running.info[nodes.TOLD_KEY]
    running.node.driver_internal_info = running.info | {
        nodes.PORT_KEY: 41234, nodes.SECRET_KEY: 'raw'}
    running.check()
    assert [running.info[nodes.HOST_KEY],
            running.info[nodes.PORT_KEY]] == address
    assert running.info[nodes.SECRET_KEY] != 'raw'


def test_check_finishes_what_could_not_be_stopped(running: Rack) -> None:
    running.bmc.turn(denied='privilege')
    running.stop()
    assert running.bmc.attributes[ENABLE] == 'Enabled'
    first = running.node.last_error
    running.check()
    assert running.node.last_error == first
    running.bmc.turn(denied='')
    running.check()
    assert running.bmc.attributes[ENABLE] == 'Disabled'
    assert running.info == {'other': 'kept'}


def test_check_finishes_also_after_a_tear_down(running: Rack) -> None:
    """It leaves console_enabled as it is, for the next deployment."""
    running.bmc.turn(denied='privilege')
    running.console.stop_console(running.task)
    running.bmc.turn(denied='')
    running.check()
    assert running.bmc.attributes[ENABLE] == 'Disabled'


def test_check_stops_what_ironic_has_given_up(running: Rack) -> None:
    """It does so when a console cannot be started at the conductor's own
    start."""
    running.node.console_enabled = False
    running.check()
    assert running.bmc.attributes[ENABLE] == 'Disabled'
    assert running.info == {'other': 'kept'}


def test_check_only_warns_of_a_bmc_that_is_down(
        running: Rack, conf: Any, caplog: pytest.LogCaptureFixture) -> None:
    conf.config(group='ironic_console', bmc_timeout=1)
    running.bmc.turn(cut=10_000)
    before = copy.deepcopy(running.info)
    running.check()
    assert running.node.last_error is None
    assert running.info == before
    assert any(record.levelno == logging.WARNING
               and 'could not be checked' in record.getMessage()
               for record in caplog.records)
    asked = running.requests()
    running.check()
    assert running.requests() == asked, 'it is given time'


def test_check_tells_again_what_ironic_has_taken_out_of_last_error(
        running: Rack, conf: Any) -> None:
    conf.config(group='ironic_console', bmc_timeout=1)
    running.bmc.turn(cut=10_000)
    running.stop()
    running.node.last_error = None
    running.check()
    told = running.node.last_error or ''
    assert told.startswith('The console may not have been stopped: ')
    assert nodes.CHANGES_KEY in running.info
    running.bmc.turn(cut=0)
    conf.config(group='ironic_console', bmc_timeout=20)
    running.console._patience.well(running.node)
    running.check()
    assert running.node.last_error is None
    assert running.bmc.attributes[ENABLE] == 'Disabled'


@pytest.mark.parametrize('stopped', [False, True])
def test_check_keeps_no_node_locked_while_it_waits(
        running: Rack, conf: Any, stopped: bool) -> None:
    conf.config(group='ironic_console', bmc_timeout=1)
    running.bmc.turn(slow=60.0)
    if stopped:
        running.stop()
    locked: list[int] = []
    running.bmc.turn(slow=0.0, unavailable=1000)
    running.task.upgrade_lock = lambda: locked.append(  # type: ignore[method-assign]
        running.requests())
    running.check()
    asked = running.requests()
    # Only to write down what was found out, if at all.
    assert all(one == asked for one in locked)


def test_check_tries_wrong_credentials_once(running: Rack) -> None:
    right = running.node.driver_info
    running.node.driver_info = {**right, 'redfish_password': 'wr0ng'}
    running.check()
    assert 'does not accept' in (running.node.last_error or '')
    asked = running.requests()
    for _ in range(3):
        running.check()
    assert running.requests() == asked
    running.node.driver_info = right
    running.check()
    assert running.requests() > asked
    assert running.node.last_error is None, 'it is well again'


def test_check_takes_back_what_it_has_repaired(running: Rack) -> None:
    running.bmc.set_attributes({ENABLE: 'Disabled'})
    running.bmc.turn(denied='privilege')
    running.check()
    assert running.node.last_error
    running.bmc.turn(denied='')
    running.check()
    assert opens(running)
    assert running.node.last_error is None


@pytest.mark.parametrize('interface', ['fake-graphical', 'no-console'])
def test_check_stops_what_another_interface_knows_nothing_of(
        running: Rack, interface: str) -> None:
    """People may change it while the console is enabled."""
    running.node.console_interface = interface
    in_tree = {nodes.HOST_KEY: 'h', nodes.PORT_KEY: 41234,
               nodes.SECRET_KEY: 'raw', nodes.CREATED_KEY: 'now'}
    if interface == 'fake-graphical':
        running.node.driver_internal_info = running.info | in_tree
    running.check()
    assert running.bmc.attributes[ENABLE] == 'Disabled'
    left = {'other': 'kept'}
    assert running.info == (left | in_tree if interface == 'fake-graphical'
                            else left)


class Conductor:
    """Which nodes there are, and their tasks."""

    def __init__(self, *racks: Rack) -> None:
        self.racks = racks
        self.looked: list[str] = []
        for number, rack in enumerate(racks):
            rack.node.uuid = f'node-{number}'

    def iter_nodes(self, fields: Any, filters: Any) -> Any:
        assert filters == {'maintenance': False}
        for rack in self.racks:
            yield (rack.node.uuid, 'redfish', '', *(
                getattr(rack.node, field) for field in fields))

    @contextlib.contextmanager
    def acquire(self, context: Any, uuid: str, shared: bool, purpose: str,
                ) -> Iterator[Task]:
        assert shared
        self.looked.append(uuid)
        if uuid == 'node-0':
            raise exception.NodeLocked(node=uuid, host='h')
        yield next(one.task for one in self.racks if one.node.uuid == uuid)


def test_bmcs_that_are_slow_do_not_delay_the_repair_of_others(
        make: MakeRack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes in maintenance are left alone, and one that is locked."""
    racks = [make() for _ in range(4)]
    conductor = Conductor(*racks)
    for rack in racks:
        rack.start()
    monkeypatch.setattr(idrac_vnc.task_manager, 'acquire', conductor.acquire)
    off, slow = racks[3], racks[1:3]
    off.bmc.set_attributes({ENABLE: 'Disabled'})
    for rack in slow:
        rack.bmc.turn(slow=60.0)
    before = off.password
    checker = threading.Thread(target=lambda: racks[0].console._check_all(
        conductor, None))
    checker.start()
    deadline = time.monotonic() + 60
    while off.info.get(nodes.CREDENTIAL_KEY, {}).get('password') in (
            None, before):
        assert checker.is_alive()
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)
    assert checker.is_alive(), 'it waits for the others'
    for rack in slow:
        rack.bmc.turn(slow=0.0)
    checker.join(60)
    assert sorted(conductor.looked) == ['node-0', 'node-1', 'node-2',
                                        'node-3']


def test_no_look_begins_when_the_conductor_has_stopped(
        make: MakeRack, monkeypatch: pytest.MonkeyPatch) -> None:
    rack = make()
    rack.start()
    stopped, looked = threading.Event(), []

    class Stopping:
        """Of a hundred nodes; told to stop when some have been named."""

        def iter_nodes(self, fields: Any, filters: Any) -> Any:
            for number in range(100):
                if stopped.is_set():
                    return
                yield (f'node-{number}', 'redfish', '',
                       rack.node.driver_internal_info)

    def look(_console: Any, _context: Any, uuid: str) -> None:
        looked.append(uuid)
        stopped.set()

    monkeypatch.setattr(type(rack.console), '_check_one', look)
    rack.console._check_all(Stopping(), None)
    assert len(looked) <= idrac_vnc._LOOKS


def test_a_database_that_fails_is_told_without_its_words(
        make: MakeRack, monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError('UPDATE nodes SET password')
    monkeypatch.setattr(idrac_vnc.task_manager, 'acquire', fail)
    make().console._check_one(None, 'node-7')
    assert 'Node node-7: its console was not checked: RuntimeError' in (
        caplog.text)
    assert 'UPDATE' not in caplog.text


def test_check_reports_what_cannot_be_repaired_once(
        running: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = []

    def record(node: Any, event: str, event_type: str, error: bool) -> None:
        node.last_error = event
        recorded.append(event)
    monkeypatch.setattr(conductor_utils, 'node_history_record', record)
    running.bmc.set_attributes({ENABLE: 'Disabled'})
    running.bmc.turn(denied='privilege')
    running.check()
    running.check()
    assert len(recorded) == 1
    assert recorded[0].startswith('The console does not run as it should: ')
    running.sentence(recorded[0])


def test_check_reports_a_driver_info_that_is_wrong_by_now(
        running: Rack) -> None:
    running.node.driver_info['idrac_vnc_port'] = 1
    running.check()
    assert 'driver_info/idrac_vnc_port' in (running.node.last_error or '')


# -- many at once -------------------------------------------------------------

def test_twenty_consoles_start_at_once(make: MakeRack) -> None:
    racks = [make() for _ in range(20)]
    with concurrent.futures.ThreadPoolExecutor(len(racks)) as pool:
        list(pool.map(Rack.start, racks))
        assert all(pool.map(opens, racks))
        list(pool.map(Rack.stop, racks))
    for rack in racks:
        assert rack.bmc.sessions.live() == []
        assert rack.bmc.attributes[ENABLE] == 'Disabled'


def test_unusable_networks_are_told(rack: Rack, conf: Any) -> None:
    conf.config(group='ironic_console', endpoint_networks=['everywhere'])
    with pytest.raises(exception.ConsoleError, match='endpoint_networks'):
        rack.start()
    assert rack.requests() == 0


def test_settings_from_node_say_what_is_wrong() -> None:
    with pytest.raises(ConfigError, match='redfish_address'):
        Settings.from_node(Node())
