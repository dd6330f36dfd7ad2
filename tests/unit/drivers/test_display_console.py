# SPDX-License-Identifier: Apache-2.0
"""Consoles on web pages: what becomes of a display, started by nobody's
engine, but with real RFB over real TLS."""

import contextlib
import copy
import dataclasses
import inspect
import pathlib
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ironic.common import console_factory, exception
from ironic.conductor import periodics, task_manager
from ironic.conductor import utils as conductor_utils

from ironic_console.common import nodes
from ironic_console.common.endpoint import Endpoint
from ironic_console.common.errors import (
    AuthenticationFailed,
    DisplayError,
    DisplayTimeout,
)
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.server_policy import ServerPolicy
from ironic_console.common.secret import Secret
from ironic_console.drivers import certificates, display_console
from ironic_console.drivers.bmc_patience import Patience
from ironic_console.drivers.display_console import DisplayConsole
from ironic_console.drivers.display_providers.base import (
    Address,
    DisplayProvider,
)
from ironic_console.drivers.displays.settings import DisplaySettings
from ironic_console.drivers.idrac_kvm import IDRACKVMConsole
from ironic_console.drivers.ilo_kvm import ILOKVMConsole
from ironic_console.drivers.supermicro_kvm import SupermicroKVMConsole
from ironic_console.drivers.testcard.server import TestCardServer
from ironic_console.drivers.testcard.settings import CardSettings
from tests.helpers.certificates import Authority, Certificate
from tests.helpers.clock import FrozenClock
from tests.helpers.conductor import UUID, Node, Task
from tests.helpers.idrac import see
from tests.helpers.node_locks import LockedNodes
from tools.lab import ports

INFO = {'redfish_address': 'https://192.0.2.7', 'redfish_username': 'admin',
        'redfish_password': 'bmc-pa55word', 'redfish_verify_ca': False}


class Displays(DisplayProvider):
    """VNC servers that prove who they are as displays do.

    :ivar told: settings of all that were started, oldest first.
    :ivar running: nodes whose display runs.
    :ivar fault: what goes wrong with the next one.
    """

    provider_name = 'some-displays'

    def __init__(self) -> None:
        self._cards = TestCardServer()
        self.told: list[DisplaySettings] = []
        self.running: set[str] = set()
        self.stops = 0
        self.fault = ''
        self.stop_error: DisplayError | None = None

    def check(self) -> None:
        """Nothing is missing."""

    def start_display(self, settings: DisplaySettings) -> tuple[str, int]:
        self.told.append(settings)
        if self.fault == 'silence':
            raise DisplayTimeout('nobody has started it')
        if self.fault == 'error':
            raise DisplayError('Xvnc is missing')
        self.stop()
        self.running.add(settings.node)
        if self.fault == 'nobody listens':
            return '127.0.0.1', ports.free_port()
        server = settings.vnc
        shown = (certificates.make('another') if
                 self.fault == 'other certificate' else
                 certificates.SelfSigned(server.certificate, server.key, ''))
        password = ('another!' if self.fault == 'other password'
                    else server.password.reveal())
        return '127.0.0.1', self._cards.open(CardSettings(
            settings.node, settings.title, port=server.port,
            policy=ServerPolicy((SecurityNumber.X509_VNC,),
                                Credential(Secret(password))),
            context=Certificate(shown.certificate.encode(),
                                shown.key.reveal().encode(),
                                ).server_context()))

    def stop_display(self, node: str) -> None:
        self.stops += 1
        if self.stop_error:
            raise self.stop_error
        self.stop()

    def may_run(self, node: str) -> bool:
        return node in self.running

    def displays(self) -> dict[str, Address]:
        return dict.fromkeys(self.running)

    def stop_all_containers(self) -> None:
        pass

    def stop(self, *, unnoticed: bool = False) -> None:
        self._cards.close(UUID)
        if not unnoticed:
            self.running.clear()

    def close(self) -> None:
        self._cards.stop()


class Anew(Task):
    """A task that reads its node anew when it gets its lock, as Ironic's.

    :ivar meanwhile: what another has done to the node by then.
    """

    meanwhile: Callable[[Node], object] | None = None

    def upgrade_lock(self) -> None:
        super().upgrade_lock()
        self.node = copy.deepcopy(self.node)
        if self.meanwhile:
            self.meanwhile(self.node)


class Rig:
    """A node, and Ironic with a provider around it."""

    def __init__(self, displays: Displays) -> None:
        self.displays = displays
        self.console = ILOKVMConsole()
        self.task = Anew(Node(**INFO))

    @property
    def node(self) -> Node:
        return self.task.node

    @property
    def info(self) -> dict[str, Any]:
        return self.node.driver_internal_info

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint.from_dict(self.info[nodes.ENDPOINT_KEY])

    def start(self) -> None:
        self.console.start_console(self.task)
        self.node.console_enabled = True

    def stop(self) -> None:
        self.console.stop_console(self.task)

    def check(self) -> None:
        inspect.unwrap(type(self.console)._check)(
            self.console, self.task, None, None)

    def opens(self) -> bool:
        opened = see(self)  # type: ignore[arg-type]
        opened.channel.close()
        return True

    def refusal(self) -> str:
        with pytest.raises(exception.ConsoleError) as caught:
            self.start()
        text = str(caught.value)
        for secret in ('bmc-pa55word', *(
                settings.vnc.password.reveal()
                for settings in self.displays.told)):
            assert secret not in text
        return text


@pytest.fixture
def displays(quick: None, conf: Any, monkeypatch: pytest.MonkeyPatch,
             ) -> Iterator[Displays]:
    conf.config(group='vnc', container_provider='display-process')
    conf.config(group='ironic_console', display_address='127.0.0.1')
    monkeypatch.setattr(display_console, '_LOOK_TIMEOUT', 1.0)
    displays = Displays()
    monkeypatch.setattr(console_factory.ConsoleContainerFactory, '_provider',
                        displays)
    yield displays
    displays.close()


@pytest.fixture
def rig(displays: Displays) -> Rig:
    return Rig(displays)


@pytest.fixture
def running(rig: Rig) -> Rig:
    rig.start()
    return rig


# -- before it is enabled -----------------------------------------------------

def validation(rig: Rig) -> str:
    with pytest.raises(exception.InvalidParameterValue) as caught:
        rig.console.validate(rig.task)
    assert not rig.displays.told
    return str(caught.value)


def test_validation_starts_nothing(rig: Rig) -> None:
    rig.console.validate(rig.task)
    assert not rig.displays.told


@pytest.mark.parametrize('key', ['redfish_address', 'redfish_username',
                                 'redfish_password'])
def test_what_is_missing_is_told_at_once(rig: Rig, key: str) -> None:
    del rig.node.driver_info[key]
    assert key in validation(rig)


@pytest.mark.parametrize(('key', 'value'), [
    ('redfish_verify_ca', '/nowhere/ca.pem'), ('console_read_only', 'ture'),
    ('redfish_address', 'https://root:bmc-pa55word@bmc')])
def test_what_is_wrong_is_told_at_once(rig: Rig, key: str, value: object,
                                       ) -> None:
    rig.node.driver_info[key] = value
    text = validation(rig)
    assert key in text
    assert 'bmc-pa55word' not in text


def test_cas_that_are_none_are_told_at_once(rig: Rig, tmp_path: pathlib.Path,
                                            ) -> None:
    (tmp_path / 'ca.pem').write_text('no PEM')
    for path in (tmp_path, tmp_path / 'ca.pem'):
        rig.node.driver_info['redfish_verify_ca'] = str(path)
        assert 'no certificates of CAs in PEM' in validation(rig)


def test_a_provider_that_starts_nothing_is_told_at_once(rig: Rig, conf: Any,
                                                        ) -> None:
    conf.config(group='vnc', container_provider='fake')
    text = validation(rig)
    assert '[vnc]container_provider is fake, which starts nothing' in text
    assert 'display-process' in text


@pytest.mark.parametrize('option', [
    {'display_resolution': 'big'}, {'endpoint_networks': ['everywhere']}])
def test_options_that_cannot_be_used_are_told_at_once(
        rig: Rig, conf: Any, option: dict[str, Any]) -> None:
    conf.config(group='ironic_console', **option)
    assert next(iter(option)) in validation(rig)
    assert next(iter(option)) in rig.refusal()
    assert not rig.displays.told


# -- enabled ------------------------------------------------------------------

def test_the_proxy_is_let_in_and_nobody_else(running: Rig) -> None:
    [told] = running.displays.told
    [stored] = running.node.saved
    assert running.opens()
    assert running.endpoint == Endpoint(
        '127.0.0.1', running.endpoint.port, kind='ilo-kvm',
        security_types=(SecurityNumber.X509_VNC,), tls=running.endpoint.tls)
    assert running.endpoint.tls.verify == 'fingerprint'
    assert (stored[nodes.HOST_KEY], stored[nodes.PORT_KEY]) == (
        '127.0.0.1', running.endpoint.port)
    assert (told.app, told.bmc.url) == ('ilo', 'https://192.0.2.7')
    running.info[nodes.CREDENTIAL_KEY]['password'] = 'guessed!'
    with pytest.raises(AuthenticationFailed):
        running.opens()


def test_secrets_are_in_their_place_only(
        running: Rig, caplog: pytest.LogCaptureFixture) -> None:
    [stored] = running.node.saved
    [told] = running.displays.told
    assert stored.pop(nodes.CREDENTIAL_KEY)['password'] == (
        told.vnc.password.reveal())
    for secret in ('bmc-pa55word', told.vnc.password.reveal(),
                   'PRIVATE KEY'):
        assert secret not in str(running.node.saved[0]) + caplog.text


@pytest.mark.parametrize('where', ['driver_info', 'configuration'])
def test_read_only_is_told_to_display_and_proxy(
        rig: Rig, conf: Any, where: str) -> None:
    if where == 'driver_info':
        rig.node.driver_info['console_read_only'] = 'true'
    else:
        conf.config(group='vnc', read_only=True)
    rig.start()
    assert rig.displays.told[0].screen.read_only
    assert rig.endpoint.read_only


def test_a_display_that_lets_us_in_is_kept(running: Rig) -> None:
    before = copy.deepcopy(running.info)
    running.node.driver_info['console_sharing'] = 'refuse'
    running.start()
    running.start()
    assert len(running.displays.told) == 1
    assert running.endpoint.sharing == 'refuse'
    after = copy.deepcopy(running.info)
    after[nodes.ENDPOINT_KEY].pop('sharing')
    assert after == before
    assert running.opens()


@pytest.mark.parametrize('change', [
    {'redfish_address': 'https://192.0.2.8'}, {'redfish_username': 'root'},
    {'redfish_password': 'bmc-pa55word2'}, {'redfish_verify_ca': True},
    {'console_read_only': True}])
def test_a_display_that_is_told_what_was_is_replaced(
        running: Rig, change: dict[str, Any]) -> None:
    """Whoever corrects a password wants the next login to use it."""
    secret = running.info[nodes.SECRET_KEY]
    running.node.driver_info |= change
    running.start()
    assert len(running.displays.told) == 2
    assert running.info[nodes.SECRET_KEY] == secret
    assert running.opens()


def test_a_display_of_another_size_is_replaced(running: Rig, conf: Any,
                                               ) -> None:
    conf.config(group='ironic_console', display_resolution='800x600')
    running.start()
    assert running.displays.told[1].screen.width == 800


def test_what_changes_while_a_display_starts_is_not_taken_for_told(
        rig: Rig, tmp_path: pathlib.Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'ca.pem'
    path.write_bytes(Authority('one').pem)
    rig.node.driver_info['redfish_verify_ca'] = str(path)
    start = rig.displays.start_display

    def start_while_somebody_edits(settings: DisplaySettings,
                                   ) -> tuple[str, int]:
        path.write_bytes(Authority('another').pem)
        return start(settings)
    with monkeypatch.context() as patch:
        patch.setattr(rig.displays, 'start_display',
                      start_while_somebody_edits)
        rig.start()
    rig.check()
    first, second = rig.displays.told
    assert first.bmc.ca != second.bmc.ca
    rig.check()
    assert len(rig.displays.told) == 2


@pytest.mark.parametrize('unnoticed', [False, True])
def test_a_display_that_is_gone_is_started_anew(running: Rig,
                                                unnoticed: bool) -> None:
    running.displays.stop(unnoticed=unnoticed)
    running.start()
    assert len(running.displays.told) == 2
    first, second = running.displays.told
    assert first.vnc.password != second.vnc.password
    assert first.vnc.certificate != second.vnc.certificate
    assert running.opens()


def test_a_display_that_is_started_anew_is_where_nova_was_told(
        running: Rig) -> None:
    port = running.endpoint.port
    running.displays.stop()
    running.start()
    assert running.displays.told[1].vnc.port == port
    # Somebody else's is none of its own.
    running.node.driver_internal_info[nodes.ENDPOINT_KEY]['kind'] = 'any'
    running.displays.stop()
    running.start()
    assert running.displays.told[2].vnc.port == 0


@pytest.mark.parametrize('stranger', ['other password', 'other certificate'])
def test_somebody_else_at_its_port_is_not_taken_for_it(
        running: Rig, stranger: str) -> None:
    displays = running.displays
    displays.fault = stranger
    displays.start_display(dataclasses.replace(
        displays.told[0], vnc=dataclasses.replace(
            displays.told[0].vnc, port=running.endpoint.port)))
    displays.fault = ''
    running.start()
    assert len(displays.told) == 3
    assert running.opens()


@pytest.mark.parametrize('broken', [
    {nodes.CREDENTIAL_KEY: None}, {nodes.CREDENTIAL_KEY: 'x'},
    {nodes.CREDENTIAL_KEY: {}}, {nodes.CREDENTIAL_KEY: {'password': 7}},
    {nodes.CREDENTIAL_KEY: {'password': 'pa55word'}},
    {nodes.CREDENTIAL_KEY: {'password': 'pa55word', 'display': '\xe4'}},
    {nodes.ENDPOINT_KEY: {'kind': 'ilo-kvm'}},
    {nodes.ENDPOINT_KEY: {'kind': 'fake-vnc', 'host': '127.0.0.1',
                          'port': 5900}},
    {nodes.ENDPOINT_KEY: 'x'}])
def test_records_that_are_not_as_we_write_them_are_not_believed(
        running: Rig, broken: dict[str, Any]) -> None:
    running.node.driver_internal_info |= broken
    running.start()
    assert len(running.displays.told) == 2
    assert running.opens()


# -- it cannot be enabled -----------------------------------------------------

def test_what_a_provider_says_is_told(rig: Rig) -> None:
    rig.displays.fault = 'error'
    assert 'Xvnc is missing' in rig.refusal()
    assert not rig.node.saved


@pytest.mark.parametrize('fault', ['nobody listens', 'other password',
                                   'other certificate'])
def test_a_display_that_does_not_let_us_in_is_stopped_and_told(
        rig: Rig, conf: Any, fault: str, caplog: pytest.LogCaptureFixture,
        ) -> None:
    conf.config(group='ironic_console', display_start_timeout=1)
    rig.displays.fault = fault
    text = rig.refusal()
    assert ('The display was started on 127.0.0.1 but does not let this '
            'conductor in; check that [ironic_console]endpoint_networks '
            ) in text
    # Those are words about BMCs.
    assert 'reset the BMC' not in text
    assert f'Node {UUID}: its display at 127.0.0.1:' in caplog.text
    assert rig.displays.stops == 1
    assert not rig.displays.running
    assert not rig.node.saved


def test_an_address_that_proxies_may_not_use_is_told(rig: Rig, conf: Any,
                                                     ) -> None:
    conf.config(group='ironic_console', endpoint_networks=['192.0.2.0/24'])
    assert '[ironic_console]endpoint_networks' in rig.refusal()
    assert not rig.displays.running


def test_a_display_that_cannot_even_be_stopped_is_told_first(
        rig: Rig, conf: Any) -> None:
    conf.config(group='ironic_console', display_start_timeout=1)
    rig.displays.fault = 'nobody listens'
    rig.displays.stop_error = DisplayError('it may still run')
    assert 'does not let this conductor in' in rig.refusal()


# -- disabled -----------------------------------------------------------------

def test_stop_stops_the_display_and_leaves_no_trace(running: Rig) -> None:
    running.stop()
    assert not running.displays.running
    assert running.node.saved[-1] == {'other': 'kept'}
    running.stop()
    assert running.displays.stops == 1
    assert running.node.last_error is None


def test_stop_stops_only_what_is_ours(running: Rig) -> None:
    running.info[nodes.ENDPOINT_KEY]['kind'] = 'idrac-kvm'
    running.stop()
    assert running.displays.stops == 0
    assert running.displays.running


def test_what_could_not_be_stopped_is_reported_and_stops_no_tear_down(
        running: Rig) -> None:
    running.displays.stop_error = DisplayError('it may still run')
    running.stop()
    assert running.node.last_error == ('The console may not have been '
                                       'stopped: it may still run')
    assert running.node.saved[-1] == {'other': 'kept'}


def test_stop_needs_no_driver_info(running: Rig) -> None:
    running.node.driver_info.clear()
    running.stop()
    assert not running.displays.running


# -- every now and then -------------------------------------------------------

def test_check_changes_nothing_when_all_is_well(running: Rig) -> None:
    saved = len(running.node.saved)
    running.check()
    assert len(running.displays.told) == 1
    assert len(running.node.saved) == saved
    assert running.task.upgrades == 0


@pytest.mark.parametrize('unnoticed', [False, True])
def test_check_starts_what_should_run_under_the_lock(
        running: Rig, unnoticed: bool, caplog: pytest.LogCaptureFixture,
        ) -> None:
    running.displays.stop(unnoticed=unnoticed)
    running.check()
    assert running.task.upgrades == 1
    assert running.opens()
    assert running.node.last_error is None
    assert f'Node {UUID}: its display does not run' in caplog.text


@pytest.mark.parametrize('meanwhile', [
    lambda node: setattr(node, 'console_enabled', False),
    lambda node: node.driver_internal_info.pop(nodes.ENDPOINT_KEY),
    lambda node: node.driver_internal_info[nodes.ENDPOINT_KEY].update(
        kind='generic-vnc')])
def test_check_obeys_what_somebody_did_until_it_had_the_lock(
        running: Rig, meanwhile: Callable[[Node], object]) -> None:
    running.displays.stop()
    running.task.meanwhile = meanwhile
    running.check()
    assert running.task.upgrades == 1
    assert len(running.displays.told) == 1


def test_check_reports_what_cannot_be_repaired_once(
        running: Rig, conf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = []

    def record(node: Any, event: str, event_type: str, error: bool) -> None:
        assert error
        node.last_error = event
        recorded.append(event)
    monkeypatch.setattr(conductor_utils, 'node_history_record', record)
    conf.config(group='ironic_console', display_start_timeout=1)
    running.displays.stop()
    running.displays.fault = 'nobody listens'
    # At another port each time.
    running.check()
    running.check()
    [text] = recorded
    assert text.startswith('The console does not run as it should: ')
    running.displays.fault = ''
    running.check()
    assert running.opens()


def test_check_leaves_those_alone_that_nobody_starts(
        running: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others wait for them."""
    clock = FrozenClock()
    monkeypatch.setattr(running.console, 'patience', Patience(clock))
    running.displays.stop()
    running.displays.fault = 'silence'
    before = len(running.displays.told)
    for _ in range(3):
        running.check()
    assert len(running.displays.told) == before + 1
    assert 'nobody has started it' in (running.node.last_error or '')
    clock.advance(3600)
    running.displays.fault = ''
    running.check()
    assert running.opens()
    assert running.node.last_error is None


def test_check_locks_no_node_to_say_the_same_again(running: Rig) -> None:
    del running.node.driver_info['redfish_password']
    running.check()
    before = running.task.upgrades
    running.check()
    assert running.task.upgrades == before


def test_check_reports_a_driver_info_that_is_wrong_by_now(running: Rig,
                                                          ) -> None:
    del running.node.driver_info['redfish_password']
    running.check()
    assert 'redfish_password' in (running.node.last_error or '')
    assert running.displays.running


@pytest.mark.parametrize('kind', [ILOKVMConsole, SupermicroKVMConsole,
                                  IDRACKVMConsole])
def test_check_looks_at_its_own_nodes_and_at_consoles_that_run(
        displays: Displays, monkeypatch: pytest.MonkeyPatch,
        kind: type[DisplayConsole]) -> None:
    console = kind()
    asked = []

    class Manager:
        def iter_nodes(self, filters: dict[str, Any], fields: list[str],
                       ) -> Iterator[tuple[Any, ...]]:
            assert filters == {'console_enabled': True,
                               'maintenance': False}
            for interface in ('ilo-kvm', 'supermicro-kvm', 'idrac-kvm',
                              'fake-vnc'):
                # One whose console_interface was changed is looked after
                # by nobody until its console is enabled anew.
                for running in (interface, 'another', ''):
                    info = {nodes.ENDPOINT_KEY: {'kind': running}}
                    values = {'console_interface': interface,
                              'driver_internal_info': info if running else {}}
                    yield (f'{interface} {running}', 'redfish', '',
                           *(values[field] for field in fields))

    @contextlib.contextmanager
    def acquire(context: object, uuid: str, purpose: str, shared: bool,
                ) -> Iterator[Any]:
        assert shared
        asked.append(uuid)
        yield types.SimpleNamespace(
            node=types.SimpleNamespace(uuid=uuid),
            driver=types.SimpleNamespace(console=console))
    monkeypatch.setattr(task_manager, 'acquire', acquire)
    monkeypatch.setattr(console, 'repair', lambda task: None)
    console._check(Manager(), None)
    assert asked == [f'{kind.kind} {kind.kind}']


# -- elsewhere ----------------------------------------------------------------

def test_displays_that_no_console_needs_are_stopped_every_now_and_then(
        running: Rig, conf: Any, monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture) -> None:
    locks = LockedNodes(monkeypatch)
    locks.put(UUID, ('192.0.2.9', 5900), console_interface='no-console')
    running.displays.stop_error = DisplayError('it may still run')
    running.console._stop_unneeded(None, None)
    assert 'it may still run' in caplog.text
    assert running.displays.running
    running.displays.stop_error = None
    running.console._stop_unneeded(None, None)
    assert not running.displays.running
    conf.config(group='ironic_console', console_check_interval=7)
    looks = type(running.console)._stop_unneeded
    periodics.refresh_periodic_attributes(looks)
    assert looks._periodic_spacing == 7
    assert looks._is_periodic
    conf.config(group='ironic_console', console_check_interval=0)
    periodics.refresh_periodic_attributes(looks)
    assert not looks._is_periodic
