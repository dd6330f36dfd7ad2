# SPDX-License-Identifier: Apache-2.0
"""Loaded: what settings name and files hold, ready to work with.

When it is read, and who works with it, is not decided here.
"""

import dataclasses
import logging
import ssl

from ironic_console.common import tls
from ironic_console.novncproxy.pages import Pages
from ironic_console.novncproxy.settings import (
    GatewaySettings,
    ListenAddress,
    Settings,
)

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Loaded:
    """Settings, certificates and page files.

    :ivar context: TLS towards browsers, or ``None``.
    :ivar endpoint_tls: TLS towards endpoints.
    :ivar gateway_context: TLS towards Nova, or ``None``.
    :ivar viewers_context: TLS towards people's own viewers, or ``None``.
    """

    settings: Settings
    pages: Pages
    context: ssl.SSLContext | None
    endpoint_tls: tls.EndpointTls
    gateway_context: ssl.SSLContext | None = None
    viewers_context: ssl.SSLContext | None = None


def load(settings: Settings) -> Loaded:
    """Read certificates and page files.

    :raises ConfigError: one is missing; the text says what to do.
    """
    if settings.endpoint_tls.allow_unverified:
        LOG.warning('[ironic_console]allow_unverified_tls is on: nobody '
                    'checks that endpoints which ask for it are what they '
                    'seem to be')
    return Loaded(settings, Pages(settings.pages),
                  _context(settings.listen),
                  tls.EndpointTls(settings.endpoint_tls),
                  _viewer_context(settings.gateway),
                  _viewer_context(settings.viewers))


def _context(settings: GatewaySettings | ListenAddress | None,
             ) -> ssl.SSLContext | None:
    return (tls.server_context(settings.tls) if settings and settings.tls
            else None)


def _viewer_context(settings: GatewaySettings | ListenAddress | None,
                    ) -> ssl.SSLContext | None:
    context = _context(settings)
    if context:
        # None of them resumes a session of TLS, and TigerVNC's viewer may
        # not see what comes in one piece with a ticket for that.
        context.num_tickets = 0
    return context
