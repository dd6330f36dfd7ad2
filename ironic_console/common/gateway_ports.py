# SPDX-License-Identifier: Apache-2.0
"""Which port of the gateway belongs to which node.

Conductors tell Nova, proxies listen; a node keeps its port for as long as it
exists, because Nova compares the port when somebody opens an old link.
"""

import contextlib

from ironic_console.common.errors import ConfigError


def parse_ports(text: str) -> range:
    """Read ``[ironic_console]gateway_port_range``.

    :param text: ``FIRST:LAST``, both included.
    :raises ConfigError: it is no range of ports.
    """
    first, _, last = text.partition(':')
    with contextlib.suppress(ValueError):
        ports = range(int(first), int(last) + 1)
        if ports and ports[0] > 0 and ports[-1] < 65536:
            return ports
    raise ConfigError(f'[ironic_console]gateway_port_range is {text!r}; it '
                      'must be FIRST:LAST, for example 16000:19999')


def port_of(number: int, ports: range) -> int:
    """The port of a node.

    :param number: of its row in the database, which nothing else ever has.
    :raises ConfigError: there are not enough ports.
    """
    if not 0 < number <= len(ports):
        raise ConfigError(
            f'[ironic_console]gateway_port_range has {len(ports)} ports, and '
            f'this is node number {number} of the database; make it longer '
            'at its end, in all conductors and proxies')
    return ports[number - 1]
