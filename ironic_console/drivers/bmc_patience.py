# SPDX-License-Identifier: Apache-2.0
"""Which BMCs periodic looks leave alone for now, so that those that do not
answer cost the others no time, and wrong credentials lock no account.

It is forgotten with the conductor, and knows nothing of what a look is.
"""

import collections
import dataclasses
import hashlib
import json
import threading
from typing import Any

from ironic_console.common.clock import Clock

#: Longest time that a BMC is left alone because it did not answer, seconds.
MAX_PAUSE = 1800.0
# Nodes that are remembered; of more than these the oldest is asked again.
_MAX_NODES = 10_000


@dataclasses.dataclass
class _Trouble:
    until: float
    pause: float = 0.0
    settings: str = ''


class Patience:
    """Of one conductor; for several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._troubles: collections.OrderedDict[str, _Trouble] = (
            collections.OrderedDict())

    def allows(self, node: Any) -> bool:
        """:returns: there may be a look at its BMC now."""
        with self._lock:
            trouble = self._troubles.get(node.uuid)
        if trouble is None:
            return True
        if trouble.settings:
            return trouble.settings != _sum(node.driver_info)
        return self._clock.monotonic() >= trouble.until

    def silent(self, node: Any, interval: float) -> None:
        """It did not answer: each time it gets twice as long.

        :param interval: seconds from one look to the next.
        """
        with self._lock:
            before = self._troubles.pop(node.uuid, None)
            pause = min(2 * before.pause if before and before.pause
                        else interval, MAX_PAUSE)
            # The next look may come a moment too early.
            self._keep(node.uuid, _Trouble(
                self._clock.monotonic() + pause * 1.5, pause))

    def denied(self, node: Any) -> None:
        """It did not take our credentials, and will not until there are
        others."""
        with self._lock:
            self._keep(node.uuid, _Trouble(0, 0, _sum(node.driver_info)))

    def well(self, node: Any) -> None:
        """It answers, or somebody has a reason to ask it."""
        with self._lock:
            self._troubles.pop(node.uuid, None)

    def _keep(self, uuid: str, trouble: _Trouble) -> None:
        self._troubles[uuid] = trouble
        self._troubles.move_to_end(uuid)
        if len(self._troubles) > _MAX_NODES:
            self._troubles.popitem(last=False)


def _sum(driver_info: Any) -> str:
    return hashlib.sha256(json.dumps(
        driver_info, sort_keys=True, default=str).encode()).hexdigest()
