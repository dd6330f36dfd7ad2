# SPDX-License-Identifier: Apache-2.0
"""``--check``: what a start would find on this host, without a start.

That options and files can be read has been found out before. It is run
beside a proxy that serves as well, and must not disturb that one.
"""

import errno
import pathlib
import socket

from ironic_console.common.errors import (
    ConfigError,
    NodeStoreUnavailable,
)
from ironic_console.common.nodes import NodeStore
from ironic_console.common.quotation import one_line
from ironic_console.novncproxy import resources
from ironic_console.novncproxy.admin import AdminFolder
from ironic_console.novncproxy.settings import Settings

# Of the gateway; a line has to end.
_MOST_NAMED = 5


def report(settings: Settings, pages: int, store: NodeStore) -> bool:
    """Say how things are, a line for each.

    :param pages: number of files of the page.
    :returns: the service could start.
    """
    print(f'Configuration: fine, {_workers(settings.workers)} at '
          f'{settings.listen.host} port {settings.listen.port}')
    print(f'Certificates: {_certificates(settings)}')
    print(f'Page: {pages} files')
    good = True
    for name, look in (('Runtime folder', _runtime_folder),
                       ('Ports', _ports)):
        try:
            print(f'{name}: {look(settings)}')
        except ConfigError as exc:
            print(f'{name}: {one_line(exc)}')
            good = False
    try:
        store.check()
        print('Database: fine')
    except NodeStoreUnavailable as exc:
        print(f'Database: {one_line(exc)}')
        good = False
    return good


def _workers(number: int) -> str:
    return '1 worker' if number == 1 else f'{number} workers'


def _certificates(settings: Settings) -> str:
    gateway, viewers = settings.gateway, settings.viewers
    found = [who for who, tls in (
        ('browsers', settings.listen.tls),
        ('the gateway', gateway and gateway.tls),
        ('viewers', viewers and viewers.tls)) if tls]
    fine = f'fine, for {" and ".join(found)}' if found else 'none'
    return fine if settings.listen.tls else (
        f'{fine}; browsers connect without TLS')


def _runtime_folder(settings: Settings) -> str:
    if not settings.runtime_dir:
        return 'fine, a temporary one'
    there = resources.check_runtime_folder(settings.runtime_dir)
    return 'fine' if there else 'fine, it will be made'


def _ports(settings: Settings) -> str:
    """Look at those that a start would open.

    :raises ConfigError: one can be had by nobody here.
    """
    wanted = [('[vnc]host_ip and [vnc]port', settings.listen)]
    if settings.metrics:
        wanted.append(('[ironic_console]metrics_host and metrics_port',
                       settings.metrics))
    if settings.viewers:
        wanted.append(('[vnc]host_ip and [ironic_console]viewer_port',
                       settings.viewers))
    busy = [str(place.port) for options, place in wanted
            if not _is_free(place.host, place.port, options)]
    if settings.gateway:
        policy = settings.gateway.policy
        doors = [str(port) for port in policy.ports if not _is_free(
            policy.host, port, '[ironic_console]gateway_host and '
                               'gateway_port_range')]
        busy += doors[:_MOST_NAMED]
        if more := len(doors[_MOST_NAMED:]):
            busy.append(f'{more} more of the gateway')
    if not busy:
        return 'fine, all are free'
    workers = _running_workers(settings)
    holder = (f'a proxy runs, with {_workers(workers)}' if workers else
              'by the proxy, if it runs; by nobody else, or it cannot start')
    return f'in use: {", ".join(busy)} ({holder})'


def _is_free(host: str, port: int, options: str) -> bool:
    """Take it for a moment, without listening, so that nobody gets lost.

    :raises ConfigError: it cannot be had, though nobody has it.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind) as sock:
            # As a start would: connections of the last one are no obstacle.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
    except (OSError, UnicodeError) as exc:
        if isinstance(exc, OSError) and exc.errno == errno.EADDRINUSE:
            return False
        raise ConfigError(f'cannot listen on {host} port {port} '
                          f'({options}): {exc}') from exc
    return True


def _running_workers(settings: Settings) -> int:
    if not settings.runtime_dir:
        return 0
    folder = AdminFolder(pathlib.Path(settings.runtime_dir))
    return sum('worker' in answer for answer in folder.ask_all(
        {'do': 'list'}))
