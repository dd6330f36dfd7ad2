# SPDX-License-Identifier: Apache-2.0
"""Measure the proxy beside its peers: ``python -m tools.bench``.

Ironic's own proxy (with its database), websockify and nginx passing on TCP
(the floor: it knows neither WebSocket nor tickets) run at the same time, in
front of the same backend. This is a measurement, not a test: it fails for
nothing.
"""

import argparse
import contextlib
import dataclasses
import sys
import tempfile
from pathlib import Path

from oslo_service import backend

# Whoever imports the proxy first chooses for the whole process.
backend.init_backend(backend.BackendType.THREADING)

from tests.helpers.certificates import Authority  # noqa: E402
from tools.bench import native, peers, report, rows  # noqa: E402


def main() -> int:
    """:returns: exit status."""
    arguments = _parse()
    facts = report.machine()
    try:
        found = _measure(arguments)
    except native.Missing as exc:
        print(f'tools.bench: {exc}', file=sys.stderr)
        return 1
    print(report.text(found))
    if arguments.json:
        arguments.json.write_text(report.as_json(found, facts))
    if arguments.write:
        report.write_manual(found, facts)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m tools.bench',
                                     description=__doc__)
    parser.add_argument('--quick', action='store_true',
                        help='about a minute, and rough')
    parser.add_argument('--only', action='append', metavar='PEER',
                        choices=peers.PEERS + peers.VARIANTS,
                        help='measure only this one; may be repeated: '
                             + '; '.join(peers.PEERS + peers.VARIANTS))
    parser.add_argument('--rounds', type=int, metavar='NUMBER',
                        help='more of them are less rough; each takes two '
                             'minutes')
    parser.add_argument('--json', type=Path, metavar='FILE',
                        help='write all numbers to a file')
    parser.add_argument('--write', action='store_true',
                        help='put the tables into doc/source/performance.rst')
    return parser.parse_args()


def _measure(arguments: argparse.Namespace) -> list[rows.Row]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        authority = Authority()
        certificate = authority.issue()
        files = certificate.save(folder)
        load = native.build('load', folder)
        server = stack.enter_context(native.Backend(folder, files))
        wanted = arguments.only or (
            peers.PEERS if arguments.quick else peers.PEERS + peers.VARIANTS)
        _say('starting the proxies')
        found = stack.enter_context(peers.running(
            peers.Stage(folder, files, certificate.fingerprint,
                        authority.itself.save(folder, 'ca').cert_file,
                        server.ports),
            wanted))
        scale = rows.QUICK if arguments.quick else rows.FULL
        if arguments.rounds:
            scale = dataclasses.replace(scale, rounds=arguments.rounds)
        return rows.Bench(load, scale, _say).run(found)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == '__main__':
    sys.exit(main())
