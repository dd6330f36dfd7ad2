# SPDX-License-Identifier: Apache-2.0
"""Three proxies behind a load balancer: any serves any, and one may die.

Everything is real: HAProxy as the manual configures it, Ironic, its database
(a file or a server), and the browser that has to find its way back.
"""

import contextlib
import os
import pathlib
import signal
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.chromium import chromium
from tests.helpers.haproxy import SERVED_BY, HAProxy
from tests.helpers.proxy import (
    Browser,
    Refused,
    RefusedInside,
    wait_until,
)
from tools.lab import LocalIronic, LocalMariaDB, LocalProxy, ports

PROXIES = 3
#: Threads that open sessions without end, and how many each keeps.
OPENERS, KEPT = 10, 10
#: A test card has no more than 32 viewers.
NODES = 5
#: What a busy machine may take for what should take a second.
PATIENCE = 60.0


@pytest.fixture(scope='module', params=['sqlite', 'mariadb'])
def database(request: pytest.FixtureRequest,
             tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an empty database; '' for a file of Ironic's."""
    if request.param == 'sqlite':
        yield ''
        return
    with LocalMariaDB(tmp_path_factory.mktemp('mariadb')) as server:
        yield server.connection


class Farm:
    """The proxies, what is in front of them, and the Ironic behind."""

    def __init__(self, ironic: LocalIronic, proxies: list[LocalProxy],
                 balancer: HAProxy) -> None:
        self.ironic = ironic
        self.proxies = dict(zip(('proxy1', 'proxy2', 'proxy3'), proxies,
                                strict=True))
        self.balancer = balancer
        self.nodes: list[str] = [ironic.rest.create_node(
            driver='fake-hardware', console_interface='fake-vnc')['uuid']
            for _ in range(NODES)]
        self.urls = list(map(self.enable, self.nodes))

    def enable(self, node: str) -> str:
        """:returns: the URL of the console."""
        url: str = self.ironic.rest.set_console(node, True)[
            'console_info']['url']
        return url

    @property
    def target(self) -> str:
        """What a browser asks for to have the first console."""
        return target_of(self.urls[0])

    def open(self, address: tuple[str, int] | None = None) -> Browser:
        browser = Browser(address or self.balancer.address, self.target)
        browser.shake_hands()
        return browser

    def kill(self, name: str) -> None:
        """End a proxy as a power cut does."""
        program = self.proxies[name].program
        assert program
        os.killpg(program.pid, signal.SIGKILL)
        program.wait(PATIENCE)

    def servers(self, count: int) -> set[str]:
        """:returns: who serves so many new sessions."""
        found = set()
        for _ in range(count):
            with self.open() as browser:
                found.add(browser.upgrade.headers[SERVED_BY])
                browser.close_politely()
        return found

    def wait_for_all(self) -> None:
        """Until the balancer gives sessions to every proxy."""
        wait_until(lambda: len(self.servers(PROXIES)) == PROXIES,
                   'all proxies serve', PATIENCE)


def target_of(url: str) -> str:
    """:returns: what the page asks for, out of the console's URL."""
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    return f'/{query["path"][0]}'


@pytest.fixture(scope='module')
def farm(tmp_path_factory: pytest.TempPathFactory, database: str,
         schema: pathlib.Path, novnc_root: pathlib.Path) -> Iterator[Farm]:
    *backends, port = ports.free_ports(PROXIES + 1)
    folder = tmp_path_factory.mktemp('farm')
    options: dict[str, Any] = {
        'vnc': {'public_url': f'http://{ports.LOOPBACK}:{port}/console.html',
                'novnc_web': novnc_root},
        'ironic_console': {
            'endpoint_networks': '127.0.0.0/8', 'workers': 1,
            'trusted_proxies': '127.0.0.0/8', 'drain_timeout': 2,
            'recheck_interval': 1}}
    with contextlib.ExitStack() as stack:
        ironic = stack.enter_context(LocalIronic(
            folder / 'ironic', console_interfaces=('fake-vnc', 'no-console'),
            options=options, schema=schema, connection=database))
        proxies = [stack.enter_context(LocalProxy(
            ironic.config_file, folder / f'proxy{number}', port=backend))
            for number, backend in enumerate(backends, 1)]
        balancer = stack.enter_context(HAProxy(folder, backends, port))
        farm = Farm(ironic, proxies, balancer)
        farm.wait_for_all()
        yield farm


def lives(browser: Browser) -> bool:
    """:returns: the console answers: keys are taken, pictures come."""
    try:
        # FramebufferUpdateRequest of one pixel, not incremental.
        browser.send(bytes.fromhex('03 00 0000 0000 0001 0001'))
        return len(browser.read(16)) == 16
    except (OSError, EOFError):
        return False


class Load:
    """Sessions that are opened and closed without end, many at a time."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self.opened = 0
        self.failed: list[str] = []
        # By the proxy that had let them in, but had not shown a picture.
        self.lost_on_the_way: list[str] = []
        self.kept: list[Browser] = []
        targets = [target_of(url) for url in farm.urls]
        self._threads = [threading.Thread(
            target=self._run, args=(targets[number % NODES],))
            for number in range(OPENERS)]

    def __enter__(self) -> 'Load':
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        for browser in self.kept:
            browser.http.close()

    def wait_for(self, more: int) -> None:
        """Wait for so many more sessions."""
        wanted = self.opened + more
        wait_until(lambda: self.failed or self.opened >= wanted,
                   f'{more} sessions more', PATIENCE)

    def _run(self, target: str) -> None:
        own: list[Browser] = []
        while not self._stopping.is_set():
            browser = self._open(target)
            if browser is None:
                continue
            own.append(browser)
            if len(own) > KEPT:
                own.pop(0).http.close()
        self.kept += own

    def _open(self, target: str) -> Browser | None:
        try:
            browser = Browser(self._farm.balancer.address, target)
        except (Refused, OSError, EOFError) as exc:
            with self._lock:
                self.failed.append(repr(exc))
            return None
        try:
            browser.shake_hands()
        except (OSError, EOFError, RefusedInside):
            with self._lock:
                self.lost_on_the_way.append(
                    browser.upgrade.headers[SERVED_BY])
            browser.http.close()
            return None
        with self._lock:
            self.opened += 1
        return browser


def test_any_ticket_opens_on_any_proxy(farm: Farm) -> None:
    for proxy in farm.proxies.values():
        with farm.open((proxy.address, proxy.port)) as browser:
            assert lives(browser)
    assert farm.servers(PROXIES) == set(farm.proxies)


def test_a_console_that_is_disabled_is_closed_on_every_proxy(
        farm: Farm) -> None:
    browsers = [farm.open((proxy.address, proxy.port))
                for proxy in farm.proxies.values()]
    farm.ironic.rest.set_console(farm.nodes[0], False)
    try:
        for browser in browsers:
            # By the proxy, or because the test card has gone.
            assert browser.wait_closed()[0] in (1008, 4502)
        for proxy in farm.proxies.values():
            with pytest.raises(Refused):
                farm.open((proxy.address, proxy.port))
    finally:
        farm.urls[0] = farm.enable(farm.nodes[0])


def test_the_audit_names_the_browser_and_no_log_a_ticket(farm: Farm) -> None:
    # As if there were one more balancer, in front of ours.
    with Browser(farm.balancer.address, farm.target,
                 'X-Forwarded-For: 192.0.2.77') as browser:
        name = browser.upgrade.headers[SERVED_BY]
        browser.shake_hands()
        browser.close_politely()
    wait_until(lambda: 'opened for 192.0.2.77 (through 127.0.0.1:'
               in farm.proxies[name].written(), 'the line about the session')
    wait_until(lambda: ' /websockify ' in farm.balancer.logged(),
               "the balancer's line")
    ticket = farm.target.partition('token=')[2]
    for text in (farm.balancer.logged(), farm.proxies[name].written()):
        assert ticket not in text


def test_a_proxy_that_dies_under_load_costs_its_own_sessions_only(
        farm: Farm) -> None:
    with Load(farm) as load:
        load.wait_for(OPENERS * KEPT)
        watched = {name: farm.open((proxy.address, proxy.port))
                   for name, proxy in farm.proxies.items()}
        farm.kill('proxy2')
        load.wait_for(OPENERS * KEPT)
        alive = {name for name, browser in watched.items()
                 if lives(browser)}
        farm.proxies['proxy2'].start()
        load.wait_for(OPENERS * KEPT)
    assert load.failed == []
    assert set(load.lost_on_the_way) <= {'proxy2'}
    assert alive == {'proxy1', 'proxy3'}
    by_proxy = {browser.upgrade.headers[SERVED_BY] for browser in load.kept}
    assert {'proxy1', 'proxy3'} <= by_proxy
    farm.wait_for_all()


def test_proxies_can_be_replaced_one_by_one_under_load(farm: Farm) -> None:
    with Load(farm) as load:
        for name, proxy in farm.proxies.items():
            load.wait_for(OPENERS)
            with farm.open((proxy.address, proxy.port)) as browser:
                proxy.signal(signal.SIGTERM)
                # It is told why, and may come back at once.
                assert browser.wait_closed()[0] == 1001, name
            assert proxy.stop() == 0
            load.wait_for(OPENERS)
            proxy.start()
    assert load.failed == []
    assert load.lost_on_the_way == []
    farm.wait_for_all()


def test_the_page_comes_back_by_itself(farm: Farm) -> None:
    with chromium() as window:
        window.open(farm.urls[0])
        window.wait_phase('connected', PATIENCE)
        first = serving(farm, lambda text: text.count(' opened for ')
                        - text.count(' closed for '))
        farm.kill(first)
        try:
            window.wait('the page to notice',
                        lambda: window.phase() != 'connected', PATIENCE)
            window.wait_phase('connected', PATIENCE)
            assert window.canvas_size().width == 1024
        finally:
            farm.proxies[first].start()
        farm.wait_for_all()


def serving(farm: Farm, sessions: Callable[[str], int]) -> str:
    """:returns: which proxy has the only session."""
    def find() -> list[str]:
        return [name for name, proxy in farm.proxies.items()
                if sessions(proxy.written())]
    wait_until(lambda: len(find()) == 1, 'one session', PATIENCE)
    return find()[0]
