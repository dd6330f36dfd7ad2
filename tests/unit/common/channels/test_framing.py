# SPDX-License-Identifier: Apache-2.0
"""Unframed channel: RFB as it is, in the way that the relay asks for."""

import contextlib
from collections.abc import Iterator

import pytest

from ironic_console.common.channels.base import (
    READ,
    ChannelError,
    send_all,
    wait_for,
)
from ironic_console.common.channels.framing import (
    FRAME_HEAD_BYTES,
    UnframedChannel,
)
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.channels.tls import TlsChannel
from tests.helpers.channels import (
    MEGABYTES,
    ChannelConformance,
    Far,
    Pair,
    in_thread,
    receive_end,
    soon,
    tcp_pair,
)
from tests.unit.common.channels.test_tls import make_pair

PEER = 'nova.example:40000'


def plain_pair() -> Pair:
    near, far = tcp_pair()
    return Pair(UnframedChannel(TcpChannel(near, PEER)), Far(far))


def tls_pair() -> Pair:
    pair = make_pair()
    assert isinstance(pair.channel, TlsChannel)
    return Pair(UnframedChannel(pair.channel), pair.far)


class TestUnframedChannel(ChannelConformance):
    @pytest.fixture
    def pair(self) -> Iterator[Pair]:
        pair = plain_pair()
        yield pair
        pair.close()


class TestUnframedChannelOverTls(ChannelConformance):
    @pytest.fixture
    def pair(self) -> Iterator[Pair]:
        pair = tls_pair()
        yield pair
        pair.close()

    # As TLS has it, see test_tls.py.

    def test_tells_of_a_reset_when_receiving(self, pair: Pair) -> None:
        pair.far.reset()
        assert wait_for(pair.channel, READ, soon())
        with contextlib.suppress(ChannelError):
            assert pair.channel.receive() == b''

    def test_names_its_peer_in_errors(self, pair: Pair) -> None:
        pair.channel.close()
        with pytest.raises(ChannelError, match=r'^192\.0\.2\.7: '):
            pair.channel.receive()


@pytest.fixture(params=[plain_pair, tls_pair], ids=['tcp', 'tls'])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    pair = request.param()
    yield pair
    pair.close()


def scratch(payload: bytes) -> bytearray:
    return bytearray(FRAME_HEAD_BYTES) + payload


def fill(channel: UnframedChannel) -> bytes:
    """:returns: all that it took until nothing went out any more."""
    taken = b''
    while channel.flush():
        channel.send_framed(scratch(MEGABYTES[:65536]), 65536)
        taken += MEGABYTES[:65536]
    return taken


def test_a_frame_is_its_payload_and_nothing_else(pair: Pair) -> None:
    pair.channel.send_framed(scratch(b'pixels'), 6)
    assert pair.far.receive(6) == b'pixels'
    assert not pair.channel.has_output


def test_of_the_buffer_only_so_much_is_sent(pair: Pair) -> None:
    pair.channel.send_framed(scratch(b'pixels and more'), 6)
    pair.channel.send_framed(scratch(b'!'), 1)
    assert pair.far.receive(7) == b'pixels!'


def test_what_is_not_taken_at_once_is_kept_and_bounded(pair: Pair) -> None:
    sent = fill(pair.channel)
    assert pair.channel.has_output
    assert 0 < pair.channel.output_size <= 65536
    assert pair.channel.send(b'more') == 0
    received = []
    with in_thread(lambda: received.append(pair.far.receive(len(sent)))):
        assert send_all(pair.channel, b'', soon())
    assert received == [sent]
    assert pair.channel.output_size == 0


def test_one_send_takes_what_tls_needs_several_records_for(pair: Pair,
                                                           ) -> None:
    data = MEGABYTES[:65536]
    received: list[bytes] = []
    with in_thread(lambda: received.append(pair.far.receive(65536))):
        assert pair.channel.send(data) == 65536
        assert send_all(pair.channel, b'', soon())
    assert received == [data]


def test_a_body_is_sent_by_somebody_else() -> None:
    pair = plain_pair()
    channel = pair.channel
    channel.begin_frame(6)
    assert channel.flush_head()
    assert channel.has_output
    # Nothing may come between its parts.
    assert not channel.flush()
    assert channel.send(b'x') == 0
    assert channel.below.send(b'pix') == 3
    channel.body_sent(3)
    assert channel.body_left == 3
    channel.below.send(b'els')
    channel.body_sent(3)
    assert channel.flush()
    assert channel.send(b'!') == 1
    assert pair.far.receive(7) == b'pixels!'
    pair.close()


def test_the_close_waits_for_the_body() -> None:
    pair = plain_pair()
    channel = pair.channel
    channel.begin_frame(3)
    channel.send_close(1008, 'switched off')
    channel.below.send(b'end')
    channel.body_sent(3)
    assert channel.flush()
    assert pair.far.receive(3) == b'end'
    assert pair.far.receive_some() == b''
    pair.close()


def test_the_close_says_nothing_but_that_it_is_the_end(pair: Pair) -> None:
    pair.channel.send_close(1008, 'switched off')
    assert not pair.channel.has_output
    assert pair.channel.send(b'late') == 0
    assert pair.far.socket.recv(100) == b''
    # What is under way is still read, so that there is no reset. Of TLS
    # that ends without a goodbye OpenSSL complains.
    pair.far.close()
    with contextlib.suppress(ChannelError):
        assert receive_end(pair.channel) == b''


def test_the_close_waits_for_what_is_queued(pair: Pair) -> None:
    sent = fill(pair.channel)
    pair.channel.send_close(1008, '')
    assert pair.channel.has_output
    received = []
    with in_thread(lambda: received.append(pair.far.receive(len(sent)))):
        assert send_all(pair.channel, b'', soon())
    assert received == [sent]
    assert pair.far.receive_some() == b''


def test_counts_the_pieces_that_come(pair: Pair) -> None:
    for number in range(3):
        assert pair.channel.frames == number
        pair.far.send(b'key')
        assert wait_for(pair.channel, READ, soon())
        while pair.channel.receive() is None:
            assert wait_for(pair.channel, READ, soon())
    assert pair.channel.receive() is None
    assert pair.channel.frames == 3


def test_is_asked_for_no_sign_of_life(pair: Pair) -> None:
    assert not pair.channel.answers_pings
    pair.channel.ping()
    assert pair.channel.pongs == 0
    assert not pair.channel.has_output


def test_has_the_name_and_the_descriptor_of_what_carries_it() -> None:
    pair = plain_pair()
    assert pair.channel.peer == PEER
    assert pair.channel.fileno() == pair.channel.below.fileno()
    pair.close()
