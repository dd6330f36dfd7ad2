# SPDX-License-Identifier: Apache-2.0
"""What works with which VNC server, as a page of the documentation."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

PAGE = (pathlib.Path(__file__).resolve().parents[2]
        / 'doc' / 'source' / 'interop.rst')
_NO_TLS = ''
_COLUMNS = (_NO_TLS, '1.2', '1.3')


@dataclasses.dataclass(frozen=True)
class Row:
    """One way to one server.

    :ivar scheme: of the endpoint.
    :ivar type: RFB's name of the security type or VeNCrypt sub-type.
    :ivar number: its number.
    :ivar tls: versions of TLS that are tried; '' for none at all.
    :ivar client_certificate: the server wants one.
    """

    server: str
    scheme: str
    type: str
    number: int
    tls: tuple[str, ...] = (_NO_TLS,)
    client_certificate: bool = False


@dataclasses.dataclass(frozen=True)
class Cell:
    """One try.

    :ivar tls: version, '' for none at all.
    :ivar family: ``IPv4`` or ``IPv6``.
    """

    row: Row
    tls: str
    family: str

    def __str__(self) -> str:
        row = self.row
        words = [row.server, row.scheme, row.type,
                 'certificate' if row.client_certificate else '',
                 f'TLS{self.tls}' if self.tls else '', self.family]
        return '-'.join(filter(None, words))


def render(rows: Sequence[Row], results: Mapping[Cell, bool],
           versions: str) -> str:
    """Write the page.

    :param results: whether a picture came.
    :param versions: of the servers.
    """
    lines = [_BEFORE, *_row('Server', 'Scheme', 'Security type',
                            'Without TLS', 'TLS 1.2', 'TLS 1.3')]
    for row in rows:
        kind = f'{row.type} ({row.number})'
        if row.client_certificate:
            kind += ', client certificate'
        lines += _row(row.server, row.scheme, kind,
                      *(_text(row, tls, results) for tls in _COLUMNS))
    return '\n'.join(lines) + _AFTER.format(versions=versions)


def without_versions(page: str) -> list[str]:
    """:returns: the lines that are the same wherever it was written."""
    return [line for line in page.splitlines()
            if not line.startswith('Servers: ')]


def _row(first: str, *others: str) -> list[str]:
    return [f'   * - {first}',
            *(f'     - {text}'.rstrip() for text in others)]


def _text(row: Row, tls: str, results: Mapping[Cell, bool]) -> str:
    return ', '.join(
        cell.family if works else f'{cell.family} fails'
        for cell, works in results.items()
        if (cell.row, cell.tls) == (row, tls))


_BEFORE = """\
VNC servers that work
=====================

Each entry was tried through the whole proxy: a picture of the server's real
screen arrived in a viewer. An empty entry is a combination that does not
exist: anonymous TLS, for example, is not possible with TLS 1.3.
``tools/interop`` tries all of it anew and writes this page.

.. list-table::
   :header-rows: 1
"""

_AFTER = """

Scheme ``vnc`` is RFB over TCP, with TLS inside VeNCrypt where the type has
it; ``vncs`` is TLS from the first byte; ``auto`` finds out which of the two
the server speaks.

Plain, TLSPlain and X509Plain were tried with a user and password that Xvnc
checks through PAM, with users of its own (``libpam-wrapper``).

RA2, RA2ne, RA2_256 and RA2ne_256 are not in the table: none of these servers
has them in Debian 12 (TigerVNC has from 1.13 on). They are tested against
our own server side only.

Servers: {versions}
"""
