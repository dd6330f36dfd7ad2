# SPDX-License-Identifier: Apache-2.0
"""Ironic's nodes and their locks, without a database.

How a real one behaves is tested in tests/displays.
"""

import contextlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ironic.common import exception

from ironic_console.common import nodes as keys
from ironic_console.common.endpoint import Endpoint
from ironic_console.drivers.display_providers import needs


class LockedNodes:
    """In place of what display_providers.needs asks Ironic for.

    :ivar queries: how often nodes were listed.
    :ivar locked: whose lock is held at this moment.
    :ivar meanwhile: what others do after the query.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._nodes: dict[str, Any] = {}
        self.queries = 0
        self.locked = ''
        self.meanwhile: Callable[[], object] = lambda: None
        monkeypatch.setattr(needs.objects, 'Node',
                            SimpleNamespace(list=self._list), raising=False)
        monkeypatch.setattr(needs.task_manager, 'acquire', self._acquire)

    def put(self, uuid: str, address: tuple[str, int] | None = None,
            kind: str = 'ilo-kvm', **fields: Any) -> None:
        """Write a node.

        :param address: of its console; ``None`` for one that does not run.
        :param kind: of its console.
        :param fields: that are not as usual.
        """
        info = {} if address is None else {
            keys.ENDPOINT_KEY: Endpoint(*address, kind=kind).to_dict()}
        self._nodes[uuid] = SimpleNamespace(**{
            'uuid': uuid, 'reservation': None, 'console_enabled': True,
            'console_interface': 'ilo-kvm', 'driver_internal_info': info,
        } | fields)

    def remove(self, uuid: str) -> None:
        del self._nodes[uuid]

    def _list(self, context: Any, filters: dict[str, Any],
              fields: list[str]) -> list[Any]:
        self.queries += 1
        assert set(filters) == {'uuid_in'}
        found = [SimpleNamespace(**{name: getattr(node, name)
                                    for name in fields})
                 for uuid, node in self._nodes.items()
                 if uuid in filters['uuid_in']]
        self.meanwhile()
        return found

    @contextlib.contextmanager
    def _acquire(self, context: Any, uuid: str, *, purpose: str, retry: bool,
                 load_driver: bool) -> Iterator[Any]:
        # Others are not kept waiting, and a driver may be none by now.
        assert not retry
        assert not load_driver
        node = self._nodes.get(uuid)
        if node is None:
            raise exception.NodeNotFound(node=uuid)
        if node.reservation:
            raise exception.NodeLocked(node=uuid, host=node.reservation)
        self.locked = uuid
        yield SimpleNamespace(node=node)
        self.locked = ''
