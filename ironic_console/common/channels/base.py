# SPDX-License-Identifier: Apache-2.0
"""Channel: a connected byte pipe that never blocks.

Who must wait uses :func:`wait_for`, which has a deadline, or the relay's
event loop, which has one for every session.
"""

import abc
import selectors

from ironic_console.common.clock import Deadline
from ironic_console.common.errors import ConsoleError

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

#: Enough for one TLS record; one receive() gives no more.
RECEIVE_BYTES = 16 * 1024


class ChannelError(ConsoleError):
    """The connection broke: reset, unreachable, or TLS failed."""


class Channel(abc.ABC):
    """One end of a connection.

    Whoever owns a channel closes it, once or more often.

    :ivar peer: address of the other end, for logs.
    :cvar is_plain: bytes pass as they are, so the kernel may move them from
        file descriptor to file descriptor.
    """

    peer: str
    is_plain = False

    @abc.abstractmethod
    def fileno(self) -> int:
        """For a selector; -1 once closed."""

    @abc.abstractmethod
    def receive(self) -> bytes | None:
        """Take what is there.

        :returns: bytes; ``b''`` at the end; ``None`` when there is nothing
            now.
        :raises ChannelError: the connection broke.
        """

    def receive_into(self, buffer: memoryview) -> int | None:
        """Like :meth:`receive`, into a buffer of at least
        ``RECEIVE_BYTES``.

        :returns: number of bytes, 0 at the end, ``None`` for nothing now.
        """
        data = self.receive()
        if data is None:
            return None
        buffer[:len(data)] = data
        return len(data)

    @abc.abstractmethod
    def send(self, data: bytes | bytearray | memoryview) -> int:
        """Give as much as is taken now.

        :returns: number of bytes that the channel has taken over, from 0 to
            all. What it took it keeps, see :meth:`flush`; what it did not
            take comes first next time, since TLS may have encrypted it
            already.
        :raises ChannelError: the connection broke.
        """

    @property
    def has_output(self) -> bool:
        """The channel has taken over something that is not out yet."""
        return False

    def flush(self) -> bool:
        """Push out what the channel took over but could not send yet.

        :returns: nothing is left.
        :raises ChannelError: the connection broke.
        """
        return True

    def pending(self) -> bool:
        """Whether receive() would give something that no selector sees."""
        return False

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of the connection at once."""


def wait_for(channel: Channel, events: int, deadline: Deadline) -> bool:
    """Wait until a channel is ready.

    :param events: ``READ``, ``WRITE`` or both.
    :returns: ``False`` when the deadline has passed instead.
    :raises ChannelError: it is closed, or no file descriptor is left.
    """
    if events & READ and channel.pending():
        return True
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(channel.fileno(), events)
            # A remaining time of 0 polls: what is there still counts.
            return bool(selector.select(deadline.remaining()))
    except (OSError, ValueError) as exc:
        raise ChannelError(
            f'{channel.peer}: cannot be waited for: {exc}') from exc


def read_to_end(channel: Channel, deadline: Deadline) -> None:
    """Read until the peer closes, and drop it.

    Unread bytes would make the kernel reset the connection, and the reset
    may overtake what was sent last.

    :raises ChannelError: the connection broke.
    """
    while deadline.remaining() and wait_for(channel, READ, deadline):
        if channel.receive() == b'':
            return


def send_all(channel: Channel, data: bytes, deadline: Deadline) -> bool:
    """Send everything.

    :returns: ``False`` when the deadline has passed before.
    :raises ChannelError: the connection broke.
    """
    rest = memoryview(data)
    while rest:
        sent = channel.send(rest)
        rest = rest[sent:]
        if not sent and not _may_send(channel, deadline):
            return False
    while not channel.flush():
        if not _may_send(channel, deadline):
            return False
    return True


def _may_send(channel: Channel, deadline: Deadline) -> bool:
    # Its socket may be ready when the channel is not; that ends, too.
    return bool(deadline.remaining()) and wait_for(channel, WRITE, deadline)
