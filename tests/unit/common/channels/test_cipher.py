# SPDX-License-Identifier: Apache-2.0
"""Cipher channel: it is what every channel is, and hides what it says."""

from collections.abc import Iterator

import pytest

from ironic_console.common.channels.base import (
    READ,
    WRITE,
    ChannelError,
    send_all,
    wait_for,
)
from ironic_console.common.channels.cipher import CipherChannel
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.rfb.handshake import Cipher
from ironic_console.common.rfb.security.aes_eax import FrameCipher
from tests.helpers.channels import (
    MEGABYTES,
    ChannelConformance,
    Far,
    FarCipher,
    Pair,
    ToyCipher,
    in_thread,
    passed,
    receive_all,
    receive_end,
    soon,
    tcp_pair,
)

PEER = 'bmc.example:5900'


def make_pair(ours: Cipher, theirs: Cipher) -> Pair:
    near, far = tcp_pair()
    return Pair(CipherChannel(TcpChannel(near, PEER), ours),
                FarCipher(far, theirs))


class TestCipherChannel(ChannelConformance):
    @pytest.fixture
    def pair(self) -> Iterator[Pair]:
        pair = make_pair(ToyCipher(), ToyCipher())
        yield pair
        pair.close()


class TestCipherChannelOfRa2(ChannelConformance):
    @pytest.fixture
    def pair(self) -> Iterator[Pair]:
        one, other = bytes(range(32)), bytes(range(32, 64))
        pair = make_pair(FrameCipher(one, other), FrameCipher(other, one))
        yield pair
        pair.close()


@pytest.fixture
def raw() -> Iterator[Pair]:
    """A channel with a cipher and a far end without one."""
    near, far = tcp_pair()
    pair = Pair(CipherChannel(TcpChannel(near, PEER), ToyCipher()), Far(far))
    yield pair
    pair.close()


def test_nothing_passes_in_plain_text(raw: Pair) -> None:
    assert raw.channel.send(b'password') == 8
    sent = raw.far.receive(11)
    assert b'password' not in sent
    assert ToyCipher().decrypt(sent) == b'password'


def test_the_kernel_must_not_move_its_bytes(raw: Pair) -> None:
    assert not raw.channel.is_plain


def test_keeps_the_name_of_its_peer(raw: Pair) -> None:
    assert raw.channel.peer == PEER


def test_goes_on_with_the_state_of_the_handshake() -> None:
    ours, theirs = ToyCipher(), ToyCipher()
    assert theirs.decrypt(ours.encrypt(b'ClientInit')) == b'ClientInit'
    pair = make_pair(ours, theirs)
    assert pair.channel.send(b'keys') == 4
    assert pair.far.receive(4) == b'keys'
    pair.close()


def test_a_frame_that_is_not_all_there_is_nothing(raw: Pair) -> None:
    sealed = ToyCipher().encrypt(b'x' * 100)
    raw.far.send(sealed[:50])
    assert wait_for(raw.channel, READ, soon())
    assert raw.channel.receive() is None
    assert not raw.channel.pending()
    raw.far.send(sealed[50:])
    assert receive_all(raw.channel, 100) == b'x' * 100


def test_half_a_frame_at_the_end_is_the_end(raw: Pair) -> None:
    raw.far.send(ToyCipher().encrypt(b'x' * 100)[:50])
    raw.far.stop_sending()
    assert receive_end(raw.channel) == b''


def test_what_was_tampered_with_breaks_the_connection(raw: Pair) -> None:
    sealed = bytearray(ToyCipher().encrypt(b'x' * 100))
    sealed[-1] ^= 1
    raw.far.send(sealed)
    assert wait_for(raw.channel, READ, soon())
    with pytest.raises(ChannelError, match=f'^{PEER}: not decipherable: a'):
        raw.channel.receive()


def test_says_what_it_has_taken_over_and_not_sent(raw: Pair) -> None:
    assert not raw.channel.has_output
    while raw.channel.send(MEGABYTES):
        continue
    assert raw.channel.has_output
    assert not raw.channel.flush()
    assert not wait_for(raw.channel, WRITE, passed())


def test_takes_little_while_the_peer_reads_nothing(raw: Pair) -> None:
    taken = 0
    while count := raw.channel.send(MEGABYTES):
        taken += count
    # What does not fit into the kernel any more is one piece at most.
    assert len(raw.channel._output) < 10_000  # type: ignore[attr-defined]
    assert taken < len(MEGABYTES)


def test_what_was_taken_over_goes_out_later() -> None:
    pair = make_pair(ToyCipher(), ToyCipher())
    rest = memoryview(MEGABYTES)
    while count := pair.channel.send(rest):
        rest = rest[count:]
    received = []
    with in_thread(lambda: received.append(
            pair.far.receive(len(MEGABYTES) - len(rest)))):
        assert send_all(pair.channel, b'', soon())
    assert not pair.channel.has_output
    assert received == [MEGABYTES[:len(MEGABYTES) - len(rest)]]
    pair.close()


def test_closing_drops_what_was_not_read_and_not_sent() -> None:
    pair = make_pair(ToyCipher(), ToyCipher())
    pair.far.send(bytes(60_000))
    while not pair.channel.pending():
        assert wait_for(pair.channel, READ, soon())
        pair.channel.receive()
    while pair.channel.send(MEGABYTES):
        continue
    pair.channel.close()
    assert not pair.channel.pending()
    assert not pair.channel.has_output
    with pytest.raises(ChannelError):
        pair.channel.receive()
    pair.far.close()
