# SPDX-License-Identifier: Apache-2.0
"""Options by group, and the text of them that oslo.config reads."""

from collections.abc import Iterable, Mapping
from pathlib import Path

Value = str | int | float | bool | Path | list[str]
Settings = dict[str, dict[str, Value]]


def merged(*layers: Mapping[str, Mapping[str, Value]] | None) -> Settings:
    """:returns: all layers in one; later ones win option by option."""
    result: Settings = {}
    for layer in layers:
        for group, options in (layer or {}).items():
            result.setdefault(group, {}).update(options)
    return result


def write(path: Path, settings: Mapping[str, Mapping[str, Value]]) -> None:
    """Write a configuration file; it may name secrets, so for us only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text('\n'.join(_lines(settings)))


def _lines(settings: Mapping[str, Mapping[str, Value]]) -> Iterable[str]:
    for group, options in settings.items():
        yield f'[{group}]'
        for name, value in options.items():
            yield f'{name} = {_text(value)}'
        yield ''


def _text(value: Value) -> str:
    if isinstance(value, list):
        return ','.join(value)
    # oslo.config replaces $name by the value of another option.
    return str(value).replace('$', '$$')
