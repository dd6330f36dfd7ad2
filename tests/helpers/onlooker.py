# SPDX-License-Identifier: Apache-2.0
"""Somebody who reads what many may read: process lists, logs, API answers.

What opens something must never be there.
"""

import contextlib
import json
import pathlib
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from tools.lab.ironic import LocalIronic

#: Seconds between two looks at all processes.
INTERVAL = 0.2


class Onlooker:
    """Looks from beginning to end of its ``with``, and remembers.

    :param logs: files that grow meanwhile.
    """

    def __init__(self, *logs: pathlib.Path) -> None:
        self._logs = {log: log.stat().st_size if log.exists() else 0
                      for log in logs}
        self._processes: set[bytes] = set()
        self._answers: list[str] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True,
                                        name='onlooker')

    def ask_api(self, ironic: LocalIronic, node: str) -> None:
        """See what the API shows of a node, in all its answers."""
        path = f'/v1/nodes/{node}'
        self._answers += [json.dumps(ironic.rest.call('GET', one)) for one in (
            path, '/v1/nodes/detail', f'{path}/states',
            f'{path}/states/console', f'{path}/history?detail=true',
            f'{path}/validate')]

    def found(self, secrets: Iterable[str]) -> list[str]:
        """:returns: what was seen of the secrets, and where."""
        places = {'the API': '\n'.join(self._answers),
                  'a process list': '\n'.join(
                      one.decode(errors='replace')
                      for one in self._processes)}
        for log, start in self._logs.items():
            with log.open('rb') as file:
                file.seek(start)
                places[str(log)] = file.read().decode(errors='replace')
        return [f'{secret} in {place}' for secret in sorted(secrets)
                for place, text in places.items() if secret in text]

    def _watch(self) -> None:
        while not self._stopping.wait(INTERVAL):
            for process in pathlib.Path('/proc').iterdir():
                if process.name.isdecimal():
                    # They come and go, and some are not for us.
                    with contextlib.suppress(OSError):
                        for name in ('cmdline', 'environ'):
                            self._processes.add(
                                (process / name).read_bytes())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()
