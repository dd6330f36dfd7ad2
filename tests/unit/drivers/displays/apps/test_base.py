# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from typing import Any

from ironic_console.drivers.displays.apps.ilo import IloApp
from tests.helpers.scripted_page import ScriptedPage


def test_a_page_is_left_for_an_empty_one(make: Callable[..., Any]) -> None:
    page = ScriptedPage(lambda *_: None)
    make(IloApp).leave(page)
    assert page.visited == ['about:blank']
