# SPDX-License-Identifier: Apache-2.0
"""TCP channel: what it adds to every channel."""

import socket
from collections.abc import Iterator

import pytest

from ironic_console.common.channels.base import (
    READ,
    ChannelError,
    wait_for,
)
from ironic_console.common.channels.tcp import TcpChannel
from tests.helpers.channels import (
    MEGABYTES,
    ChannelConformance,
    Far,
    Pair,
    receive_end,
    soon,
    tcp_pair,
)


class TestTcpChannel(ChannelConformance):
    @pytest.fixture
    def pair(self) -> Iterator[Pair]:
        near, far = tcp_pair()
        pair = Pair(TcpChannel(near, 'bmc.example:5900'), Far(far))
        yield pair
        pair.close()

    def test_lets_the_kernel_move_its_bytes(self, pair: Pair) -> None:
        assert pair.channel.is_plain

    def test_sends_small_packets_at_once(self, pair: Pair) -> None:
        assert pair.channel.socket.getsockopt(socket.IPPROTO_TCP,
                                              socket.TCP_NODELAY)

    def test_notices_a_pulled_cable_within_a_minute(self, pair: Pair,
                                                    ) -> None:
        sock = pair.channel.socket
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, interval, count = (
            sock.getsockopt(socket.IPPROTO_TCP, option) for option in (
                socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL,
                socket.TCP_KEEPCNT))
        assert idle + interval * count <= 60

    def test_gives_up_on_silence_within_a_minute(self, pair: Pair) -> None:
        pair.channel.give_up_on_silence()
        assert 0 < pair.channel.socket.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 60_000

    def test_receives_into_a_buffer(self, pair: Pair) -> None:
        buffer = bytearray(100)
        assert pair.channel.receive_into(memoryview(buffer)) is None
        pair.far.send(b'abc')
        assert wait_for(pair.channel, READ, soon())
        assert pair.channel.receive_into(memoryview(buffer)) == 3
        assert buffer[:3] == b'abc'
        pair.far.stop_sending()
        assert wait_for(pair.channel, READ, soon())
        assert pair.channel.receive_into(memoryview(buffer)) == 0

    def test_receiving_into_a_buffer_tells_of_a_reset(self, pair: Pair,
                                                      ) -> None:
        pair.far.reset()
        assert wait_for(pair.channel, READ, soon())
        with pytest.raises(ChannelError, match='reset'):
            pair.channel.receive_into(memoryview(bytearray(10)))

    def test_holds_back_what_more_will_follow(self, pair: Pair) -> None:
        assert pair.channel.send(b'ab', socket.MSG_MORE) == 2
        assert pair.channel.send(b'c') == 1
        assert pair.far.receive(3) == b'abc'

    def test_still_reads_after_it_has_stopped_sending(self, pair: Pair,
                                                      ) -> None:
        pair.channel.shutdown_sending()
        assert pair.far.receive_some() == b''
        pair.far.send(MEGABYTES[:30000])
        pair.far.stop_sending()
        assert receive_end(pair.channel) == MEGABYTES[:30000]

    def test_stops_sending_to_a_peer_that_has_gone(self, pair: Pair,
                                                   ) -> None:
        pair.far.reset()
        assert wait_for(pair.channel, READ, soon())
        pair.channel.shutdown_sending()
        pair.channel.close()
        pair.channel.shutdown_sending()

    def test_is_not_made_of_a_socket_that_has_gone(self) -> None:
        near, far = tcp_pair()
        far.close()
        near.close()
        with pytest.raises(ChannelError, match=r'bmc\.example:5900'):
            TcpChannel(near, 'bmc.example:5900')
