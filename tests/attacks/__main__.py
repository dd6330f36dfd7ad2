# SPDX-License-Identifier: Apache-2.0
"""Attack a console proxy and print what happens.

    python -m tests.attacks --target ours
    python -m tests.attacks --target in-tree
    python -m tests.attacks --url URL_OF_A_CONSOLE
    python -m tests.attacks --write

Without a URL the proxy is started here, with a database and a VNC server.
Only attack what is yours.
"""

import argparse
import sys
from pathlib import Path

from tests.attacks import attacks, targets
from tests.attacks.attacks import Outcome

DOCUMENT = Path(__file__).resolve().parents[2] / 'doc/source/security.rst'
BEGIN, END = '.. Begin of what tests.attacks wrote.', '.. End of that.'


def main(arguments: list[str] | None = None) -> int:
    """:returns: exit status; 1 if an attack succeeded."""
    parser = argparse.ArgumentParser(
        description=__doc__, prog='python -m tests.attacks',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--target', choices=[targets.OURS, targets.IN_TREE])
    what.add_argument('--url', help='of a console, without TLS')
    what.add_argument('--write', action='store_true',
                      help='run both and write the table of security.rst')
    chosen = parser.parse_args(arguments)
    if chosen.write:
        both = [attack_kind(kind)
                for kind in (targets.IN_TREE, targets.OURS)]
        write(DOCUMENT, *both)
        return 0
    outcomes = (attack_kind(chosen.target) if chosen.target
                else report(targets.from_url(chosen.url)))
    return int(not all(outcome.safe for outcome in outcomes.values()))


def attack_kind(kind: str) -> dict[str, Outcome]:
    """Start a proxy and try everything on it."""
    with targets.started(kind) as target:
        return report(target)


def report(target: targets.Target) -> dict[str, Outcome]:
    """Try everything, and print it line by line."""
    outcomes = {}
    for attack, outcome in attacks.run(target):
        outcomes[attack.name] = outcome
        print(f'{"safe" if outcome.safe else "NOT SAFE":9}'
              f'{attack.name}: {outcome.text}', flush=True)
    return outcomes


def write(document: Path, in_tree: dict[str, Outcome],
          ours: dict[str, Outcome]) -> None:
    """Replace the table of a document."""
    lines = [BEGIN, '', '.. list-table::', '   :header-rows: 1',
             '   :widths: 40 30 30', '', '   * - Attack',
             '     - ironic-novncproxy of Ironic', '     - ours']
    for name, outcome in ours.items():
        lines += [f'   * - {name}', f'     - {_cell(in_tree[name])}',
                  f'     - {_cell(outcome)}']
    text = document.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(before + '\n'.join([*lines, '', END]) + after)


def _cell(outcome: Outcome) -> str:
    return outcome.text if outcome.safe else f'**{outcome.text}**'


if __name__ == '__main__':
    sys.exit(main())
