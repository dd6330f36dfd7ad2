# SPDX-License-Identifier: Apache-2.0
"""noVNC in a real Chromium, at a server that is easily upset."""

from collections.abc import Callable, Iterator

import pytest

from tests.browser.chromium import Chromium, chromium
from tests.simulators.rfb_server import (
    IDRAC8_ENCODINGS,
    RfbServer,
    good,
    show,
)
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import LocalProxy

# The same whichever way round noVNC asks for red and blue.
COLOUR = 0x3f7f3f
SIZE = 320, 200


@pytest.fixture(scope='module')
def browser() -> Iterator[Chromium]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def server() -> Iterator[RfbServer]:
    width, height = SIZE
    with RfbServer(good(width=width, height=height, after=show(
            COLOUR, IDRAC8_ENCODINGS))) as server:
        yield server


@pytest.fixture
def open_console(ironic: LocalIronic, proxy: LocalProxy, browser: Chromium,
                 server: RfbServer) -> Iterator[Callable[..., None]]:
    """Opens the page of a node with that server."""
    made = []

    def open_console(**driver_info: object) -> None:
        node = ironic.rest.create_node(
            driver='fake-hardware', console_interface='generic-vnc',
            driver_info={'vnc_address': server.host, 'vnc_port': server.port,
                         'vnc_security': 'none'} | driver_info)['uuid']
        made.append(node)
        console = ironic.rest.set_console(node, True)
        browser.open(console['console_info']['url'])
        browser.wait_phase('connected')
    yield open_console
    browser.open('about:blank')
    for node in made:
        ironic.rest.delete_node(node)


def test_novnc_shows_a_server_that_is_spared_what_upsets_it(
        browser: Chromium, server: RfbServer,
        open_console: Callable[..., None]) -> None:
    open_console(vnc_encodings='5,1,0,-223')
    assert browser.canvas_size() == SIZE
    browser.wait_pixel(160, 100, lambda pixel: pixel == (0x3f, 0x7f, 0x3f))
    browser.type_text('a')
    # Down and up; noVNC may ask for pictures before and after that.
    browser.wait('the key', lambda: bytes.fromhex(
        '04 01 0000 00000061 04 00 0000 00000061') in server.peer().received)


def test_novnc_shows_nothing_of_it_if_it_is_not(
        browser: Chromium, server: RfbServer,
        open_console: Callable[..., None]) -> None:
    open_console()
    request = bytes.fromhex('03 00 0000 0000') + b''.join(
        number.to_bytes(2) for number in SIZE)
    browser.wait('noVNC to ask', lambda: request in server.peer().received)
    sent = server.peer().sent
    browser.type_text('a')
    browser.wait('the key', lambda: bytes.fromhex('00000061') in
                 server.peer().received)
    assert server.peer().sent == sent
    assert browser.canvas_pixel(160, 100) == (0, 0, 0)
