# SPDX-License-Identifier: Apache-2.0
"""Joins a client and a server handshake of ours in memory."""

from ironic_console.common.rfb.handshake import Handshake
from ironic_console.common.rfb.versions import BANNER_BYTES
from tests.helpers.play import Decide, Player, Split, whole


class HandshakePair:
    """Carries bytes both ways until nothing moves.

    TLS begins when nothing moves and both want it; it does nothing.

    :param client: speaks to the server.
    :param server: speaks to the client.
    :param split: how what one says reaches the other.
    :param banner: what the client hears instead of the server's banner, so
        that older and odd versions can be played.
    :param decide: about the client, where the server leaves that to others.
    :ivar client: its :class:`Player`, with ``error`` and ``sent``.
    :ivar server: likewise.
    :ivar client_heard: what the client was told; between the parts TLS
        began.
    :ivar server_heard: likewise.
    """

    def __init__(self, client: Handshake, server: Handshake,
                 split: Split = whole, banner: bytes | None = None,
                 decide: Decide | None = None) -> None:
        self.client = Player(client)
        self.server = Player(server, decide)
        self.client_heard = [b'']
        self.server_heard = [b'']
        self._split = split
        self._banner = banner

    def run(self) -> None:
        """Until both are over or wait for each other.

        Who fails closes; the other hears all that was said before.
        """
        to_client, to_server = 0, 0
        while True:
            for_client = self.server.sent[to_client:]
            if to_client == 0 and self._banner is not None:
                for_client = self._banner + for_client[BANNER_BYTES:]
            to_client += len(for_client)
            self._carry(for_client, self.client, self.client_heard)
            for_server = self.client.sent[to_server:]
            to_server += len(for_server)
            self._carry(for_server, self.server, self.server_heard)
            if not for_client and not for_server and not self._start_tls():
                break
        if self.client.error is not None:
            self.server.close()
        if self.server.error is not None:
            self.client.close()

    def _carry(self, data: bytes, receiver: Player, heard: list[bytes],
               ) -> None:
        heard[-1] += data
        for piece in self._split(data):
            receiver.feed(piece)

    def _start_tls(self) -> bool:
        wanted = self.client.machine.wants_tls
        if not wanted or self.client.over or self.server.over:
            return False
        assert self.server.machine.wants_tls == wanted
        self.client.start_tls()
        self.server.start_tls()
        self.client_heard.append(b'')
        self.server_heard.append(b'')
        return True
