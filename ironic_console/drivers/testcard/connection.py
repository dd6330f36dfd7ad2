# SPDX-License-Identifier: Apache-2.0
"""An open test card and the sockets of its viewers.

It owns what belongs to one card and how one socket is read and written; who
is served when is decided in ``loop.py``, which also closes the
sockets.
"""

import math
import selectors
import socket
import ssl

from ironic_console.common.clock import Clock
from ironic_console.drivers.testcard.picture import Picture
from ironic_console.drivers.testcard.scene import Scene
from ironic_console.drivers.testcard.settings import CardSettings
from ironic_console.drivers.testcard.viewer import Viewer

#: One read, and so the input of one viewer that is served in one turn. As
#: much as a TLS record holds: nothing is left that no selector sees.
MAX_READ_BYTES = 16 * 1024
#: Pieces of output that one viewer gets in one turn.
MAX_PIECES = 4

# What sockets raise that can do nothing now, with TLS or without.
_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError,
            ssl.SSLWantWriteError)


class Ended(Exception):
    """A connection is over; the text says why."""


class Connection:
    """One viewer's socket.

    :param viewer: ``None`` for one that is never answered.
    :ivar sock: of the viewer; another object once TLS has begun, with the same
        file descriptor.
    :ivar interest: what the selector was asked to watch.
    :ivar handshake_by: when its handshake has to be over, monotonic seconds.
    :ivar cut_at: when it is cut off in any case.
    """

    def __init__(self, card: 'Card', sock: socket.socket,
                 viewer: Viewer | None) -> None:
        self.card = card
        self.sock = sock
        self.viewer = viewer
        self.interest = selectors.EVENT_READ
        self.handshake_by = math.inf
        self.cut_at = math.inf
        self._unsent = memoryview(b'')
        self._shaking_hands: ssl.SSLSocket | None = None

    @property
    def established(self) -> bool:
        return self.viewer is not None and self.viewer.established

    @property
    def deadline(self) -> float:
        """When it will have lasted too long, monotonic seconds."""
        if self.established:
            return self.cut_at
        return min(self.cut_at, self.handshake_by)

    def receive(self) -> None:
        """Read what has come, once.

        :raises Ended: the peer has closed.
        :raises ConsoleError: the peer cannot be served.
        """
        if self._shaking_hands or (self.viewer and self.viewer.wants_tls):
            # It is for TLS, which :meth:`flush` sees to.
            return
        try:
            data = self.sock.recv(MAX_READ_BYTES)
        except _NOT_NOW:
            return
        if not data:
            raise Ended('the viewer closed')
        if self.viewer is not None:
            self.viewer.receive_data(data)

    def flush(self) -> bool:
        """Send what can be sent now, a bounded amount of it.

        :returns: there may be more.
        """
        if self.viewer is None:
            return False
        for _ in range(MAX_PIECES):
            if self._shaking_hands:
                return self._shake_hands(self._shaking_hands, self.viewer)
            if not self._unsent:
                self._unsent = memoryview(self.viewer.data_to_send())
            if self._unsent:
                try:
                    sent = self.sock.send(self._unsent)
                except _NOT_NOW:
                    return True
                self._unsent = self._unsent[sent:]
            elif self.viewer.wants_tls:
                self._start_tls()
            else:
                return False
        return True

    def _start_tls(self) -> None:
        context = self.card.settings.context
        assert context is not None, 'a card with TLS needs a certificate'
        self.sock = self._shaking_hands = context.wrap_socket(
            self.sock, server_side=True, do_handshake_on_connect=False)

    def _shake_hands(self, sock: ssl.SSLSocket, viewer: Viewer) -> bool:
        """:returns: it waits until it can send."""
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLWantWriteError:
            return True
        self._shaking_hands = None
        viewer.tls_started()
        # What it wants to say now.
        return True


class Card:
    """One test card.

    :param listener: listening and non-blocking; whoever removes the card
        from its loop has it closed.
    :raises ValueError: a size that no card can have, or a security type that
        nobody speaks.
    """

    def __init__(self, settings: CardSettings, listener: socket.socket,
                 clock: Clock) -> None:
        self.settings = settings
        self.listener = listener
        self.connections: set[Connection] = set()
        #: When it accepts again; infinite while it does.
        self.resume_at = math.inf
        self.scene = Scene(clock.now())
        self._picture = Picture(settings.name, settings.uuid,
                                settings.width, settings.height)
        self._clock = clock
        # Policy is judged now and not when somebody connects.
        self.new_viewer()

    @property
    def watched(self) -> bool:
        """Does anybody see it?"""
        return any(connection.established for connection in self.connections)

    def new_viewer(self) -> Viewer:
        return Viewer(self.settings.name, self.scene, self._picture,
                      self.settings.policy)

    def redraw(self) -> None:
        """Bring the picture up to date and tell the viewers."""
        viewers = [connection.viewer for connection in self.connections
                   if connection.viewer is not None]
        self.scene.viewers = sum(viewer.established for viewer in viewers)
        self.scene.now = self._clock.now()
        changed = self._picture.show(self.scene)
        for viewer in viewers:
            viewer.expose(changed)
