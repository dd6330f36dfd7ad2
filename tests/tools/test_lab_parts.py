# SPDX-License-Identifier: Apache-2.0
"""The summary of all parts says what became of each test."""

import os
import pathlib
import sys
import threading
import time

import pytest

from tools.lab import parts

TOX = '''
[testenv:js]
commands =
    npm ci --no-audit
    npm test
[testenv:cover]
commands =
    pytest tests/unit --cov \\
        --cov-report=html {posargs}
'''


def test_reads_commands_from_tox(tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'tox.ini'
    path.write_text(TOX)
    assert parts.commands(path, 'js') == [['npm', 'test']]
    assert parts.commands(path, 'cover') == [
        ['pytest', 'tests/unit', '--cov', '--cov-report=html']]


@pytest.mark.parametrize(('line', 'counts'), [
    ('===== 2 failed, 12 passed, 1 skipped in 4.56s =====',
     {'failed': 2, 'passed': 12, 'skipped': 1}),
    ('3357 passed in 32.20s (0:00:32)', {'passed': 3357}),
    ('\x1b[32m== \x1b[1m5 passed\x1b[0m in 1.00s ==', {'passed': 5}),
    ('=== 1 passed, 2 warnings, 3 errors in 1.00s ===',
     {'passed': 1, 'error': 3}),
    ('# pass 61', {'passed': 61}),
    ('\u2139 fail 2', {'failed': 2}),
    ('# fail 0', {}),
    ('it took 3 passed in vain', {}),
])
def test_reads_counts(line: str, counts: dict[str, int]) -> None:
    outcome = parts.Outcome('x')
    outcome.read(f'{line}\n')
    assert outcome.counts == counts


def ran(*sources: str) -> parts.Outcome:
    """:returns: outcome of a part with such commands."""
    return parts.run('x', [[sys.executable, '-c', source]
                           for source in sources],
                     pathlib.Path.cwd(), os.environ)


def test_a_command_without_tests_counts_as_one() -> None:
    outcome = ran('print("fine")', 'exit(3)', 'print("fine")')
    assert outcome.failed
    assert outcome.counts == {'passed': 2, 'failed': 1}
    assert outcome.named[0].endswith('status 3')


def test_failed_tests_are_counted_once_and_named() -> None:
    outcome = ran('print("FAILED tests/a.py::b - oh")\n'
                  'print("=== 1 failed, 2 passed in 0.10s ===")\nexit(1)')
    assert outcome.failed
    assert outcome.counts == {'failed': 1, 'passed': 2}
    assert outcome.named == ['FAILED tests/a.py::b - oh']


def test_a_runner_that_breaks_after_its_tests_fails() -> None:
    outcome = ran('print("=== 2 passed in 0.10s ===")\nexit(3)')
    assert outcome.counts == {'passed': 2, 'failed': 1}


def test_a_program_that_is_missing_fails(tmp_path: pathlib.Path) -> None:
    outcome = parts.run('x', [[str(tmp_path / 'none')]], tmp_path, {})
    assert outcome.failed


def test_ends_with_a_line_like_that_of_pytest() -> None:
    lines = parts.summary([
        parts.Outcome('unit', False, 61.5, {'passed': 10}),
        parts.Outcome('js', True, 2.25, {'passed': 1, 'failed': 2},
                      ['FAILED a', 'FAILED b'])])
    assert lines[-1] == '=== 2 failed, 11 passed in 63.75s ==='
    assert 'FAILED a' in lines
    assert any(line.split() == ['unit', '1:01.5', 'ok', '10', 'passed']
               for line in lines)


def test_commands_that_run_are_interrupted_as_by_ctrl_c(
        tmp_path: pathlib.Path) -> None:
    begun, ended = tmp_path / 'begun', tmp_path / 'ended'
    source = (
        'import pathlib, signal, threading\n'
        # Whoever runs the tests may be deaf to it.
        'signal.signal(signal.SIGINT, signal.default_int_handler)\n'
        'try:\n'
        f'    pathlib.Path({str(begun)!r}).touch()\n'
        '    threading.Event().wait(60)\n'
        'except KeyboardInterrupt:\n'
        f'    pathlib.Path({str(ended)!r}).touch()\n')
    lane = threading.Thread(target=ran, args=(source,))
    lane.start()
    deadline = time.monotonic() + 30
    while not begun.exists():
        assert time.monotonic() < deadline, 'it has not begun'
        time.sleep(0.01)
    parts.interrupt()
    lane.join(30)
    assert ended.exists()
