# SPDX-License-Identifier: Apache-2.0
"""Waiting and sending, whatever the channel does."""

import errno
import selectors
import socket
from collections.abc import Iterator

import pytest

from ironic_console.common.channels.base import (
    READ,
    WRITE,
    Channel,
    ChannelError,
    read_to_end,
    send_all,
    wait_for,
)
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.clock import Clock, Deadline
from tests.helpers.channels import Far, Pair, passed, soon, tcp_pair
from tests.helpers.clock import FrozenClock


class Scripted(Channel):
    """Does what it is told.

    :param takes: what send() takes, one number each time; then nothing.
    :param flushes: what flush() says, one each time; then yes.
    :ivar calls: what was asked of it.
    """

    peer = 'scripted'

    def __init__(self, takes: list[int], flushes: tuple[bool, ...] = (),
                 ) -> None:
        self._near, self._far = socket.socketpair()
        self._takes = takes
        self._flushes = list(flushes)
        self.is_pending = False
        self.sent = b''
        self.calls: list[str] = []

    def fileno(self) -> int:
        return self._near.fileno()

    def receive(self) -> bytes | None:
        return None

    def send(self, data: bytes | bytearray | memoryview) -> int:
        self.calls.append('send')
        count = self._takes.pop(0) if self._takes else 0
        self.sent += bytes(data[:count])
        return count

    def flush(self) -> bool:
        self.calls.append('flush')
        return self._flushes.pop(0) if self._flushes else True

    def pending(self) -> bool:
        return self.is_pending

    def close(self) -> None:
        self._near.close()
        self._far.close()


@pytest.fixture
def channel() -> Iterator[Scripted]:
    channel = Scripted([3, 1, 2])
    yield channel
    channel.close()


class TestWaitFor:
    def test_asks_for_what_is_pending_before_it_waits(
            self, channel: Scripted) -> None:
        channel.is_pending = True
        assert wait_for(channel, READ, soon())
        assert wait_for(channel, READ | WRITE, soon())

    def test_what_is_pending_does_not_make_it_writable(
            self, channel: Scripted) -> None:
        channel.is_pending = True
        while channel.fileno() != -1:
            try:
                channel._near.send(bytes(65536), socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
        assert not wait_for(channel, WRITE, passed())

    def test_waits_for_as_long_as_the_deadline_has_left(
            self, channel: Scripted, monkeypatch: pytest.MonkeyPatch,
            ) -> None:
        waited = []

        class Watched(selectors.PollSelector):
            def select(self, timeout: float | None = None) -> list:
                waited.append(timeout)
                return []
        monkeypatch.setattr(selectors, 'DefaultSelector', Watched)
        clock = FrozenClock()
        deadline = Deadline(clock, 10, 'test')
        clock.advance(4)
        assert not wait_for(channel, READ, deadline)
        clock.advance(40)
        assert not wait_for(channel, READ, deadline)
        assert waited == [6, 0]

    def test_running_out_of_file_descriptors_is_a_channel_error(
            self, channel: Scripted, monkeypatch: pytest.MonkeyPatch,
            ) -> None:
        def none_left() -> None:
            raise OSError(errno.EMFILE, 'Too many open files')
        monkeypatch.setattr(selectors, 'DefaultSelector', none_left)
        with pytest.raises(ChannelError, match=r'scripted: cannot be waited '
                                               r'for: .*Too many open files'):
            wait_for(channel, READ, soon())


class Talkative(Scripted):
    """Never waits for what it has to say, but takes a second each time.

    :param says: what receive() gives, one each time.
    """

    def __init__(self, clock: FrozenClock, *says: bytes | None) -> None:
        super().__init__([])
        self.is_pending = True
        self._clock = clock
        self._says = list(says)

    def receive(self) -> bytes | None:
        self.calls.append('receive')
        self._clock.advance(1)
        return self._says.pop(0)


class TestReadToEnd:
    @pytest.fixture
    def pair(self) -> Iterator[Pair]:
        near, far = tcp_pair()
        pair = Pair(TcpChannel(near, 'the browser'), Far(far))
        yield pair
        pair.close()

    def test_what_was_said_last_arrives_whatever_the_peer_still_says(
            self, pair: Pair) -> None:
        """To close with bytes unread would reset the connection."""
        deadline = soon()
        pair.far.send(b'more than one read takes' * 3000)
        assert send_all(pair.channel, b'goodbye', deadline)
        pair.far.stop_sending()
        read_to_end(pair.channel, deadline)
        assert deadline.remaining()
        pair.channel.close()
        assert pair.far.receive(7) == b'goodbye'
        assert pair.far.receive_some() == b''

    def test_nothing_now_is_not_the_end(self) -> None:
        clock = FrozenClock()
        channel = Talkative(clock, None, b'late', None, b'')
        read_to_end(channel, Deadline(clock, 100, 'test'))
        assert channel.calls == ['receive'] * 4
        channel.close()

    def test_who_never_stops_talking_is_left_at_the_deadline(self) -> None:
        clock = FrozenClock()
        channel = Talkative(clock, *[b'and another thing'] * 20, b'')
        read_to_end(channel, Deadline(clock, 10, 'test'))
        assert channel.calls == ['receive'] * 10
        channel.close()

    def test_who_says_nothing_and_stays_is_left_at_the_deadline(
            self, pair: Pair) -> None:
        deadline = Deadline(Clock(), 0.1, 'test')
        read_to_end(pair.channel, deadline)
        assert not deadline.remaining()
        pair.far.send(b'still there')
        assert wait_for(pair.channel, READ, soon())

    def test_a_broken_connection_is_told(self, pair: Pair) -> None:
        pair.far.reset()
        with pytest.raises(ChannelError, match=r'the browser: .* reset'):
            read_to_end(pair.channel, soon())


class TestSendAll:
    def test_sends_in_as_many_pieces_as_it_takes(self, channel: Scripted,
                                                 ) -> None:
        assert send_all(channel, b'abcdef', soon())
        assert channel.sent == b'abcdef'
        assert channel.calls == ['send', 'send', 'send', 'flush']

    def test_waits_when_nothing_is_taken(self) -> None:
        channel = Scripted([2, 0, 0, 2])
        assert send_all(channel, b'abcd', soon())
        assert channel.sent == b'abcd'
        channel.close()

    def test_ends_with_what_was_taken_over_being_out(self) -> None:
        channel = Scripted([4], flushes=(False, False, True))
        assert send_all(channel, b'abcd', soon())
        assert channel.calls == ['send', 'flush', 'flush', 'flush']
        channel.close()

    def test_flushes_even_when_there_is_nothing_to_send(
            self, channel: Scripted) -> None:
        assert send_all(channel, b'', soon())
        assert channel.calls == ['flush']

    @pytest.mark.parametrize('flushes', [(), (False,) * 9])
    def test_gives_up_at_the_deadline(self, flushes: tuple[bool, ...],
                                      ) -> None:
        channel = Scripted([4] if flushes else [2], flushes)
        try:
            while True:
                channel._near.send(bytes(65536), socket.MSG_DONTWAIT)
        except BlockingIOError:
            assert not send_all(channel, b'abcd', passed())
        channel.close()


def test_most_channels_have_nothing_to_flush_and_hide_nothing() -> None:
    class Plain(Scripted):
        flush = Channel.flush
        pending = Channel.pending
    channel = Plain([])
    assert channel.flush()
    assert not channel.pending()
    channel.close()
