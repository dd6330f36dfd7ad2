# SPDX-License-Identifier: Apache-2.0
"""The URL that ``console show`` prints.

``{public_url}?path=`` + quote(``websockify?node=UUID&token=TICKET``). noVNC's
pages, Nova and Horizon (which appends ``&title=...``) rely on this form.
"""

import dataclasses
import urllib.parse

from ironic_console.common.errors import ConfigError
from ironic_console.common.secret import Secret

WEBSOCKET_PATH = 'websockify'


def build(public_url: str, node: str, token: str) -> str:
    """Make the URL of a console.

    :param public_url: of the page, with or without a query of its own.
    :param node: UUID.
    :param token: ticket, or the raw token.
    """
    query = urllib.parse.urlencode({'node': node, 'token': token})
    # "=" may stand in a query as it is (RFC 3986 §3.4). Left so, oslo.utils
    # knows "token=" and masks the ticket where Ironic logs the results of
    # its RPC calls.
    path = urllib.parse.quote(f'{WEBSOCKET_PATH}?{query}', safe='/=')
    return f'{public_url}{"&" if "?" in public_url else "?"}path={path}'


@dataclasses.dataclass(frozen=True)
class ConsoleUrl:
    """What such a URL says.

    :ivar node: UUID.
    :ivar token: ticket, or the raw token.
    :ivar host: of the proxy.
    :ivar websocket: that the page connects to, with http or https; it says
        in words whether the token opens the console.
    """

    node: str
    token: Secret
    host: str
    websocket: Secret


def parse(url: str) -> ConsoleUrl:
    """Read the URL of a console.

    :raises ConfigError: it is none. The text does not show it.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        path = _field(parts.query, 'path')
        fields = urllib.parse.urlsplit(path).query
        node, token = _field(fields, 'node'), _field(fields, 'token')
        page = urllib.parse.urlunsplit((*parts[:3], '', ''))
        websocket = urllib.parse.urljoin(page, path)
        same_site = urllib.parse.urlsplit(websocket)[:2] == parts[:2]
    except ValueError:
        same_site = False
    if not (same_site and parts.hostname
            and parts.scheme in ('http', 'https')):
        raise ConfigError(
            'this is not the URL of a console; those begin with http:// or '
            'https:// and have ?path=websockify%3Fnode=...&token=... in '
            'them, as "openstack baremetal node console show NODE" prints')
    return ConsoleUrl(node, Secret(token), parts.hostname, Secret(websocket))


def _field(query: str, name: str) -> str:
    """:raises ValueError: it is not there, or there are too many."""
    fields = dict(urllib.parse.parse_qsl(query, max_num_fields=16))
    if name not in fields:
        raise ValueError(name)
    return fields[name]
