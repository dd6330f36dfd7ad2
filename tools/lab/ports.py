# SPDX-License-Identifier: Apache-2.0
"""Free TCP ports, and clear words about busy ones.

A port that is free now can be taken a moment later; whoever listens on it
has to report that itself.
"""

import contextlib
import errno
import random
import socket
from collections.abc import Iterator

LOOPBACK = '127.0.0.1'
# Below those that the kernel gives to whoever does not care, and to each who
# connects: of those any can be somebody's before a program has started, which
# takes seconds. The next ones are those of gateways.
_LOWEST, _HIGHEST = 10000, 15999


class PortError(Exception):
    """We cannot listen on a port."""

    def __init__(self, address: str, port: int, purpose: str, reason: str,
                 option: str = '') -> None:
        self.address = address
        self.port = port
        advice = f'; choose another with {option}' if option else ''
        super().__init__(f'port {port} of {address}, wanted for {purpose}: '
                         f'{reason}{advice}')


class PortBusy(PortError):
    """Something else listens on it."""


def free_port(address: str = LOOPBACK) -> int:
    """:returns: a TCP port on which nobody listens."""
    return free_ports(1, address)[0]


def free_ports(count: int, address: str = LOOPBACK) -> list[int]:
    """:returns: that many TCP ports, all different."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        for port in _candidates():
            if len(found) == count:
                break
            listener = stack.enter_context(
                socket.socket(_family(address), socket.SOCK_STREAM))
            with contextlib.suppress(OSError):
                listener.bind((address, port))
                found.append(listener.getsockname()[1])
        return found


def _candidates() -> Iterator[int]:
    """:returns: ports that may be free; at last the kernel chooses."""
    # At random, so that two processes do not find the same ones.
    yield from random.SystemRandom().sample(
        range(_LOWEST, _HIGHEST + 1), _HIGHEST + 1 - _LOWEST)
    while True:
        yield 0


def check_free(address: str, port: int, purpose: str,
               option: str = '') -> None:
    """Make sure that we can listen on a port.

    :param purpose: what the port is for, in words for the user.
    :param option: the command line option that chooses another one.
    :raises PortBusy: somebody listens there already.
    :raises PortError: the address is not one of this machine, or the port
        is for root only.
    """
    with socket.socket(_family(address), socket.SOCK_STREAM) as probe:
        # As servers do it: connections that are closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as exc:
            kind, reason = PortError, exc.strerror or str(exc)
            if exc.errno == errno.EADDRINUSE:
                kind, reason = PortBusy, 'is in use'
            raise kind(address, port, purpose, reason, option) from exc


def answers(address: str, port: int, timeout: float = 1.0) -> bool:
    """:returns: whether somebody accepts connections there."""
    try:
        socket.create_connection((address, port), timeout).close()
    except OSError:
        return False
    return True


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ':' in address else socket.AF_INET
