# SPDX-License-Identifier: Apache-2.0
"""Parts of the tests: what tox.ini says they run, and what came of them."""

import configparser
import dataclasses
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

_COUNT = re.compile(r'(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)')
# Of pytest: "=== 3 failed, 12 passed in 4.56s ===", or without "===".
_PYTEST = re.compile(r'^=* ?((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s')
# Of node: "# pass 12", or with another sign where colours are on.
_NODE = re.compile(r'^\S+ (pass|fail) (\d+)$')
_NODE_WORDS = {'pass': 'passed', 'fail': 'failed'}
# Of pytest: what failed, one line each.
_NAMED = re.compile(r'^(FAILED|ERROR) \S')
# Commands that run now, of all parts.
_running: set[subprocess.Popen[str]] = set()
_COLOUR = re.compile(r'\x1b\[[\d;]*m')


@dataclasses.dataclass
class Outcome:
    """What came of one part.

    :ivar counts: tests by pytest's word for what became of them.
    :ivar named: lines that name what failed.
    """

    name: str
    failed: bool = False
    seconds: float = 0.0
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    named: list[str] = dataclasses.field(default_factory=list)

    def read(self, line: str) -> None:
        """Take from a line of output what it says about tests."""
        line = _COLOUR.sub('', line.rstrip())
        summary = _PYTEST.match(line)
        if summary:
            for number, word in _COUNT.findall(summary[1]):
                self.add(word, int(number))
        node = _NODE.match(line)
        if node:
            self.add(_NODE_WORDS[node[1]], int(node[2]))
        if _NAMED.match(line):
            self.named.append(line)

    def add(self, word: str, number: int) -> None:
        """Count tests; pytest says "1 error" and "2 errors"."""
        word = 'error' if word == 'errors' else word
        if number:
            self.counts[word] = self.counts.get(word, 0) + number


def commands(tox_file: Path, part: str) -> list[list[str]]:
    """:returns: commands of an environment, as lists of words.

    Without those of npm: what they install is there already.
    """
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(tox_file)
    text = parser[f'testenv:{part}']['commands']
    lines = text.replace('\\\n', ' ').replace('{posargs}', '').splitlines()
    words = [shlex.split(line) for line in lines if line.strip()]
    return [command for command in words if command[:2] != ['npm', 'ci']]


def run(name: str, lines: Iterable[Sequence[str]], cwd: Path,
        env: Mapping[str, str]) -> Outcome:
    """Run the commands of a part, all of them, and show what they say, with
    the name of the part before each line: others may run beside it."""
    outcome = Outcome(name)
    started = time.monotonic()
    for words in lines:
        print(f'\n--- {name}: {shlex.join(words)}', flush=True)
        before = dict(outcome.counts)
        status = _run(words, cwd, env, outcome)
        if status and outcome.counts.get('failed') == before.get(
                'failed') and outcome.counts.get('error') == before.get(
                'error'):
            # It is no test runner, or it did not come to its tests.
            outcome.add('failed', 1)
            outcome.named.append(
                f'FAILED {shlex.join(words)} - status {status}')
        elif not status and outcome.counts == before:
            outcome.add('passed', 1)
        outcome.failed |= bool(status)
    outcome.seconds = time.monotonic() - started
    return outcome


def _run(words: Sequence[str], cwd: Path, env: Mapping[str, str],
         outcome: Outcome) -> int:
    try:
        with subprocess.Popen(
                words, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                errors='replace') as process:
            assert process.stdout is not None
            _running.add(process)
            try:
                for line in process.stdout:
                    sys.stdout.write(f'{outcome.name:>10} | {line}')
                    sys.stdout.flush()
                    outcome.read(line)
            finally:
                _running.discard(process)
    except OSError as exc:
        print(f'cannot run {words[0]}: {exc}', flush=True)
        return 127
    return process.returncode


def interrupt() -> None:
    """End all commands that run; unlike SIGTERM this lets pytest stop what
    tests started."""
    for process in list(_running):
        process.send_signal(signal.SIGINT)


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """:returns: lines for the end, the last of them in pytest's form."""
    total = Outcome('all')
    lines = ['', '=== parts ===']
    for outcome in outcomes:
        for word, number in outcome.counts.items():
            total.add(word, number)
        total.seconds += outcome.seconds
        lines.append(f'{outcome.name:12}{_took(outcome.seconds):>10}  '
                     f'{"FAILED" if outcome.failed else "ok":8}'
                     f'{_counted(outcome.counts)}')
    named = [line for outcome in outcomes for line in outcome.named]
    if named:
        lines += ['', '=== short test summary info ===', *named]
    lines += ['', f'=== {_counted(total.counts)} in {total.seconds:.2f}s ===']
    return lines


def _took(seconds: float) -> str:
    return f'{int(seconds) // 60}:{seconds % 60:04.1f}'


def _counted(counts: Mapping[str, int]) -> str:
    order = ('failed', 'passed', 'skipped', 'xfailed', 'xpassed', 'error')
    found = [f'{counts[word]} {word}' for word in order if word in counts]
    return ', '.join(found) or 'no tests ran'
