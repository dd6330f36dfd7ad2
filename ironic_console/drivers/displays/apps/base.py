# SPDX-License-Identifier: Apache-2.0
"""What an app is: what a visit has to know of one vendor's console page.

    log_in ─▶ open ─▶ (viewers look) ─▶ leave ─▶ log_out

The BMC is asked without the browser wherever that is possible, so that the
browser gets to know a session and no password.
"""

import abc
from collections.abc import Sequence
from typing import Any, Protocol

from ironic_console.drivers.displays.bmc_web import BmcWeb
from ironic_console.drivers.displays.failures import VisitFailed
from ironic_console.drivers.displays.settings import Bmc

#: Seconds for one step of a visit, unless a vendor needs more.
STEP_TIMEOUT = 20.0


class Page(Protocol):
    """The one page of the browser."""

    @property
    def url(self) -> str:
        """Where it is now."""

    @property
    def dialogs(self) -> Sequence[str]:
        """Texts of dialogs that it opened while there was no picture yet,
        since the last :meth:`navigate`. They were answered at once and nobody
        saw them; single spaces, not long."""

    def navigate(self, url: str, referrer: str = '') -> None:
        """Go somewhere; back when the document is there, its scripts may
        still run.

        :param referrer: page that a link was followed from.
        :raises VisitFailed: it cannot be had.
        """

    def evaluate(self, function: str, *arguments: object) -> Any:
        """Call a function of JavaScript in the page.

        :param function: its source, such as ``(id) => ...``; if it gives a
            promise, that is waited for.
        :param arguments: what JSON can hold.
        :returns: what JSON can hold.
        :raises VisitFailed: the page is gone, or the function failed.
        """

    def set_cookie(self, name: str, value: str) -> None:
        """For the BMC's site; secure and, unless scripts of vendors need to
        read it, no more than a session's."""


class App(abc.ABC):
    """One vendor's console page.

    :cvar documents: regular expressions; a document or frame of the BMC's
        site is let in only if one of them matches all of its path and query.
    :cvar painted: source of a JavaScript function that says whether the
        console shows a picture.
    """

    documents: tuple[str, ...]
    # A canvas that nobody has drawn on is transparent.
    painted = '''() => Array.from(document.querySelectorAll('canvas'))
        .some((canvas) => {
            if (!canvas.width || !canvas.height) return false;
            const small = new OffscreenCanvas(16, 16).getContext('2d');
            small.drawImage(canvas, 0, 0, 16, 16);
            return small.getImageData(0, 0, 16, 16).data
                .some((value, index) => index % 4 === 3 && value);
        })'''

    def __init__(self, bmc: Bmc, web: BmcWeb) -> None:
        self.bmc = bmc
        self.web = web

    @abc.abstractmethod
    def log_in(self) -> None:
        """Get what the page needs to be opened, without a browser.

        :raises VisitFailed: saying what to do.
        """

    @abc.abstractmethod
    def open(self, page: Page) -> None:
        """Show the console.

        :raises VisitFailed: saying what to do.
        """

    @abc.abstractmethod
    def find_fault(self, page: Page) -> VisitFailed | None:
        """Look whether the page says that there is no console, or not any
        more; asked again and again, so it is quick."""

    def leave(self, page: Page) -> None:
        """Let the page close its connection to the BMC, which keeps a place
        for it otherwise."""
        page.navigate('about:blank')

    @abc.abstractmethod
    def log_out(self) -> None:
        """End what :meth:`log_in` began; the page is closed by now.

        :raises VisitFailed: it could not be ended; it will end by itself.
        """
