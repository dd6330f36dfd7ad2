# SPDX-License-Identifier: Apache-2.0
"""The simulator as a program; when it is ready it prints one line of JSON."""

import argparse
import json
import signal
import threading

from tests.simulators.html5_bmc import PROFILES, Html5Bmc, Knobs
from tests.simulators.redfish_bmc.control import parse_knob


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m tests.simulators.html5_bmc',
        description='A simulated BMC whose console is a web page.')
    parser.add_argument('--profile', choices=PROFILES, default='ilo5')
    parser.add_argument('--host', default='127.0.0.1',
                        help='address to listen on; default: %(default)s')
    parser.add_argument('--port', type=int, default=0,
                        help='of HTTPS; default: a free one')
    parser.add_argument('--knob', action='append', default=[],
                        metavar='NAME=VALUE', type=parse_knob,
                        help='what goes wrong; repeatable')
    return parser.parse_args()


def main() -> int:
    """:returns: exit status."""
    options = _parse()
    interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    try:
        knobs = Knobs(**dict(options.knob))
    except TypeError as exc:
        raise SystemExit(f'--knob: {exc}') from exc
    with Html5Bmc(options.profile, knobs,
                  address=(options.host, options.port)) as bmc:
        # Made up for tests; nothing real has this password.
        print(json.dumps({'url': bmc.url, 'ca_file': bmc.ca_file,
                          'username': bmc.username,
                          'password': bmc.password}), flush=True)
        interrupted.wait()
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
