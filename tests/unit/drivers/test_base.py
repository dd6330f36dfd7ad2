# SPDX-License-Identifier: Apache-2.0
"""Rules that every console interface of ours keeps."""

import socket
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from ironic.common import exception
from ironic.conductor import periodics
from ironic.conductor import utils as conductor_utils

from ironic_console.common import nodes, tickets
from ironic_console.common.endpoint import Endpoint
from ironic_console.common.errors import (
    BmcUnreachable,
    ConfigError,
    DisplayError,
    DisplayTimeout,
    DriverError,
)
from ironic_console.common.secret import Secret
from ironic_console.drivers import base, console_record
from tests.helpers.clock import FrozenClock
from tests.helpers.conductor import UUID, Node, Task

ENDPOINT = Endpoint('192.0.2.7', 5901, kind='some-vnc')
PASSWORD = {'password': 'pa55word', 'username': ''}


class SomeConsole(base.VNCConsole):
    """A driver whose BMC does as it is told."""

    kind = 'some-vnc'

    def __init__(self) -> None:
        super().__init__()
        self._clock = FrozenClock()
        self.settings_error: Exception | None = None
        self.open_error: Exception | None = None
        self.close_error: Exception | None = None
        self.opened = base.OpenedConsole(ENDPOINT)
        self.asked = 0

    def check_settings(self, node: Any) -> None:
        if self.settings_error:
            raise self.settings_error

    def open_console(self, task: Any) -> base.OpenedConsole:
        self.asked += 1
        if self.open_error:
            raise self.open_error
        return self.opened

    def close_console(self, task: Any) -> None:
        self.asked += 1
        if self.close_error:
            raise self.close_error


@pytest.fixture
def console(conf: Any) -> SomeConsole:
    return SomeConsole()


@pytest.fixture
def task() -> Task:
    return Task(Node())


def query(url: str) -> dict[str, str]:
    path = dict(urllib.parse.parse_qsl(
        urllib.parse.urlsplit(url).query))['path']
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))


def test_start_publishes_everything_in_one_save(
        console: SomeConsole, task: Task) -> None:
    console.opened = base.OpenedConsole(ENDPOINT, {'password': 'x'},
                                        '192.0.2.8', 6000)
    console.start_console(task)
    assert len(task.node.saved) == 1
    stored = task.node.saved[0]
    assert stored['other'] == 'kept'
    assert stored[nodes.ENDPOINT_KEY] == ENDPOINT.to_dict()
    assert stored[nodes.CREDENTIAL_KEY] == {'password': 'x'}
    assert (stored[nodes.HOST_KEY], stored[nodes.PORT_KEY]) == (
        '192.0.2.8', 6000)
    assert len(stored[nodes.SECRET_KEY]) >= 43
    assert nodes.parse_time(stored[nodes.CREATED_KEY]) == (
        console._clock.now())


def test_start_leaves_console_enabled_to_ironic(
        console: SomeConsole, task: Task) -> None:
    console.start_console(task)
    assert task.node.console_enabled is False
    task.node.console_enabled = True
    console.stop_console(task)
    assert task.node.console_enabled is True


def test_endpoint_is_the_plain_way_in_unless_the_driver_has_another(
        console: SomeConsole, task: Task) -> None:
    console.start_console(task)
    stored = task.node.saved[0]
    assert (stored[nodes.HOST_KEY], stored[nodes.PORT_KEY]) == (
        '192.0.2.7', 5901)
    assert nodes.CREDENTIAL_KEY not in stored


def test_what_the_endpoint_wants_to_know_is_stored_and_taken_away(
        console: SomeConsole, task: Task) -> None:
    console.opened = base.OpenedConsole(ENDPOINT, PASSWORD)
    console.start_console(task)
    assert task.node.saved[-1][nodes.CREDENTIAL_KEY] == PASSWORD
    console.opened = base.OpenedConsole(ENDPOINT)
    console.start_console(task)
    assert nodes.CREDENTIAL_KEY not in task.node.saved[-1]
    console.opened = base.OpenedConsole(ENDPOINT, PASSWORD)
    console.start_console(task)
    console.stop_console(task)
    assert nodes.CREDENTIAL_KEY not in task.node.saved[-1]


def test_second_start_keeps_a_good_secret(
        console: SomeConsole, task: Task) -> None:
    console.start_console(task)
    console._clock.advance(100_000)
    console.start_console(task)
    first, second = task.node.saved
    assert first == second


def test_start_replaces_the_secret_of_an_in_tree_interface(
        console: SomeConsole, task: Task) -> None:
    task.node.driver_internal_info |= {
        nodes.SECRET_KEY: 'raw', nodes.CREATED_KEY:
        '2026-01-01T00:00:00.000000', nodes.HOST_KEY: 'h'}
    console.start_console(task)
    assert task.node.saved[0][nodes.SECRET_KEY] != 'raw'


def test_plain_token_is_kept_but_counts_from_the_second_start(
        console: SomeConsole, task: Task, conf: Any) -> None:
    conf.config(group='ironic_console', token_format='plain')
    console.start_console(task)
    console._clock.advance(60)
    console.start_console(task)
    first, second = task.node.saved
    assert first[nodes.SECRET_KEY] == second[nodes.SECRET_KEY]
    assert first[nodes.CREATED_KEY] < second[nodes.CREATED_KEY]


@pytest.mark.parametrize('error', [ConfigError('set key to 1'),
                                   DriverError('reset the BMC')])
def test_failed_start_says_what_to_do_and_writes_nothing(
        console: SomeConsole, task: Task, error: Exception) -> None:
    console.open_error = error
    with pytest.raises(exception.ConsoleError, match=str(error)):
        console.start_console(task)
    assert task.node.saved == []


def test_stop_takes_every_key_in_one_save(
        console: SomeConsole, task: Task) -> None:
    console.start_console(task)
    task.node.saved.clear()
    console.stop_console(task)
    assert task.node.saved == [{'other': 'kept'}]


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What becomes of the history of nodes, without a database."""
    found: list[str] = []

    def record(node: Any, event: str, event_type: str, error: bool) -> None:
        assert error
        node.last_error = event
        found.append(event)
    monkeypatch.setattr(conductor_utils, 'node_history_record', record)
    return found


@pytest.mark.parametrize('error', [
    DriverError('no answer from 192.0.2.7'), ConfigError('set x to 1')])
def test_stop_succeeds_for_a_dead_bmc_and_reports_it(
        console: SomeConsole, task: Task, history: list[str],
        caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    console.start_console(task)
    console.close_error = error
    console.stop_console(task)
    assert task.node.driver_internal_info == {'other': 'kept'}
    told = f'The console may not have been stopped: {error}'
    assert told in caplog.text
    assert history == [told]
    assert task.node.last_error == told


def test_what_is_to_be_undone_is_kept_until_that_has_worked(
        console: SomeConsole, task: Task, history: list[str]) -> None:
    console.start_console(task)
    changes = {nodes.CHANGES_KEY: {'VNC': 'off', 'kind': 'some-vnc'}}
    task.node.driver_internal_info |= changes
    console.close_error = DriverError('no answer')
    console.stop_console(task)
    assert task.node.driver_internal_info == {'other': 'kept', **changes}
    console.close_error = None
    console.stop_console(task)
    assert task.node.driver_internal_info == {'other': 'kept'}


def test_start_keeps_what_is_to_be_undone(
        console: SomeConsole, task: Task) -> None:
    task.node.driver_internal_info[nodes.CHANGES_KEY] = {'VNC': 'off'}
    console.start_console(task)
    assert task.node.saved[-1][nodes.CHANGES_KEY] == {'VNC': 'off'}


def test_a_start_takes_back_that_the_console_does_not_run(
        console: SomeConsole, task: Task) -> None:
    task.node.last_error = f'{console_record.NOT_RUNNING}no answer'
    console.start_console(task)
    assert task.node.last_error is None
    task.node.last_error = 'something else'
    console.start_console(task)
    assert task.node.last_error == 'something else'


# -- another console interface than before ------------------------------------

class OtherConsole(SomeConsole):
    kind = 'other-vnc'


@pytest.fixture
def other(conf: Any) -> Iterator[OtherConsole]:
    yield OtherConsole()
    base._interfaces.pop('other-vnc', None)


CHANGES = {'VNC': 'off', 'kind': 'some-vnc'}


@pytest.mark.parametrize('ask', ['start_console', 'stop_console'])
def test_whoever_is_asked_stops_what_another_interface_started(
        console: SomeConsole, other: OtherConsole, task: Task, ask: str,
        ) -> None:
    console.start_console(task)
    task.node.driver_internal_info[nodes.CHANGES_KEY] = CHANGES
    secret = task.node.driver_internal_info[nodes.SECRET_KEY]
    console.asked = 0
    getattr(other, ask)(task)
    assert console.asked == 1
    left = task.node.driver_internal_info
    assert nodes.CHANGES_KEY not in left
    assert left.get(nodes.SECRET_KEY) != secret
    assert (nodes.ENDPOINT_KEY in left) is (ask == 'start_console')


@pytest.mark.parametrize('ask', ['start_console', 'stop_console'])
def test_what_another_interface_changed_is_kept_until_that_is_undone(
        console: SomeConsole, other: OtherConsole, task: Task, ask: str,
        history: list[str]) -> None:
    console.start_console(task)
    task.node.driver_internal_info[nodes.CHANGES_KEY] = CHANGES
    console.close_error = DriverError('no answer')
    getattr(other, ask)(task)
    left = task.node.driver_internal_info
    assert left[nodes.CHANGES_KEY] == CHANGES
    assert (nodes.ENDPOINT_KEY in left) is (ask == 'start_console')
    assert set(history) == {'The console may not have been stopped: no '
                            'answer'}


def test_an_interface_that_is_not_there_is_named(
        console: SomeConsole, other: OtherConsole, task: Task,
        history: list[str]) -> None:
    other.opened = base.OpenedConsole(Endpoint('h', 1, kind='other-vnc'))
    other.start_console(task)
    del base._interfaces['other-vnc']
    console.stop_console(task)
    assert 'other-vnc' in history[0]
    assert 'enabled_console_interfaces' in history[0]
    assert task.node.driver_internal_info == {'other': 'kept'}


def test_a_link_leads_to_no_console_of_somebody_else(
        console: SomeConsole, task: Task) -> None:
    console.start_console(task)
    info = task.node.driver_internal_info
    for change in ({nodes.PORT_KEY: 41234}, {nodes.ENDPOINT_KEY: {
            **info[nodes.ENDPOINT_KEY], 'kind': 'fake-vnc'}}):
        task.node.driver_internal_info = info | change
        with pytest.raises(exception.NodeConsoleNotEnabled):
            console.get_console(task)


def test_a_raw_token_of_an_in_tree_driver_never_signs(
        console: SomeConsole, task: Task) -> None:
    console.start_console(task)
    task.node.driver_internal_info |= {
        nodes.PORT_KEY: 41234, nodes.SECRET_KEY: 'raw'}
    console.start_console(task)
    assert task.node.driver_internal_info[nodes.SECRET_KEY] != 'raw'


# -- the start of a conductor -------------------------------------------------

@pytest.mark.parametrize('error', [
    BmcUnreachable('no answer'), DisplayTimeout('nobody starts it'),
    DisplayError('there is no such folder')])
def test_a_restart_while_something_is_not_there_yet_disables_no_console(
        console: SomeConsole, task: Task,
        caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    console.opened = base.OpenedConsole(ENDPOINT, PASSWORD)
    console.start_console(task)
    task.node.console_enabled = True
    before = dict(task.node.driver_internal_info)
    console.open_error = error
    console.start_console(task)
    assert task.node.driver_internal_info == before
    assert 'left as it was' in caplog.text


def test_a_display_that_nobody_would_look_after_is_not_promised(
        console: SomeConsole, task: Task, conf: Any) -> None:
    console.opened = base.OpenedConsole(ENDPOINT, PASSWORD)
    console.start_console(task)
    task.node.console_enabled = True
    conf.config(group='ironic_console', console_check_interval=0)
    console.open_error = DisplayTimeout('nobody starts it')
    with pytest.raises(exception.ConsoleError, match='nobody starts it'):
        console.start_console(task)


@pytest.mark.parametrize(('error', 'enabled'), [
    (ConfigError('set x to 1'), True), (DriverError('reset it'), True),
    (BmcUnreachable('no answer'), False)])
def test_what_ironic_takes_for_disabled_leaves_no_password_behind(
        console: SomeConsole, task: Task, error: Exception, enabled: bool,
        ) -> None:
    console.opened = base.OpenedConsole(ENDPOINT, PASSWORD)
    console.start_console(task)
    task.node.driver_internal_info[nodes.CHANGES_KEY] = CHANGES
    task.node.console_enabled = enabled
    console.open_error = error
    with pytest.raises(exception.ConsoleError, match=str(error)):
        console.start_console(task)
    assert task.node.saved[-1] == {'other': 'kept',
                                   nodes.CHANGES_KEY: CHANGES}


def test_out_of_reach_is_no_excuse_for_what_is_not_there_any_more(
        console: SomeConsole, task: Task,
        monkeypatch: pytest.MonkeyPatch) -> None:
    console.opened = base.OpenedConsole(ENDPOINT, PASSWORD)
    console.start_console(task)
    task.node.console_enabled = True

    def change_and_fail(task: Task) -> None:
        task.node.driver_internal_info = {
            key: value for key, value
            in task.node.driver_internal_info.items()
            if key != nodes.CREDENTIAL_KEY}
        raise BmcUnreachable('no answer')
    monkeypatch.setattr(console, 'open_console', change_and_fail)
    with pytest.raises(exception.ConsoleError):
        console.start_console(task)
    assert task.node.driver_internal_info == {'other': 'kept'}


def test_a_repair_that_fails_is_tried_again(
        console: SomeConsole, task: Task) -> None:
    console.start_console(task)
    before = dict(task.node.driver_internal_info)
    console.open_error = DriverError('reset it')
    with pytest.raises(exception.ConsoleError):
        console.start_again(task)
    assert task.node.driver_internal_info == before


def test_stop_without_start_succeeds(
        console: SomeConsole, task: Task) -> None:
    console.stop_console(task)
    assert task.node.driver_internal_info == {'other': 'kept'}


def test_get_console_signs_a_ticket_and_asks_nobody(
        console: SomeConsole, task: Task, conf: Any) -> None:
    conf.config(group='vnc', token_timeout=60)
    console.start_console(task)
    console.asked = 0
    saves = len(task.node.saved)
    answer = console.get_console(task)
    assert answer['type'] == 'vnc'
    assert answer['url'].startswith(
        'http://proxy.example/console.html?path=websockify%3F')
    fields = query(answer['url'])
    assert fields['node'] == UUID
    secret = Secret(task.node.driver_internal_info[nodes.SECRET_KEY])
    ticket = tickets.check(secret, fields['token'], UUID,
                           console._clock.now())
    assert (ticket.expires - console._clock.now()).total_seconds() == 60
    assert console.asked == 0
    assert len(task.node.saved) == saves


def test_get_console_gives_the_raw_token_in_plain_mode(
        console: SomeConsole, task: Task, conf: Any) -> None:
    conf.config(group='ironic_console', token_format='plain')
    console.start_console(task)
    fields = query(console.get_console(task)['url'])
    assert fields['token'] == task.node.driver_internal_info[
        nodes.SECRET_KEY]


def shown_ticket(console: SomeConsole, task: Task) -> tickets.Ticket:
    secret = Secret(task.node.driver_internal_info[nodes.SECRET_KEY])
    fields = query(console.get_console(task)['url'])
    return tickets.check(secret, fields['token'], UUID, console._clock.now())


@pytest.mark.parametrize(('value', 'read_only'), [
    (True, True), ('true', True), ('True', True), ('yes', True),
    ('on', True), ('1', True), (1, True),
    (False, False), ('false', False), ('No', False), ('off', False),
    ('0', False), (0, False),
])
def test_driver_info_makes_tickets_read_only(
        console: SomeConsole, task: Task, value: object,
        read_only: bool) -> None:
    task.node.driver_info['console_read_only'] = value
    console.validate(task)
    console.start_console(task)
    assert shown_ticket(console, task).read_only is read_only


def test_tickets_may_type_unless_told_otherwise(
        console: SomeConsole, task: Task) -> None:
    console.start_console(task)
    assert shown_ticket(console, task).read_only is False


def test_read_only_counts_from_the_next_link_on(
        console: SomeConsole, task: Task) -> None:
    console.start_console(task)
    task.node.driver_info['console_read_only'] = True
    assert shown_ticket(console, task).read_only is True
    task.node.driver_info['console_read_only'] = False
    assert shown_ticket(console, task).read_only is False


@pytest.mark.parametrize('value', ['maybe', '', 'read-only', 2, None, [], {}])
def test_read_only_is_true_or_false(
        console: SomeConsole, task: Task, value: object) -> None:
    console.start_console(task)
    task.node.driver_info['console_read_only'] = value
    for ask in (console.validate, console.get_console):
        with pytest.raises(
                exception.InvalidParameterValue,
                match=r'driver_info/console_read_only .* true or false'):
            ask(task)


def test_plain_token_is_never_given_for_a_read_only_console(
        console: SomeConsole, task: Task, conf: Any) -> None:
    conf.config(group='ironic_console', token_format='plain')
    console.start_console(task)
    task.node.driver_info['console_read_only'] = 'true'
    for ask in (console.validate, console.get_console):
        with pytest.raises(exception.InvalidParameterValue,
                           match=r'console_read_only .*token_format'):
            ask(task)
    task.node.driver_info['console_read_only'] = 'false'
    console.validate(task)
    assert console.get_console(task)['url']


def test_nothing_is_quoted_at_length(
        console: SomeConsole, task: Task) -> None:
    for key in ('console_read_only', 'console_sharing'):
        task.node.driver_info = {key: 'x' * 100_000}
        with pytest.raises(exception.InvalidParameterValue) as caught:
            console.validate(task)
        assert len(str(caught.value)) < 1000


@pytest.mark.parametrize('value', ['shared', 'refuse', 'takeover'])
def test_driver_info_says_whether_a_console_is_shared(
        console: SomeConsole, task: Task, value: str) -> None:
    console.start_console(task)
    assert 'sharing' not in task.node.driver_internal_info[
        nodes.ENDPOINT_KEY]
    task.node.driver_info['console_sharing'] = value
    console.validate(task)
    console.start_console(task)
    assert task.node.driver_internal_info[nodes.ENDPOINT_KEY][
        'sharing'] == value


@pytest.mark.parametrize('value', ['alone', 'Refuse', True, 1, [], {}])
def test_refuses_other_ways_of_sharing(
        console: SomeConsole, task: Task, value: object) -> None:
    task.node.driver_info['console_sharing'] = value
    with pytest.raises(exception.InvalidParameterValue,
                       match=r'driver_info/console_sharing .* takeover'):
        console.validate(task)
    with pytest.raises(exception.ConsoleError, match='console_sharing'):
        console.start_console(task)


def test_every_driver_describes_what_all_understand(
        console: SomeConsole) -> None:
    assert 'console_read_only' in console.get_properties()
    assert 'console_sharing' in console.get_properties()
    console.get_properties().clear()
    assert all(text.endswith('.')
               for text in console.get_properties().values())
    assert console.get_properties()


def test_get_console_of_a_stopped_one_is_not_enabled(
        console: SomeConsole, task: Task) -> None:
    task.node.console_enabled = True
    with pytest.raises(exception.NodeConsoleNotEnabled):
        console.get_console(task)


def test_validate_wants_a_public_url(
        console: SomeConsole, task: Task, conf: Any) -> None:
    conf.config(group='vnc', public_url=None)
    with pytest.raises(exception.InvalidParameterValue, match='public_url'):
        console.validate(task)


def test_validate_tells_what_is_wrong_and_asks_nobody(
        console: SomeConsole, task: Task) -> None:
    console.validate(task)
    console.settings_error = ConfigError('driver_info/x is 1')
    with pytest.raises(exception.InvalidParameterValue,
                       match='driver_info/x is 1'):
        console.validate(task)
    assert console.asked == 0


# -- the gateway --------------------------------------------------------------

@pytest.fixture
def gateway(conf: Any, task: Task) -> Iterator[tuple[str, int]]:
    """A gateway, and where it has the node's port."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        port = listener.getsockname()[1]
        conf.config(group='ironic_console', gateway_host='127.0.0.1',
                    gateway_port_range=f'{port}:{port}')
        task.node.id = 1
        yield '127.0.0.1', port


def test_nova_is_sent_to_the_gateway_and_our_proxy_to_the_endpoint(
        console: SomeConsole, task: Task, gateway: tuple[str, int]) -> None:
    console.opened = base.OpenedConsole(ENDPOINT, None, '192.0.2.8', 6000)
    console.start_console(task)
    [stored] = task.node.saved
    assert (stored[nodes.HOST_KEY], stored[nodes.PORT_KEY]) == gateway
    assert stored[nodes.ENDPOINT_KEY] == ENDPOINT.to_dict()


def test_a_node_without_a_port_is_refused_before_anything_happens(
        console: SomeConsole, task: Task, gateway: tuple[str, int]) -> None:
    task.node.id = 2
    with pytest.raises(exception.InvalidParameterValue,
                       match='make it longer'):
        console.validate(task)
    with pytest.raises(exception.ConsoleError, match='make it longer'):
        console.start_console(task)
    assert not task.node.saved


def test_waits_for_the_door_only_when_nova_is_told_something_new(
        console: SomeConsole, task: Task, gateway: tuple[str, int],
        monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[tuple[str, int]] = []
    monkeypatch.setattr(
        'ironic_console.drivers.gateway.wait_until_open',
        lambda node, address, clock: waited.append(address))
    for _ in range(3):
        console.start_console(task)
    assert waited == [gateway]
    console.stop_console(task)
    console.start_console(task)
    assert waited == [gateway, gateway]


# -- checks -------------------------------------------------------------------

def test_a_fault_in_the_check_of_one_node_ends_no_other(
        task: Task, caplog: pytest.LogCaptureFixture) -> None:
    @base.one_by_one
    def check(self: object, task: Task) -> None:
        raise UnicodeEncodeError('utf-8', 's3cret', 0, 1, 'surrogate')
    check(None, task)
    assert f'Node {UUID}: ' in caplog.text
    assert 'UnicodeEncodeError at ' in caplog.text
    assert 'test_base.py:' in caplog.text
    assert 's3cret' not in caplog.text


@pytest.mark.parametrize('error', [
    exception.NodeLocked(node=UUID, host='h'),
    exception.NodeNotFound(node=UUID), periodics.Stop()])
def test_what_ironic_expects_of_a_check_gets_there(
        task: Task, error: Exception) -> None:
    @base.one_by_one
    def check(self: object, task: Task) -> None:
        raise error
    with pytest.raises(type(error)):
        check(None, task)
