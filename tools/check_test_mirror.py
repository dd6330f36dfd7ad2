#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check that tests/unit mirrors ironic_console file by file.

Each module has a test file of its name at its place, or a folder of its name
with several, and each test file a module; ``__init__.py`` and ``__main__.py``
need none.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = Path('ironic_console')
TESTS = Path('tests/unit')


def problems(root: Path = ROOT) -> list[str]:
    """:returns: one line for each file without its counterpart."""
    modules = {path.relative_to(root / MODULES)
               for path in (root / MODULES).rglob('*.py')
               if not path.stem.startswith('__')}
    tests = {_stands_for(path.relative_to(root / TESTS), modules)
             for path in (root / TESTS).rglob('test_*.py')}
    wanted = {module.with_name(f'test_{module.name}'): module
              for module in modules}
    missing = [f'{MODULES / wanted[test]} has no {TESTS / test}'
               for test in wanted.keys() - tests]
    orphans = [f'{TESTS / test} has no module'
               for test in tests - wanted.keys()]
    return sorted(missing) + sorted(orphans)


def _stands_for(test: Path, modules: set[Path]) -> Path:
    """:returns: the test file that the whole folder is instead of, if it is
        that of a module."""
    folder = test.parent
    if Path(f'{folder}.py') in modules:
        return folder.with_name(f'test_{folder.name}.py')
    return test


def main() -> int:
    """:returns: exit status."""
    found = problems()
    print('\n'.join(found) or 'test mirror: fine')
    return bool(found)


if __name__ == '__main__':
    sys.exit(main())
