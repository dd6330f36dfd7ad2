# SPDX-License-Identifier: Apache-2.0
"""A web server with a script, and apps that talk to it."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.secret import Secret
from ironic_console.drivers.displays.apps import polling
from ironic_console.drivers.displays.apps.base import App
from ironic_console.drivers.displays.bmc_web import BmcWeb
from ironic_console.drivers.displays.settings import Bmc
from tests.helpers.scripted_site import Site

A = TypeVar('A', bound=App)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture
def make(site: Site, monkeypatch: pytest.MonkeyPatch,
         ) -> Callable[..., Any]:
    """App of a class for the site."""
    monkeypatch.setattr(polling, '_INTERVAL', 0.001)

    def make(kind: type[A], **options: Any) -> A:
        bmc = Bmc(options.pop('url', site.url), 'root', Secret('p#ss wörd'),
                  networks='127.0.0.0/8', **options)
        return kind(bmc, BmcWeb(bmc, Deadline(Clock(), 30, 'log_in')))
    return make
