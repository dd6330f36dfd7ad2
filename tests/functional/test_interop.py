# SPDX-License-Identifier: Apache-2.0
"""Every real VNC server in every way it authenticates, through the proxy.

``tools/interop`` writes the results into the documentation.
"""

import contextlib
import logging
import os
import pathlib
import re
import subprocess
from collections.abc import Iterator

import pytest

from ironic_console.common.errors import (
    AuthenticationFailed,
    ConfigError,
    NoCommonSecurityType,
)
from ironic_console.common.nodes import NodeRecord
from ironic_console.common.tls import ClientTls
from ironic_console.novncproxy.settings import SetupLimits
from tests.helpers import interop_table
from tests.helpers.certificates import Authority
from tests.helpers.endpoints import colours, node_at, refusal
from tests.helpers.interop_table import Cell, Row
from tests.helpers.proxy import RunningWorker, make_settings, node_record
from tests.helpers.vnc_servers import (
    HOSTS,
    IPV4,
    PASSWORD,
    TLS_VERSIONS,
    USER_PASSWORD,
    Identity,
    Qemu,
    Screen,
    X11vnc,
    tigervnc,
)
from tests.helpers.xvnc import Xvnc

TIGERVNC, QEMU, X11VNC = 'TigerVNC', 'QEMU', 'x11vnc'
ANONYMOUS = ('1.2',)
ROWS = (
    Row(TIGERVNC, 'vnc', 'None', 1),
    Row(TIGERVNC, 'vnc', 'VncAuth', 2),
    Row(TIGERVNC, 'vnc', 'Plain', 256),
    Row(TIGERVNC, 'vnc', 'TLSNone', 257, ANONYMOUS),
    Row(TIGERVNC, 'vnc', 'TLSVnc', 258, ANONYMOUS),
    Row(TIGERVNC, 'vnc', 'TLSPlain', 259, ANONYMOUS),
    Row(TIGERVNC, 'vnc', 'X509None', 260, TLS_VERSIONS),
    Row(TIGERVNC, 'vnc', 'X509Vnc', 261, TLS_VERSIONS),
    Row(TIGERVNC, 'vnc', 'X509Plain', 262, TLS_VERSIONS),
    Row(TIGERVNC, 'auto', 'None', 1),
    Row(TIGERVNC, 'auto', 'X509Vnc', 261, TLS_VERSIONS),
    Row(QEMU, 'vnc', 'None', 1),
    Row(QEMU, 'vnc', 'VncAuth', 2),
    Row(QEMU, 'vnc', 'TLSNone', 257, ANONYMOUS),
    Row(QEMU, 'vnc', 'TLSVnc', 258, ANONYMOUS),
    Row(QEMU, 'vnc', 'X509None', 260, TLS_VERSIONS),
    Row(QEMU, 'vnc', 'X509None', 260, TLS_VERSIONS, True),
    Row(QEMU, 'vnc', 'X509Vnc', 261, TLS_VERSIONS),
    Row(QEMU, 'vnc', 'X509Vnc', 261, TLS_VERSIONS, True),
    Row(X11VNC, 'vnc', 'VncAuth', 2),
    Row(X11VNC, 'vnc', 'X509Vnc', 261, TLS_VERSIONS),
    Row(X11VNC, 'vncs', 'VncAuth', 2, TLS_VERSIONS),
    Row(X11VNC, 'auto', 'VncAuth', 2, ('', *TLS_VERSIONS)),
)
CELLS = [Cell(row, tls, family) for row in ROWS for tls in row.tls
         for family in HOSTS]
COLOUR = 0x2f6fb5

DENIED = ("The server's console did not accept our credentials. Tell your "
          'operator.')
NOT_ALLOWED = ("The server's console wants a way of authentication that is "
               'not allowed here. Tell your operator.')


class Servers:
    """All of them, running.

    :param folder: for their files.
    """

    def __init__(self, folder: pathlib.Path, authority: Authority) -> None:
        self._folder = folder
        self._authority = authority
        # x11vnc can do nothing with an elliptic curve.
        self._certificate = authority.issue(rsa_key=True)
        self._stack = contextlib.ExitStack()
        self.tigervnc: dict[str, Xvnc] = {}
        self._x11vnc: dict[tuple[str, bool], X11vnc] = {}
        self._qemu = Qemu(self._new('qemu'), {
            self._screen(cell): None for cell in CELLS
            if cell.row.server == QEMU})

    def __enter__(self) -> 'Servers':
        with self._stack:
            enter = self._stack.enter_context
            enter(self._qemu)
            for tls in TLS_VERSIONS:
                server = enter(tigervnc(self._new(f'tigervnc{tls}'),
                                        self._certificate, tls))
                server.paint(COLOUR)
                self.tigervnc[tls] = server
            display = server
            for tls in TLS_VERSIONS:
                for vencrypt in (False, True):
                    self._x11vnc[tls, vencrypt] = enter(X11vnc(
                        self._new(f'x11vnc{tls}{vencrypt}'), display,
                        certificate=self._certificate, version=tls,
                        vencrypt=vencrypt))
            self._x11vnc['', False] = enter(
                X11vnc(self._new('x11vnc'), display))
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def node(self, cell: Cell, password: str = '') -> NodeRecord:
        """:returns: a node whose console it is."""
        row = cell.row
        return node_at(
            self._port(cell), row.number, host=HOSTS[cell.family],
            scheme=row.scheme, password=password or (
                USER_PASSWORD if row.type.endswith('Plain') else PASSWORD))

    def _port(self, cell: Cell) -> int:
        if cell.row.server == QEMU:
            return self._qemu.port(self._screen(cell))
        if cell.row.server == TIGERVNC:
            return self.tigervnc[cell.tls or '1.3'].port
        return self._x11vnc[cell.tls, cell.row.number == 261].port

    def _screen(self, cell: Cell) -> Screen:
        row = cell.row
        identity = None
        if row.type.startswith('X509'):
            ca = self._authority.pem if row.client_certificate else b''
            identity = Identity(self._certificate, cell.tls, ca)
        elif row.type.startswith('TLS'):
            identity = Identity()
        return Screen(HOSTS[cell.family],
                      row.type.lower().endswith(('vnc', 'vncauth')), identity)

    def _new(self, name: str) -> pathlib.Path:
        folder = self._folder / name
        folder.mkdir()
        return folder


@pytest.fixture(scope='module')
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope='module')
def servers(tmp_path_factory: pytest.TempPathFactory, authority: Authority,
            ) -> Iterator[Servers]:
    with Servers(tmp_path_factory.mktemp('servers'), authority) as servers:
        yield servers


@pytest.fixture(scope='module')
def worker(tmp_path_factory: pytest.TempPathFactory, authority: Authority,
           ) -> Iterator[RunningWorker]:
    folder = tmp_path_factory.mktemp('proxy')
    ca_file = folder / 'ca.pem'
    ca_file.write_bytes(authority.pem)
    client = authority.issue('proxy.example', client=True).save(folder)
    settings = make_settings(
        folder, setup=SetupLimits(handshake_timeout=10),
        endpoint_tls=ClientTls(str(ca_file), client.cert_file,
                               client.key_file))
    with RunningWorker(settings) as worker:
        yield worker


@pytest.fixture(scope='module')
def results() -> dict[Cell, bool]:
    return {}


# -- what works ---------------------------------------------------------------

@pytest.mark.parametrize('cell', CELLS, ids=str)
def test_a_picture_arrives(
        worker: RunningWorker, servers: Servers, results: dict[Cell, bool],
        caplog: pytest.LogCaptureFixture, cell: Cell) -> None:
    caplog.set_level(logging.DEBUG)
    results[cell] = False
    seen = colours(worker, servers.node(cell))
    if cell.row.server == QEMU:
        # Grey words on black: that nothing has drawn on it yet.
        assert seen.total() == 640 * 480
        assert set(seen) == {0, 0xaaaaaa}
    else:
        # The cursor is part of the picture.
        assert seen.total() == 320 * 240
        assert seen[COLOUR] > 0.99 * seen.total()
    # It came in the way that this is about.
    assert re.search(fr'endpoint < (security |sub-)type \w+ '
                     fr'\({cell.row.number}\)', caplog.text)
    assert ('Nobody has checked' in caplog.text) == (
        cell.row.type.startswith('TLS'))
    results[cell] = True


def test_the_committed_table_agrees(results: dict[Cell, bool],
                                    tmp_path: pathlib.Path) -> None:
    assert list(results) == CELLS, 'run all of this file'
    page = interop_table.render(ROWS, results, versions())
    print(page)
    if 'INTEROP_WRITE' in os.environ:
        interop_table.PAGE.write_text(page)
    committed = interop_table.PAGE.read_text()
    assert (interop_table.without_versions(page)
            == interop_table.without_versions(committed)), (
        'tools/interop writes it anew')


def versions() -> str:
    found = []
    for name, argv, pattern in (
            (TIGERVNC, ['Xtigervnc', '-version'], r'TigerVNC ([\d.]+)'),
            (QEMU, ['qemu-system-x86_64', '--version'],
             r'version (\d+\.\d+)'),
            (X11VNC, ['x11vnc', '-version'], r'x11vnc: ([\d.]+)')):
        text = subprocess.run(argv, capture_output=True, text=True,
                              check=False)
        match = re.search(pattern, text.stdout + text.stderr)
        found.append(f'{name} {match[1] if match else "?"}')
    return ', '.join(found)


# -- what does not ------------------------------------------------------------

def cell_of(name: str) -> Cell:
    return next(cell for cell in CELLS if str(cell) == name)


@pytest.mark.parametrize('name', [
    'TigerVNC-vnc-VncAuth-IPv4', 'TigerVNC-vnc-Plain-IPv4',
    'TigerVNC-vnc-X509Vnc-TLS1.3-IPv4', 'TigerVNC-vnc-X509Plain-TLS1.2-IPv4',
    'QEMU-vnc-VncAuth-IPv4', 'QEMU-vnc-X509Vnc-TLS1.3-IPv6',
    'x11vnc-vnc-VncAuth-IPv4', 'x11vnc-vncs-VncAuth-TLS1.2-IPv6'])
def test_a_wrong_password_is_told_in_our_words(
        worker: RunningWorker, servers: Servers,
        caplog: pytest.LogCaptureFixture, name: str) -> None:
    refused = refusal(worker, servers.node(cell_of(name), 'wrong'), caplog)
    assert refused.error is AuthenticationFailed
    assert (refused.code, refused.told) == (4502, DENIED)
    assert 'authentication failed' in refused.log[-1]
    assert 'wrong' not in caplog.text


def refused_for(worker: RunningWorker, record: NodeRecord,
                caplog: pytest.LogCaptureFixture) -> str:
    """:returns: the line in the log about what is not allowed."""
    refused = refusal(worker, record, caplog)
    assert refused.error is NoCommonSecurityType
    assert (refused.code, refused.told) == (4502, NOT_ALLOWED)
    assert refused.log[-1].endswith(refused.text)
    return refused.text


def test_a_server_without_authentication_is_too_weak(
        worker: RunningWorker, servers: Servers,
        caplog: pytest.LogCaptureFixture) -> None:
    port = servers.node(cell_of('QEMU-vnc-None-IPv4')).endpoint().port
    assert refused_for(worker, node_at(port), caplog) == (
        'endpoint side, security types: server offers NONE (1), allowed is '
        'X509_PLAIN (262), X509_VNC (261), RA2_256 (129), RA2 (5), RA2NE_256 '
        '(130), RA2NE (6), VNC_AUTH (2)')


def test_a_password_without_tls_is_too_weak_where_tls_is_demanded(
        worker: RunningWorker, servers: Servers,
        caplog: pytest.LogCaptureFixture) -> None:
    port = servers.node(cell_of('x11vnc-vnc-VncAuth-IPv4')).endpoint().port
    assert refused_for(worker, node_at(port, 261, 262), caplog) == (
        'endpoint side, security types: server offers VNC_AUTH (2), allowed '
        'is X509_VNC (261), X509_PLAIN (262)')


def test_anonymous_tls_is_too_weak_where_certificates_are_demanded(
        worker: RunningWorker, servers: Servers,
        caplog: pytest.LogCaptureFixture) -> None:
    port = servers.node(
        cell_of('QEMU-vnc-TLSVnc-TLS1.2-IPv4')).endpoint().port
    assert refused_for(worker, node_at(port, 261), caplog) == (
        'endpoint side, security types: server offers TLS_VNC (258) inside '
        'VeNCrypt, allowed is X509_VNC (261)')


def test_without_a_credential_nothing_is_allowed(
        worker: RunningWorker, servers: Servers,
        caplog: pytest.LogCaptureFixture) -> None:
    port = servers.node(cell_of('QEMU-vnc-None-IPv4')).endpoint().port
    record = node_record(port, IPV4, endpoint={'security_types': []})
    refused = refusal(worker, record, caplog)
    assert refused.error is ConfigError
    assert 'names no security type and there is no credential' in refused.text


@pytest.mark.parametrize(('username', 'password', 'best'), [
    ('operator', USER_PASSWORD, 'X509_PLAIN (262)'),
    ('', PASSWORD, 'X509_VNC (261)')])
def test_takes_the_best_of_what_a_server_offers(
        worker: RunningWorker, servers: Servers,
        caplog: pytest.LogCaptureFixture, username: str, password: str,
        best: str) -> None:
    caplog.set_level(logging.DEBUG)
    record = node_at(servers.tigervnc['1.3'].port, username=username,
                     password=password)
    assert colours(worker, record)
    assert f'endpoint < sub-type {best}' in caplog.text
