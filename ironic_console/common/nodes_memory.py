# SPDX-License-Identifier: Apache-2.0
"""A NodeStore in a dict, for tests and benchmarks."""

from collections.abc import Collection

from ironic_console.common.errors import NodeStoreUnavailable
from ironic_console.common.nodes import NodeRecord, NodeStore


class MemoryNodeStore(NodeStore):
    """Holds records; ``available = False`` plays a dead database."""

    def __init__(self, *records: NodeRecord) -> None:
        self.records = {record.uuid: record for record in records}
        self.available = True

    def get(self, uuid: str) -> NodeRecord | None:
        self.check()
        return self.records.get(uuid)

    def get_many(self, uuids: Collection[str]) -> dict[str, NodeRecord]:
        self.check()
        return {uuid: self.records[uuid] for uuid in uuids
                if uuid in self.records}

    def find(self, name: str) -> NodeRecord | None:
        self.check()
        return next((record for record in self.records.values()
                     if name and record.name == name), None)

    def consoles(self) -> list[NodeRecord]:
        self.check()
        return [record for record in self.records.values() if record.enabled]

    def check(self) -> None:
        if not self.available:
            raise NodeStoreUnavailable('the store was told to be down')
