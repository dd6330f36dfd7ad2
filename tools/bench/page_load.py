#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print how fast a console page is there in a real Chromium, and how heavy.

Our program with its page, directly (HTTP/1.1) and behind nginx (TLS, HTTP/2),
and Ironic's own ironic-novncproxy with a page that is noVNC's RFB class and
nothing else, all in front of the same Xvnc. Medians of some loads: with an
empty cache, with a full one, and with an empty one and 50 ms there and back.
The targets are those of our page with an empty cache: a first contentful
paint within 300 ms and less than 250 kB. This is a measurement, not a test:
it fails for nothing.
"""

import contextlib
import dataclasses
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oslo_service import backend

# Whoever imports the proxy first chooses for the whole process.
backend.init_backend(backend.BackendType.THREADING)

from ironic_console.common import console_url  # noqa: E402
from ironic_console.common.nodes import NodeRecord  # noqa: E402
from tests.browser.chromium import Chromium, Size, chromium  # noqa: E402
from tests.helpers.certificates import (  # noqa: E402
    Authority,
    Certificate,
)
from tests.helpers.nginx import Nginx  # noqa: E402
from tests.helpers.program import Site  # noqa: E402
from tests.helpers.proxy import SECRET, node_record, ticket_for  # noqa: E402
from tests.helpers.xvnc import Xvnc  # noqa: E402
from tools.lab import novnc, ports  # noqa: E402
from tools.lab.proxy import InTreeProxy  # noqa: E402

LOADS = 9
CONDITIONS = ('empty cache', 'full cache', 'empty cache, 50 ms')
LATENCY = 50
# Notes when a page says that it is connected: ours by its phase, the one for
# the in-tree proxy by its title.
_STOPWATCH = """
const timer = setInterval(() => {
    if (document.documentElement?.dataset.phase === 'connected' ||
        document.title === 'connected') {
        performance.mark('connected');
        clearInterval(timer);
    }
}, 1);
"""
_CONNECTED = "performance.getEntriesByName('connected')[0]?.startTime"
_PAINTED = ("performance.getEntriesByName('first-contentful-paint')[0]"
            '?.startTime')
_REQUESTED = ("performance.getEntriesByType('navigation').concat("
              "performance.getEntriesByType('resource'))"
              '.map(entry => entry.transferSize).filter(size => size)')


@dataclasses.dataclass(frozen=True)
class Load:
    """One load of a page; times in ms from the click."""

    painted: float
    connected: float
    sent: int
    requests: int


class Bench:
    """Opens pages again and again."""

    def __init__(self, browser: Chromium) -> None:
        self._browser = browser
        self._command('Page.addScriptToEvaluateOnNewDocument',
                      source=_STOPWATCH)

    def measure(self, link: Callable[[], str], condition: str) -> Load:
        """:returns: the median of each number."""
        with self._condition(condition):
            loads = [self._load(link(), 'empty' in condition)
                     for _ in range(LOADS)]
        return Load(*(statistics.median(getattr(load, field.name)
                                        for load in loads)
                      for field in dataclasses.fields(Load)))

    def _load(self, link: str, empty: bool) -> Load:
        browser = self._browser
        browser.open('about:blank')
        if empty:
            self._command('Network.clearBrowserCache')
        browser.open(link)
        connected = browser.wait('the console', lambda: browser.run(
            _CONNECTED))
        painted = browser.wait('paint', lambda: browser.run(_PAINTED))
        sizes = browser.run(_REQUESTED)
        return Load(painted, connected, sum(sizes), len(sizes))

    @contextlib.contextmanager
    def _condition(self, name: str) -> Iterator[None]:
        slow = 'ms' in name
        self._command('Network.enable')
        self._command('Network.emulateNetworkConditions', offline=False,
                      latency=LATENCY if slow else 0, downloadThroughput=-1,
                      uploadThroughput=-1)
        yield

    def _command(self, name: str, **parameters: object) -> None:
        self._browser.driver.execute_cdp_cmd(name, parameters)


def links(folder: Path, record: NodeRecord, certificate: Certificate,
          stack: contextlib.ExitStack) -> dict[str, Callable[[], str]]:
    """Start all of them.

    :returns: what makes a fresh console URL of each.
    """
    files = novnc.get(folder / 'npm.log')
    site = Site(folder / 'site', folder / 'schema.sqlite')
    site.save(record)
    port, nginx_port = ports.free_ports(2)
    ours = stack.enter_context(site.proxy({
        'vnc': {'novnc_web': files, 'public_url':
                f'https://127.0.0.1:{nginx_port}/consoles/console.html'},
        'cors': {'allowed_origin': f'http://127.0.0.1:{port}'}}, port=port))
    (folder / 'nginx').mkdir()
    nginx = stack.enter_context(Nginx(
        folder / 'nginx', (ours.address, ours.port), certificate,
        nginx_port))
    in_tree = stack.enter_context(InTreeProxy(
        site.config_file, folder,
        novnc_web=novnc.in_tree_web(folder / 'web', files)))
    return {
        'in-tree': lambda: console_url.build(
            f'{in_tree.url}/vnc_lite.html', record.uuid, SECRET),
        'ours': lambda: console_url.build(
            f'{ours.url}/console.html', record.uuid, ticket_for(record)),
        'ours, nginx': lambda: console_url.build(
            f'{nginx.url}console.html', record.uuid, ticket_for(record))}


def main() -> None:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(Xvnc(folder))
        certificate = Authority().issue()
        makers = links(folder, node_record(server.port), certificate, stack)
        bench = Bench(stack.enter_context(chromium(
            Size(1024, 768), '--ignore-certificate-errors-spki-list='
                             + certificate.pin)))
        # The first page of a browser waits for the browser itself.
        for link in makers.values():
            bench.measure(link, CONDITIONS[0])
        print(f'{"":34}{"paint, ms":>10}{"connected":>10}{"ratio":>7}'
              f'{"kB":>8}{"requests":>10}')
        for condition in CONDITIONS:
            base = 0.0
            for name, link in makers.items():
                load = bench.measure(link, condition)
                base = base or load.connected
                print(f'{condition + ", " + name:34}{load.painted:10.0f}'
                      f'{load.connected:10.0f}{load.connected / base:7.2f}'
                      f'{load.sent / 1000:8.1f}{load.requests:10.0f}',
                      flush=True)


if __name__ == '__main__':
    main()
