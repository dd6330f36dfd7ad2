# SPDX-License-Identifier: Apache-2.0
"""What all our console interfaces share. It knows no vendor.

    driver_info ─▶ Endpoint ─▶ node record ─▶ ticket ─▶ URL

A driver says how ``driver_info`` becomes a running console
(:meth:`VNCConsole.check_settings`, ``open_console``, ``close_console``);
everything that Ironic, Nova and the proxy rely on is kept here.
"""

import abc
import dataclasses
import functools
import traceback
from collections.abc import Callable
from typing import Any

from ironic.common import exception
from ironic.conductor import periodics
from ironic.conf import CONF
from ironic.drivers import base
from oslo_log import log

from ironic_console.common import console_url, nodes, tickets
from ironic_console.common.clock import Clock
from ironic_console.common.conf import console as console_conf
from ironic_console.common.endpoint import Endpoint, parse_sharing
from ironic_console.common.errors import (
    BmcUnreachable,
    ConfigError,
    DisplayError,
    DriverError,
)
from ironic_console.common.secret import Secret
from ironic_console.drivers import (
    console_record,
    database_errors,
    driver_info,
    gateway,
    hardware,
)

console_conf.register_opts(CONF)

LOG = log.getLogger(__name__)

READ_ONLY_KEY = 'console_read_only'
SHARING_KEY = 'console_sharing'
#: What every driver of ours understands.
PROPERTIES = {
    READ_ONLY_KEY: 'Whether console URLs that are made from now on only show '
                   'the screen: true or false (the default). Optional.',
    SHARING_KEY: 'What happens to a second session of the console: shared '
                 '(it is let in), refuse, or takeover (its user is asked '
                 'whether the first has to go); from the next "console '
                 'enable" on. Optional; default is [ironic_console]sharing '
                 'of the proxy.',
}


# By kind: those of this conductor. One can be asked to stop what another has
# started.
_interfaces: dict[str, 'VNCConsole'] = {}


@dataclasses.dataclass(frozen=True)
class OpenedConsole:
    """A console that runs.

    :ivar endpoint: for our proxy.
    :ivar credential: what the endpoint's authentication needs, by name;
        ``None`` when it asks for nothing.
    :ivar plain_host: where Nova's and the in-tree proxy connect; the
        endpoint itself unless they need another way in.
    :ivar plain_port: likewise.
    """

    endpoint: Endpoint
    credential: dict[str, str] | None = None
    plain_host: str = ''
    plain_port: int = 0


class VNCConsole(base.ConsoleInterface, abc.ABC):
    """Rules of a console interface, towards Ironic.

    Ironic runs :meth:`validate` and :meth:`get_console` for every GET, so
    they never talk to a BMC. It runs :meth:`start_console` at "console
    enable", after a deployment and at every start of a conductor, and
    :meth:`stop_console` at "console disable" and in a tear-down, which must
    go on without a BMC.

    :cvar kind: name of the console interface, which its endpoints and its
        changes of a BMC bear.
    """

    kind: str

    def __init__(self) -> None:
        super().__init__()
        _interfaces[self.kind] = self
        self._clock = Clock()
        database_errors.hide_secrets()
        if CONF.ironic_console.extend_hardware_types:
            hardware.support(type(self))

    # -- for the drivers ---------------------------------------------------

    @abc.abstractmethod
    def check_settings(self, node: Any) -> None:
        """Check ``driver_info``, asking nobody.

        :raises ConfigError: naming the key and what is allowed.
        """

    @abc.abstractmethod
    def open_console(self, task: Any) -> OpenedConsole:
        """Make the console run, or find that it does.

        :raises ConfigError: ``driver_info`` is wrong.
        :raises DriverError: saying what to do; it becomes ``last_error``.
        """

    @abc.abstractmethod
    def close_console(self, task: Any) -> None:
        """Make the console stop; one that does not run is fine.

        :raises ConfigError: ``driver_info`` is wrong by now.
        :raises DriverError: it may still run, and what to do.
        """

    # -- for Ironic --------------------------------------------------------

    def validate(self, task: Any) -> None:
        """:raises InvalidParameterValue: the console cannot work so."""
        _is_read_only(task.node)
        if not CONF.vnc.public_url:
            raise exception.MissingParameterValue(
                'Console URLs cannot be made: set [vnc]public_url to the '
                'address of the console page, for example '
                'https://console.example.org:6090/console.html')
        try:
            gateway.address_of(task.node)
            _sharing(task.node)
            self.check_settings(task.node)
        except ConfigError as exc:
            raise exception.InvalidParameterValue(str(exc)) from exc

    def start_console(self, task: Any) -> None:
        """Start the console and publish it in one write of the node.

        A secret that is still good is kept, so that neither a restart of
        the conductor nor a deployment ends sessions or breaks links. Neither
        does a BMC that is out of reach just then, or that nobody starts
        displays yet: what ran stays, and a later look decides.

        :raises ironic.common.exception.ConsoleError: with the reason. To
            Ironic the console is disabled then, so it leaves no trace.
        """
        node = task.node
        before = nodes.console_of(node.driver_internal_info)
        try:
            self.start_again(task)
        except exception.ConsoleError as exc:
            if (_may_pass(exc.__cause__)
                    and node.console_enabled and self._runs(node)
                    and before == nodes.console_of(
                        node.driver_internal_info)):
                LOG.warning('Node %s: its console is left as it was, to be '
                            'looked at later: %s', node.uuid, exc)
                return
            console_record.keep(node, console_record.without_console(
                node.driver_internal_info))
            raise

    def start_again(self, task: Any) -> None:
        """Likewise, for a console that should run and does not; if that
        fails, what is known of it stays for another try.

        :raises ironic.common.exception.ConsoleError: with the reason.
        """
        node = task.node
        try:
            door = gateway.address_of(node)
            sharing = _sharing(node)
            self._close_others(task)
            console = self.open_console(task)
        except (ConfigError, DriverError) as exc:
            raise exception.ConsoleError(str(exc)) from exc
        endpoint = dataclasses.replace(console.endpoint, sharing=sharing)
        host, port = door or (console.plain_host or endpoint.host,
                              console.plain_port or endpoint.port)
        is_news = bool(door and not gateway.is_told(node, door))
        now = self._clock.now()
        secret, created = self._secret(node, now)
        info = console_record.without_console(node.driver_internal_info)
        info |= {
            nodes.ENDPOINT_KEY: endpoint.to_dict(),
            nodes.HOST_KEY: host,
            nodes.PORT_KEY: port,
            nodes.TOLD_KEY: [host, port],
            nodes.SECRET_KEY: secret,
            nodes.CREATED_KEY: created,
        }
        if console.credential is not None:
            info[nodes.CREDENTIAL_KEY] = console.credential
        node.driver_internal_info = info
        console_record.forgive(node, console_record.NOT_RUNNING)
        node.save()
        if door and is_news:
            gateway.wait_until_open(node, door, self._clock)
        LOG.info('Console of node %s runs at %s', node.uuid, endpoint.address)

    def stop_console(self, task: Any) -> None:
        """Stop the console, whichever interface of ours has started it, and
        take every trace of it from the node.

        ``console_enabled`` is left to Ironic: a tear-down keeps it, so that
        the next deployment has a console again. If the BMC is out of reach,
        the node's history says so. ``last_error`` does as well, but Ironic
        empties that at the end of "console disable", and the next look at
        the BMC has to say it again.
        """
        node = task.node
        self._close_others(task)
        stopped = self._close(task, self.kind)
        info = console_record.without_console(node.driver_internal_info)
        if stopped:
            info = console_record.without_changes(info, self.kind)
            LOG.info('Console of node %s is stopped', node.uuid)
        node.driver_internal_info = info
        node.save()

    def get_console(self, task: Any) -> dict[str, str]:
        """Make a fresh link; nothing is written.

        :returns: ``type`` (always "vnc", which Nova checks) and ``url``.
        :raises NodeConsoleNotEnabled: it does not run, although Ironic may
            remember that it should after the next deployment, or that
            another interface has started one.
        :raises InvalidParameterValue: it is to be read-only and the link
            cannot say so.
        """
        node = task.node
        token = node.driver_internal_info.get(nodes.SECRET_KEY)
        if not token or not self._runs(node):
            raise exception.NodeConsoleNotEnabled(node=node.uuid)
        read_only = _is_read_only(node)
        if CONF.ironic_console.token_format == console_conf.SIGNED:
            token = tickets.issue(Secret(token), node.uuid, self._clock.now(),
                                  CONF.vnc.token_timeout, read_only)
        return {'type': 'vnc', 'url': console_url.build(
            CONF.vnc.public_url, node.uuid, token)}

    def get_properties(self) -> dict[str, str]:
        """Tell what can be set; a driver adds its own to ``PROPERTIES``.

        :returns: keys of ``driver_info`` with a sentence for each.
        """
        return dict(PROPERTIES)

    @periodics.node_periodic(
        purpose='keeping plain console tokens valid',
        spacing=lambda: min(CONF.vnc.expire_console_session_interval,
                            CONF.vnc.token_timeout / 3),
        enabled=lambda: CONF.ironic_console.token_format ==
        console_conf.PLAIN,
        filters={'console_enabled': True},
        predicate_extra_fields=['driver_internal_info'],
        predicate=lambda node: nodes.ENDPOINT_KEY in
        node.driver_internal_info,
        shared_task=False)
    def _renew_plain_token(self, task: Any, manager: Any, context: Any,
                           ) -> None:
        """Let the in-tree proxy go on accepting the token.

        It counts a token's age from its creation. Signed tickets bring
        their own times and need none of this.
        """
        task.node.set_driver_internal_info(
            nodes.CREATED_KEY, nodes.format_time(self._clock.now()))
        task.node.save()

    # ----------------------------------------------------------------------

    def _runs(self, node: Any) -> bool:
        """This interface was the last that started a console."""
        info = node.driver_internal_info
        return nodes.is_ours(info) and nodes.has_console_of(info, self.kind)

    def _close_others(self, task: Any) -> None:
        """Stop what other interfaces of ours have started, before one that
        Ironic lets people change as they like."""
        info = task.node.driver_internal_info
        for key in (nodes.ENDPOINT_KEY, nodes.CHANGES_KEY):
            kind = nodes.kind_of(info.get(key))
            if kind and kind != self.kind and self._close(task, kind):
                info = console_record.without_traces(info, kind)
                console_record.keep(task.node, info)

    def _close(self, task: Any, kind: str) -> bool:
        """:returns: it is stopped for sure; raising instead would make the
            tear-down of a node fail."""
        try:
            interface = (self if kind == self.kind
                         else _interfaces.get(kind))
            if interface is None:
                raise ConfigError(
                    f'it was started by the console interface {kind}, which '
                    'this conductor does not have; add that to [DEFAULT]'
                    'enabled_console_interfaces')
            interface.close_console(task)
        except (ConfigError, DriverError) as exc:
            console_record.report(
                task.node, f'{console_record.NOT_STOPPED}{exc}')
            return False
        return True

    def _secret(self, node: Any, now: Any) -> tuple[str, str]:
        info = node.driver_internal_info
        secret = info.get(nodes.SECRET_KEY)
        created = info.get(nodes.CREATED_KEY)
        fresh = nodes.format_time(now)
        if (not nodes.is_ours(info) or not secret
                or nodes.parse_time(created) is None):
            return tickets.new_secret(), fresh
        if CONF.ironic_console.token_format == console_conf.PLAIN:
            return secret, fresh
        return secret, created


def check_spacing() -> float:
    """:returns: seconds between two looks of a periodic task."""
    return max(float(CONF.ironic_console.console_check_interval), 1.0)


def checks_enabled() -> bool:
    return bool(CONF.ironic_console.console_check_interval > 0)


def one_by_one(check: Callable[..., None]) -> Callable[..., None]:
    """Make of a check of one node one that never ends those of others.

    What Ironic raises while it looks for a node is left to Ironic. Anything
    else that gets here is a fault of ours, whose words may quote secrets.
    """
    @functools.wraps(check)
    def checked(self: Any, task: Any, *args: Any) -> None:
        try:
            check(self, task, *args)
        except (exception.NodeNotFound, exception.NodeLocked,
                periodics.Stop):
            raise
        except Exception as exc:
            place = traceback.extract_tb(exc.__traceback__)[-1]
            LOG.error(
                'Node %s: its console was not checked; please report this '
                'fault: %s at %s:%s', task.node.uuid, type(exc).__name__,
                place.filename, place.lineno)
    return checked


def _may_pass(cause: BaseException | None) -> bool:
    """Whether a later look may find that a console runs, or make it run."""
    return isinstance(cause, BmcUnreachable) or (
        isinstance(cause, DisplayError) and checks_enabled())


def _is_read_only(node: Any) -> bool:
    """Whether new links of a node may only show its screen.

    :raises InvalidParameterValue: nobody can tell, or the links cannot.
    """
    try:
        read_only = driver_info.flag(node.driver_info, READ_ONLY_KEY)
    except ConfigError as exc:
        raise exception.InvalidParameterValue(str(exc)) from exc
    if read_only and CONF.ironic_console.token_format == console_conf.PLAIN:
        raise exception.InvalidParameterValue(
            f'driver_info/{READ_ONLY_KEY} is set, but a plain token cannot '
            'say so: set [ironic_console]token_format to signed, or '
            f'{READ_ONLY_KEY} to false')
    return read_only


def _sharing(node: Any) -> str:
    """What happens to a second session; '' for what the proxy does.

    :raises ConfigError: what the node says is nothing that can happen.
    """
    value = node.driver_info.get(SHARING_KEY)
    if value is None or value == '':
        return ''
    return parse_sharing(value, f'driver_info/{SHARING_KEY}')
