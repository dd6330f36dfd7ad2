# SPDX-License-Identifier: Apache-2.0
"""What the browser of a visit may ask for: the console of one BMC.

A decision and nothing else; :mod:`page` has Chromium obey it. Certificates
and names are not judged here: those are for :mod:`trust` and
:mod:`browser_command`.
"""

import re
import urllib.parse
from collections.abc import Iterable
from typing import NamedTuple

_DEFAULT_PORTS = {'http': 80, 'https': 443, 'ws': 80, 'wss': 443}
#: Name of documents and frames in Chrome DevTools Protocol,
#: Network.ResourceType.
_DOCUMENT = 'Document'
#: Schemes of what a page holds in itself.
_OWN = ('data', 'blob')
#: Same origin for a WebSocket as for a page.
_PLAIN = {'ws': 'http', 'wss': 'https'}


class Origin(NamedTuple):
    """RFC 6454 §4."""

    scheme: str
    host: str
    port: int


class RequestFilter:
    """Decides what a page may ask for.

    :param site: scheme, host and port of the BMC.
    :param documents: regular expressions; a document or frame is let in only
        if one of them matches all of its path and query.
    """

    def __init__(self, site: str, documents: Iterable[str]) -> None:
        self._origin = _origin(site)
        self._documents = [re.compile(pattern) for pattern in documents]

    def allows(self, url: str, kind: str) -> bool:
        """Whether something may be asked for.

        :param kind: what it is for, as ``Network.ResourceType``.
        """
        if kind == _DOCUMENT:
            return self.is_console(url)
        scheme = url.partition(':')[0].lower()
        return scheme in _OWN or self._is_own(url)

    def is_console(self, url: str) -> bool:
        """Whether a document belongs to the console."""
        if not self._is_own(url):
            return False
        parts = urllib.parse.urlsplit(url)
        # A WebSocket is none.
        if parts.scheme not in ('http', 'https'):
            return False
        target = parts.path or '/'
        if parts.query:
            target += f'?{parts.query}'
        return any(pattern.fullmatch(target) for pattern in self._documents)

    def _is_own(self, url: str) -> bool:
        origin = _origin(url)
        return origin is not None and origin == self._origin


def _origin(url: str) -> Origin | None:
    """:returns: ``None`` for what is on no web server."""
    # Python's parser and Chromium's disagree about these; Chromium has none
    # of them in what it asks for.
    if not url.isascii() or not url.isprintable() or '\\' in url:
        return None
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not parts.hostname:
        return None
    return Origin(_PLAIN.get(scheme, scheme), parts.hostname,
                  _DEFAULT_PORTS[scheme] if port is None else port)
