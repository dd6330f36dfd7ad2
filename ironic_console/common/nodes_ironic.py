# SPDX-License-Identifier: Apache-2.0
"""NodeStore over Ironic's own objects and its database.

The objects talk to the database directly, whatever ``rpc_transport`` is:
this process never sets their indirection API. Where nodes are looked at by
the thousand, it does without objects, which cost ten times the query. The
engine is made with the first query, which is after the fork of the workers.
"""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import sqlalchemy.exc
from ironic import objects
from ironic.common import context as ironic_context
from ironic.common import exception
from ironic.db import api as ironic_db
from oslo_config import cfg
from oslo_db import exception as db_exception
from oslo_db import options as db_options

from ironic_console.common.calls import BoundedCalls, CallTimeout
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.errors import NodeStoreUnavailable
from ironic_console.common.nodes import NodeRecord, NodeStore, console_of
from ironic_console.common.record_cache import RecordCache, Stamp

T = TypeVar('T')

# Each has at most one connection of the engine's pool.
_THREADS = 8
# Nodes that one query names; beyond, it asks for all enabled ones. SQLite
# takes 32,766 values.
_MAX_NAMED = 10_000
_FIELDS = ['uuid', 'name', 'console_interface', 'console_enabled',
           'driver_internal_info']


class IronicNodeStore(NodeStore):
    """Reads nodes as Ironic's services do.

    :param timeout: seconds that a caller waits at most.
    :param clock: for that.
    """

    def __init__(self, timeout: float, clock: Clock) -> None:
        objects.register_all()
        self._timeout = timeout
        self._clock = clock
        self._calls = BoundedCalls(_THREADS, 'database')
        self._sessions = RecordCache(clock)
        self._consoles = RecordCache(clock)

    def get(self, uuid: str) -> NodeRecord | None:
        def query() -> NodeRecord | None:
            try:
                return _record(objects.Node.get_by_uuid(_context(), uuid))
            except (exception.NodeNotFound, exception.InvalidUUID,
                    db_exception.DBInvalidUnicodeParameter):
                return None
        return self._run(query)

    def find(self, name: str) -> NodeRecord | None:
        def query() -> NodeRecord | None:
            try:
                return _record(objects.Node.get_by_name(_context(), name))
            except (exception.NodeNotFound,
                    db_exception.DBInvalidUnicodeParameter):
                return None
        return self._run(query)

    def consoles(self) -> list[NodeRecord]:
        def query() -> list[NodeRecord]:
            # A node is locked while its console is being enabled; those
            # first, so that none slips through between the two.
            stamps = _stamps(reserved=True) | _stamps(console_enabled=True)
            found = self._consoles.look(stamps, _read)
            return [record for record in found.values()
                    if record.enabled or record.ours]
        return self._run(query)

    def get_many(self, uuids: Collection[str]) -> dict[str, NodeRecord]:
        wanted = set(uuids)
        named = ({'uuid_in': sorted(wanted)}
                 if len(wanted) <= _MAX_NAMED else {})

        def query() -> dict[str, NodeRecord]:
            # Whatever is not enabled has ended.
            stamps = _stamps(console_enabled=True, **named)
            found = self._sessions.look(
                {uuid: stamp for uuid, stamp in stamps.items()
                 if uuid in wanted}, _read)
            return {uuid: record for uuid, record in found.items()
                    if uuid in wanted and record.enabled}
        return self._run(query)

    def check(self) -> None:
        self._run(lambda: objects.Node.list(
            _context(), limit=1, fields=['uuid']))

    def close(self) -> None:
        self._calls.close()

    def _run(self, query: Callable[[], T]) -> T:
        deadline = Deadline(self._clock, self._timeout, 'database_timeout')
        try:
            return self._calls.run(query, deadline)
        except CallTimeout as exc:
            raise NodeStoreUnavailable(
                f'the database did not answer within the {deadline}') from exc
        except (db_exception.DBError, db_exception.CantStartEngineError,
                sqlalchemy.exc.SQLAlchemyError, ImportError,
                OSError) as exc:
            # An ImportError says that [database]connection names a driver
            # that is not installed.
            # Their texts can hold the connection URL with its password.
            raise NodeStoreUnavailable(
                f'the database failed: {type(exc).__name__}') from None


def fail_fast(conf: cfg.ConfigOpts) -> None:
    """Do not let oslo.db retry for minutes while a user waits.

    An operator's own value wins.
    """
    conf.register_opts(db_options.database_opts, 'database')
    conf.set_default('max_retries', 0, group='database')


def _context() -> Any:
    return ironic_context.get_admin_context()


def _stamps(**filters: Any) -> dict[str, Stamp]:
    """:returns: when each node was changed last."""
    return dict(_rows(['uuid', 'updated_at'], filters))


def _read(uuids: list[str]) -> list[NodeRecord]:
    rows = [row for start in range(0, len(uuids), _MAX_NAMED) for row in
            _rows(_FIELDS, {'uuid_in': uuids[start:start + _MAX_NAMED]})]
    return [_slim(*row) for row in rows]


def _rows(columns: list[str], filters: dict[str, Any]) -> list[Any]:
    # Nodes that are part of another one have consoles, too.
    rows: list[Any] = ironic_db.get_instance().get_nodeinfo_list(
        columns=columns, filters={**filters, 'include_children': True})
    return rows


def _slim(uuid: str, name: str, interface: str, enabled: bool,
          info: dict[str, Any] | None) -> NodeRecord:
    # Thousands are kept, and other parts of Ironic write kilobytes there.
    return NodeRecord.from_info(uuid, name, interface, enabled,
                                console_of(info or {}))


def _record(node: Any) -> NodeRecord:
    return _slim(
        node.uuid, node.name, node.console_interface, node.console_enabled,
        node.driver_internal_info)
