# SPDX-License-Identifier: Apache-2.0
"""WebSocket channel: RFC 6455, told in raw frames."""

import os
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import strategies as st

from ironic_console.common.channels.base import (
    READ,
    ChannelError,
    send_all,
    wait_for,
)
from ironic_console.common.channels.frames import (
    MAX_FRAME_BYTES,
    frame_head,
)
from ironic_console.common.channels.framing import FRAME_HEAD_BYTES
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.channels.tls import TlsChannel
from ironic_console.common.channels.websocket import WebSocketChannel
from ironic_console.common.errors import RemoteProtocolError, Side
from tests.helpers.channels import (
    MEGABYTES,
    ChannelConformance,
    Far,
    FarWebSocket,
    Pair,
    in_thread,
    passed,
    receive_all,
    receive_end,
    soon,
    tcp_pair,
)
from tests.helpers.frames import (
    ACCEPT,
    BINARY,
    CLOSE,
    CONTINUATION,
    HEADERS,
    MASK,
    PING,
    PONG,
    TEXT,
    Frame,
    FrameReader,
    close_frame,
    frame,
)
from tests.unit.common.channels.test_tls import make_pair


class Browser(Far):
    """The other end, frame by frame."""

    def __init__(self, near: TcpChannel, sock: object) -> None:
        super().__init__(sock)  # type: ignore[arg-type]
        self.near = near
        self.reader = FrameReader()
        self._frames: list[Frame] = []

    def next_frame(self) -> Frame:
        while not self._frames:
            data = self.receive_some()
            assert data, 'closed'
            self._frames += self.reader.feed(data)
        return self._frames.pop(0)

    def all_frames(self) -> list[Frame]:
        """:returns: all until the connection is closed."""
        while data := self.receive_some():
            self._frames += self.reader.feed(data)
        return self._frames


@pytest.fixture
def pair() -> Iterator[Pair]:
    near, far = tcp_pair()
    below = TcpChannel(near, '192.0.2.7')
    pair = Pair(WebSocketChannel(below, HEADERS), Browser(below, far))
    yield pair
    pair.close()


def receive(channel: WebSocketChannel) -> bytes:
    """:returns: the next that comes; b'' at the end."""
    while True:
        assert channel.pending() or wait_for(channel, READ, soon())
        data = channel.receive()
        if data is not None:
            return data


def assert_takes_nothing(pair: Pair) -> None:
    """It says so, or somebody would try again for ever."""
    with pytest.raises(ChannelError, match='has been closed'):
        pair.channel.send(b'more')


def assert_violation(pair: Pair, code: int, match: str) -> None:
    """It is an error, the browser is told so, and nothing more is taken."""
    with pytest.raises(RemoteProtocolError, match=match) as caught:
        receive(pair.channel)
    assert caught.value.side is Side.BROWSER
    assert caught.value.step == 'WebSocket frame'
    assert caught.value.close_code == code
    assert_takes_nothing(pair)
    pair.channel.flush()
    told = pair.far.next_frame()
    assert (told.opcode, told.code) == (CLOSE, code)
    assert told.reason
    pair.far.send(frame(b'more'))
    assert wait_for(pair.channel, READ, soon())
    assert pair.channel.receive() is None
    assert not pair.channel.pending()
    pair.far.stop_sending()
    assert receive_end(pair.channel) == b''
    pair.channel.close()
    assert pair.far.all_frames() == []


class TestWebSocketChannel(ChannelConformance):
    @pytest.fixture
    def pair(self) -> Iterator[Pair]:
        near, far = tcp_pair()
        pair = Pair(WebSocketChannel(TcpChannel(near, '192.0.2.7'), HEADERS),
                    FarWebSocket(far))
        yield pair
        pair.close()

    def test_takes_nothing_when_it_is_given_nothing(self, pair: Pair,
                                                    ) -> None:
        assert pair.channel.send(b'') == 0
        assert pair.channel.send(b'abc') == 3
        assert pair.channel.flush()
        assert pair.far.receive(3) == b'abc'


class TestWebSocketChannelOverTls(ChannelConformance):
    @pytest.fixture
    def pair(self) -> Iterator[Pair]:
        below = make_pair()
        assert isinstance(below.channel, TlsChannel)
        pair = Pair(WebSocketChannel(below.channel, HEADERS),
                    FarWebSocket(below.far.socket))
        yield pair
        pair.close()

    # A reset over TLS may look like an end, see test_tls.py.
    test_tells_of_a_reset_when_receiving = None
    test_names_its_peer_in_errors = None

    def test_several_frames_in_one_record_are_pending(self, pair: Pair,
                                                      ) -> None:
        pair.far.socket.sendall(frame(b'one') + frame(b'two')
                                + frame(b'three'))
        assert wait_for(pair.channel, READ, soon())
        assert pair.channel.receive() == b'one'
        assert pair.channel.pending()
        assert pair.channel.receive() == b'two'
        assert pair.channel.receive() == b'three'
        assert not pair.channel.pending()


class TestOpening:
    def test_answers_the_key(self, pair: Pair) -> None:
        send_all(pair.channel, b'', soon())
        head = b''
        while b'\r\n\r\n' not in head:
            head += pair.far.receive_some()
        lines = head.split(b'\r\n')
        assert lines[0] == b'HTTP/1.1 101 Switching Protocols'
        assert b'Upgrade: websocket' in lines
        assert b'Connection: Upgrade' in lines
        assert b'Sec-WebSocket-Accept: ' + ACCEPT in lines
        assert not any(line.startswith((b'Sec-WebSocket-Protocol',
                                        b'Sec-WebSocket-Extensions'))
                       for line in lines)

    def test_agrees_on_the_subprotocol_that_it_is_handed(self) -> None:
        near, far = tcp_pair()
        channel = WebSocketChannel(
            TcpChannel(near, ''),
            HEADERS | {'Sec-WebSocket-Protocol': 'binary'})
        channel.flush()
        assert b'\r\nSec-WebSocket-Protocol: binary\r\n' in far.recv(1000)
        channel.close()
        far.close()

    def test_says_nothing_before_it_is_flushed(self, pair: Pair) -> None:
        assert pair.channel.has_output
        assert pair.channel.output_size
        pair.channel.flush()
        assert not pair.channel.has_output

    def test_takes_frames_that_came_with_the_request(self) -> None:
        near, far = tcp_pair()
        third = frame(b'three')
        channel = WebSocketChannel(
            TcpChannel(near, ''), HEADERS,
            early=frame(b'one') + frame(b'two') + third[:4])
        assert channel.pending()
        assert channel.receive() == b'one'
        assert channel.pending()
        assert channel.receive() == b'two'
        assert not channel.pending()
        assert channel.receive() is None
        far.sendall(third[4:])
        assert receive(channel) == b'three'
        channel.close()
        far.close()

    def test_half_a_frame_that_came_with_the_request_waits(self) -> None:
        near, far = tcp_pair()
        channel = WebSocketChannel(TcpChannel(near, ''), HEADERS,
                                   early=frame(b'one')[:3])
        assert channel.receive() is None
        assert not channel.pending()
        far.sendall(frame(b'one')[3:])
        assert receive(channel) == b'one'
        channel.close()
        far.close()

    def test_judges_frames_that_came_with_the_request(self) -> None:
        near, far = tcp_pair()
        channel = WebSocketChannel(TcpChannel(near, ''), HEADERS,
                                   early=frame(b'one', key=None))
        with pytest.raises(RemoteProtocolError, match='not masked'):
            channel.receive()
        channel.close()
        far.close()


class TestFrames:
    def test_takes_the_payload_of_each_frame(self, pair: Pair) -> None:
        pair.far.send(frame(b'one') + frame(b'two'))
        assert receive(pair.channel) == b'one'
        assert pair.channel.pending()
        assert receive(pair.channel) == b'two'
        assert not pair.channel.pending()
        assert pair.channel.receive() is None

    def test_takes_frames_byte_by_byte(self, pair: Pair) -> None:
        data = (frame(b'a' * 200) + frame(b'', PING) + frame(b'b')
                + frame(MEGABYTES[:1000], fin=False)
                + frame(b'rest', CONTINUATION))
        received = b''
        for place in range(len(data)):
            pair.far.send(data[place:place + 1])
            assert wait_for(pair.channel, READ, soon())
            received += pair.channel.receive() or b''
            assert not pair.channel.pending()
        assert received == b'a' * 200 + b'b' + MEGABYTES[:1000] + b'rest'

    def test_takes_the_longest_frame(self, pair: Pair) -> None:
        data = MEGABYTES[:MAX_FRAME_BYTES]
        with in_thread(pair.far.send, frame(data)):
            assert receive(pair.channel) == data

    @pytest.mark.parametrize('length', [MAX_FRAME_BYTES + 1, 1 << 40,
                                        (1 << 64) - 1])
    def test_refuses_a_longer_one_before_it_comes(self, pair: Pair,
                                                  length: int) -> None:
        pair.far.send(frame(length=length))
        assert_violation(pair, 1009, f'frame of {length} bytes')

    def test_refuses_a_frame_without_a_mask(self, pair: Pair) -> None:
        pair.far.send(frame(b'abc', key=None))
        assert_violation(pair, 1002, 'not masked')

    @pytest.mark.parametrize('bits', range(1, 8))
    def test_refuses_reserved_bits(self, pair: Pair, bits: int) -> None:
        pair.far.send(frame(b'abc', reserved=bits))
        assert_violation(pair, 1002, 'reserved bits')

    @pytest.mark.parametrize('opcode', [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
    def test_refuses_unknown_opcodes(self, pair: Pair, opcode: int) -> None:
        pair.far.send(frame(b'abc', opcode))
        assert_violation(pair, 1002, f'frames of type {opcode} are not')

    def test_refuses_text(self, pair: Pair) -> None:
        pair.far.send(frame(b'abc', TEXT))
        assert_violation(pair, 1003, 'frames of type 1 are not')

    @pytest.mark.parametrize('opcode', [CLOSE, PING, PONG])
    def test_refuses_long_control_frames(self, pair: Pair, opcode: int,
                                         ) -> None:
        pair.far.send(frame(bytes(126), opcode))
        assert_violation(pair, 1002, 'long or fragmented')

    @pytest.mark.parametrize('opcode', [CLOSE, PING, PONG])
    def test_refuses_fragmented_control_frames(self, pair: Pair, opcode: int,
                                               ) -> None:
        pair.far.send(frame(b'', opcode, fin=False))
        assert_violation(pair, 1002, 'long or fragmented')

    def test_judges_a_frame_by_its_first_two_bytes(self, pair: Pair) -> None:
        pair.far.send(frame(b'abc', TEXT)[:2])
        assert_violation(pair, 1003, 'frames of type 1 are not')

    def test_what_follows_a_violation_is_not_taken(self, pair: Pair) -> None:
        pair.far.send(frame(b'abc', TEXT) + frame(b'key'))
        assert_violation(pair, 1003, 'frames of type 1 are not')

    def test_the_endpoint_side_still_reads_what_came_before_a_violation(
            self, pair: Pair) -> None:
        pair.far.send(frame(b'key'))
        assert receive(pair.channel) == b'key'
        pair.far.send(frame(b'abc', TEXT))
        assert_violation(pair, 1003, 'frames of type 1 are not')

    def test_what_came_with_a_violation_but_before_it_counts(
            self, pair: Pair) -> None:
        pair.far.send(frame(b'key') + frame(b'', PING) + frame(b'2')
                      + frame(b'abc', TEXT) + frame(b'no'))
        assert receive(pair.channel) == b'key'
        assert pair.channel.pending()
        assert receive(pair.channel) == b'2'
        assert pair.channel.pending()
        with pytest.raises(RemoteProtocolError, match='of type 1 are not'):
            pair.channel.receive()
        assert not pair.channel.pending()

    def test_hands_on_the_parts_of_a_message(self, pair: Pair) -> None:
        pair.far.send(frame(b'one', fin=False))
        assert receive(pair.channel) == b'one'
        pair.far.send(frame(b'two', CONTINUATION, fin=False)
                      + frame(b'', PING) + frame(b'3', CONTINUATION)
                      + frame(b'next'))
        assert receive(pair.channel) == b'two'
        assert receive(pair.channel) == b'3'
        assert receive(pair.channel) == b'next'

    def test_a_message_may_be_longer_than_a_frame(self, pair: Pair) -> None:
        part = MEGABYTES[:MAX_FRAME_BYTES // 2]

        def send() -> None:
            pair.far.send(frame(part, fin=False))
            for number in range(4):
                pair.far.send(frame(part, CONTINUATION, fin=number == 3))
        with in_thread(send):
            assert receive_all(pair.channel, 5 * len(part)) == part * 5
        assert not pair.channel.pending()

    def test_the_first_part_may_be_empty(self, pair: Pair) -> None:
        pair.far.send(frame(b'', fin=False) + frame(b'abc', CONTINUATION))
        assert receive(pair.channel) == b'abc'

    def test_refuses_a_part_of_no_message(self, pair: Pair) -> None:
        pair.far.send(frame(b'abc', CONTINUATION))
        assert_violation(pair, 1002, 'fragments are out of order')

    def test_refuses_a_message_within_another(self, pair: Pair) -> None:
        pair.far.send(frame(b'abc', fin=False))
        assert receive(pair.channel) == b'abc'
        pair.far.send(frame(b'def'))
        assert_violation(pair, 1002, 'fragments are out of order')

    def test_a_message_ends_with_its_last_part(self, pair: Pair) -> None:
        pair.far.send(frame(b'', fin=False) + frame(b'abc', CONTINUATION))
        assert receive(pair.channel) == b'abc'
        pair.far.send(frame(b'', CONTINUATION))
        assert_violation(pair, 1002, 'fragments are out of order')

    def test_skips_empty_frames(self, pair: Pair) -> None:
        pair.far.send(frame() * 100 + frame(b'abc'))
        assert receive(pair.channel) == b'abc'
        pair.far.send(frame() * 100)
        assert wait_for(pair.channel, READ, soon())
        assert pair.channel.receive() is None
        assert not pair.channel.pending()

    @pytest.mark.parametrize('flood', [
        frame() * 500, frame(b'', PING) * 500, frame(b'', PONG) * 500])
    def test_a_flood_of_nothing_does_not_keep_it_busy_for_ever(
            self, flood: bytes) -> None:
        below = Flood(flood)
        channel = WebSocketChannel(below, HEADERS)
        assert channel.receive() is None
        assert below.reads == 1


class Flood(TcpChannel):
    """A connection on which the same comes again and again.

    :ivar reads: how often it was read.
    """

    def __init__(self, data: bytes) -> None:
        self.peer = 'flood'
        self.reads = 0
        self._data = data

    def receive(self) -> bytes:
        self.reads += 1
        assert self.reads < 10_000, 'it never stops reading'
        return self._data

    def send(self, data: bytes, flags: int = 0) -> int:
        return len(data)


def test_what_is_hidden_below_is_pending_too() -> None:
    class Hidden(Flood):
        def pending(self) -> bool:
            return True
    assert WebSocketChannel(Hidden(b''), HEADERS).pending()
    assert not WebSocketChannel(Flood(b''), HEADERS).pending()


class TestSending:
    @pytest.mark.parametrize('size', [1, 125, 126, 65535, 65536])
    def test_sends_each_piece_as_one_frame(self, pair: Pair, size: int,
                                           ) -> None:
        data = MEGABYTES[:size]
        with in_thread(send_all, pair.channel, data, soon()):
            assert pair.far.next_frame() == Frame(BINARY, data)

    def test_takes_no_more_than_a_frame_at_once(self, pair: Pair) -> None:
        assert pair.channel.send(MEGABYTES) == MAX_FRAME_BYTES

    def test_the_head_of_a_frame_is_never_longer_than_it_says(self) -> None:
        for size in (0, 125, 126, 65535, 65536, 1 << 40):
            assert len(frame_head(size)) <= FRAME_HEAD_BYTES
            assert FrameReader(upgraded=True).feed(
                frame_head(size) + bytes(min(size, 65536))) == (
                    [Frame(BINARY, bytes(size))] if size <= 65536 else [])

    @pytest.mark.parametrize('size', [1, 125, 126, 65535, 65536])
    def test_sends_a_frame_from_a_buffer_with_room_for_its_head(
            self, pair: Pair, size: int) -> None:
        buffer = bytearray(FRAME_HEAD_BYTES) + MEGABYTES[:size] + b'rubbish'
        assert pair.channel.flush()
        pair.channel.send_framed(buffer, size)
        with in_thread(send_all, pair.channel, b'', soon()):
            assert pair.far.next_frame() == Frame(BINARY, MEGABYTES[:size])

    def test_a_frame_from_a_buffer_survives_back_pressure(self, pair: Pair,
                                                          ) -> None:
        size, count = 60000, 0
        while pair.channel.flush():
            buffer = bytearray(FRAME_HEAD_BYTES) + MEGABYTES[:size]
            pair.channel.send_framed(buffer, size)
            buffer[:] = bytes(len(buffer))
            count += 1
        with in_thread(send_all, pair.channel, b'', soon()):
            for _ in range(count):
                assert pair.far.next_frame().payload == MEGABYTES[:size]


class TestBodiesThatOthersMove:
    """What the relay splices between the head of a frame and the next."""

    def begin(self, pair: Pair, size: int) -> None:
        pair.channel.begin_frame(size)
        assert pair.channel.has_output
        assert pair.channel.flush_head()

    def move(self, pair: Pair, data: bytes) -> None:
        os.write(pair.channel.fileno(), data)
        pair.channel.body_sent(len(data))

    def test_head_and_body_make_a_frame(self, pair: Pair) -> None:
        self.begin(pair, 300)
        self.move(pair, b'a' * 100)
        assert pair.channel.has_output
        self.move(pair, b'b' * 200)
        assert not pair.channel.has_output
        assert pair.far.next_frame() == Frame(BINARY,
                                              b'a' * 100 + b'b' * 200)

    def test_a_pong_waits_for_the_end_of_the_body(self, pair: Pair) -> None:
        self.begin(pair, 5)
        self.move(pair, b'ab')
        pair.far.send(frame(b'alive?', PING))
        assert wait_for(pair.channel, READ, soon())
        assert pair.channel.receive() is None
        assert not pair.channel.flush()
        self.move(pair, b'cde')
        assert pair.channel.has_output
        assert pair.channel.flush()
        assert pair.far.next_frame() == Frame(BINARY, b'abcde')
        assert pair.far.next_frame() == Frame(PONG, b'alive?')

    def test_a_ping_of_ours_waits_too(self, pair: Pair) -> None:
        self.begin(pair, 2)
        pair.channel.ping()
        self.move(pair, b'ab')
        assert pair.channel.flush()
        assert pair.far.next_frame() == Frame(BINARY, b'ab')
        assert pair.far.next_frame() == Frame(PING, b'')

    def test_a_close_frame_waits_too(self, pair: Pair) -> None:
        self.begin(pair, 2)
        pair.channel.send_close(1001, 'bye')
        self.move(pair, b'ab')
        assert pair.channel.flush()
        assert pair.far.next_frame() == Frame(BINARY, b'ab')
        assert pair.far.next_frame() == Frame(CLOSE, b'\x03\xe9bye')

    def test_nothing_else_is_sent_meanwhile(self, pair: Pair) -> None:
        self.begin(pair, 2)
        assert pair.channel.send(b'xyz') == 0
        self.move(pair, b'ab')
        assert pair.channel.send(b'xyz') == 3
        assert pair.far.next_frame() == Frame(BINARY, b'ab')
        assert pair.far.next_frame() == Frame(BINARY, b'xyz')

    def test_a_head_that_is_not_out_holds_back_the_body(self, pair: Pair,
                                                        ) -> None:
        while pair.channel.send(MEGABYTES):
            continue
        before = pair.channel.output_size
        pair.channel.begin_frame(10)
        assert pair.channel.output_size == before + 2
        assert not pair.channel.flush_head()


class TestControlFrames:
    def test_answers_a_ping_with_its_payload(self, pair: Pair) -> None:
        pair.far.send(frame(b'x' * 125, PING))
        assert wait_for(pair.channel, READ, soon())
        assert pair.channel.receive() is None
        pair.channel.flush()
        assert pair.far.next_frame() == Frame(PONG, b'x' * 125)

    def test_answers_a_ping_within_a_message(self, pair: Pair) -> None:
        pair.far.send(frame(b'a', fin=False) + frame(b'?', PING)
                      + frame(b'b', CONTINUATION))
        assert receive_all(pair.channel, 2) == b'ab'
        pair.channel.flush()
        assert pair.far.next_frame() == Frame(PONG, b'?')

    def test_a_pong_never_lands_within_a_frame_of_ours(self, pair: Pair,
                                                       ) -> None:
        while pair.channel.send(MEGABYTES):
            continue
        pair.far.send(frame(b'?', PING))
        assert wait_for(pair.channel, READ, soon())
        assert pair.channel.receive() is None
        with in_thread(send_all, pair.channel, b'', soon()):
            while (one := pair.far.next_frame()).opcode == BINARY:
                assert one.payload == MEGABYTES[:MAX_FRAME_BYTES]
        assert one == Frame(PONG, b'?')

    def test_counts_pongs(self, pair: Pair) -> None:
        pair.channel.ping()
        pair.channel.flush()
        assert pair.far.next_frame() == Frame(PING, b'')
        assert pair.channel.pongs == 0
        pair.far.send(frame(b'', PONG))
        assert wait_for(pair.channel, READ, soon())
        assert pair.channel.receive() is None
        assert pair.channel.pongs == 1

    def test_a_peer_that_reads_no_pongs_gets_no_more_of_them(
            self, pair: Pair) -> None:
        while pair.channel.send(MEGABYTES):
            continue
        pings = frame(b'x' * 125, PING) * 100
        for _ in range(100):
            pair.far.send(pings)
            while wait_for(pair.channel, READ, passed()):
                assert pair.channel.receive() is None
        assert pair.channel.output_size < 1 << 20

    def test_and_is_told_why_it_is_closed_all_the_same(self, pair: Pair,
                                                       ) -> None:
        self.test_a_peer_that_reads_no_pongs_gets_no_more_of_them(pair)
        pair.channel.send_close(1008, 'too many pings')
        with in_thread(send_all, pair.channel, b'', soon()):
            while (one := pair.far.next_frame()).opcode != CLOSE:
                assert one.opcode in (BINARY, PONG)
        assert one.reason == 'too many pings'


class TestClosing:
    def test_says_why(self, pair: Pair) -> None:
        pair.channel.send_close(4503, 'The console is gone.')
        assert pair.channel.flush()
        told = pair.far.next_frame()
        assert told.opcode == CLOSE
        assert told.code == 4503
        assert told.reason == 'The console is gone.'

    def test_says_it_once_and_nothing_after_it(self, pair: Pair) -> None:
        pair.channel.send_close(4503, 'first')
        pair.channel.send_close(4504, 'second')
        pair.channel.ping()
        assert_takes_nothing(pair)
        pair.far.send(frame(b'?', PING))
        assert wait_for(pair.channel, READ, soon())
        assert pair.channel.receive() is None
        pair.channel.flush()
        pair.channel.close()
        assert [one.payload[2:] for one in pair.far.all_frames()] == [
            b'first']

    @pytest.mark.parametrize(('reason', 'kept'), [
        ('a' * 123, 'a' * 123),
        ('a' * 124, 'a' * 123),
        ('a' * 122 + 'ä', 'a' * 122),
        ('a' * 121 + 'ä', 'a' * 121 + 'ä'),
        ('a' * 120 + '\N{GRINNING FACE}', 'a' * 120),
        ('', ''),
    ])
    def test_cuts_the_reason_between_two_characters(
            self, pair: Pair, reason: str, kept: str) -> None:
        pair.channel.send_close(1001, reason)
        pair.channel.flush()
        assert pair.far.next_frame().reason == kept

    @pytest.mark.parametrize('payload', [
        b'', b'\x03\xe8', b'\x03\xe9bye', b'\x0f\xa1' + 'ü'.encode(),
        b'\x03\xe8' + b'x' * 123])
    def test_answers_the_close_frame_of_the_browser(self, pair: Pair,
                                                    payload: bytes) -> None:
        pair.far.send(frame(b'last') + frame(payload, CLOSE))
        assert receive(pair.channel) == b'last'
        assert receive(pair.channel) == b''
        assert pair.channel.receive() == b''
        assert not pair.channel.pending()
        assert_takes_nothing(pair)
        pair.channel.ping()
        pair.channel.send_close(1001, 'too late')
        assert pair.channel.flush()
        pair.channel.close()
        assert pair.far.all_frames() == [Frame(CLOSE, payload)]

    def test_the_answer_to_our_close_frame_is_the_end(self, pair: Pair,
                                                      ) -> None:
        pair.channel.send_close(1001, 'bye')
        pair.channel.flush()
        pair.channel.shutdown_sending()
        assert pair.far.all_frames() == [Frame(CLOSE, b'\x03\xe9bye')]
        pair.far.send(frame(b'was under way') + close_frame(1001, 'bye'))
        assert receive(pair.channel) == b'was under way'
        assert receive(pair.channel) == b''

    def test_what_follows_the_close_frame_is_not_taken(self, pair: Pair,
                                                       ) -> None:
        pair.far.send(close_frame(1000) + frame(b'key'))
        assert receive(pair.channel) == b''
        assert pair.channel.receive() == b''

    @pytest.mark.parametrize('code', [0, 999, 1004, 1005, 1006, 1015, 1016,
                                      2999, 5000, 65535])
    def test_refuses_codes_that_must_not_be_sent(self, pair: Pair, code: int,
                                                 ) -> None:
        pair.far.send(close_frame(code))
        assert_violation(pair, 1002, 'without a valid code')

    def test_refuses_half_a_code(self, pair: Pair) -> None:
        pair.far.send(frame(b'\x03', CLOSE))
        assert_violation(pair, 1002, 'without a valid code')

    def test_refuses_a_reason_that_is_not_utf_8(self, pair: Pair) -> None:
        pair.far.send(frame(b'\x03\xe8\xff', CLOSE))
        assert_violation(pair, 1002, 'not UTF-8')

    def test_a_connection_that_ends_without_a_close_frame_ends(
            self, pair: Pair) -> None:
        pair.far.send(frame(b'abc') + frame(b'never finished')[:9])
        pair.far.stop_sending()
        assert receive_end(pair.channel) == b'abc'
        assert pair.channel.receive() == b''
        pair.channel.send_close(1001, 'nobody listens')

    def test_a_reset_within_a_frame_is_told(self, pair: Pair) -> None:
        pair.far.send(frame(b'never finished')[:9])
        assert wait_for(pair.channel, READ, soon())
        assert pair.channel.receive() is None
        pair.far.reset()
        assert wait_for(pair.channel, READ, soon())
        with pytest.raises(ChannelError, match='reset'):
            pair.channel.receive()


def test_any_bytes_are_taken_or_refused() -> None:
    """Whatever a browser sends, in any split, the payload is the same and
    nothing but a documented error comes of it."""
    heads = st.builds(
        lambda payload, opcode, fin, reserved, key, length: frame(
            payload, opcode, fin=fin, reserved=reserved, key=key,
            length=length),
        st.binary(max_size=140), st.sampled_from([2, 2, 2, 0, 1, 8, 9, 10]),
        st.booleans(), st.sampled_from([0, 0, 0, 0, 4]),
        st.sampled_from([MASK, MASK, bytes(4), None]),
        st.sampled_from([None, None, None, 5, 1 << 20]))
    speech = st.lists(st.one_of(heads, st.binary(max_size=20)),
                      max_size=6).map(b''.join)

    @hypothesis.given(speech, st.lists(st.integers(0, 300), max_size=6))
    @hypothesis.settings(max_examples=200, derandomize=True, deadline=None,
                         database=None)
    def check(data: bytes, cuts: list[int]) -> None:
        places = sorted({0, *(cut for cut in cuts if cut < len(data))})
        pieces = [data[begin:end] for begin, end
                  in zip(places, [*places[1:], len(data)], strict=True)]
        whole, parts = hear([data]), hear(pieces)
        assert whole[1] == parts[1]
        # Frames before a wrong one are heard if they came before it.
        assert parts[0].startswith(whole[0])
        if whole[1] != 'RemoteProtocolError':
            assert whole[0] == parts[0]
    check()


class Tape(TcpChannel):
    """A connection that gives pieces, then ends."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.peer = 'tape'
        self._pieces = [piece for piece in pieces if piece]

    def receive(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b''

    def send(self, data: bytes, flags: int = 0) -> int:
        return len(data)


def hear(pieces: list[bytes]) -> tuple[bytes, str]:
    """:returns: the payload, and how it ended."""
    channel = WebSocketChannel(Tape(pieces), HEADERS)
    heard = b''
    try:
        while (data := channel.receive()) != b'':
            heard += data or b''
    except RemoteProtocolError as exc:
        return heard, type(exc).__name__
    return heard, 'end'
