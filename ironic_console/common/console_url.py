# SPDX-License-Identifier: Apache-2.0
"""The URL that ``console show`` prints.

``{public_url}?path=`` + quote(``websockify?node=UUID&token=TICKET``). noVNC's
pages, Nova and Horizon (which appends ``&title=...``) rely on this form.
"""

import urllib.parse

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
