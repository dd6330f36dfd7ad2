# SPDX-License-Identifier: Apache-2.0
"""The tests that the table of faults names exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_test_that_is_named_is_there():
    named = set(re.findall(r'``(test_\w+)``', (
        ROOT / 'doc/source/faults.rst').read_text()))
    assert len(named) > 40
    files = list((ROOT / 'tests').rglob('test_*.py'))
    there = {path.stem for path in files}
    for path in files:
        there |= set(re.findall(r'def (test_\w+)\(', path.read_text()))
    assert named <= there, named - there
