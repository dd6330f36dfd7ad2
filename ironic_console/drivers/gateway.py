# SPDX-License-Identifier: Apache-2.0
"""Where Nova finds the console of a node, if there is a gateway.

What the gateway does with those who come is the proxy's business
(novncproxy/gateway.py).
"""

import contextlib
import ipaddress
import socket
import time
from typing import Any

from ironic.conf import CONF
from oslo_log import log

from ironic_console.common import gateway_ports, nodes
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.errors import ConfigError

LOG = log.getLogger(__name__)

# Nova connects as soon as Ironic says that the console is enabled. Time that
# a port of the gateway gets to open until then, seconds.
_OPEN_TIMEOUT, _OPEN_INTERVAL = 5.0, 0.1


def address_of(node: Any) -> tuple[str, int] | None:
    """Find the port of a node.

    :returns: host and port; ``None`` if there is no gateway.
    :raises ConfigError: it has no port for the node, or no address.
    """
    ours = CONF.ironic_console
    if not ours.gateway_host:
        return None
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(ours.gateway_host).is_unspecified:
            raise ConfigError(
                f'[ironic_console]gateway_host is {ours.gateway_host}, where '
                'one can listen but nobody can connect to; name in the '
                "conductor's configuration the address at which Nova "
                'reaches the gateway')
    return ours.gateway_host, gateway_ports.port_of(
        node.id, gateway_ports.parse_ports(ours.gateway_port_range))


def is_told(node: Any, address: tuple[str, int]) -> bool:
    """Nova is told so already."""
    info = node.driver_internal_info
    return bool((info.get(nodes.HOST_KEY), info.get(nodes.PORT_KEY))
                == address)


def wait_until_open(node: Any, address: tuple[str, int], clock: Clock,
                    ) -> None:
    """Wait for a port to open that Nova is told of now.

    A proxy that does not run must not keep consoles from being enabled, so
    there is an end to that. To connect costs nothing: the gateway asks no
    BMC before it has heard RFB.
    """
    deadline = Deadline(clock, _OPEN_TIMEOUT, 'gateway')
    while True:
        try:
            socket.create_connection(address, max(
                deadline.remaining(), _OPEN_INTERVAL)).close()
            return
        except OSError as exc:
            reason = exc
        if deadline.remaining() <= _OPEN_INTERVAL:
            LOG.warning(
                'Nova will not reach the console of node %s before the '
                'gateway opens its port %d at %s; is ironic-console-'
                'novncproxy running, and can it be reached from here? %s',
                node.uuid, address[1], address[0], reason)
            return
        time.sleep(_OPEN_INTERVAL)
