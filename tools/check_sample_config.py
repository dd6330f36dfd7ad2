#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check that the sample configuration in etc/ is what the options say.

``--write`` writes it anew. Needs ironic_console to be installed: the generator
finds options by entry point.
"""

import argparse
import difflib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GENERATOR_CONFIG = Path('etc/config-generator.conf')
SAMPLE = Path('etc/ironic_console.conf.sample')


class GeneratorError(Exception):
    """oslo-config-generator failed; carries what it said."""


def generated(root: Path = ROOT) -> str:
    """:returns: the sample as it should be.

    :raises GeneratorError: the generator failed.
    """
    done = subprocess.run(
        [sys.executable, '-m', 'oslo_config.generator', '--config-file',
         GENERATOR_CONFIG], cwd=root, capture_output=True, text=True,
        check=False)
    if done.returncode or not done.stdout.strip():
        raise GeneratorError(done.stderr or 'the generator wrote nothing')
    return done.stdout


def problems(root: Path, wanted: str) -> list[str]:
    """:returns: a diff from the file to what it should be; empty if same."""
    path = root / SAMPLE
    present = path.read_text() if path.exists() else ''
    return list(difflib.unified_diff(
        present.splitlines(), wanted.splitlines(), str(SAMPLE), 'generated',
        lineterm=''))


def main(argv: list[str] | None = None) -> int:
    """:returns: exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--write', action='store_true',
                        help='write the file anew')
    arguments = parser.parse_args(argv)
    try:
        wanted = generated()
    except GeneratorError as exc:
        print(exc, file=sys.stderr)
        return 1
    if arguments.write:
        (ROOT / SAMPLE).write_text(wanted)
        return 0
    found = problems(ROOT, wanted)
    if found:
        print('\n'.join(found))
        print(f'{SAMPLE} is out of date; run "tox -e genconfig"')
    else:
        print('sample configuration: fine')
    return bool(found)


if __name__ == '__main__':
    sys.exit(main())
