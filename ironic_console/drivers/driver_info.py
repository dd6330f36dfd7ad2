# SPDX-License-Identifier: Apache-2.0
"""Values of ``driver_info`` as people write them, in JSON or on a command
line, which makes numbers of what looks like numbers.

It knows kinds of values and no driver; every error names the key.
"""

import math
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from oslo_utils import strutils

from ironic_console.common.errors import ConfigError
from ironic_console.common.quotation import quoted, shortened
from ironic_console.common.tls import cas_in

_T = TypeVar('_T')

_PEM = '-----BEGIN '
_MAX_FILE_BYTES = 256 * 1024
# MySQL takes 64 KiB for all that a node's interfaces remember together.
_MAX_CA_CHARS = 32 * 1024


def refuse_unknown(info: Mapping[str, Any], prefix: str,
                   known: Iterable[str], interface: str) -> None:
    """Refuse a setting that nobody would obey, most likely a typing error.

    :param prefix: of all settings of the console interface.
    """
    unknown = sorted(key for key in info
                     if key.startswith(prefix) and key not in known)
    if unknown:
        raise ConfigError(f'driver_info/{shortened(unknown[0], 64)} is not a '
                          f'setting of {interface}; there are '
                          f'{", ".join(known)}')


def text(info: Mapping[str, Any], key: str) -> str:
    """:returns: what is set, '' if that is nothing."""
    value = info.get(key, '')
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ConfigError(f'driver_info/{key} must be text; on the command '
                          f"line that is {key}='\"...\"'")
    return value


def items(info: Mapping[str, Any], key: str) -> list[str]:
    """:returns: the parts of a list with commas, or of one in JSON."""
    value = info.get(key, '')
    parts = (value if isinstance(value, list)
             else text(info, key).split(','))
    # Not str(): null is not "none".
    words = [text({key: part}, key).strip() for part in parts]
    return [word for word in words if word]


def choice(info: Mapping[str, Any], key: str, allowed: Sequence[str],
           default: str) -> str:
    value = info.get(key, default)
    if value not in allowed:
        raise ConfigError(f'driver_info/{key} is {quoted(value)}; allowed is '
                          f'one of {", ".join(allowed)}')
    return str(value)


def number(value: Any, kind: type[int] | type[float]) -> Any:
    """:returns: the number; what is none as it is, for whoever has to say
        which are allowed."""
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError):
        return value


def number_in(info: Mapping[str, Any], key: str, default: float,
              least: float, most: float,
              kind: type[int] | type[float] = int) -> Any:
    """:returns: the number that is set, of that kind.
    :raises ConfigError: it is none, or not from ``least`` to ``most``.
    """
    value = info.get(key, default)
    found = number(value, kind)
    # JSON's true is an int for Python, and 1.5 can be made one.
    whole = kind is float or not isinstance(value, float) or (
        math.isfinite(value) and value.is_integer())
    if (isinstance(value, bool) or type(found) is not kind or not whole
            or not least <= found <= most):
        raise ConfigError(f'driver_info/{key} is {quoted(value)}; it must be '
                          f'a number from {least:g} to {most:g}')
    return found


def flag(info: Mapping[str, Any], key: str) -> bool:
    """:returns: whether it is set to something like true.
    :raises ConfigError: nobody can tell.
    """
    value = info.get(key, False)
    try:
        return bool(strutils.bool_from_string(value, strict=True))
    except ValueError as exc:
        raise ConfigError(f'driver_info/{key} is {quoted(value)}; allowed is '
                          'true or false') from exc


def checked(key: str, read: Callable[[], _T]) -> _T:
    """Let somebody else read a value.

    :raises ConfigError: theirs, with the key.
    """
    try:
        return read()
    except ConfigError as exc:
        raise ConfigError(f'driver_info/{key}: {exc}') from exc


def cas(info: Mapping[str, Any], key: str) -> str:
    """Read the CAs that are named: PEM, or the path of a PEM file.

    :returns: certificates only, whatever else is in the file; '' where
        nothing is set.
    """
    value = text(info, key)
    if not value:
        return ''
    pem = value if _PEM in value else _read_file(key, value)
    found = checked(key, lambda: cas_in(pem))
    if len(found) > _MAX_CA_CHARS:
        raise ConfigError(
            f'driver_info/{key} has {len(found)} characters of certificates, '
            f'{_MAX_CA_CHARS} fit; name only the CAs of this server')
    return found


def _read_file(key: str, path: str) -> str:
    """Read a file that whoever writes ``driver_info`` has chosen."""
    problem = f'driver_info/{key} is {quoted(path)}, which '
    if not path.startswith('/'):
        raise ConfigError(f'{problem}is neither PEM nor the path of a file '
                          'that begins with /')
    try:
        with open(path, 'rb', opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f'{problem}is no file')
            data = file.read(_MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as exc:
        raise ConfigError(f'{problem}this conductor cannot read: '
                          f'{getattr(exc, "strerror", None) or exc}') from exc
    if len(data) > _MAX_FILE_BYTES:
        raise ConfigError(f'{problem}has more than {_MAX_FILE_BYTES} bytes')
    return data.decode('ascii', 'replace')


def _open_at_once(path: str, flags: int) -> int:
    # If it is a pipe, opening it would wait for whoever writes.
    return os.open(path, flags | os.O_NONBLOCK)
