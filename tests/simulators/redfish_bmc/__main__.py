# SPDX-License-Identifier: Apache-2.0
"""The simulator as a program; when it is ready it prints one line of JSON."""

import argparse
import contextlib
import json
import pathlib
import signal
import tempfile
import threading

from tests.helpers.certificates import Authority, Certificate
from tests.simulators.redfish_bmc.bmc import Identity, RedfishBmc
from tests.simulators.redfish_bmc.control import Control, parse_knob
from tests.simulators.redfish_bmc.knobs import UnknownKnob
from tests.simulators.redfish_bmc.profiles import PROFILES


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m tests.simulators.redfish_bmc',
        description='A simulated Dell BMC: Redfish over HTTPS, and a real VNC '
                    'server.')
    defaults = Identity()
    parser.add_argument('--profile', choices=PROFILES, default='idrac9')
    parser.add_argument('--host', default=defaults.host,
                        help='address to listen on; default: %(default)s')
    parser.add_argument('--port', type=int, default=0,
                        help='of HTTPS; default: a free one')
    parser.add_argument('--vnc-port', type=int, default=0,
                        help='VNCServer.1.Port at first; default: a free one')
    parser.add_argument('--control-port', type=int, default=0,
                        help='on loopback; default: a free one')
    parser.add_argument('--username', default=defaults.username)
    parser.add_argument('--password', default=defaults.password,
                        help='not a secret; default: %(default)s')
    parser.add_argument('--cert', type=pathlib.Path,
                        help='PEM; default: one of an authority of its own')
    parser.add_argument('--key', type=pathlib.Path, help='PEM')
    parser.add_argument('--folder', type=pathlib.Path,
                        help='for the certificate of that authority; default: '
                             'one that is removed at the end')
    parser.add_argument('--knob', action='append', default=[],
                        metavar='NAME=VALUE', type=parse_knob,
                        help='what goes wrong from the beginning; repeatable')
    options = parser.parse_args()
    if bool(options.cert) != bool(options.key):
        parser.error('--cert and --key need each other')
    return options


def _certificate(options: argparse.Namespace, folder: pathlib.Path,
                 ) -> tuple[Certificate, str]:
    """:returns: it, and the file of its authority, if that is ours."""
    if options.cert:
        return Certificate(options.cert.read_bytes(),
                           options.key.read_bytes()), ''
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority('BMC authority')
    path = folder / 'ca.pem'
    path.write_bytes(authority.pem)
    return authority.issue(options.host, 'localhost'), str(path)


def main() -> int:
    """:returns: exit status."""
    options = _parse()
    interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    identity = Identity(options.host, options.port, options.vnc_port,
                        options.username, options.password)
    with contextlib.ExitStack() as stack:
        certificate, ca_file = _certificate(
            options, options.folder or pathlib.Path(stack.enter_context(
                tempfile.TemporaryDirectory(prefix='bmc-ca-'))))
        try:
            bmc = stack.enter_context(RedfishBmc(
                certificate, options.profile, identity,
                **dict(options.knob)))
            control = Control(bmc, options.control_port)
        except UnknownKnob as exc:
            raise SystemExit(f'--knob: {exc}') from exc
        except OSError as exc:
            raise SystemExit(f'cannot listen: {exc}') from exc
        stack.callback(control.stop)
        print(json.dumps({
            'url': bmc.url, 'ca_file': ca_file, 'vnc_port': bmc.vnc_port,
            'control': control.url}), flush=True)
        interrupted.wait()
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
