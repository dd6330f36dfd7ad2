# SPDX-License-Identifier: Apache-2.0
"""Tables of what was measured: for people, for programs, for the manual."""

import dataclasses
import json
import os
import platform
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tools.bench.peers import (
    IN_TREE,
    NGINX,
    NGINX_2,
    OURS,
    OURS_2,
    OURS_EVENTLET,
    PEERS,
)
from tools.bench.rows import Row

MANUAL = (Path(__file__).resolve().parents[2] / 'doc' / 'source'
          / 'performance.rst')
# Between these lines of the manual, everything is written by us.
_BEGIN, _END = '.. begin of what tools.bench writes', '.. end of it'

_VARIANTS = (OURS, OURS_2, OURS_EVENTLET, NGINX, NGINX_2)
_COLUMNS = {NGINX_2: 'nginx, 2'} | {
    OURS_2: '2 workers', OURS_EVENTLET: 'eventlet'}


@dataclasses.dataclass(frozen=True)
class Target:
    """What DESIGN.md promises.

    :ivar label: of the row.
    :ivar peer: whose value it is a multiple of; '' for a plain number.
    :ivar most: of that.
    """

    label: str
    most: float
    peer: str = ''
    of: str = OURS

    def verdict(self, row: Row) -> tuple[str, bool] | None:
        """:returns: what was wanted, what it is, and whether it holds."""
        value = row.values.get(self.of)
        base = row.values.get(self.peer) if self.peer else 1.0
        if value is None or not base:
            return None
        ratio = value / base
        unit = f' x {self.peer}' if self.peer else f' {row.unit}'
        return (f'{ratio:.2g}{unit}, at most {self.most:g}',
                ratio <= self.most)


TARGETS = (
    Target('memory per idle session, 200', 16),
    Target('memory per idle session, 2000', 16),
    Target('memory per idle session, 5000', 16, of=OURS_2),
    Target('connect, p50', 0.05, IN_TREE),
    Target('CPU per GB, 64 KiB', 0.5, NGINX),
    Target('CPU per GB, 8 KiB', 0.5, NGINX),
    Target('CPU per GB, 1 KiB', 0.5, NGINX),
    Target('echo, 1000 sessions, p99', 1, NGINX),
    Target('echo, 5000 sessions, p99', 1, NGINX_2, of=OURS_2),
    Target('memory of a dead reader', 1024),
)


def machine() -> dict[str, str]:
    """:returns: what the numbers depend on."""
    model = re.search(r'^model name\s*:\s*(.+)$',
                      Path('/proc/cpuinfo').read_text(), re.MULTILINE)
    return {'cores': str(os.cpu_count()),
            'processor': model[1] if model else platform.machine(),
            'kernel': platform.release(),
            'python': platform.python_version(),
            'load before': f'{os.getloadavg()[0]:.1f}'}


def text(rows: Sequence[Row]) -> str:
    """:returns: tables for a terminal."""
    return '\n\n'.join(
        '\n'.join('  '.join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(
                line, _widths(table), strict=True)))
            for line in table)
        for table in _tables(rows))


def as_json(rows: Sequence[Row], facts: dict[str, str]) -> str:
    """:returns: everything, to be kept or compared."""
    return json.dumps({
        'machine': facts,
        'rows': [dataclasses.asdict(row) for row in rows],
        'targets': [
            {'row': target.label, 'result': found[0], 'holds': found[1]}
            for target, found in _verdicts(rows)]}, indent=1)


def write_manual(rows: Sequence[Row], facts: dict[str, str]) -> None:
    """Put the tables where the manual has those of the last run."""
    before, _, rest = MANUAL.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    parts = [_BEGIN, '; '.join(f'{name}: {value}'
                               for name, value in facts.items()) + '.',
             *(_list_table(title, table) for title, table in zip(
                 ('Beside its peers', 'Variants', 'Targets'),
                 _tables(rows), strict=True)), _END]
    MANUAL.write_text(before + '\n\n'.join(parts) + after)


def _verdicts(rows: Sequence[Row]) -> Iterable[tuple[Target,
                                                     tuple[str, bool]]]:
    by_label = {row.label: row for row in rows}
    for target in TARGETS:
        row = by_label.get(target.label)
        if row and (found := target.verdict(row)):
            yield target, found


def _tables(rows: Sequence[Row]) -> list[list[list[str]]]:
    peers = [['', *PEERS, 'ours/in-tree', 'ours/nginx']]
    for row in rows:
        if OURS in row.values:
            peers.append([f'{row.label} ({row.unit})',
                          *(_cell(row, peer) for peer in PEERS),
                          _ratio(row, IN_TREE), _ratio(row, NGINX)])
    variants = [['', *(_COLUMNS.get(peer, peer) for peer in _VARIANTS)]]
    variants += [[f'{row.label} ({row.unit})',
                  *(_cell(row, peer) for peer in _VARIANTS)] for row in rows]
    targets = [['target', 'result', 'holds']]
    targets += [[target.label if target.of == OURS
                 else f'{target.label} ({target.of})', found[0],
                 'yes' if found[1] else 'no']
                for target, found in _verdicts(rows)]
    return [peers, variants, targets]


def _cell(row: Row, peer: str) -> str:
    if peer not in row.values:
        return 'n/a'
    note = row.notes.get(peer)
    return _number(row.values[peer]) + (f' ({note})' if note else '')


def _ratio(row: Row, peer: str) -> str:
    base = row.values.get(peer)
    return _number(row.values[OURS] / base) if base else 'n/a'


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f'{value:.0f}'
    return f'{value:.1f}' if abs(value) >= 10 else f'{value:.2g}'


def _widths(table: list[list[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*table, strict=True)]


def _list_table(title: str, table: list[list[str]]) -> str:
    lines = [f'.. list-table:: {title}', '   :header-rows: 1', '']
    for line in table:
        lines += [f'   {"* -" if number == 0 else "  -"} {cell}'.rstrip()
                  for number, cell in enumerate(line)]
    return '\n'.join(lines)
