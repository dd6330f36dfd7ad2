# SPDX-License-Identifier: Apache-2.0
"""A display as a program.

``python -P -m ironic_console.drivers.displays [--settings FILE]``

It reads its settings (settings.py) from the first line of standard input,
and ends when that ends; or from a file that nobody else may read, which it
removes, and ends with SIGTERM. On standard output it says once, in JSON, at
which port it lets viewers in, or what is wrong. Its log goes to standard
error.
"""

import contextlib
import json
import logging
import os
import stat
import sys
from collections.abc import Sequence

from ironic_console.common.errors import ConfigError, ConsoleError
from ironic_console.drivers.displays import own_process
from ironic_console.drivers.displays.display import VISIT, Display
from ironic_console.drivers.displays.settings import (
    MAX_BYTES,
    VERSION,
    DisplaySettings,
)

LOG = logging.getLogger(__name__)

_USAGE = ('usage: python -P -m ironic_console.drivers.displays '
          '[--settings FILE]')


class _OneLine(logging.Formatter):
    """Whatever happens has one line."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace('\n', ' | ')


def main(arguments: Sequence[str] | None = None,
         visit_command: Sequence[str] = VISIT) -> int:
    """Run one display.

    :param visit_command: program and arguments of a visit.
    :returns: exit status.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    _log_to_stderr('display')
    own_process.leave_no_core()
    own_process.hide_memory()
    try:
        settings, stdin = _read_settings(words)
        _log_to_stderr(settings.node)
        Display(settings, _announce, stdin, visit_command).run()
    except ConsoleError as exc:
        LOG.error('%s', exc)
        # Whoever wants to know may have gone.
        with contextlib.suppress(OSError):
            _say({'error': str(exc)})
        return 1
    except BrokenPipeError:
        return 1
    return 0


def _read_settings(words: Sequence[str]) -> tuple[DisplaySettings, int | None]:
    """:returns: with standard input, if its end means ours.
    :raises ConfigError: saying what is wrong with them.
    """
    match words:
        case []:
            stdin = sys.stdin.fileno()
            return DisplaySettings.from_json(_read_line(stdin)), stdin
        case ['--settings', path]:
            return DisplaySettings.from_json(_take_file(path)), None
    raise ConfigError(_USAGE)


def _read_line(fd: int) -> bytes:
    """:returns: a line, cut where it is too long for settings."""
    data = b''
    while b'\n' not in data and len(data) <= MAX_BYTES:
        piece = os.read(fd, MAX_BYTES)
        if not piece:
            break
        data += piece
    return data.partition(b'\n')[0]


def _take_file(path: str) -> bytes:
    """Read a file and remove it.

    :raises ConfigError: others may read it, or it is none.
    """
    try:
        # A FIFO would keep us waiting.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(fd, 'rb') as file:
            mode = os.fstat(fd).st_mode
            if not stat.S_ISREG(mode) or mode & 0o077:
                raise ConfigError(
                    f'{path} has passwords in it; it must be a file of mode '
                    '0600')
            data = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ConfigError('the settings of the display cannot be read: '
                          f'{path}: {exc.strerror}') from exc
    try:
        os.unlink(path)
    except OSError as exc:
        LOG.warning('%s has passwords in it and cannot be removed: %s', path,
                    exc.strerror)
    return data


def _announce(port: int) -> None:
    _say({'version': VERSION, 'port': port})


def _say(message: object) -> None:
    print(json.dumps(message), flush=True)


def _log_to_stderr(about: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine(f'{about} %(levelname)s %(message)s'))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


if __name__ == '__main__':
    sys.exit(main())
