# SPDX-License-Identifier: Apache-2.0
"""Hundreds of sessions of all kinds for a long time: nothing grows.

``SOAK_SECONDS`` says for how long, ``SOAK_SESSIONS`` how many.
"""

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import resource
import statistics
import time

import psutil

from tests.helpers.program import Site
from tests.helpers.proxy import node_record, wait_until
from tests.soak import endpoints
from tests.soak.browsers import MIX, Desk, reconnects
from tests.soak.trend import growth
from tools.lab import LocalProxy, ports

SECONDS = float(os.environ.get('SOAK_SECONDS', '300'))
SESSIONS = int(os.environ.get('SOAK_SESSIONS', '500'))
#: Of the time, until caches, pools and the allocator have what they want.
WARM_UP = 0.3
SAMPLES = 200
MiB = 1024 * 1024
#: What may be growth and is not: of memory, and of files and threads, whose
#: number goes up and down with the sessions.
MEMORY_TOLERANCE, COUNT_TOLERANCE = 0.04, 0.06
#: Files that stay open for the next time: pipes, database connections.
SPARE = 2 * 16 + 8
NAMES = ('echo', 'flood', 'vanish', 'dead')


@dataclasses.dataclass(frozen=True)
class Sample:
    """What a worker holds: bytes of its own, descriptors, threads."""

    memory: int
    files: int
    threads: int

    @classmethod
    def of(cls, worker: psutil.Process) -> 'Sample':
        with worker.oneshot():
            return cls(worker.memory_full_info().uss, worker.num_fds(),
                       worker.num_threads())


def make_room_for_files() -> None:
    """Each session has three ends here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = SESSIONS * 4 + 200
    assert hard == resource.RLIM_INFINITY or hard >= needed
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


async def soak(proxy: LocalProxy, site: Site, worker: psutil.Process,
               ) -> list[Sample]:
    """Use the proxy for a long time.

    :returns: what it held, from the end of the warming up on.
    """
    async with contextlib.AsyncExitStack() as stack:
        listening = [await stack.enter_async_context(
            endpoints.serving(behaviour)) for behaviour in (
                endpoints.echo, endpoints.flood, endpoints.vanish)]
        listening.append(ports.free_port())
        nodes = {name: node_record(
            port, uuid=f'7f3c8f0e-0000-4000-8000-00000000000{number}')
            for number, (name, port) in enumerate(
                zip(NAMES, listening, strict=True))}
        await asyncio.to_thread(site.save, *nodes.values())
        desk = Desk((proxy.address, proxy.port), **nodes)
        tasks = [asyncio.create_task(browser(desk), name=browser.__name__)
                 for browser, share in MIX.items()
                 for _ in range(max(1, SESSIONS * share // 100))]
        watching = asyncio.create_task(watch(worker))
        done, _pending = await asyncio.wait(
            [watching, *tasks], return_when=asyncio.FIRST_COMPLETED)
        desk.stopping.set()
        if watching not in done:
            watching.cancel()
        await asyncio.gather(*tasks)
        assert watching in done, f'{done} have ended before'
        print(f'{desk.sessions} sessions in {SECONDS:g} s')
        assert desk.sessions > SESSIONS
        return watching.result()


async def watch(worker: psutil.Process) -> list[Sample]:
    await asyncio.sleep(SECONDS * WARM_UP)
    samples = []
    pause = SECONDS * (1 - WARM_UP) / SAMPLES
    for _ in range(SAMPLES):
        samples.append(await asyncio.to_thread(Sample.of, worker))
        await asyncio.sleep(pause)
    return samples


async def use_once(proxy: LocalProxy, site: Site) -> None:
    """Let the worker load whatever it loads when it is needed."""
    async with endpoints.serving(endpoints.echo) as port:
        node = node_record(port)
        await asyncio.to_thread(site.save, node)
        desk = Desk((proxy.address, proxy.port), node, node, node, node)
        using = asyncio.create_task(reconnects(desk))
        deadline = time.monotonic() + 60
        while not desk.sessions and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        desk.stopping.set()
        await using


def test_nothing_grows_and_nothing_is_left(
        tmp_path: pathlib.Path, schema: pathlib.Path) -> None:
    make_room_for_files()
    site = Site(tmp_path / 'site', schema)
    with site.proxy({'DEFAULT': {'debug': False}, 'ironic_console': {
            'handshake_timeout': 60, 'browser_handshake_timeout': 60,
            'head_timeout': 5, 'connect_timeout': 60, 'database_timeout': 60,
            # On a busy machine browsers in Python reach no higher one.
            'max_frame_rate': 200}}) as proxy:
        assert proxy.program
        worker, = psutil.Process(proxy.program.pid).children()
        asyncio.run(use_once(proxy, site))
        before = Sample.of(worker)
        samples = asyncio.run(soak(proxy, site, worker))
        memory, files, threads = (
            [getattr(sample, field.name) for sample in samples]
            for field in dataclasses.fields(Sample))
        print(f'memory {min(memory) / MiB:.1f} to {max(memory) / MiB:.1f} '
              f'MiB, {growth(memory) / MiB:+.2f}; files {min(files)} to '
              f'{max(files)}, {growth(files):+.1f}; threads {min(threads)} '
              f'to {max(threads)}, {growth(threads):+.1f}')
        wait_until(lambda: Sample.of(worker).threads <= before.threads
                   and Sample.of(worker).files <= before.files + SPARE,
                   f'back to {before}', 90)
        assert worker.is_running()
        written = proxy.written()
    assert growth(memory) <= MEMORY_TOLERANCE * statistics.median(memory)
    assert growth(files) <= COUNT_TOLERANCE * statistics.median(files)
    assert growth(threads) <= COUNT_TOLERANCE * SESSIONS
    assert 'Traceback' not in written
    assert ' ERROR ' not in written
    assert ' CRITICAL ' not in written
