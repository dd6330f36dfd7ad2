# SPDX-License-Identifier: Apache-2.0
"""A test card for VNC viewers, without Ironic.

``python -m ironic_console.drivers.testcard --port 5901``
"""

import argparse
import sys
import threading
from collections.abc import Sequence

from ironic_console.common.errors import ConsoleError
from ironic_console.drivers.testcard.server import TestCardServer
from ironic_console.drivers.testcard.settings import CardSettings, Fault


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition('x')
    return int(width), int(height)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m ironic_console.drivers.testcard',
        description='Show a test card to VNC viewers until Ctrl-C.')
    parser.add_argument('--host', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=0,
                        help='0 is any free one, the default')
    parser.add_argument('--size', type=_size, default=(1024, 768),
                        metavar='WIDTHxHEIGHT')
    parser.add_argument('--name', default='demo')
    parser.add_argument('--uuid',
                        default='00000000-0000-0000-0000-000000000000')
    parser.add_argument('--fault', type=Fault, default=Fault.NONE,
                        choices=list(Fault), metavar='|'.join(
                            fault.value for fault in Fault))
    parser.add_argument('--fault-seconds', type=float, default=5.0)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one card.

    :returns: exit status.
    """
    options = _parser().parse_args(arguments)
    server = TestCardServer()
    try:
        width, height = options.size
        port = server.open(CardSettings(
            options.uuid, options.name, width, height, options.host,
            options.port, options.fault, options.fault_seconds))
        print(f'port {port}', flush=True)
        threading.Event().wait()
    except ConsoleError as exc:
        print(exc, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        server.stop()
    return 0


if __name__ == '__main__':
    sys.exit(main())
