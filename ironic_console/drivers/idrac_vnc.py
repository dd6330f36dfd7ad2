# SPDX-License-Identifier: Apache-2.0
"""Console interface ``idrac-vnc``: the VNC server inside Dell's iDRAC.

Nothing runs for a node but that server; it is switched on with a password
that only the proxy knows, and off again.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from ironic.common import exception
from ironic.conductor import periodics
from ironic.conf import CONF
from oslo_log import log

from ironic_console.common import nodes
from ironic_console.common.addresses import AddressPolicy, parse_networks
from ironic_console.common.endpoint import Endpoint, Quirks, TlsPolicy
from ironic_console.common.errors import (
    BmcUnreachable,
    BmcUnsupported,
    ConfigError,
    DriverError,
)
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.secret import Secret
from ironic_console.drivers import base, idrac_server, redfish
from ironic_console.drivers.idrac_server import Generation, VncServer, Wanted
from ironic_console.drivers.vnc_readiness import Network, VncReadiness

LOG = log.getLogger(__name__)

_KIND = 'idrac-vnc'
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

    bmc: redfish.BmcSettings
    host: str
    port: int = 5901
    timeout: int = 10800
    tls: str = 'auto'
    verify: str = 'pin'

    @classmethod
    def from_node(cls, node: Any) -> Self:
        """:raises ConfigError: naming the key and what is allowed."""
        info = node.driver_info
        unknown = sorted(key for key in info if key.startswith('idrac_vnc_')
                         and key not in PROPERTIES)
        if unknown:
            raise ConfigError(
                f'driver_info/{unknown[0]} is not a setting of idrac-vnc; '
                f'there are {", ".join(PROPERTIES)}')
        bmc = redfish.BmcSettings.from_node(node)
        settings = cls(
            bmc, str(info.get('idrac_vnc_address') or bmc.host),
            _number(info, 'idrac_vnc_port', cls.port, 1024, 65535),
            _number(info, 'idrac_vnc_timeout', cls.timeout, 60, 10800),
            _choice(info, 'idrac_vnc_tls', _TLS),
            _choice(info, 'idrac_vnc_verify', _VERIFY))
        try:
            # It knows what a host is.
            Endpoint.from_dict({'host': settings.host, 'port': settings.port})
        except ConfigError as exc:
            raise ConfigError(
                f'driver_info/idrac_vnc_address: {exc}') from exc
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

    def get_properties(self) -> dict[str, str]:
        return base.PROPERTIES | redfish.PROPERTIES | PROPERTIES

    def check_settings(self, node: Any) -> None:
        Settings.from_node(node)

    def open_console(self, task: Any) -> base.OpenedConsole:
        node = task.node
        settings = Settings.from_node(node)
        readiness = self._readiness()
        with self._bmc(settings) as bmc:
            manager = bmc.manager()
            generation = idrac_server.generation_of(manager.model)
            server = VncServer(bmc.dell_attributes(manager))
            wanted = settings.wanted(generation)
            kept = self._still_good(node, settings, server, wanted)
            if kept:
                return kept
            if not wanted.tls:
                LOG.warning(
                    'Node %s: between the proxy and its %s pictures and '
                    'keys are not encrypted (driver_info/idrac_vnc_tls)',
                    node.uuid, generation.name)
            _remember(node, server)
            credential = Credential(idrac_server.new_password())
            server.start(wanted, credential.password)
        return _opened(readiness.find_way_in(settings.ways(generation),
                                             credential), credential)

    def close_console(self, task: Any) -> None:
        node = task.node
        changes = node.driver_internal_info.get(nodes.CHANGES_KEY)
        if not changes and not _recorded(node):
            return
        with self._bmc(Settings.from_node(node)) as bmc:
            try:
                server = VncServer(bmc.dell_attributes(bmc.manager()))
            except BmcUnsupported as exc:
                # The licence went, and the server with it.
                LOG.warning('Node %s: %s', node.uuid, exc)
                return
            if changes and CONF.ironic_console.idrac_vnc_restore:
                server.restore(changes)
            else:
                server.stop()

    @periodics.node_periodic(
        purpose='checking the VNC servers of iDRACs',
        spacing=lambda: max(CONF.ironic_console.console_check_interval, 1),
        enabled=lambda: CONF.ironic_console.console_check_interval > 0,
        predicate_extra_fields=['console_interface', 'driver_internal_info'],
        predicate=lambda node: node.console_interface == _KIND and
        nodes.CHANGES_KEY in node.driver_internal_info)
    def _check(self, task: Any, manager: Any, context: Any) -> None:
        """Start again what should run, and stop what should not."""
        node = task.node
        try:
            if nodes.ENDPOINT_KEY in node.driver_internal_info:
                self._repair(task)
            else:
                self._finish_stopping(task)
        except BmcUnreachable as exc:
            # It comes back, and then somebody looks again.
            LOG.warning('Node %s: its console could not be checked: %s',
                        node.uuid, exc)
        except (ConfigError, DriverError, exception.ConsoleError) as exc:
            task.upgrade_lock()
            base.report(node, f'The console does not run as it should: {exc}')
            node.save()

    def _repair(self, task: Any) -> None:
        node = task.node
        settings = Settings.from_node(node)
        with self._bmc(settings) as bmc:
            manager = bmc.manager()
            server = VncServer(bmc.dell_attributes(manager))
            if server.runs_as(settings.wanted(
                    idrac_server.generation_of(manager.model))):
                return
        LOG.warning('Node %s: somebody changed the settings of its VNC '
                    'server; it is started again', node.uuid)
        task.upgrade_lock()
        if nodes.ENDPOINT_KEY in node.driver_internal_info:
            self.start_console(task)

    def _finish_stopping(self, task: Any) -> None:
        task.upgrade_lock()
        node = task.node
        if nodes.ENDPOINT_KEY in node.driver_internal_info:
            return
        self.close_console(task)
        info = dict(node.driver_internal_info)
        info.pop(nodes.CHANGES_KEY, None)
        node.driver_internal_info = info
        node.save()
        LOG.info('Node %s: its VNC server, which could not be stopped '
                 'before, is stopped now', node.uuid)

    def _bmc(self, settings: Settings) -> redfish.Bmc:
        return redfish.Bmc(settings.bmc, self._clock,
                           CONF.ironic_console.bmc_timeout)

    def _readiness(self) -> VncReadiness:
        ours = CONF.ironic_console
        return VncReadiness(
            Network(AddressPolicy(parse_networks(ours.endpoint_networks)),
                    ours.vencrypt_ca_certs),
            self._clock, ours.vnc_ready_timeout)

    def _still_good(self, node: Any, settings: Settings, server: VncServer,
                    wanted: Wanted) -> base.OpenedConsole | None:
        """What was started before, if it still lets us in."""
        endpoint = _recorded(node)
        credential = _recorded_credential(node)
        if (endpoint is None or credential is None
                or (endpoint.host, endpoint.port) != (settings.host,
                                                      settings.port)
                or not server.runs_as(wanted)):
            return None
        # There is one session only, and whoever has it proves enough.
        if not server.in_use:
            try:
                self._readiness().find_way_in([endpoint], credential)
            except DriverError as exc:
                LOG.warning('Node %s: its VNC server does not let us in any '
                            'more (%s); it is set up again', node.uuid, exc)
                return None
        return _opened(endpoint, credential)


def _remember(node: Any, server: VncServer) -> None:
    """Note what stood there before the first change of ours.

    A conductor that dies in the middle would leave a server that nobody
    knows of; hence before anything is changed.
    """
    if nodes.CHANGES_KEY not in node.driver_internal_info:
        node.set_driver_internal_info(nodes.CHANGES_KEY, server.settings)
        node.save()


def _opened(endpoint: Endpoint, credential: Credential,
            ) -> base.OpenedConsole:
    return base.OpenedConsole(
        endpoint, {'password': credential.password.reveal()})


def _recorded(node: Any) -> Endpoint | None:
    """What was started last, if it was one of ours."""
    try:
        endpoint = Endpoint.from_dict(
            node.driver_internal_info.get(nodes.ENDPOINT_KEY))
    except ConfigError:
        return None
    return endpoint if endpoint.kind == _KIND else None


def _recorded_credential(node: Any) -> Credential | None:
    stored = node.driver_internal_info.get(nodes.CREDENTIAL_KEY)
    password = stored.get('password') if isinstance(stored, Mapping) else None
    return Credential(Secret(password)) if isinstance(password, str) else None


def _choice(info: Mapping[str, Any], key: str, allowed: tuple[str, ...],
            ) -> str:
    value = info.get(key, allowed[0])
    if value not in allowed:
        raise ConfigError(f'driver_info/{key} is {value!r}; allowed is one '
                          f'of {", ".join(allowed)}')
    return str(value)


def _number(info: Mapping[str, Any], key: str, default: int, least: int,
            most: int) -> int:
    value = info.get(key, default)
    try:
        number = int(str(value))
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise ConfigError(f'driver_info/{key} is {value!r}; it must be a '
                          f'number from {least} to {most}')
    return number
