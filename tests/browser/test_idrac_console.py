# SPDX-License-Identifier: Apache-2.0
"""An operator's way to the screen of a Dell server: the command line, its
URL, a real Chromium, a real Ironic, a simulated BMC with a real X display."""

import pathlib
import time
from collections.abc import Iterator

import pytest

from tests.browser.chromium import Chromium, Pixel, chromium
from tests.helpers.bmc import Bmcs
from tests.helpers.idrac_nodes import IdracNode, IdracNodes
from tests.helpers.input_recorder import InputRecorder
from tests.simulators.redfish_bmc.attributes import ENABLE
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import LocalProxy

COLOUR = 0xff8000
#: Seconds in which a session ends when its right does.
END = 30.0


@pytest.fixture(scope='module')
def browser() -> Iterator[Chromium]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def nodes(ironic: LocalIronic, proxy: LocalProxy, bmcs: Bmcs,
          ) -> Iterator[IdracNodes]:
    with IdracNodes(ironic, proxy, bmcs) as nodes:
        yield nodes


def is_painted(pixel: Pixel) -> bool:
    # Old ones have 5 bits for each, and Tight may send JPEG.
    return all(abs(value - wanted) < 12 for value, wanted
               in zip(pixel, COLOUR.to_bytes(3), strict=True))


def see_screen(browser: Chromium) -> None:
    browser.wait_phase('connected')
    for x, y in ((0, 0), (512, 384), (1023, 767)):
        browser.wait_pixel(x, y, is_painted)


@pytest.mark.parametrize(('profile', 'driver'), [
    ('idrac8', 'redfish'), ('idrac9-old', 'idrac'), ('idrac9', 'idrac'),
    ('idrac9', 'redfish'), ('idrac10', 'idrac')])
def test_screen_and_keyboard_from_enable_to_disable(
        nodes: IdracNodes, ironic: LocalIronic, browser: Chromium,
        tmp_path: pathlib.Path, profile: str, driver: str) -> None:
    node = nodes.enroll(profile, driver, colour=COLOUR)
    ironic.baremetal('node', 'console', 'enable', node.uuid)
    node.wait_until(lambda: node['console_enabled'], 'the console')
    shown = ironic.baremetal('node', 'console', 'show', node.uuid)
    password = node.password
    browser.open(shown['console_info']['url'])
    see_screen(browser)
    assert node.bmc.vnc.display
    with InputRecorder(tmp_path, node.bmc.vnc.display) as recorder:
        browser.type_text('Hi')
        for key in ('H', 'i'):
            recorder.wait_for(f'KeyPress {key}')
        browser.click_control('ctrl-alt-del')
        recorder.wait_for('KeyPress Delete')
        browser.click(100, 200)
        recorder.wait_for('ButtonPress 1')
    assert browser.csp_violations() == []
    ironic.baremetal('node', 'console', 'disable', node.uuid)
    node.wait_until(lambda: not node['console_enabled'], 'the end')
    done = time.monotonic()
    browser.wait('the end', lambda: browser.phase() in ('closed', 'failed'))
    assert time.monotonic() - done < END
    # Whether the BMC hangs up or the proxy is first, or the page has come
    # back in between, the user is told.
    assert any(words in browser.text('message') for words in (
        'switched off', 'closed the connection', 'does not open a console'))
    assert node.is_off(password)


def test_retry_finds_the_server_that_was_repaired(
        nodes: IdracNodes, browser: Chromium) -> None:
    node = nodes.enroll(colour=COLOUR)
    browser.open(node.enable())
    see_screen(browser)
    first = node.password
    node.bmc.set_attributes({ENABLE: 'Disabled'})
    browser.wait('the end', lambda: browser.phase() != 'connected')
    node.wait_until(lambda: repaired(node, first), 'the repair')
    browser.wait('another attempt', lambda: tried_again(browser))
    see_screen(browser)


def tried_again(browser: Chromium) -> bool:
    """Click the button, unless the page is back: it tries by itself, too."""
    return bool(browser.run(
        "(b => document.documentElement.dataset.phase === 'connected' ||"
        " b.checkVisibility() && (b.click(), true))"
        "(document.getElementById('retry'))"))


def repaired(node: IdracNode, first: str) -> bool:
    stored = node.stored().get('console_endpoint_secret', {})
    return stored.get('password') not in (None, first)
