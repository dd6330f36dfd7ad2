# SPDX-License-Identifier: Apache-2.0
"""Why a visit to a BMC's console page failed, in words for viewers.

The texts are ours and say what to do; what a BMC said stays in the log.
"""

from typing import Self


class VisitFailed(Exception):
    """There is no picture.

    :ivar text: for the screen: what happened and what to do.
    :ivar retry: whether another try may help; one that could lock an account
        or take a console away from somebody does not.
    """

    retry = False

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class BmcAway(VisitFailed):
    """The BMC does not answer, or not in time."""

    retry = True


class BmcUntrusted(VisitFailed):
    """Its certificate is not one that we may believe."""


class AddressRefused(VisitFailed):
    """No BMC is where its address leads, or none that we may talk to."""


class LoginRefused(VisitFailed):
    """It does not take user name and password."""

    @classmethod
    def by(cls, bmc: str) -> Self:
        """:param bmc: what to call it, such as "iLO"."""
        return cls(
            f'The {bmc} does not take user name and password in the '
            'driver_info of the node. Correct them, then disable the console '
            'and enable it again. Trying on with these could lock the '
            'account.')


class NoSession(VisitFailed):
    """It has no session left for us."""


class NotLicensed(VisitFailed):
    """It has no licence for its console."""


class NotOffered(VisitFailed):
    """It has no console that a browser can show, or has it switched off."""


class ConsoleInUse(VisitFailed):
    """Somebody else has the console, and would lose it."""


class PageChanged(VisitFailed):
    """The page is not as we know it."""

    retry = True


class PageMoving(PageChanged):
    """It is between two documents; a moment later it is not."""


class ConsoleLost(VisitFailed):
    """The console was there and went: the session expired, the BMC was
    restarted, somebody took it."""

    retry = True


class BrowserFailed(VisitFailed):
    """Chromium did not start, crashed or hangs."""

    retry = True
