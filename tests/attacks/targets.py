# SPDX-License-Identifier: Apache-2.0
"""Proxies to attack: ours and Ironic's own, started here, or any by URL."""

import contextlib
import dataclasses
import signal
import socket
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.helpers.program import Site
from tests.helpers.proxy import (
    NODE,
    PATIENCE,
    SECRET,
    Browser,
    node_record,
    path_to,
)
from tests.simulators.rfb_server import Behaviour, RfbServer, echo_server
from tools.lab import novnc
from tools.lab.proxy import InTreeProxy, LocalProxy

OURS, IN_TREE = 'ours', 'in-tree'
#: Where browsers find it, by its own configuration.
PUBLIC_HOST = 'console.example.org:6090'
#: Of ours; short, so that attacks need not last long.
HEAD_TIMEOUT = 3


@dataclasses.dataclass
class Target:
    """A proxy, as whoever attacks it sees it.

    :ivar address: where it listens.
    :ivar path: of a console's WebSocket, with a good token.
    :ivar origin: of its own page.
    :ivar lab: what can be seen and done from behind; ``None`` for a proxy
        that was not started here.
    """

    address: tuple[str, int]
    path: str
    origin: str
    lab: 'Lab | None' = None

    def open(self, **options: Any) -> Browser:
        """:returns: a console, as far as the upgrade."""
        return Browser(self.address, self.path, **options)

    def session(self, **options: Any) -> Browser:
        """:returns: a console past its RFB handshake."""
        browser = self.open(**options)
        try:
            browser.shake_hands()
        except BaseException:
            browser.http.close()
            raise
        return browser

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, PATIENCE)


class Lab:
    """The same site behind any proxy: a database with one node, whose console
    is a simulated VNC server.

    :ivar endpoint: that server.
    """

    def __init__(self, kind: str, folder: Path, schema: Path) -> None:
        self.endpoint = RfbServer(echo_server())
        # As Ironic's in-tree drivers write it, which both proxies take.
        self._record = node_record(self.endpoint.port, ours=False,
                                   interface='fake-graphical')
        self._site = Site(folder, schema)
        self._site.save(self._record)
        self._proxy = self._make(kind, folder)

    def _make(self, kind: str, folder: Path) -> LocalProxy | InTreeProxy:
        if kind == OURS:
            return self._site.proxy(
                {'ironic_console': {'head_timeout': HEAD_TIMEOUT,
                                    'connect_timeout': 2,
                                    'handshake_timeout': 2,
                                    'drain_timeout': 0}})
        web = novnc.in_tree_web(folder / 'web', novnc.get(folder / 'npm.log'))
        public_url = f'https://{PUBLIC_HOST}/vnc_lite.html'
        return InTreeProxy(self._site.config_file, folder, novnc_web=web,
                           options={'vnc': {'public_url': public_url}})

    def start(self) -> Target:
        self._proxy.start()
        return Target((self._proxy.address, self._proxy.port),
                      path_to(NODE, SECRET), f'https://{PUBLIC_HOST}', self)

    def stop(self) -> None:
        self._proxy.stop()
        self.endpoint.stop()

    @contextlib.contextmanager
    def behaving(self, behaviour: Behaviour) -> Iterator[int]:
        """:returns: number of the next connection to the endpoint."""
        before = self.endpoint.behaviour
        self.endpoint.behaviour = behaviour
        try:
            yield len(self.endpoint.peers)
        finally:
            self.endpoint.behaviour = before

    @contextlib.contextmanager
    def console_disabled(self) -> Iterator[None]:
        self._site.save(dataclasses.replace(self._record, enabled=False,
                                            secret=None, info={}))
        try:
            yield
        finally:
            self._site.save(self._record)

    def written(self) -> str:
        """:returns: its log."""
        return self._proxy.written()

    def terminate(self) -> None:
        self._proxy.signal(signal.SIGTERM)

    def ends(self, processes: list[psutil.Process]) -> bool:
        """:returns: it has ended, with all its processes."""
        _gone, alive = psutil.wait_procs(processes[1:], PATIENCE)
        deadline = time.monotonic() + PATIENCE
        assert self._proxy.program
        while self._proxy.program.running():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return not alive

    def processes(self) -> list[psutil.Process]:
        assert self._proxy.program
        parent = psutil.Process(self._proxy.program.pid)
        return [parent, *parent.children(recursive=True)]

    def memory(self) -> int:
        """:returns: bytes that all its processes have for themselves."""
        total = 0
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                total += process.memory_full_info().uss
        return total


@contextlib.contextmanager
def started(kind: str) -> Iterator[Target]:
    """:param kind: ``OURS`` or ``IN_TREE``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lab = Lab(kind, folder / 'site', folder / 'schema.sqlite')
        try:
            yield lab.start()
        finally:
            lab.stop()


def from_url(url: str) -> Target:
    """:param url: that "console show" printed, of a proxy without TLS."""
    parts = urllib.parse.urlsplit(url)
    path = dict(urllib.parse.parse_qsl(parts.query))['path']
    port = parts.port or 80
    return Target((parts.hostname or '', port), f'/{path.lstrip("/")}',
                  f'{parts.scheme}://{parts.netloc}')
