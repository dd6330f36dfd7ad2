# SPDX-License-Identifier: Apache-2.0
"""Console interface ``idrac-vnc``: the VNC server inside Dell's iDRAC.

Nothing runs for a node but that server; it is switched on with a password
that only the proxy knows, and off again.
"""

import contextlib
import dataclasses
from collections.abc import Mapping
from concurrent import futures
from typing import Any, Self

from ironic.common import exception
from ironic.conductor import periodics, task_manager
from ironic.conf import CONF
from oslo_log import log

from ironic_console.common import nodes
from ironic_console.common.addresses import AddressPolicy, parse_networks
from ironic_console.common.endpoint import Endpoint, Quirks, TlsPolicy
from ironic_console.common.errors import (
    BmcUnreachable,
    ConfigError,
    DriverError,
)
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.secret import Secret
from ironic_console.drivers import (
    base,
    bmc_patience,
    bmc_settings,
    console_record,
    driver_info,
    idrac_server,
    redfish,
)
from ironic_console.drivers.bmc_failures import WrongAccount
from ironic_console.drivers.idrac_server import (
    Generation,
    NoVncServer,
    VncServer,
    Wanted,
)
from ironic_console.drivers.vnc_readiness import Network, VncReadiness

LOG = log.getLogger(__name__)

_KIND = 'idrac-vnc'
# Looks at once, so that BMCs that do not answer keep nobody waiting for long,
# and how much of bmc_timeout each has.
_LOOKS, _LOOK_SHARE = 8, 0.5
_TLS = ('auto', 'required', 'off')
_VERIFY = ('pin', 'ca')

PROPERTIES = {
    'idrac_vnc_address': 'Where the VNC server is reached, if not at the '
                         'host of redfish_address. Optional.',
    'idrac_vnc_port': 'TCP port that the VNC server is given, 1024 to '
                      '65535. Default is 5901. Optional.',
    'idrac_vnc_timeout': 'Seconds without input, 60 to 10800, after which '
                         'the iDRAC ends a session. Default is 10800. '
                         'Optional.',
    'idrac_vnc_tls': f'One of {", ".join(_TLS)}: whether proxy and iDRAC '
                     'speak TLS. Default is auto, which is required from '
                     'iDRAC9 on and off before. Optional.',
    'idrac_vnc_verify': f'One of {", ".join(_VERIFY)}: take the certificate '
                        'that the VNC server shows when the console is '
                        'enabled and no other, or any of which a CA vouches '
                        'for the address. Default is pin. Optional.',
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """What ``driver_info`` says."""

    bmc: bmc_settings.BmcSettings
    host: str
    port: int = 5901
    timeout: int = 10800
    tls: str = 'auto'
    verify: str = 'pin'

    @classmethod
    def from_node(cls, node: Any) -> Self:
        """:raises ConfigError: naming the key and what is allowed."""
        info = node.driver_info
        driver_info.refuse_unknown(info, 'idrac_vnc_', PROPERTIES, _KIND)
        bmc = bmc_settings.BmcSettings.from_node(node)
        settings = cls(
            bmc, driver_info.text(info, 'idrac_vnc_address') or bmc.host,
            driver_info.number_in(info, 'idrac_vnc_port', cls.port, 1024,
                                  65535),
            driver_info.number_in(info, 'idrac_vnc_timeout', cls.timeout, 60,
                                  10800),
            driver_info.choice(info, 'idrac_vnc_tls', _TLS, cls.tls),
            driver_info.choice(info, 'idrac_vnc_verify', _VERIFY, cls.verify))
        # It knows what a host is.
        driver_info.checked('idrac_vnc_address', lambda: Endpoint.from_dict(
            {'host': settings.host, 'port': settings.port}))
        return settings

    def wanted(self, generation: Generation) -> Wanted:
        """How the server of such an iDRAC is to run."""
        tls = generation.tls if self.tls == 'auto' else self.tls == 'required'
        return Wanted(self.port, self.timeout, tls)

    def ways(self, generation: Generation) -> list[Endpoint]:
        """How it may be talked to then, the best first."""
        plain = Endpoint(
            self.host, self.port, kind=_KIND,
            security_types=(SecurityNumber.VNC_AUTH,),
            quirks=Quirks(generation.handshake_timeout,
                          generation.encodings))
        if not self.wanted(generation).tls:
            return [plain]
        # Most speak TLS from the first byte, some VeNCrypt.
        tls = TlsPolicy('none' if self.verify == 'pin' else 'ca')
        return [
            dataclasses.replace(plain, scheme='vncs', tls=tls),
            dataclasses.replace(plain, tls=tls, security_types=(
                SecurityNumber.X509_VNC,))]


class IDRACVNCConsole(base.VNCConsole):
    """Shows what the VNC server of an iDRAC shows."""

    kind = _KIND

    def __init__(self) -> None:
        super().__init__()
        self._patience = bmc_patience.Patience(self._clock)

    def get_properties(self) -> dict[str, str]:
        return base.PROPERTIES | bmc_settings.PROPERTIES | PROPERTIES

    def check_settings(self, node: Any) -> None:
        Settings.from_node(node)

    def open_console(self, task: Any) -> base.OpenedConsole:
        node = task.node
        # Somebody has changed something, or wants to know.
        self._patience.well(node)
        settings = Settings.from_node(node)
        readiness = self._readiness()
        with self._bmc(node, settings) as bmc:
            generation, server = _look(bmc)
            wanted = settings.wanted(generation)
            ways = settings.ways(generation)
            kept = _recorded(node, ways)
            if kept and server.runs_as(wanted) and (
                    # There is one session only, and whoever has it proves
                    # enough.
                    server.in_use
                    or self._lets_in(node, kept, bmc.time_left / 2)):
                return kept
            if not wanted.tls:
                LOG.warning(
                    'Node %s: between the proxy and its %s pictures and '
                    'keys are not encrypted (driver_info/idrac_vnc_tls)',
                    node.uuid, generation.name)
            _remember(node, server)
            password = idrac_server.new_password()
            server.start(wanted, password)
        endpoint = readiness.find_way_in(ways, Credential(password))
        return base.OpenedConsole(endpoint, {'password': password.reveal()})

    def close_console(self, task: Any) -> None:
        node = task.node
        changes = node.driver_internal_info.get(nodes.CHANGES_KEY)
        if not changes and not _is_recorded(node):
            return
        with self._bmc(node, Settings.from_node(node)) as bmc:
            try:
                _generation, server = _look(bmc)
            except NoVncServer as exc:
                # The licence went, and the server with it.
                LOG.warning('Node %s: %s', node.uuid, exc)
                return
            if changes and CONF.ironic_console.idrac_vnc_restore:
                server.restore(changes)
            else:
                server.stop()

    @periodics.periodic(spacing=base.check_spacing,
                        enabled=base.checks_enabled)
    def _check_all(self, manager: Any, context: Any) -> None:
        """Look at all that run, and at those that may not have been stopped,
        also of nodes whose console interface is another one by now."""
        looks: set[futures.Future[None]] = set()
        with futures.ThreadPoolExecutor(
                _LOOKS, thread_name_prefix=_KIND) as pool:
            # It names no more when the conductor stops, whose nodes are
            # others' then: none may wait here.
            for uuid, _driver, _group, info in manager.iter_nodes(
                    fields=['driver_internal_info'],
                    filters={'maintenance': False}):
                if nodes.kind_of(info.get(nodes.CHANGES_KEY)) != _KIND:
                    continue
                looks.add(pool.submit(self._check_one, context, uuid))
                if len(looks) >= _LOOKS:
                    _, looks = futures.wait(
                        looks, return_when=futures.FIRST_COMPLETED)

    def _check_one(self, context: Any, uuid: str) -> None:
        try:
            with task_manager.acquire(
                    context, uuid, shared=True,
                    purpose='checking the VNC server of an iDRAC') as task:
                self._check(task)
        except exception.IronicException as exc:
            # Locked, most of the time; or gone.
            LOG.info('Node %s: its console was not checked: %s', uuid, exc)
        except Exception as exc:
            # Of the database, whose words may quote secrets.
            LOG.error('Node %s: its console was not checked: %s', uuid,
                      type(exc).__name__)

    @base.one_by_one
    def _check(self, task: Any) -> None:
        """Start again what should run, and stop what should not."""
        node = task.node
        if not self._patience.allows(node):
            return
        work, failure = ((self._repair, console_record.NOT_RUNNING)
                         if _should_run(node) else
                         (self._finish_stopping, console_record.NOT_STOPPED))
        try:
            work(task)
        except (ConfigError, DriverError, exception.ConsoleError) as exc:
            cause = exc.__cause__ if isinstance(
                exc, exception.ConsoleError) else exc
            if isinstance(cause, WrongAccount):
                self._patience.denied(node)
            if isinstance(cause, BmcUnreachable):
                self._patience.silent(
                    node, CONF.ironic_console.console_check_interval)
                LOG.warning('Node %s: its console could not be checked: %s',
                            node.uuid, exc)
                if failure == console_record.NOT_RUNNING:
                    # It comes back, and then somebody looks again.
                    return
            text = f'{failure}{exc}'
            if console_record.is_news(node, text):
                task.upgrade_lock()
                console_record.report(node, text)
                node.save()
        else:
            self._patience.well(node)

    def _repair(self, task: Any) -> None:
        node = task.node
        settings = Settings.from_node(node)
        with self._bmc(node, settings, _LOOK_SHARE) as bmc:
            generation, server = _look(bmc)
            if (nodes.is_ours(node.driver_internal_info)
                    and _recorded(node, settings.ways(generation))
                    and server.runs_as(settings.wanted(generation))):
                console_record.all_is_well(task)
                return
        LOG.warning('Node %s: its VNC server is not set as it was left; it '
                    'is started again', node.uuid)
        task.upgrade_lock()
        if _should_run(task.node):
            self.start_again(task)

    def _finish_stopping(self, task: Any) -> None:
        node = task.node
        with (contextlib.suppress(NoVncServer),
              self._bmc(node, Settings.from_node(node), _LOOK_SHARE) as bmc):
            _look(bmc)
        # It answers, so nobody has to wait for the node for long.
        task.upgrade_lock()
        node = task.node
        if _should_run(node):
            return
        self.close_console(task)
        console_record.forget(node, _KIND)
        LOG.info('Node %s: its VNC server, which could not be stopped '
                 'before, is stopped now', node.uuid)

    def _bmc(self, node: Any, settings: Settings, share: float = 1.0,
             ) -> redfish.Bmc:
        """:param share: of the time that there is for one."""
        bmc = redfish.Bmc(settings.bmc, self._clock,
                          CONF.ironic_console.bmc_timeout * share)
        password = _recorded_password(node)
        if password:
            bmc.hide(password)
        return bmc

    def _readiness(self, patience: float | None = None) -> VncReadiness:
        ours = CONF.ironic_console
        return VncReadiness(
            Network(AddressPolicy(parse_networks(ours.endpoint_networks)),
                    ours.vencrypt_ca_certs),
            self._clock, patience or ours.vnc_ready_timeout)

    def _lets_in(self, node: Any, console: base.OpenedConsole,
                 patience: float) -> bool:
        """What was started before still lets us in."""
        assert console.credential
        try:
            self._readiness(patience).find_way_in(
                [console.endpoint],
                Credential(Secret(console.credential['password'])))
        except DriverError as exc:
            LOG.warning('Node %s: its VNC server does not let us in any '
                        'more (%s); it is set up again', node.uuid, exc)
            return False
        return True


def _look(bmc: redfish.Bmc) -> tuple[Generation, VncServer]:
    manager = bmc.manager()
    return (idrac_server.generation_of(manager.model),
            VncServer(bmc.dell_attributes(manager)))


def _remember(node: Any, server: VncServer) -> None:
    """Note what stood there before the first change of ours.

    A conductor that dies in the middle would leave a server that nobody
    knows of; hence before anything is changed. From then on the password
    that was good before is not.
    """
    info = {key: value for key, value in node.driver_internal_info.items()
            if key != nodes.CREDENTIAL_KEY}
    info.setdefault(nodes.CHANGES_KEY, {'kind': _KIND, **server.settings})
    if info != node.driver_internal_info:
        node.driver_internal_info = info
        node.save()


def _should_run(node: Any) -> bool:
    """Ironic sets the first before and after the second: a tear-down takes
    the endpoint away only, a start that failed the other only."""
    return (node.console_enabled and node.console_interface == _KIND
            and _is_recorded(node))


def _recorded(node: Any, ways: list[Endpoint]) -> base.OpenedConsole | None:
    """What was started last, if that is one of the ways that we know."""
    try:
        endpoint = Endpoint.from_dict(
            node.driver_internal_info.get(nodes.ENDPOINT_KEY))
    except ConfigError:
        return None
    password = _recorded_password(node)
    if not password or not any(_is_way(endpoint, way) for way in ways):
        return None
    return base.OpenedConsole(endpoint, {'password': password.reveal()})


def _recorded_password(node: Any) -> Secret | None:
    stored = node.driver_internal_info.get(nodes.CREDENTIAL_KEY)
    password = stored.get('password') if isinstance(stored, Mapping) else None
    return Secret(password) if isinstance(password, str) else None


def _is_way(endpoint: Endpoint, way: Endpoint) -> bool:
    """An endpoint is this way, pinned if that is not checked otherwise."""
    verify = 'fingerprint' if way.tls.verify == 'none' else way.tls.verify
    return (endpoint.tls.verify == verify
            and dataclasses.replace(endpoint, tls=way.tls) == way)


def _is_recorded(node: Any) -> bool:
    return nodes.has_console_of(node.driver_internal_info, _KIND)
