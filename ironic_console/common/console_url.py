# SPDX-License-Identifier: Apache-2.0
"""The URL that ``console show`` prints.

``{public_url}?path=`` + quote(``websockify?node=UUID&token=TICKET``). noVNC's
pages, Nova and Horizon (which appends ``&title=...``) rely on this form.
"""

import urllib.parse

WEBSOCKET_PATH = 'websockify'


class ConsoleURL(str):
    """A URL whose ``repr`` hides the ticket.

    Ironic logs the results of its RPC calls as dicts at DEBUG, which shows
    the ``repr`` of what is in them.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(f'{self.partition("?")[0]}?***')


def build(public_url: str, node: str, token: str) -> ConsoleURL:
    """Make the URL of a console.

    :param public_url: of the page, with or without a query of its own.
    :param node: UUID.
    :param token: ticket, or the raw token.
    """
    query = urllib.parse.urlencode({'node': node, 'token': token})
    path = urllib.parse.quote(f'{WEBSOCKET_PATH}?{query}')
    return ConsoleURL(
        f'{public_url}{"&" if "?" in public_url else "?"}path={path}')
