# SPDX-License-Identifier: Apache-2.0
"""noVNC's own page, served by the real nova-novncproxy, in a frame as
Horizon's console tab has it, in a real Chromium."""

import pathlib
import struct
from collections.abc import Iterator

import pytest

from tests.browser.chromium import Chromium, chromium
from tests.helpers.gateway import NOVA_NAME, GatewaySite
from tests.helpers.real_nova import Nova
from tests.simulators.rfb_server import RfbServer, good, show
from tools.lab.proxy import LocalProxy

SLOW = 60.0
COLOUR = 0x3f7f3f
#: noVNC's page names its canvas otherwise than ours.
CANVAS = "document.querySelector('#noVNC_container canvas')"
STATUS = "document.getElementById('noVNC_status').textContent"


@pytest.fixture(scope='module')
def browser() -> Iterator[Chromium]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope='module')
def proxy(gateway_site: GatewaySite) -> Iterator[LocalProxy]:
    with gateway_site.proxy(
            'page', gateway_security='x509none,none', sharing='refuse',
            gateway_client_names=NOVA_NAME) as running:
        yield running


@pytest.fixture(params=['none', 'vencrypt'], scope='module')
def nova(request: pytest.FixtureRequest, gateway_site: GatewaySite,
         tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nova]:
    files = gateway_site.certificates
    more = {'auth_schemes': request.param}
    if request.param == 'vencrypt':
        more |= {'vencrypt_ca_certs': files.ca_file,
                 'vencrypt_client_cert': files.nova.cert_file,
                 'vencrypt_client_key': files.nova.key_file}
    with Nova(tmp_path_factory.mktemp(request.param),
              gateway_site.ironic.url, **more) as running:
        yield running


@pytest.fixture
def server() -> Iterator[RfbServer]:
    with RfbServer(good(width=320, height=200, after=show(COLOUR)),
                   ) as server:
        yield server


class Horizon:
    """A page with the console in a frame.

    :param folder: for the page.
    :param url: that Nova gave; Horizon appends the title.
    """

    def __init__(self, folder: pathlib.Path, browser: Chromium, url: str,
                 ) -> None:
        self._browser = browser
        page = folder / 'horizon.html'
        framed = f'{url}&title=web1%281be26c0b%29&autoconnect=true'
        page.write_text('<!doctype html><title>Console</title><iframe '
                        'id="console_embed" width="900" height="600" src="'
                        + framed.replace('&', '&amp;') + '"></iframe>')
        browser.open(page.as_uri())
        browser.driver.switch_to.frame('console_embed')

    def colour(self) -> list[int]:
        """:returns: of a pixel of the screen; empty without one."""
        return list(self._browser.run(
            f'(c => c ? [...c.getContext("2d").getImageData(9, 9, 1, 1)'
            f'.data].slice(0, 3) : [])({CANVAS})'))

    def said(self) -> str:
        return str(self._browser.run(STATUS))


def test_novnc_of_nova_shows_and_types_and_says_why_not(
        gateway_site: GatewaySite, proxy: LocalProxy, nova: Nova,
        browser: Chromium, server: RfbServer, tmp_path: pathlib.Path,
        ) -> None:
    rest = gateway_site.ironic.rest
    node, instance = gateway_site.make_node(
        'generic-vnc', vnc_address=server.host, vnc_port=server.port,
        vnc_security='none')
    url = nova.console(instance, node)['url']
    page = Horizon(tmp_path, browser, url)
    browser.wait('the picture', lambda: page.colour() == [0x3f, 0x7f, 0x3f],
                 SLOW)
    browser.run(f'{CANVAS}.focus()')
    browser.type_text('a')
    keys = [struct.pack('>BBxxI', 4, down, ord('a')) for down in (1, 0)]
    browser.wait('the key', lambda: all(
        key in server.peer().received for key in keys))

    # A second window, while only one may have the console.
    window = browser.driver.current_window_handle
    browser.driver.switch_to.new_window('tab')
    second = Horizon(tmp_path, browser, url)
    browser.wait('the reason', lambda: 'Somebody else is using the console'
                 in second.said(), SLOW)
    browser.driver.close()
    browser.driver.switch_to.window(window)
    browser.driver.switch_to.frame('console_embed')

    rest.set_console(node, False)
    browser.wait('the end', lambda: not page.colour(), SLOW)
    # The same URL: Nova has it enabled again, and the port is the same.
    again = Horizon(tmp_path, browser, url)
    browser.wait('the picture', lambda: again.colour() == [0x3f, 0x7f, 0x3f],
                 SLOW)
    browser.open('about:blank')
    gateway_site.forget(node)
