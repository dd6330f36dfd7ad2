# SPDX-License-Identifier: Apache-2.0
"""What is asked of a BMC's web server without a browser.

It owns the TLS policy of a visit: the browser is told to accept the very
certificate that was found good here, and no other. Nothing of a vendor is
known here.
"""

import dataclasses
import http.client
import json
from collections.abc import Mapping
from typing import Any

from ironic_console.common.clock import Deadline
from ironic_console.drivers.displays.settings import Bmc


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the BMC said.

    :ivar cookies: that it set, by name.
    """

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    cookies: Mapping[str, str]

    def json(self) -> Any:
        """:returns: what is in it; ``None`` if that is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class BmcWeb:
    """Asks one BMC.

    :param deadline: for all that is asked, until it is replaced.
    """

    def __init__(self, bmc: Bmc, deadline: Deadline) -> None:
        self.deadline = deadline
        self._bmc = bmc
        raise NotImplementedError

    @property
    def pin(self) -> str:
        """SHA-256 of the public key that the BMC has shown, in base64, as
        Chromium wants it; '' before anything was asked, and without TLS."""
        raise NotImplementedError

    def request(self, method: str, path: str, *, body: object = None,
                form: Mapping[str, str] | None = None,
                headers: Mapping[str, str] | None = None,
                basic: bool = False) -> Answer:
        """Ask once; redirects are not followed.

        :param path: with its query, from the root of the site.
        :param body: sent as JSON.
        :param form: sent as a form, instead.
        :param basic: with user name and password (RFC 7617).
        :raises BmcAway: no whole answer in time.
        :raises BmcUntrusted: it is not whom we asked for.
        """
        raise NotImplementedError
