# SPDX-License-Identifier: Apache-2.0
"""A Chromium for each file of tests, the proxy whose page it opens, and the
X display that it shows there."""

import pathlib
from collections.abc import Iterator

import pytest

from tests.browser.chromium import Chromium, chromium
from tests.browser.screen import SCREEN
from tests.helpers.input_recorder import InputRecorder
from tests.helpers.page_proxy import page_proxy
from tests.helpers.proxy import RunningWorker
from tests.helpers.xvnc import Xvnc


@pytest.fixture(scope='module')
def window() -> Iterator[Chromium]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope='module')
def worker(tmp_path_factory: pytest.TempPathFactory, novnc_root: pathlib.Path,
           ) -> Iterator[RunningWorker]:
    """Without nodes, which the tests add."""
    with page_proxy(tmp_path_factory.mktemp('proxy'), novnc_root) as running:
        yield running


@pytest.fixture(scope='module')
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xvnc]:
    with Xvnc(tmp_path_factory.mktemp('display'), '-geometry',
              f'{SCREEN.width}x{SCREEN.height}') as server:
        yield server


@pytest.fixture(scope='module')
def recorder(display: Xvnc, tmp_path_factory: pytest.TempPathFactory,
             ) -> Iterator[InputRecorder]:
    """What the display hears."""
    with InputRecorder(tmp_path_factory.mktemp('xev'), display) as running:
        yield running
