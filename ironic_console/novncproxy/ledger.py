# SPDX-License-Identifier: Apache-2.0
"""Ledger: which sessions there are in all worker processes of this host.

One piece of shared memory with an entry for each session, and locks that the
kernel takes back from whoever dies. What the entries allow is decided in
sessions.py; other hosts are not known here.
"""

import contextlib
import dataclasses
import fcntl
import ipaddress
import mmap
import os
import struct
import threading
import time
import uuid
from collections.abc import Iterator

from ironic_console.common.errors import ServiceUnavailable

# Worker, session, node, source, opened (Unix time).
_ENTRY = struct.Struct('<I4x8s16s16sd8x')
_WORKER = struct.Struct('<I')
_NODE_AT, _SOURCE_AT = 16, 32
_FREE = 0
# Of an IPv6 address as much as belongs to one customer, RFC 6177.
_SOURCE_BITS = 64
# What fills the rest tells the families apart; the bytes that differ come
# first and none of it looks like free memory, so that searching is quick.
_IPV4, _IPV6, _NOWHERE = b'IPv4' * 3, b'IPv6/64.', b'nowhere at all..'
# Bytes of the file that are locked: one to write, and each worker has its
# own for as long as it lives.
_WRITE_LOCK, _FIRST_WORKER_LOCK = 0, 1
_LOCK_TIMEOUT, _LOCK_INTERVAL = 5.0, 0.0005

_Fields = tuple[int, bytes, bytes, bytes, float]


@dataclasses.dataclass(frozen=True)
class Entry:
    """One session.

    :ivar session: its id, 8 characters.
    :ivar node: UUID.
    :ivar source: address of the browser, without port; of an IPv6 address
        only its network is kept.
    :ivar opened: Unix time, seconds.
    :ivar worker: process that carries it; filled in by the ledger.
    """

    session: str
    node: str
    source: str
    opened: float
    worker: int = 0


class Ledger:
    """The sessions of all workers; made before they are forked.

    Its methods may be called from any thread of any of them. All but
    :meth:`erase` wait until they are the only ones.

    :param size: sessions that it can hold.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        # A file object, which is closed when nobody has the ledger any more.
        self._file = os.fdopen(os.memfd_create('sessions'), 'r+b',
                               buffering=0)
        self._file.truncate(size * _ENTRY.size)
        self._memory = mmap.mmap(self._file.fileno(), size * _ENTRY.size)
        self._lock = threading.RLock()
        self._depth = 0
        self._next = 0
        self._member = 0

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all others out, for a moment.

        :raises ServiceUnavailable: one of them stands still in there.
        """
        deadline = time.monotonic() + _LOCK_TIMEOUT
        # The kernel's lock is the process's, so threads need their own and a
        # lock within a lock must not give it back.
        if not self._lock.acquire(timeout=_LOCK_TIMEOUT):
            raise _stuck()
        try:
            if not self._depth:
                self._lock_file(deadline)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    self._unlock_byte(_WRITE_LOCK)
        finally:
            self._lock.release()

    def write(self, entry: Entry) -> int | None:
        """Enter a session of this process.

        :returns: its place, for :meth:`erase`; ``None`` if there is none.
        :raises ServiceUnavailable: see :meth:`locked`.
        """
        with self.locked():
            self._join()
            place = self._find_free()
            if place is None:
                return None
            _ENTRY.pack_into(
                self._memory, place * _ENTRY.size, os.getpid(),
                entry.session.encode(), uuid.UUID(entry.node).bytes,
                _packed_source(entry.source), entry.opened)
            return place

    def erase(self, place: int) -> None:
        """The session has ended.

        The relay does this, which must not wait for other workers; one store
        that is never seen half done needs no lock.

        :param place: of a session of this process.
        """
        _WORKER.pack_into(self._memory, place * _ENTRY.size, _FREE)

    def of_node(self, node: str) -> list[Entry]:
        """:returns: sessions of a node, oldest first.
        :raises ServiceUnavailable: see :meth:`locked`.
        """
        with self.locked():
            found = [_entry(fields) for fields in self._matching(
                uuid.UUID(node).bytes, _NODE_AT)]
        return sorted(found, key=lambda entry: entry.opened)

    def of_source(self, source: str) -> set[str]:
        """:returns: ids of the sessions from where this address is.
        :raises ServiceUnavailable: see :meth:`locked`.
        """
        # No entries: these can be thousands.
        with self.locked():
            return {_session(fields) for fields in self._matching(
                _packed_source(source), _SOURCE_AT)}

    def __len__(self) -> int:
        with self.locked():
            self._bury()
            return sum(fields[0] != _FREE for fields in
                       _ENTRY.iter_unpack(self._memory))

    # -- places --------------------------------------------------------------

    def _find_free(self) -> int | None:
        for _attempt in range(2):
            # Those behind the last one are the likeliest.
            for step in range(self._size):
                place = (self._next + step) % self._size
                if self._worker_at(place) == _FREE:
                    self._next = place + 1
                    return place
            self._bury()
        return None

    def _bury(self) -> None:
        """Forget the sessions of workers that have died."""
        alive: dict[int, bool] = {_FREE: True}
        for place in range(self._size):
            if not self._lives(self._worker_at(place), alive):
                self.erase(place)

    def _worker_at(self, place: int) -> int:
        worker: int = _WORKER.unpack_from(self._memory,
                                          place * _ENTRY.size)[0]
        return worker

    def _matching(self, value: bytes, offset: int) -> Iterator[_Fields]:
        """Entries that have these bytes there, of workers that live."""
        alive: dict[int, bool] = {}
        at = self._memory.find(value)
        while at >= 0:
            place, remainder = divmod(at - offset, _ENTRY.size)
            if not remainder:
                fields = _ENTRY.unpack_from(self._memory,
                                            place * _ENTRY.size)
                if fields[0] != _FREE and self._lives(fields[0], alive):
                    yield fields
                else:
                    self.erase(place)
            at = self._memory.find(value, at + 1)

    # -- locks ---------------------------------------------------------------

    def _lock_file(self, deadline: float) -> None:
        # Not the call that waits by itself: it would wait for ever, and
        # with green threads all of them.
        while not self._lock_byte(_WRITE_LOCK):
            if time.monotonic() >= deadline:
                raise _stuck()
            time.sleep(_LOCK_INTERVAL)

    def _join(self) -> None:
        """Have a lock that tells others that this process lives."""
        worker = os.getpid()
        if self._member == worker:
            return
        self._lock_byte(_FIRST_WORKER_LOCK + worker)
        self._member = worker
        for place in range(self._size):
            # Of one that had the same number before us.
            if self._worker_at(place) == worker:
                self.erase(place)

    def _lives(self, worker: int, known: dict[int, bool]) -> bool:
        if worker not in known:
            known[worker] = worker == os.getpid()
            if not known[worker]:
                # A process that is dead and not yet reaped has no locks.
                free = self._lock_byte(_FIRST_WORKER_LOCK + worker)
                if free:
                    self._unlock_byte(_FIRST_WORKER_LOCK + worker)
                known[worker] = not free
        return known[worker]

    def _lock_byte(self, number: int) -> bool:
        """:returns: ``False`` when another process has it."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _unlock_byte(self, number: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)


def _stuck() -> ServiceUnavailable:
    return ServiceUnavailable('another worker holds the ledger of sessions '
                              f'for more than {_LOCK_TIMEOUT:g} s; is one '
                              'stopped?')


def _entry(fields: _Fields) -> Entry:
    worker, _id, node, source, opened = fields
    return Entry(_session(fields), str(uuid.UUID(bytes=node)),
                 _unpacked_source(source), opened, worker)


def _session(fields: _Fields) -> str:
    return fields[1].rstrip(b'\0').decode()


def _packed_source(text: str) -> bytes:
    """An address as far as it tells one customer from another."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return _NOWHERE
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return address.packed[:_SOURCE_BITS // 8] + _IPV6
        address = address.ipv4_mapped
    return address.packed + _IPV4


def _unpacked_source(packed: bytes) -> str:
    if packed.endswith(_IPV4):
        return str(ipaddress.IPv4Address(packed[:4]))
    if packed.endswith(_IPV6):
        network = packed[:_SOURCE_BITS // 8].ljust(16, b'\0')
        return f'{ipaddress.IPv6Address(network)}/{_SOURCE_BITS}'
    return ''
