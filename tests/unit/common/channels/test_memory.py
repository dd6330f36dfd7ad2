# SPDX-License-Identifier: Apache-2.0
"""Memory channel: it is what every channel is, and comes in pairs."""

from collections.abc import Iterator

import pytest

from ironic_console.common.channels.base import Channel
from ironic_console.common.channels.memory import MemoryChannel
from tests.helpers.channels import ChannelConformance, Far, Pair, receive_all


class FarMemory(Far):
    """The other end of a socket pair, where a reset looks different."""

    def __init__(self, channel: MemoryChannel, near: Channel) -> None:
        super().__init__(channel._socket)
        self._near = near

    def reset(self) -> None:
        # To close with bytes unread is what resets here.
        self._near.send(b'unread')
        self.socket.close()


class TestMemoryChannel(ChannelConformance):
    @pytest.fixture
    def pair(self) -> Iterator[Pair]:
        left, right = MemoryChannel.pair()
        pair = Pair(left, FarMemory(right, left))
        yield pair
        pair.close()

    def test_both_ends_are_channels(self) -> None:
        left, right = MemoryChannel.pair()
        assert left.send(b'there') == 5
        assert receive_all(right, 5) == b'there'
        assert right.send(b'and back') == 8
        assert receive_all(left, 8) == b'and back'
        assert left.peer == 'memory right'
        assert right.peer == 'memory left'
        left.close()
        assert right.receive() == b''
        right.close()
