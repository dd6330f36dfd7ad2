# SPDX-License-Identifier: Apache-2.0
"""Which displays no console needs any more; those are stopped.

Ironic stops a console where the node is now and with the interface that it
has now. What was started elsewhere or by another one is left running: when a
node went to another conductor, or had its console_interface changed.

A display is needed when the record of its node leads to it. Whoever starts or
keeps one has the node's lock, and so has whoever stops one here: what is
being started is left alone, and nothing starts in between.
"""

import contextlib
from typing import Any

from ironic import objects
from ironic.common import context, exception
from ironic.conductor import task_manager
from oslo_log import log

from ironic_console.common import nodes
from ironic_console.common.endpoint import Endpoint
from ironic_console.common.errors import ConfigError, DisplayError
from ironic_console.drivers.display_providers.base import (
    Address,
    DisplayProvider,
)

LOG = log.getLogger(__name__)

_FIELDS = ['uuid', 'console_enabled', 'console_interface',
           'driver_internal_info']


def stop_unneeded(provider: DisplayProvider) -> None:
    """Look once, with one query if nothing has to be stopped.

    :raises DisplayError: one may still run that should not.
    """
    displays = provider.displays()
    if not displays:
        return
    admin = context.get_admin_context()
    found = {node.uuid: node for node in objects.Node.list(
        admin, filters={'uuid_in': sorted(displays)}, fields=_FIELDS)}
    failures = []
    for uuid, address in displays.items():
        if _objection(found.get(uuid), address):
            try:
                _stop(admin, provider, uuid)
            except DisplayError as exc:
                failures.append(f'node {uuid}: {exc}')
    if failures:
        raise DisplayError('; '.join(failures))


def _stop(admin: Any, provider: DisplayProvider, uuid: str) -> None:
    """Stop that of a node if it still is not needed."""
    with contextlib.ExitStack() as stack:
        try:
            # Whoever has the lock may be starting one, and there is a next
            # look.
            node = stack.enter_context(task_manager.acquire(
                admin, uuid, purpose='stopping a display that is not needed',
                retry=False, load_driver=False)).node
        except exception.NodeNotFound:
            node = None
        except exception.NodeLocked:
            return
        displays = provider.displays()
        reason = uuid in displays and _objection(node, displays[uuid])
        if reason:
            LOG.info('Node %s: a display is stopped here, since %s', uuid,
                     reason)
            provider.stop_display(uuid)


def _objection(node: Any | None, address: Address) -> str:
    """Why a node does not need a display there; '' if it does."""
    if node is None:
        return 'there is no such node any more'
    if not node.console_enabled:
        return 'its console is not enabled'
    try:
        endpoint = Endpoint.from_dict(
            node.driver_internal_info.get(nodes.ENDPOINT_KEY))
    except ConfigError:
        return 'its console does not run'
    if endpoint.kind != node.console_interface:
        return f'its console_interface is {node.console_interface} now'
    if address and address != (endpoint.host, endpoint.port):
        return f'its console is at {endpoint.address} now'
    return ''
