# SPDX-License-Identifier: Apache-2.0
"""``ironic-console-sessions``: who uses the consoles of this host's proxy.

It asks the workers through the sockets in ``[ironic_console]runtime_dir``, so
it runs as root or as the user of the service.
"""

import argparse
import json
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from oslo_config import cfg

from ironic_console.common.conf import console as console_conf
from ironic_console.common.quotation import one_line
from ironic_console.novncproxy.admin import AdminFolder
from ironic_console.novncproxy.close_reasons import MAX_REASON_BYTES

PROGRAM = 'ironic-console-sessions'
_DESCRIPTION = '''\
List, show and end the sessions of the console proxy on this host. It asks the
service through the sockets in [ironic_console]runtime_dir, so run it as root
or as the user of the service.
'''
_EXAMPLES = '''\
examples:
  ironic-console-sessions list
  ironic-console-sessions close 1be26c0b-03f2-4d2e-ae87-c02d7f33c123 \\
      --reason 'Firmware is being updated.'

The status is 0, or 1 when there was nothing to show or to end.
'''
_COLUMNS = (('id', 8), ('node', 36), ('name', 16), ('source', 15),
            ('opened', 25), ('mode', 10), ('state', 10))


class _Failed(Exception):
    """What to say before ending with status 1."""


def main(argv: Sequence[str] | None = None) -> int:
    """:returns: exit status; 1 also when there is nothing to show or
        close."""
    arguments = _parser().parse_args(argv)
    ask: Callable[..., int] = arguments.ask
    try:
        return ask(AdminFolder(_folder(arguments)), arguments)
    except (_Failed, cfg.Error) as exc:
        print(f'{PROGRAM}: {one_line(exc)}', file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description=_DESCRIPTION, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config-file', action='append', metavar='FILE',
                        help='configuration of Ironic, as the service reads '
                             'it; may be repeated; default is ironic.conf '
                             'in the usual places, such as /etc/ironic')
    parser.add_argument('--config-dir', action='append', metavar='FOLDER',
                        help='folder with more of it, *.conf, read after '
                             'the files; may be repeated')
    parser.add_argument('--runtime-dir', metavar='FOLDER',
                        help='instead of [ironic_console]runtime_dir; then '
                             'no configuration is read')
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    listing = commands.add_parser('list', help='all sessions')
    listing.add_argument('--json', action='store_true',
                         help='all that is known, for programs')
    listing.set_defaults(ask=_list)
    show = commands.add_parser('show', help='one session, all about it')
    show.add_argument('which', metavar='ID', help='id of a session')
    show.set_defaults(ask=_show)
    close = commands.add_parser(
        'close', help='end a session, or all of a node')
    close.add_argument('which', metavar='ID|NODE',
                       help='id of a session, or UUID of a node')
    close.add_argument('--reason', default='',
                       help=f'what the user is told, {MAX_REASON_BYTES} '
                            'bytes at most')
    close.set_defaults(ask=_close)
    return parser


def _folder(arguments: argparse.Namespace) -> pathlib.Path:
    path = arguments.runtime_dir
    if not path:
        conf = cfg.ConfigOpts()
        console_conf.register_opts(conf)
        conf([], project='ironic',
             default_config_files=arguments.config_file,
             default_config_dirs=arguments.config_dir)
        path = conf.ironic_console.runtime_dir
    if not path:
        raise _Failed('[ironic_console]runtime_dir is not set, so the '
                      'sockets of the service cannot be found; set it and '
                      'restart the service')
    folder = pathlib.Path(path)
    try:
        if not any(folder.iterdir()):
            raise _Failed(f'no service runs with runtime_dir {path}')
    except OSError as exc:
        raise _Failed(f'{path} cannot be read: {exc.strerror}; run this as '
                      'root or as the user of the service') from exc
    return folder


def _sessions(folder: AdminFolder) -> list[dict[str, Any]]:
    found = [{**session, 'worker': answer['worker']}
             for answer in _ask(folder, {'do': 'list'})
             for session in answer['sessions']]
    return sorted(found, key=lambda session: str(session['opened']))


def _ask(folder: AdminFolder, question: dict[str, object],
         ) -> list[dict[str, Any]]:
    answers = list(folder.ask_all(question))
    if not answers:
        raise _Failed('no worker of the service answers')
    return answers


def _list(folder: AdminFolder, arguments: argparse.Namespace) -> int:
    sessions = _sessions(folder)
    if arguments.json:
        print(json.dumps(sessions, indent=2))
        return 0
    print('  '.join(name.upper().ljust(width) for name, width in _COLUMNS))
    for session in sessions:
        print('  '.join(str(session[name]).ljust(width)
                        for name, width in _COLUMNS))
    return 0


def _show(folder: AdminFolder, arguments: argparse.Namespace) -> int:
    for session in _sessions(folder):
        if session['id'] == arguments.which:
            print(json.dumps(session, indent=2))
            return 0
    raise _Failed(f'there is no session {arguments.which}')


def _close(folder: AdminFolder, arguments: argparse.Namespace) -> int:
    if len(arguments.reason.encode()) > MAX_REASON_BYTES:
        raise _Failed(f'the reason is longer than {MAX_REASON_BYTES} bytes')
    answers = _ask(folder, {'do': 'close', 'which': arguments.which.lower(),
                            'reason': arguments.reason})
    closed = sum(int(answer['closed']) for answer in answers)
    if not closed:
        raise _Failed(f'{arguments.which} has no session')
    print(f'{closed} closed')
    return 0


if __name__ == '__main__':
    sys.exit(main())
