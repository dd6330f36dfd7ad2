#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check who imports whom in ironic_console; the rules are the tables below.

Names of our modules in the tables leave out the package, and each stands for
all below it too: ``drivers`` is ironic_console.drivers and its modules.
"""

import ast
import fnmatch
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = 'ironic_console'

# Part of the package -> parts that it may import. First match counts.
LAYERS = {
    'common.rfb': ['common.rfb', 'common.errors', 'common.secret'],
    'common': ['common'],
    # A program of its own, which runs where Ironic is not.
    'drivers.displays': ['drivers.displays', 'drivers.testcard.font',
                         'common.addresses', 'common.calls', 'common.clock',
                         'common.errors', 'common.secret',
                         'common.timed_socket', 'common.tls'],
    'drivers': ['drivers', 'common'],
    'novncproxy': ['novncproxy', 'common'],
}

# Upper storeys of the proxy -> who may import them. What is not named here
# may be imported by every module of its layer.
UPPER = {
    'novncproxy.cmd': ['novncproxy.__main__'],
    'novncproxy.service': ['novncproxy.cmd'],
    'novncproxy.worker': ['novncproxy.cmd', 'novncproxy.service'],
    'novncproxy.server': ['novncproxy.cmd', 'novncproxy.worker',
                          'novncproxy.gateway', 'novncproxy.metrics_door'],
    'novncproxy.gateway': ['novncproxy.worker'],
    'novncproxy.metrics_door': ['novncproxy.worker'],
    'novncproxy.connection': ['novncproxy.cmd', 'novncproxy.worker',
                              'novncproxy.server'],
}

# Foreign package -> the modules that may import it.
HOMES = {
    'Crypto': ['common.rfb.security.vnc_auth', 'common.rfb.security.ra2',
               'common.rfb.security.aes_eax'],
    'cryptography': ['drivers.certificates'],
    'eventlet': ['novncproxy.cmd'],
    'prometheus_client': ['novncproxy.metrics'],
    'ironic': ['drivers', 'common.nodes_ironic', 'novncproxy.cmd'],
    'sushy': ['drivers.redfish'],
    'websockify': ['common.channels.websocket'],
}

# Bytes in, bytes and events out: no I/O, no clock, no log, no configuration.
PURE = ['common.rfb', 'novncproxy.references', 'novncproxy.request']
IMPURE = ['eventlet', 'logging', 'oslo_*', 'select', 'selectors', 'socket',
          'ssl', 'threading', 'time']
# What one of them may use all the same: no two threads shall make an RSA key
# at once.
TOLERATED = {'threading': ['common.rfb.security.ra2']}
# Needs the standard library and nothing else (but for the homes above).
SELF_CONTAINED = ['common.rfb', 'drivers.displays']

# Who may read the global CONF; all others are given values.
CONF_READERS = ['drivers', 'novncproxy.cmd']


class Import(NamedTuple):
    """One imported name, absolute and dotted."""

    line: int
    name: str


def problems(root: Path = ROOT) -> list[str]:
    """:returns: one line for each breach of the rules."""
    found = []
    for path in sorted((root / PACKAGE).rglob('*.py')):
        parts = path.relative_to(root / PACKAGE).with_suffix('').parts
        is_package = parts[-1] == '__init__'
        module = '.'.join(parts[:-1] if is_package else parts)
        tree = ast.parse(path.read_text(), str(path))
        found += [f'{path.relative_to(root)}:{line}: {text}' for line, text
                  in _problems(module, is_package, tree)]
    return found


def _problems(module: str, is_package: bool,
              tree: ast.Module) -> Iterator[tuple[int, str]]:
    for line, name in sorted(set(imports(module, is_package, tree))):
        top, _, rest = name.partition('.')
        text = (_own_problem(module, rest) if top == PACKAGE
                else _foreign_problem(module, top))
        if text:
            yield line, text
    if not _within(module, CONF_READERS):
        for line in sorted(set(_conf_uses(tree))):
            yield line, (f'only {_list(CONF_READERS)} may read CONF; pass '
                         f'the values down')


def _own_problem(module: str, name: str) -> str:
    layer = next((layer for layer in LAYERS if _within(module, [layer])), '')
    if name and not layer:
        return f'{module or "the package itself"} has no layer in LAYERS'
    if name and not _within(name, LAYERS[layer]):
        return (f'{module} may import only {_list(LAYERS[layer])}, not '
                f'{PACKAGE}.{name}')
    for upper, allowed in UPPER.items():
        if _within(name, [upper]) and not _within(module, [upper, *allowed]):
            return f'{upper} may be imported only by {_list(allowed)}'
    return ''


def _foreign_problem(module: str, top: str) -> str:
    home = HOMES.get(top)
    if home and not _within(module, home):
        return f'{top} may be imported only by {_list(home)}'
    if (_within(module, PURE)
            and not _within(module, TOLERATED.get(top, []))
            and any(fnmatch.fnmatchcase(top, name) for name in IMPURE)):
        return f'{module} is pure: it may not import {top}'
    if (_within(module, SELF_CONTAINED)
            and top not in sys.stdlib_module_names
            # A home within that part is an exception from this, too.
            and not any(_within(module, [place])
                        and _within(place, SELF_CONTAINED)
                        for place in home or [])):
        return f'{module} may import the standard library only, not {top}'
    return ''


def imports(module: str, is_package: bool,
            tree: ast.Module) -> Iterator[Import]:
    """:returns: all that a module imports, wherever in its code."""
    package = [PACKAGE, *module.split('.')] if module else [PACKAGE]
    if not is_package:
        package.pop()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            origin = package[:len(package) + 1 - node.level
                             ] if node.level else []
            base = '.'.join([*origin, *filter(None, [node.module])])
            for alias in node.names:
                yield Import(node.lineno, f'{base}.{alias.name}')
        elif isinstance(node, ast.Call) and node.args:
            called = node.func
            name = getattr(called, 'attr', getattr(called, 'id', ''))
            first = node.args[0]
            if (name in ('import_module', '__import__')
                    and isinstance(first, ast.Constant)):
                yield Import(node.lineno, str(first.value))


def _conf_uses(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            names = [node.attr]
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
        else:
            continue
        if 'CONF' in names:
            yield node.lineno


def _within(name: str, places: list[str]) -> bool:
    return any(f'{name}.'.startswith(f'{place}.') for place in places)


def _list(names: list[str]) -> str:
    return ', '.join(names)


def main() -> int:
    """:returns: exit status."""
    found = problems()
    print('\n'.join(found) or 'layers: fine')
    return bool(found)


if __name__ == '__main__':
    sys.exit(main())
