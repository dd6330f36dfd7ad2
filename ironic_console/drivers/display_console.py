# SPDX-License-Identifier: Apache-2.0
"""What console interfaces share whose BMC has its console on a web page only.

    driver_info ─▶ settings ─▶ display ─▶ Endpoint

A vendor is a name for an app here; what its page is like is known in
displays/apps.
"""

import abc
import contextlib
import hmac
from collections.abc import Mapping
from typing import Any

from ironic.common import exception
from ironic.conductor import periodics
from ironic.conf import CONF
from oslo_log import log

from ironic_console.common import nodes
from ironic_console.common.addresses import AddressPolicy, parse_networks
from ironic_console.common.clock import Deadline
from ironic_console.common.endpoint import Endpoint, TlsPolicy
from ironic_console.common.errors import (
    ConfigError,
    DisplayError,
    DisplayTimeout,
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
    display_settings,
)
from ironic_console.drivers.display_providers import launching
from ironic_console.drivers.vnc_readiness import Network, VncReadiness

LOG = log.getLogger(__name__)

# Seconds for a display that ran a moment ago, or should.
_LOOK_TIMEOUT = 5.0
# Beside the password: which settings the display was started with.
_DIGEST_KEY = 'display'


class DisplayConsole(base.VNCConsole):
    """Shows the console page of a BMC.

    :cvar kind: name of the console interface.
    :cvar app: one of ``displays.settings.APPS``.
    """

    kind: str
    app: str

    def __init__(self) -> None:
        super().__init__()
        self.patience = bmc_patience.Patience(self._clock)

    def get_properties(self) -> dict[str, str]:
        return base.PROPERTIES | bmc_settings.PROPERTIES

    def check_settings(self, node: Any) -> None:
        self._shown(node)

    def open_console(self, task: Any) -> base.OpenedConsole:
        node = task.node
        shown = self._shown(node)
        if kept := self._kept(node, shown):
            return kept
        settings, fingerprint = display_settings.make(
            node, shown, launching.listen_at(self._usual_port(node)))
        deadline = Deadline(
            self._clock, CONF.ironic_console.display_start_timeout,
            '[ironic_console]display_start_timeout')
        host, port = launching.start(task, settings)
        password = settings.vnc.password.reveal()
        console = base.OpenedConsole(
            Endpoint(host, port, kind=self.kind,
                     security_types=(SecurityNumber.X509_VNC,),
                     tls=TlsPolicy('fingerprint', fingerprint=fingerprint),
                     read_only=settings.screen.read_only),
            {'password': password, _DIGEST_KEY: shown.digest(password)})
        try:
            self._look(console, max(deadline.remaining(), _LOOK_TIMEOUT))
        except DriverError as exc:
            with contextlib.suppress(DisplayError):
                launching.stop(task)
            # Its advice is for VNC servers of BMCs. The port is another one
            # each time, and whoever looks again would tell it anew.
            LOG.warning('Node %s: its display at %s does not let us in: %s',
                        node.uuid, console.endpoint.address, exc.__cause__)
            raise DisplayError(
                f'The display was started on {host} but does not let this '
                'conductor in; check that [ironic_console]endpoint_networks '
                'allows this address and that no firewall is in the way, and '
                'see the log of the conductor for what happened') from exc
        self.patience.well(node)
        return console

    def close_console(self, task: Any) -> None:
        if _is_of(task.node, self.kind):
            launching.stop(task)

    @abc.abstractmethod
    def _check(self, task: Any, manager: Any, context: Any) -> None:
        """The periodic task of a console interface; see :func:`checking`."""

    def repair(self, task: Any) -> None:
        """Start a display again that should run and does not."""
        node = task.node
        if self._kept(node, self._shown(node)):
            console_record.all_is_well(task)
            return
        LOG.warning('Node %s: its display does not run, or not as it should '
                    'by now; it is started again', node.uuid)
        # This reads the node anew.
        task.upgrade_lock()
        if task.node.console_enabled and _is_of(task.node, self.kind):
            self.start_again(task)

    @periodics.periodic(spacing=base.check_spacing,
                        enabled=base.checks_enabled)
    def _stop_unneeded(self, manager: Any, context: Any) -> None:
        """Stop what no console of any node needs any more.

        Ironic runs it for each of our interfaces. All find the same; with
        nothing to stop, that is a query each.
        """
        try:
            launching.stop_unneeded()
        except DisplayError as exc:
            LOG.warning('Displays that nobody needs may still run: %s', exc)

    def _usual_port(self, node: Any) -> int:
        """:returns: 0 if it has none."""
        if _is_of(node, self.kind):
            with contextlib.suppress(ConfigError):
                return Endpoint.from_dict(
                    node.driver_internal_info[nodes.ENDPOINT_KEY]).port
        return 0

    def _shown(self, node: Any) -> display_settings.Shown:
        """:raises ConfigError: no display could show that, or to nobody."""
        launching.check_provider()
        _network()
        return display_settings.Shown.of(node, self.app)

    def _kept(self, node: Any, shown: display_settings.Shown,
              ) -> base.OpenedConsole | None:
        """The display that runs, if it shows that and lets us in."""
        console = self._recorded(node, shown)
        if not console or not launching.may_run(node.uuid):
            return None
        try:
            self._look(console, _LOOK_TIMEOUT)
        except DriverError as exc:
            LOG.info('The display at %s does not let us in: %s',
                     console.endpoint.address, exc)
            return None
        return console

    def _recorded(self, node: Any, shown: display_settings.Shown,
                  ) -> base.OpenedConsole | None:
        """The display that was started last, if it shows that."""
        info = node.driver_internal_info
        stored = info.get(nodes.CREDENTIAL_KEY)
        if not _is_of(node, self.kind) or not isinstance(stored, Mapping):
            return None
        password, digest = stored.get('password'), stored.get(_DIGEST_KEY)
        if not isinstance(password, str) or not isinstance(digest, str):
            return None
        try:
            endpoint = Endpoint.from_dict(info[nodes.ENDPOINT_KEY])
        except ConfigError:
            return None
        if not hmac.compare_digest(digest.encode(),
                                   shown.digest(password).encode()):
            return None
        return base.OpenedConsole(endpoint, dict(stored))

    def _look(self, console: base.OpenedConsole, patience: float) -> None:
        """:raises DriverError: the display does not let us in."""
        assert console.credential
        VncReadiness(_network(), self._clock, patience).find_way_in(
            [console.endpoint],
            Credential(Secret(console.credential['password'])))


def checking(kind: str) -> Any:
    """Make the periodic task that looks after the displays of an interface.

    Ironic runs it for the interface's own class only, and wants to know
    beforehand which nodes those are.
    """
    @periodics.node_periodic(
        purpose=f'checking the displays of {kind}',
        spacing=base.check_spacing,
        enabled=base.checks_enabled,
        filters={'console_enabled': True, 'maintenance': False},
        predicate_extra_fields=['console_interface', 'driver_internal_info'],
        predicate=lambda node: node.console_interface == kind
        and _is_of(node, kind))
    @base.one_by_one
    def _check(self: DisplayConsole, task: Any, manager: Any, context: Any,
               ) -> None:
        """Start again what should run."""
        if not self.patience.allows(task.node):
            return
        try:
            self.repair(task)
        except (ConfigError, DriverError, exception.ConsoleError) as exc:
            if isinstance(exc.__cause__, DisplayTimeout):
                # It has cost all that wait their turn half a minute.
                self.patience.silent(
                    task.node, CONF.ironic_console.console_check_interval)
            text = f'{console_record.NOT_RUNNING}{exc}'
            if console_record.is_news(task.node, text):
                task.upgrade_lock()
                console_record.report(task.node, text)
                task.node.save()

    return _check


def _network() -> Network:
    """:raises ConfigError: the networks that are allowed are none."""
    return Network(AddressPolicy(parse_networks(
        CONF.ironic_console.endpoint_networks)))


def _is_of(node: Any, kind: str) -> bool:
    return nodes.has_console_of(node.driver_internal_info, kind)
