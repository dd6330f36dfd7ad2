# SPDX-License-Identifier: Apache-2.0
"""``ironic-console-display-manager``: starts displays with podman.

It serves ``[ironic_console]display_directory`` of the conductor on this host
([vnc]container_provider = display-files). When it ends, displays go on; the
next one finds them.
"""

import argparse
import hashlib
import ipaddress
import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Sequence

from ironic_console.common.errors import ConfigError, ConsoleError
from ironic_console.drivers.displays.manager.manager import Manager, Places
from ironic_console.drivers.displays.manager.podman import (
    Engine,
    Limits,
    Podman,
    allow_sandbox,
)
from ironic_console.drivers.displays.private_folder import PrivateFolder
from ironic_console.drivers.displays.spool import IMAGE_UID, Spool

LOG = logging.getLogger(__name__)

PROGRAM = 'ironic-console-display-manager'
_DESCRIPTION = '''\
Run the displays of the conductor on this host in podman's containers, where
[vnc]container_provider is display-files. Displays go on when it ends, and the
next one finds them.
'''
_EXAMPLES = '''\
examples:
  ironic-console-display-manager --publish 192.0.2.10
  ironic-console-display-manager --publish 0.0.0.0 --address 198.51.100.7 \\
      --network bmcs --memory 2g

It runs until SIGTERM or SIGINT, with status 0, or ends at once with status 1
and says why.
'''
_SECCOMP = 'seccomp.json'


def main(argv: Sequence[str] | None = None) -> int:
    """:returns: exit status."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO,
                        format='%(levelname)s %(message)s')
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        engine = _engine(arguments)
        with (Spool(arguments.directory) as spool,
              PrivateFolder(arguments.state_directory) as private):
            spool.lock()
            places = Places(spool, private,
                            IMAGE_UID if os.geteuid() == 0 else None)
            podman = Podman(engine, spool_name(arguments.directory),
                            _seccomp(private))
            Manager(places, podman).run(stopping)
    except ConsoleError as exc:
        print(f'{PROGRAM}: {exc}', file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description=_DESCRIPTION, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--directory', metavar='FOLDER',
        default='/run/ironic-console-displays',
        help='[ironic_console]display_directory of the conductor; default '
             '%(default)s')
    parser.add_argument(
        '--state-directory', metavar='FOLDER', default=f'/run/{PROGRAM}',
        help='for this program alone, in memory; default %(default)s')
    parser.add_argument(
        '--image', default='localhost/ironic-display',
        help='of displays, see tools/display-image; default %(default)s')
    parser.add_argument(
        '--publish', default='127.0.0.1', metavar='ADDRESS',
        help='address of this host at which displays listen; proxies have to '
             'reach it; default %(default)s')
    parser.add_argument(
        '--address', default='', metavar='ADDRESS',
        help='what proxies connect to, where that is not what --publish '
             'says')
    parser.add_argument(
        '--network', default='',
        help="of displays, which have to reach BMCs; default is podman's")
    parser.add_argument(
        '--memory', default='1g', metavar='SIZE',
        help="of one display; '' for no limit; default %(default)s")
    parser.add_argument(
        '--pids-limit', type=int, default=512, metavar='NUMBER',
        help='processes and threads of one display; 0 for no limit; default '
             '%(default)s')
    parser.add_argument(
        '--podman', default='podman', metavar='COMMAND',
        help='with global options, if need be; default %(default)s')
    parser.add_argument(
        '--podman-run-option', action='append', default=[], metavar='OPTION',
        help='for "podman run", such as --dns=192.0.2.1; may be repeated')
    return parser


def _engine(arguments: argparse.Namespace) -> Engine:
    """:raises ConfigError: naming the option."""
    if not arguments.publish:
        raise ConfigError('--publish needs an address')
    for option in ('publish', 'address'):
        value = getattr(arguments, option)
        try:
            is_nowhere = (bool(value) and
                          ipaddress.ip_address(value).is_unspecified)
        except ValueError:
            raise ConfigError(f'--{option} {value} is no IP address',
                              ) from None
        if is_nowhere and (option == 'address' or not arguments.address):
            raise ConfigError(f'nobody can connect to {value}, which is '
                              f'--{option}; say with --address to what else')
    command = shlex.split(arguments.podman)
    if not command:
        raise ConfigError('--podman is empty')
    return Engine(
        arguments.image, command, arguments.publish, arguments.address,
        arguments.network, Limits(arguments.memory, arguments.pids_limit),
        arguments.podman_run_option)


def spool_name(directory: str) -> str:
    """:returns: a name for the spool that is the same after a restart."""
    path = os.path.realpath(directory)
    return hashlib.sha256(path.encode()).hexdigest()[:12]


def _seccomp(private: PrivateFolder) -> str:
    profile = allow_sandbox()
    if profile is None:
        LOG.warning("podman's seccomp profile was not found, so Chromium may "
                    'have to run without its own sandbox in displays')
        return ''
    private.put(_SECCOMP, profile, 0o644)
    return os.path.join(private.path, _SECCOMP)


if __name__ == '__main__':
    sys.exit(main())
