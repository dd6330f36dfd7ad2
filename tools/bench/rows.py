# SPDX-License-Identifier: Apache-2.0
"""What is measured: each row of the table, for whoever can be asked.

Every round asks all proxies one after the other, so that a moment in which
the machine is busy meets all of them; the median of the rounds counts.
"""

import dataclasses
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.bench import meters
from tools.bench.native import Load
from tools.bench.peers import (
    BROWSER_TLS,
    ENDPOINT_TLS,
    PLAIN,
    READ_ONLY,
    VARIANTS,
    Peer,
)

# Sessions that are opened at the same time when it is about their number.
_AT_ONCE = 16
# Sessions after which a proxy has all threads, buffers and modules that it
# will ever have; who forks for each needs fewer.
_WARM_UP = 200
# KiB of a chunk, and MiB of an endless stream.
_BULK, _ENDLESS = 64, 4096
# Who can hold fewer than one in so many of the sessions is left out.
_FEWEST = 5


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much is measured.

    :ivar sessions: of the rows about many of them.
    :ivar stream: MiB per row in chunks of 64 KiB.
    :ivar seconds: that messages go to and fro.
    """

    rounds: int
    sessions: tuple[int, ...]
    echoes: tuple[int, ...]
    connects: int
    stream: int
    seconds: float
    most: int


QUICK = Scale(1, (200,), (1, 100), 10, 128, 1, 0)
FULL = Scale(3, (200, 2000), (1, 100, 1000), 60, 1024, 3, 5000)


@dataclasses.dataclass
class Row:
    """One line of the table.

    :ivar unit: of the values.
    :ivar values: by peer, the median of the rounds.
    :ivar notes: by peer, what to know about the value.
    """

    label: str
    unit: str
    values: dict[str, float] = dataclasses.field(default_factory=dict)
    notes: dict[str, str] = dataclasses.field(default_factory=dict)


# Label, unit and value.
Values = Iterator[tuple[str, str, float]]


class Bench:
    """Runs the measurements.

    :param load: the program that plays the browsers.
    :param say: gets a word about what is being done.
    """

    def __init__(self, load: Path, scale: Scale,
                 say: Callable[[str], None]) -> None:
        self._load = load
        self._scale = scale
        self._say = say
        self._notes: dict[tuple[str, str], str] = {}
        self._samples: dict[tuple[str, str], dict[str, list[float]]] = {}

    def run(self, peers: list[Peer]) -> list[Row]:
        """:returns: the rows, in order."""
        for peer in peers:
            self._keep(peer, self._first(peer))
        for peer in peers:
            for count in self._scale.sessions[_variant(peer):]:
                self._keep(peer, self._memory(peer, count))
            self._keep(peer, self._dead_readers(peer))
        for number in range(self._scale.rounds):
            self._say(f'round {number + 1} of {self._scale.rounds}')
            for measure in (self._connect, self._rate, self._streams,
                            self._echoes):
                for peer in peers:
                    self._keep(peer, measure(peer))
        if self._scale.most:
            for peer in peers:
                if '2 workers' in peer.name:
                    self._keep(peer, self._most(peer))
        return [Row(label, unit, {
            peer: statistics.median(values)
            for peer, values in by_peer.items()}, {
            peer: self._notes[label, peer] for peer in by_peer
            if (label, peer) in self._notes})
            for (label, unit), by_peer in self._samples.items()]

    def _keep(self, peer: Peer, values: Values) -> None:
        for label, unit, value in values:
            self._say(f'{peer.name}: {label} {value:.4g} {unit}')
            self._samples.setdefault((label, unit), {}).setdefault(
                peer.name, []).append(value)

    def _count(self, peer: Peer, wanted: int, *labels: str) -> int:
        """:returns: how many sessions it is asked to hold; 0 for none."""
        if wanted >= _FEWEST * peer.most_sessions:
            return 0
        if wanted > peer.most_sessions:
            for label in labels:
                self._notes[label, peer.name] = (
                    f'{peer.most_sessions} sessions')
        return min(wanted, peer.most_sessions)

    # -- the rows ------------------------------------------------------------

    def _first(self, peer: Peer) -> Values:
        with Load(self._load, peer.entrances[PLAIN]) as load:
            yield 'first connect', 'ms', load.open(1)['p50'] * 1000

    def _connect(self, peer: Peer) -> Values:
        count = min(self._scale.connects, peer.most_sessions // 5)
        with Load(self._load, peer.entrances[PLAIN]) as load:
            result = load.open(count, keep=False)
        yield 'connect, p50', 'ms', result['p50'] * 1000
        yield 'connect, p99', 'ms', result['p99'] * 1000

    def _rate(self, peer: Peer) -> Values:
        count = self._count(peer, 4 * self._scale.connects) or 20
        with Load(self._load, peer.entrances[PLAIN]) as load:
            result = load.open(count, _AT_ONCE)
        yield 'sessions opened', '1/s', count / result['seconds']

    def _memory(self, peer: Peer, wanted: int) -> Values:
        label = f'memory per idle session, {wanted}'
        count = self._count(peer, wanted, label)
        if not count:
            return
        with Load(self._load, peer.entrances[PLAIN]) as load:
            _, memory = _fill(load, peer, count)
        yield label, 'KiB', memory

    def _dead_readers(self, peer: Peer) -> Values:
        """Browsers that want a lot and read nothing of it."""
        count = 10
        entrance = peer.entrances[PLAIN]
        with Load(self._load, entrance) as load:
            load.open(count, _AT_ONCE)
            before = meters.resting_memory(entrance.pid)
            load.stall(_BULK, _ENDLESS)
            after = meters.resting_memory(entrance.pid)
        yield ('memory of a dead reader', 'KiB',
               max(0.0, (after - before) / count / 1024))

    def _streams(self, peer: Peer) -> Values:
        size = self._scale.stream
        for name, chunk, part, label in (
                (PLAIN, _BULK, 1, '64 KiB'), (PLAIN, 8, 2, '8 KiB'),
                (PLAIN, 1, 4, '1 KiB'),
                (BROWSER_TLS, _BULK, 2, 'browser with TLS'),
                (ENDPOINT_TLS, _BULK, 2, 'endpoint with TLS'),
                (READ_ONLY, _BULK, 1, 'read-only')):
            entrance = peer.entrances.get(name)
            if not entrance or (_variant(peer) and chunk < _BULK):
                continue
            with Load(self._load, entrance) as load:
                load.open(1)
                load.stream(chunk, 1)
                before = meters.cpu(entrance.pid)
                load.stream(chunk, size // part)
                used = meters.cpu(entrance.pid) - before
            yield f'CPU per GB, {label}', 's', used * 1000 / (
                (size // part) * 1.048576)

    def _echoes(self, peer: Peer) -> Values:
        for wanted in self._scale.echoes[2 * _variant(peer):]:
            labels = [f'echo, {wanted} sessions, {what}'
                      for what in ('p50', 'p99', 'CPU')]
            count = self._count(peer, wanted, *labels)
            if not count:
                continue
            entrance = peer.entrances[PLAIN]
            # One alone would have five messages a second to judge by.
            rate = 5 if count > 1 else 50
            with Load(self._load, entrance) as load:
                load.open(count, _AT_ONCE)
                load.echo(rate, 0.5)
                before = meters.cpu(entrance.pid)
                result = load.echo(rate, self._scale.seconds)
                used = meters.cpu(entrance.pid) - before
            yield labels[0], 'us', result['p50'] * 1e6
            yield labels[1], 'us', result['p99'] * 1e6
            yield (labels[2], 'us per message',
                   used * 1e6 / max(1, result['answered']))

    def _most(self, peer: Peer) -> Values:
        """As many sessions as the targets speak of."""
        count = self._scale.most
        with Load(self._load, peer.entrances[PLAIN]) as load:
            opened, memory = _fill(load, peer, count)
            result = load.echo(1, self._scale.seconds)
        yield f'sessions opened, {count}', '1/s', count / opened['seconds']
        yield f'memory per idle session, {count}', 'KiB', memory
        yield f'echo, {count} sessions, p50', 'us', result['p50'] * 1e6
        yield f'echo, {count} sessions, p99', 'us', result['p99'] * 1e6


def _fill(load: Load, peer: Peer, count: int,
          ) -> tuple[dict[str, float], float]:
    """Open so many sessions, which stay idle.

    :returns: what the load generator says, and memory per session in KiB.
    """
    pid = peer.entrances[PLAIN].pid
    load.open(min(_WARM_UP, peer.most_sessions // 5), _AT_ONCE, keep=False)
    before = meters.resting_memory(pid)
    opened = load.open(count, _AT_ONCE)
    return opened, (meters.resting_memory(pid) - before) / count / 1024


def _variant(peer: Peer) -> bool:
    """:returns: it is asked only for what may differ."""
    return peer.name in VARIANTS
