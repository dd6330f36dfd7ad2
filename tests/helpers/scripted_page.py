# SPDX-License-Identifier: Apache-2.0
"""A browser's page that says what a test wants, for vendors' apps."""

import json
from collections.abc import Callable
from typing import Any

from ironic_console.drivers.displays.failures import VisitFailed


class ScriptedPage:
    """As :class:`ironic_console.drivers.displays.apps.base.Page`.

    :param say: function of JavaScript and its arguments -> what it gives, or
        a failure that is raised.
    :ivar visited: addresses, oldest first.
    :ivar referrers: as many.
    :ivar cookies: by name.
    :ivar dialogs: what it said in such.
    :ivar told: arguments of each function, in one string.
    """

    def __init__(self, say: Callable[..., Any]) -> None:
        self._say = say
        self.visited: list[str] = []
        self.referrers: list[str] = []
        self.cookies: dict[str, str] = {}
        self.dialogs: tuple[str, ...] = ()
        self.told: list[str] = []

    @property
    def url(self) -> str:
        return self.visited[-1] if self.visited else 'about:blank'

    def navigate(self, url: str, referrer: str = '') -> None:
        self.visited.append(url)
        self.referrers.append(referrer)

    def evaluate(self, function: str, *arguments: object) -> Any:
        self.told.append(json.dumps(arguments))
        value = self._say(function, *arguments)
        if isinstance(value, VisitFailed):
            raise value
        return value

    def set_cookie(self, name: str, value: str) -> None:
        self.cookies[name] = value
