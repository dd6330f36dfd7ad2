#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print what a console of idrac-vnc takes: seconds until somebody sees the
screen, Redfish requests, and what runs while nobody looks.

Ironic, proxy, noVNC and Chromium are real; the iDRAC is simulated, without
any delay but that of the X display behind it. This is a measurement, not a
test: it fails for nothing.
"""

import contextlib
import dataclasses
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oslo_service import backend

from tests.browser.chromium import Chromium, chromium
from tests.helpers.bmc import Bmcs
from tests.simulators.redfish_bmc import RedfishBmc
from tools.lab import novnc, ports
from tools.lab.ironic import LocalIronic
from tools.lab.process import Program
from tools.lab.proxy import LocalProxy

PROFILES = ('idrac8', 'idrac9-old', 'idrac9', 'idrac10')
ROUNDS = 5
#: Nodes that are enabled while nobody looks.
NODES = 10
COLOUR = 0xff0000
WANTED = {'seconds': 3, 'start': 16, 'stop': 8}


@dataclasses.dataclass(frozen=True)
class Round:
    """One console, from the call of the API on.

    :ivar enabled: seconds until Ironic says that it is.
    :ivar seen: seconds until the browser shows the screen.
    :ivar start: Redfish requests, with login and logout.
    :ivar stop: likewise.
    """

    enabled: float
    seen: float
    start: int
    stop: int


@dataclasses.dataclass(frozen=True)
class Running:
    """What the conductor and the proxy consist of."""

    processes: int
    threads: int
    files: int

    @classmethod
    def now(cls, *programs: Program) -> 'Running':
        groups = {program.pid for program in programs}
        pids = [entry for entry in Path('/proc').iterdir()
                if entry.name.isdecimal() and _group(entry.name) in groups]
        return cls(len(pids), *(
            sum(len(list((pid / kind).iterdir())) for pid in pids)
            for kind in ('task', 'fd')))


def _group(pid: str) -> int:
    with contextlib.suppress(ProcessLookupError):
        return os.getpgid(int(pid))
    return 0


def enroll(ironic: LocalIronic, bmcs: Bmcs, bmc: RedfishBmc) -> str:
    """:returns: UUID of a node with that BMC."""
    return str(ironic.rest.create_node(
        driver='idrac', console_interface='idrac-vnc',
        driver_info={**bmcs.driver_info(bmc),
                     'idrac_vnc_port': bmc.vnc_port})['uuid'])


def requests(bmc: RedfishBmc) -> int:
    return sum(bmc.requests.values())


def measure(ironic: LocalIronic, browser: Chromium, node: str,
            bmc: RedfishBmc) -> Round:
    browser.open('about:blank')
    before, began = requests(bmc), time.perf_counter()
    console = ironic.rest.set_console(node, True)
    enabled = time.perf_counter() - began
    start = requests(bmc) - before
    browser.open(console['console_info']['url'])
    browser.wait_pixel(512, 384, lambda pixel: pixel.red > 240
                       and pixel.green < 16)
    seen = time.perf_counter() - began
    before = requests(bmc)
    ironic.rest.set_console(node, False)
    return Round(enabled, seen, start, requests(bmc) - before)


def _print(profile: str, rounds: list[Round]) -> None:
    def middle(field: str) -> Any:
        return statistics.median(getattr(one, field) for one in rounds)
    print(f'{profile:12}{middle("enabled"):10.2f}{middle("seen"):10.2f}'
          f'{max(one.seen for one in rounds):10.2f}'
          f'{max(one.start for one in rounds):8}'
          f'{max(one.stop for one in rounds):8}')


def consoles(ironic: LocalIronic, bmcs: Bmcs) -> None:
    print('seconds and Redfish requests, the middle (and the worst) of '
          f'{ROUNDS} consoles')
    print(f'{"iDRAC":12}{"enabled":>10}{"seen":>10}{"worst":>10}'
          f'{"start":>8}{"stop":>8}')
    with chromium() as browser:
        for profile in PROFILES:
            bmc = bmcs.start(profile, banner_delay=0.0, colour=COLOUR)
            node = enroll(ironic, bmcs, bmc)
            _print(profile, [measure(ironic, browser, node, bmc)
                             for _ in range(ROUNDS)])
            ironic.rest.delete_node(node)
    print(f'{"wanted":12}{"":10}{WANTED["seconds"]:10.2f}{"":10}'
          f'{WANTED["start"]:8}{WANTED["stop"]:8}')


def nobody_looks(ironic: LocalIronic, bmcs: Bmcs, proxy: LocalProxy) -> None:
    nodes = [enroll(ironic, bmcs, bmcs.start()) for _ in range(NODES)]
    assert proxy.program
    programs = [*ironic.programs.values(), proxy.program]
    # The first time Ironic starts workers, which it keeps.
    for enabled in (True, False):
        for node in nodes:
            ironic.rest.set_console(node, enabled)
    without = Running.now(*programs)
    for node in nodes:
        ironic.rest.set_console(node, True)
    there = Running.now(*programs)
    print(f'\nof Ironic and the proxy, while nobody looks\n{"":22}'
          f'{"processes":>10}{"threads":>10}{"files":>10}')
    for what, running in (('all consoles disabled', without),
                          (f'{NODES} enabled', there)):
        print(f'{what:22}{running.processes:10}{running.threads:10}'
              f'{running.files:10}')
    for node in nodes:
        ironic.rest.delete_node(node)


def main() -> None:
    # Before anybody imports oslo.service, which would choose eventlet.
    backend.init_backend(backend.BackendType.THREADING)
    port = ports.free_port()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(
            tempfile.TemporaryDirectory(prefix='bench-')))
        ironic = stack.enter_context(LocalIronic(
            folder / 'ironic', hardware_types=('idrac',),
            console_interfaces=('idrac-vnc', 'no-console'), options={
                'vnc': {'public_url': f'http://127.0.0.1:{port}/console.html',
                        'novnc_web': novnc.get(folder / 'npm.log')},
                'ironic_console': {'endpoint_networks': '127.0.0.0/8'}}))
        proxy = stack.enter_context(LocalProxy(
            ironic.config_file, folder / 'proxy', port=port))
        bmcs = stack.enter_context(Bmcs(folder / 'bmcs'))
        consoles(ironic, bmcs)
        nobody_looks(ironic, bmcs, proxy)


if __name__ == '__main__':
    main()
