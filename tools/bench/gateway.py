# SPDX-License-Identifier: Apache-2.0
"""Measure the gateway: ``python -m tools.bench.gateway``.

How long 200 ports take to open, what an idle one costs, and what a session
through one costs beside a session of a browser. A measurement, not a test: it
fails for nothing.
"""

import dataclasses
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from oslo_service import backend

# Whoever imports the proxy first chooses for the whole process.
backend.init_backend(backend.BackendType.THREADING)

from ironic_console.common.addresses import parse_networks  # noqa: E402
from ironic_console.common.nodes import NodeRecord  # noqa: E402
from ironic_console.common.rfb.constants import SecurityNumber  # noqa: E402
from ironic_console.novncproxy.settings import (  # noqa: E402
    GatewayPolicy,
    GatewaySettings,
)
from tests.helpers.gateway import free_range  # noqa: E402
from tests.helpers.plain_viewer import PlainViewer  # noqa: E402
from tests.helpers.proxy import Browser as BrowserPeer  # noqa: E402
from tests.helpers.proxy import (  # noqa: E402
    RunningWorker,
    make_settings,
    node_record,
    path_to,
    resident_bytes,
    ticket_for,
    wait_until,
)
from tests.simulators.rfb_server import (  # noqa: E402
    RfbServer,
    flood_of,
    good,
)
from tools.lab import ports  # noqa: E402

DOORS, MANY_DOORS = 200, 2000
SESSIONS = 200
FLOOD_BYTES = 256 << 20
_PATIENCE = 60.0
_TICK = 100  # of /proc/PID/stat, per second; proc(5)


def main() -> int:
    """:returns: exit status."""
    with tempfile.TemporaryDirectory() as folder, RfbServer(good()) as server:
        first = int(free_range(MANY_DOORS).partition(':')[0])
        _doors(Path(folder), first, server)
        _sessions(Path(folder), first, server)
    return 0


def _records(first: int, count: int, server: RfbServer) -> list[NodeRecord]:
    made = []
    for number in range(count):
        record = node_record(
            server.port, uuid=f'7f3c8f0e-0000-4000-8000-{number:012}')
        made.append(dataclasses.replace(
            record, info={**record.info, 'vnc_port': first + number}))
    return made


def _serve(pipe: Connection, folder: Path, first: int, doors: int,
           server_port: int) -> None:
    """A worker in a process of its own.

    It begins without nodes, and gets all of them when it is told to.
    """
    policy = GatewayPolicy(
        '127.0.0.1', range(first, first + MANY_DOORS),
        (SecurityNumber.NONE,), parse_networks(['127.0.0.0/8']),
        interval=0.05)
    settings = dataclasses.replace(make_settings(folder),
                                   gateway=GatewaySettings(policy, None))
    stand_in: Any = dataclasses.make_dataclass('At', ['port'])(server_port)
    records = _records(first, doors, stand_in)
    with RunningWorker(settings) as worker:
        pipe.send(worker.address)
        pipe.recv()
        worker.store.records.update(
            {record.uuid: record for record in records})
        pipe.recv()


@contextmanager
def _worker(folder: Path, first: int, doors: int, server: RfbServer,
            ) -> Iterator[tuple[int, tuple[str, int], Callable[[], None]]]:
    """:returns: pid, address for browsers, and what opens the doors."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context('spawn').Process(
        target=_serve, args=(theirs, folder, first, doors, server.port))
    process.start()
    assert process.pid
    try:
        yield process.pid, ours.recv(), lambda: ours.send(None)
    finally:
        ours.send(None)
        process.join(_PATIENCE)
        process.kill()


def _doors(folder: Path, first: int, server: RfbServer) -> None:
    for count in (DOORS, MANY_DOORS):
        with _worker(folder, first, count, server) as (pid, _, enable):
            before = resident_bytes(pid)
            begun = time.monotonic()
            enable()
            for number in range(count):
                _wait_for_door(first + number)
            seconds = time.monotonic() - begun
            each = (resident_bytes(pid) - before) / count
            print(f'{count} doors: open and asked after {seconds:.2f} s, '
                  f'{each:.0f} bytes each', flush=True)


def _wait_for_door(port: int) -> None:
    wait_until(lambda: ports.answers('127.0.0.1', port), 'a door', _PATIENCE)


def _sessions(folder: Path, first: int, server: RfbServer) -> None:
    with _worker(folder, first, SESSIONS, server) as (pid, address, enable):
        enable()
        for number in range(SESSIONS):
            _wait_for_door(first + number)
        records = _records(first, SESSIONS, server)

        def browser(record: NodeRecord) -> Any:
            peer = BrowserPeer(address, path_to(record.uuid,
                                                ticket_for(record)))
            peer.shake_hands()
            return peer

        def viewer(record: NodeRecord) -> Any:
            return PlainViewer(('127.0.0.1', record.plain_port)).greet(
                ).choose_none().enter()
        for name, enter in (('browser', browser), ('gateway', viewer)):
            # Once before, so that what is made only once is there.
            _fill(enter, records)
            server.behaviour = good()
            before = resident_bytes(pid)
            with ExitStack() as stack:
                for record in records:
                    stack.callback(enter(record).sock.close)
                each = (resident_bytes(pid) - before) / SESSIONS
            server.behaviour = flood_of(FLOOD_BYTES)
            busy = _cpu_seconds(pid)
            one = enter(records[0])
            taken = 0
            # Some of it came with the handshake already.
            while taken < FLOOD_BYTES * 0.9:
                taken += len(one.sock.recv(1 << 20))
            per_gb = (_cpu_seconds(pid) - busy) * (1 << 30) / taken
            one.sock.close()
            server.behaviour = good()
            print(f'{name} session: {each / 1024:.1f} KiB idle, '
                  f'{per_gb:.2f} CPU seconds per GiB', flush=True)


def _fill(enter: Callable[[NodeRecord], Any], records: list[NodeRecord],
          ) -> None:
    with ExitStack() as stack:
        for record in records:
            stack.callback(enter(record).sock.close)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


if __name__ == '__main__':
    sys.exit(main())
