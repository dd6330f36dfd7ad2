# SPDX-License-Identifier: Apache-2.0
"""Ledger: which sessions there are in all worker processes of this host.

One page of shared memory with an entry for each session, and a lock that the
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
import uuid
from collections.abc import Iterator

# Worker, session, node, source, opened (Unix time), what it may do.
_ENTRY = struct.Struct('<I8s16s16sdB7x')
_WORKER = struct.Struct('<I')
_NODE_AT, _SOURCE_AT = 12, 28
_FREE = 0
# Of an IPv6 address as much as belongs to one customer, RFC 6177.
_SOURCE_BITS = 64

_Fields = tuple[int, bytes, bytes, bytes, float, int]


@dataclasses.dataclass(frozen=True)
class Entry:
    """One session.

    :ivar session: its id, 8 characters.
    :ivar node: UUID.
    :ivar source: address of the browser, without port.
    :ivar opened: Unix time, seconds.
    :ivar types: it is one to type, not only to look.
    :ivar worker: process that carries it.
    """

    session: str
    node: str
    source: str
    opened: float
    types: bool = True
    worker: int = 0


class Ledger:
    """The sessions of all workers; made before they are forked.

    Its methods may be called from any thread of any of them.

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
        self._last = 0

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all other workers out, for a moment."""
        with self._lock:
            # The kernel's lock is the process's, so threads need their own
            # and a lock within a lock must not give it back.
            if not self._depth:
                fcntl.lockf(self._file, fcntl.LOCK_EX)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    fcntl.lockf(self._file, fcntl.LOCK_UN)

    def write(self, entry: Entry) -> int | None:
        """Enter a session of this process.

        :returns: its place, for :meth:`erase`; ``None`` if there is none.
        """
        with self.locked():
            place = self._find_free()
            if place is None:
                return None
            _ENTRY.pack_into(
                self._memory, place * _ENTRY.size, os.getpid(),
                entry.session.encode(), uuid.UUID(entry.node).bytes,
                _packed_source(entry.source), entry.opened, entry.types)
            return place

    def erase(self, place: int) -> None:
        """The session has ended."""
        with self.locked():
            _ENTRY.pack_into(self._memory, place * _ENTRY.size, _FREE, b'',
                             b'', b'', 0.0, 0)

    def of_node(self, node: str) -> list[Entry]:
        """:returns: sessions of a node, oldest first."""
        with self.locked():
            return sorted(self._matching(uuid.UUID(node).bytes, _NODE_AT),
                          key=lambda entry: entry.opened)

    def count_source(self, source: str) -> int:
        """:returns: sessions that came from where this address is."""
        with self.locked():
            return len(self._matching(_packed_source(source), _SOURCE_AT))

    def __len__(self) -> int:
        with self.locked():
            return sum(1 for _ in self._used())

    def bury(self) -> None:
        """Forget the sessions of workers that have died."""
        with self.locked():
            dead = [place for place, fields in self._used()
                    if not _lives(fields[0])]
            for place in dead:
                self.erase(place)

    def _read(self, place: int) -> _Fields:
        return _ENTRY.unpack_from(self._memory, place * _ENTRY.size)

    def _used(self) -> Iterator[tuple[int, _Fields]]:
        for place, fields in enumerate(_ENTRY.iter_unpack(self._memory)):
            if fields[0] != _FREE:
                yield place, fields

    def _find_free(self) -> int | None:
        for attempt in range(2):
            # Those behind the last one are the likeliest.
            for step in range(self._size):
                place = (self._last + step) % self._size
                if self._worker_at(place) == _FREE:
                    self._last = place
                    return place
            if not attempt:
                self.bury()
        return None

    def _worker_at(self, place: int) -> int:
        worker: int = _WORKER.unpack_from(self._memory,
                                          place * _ENTRY.size)[0]
        return worker

    def _matching(self, value: bytes, offset: int) -> list[Entry]:
        """Entries that have these bytes there, of workers that live."""
        found = []
        at = self._memory.find(value)
        while at >= 0:
            place, remainder = divmod(at - offset, _ENTRY.size)
            if not remainder and self._worker_at(place) != _FREE:
                if _lives(self._worker_at(place)):
                    found.append(_entry(self._read(place)))
                else:
                    self.erase(place)
            at = self._memory.find(value, at + 1)
        return found


def _entry(fields: _Fields) -> Entry:
    worker, session, node, source, opened, types = fields
    address = ipaddress.IPv6Address(source)
    return Entry(session.rstrip(b'\0').decode(), str(uuid.UUID(bytes=node)),
                 str(address.ipv4_mapped or address), opened, bool(types),
                 worker)


def _packed_source(text: str) -> bytes:
    """An address as far as it tells one customer from another."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return bytes(16)
    if isinstance(address, ipaddress.IPv4Address):
        return b'\0' * 10 + b'\xff\xff' + address.packed
    if address.ipv4_mapped:
        return address.packed
    return address.packed[:_SOURCE_BITS // 8].ljust(16, b'\0')


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
