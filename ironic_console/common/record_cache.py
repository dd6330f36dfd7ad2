# SPDX-License-Identifier: Apache-2.0
"""RecordCache: node records, and which of them have to be read again.

Whoever looks at thousands of nodes every second reads of each only when it
was changed last. How that is asked for is up to nodes_ironic.py.
"""

import dataclasses
import datetime
import math
import threading
from collections.abc import Callable, Iterable, Mapping

from ironic_console.common.clock import Clock
from ironic_console.common.nodes import NodeRecord

#: When a node was changed last, in the words of the database.
Stamp = datetime.datetime | None
Read = Callable[[list[str]], Iterable[NodeRecord]]

# Databases keep whole seconds, so a second change may have the stamp of the
# first one: for so long a node that has changed is read at each look.
_SETTLING_SECONDS = 5.0
# What is changed behind Ironic's back has no new stamp. After so many looks
# each node has been read again.
_LOOKS = 20


@dataclasses.dataclass(frozen=True)
class _Known:
    record: NodeRecord
    stamp: Stamp
    settled_at: float


class RecordCache:
    """Records of the last look. It may be used by several threads.

    :param clock: for what has just changed.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # Those that were not read for the longest time come first.
        self._known: dict[str, _Known] = {}

    def look(self, stamps: Mapping[str, Stamp], read: Read,
             ) -> dict[str, NodeRecord]:
        """Bring the records up to date.

        :param stamps: of all nodes that matter now, by UUID, older than what
            ``read`` gives.
        :param read: asked for the nodes that are not known well enough; may
            leave out those that are gone.
        :returns: all that matter.
        """
        now = self._clock.monotonic()
        with self._lock:
            doubtful = self._doubtful(stamps, now)
            good = {uuid: self._known[uuid].record
                    for uuid in stamps.keys() - set(doubtful)}
        # Not with the lock: it may never come back. Nor is what is known
        # afterwards our answer: another look may have come back meanwhile,
        # which knew of other nodes.
        found = {record.uuid: record for record in read(doubtful)
                 } if doubtful else {}
        with self._lock:
            for uuid in doubtful:
                self._take(uuid, found.get(uuid), stamps[uuid], now)
            for uuid in self._known.keys() - stamps.keys():
                del self._known[uuid]
        return good | {uuid: found[uuid] for uuid in doubtful
                       if uuid in found}

    def _doubtful(self, stamps: Mapping[str, Stamp], now: float,
                  ) -> list[str]:
        share = math.ceil(len(stamps) / _LOOKS)
        due = {uuid for uuid, _ in zip(self._known, range(share),
                                       strict=False)}
        return [uuid for uuid, stamp in stamps.items()
                if uuid in due or not self._is_good(uuid, stamp, now)]

    def _is_good(self, uuid: str, stamp: Stamp, now: float) -> bool:
        known = self._known.get(uuid)
        return (known is not None and known.stamp == stamp
                and now >= known.settled_at)

    def _take(self, uuid: str, record: NodeRecord | None, stamp: Stamp,
              now: float) -> None:
        before = self._known.pop(uuid, None)
        if record is None:
            return
        settled_at = (before.settled_at if before and before.stamp == stamp
                      else now + _SETTLING_SECONDS)
        self._known[uuid] = _Known(record, stamp, settled_at)
