# SPDX-License-Identifier: Apache-2.0
"""Runs a program under what a systemd unit allows, without systemd.

``python -m tests.helpers.confined UNIT PROGRAM ...`` enforces through the
kernel, as systemd does: SystemCallFilter, RestrictAddressFamilies,
MemoryDenyWriteExecute, NoNewPrivileges, CapabilityBoundingSet, LimitNOFILE
and UMask. What it cannot do is a view of the file system of its own; that is
ProtectSystem and the like.
"""

import ctypes
import errno
import os
import pathlib
import resource
import socket
import subprocess
import sys

# prctl(2), seccomp(3), mmap(2), capabilities(7).
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 24, 38
_ALLOW, _ERRNO = 0x7fff0000, 0x00050000
_EQUAL, _MASKED_EQUAL = 4, 7
_PROT_WRITE, _PROT_EXEC = 2, 4
_CAPABILITIES = 64
_CONFLICT = -17


class _Comparison(ctypes.Structure):
    """struct scmp_arg_cmp."""

    _fields_ = [('arg', ctypes.c_uint), ('op', ctypes.c_int),
                ('datum_a', ctypes.c_uint64), ('datum_b', ctypes.c_uint64)]


def read_unit(path: pathlib.Path) -> dict[str, list[str]]:
    """:returns: what each option of a unit is set to, in order."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        name, equals, value = line.partition('=')
        if equals and not line.startswith('#'):
            found.setdefault(name, []).append(value)
    return found


def system_calls(values: list[str]) -> set[str]:
    """:returns: names that the lines of a SystemCallFilter= allow."""
    allowed = _set_of('@default')
    for value in values:
        names: set[str] = set()
        for word in value.lstrip('~').split():
            names |= _set_of(word)
        # systemd never takes away what is in @default.
        allowed = (allowed - (names - _set_of('@default'))
                   if value.startswith('~') else allowed | names)
    return allowed


def _set_of(word: str) -> set[str]:
    if not word.startswith('@'):
        return {word}
    text = subprocess.run(
        ['systemd-analyze', '--no-pager', 'syscall-filter', word],
        capture_output=True, text=True, check=True).stdout
    names: set[str] = set()
    for line in text.splitlines()[1:]:
        entry = line.strip()
        if entry and not entry.startswith('#'):
            names |= _set_of(entry)
    return names


class _Filter:
    """A filter of system calls that is being made.

    :param number: of the error that forbidden ones fail with.
    """

    def __init__(self, number: int) -> None:
        self._library = ctypes.CDLL('libseccomp.so.2')
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._library.seccomp_init(
            ctypes.c_uint32(_ERRNO | number)))

    def add(self, action: int, name: str, *comparisons: _Comparison) -> None:
        number = self._library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            # Of another architecture, or newer than the library.
            return
        array = (_Comparison * len(comparisons))(*comparisons)
        status = self._library.seccomp_rule_add_array(
            self._context, ctypes.c_uint32(action), number,
            len(comparisons), array)
        assert status in (0, _CONFLICT), (name, status)

    def load(self) -> None:
        status = self._library.seccomp_load(self._context)
        assert status == 0, f'the kernel takes no filter: {status}'


def _filters(unit: dict[str, list[str]]) -> list[_Filter]:
    calls = _Filter(getattr(errno, unit['SystemCallErrorNumber'][0]))
    for name in system_calls(unit['SystemCallFilter']):
        calls.add(_ALLOW, name)
    # One filter of its own for each thing, as systemd does it: an argument
    # cannot be looked at in a call that is allowed already.
    every = system_calls(['@known'])
    families = _Filter(errno.EAFNOSUPPORT)
    memory = _Filter(errno.EPERM)
    _allow_all(families, every - {'socket'})
    for family in unit['RestrictAddressFamilies'][0].split():
        families.add(_ALLOW, 'socket', _Comparison(
            0, _EQUAL, getattr(socket, family), 0))
    found = [calls, families]
    if unit.get('MemoryDenyWriteExecute') == ['yes']:
        _allow_all(memory, every - {'mmap', 'mprotect', 'pkey_mprotect'})
        both = _PROT_WRITE | _PROT_EXEC
        for bits in (0, _PROT_WRITE, _PROT_EXEC):
            memory.add(_ALLOW, 'mmap',
                       _Comparison(2, _MASKED_EQUAL, both, bits))
        for name in ('mprotect', 'pkey_mprotect'):
            memory.add(_ALLOW, name,
                       _Comparison(2, _MASKED_EQUAL, _PROT_EXEC, 0))
        found.append(memory)
    return found


def _allow_all(chosen: _Filter, names: set[str]) -> None:
    for name in names:
        chosen.add(_ALLOW, name)


def main() -> None:
    unit = read_unit(pathlib.Path(sys.argv[1]))
    files = int(unit['LimitNOFILE'][0])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY:
        files = min(files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    os.umask(int(unit['UMask'][0], 8))
    assert unit['NoNewPrivileges'] == ['yes']
    assert unit['CapabilityBoundingSet'] == ['']
    library = ctypes.CDLL(None, use_errno=True)
    for capability in range(_CAPABILITIES):
        library.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    filters = _filters(unit)
    assert library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    # The narrowest last: it may forbid what the others need.
    for one in reversed(filters):
        one.load()
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == '__main__':
    main()
