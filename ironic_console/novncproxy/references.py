# SPDX-License-Identifier: Apache-2.0
"""What the page and its modules refer to, and where that is served. Pure.

Not a parser of HTML or JavaScript: it knows the forms in which our page, our
modules and noVNC's write their references, and that each must lead to a file.
"""

import collections
import posixpath
import re
from collections.abc import Iterator, Mapping

from ironic_console.common.errors import ConfigError

#: Folder of noVNC's files among those of the page.
NOVNC = 'novnc'

# What can hold the text of an import without being one comes first. Regular
# expressions of JavaScript are not told apart: one with a quote in it can hide
# an import on the same line, which then is fetched one round later.
_STATEMENT = re.compile(r'''
    /\*.*?\*/ | //[^\n]*
    | `(?:\\.|[^`\\])*` | '(?:\\.|[^'\\\n])*' | "(?:\\.|[^"\\\n])*"
    | ^[ \t]*(?:import|export)\b(?:[^;'"`()]*?\bfrom\b)?\s*
      (?P<quote>['"])(?P<specifier>[^'"\n]+)(?P=quote)
    ''', re.DOTALL | re.MULTILINE | re.VERBOSE)
_PRELOAD = re.compile(
    '^ *<link rel="modulepreload" href="(?P<root>[^"]+)">\n', re.MULTILINE)
# A colon would make it an absolute URL, such as "data:,".
_REFERENCE = re.compile('(?P<before>(?:href|src)=")(?P<name>[^":#?]+)"')


def static_imports(source: str) -> Iterator[str]:
    """Find what a module imports before it runs.

    :param source: text of an ES module.
    :returns: the specifiers, in the order of the text; ``import()`` is none.
    """
    for found in _STATEMENT.finditer(source):
        if found['specifier']:
            yield found['specifier']


def closure(root: str, files: Mapping[str, bytes]) -> list[str]:
    """Find all that has to be there before a module can run.

    :param root: name of the module.
    :param files: content by name; names are relative to the page.
    :returns: the root, then what it imports, then what those import.
    :raises ConfigError: something that is imported is missing.
    """
    names = {root: None}
    queue = collections.deque([root])
    while queue:
        name = queue.popleft()
        source = files[name].decode(errors='replace')
        for specifier in static_imports(source):
            imported = posixpath.normpath(
                posixpath.join(posixpath.dirname(name), specifier))
            # Browsers take "x.js" for a name that only an import map gives.
            if imported not in files or specifier[0] not in './':
                raise _missing(imported, f'{name} imports {specifier!r}')
            if imported not in names:
                names[imported] = None
                queue.append(imported)
    return list(names)


def place(html: str, base: str, files: Mapping[str, bytes]) -> str:
    """Rewrite the page so that it finds its files below another path.

    Each ``<link rel="modulepreload">`` becomes one for every module of its
    closure.

    :param html: of the page.
    :param base: relative path with a slash at its end.
    :param files: content by name; names are relative to the page.
    :raises ConfigError: it refers to something that is missing.
    """
    preloaded = set()

    def expand(found: re.Match[str]) -> str:
        root, line = found['root'], found[0]
        if root not in files:
            raise _missing(root, 'the page preloads it')
        names = [name for name in closure(root, files)
                 if name not in preloaded]
        preloaded.update(names)
        return ''.join(line.replace(root, name) for name in names)

    def move(found: re.Match[str]) -> str:
        name = found['name']
        if name not in files:
            raise _missing(name, 'the page refers to it')
        return f'{found["before"]}{base}{name}"'

    return _REFERENCE.sub(move, _PRELOAD.sub(expand, html))


def _missing(name: str, why: str) -> ConfigError:
    if name.startswith(f'{NOVNC}/'):
        advice = 'noVNC in [vnc]novnc_web is not complete; install it again'
    else:
        advice = 'install ironic-console again'
    return ConfigError(f'page file {name} is missing ({why}): {advice}')
