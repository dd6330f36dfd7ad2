# SPDX-License-Identifier: Apache-2.0
"""``ironic-console-url``: the URL of a console, or how to open it with a
viewer of one's own.

For users: it needs neither Ironic's configuration nor its database, only the
``openstack`` program and the proxy. Tickets never stand on a command line.
"""

import argparse
import http.client
import json
import os
import shlex
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from ironic_console.common import console_url
from ironic_console.common.console_url import ConsoleUrl
from ironic_console.common.errors import ConfigError

PROGRAM = 'ironic-console-url'
_EXAMPLES = '''\
examples:
  ironic-console-url rack7-node3
  ironic-console-url --viewer --ticket-file ticket rack7-node3

The cloud is that of the usual variables, OS_CLOUD and the like.
'''
# A cloud that is slow to answer, and a proxy that may be, seconds.
_CLI_TIMEOUT, _PROXY_TIMEOUT = 120.0, 15.0
_MAX_ANSWER_BYTES = 64 * 1024
_MAX_TEXT = 500


class _Failed(Exception):
    """What to say before ending with status 1."""


def main(argv: Sequence[str] | None = None) -> int:
    """:returns: exit status."""
    arguments = _parser().parse_args(argv)
    try:
        url = (arguments.node if '://' in arguments.node
               else _find(arguments.node))
        if arguments.viewer:
            _explain(console_url.parse(url), arguments)
        else:
            print(url)
    except (_Failed, ConfigError) as exc:
        print(f'{PROGRAM}: {exc}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description='Print the URL of the console of a node,\n'
        'or how to open it with a VNC viewer such as TigerVNC\'s vncviewer.',
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'node', metavar='NODE|URL', help='name or UUID of a node, of which '
        '"openstack baremetal node console show" is asked, or what that '
        'printed; "-" reads the URL from standard input')
    parser.add_argument(
        '--viewer', action='store_true', help='say how to connect with a '
        'VNC viewer instead')
    parser.add_argument(
        '--ticket-file', metavar='FILE', help='with --viewer: put the '
        'password into this file, which only you can read, and do not print '
        'it')
    parser.add_argument(
        '--ca-file', metavar='FILE', help='PEM file with the CAs that vouch '
        'for the proxy; those of the system if not given')
    parser.add_argument('--host', help='instead of that in the URL')
    parser.add_argument('--port', type=int,
                        help='instead of what the proxy says')
    return parser


def _find(node: str) -> str:
    """:returns: the URL, from standard input or the cloud."""
    if node == '-':
        return sys.stdin.readline().strip()
    return _ask_cloud(node)


def _ask_cloud(node: str) -> str:
    """Have the command line client ask for a fresh URL."""
    argv = ['openstack', 'baremetal', 'node', 'console', 'show', '-f',
            'json', '--', node]
    try:
        done = subprocess.run(  # noqa: S603
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=_CLI_TIMEOUT, check=False)
    except FileNotFoundError:
        raise _Failed('the program openstack is not installed (pip install '
                      'python-openstackclient python-ironicclient); or give '
                      'the URL instead of the node') from None
    except subprocess.TimeoutExpired:
        raise _Failed(f'"{shlex.join(argv)}" did not answer within '
                      f'{_CLI_TIMEOUT:g} s') from None
    if done.returncode:
        raise _Failed(f'"{shlex.join(argv)}" failed: '
                      f'{done.stderr.strip()[-_MAX_TEXT:]}')
    return _url_in(node, done.stdout)


def _url_in(node: str, answer: str) -> str:
    try:
        shown = json.loads(answer)
        enabled, info = shown['console_enabled'], shown['console_info']
    except (ValueError, KeyError, TypeError):
        raise _Failed('openstack printed no console in JSON') from None
    if not enabled or not isinstance(info, dict) or not info.get('url'):
        raise _Failed(
            f'the console of {node} is switched off; switch it on with '
            f'"openstack baremetal node console enable {shlex.quote(node)}"')
    if info.get('type') != 'vnc':
        raise _Failed(f'the console of {node} is of the type '
                      f'{info.get("type")!r} and not vnc')
    return str(info['url'])


def _explain(link: ConsoleUrl, arguments: argparse.Namespace) -> None:
    verdict = _ask_proxy(link, arguments.ca_file)
    port = arguments.port or verdict.get('viewer_port')
    if not port:
        raise _Failed('this proxy has no port for viewers; its operator can '
                      'open one with [ironic_console]viewer_port')
    host = arguments.host or link.host
    print(f'Host:       {host}')
    print(f'Port:       {port}')
    print(f'User name:  {link.node}')
    command = ['vncviewer', '-SecurityTypes=X509Plain']
    if arguments.ca_file:
        command.append(f'-X509CA={arguments.ca_file}')
    place = f'[{host}]' if ':' in host else host
    line = shlex.join([*command, f'{place}::{port}'])
    if arguments.ticket_file:
        _write_ticket(arguments.ticket_file, link)
        path = shlex.quote(arguments.ticket_file)
        print(f'Password:   in the file {path}')
        print('With TigerVNC:')
        print(f'  VNC_USERNAME={shlex.quote(link.node)} '
              f'VNC_PASSWORD="$(cat {path})" {line}')
    else:
        print(f'Password:   {link.token.reveal()}')
        print('With TigerVNC, which asks for both:')
        print(f'  {line}')
    if verdict.get('read_only'):
        print('This console only shows the screen; nobody can type.')


def _ask_proxy(link: ConsoleUrl, ca_file: str | None) -> dict[str, Any]:
    """Ask whether the ticket is good, and for the port of viewers."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as exc:
        raise _Failed(f'--ca-file {ca_file}: {exc}') from None
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=context))
    try:
        status, body = _fetch(opener, link.websocket.reveal())
    # Its text may quote what it does not like, ticket included.
    except http.client.InvalidURL:
        raise _Failed(f'the URL cannot be used: its port is no number, or '
                      f'there are blanks in it; {link.host} was not asked',
                      ) from None
    except http.client.HTTPException as exc:
        raise _Failed(f'what answers at {link.host} is not ironic-console-'
                      f'novncproxy: it broke HTTP ({type(exc).__name__})',
                      ) from None
    except OSError as exc:
        raise _Failed(f'{link.host} cannot be asked: '
                      f'{getattr(exc, "reason", exc)}') from None
    if status == http.HTTPStatus.OK:
        return _verdict_in(body)
    raise _Failed(_reason_in(body)
                  or f'{link.host} answered with HTTP {status}')


def _fetch(opener: urllib.request.OpenerDirector, url: str,
           ) -> tuple[int, bytes]:
    try:
        answer = opener.open(url, timeout=_PROXY_TIMEOUT)
    except urllib.error.HTTPError as exc:
        answer = exc
    with answer:
        return answer.status, answer.read(_MAX_ANSWER_BYTES)


def _verdict_in(body: bytes) -> dict[str, Any]:
    try:
        verdict = json.loads(body)
    except ValueError:
        verdict = None
    if not isinstance(verdict, dict) or verdict.get('status') != 'ok':
        raise _Failed('what answers there is not ironic-console-novncproxy')
    return verdict


def _reason_in(body: bytes) -> str:
    try:
        return str(json.loads(body)['reason'])[:_MAX_TEXT]
    except (ValueError, KeyError, TypeError):
        return ''


def _write_ticket(path: str, link: ConsoleUrl) -> None:
    """Nobody else may read it, not for a moment."""
    try:
        # One that is there may be readable for others, or open.
        descriptor, made = tempfile.mkstemp(dir=os.path.dirname(path) or '.')
        with os.fdopen(descriptor, 'w') as file:
            file.write(link.token.reveal() + '\n')
        os.replace(made, path)
    except OSError as exc:
        raise _Failed(f'--ticket-file: {exc}') from None
