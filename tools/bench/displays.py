#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print what consoles on web pages take: seconds from opening the link until
somebody sees the console, and memory, with and without viewers.

Ironic, proxy, Xvnc and both Chromiums (the user's and the display's) are
real; the BMC is simulated, without any delay. This is a measurement, not a
test: it fails for nothing.
"""

import contextlib
import dataclasses
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oslo_service import backend

# Whoever imports the proxy first chooses for the whole process.
backend.init_backend(backend.BackendType.THREADING)

from tests.browser.chromium import Chromium, chromium  # noqa: E402
from tests.helpers.display_nodes import (  # noqa: E402
    INTERFACES,
    DisplayNode,
    DisplayNodes,
    memory_of,
)
from tools.lab import novnc, ports  # noqa: E402
from tools.lab.ironic import LocalIronic  # noqa: E402
from tools.lab.proxy import LocalProxy  # noqa: E402

ROUNDS = 5
#: On the frame of every simulated console.
X, Y = 8, 300
WANTED_SECONDS, WANTED_MEGABYTES = 5, 40


@dataclasses.dataclass(frozen=True)
class Round:
    """One visit.

    :ivar idle: of the display before, bytes (PSS).
    :ivar seen: seconds until the user's browser shows the console.
    :ivar watched: of the display with it, bytes.
    """

    idle: int
    seen: float
    watched: int


def measure(ironic: LocalIronic, browser: Chromium, node: DisplayNode,
            ) -> Round:
    colour = node.bmc.profile.colour.to_bytes(3)
    link, idle = node.link(), memory_of(ironic)
    began = time.perf_counter()
    browser.open(link)
    browser.wait_pixel(X, Y, lambda pixel: all(
        abs(one - wanted) < 8 for one, wanted in zip(
            pixel, colour, strict=False)))
    seen = time.perf_counter() - began
    watched = memory_of(ironic)
    browser.open('about:blank')
    node.bmc.wait_for(lambda: not node.bmc.consoles and not
                      node.bmc.sessions, 'to be logged out')
    deadline = time.monotonic() + 30
    # Xvnc and what waits for viewers are left.
    while len(node.programs('')) > 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    return Round(idle, seen, watched)


def main() -> None:
    port = ports.free_port()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(
            tempfile.TemporaryDirectory(prefix='bench-')))
        ironic = stack.enter_context(LocalIronic(
            folder / 'ironic', hardware_types=('redfish',),
            console_interfaces=(*sorted(set(INTERFACES.values())),
                                'no-console'),
            options={
                'vnc': {'public_url': f'http://127.0.0.1:{port}/console.html',
                        'novnc_web': novnc.get(folder / 'npm.log'),
                        'container_provider': 'display-process'},
                'ironic_console': {'endpoint_networks': '127.0.0.0/8',
                                   'display_linger': 0}}))
        proxy = stack.enter_context(LocalProxy(
            ironic.config_file, folder / 'proxy', port=port))
        nodes = stack.enter_context(DisplayNodes(ironic, proxy))
        browser = stack.enter_context(chromium())
        print(f'medians (and the worst) of {ROUNDS} visits; seconds from '
              'link to picture, MB of all processes of the display')
        print(f'{"BMC":12}{"idle":>10}{"seen":>10}{"worst":>10}'
              f'{"watched":>10}')
        for profile in INTERFACES:
            node = nodes.enroll(profile)
            node.enable()
            rounds = [measure(ironic, browser, node) for _ in range(ROUNDS)]
            node.disable()
            print(f'{profile:12}'
                  f'{max(one.idle for one in rounds) / 1e6:10.1f}'
                  f'{statistics.median(one.seen for one in rounds):10.2f}'
                  f'{max(one.seen for one in rounds):10.2f}'
                  f'{max(one.watched for one in rounds) / 1e6:10.0f}')
        print(f'{"wanted":12}{WANTED_MEGABYTES:10}{WANTED_SECONDS:10}')


if __name__ == '__main__':
    main()
