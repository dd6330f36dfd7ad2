# SPDX-License-Identifier: Apache-2.0
"""A browser as visits have it, on a screen of its own, with pages that are
ours; and simulated BMCs whose console is a page."""

from collections.abc import Iterator

import pytest

from ironic_console.drivers.displays.chromium import Chromium
from tests.helpers.display_browser import ANSWERS, browser_for
from tests.helpers.scripted_site import Site
from tests.helpers.xvnc import Xvnc
from tests.simulators.html5_bmc import Html5Bmc


@pytest.fixture(scope='module')
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xvnc]:
    with Xvnc(tmp_path_factory.mktemp('xvnc'), '-geometry',
              '1280x960') as display:
        yield display


@pytest.fixture
def on_screen(screen: Xvnc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('DISPLAY', screen.display)


@pytest.fixture(scope='module')
def elsewhere() -> Iterator[Site]:
    """Another server, on the same host."""
    with Site(ANSWERS) as site:
        yield site


@pytest.fixture(scope='module')
def module_site() -> Iterator[Site]:
    with Site(ANSWERS) as site:
        yield site


@pytest.fixture(scope='module')
def module_browser(screen: Xvnc, module_site: Site) -> Iterator[Chromium]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('DISPLAY', screen.display)
        with browser_for(module_site.url) as browser:
            yield browser


@pytest.fixture
def site(module_site: Site) -> Site:
    module_site.asked.clear()
    return module_site


@pytest.fixture
def browser(module_browser: Chromium, site: Site) -> Chromium:
    """It shows the console."""
    module_browser.page.navigate(f'{site.url}/console.html')
    return module_browser


@pytest.fixture(params=['ilo5', 'ilo6'])
def ilo(request: pytest.FixtureRequest) -> Iterator[Html5Bmc]:
    with Html5Bmc(request.param) as bmc:
        yield bmc


@pytest.fixture
def supermicro() -> Iterator[Html5Bmc]:
    with Html5Bmc('supermicro') as bmc:
        yield bmc


@pytest.fixture
def idrac() -> Iterator[Html5Bmc]:
    with Html5Bmc('idrac9') as bmc:
        yield bmc
