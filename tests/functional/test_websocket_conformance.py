# SPDX-License-Identifier: Apache-2.0
"""RFC 6455 as a server has to keep it, case by case, through the whole proxy.

The numbers are those of the sections of the Autobahn test suite, whose cases
these follow; "echo" is the endpoint, so that what comes back has passed the
relay twice. RFB is binary: where that suite sends text, it is refused with
1003 here (sections 6.* are about text alone, but for close reasons). A stream
has no messages, so parts of a message may come back in other parts.
"""

import struct

import pytest

from tests.helpers import frames
from tests.helpers.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    close_frame,
    frame,
)
from tests.helpers.proxy import (
    Browser,
    RunningWorker,
    make_settings,
    node_record,
    path_to,
    ticket_for,
    wait_until,
)

PROTOCOL_ERROR, NOT_TAKEN, TOO_BIG = 1002, 1003, 1009
LONGEST = 256 * 1024


@pytest.fixture(scope='module')
def worker(tmp_path_factory, endpoint):
    settings = make_settings(tmp_path_factory.mktemp('proxy'))
    with RunningWorker(settings, node_record(endpoint.port)) as worker:
        yield worker


class Client:
    """A session past its handshake, of which only raw frames are left."""

    def __init__(self, browser):
        self.sock = browser.sock
        self._reader = frames.FrameReader(upgraded=True)
        self._queue = []

    def send(self, *parts):
        self.sock.sendall(b''.join(parts))

    def dribble(self, data):
        for place in range(len(data)):
            self.sock.sendall(data[place:place + 1])

    def next(self):
        """:returns: the next frame; ``None`` at the end."""
        while not self._queue:
            try:
                data = self.sock.recv(1 << 20)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._queue += self._reader.feed(data)
        return self._queue.pop(0)

    def echoed(self, size):
        """:returns: so many bytes of payload, in whatever frames."""
        data = b''
        while len(data) < size:
            found = self.next()
            assert found, f'closed after {len(data)} bytes'
            assert found.opcode == BINARY
            data += found.payload
        assert len(data) == size
        return data

    def is_open(self):
        self.send(frame(b'still there'))
        return self.echoed(11) == b'still there'

    def fails(self, code):
        """The proxy closes, and the TCP connection ends when we agree."""
        found = self.next()
        while found and found.opcode in (BINARY, PONG):
            found = self.next()
        assert found, 'there is no close frame'
        assert found.opcode == CLOSE
        assert (found.code, bool(found.reason)) == (code, True)
        self.ends_after_close()

    def ends_after_close(self):
        self.sock.sendall(close_frame(1000))
        assert self.next() is None, 'something behind the close frame'


@pytest.fixture
def client(worker):
    (record,) = worker.store.records.values()
    with worker.open(record) as browser:
        browser.shake_hands()
        yield Client(browser)
    wait_until(lambda: not worker.sessions(), 'the session has ended')


# -- 1: framing ---------------------------------------------------------------

@pytest.mark.parametrize('size', [1, 125, 126, 127, 128, 65535, 65536,
                                  LONGEST])
def test_payload_of_any_length_comes_back(client, size):
    """1.2.1 to 1.2.7."""
    payload = bytes(number * 7 & 0xff for number in range(size))
    client.send(frame(payload))
    assert client.echoed(size) == payload


def test_an_empty_message_is_nothing(client):
    """1.2.1, for a stream."""
    client.send(frame(b''), frame(b''), frame(b'x'), frame(b''))
    assert client.echoed(1) == b'x'
    assert client.is_open()


def test_a_frame_may_come_in_any_pieces(client):
    """1.2.8, and 2.6 for a ping."""
    client.dribble(frame(bytes(range(200))))
    assert client.echoed(200) == bytes(range(200))
    client.dribble(frame(b'piecemeal', PING))
    assert client.next() == frames.Frame(PONG, b'piecemeal')


@pytest.mark.parametrize('size', [0, 125, 126, 65535, 65536])
def test_text_is_refused(client, size):
    """1.1.*: RFB has none."""
    client.send(frame(b'*' * size, TEXT))
    client.fails(NOT_TAKEN)


# -- 2: pings and pongs -------------------------------------------------------

@pytest.mark.parametrize('payload', [
    b'', b'Hello, world!', b'\x00\xff\xfe\xfd\xfc\xfb\x00\xff',
    b'\xfe' * 125], ids=['2.1', '2.2', '2.3', '2.4'])
def test_a_ping_is_answered_with_its_payload(client, payload):
    client.send(frame(payload, PING))
    assert client.next() == frames.Frame(PONG, payload)
    assert client.is_open()


def test_a_ping_of_126_bytes_is_refused(client):
    """2.5."""
    client.send(frame(b'\xfe' * 126, PING))
    client.fails(PROTOCOL_ERROR)


@pytest.mark.parametrize('payload', [b'', b'unsolicited'])
def test_a_pong_that_nobody_asked_for_is_fine(client, payload):
    """2.7 to 2.9."""
    client.send(frame(payload, PONG), frame(b'mine', PING))
    assert client.next() == frames.Frame(PONG, b'mine')
    assert client.is_open()


@pytest.mark.parametrize('at_once', [True, False], ids=['2.10', '2.11'])
def test_ten_pings_are_answered_in_order(client, at_once):
    pings = [frame(f'payload {number}'.encode(), PING)
             for number in range(10)]
    if at_once:
        client.send(*pings)
    else:
        client.dribble(b''.join(pings))
    for number in range(10):
        assert client.next() == frames.Frame(
            PONG, f'payload {number}'.encode())


# -- 3: reserved bits ---------------------------------------------------------

@pytest.mark.parametrize('opcode', [BINARY, CONTINUATION, PING, PONG, CLOSE])
@pytest.mark.parametrize('bits', range(1, 8))
def test_reserved_bits_are_refused_in_every_kind_of_frame(client, bits,
                                                          opcode):
    """3.1 to 3.7."""
    payload = struct.pack('>H', 1000) if opcode == CLOSE else b'small'
    client.send(frame(payload, opcode, reserved=bits))
    client.fails(PROTOCOL_ERROR)


def test_what_came_before_a_violation_was_good(client, endpoint):
    """3.2 to 3.4: the first message counts, the third does not."""
    peer = endpoint.peers[-1]
    client.send(frame(b'before'), frame(b'bad', reserved=4),
                frame(b'behind'))
    client.fails(PROTOCOL_ERROR)
    assert peer.wait_ended()
    assert peer.received.endswith(b'before')


# -- 4: opcodes ---------------------------------------------------------------

@pytest.mark.parametrize('payload', [b'', b'reserved opcode'])
@pytest.mark.parametrize('opcode', [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_unknown_opcodes_are_refused(client, opcode, payload):
    """4.1.* data, 4.2.* control."""
    client.send(frame(payload, opcode))
    client.fails(PROTOCOL_ERROR)


# -- 5: fragmentation ---------------------------------------------------------

@pytest.mark.parametrize('opcode', [PING, PONG, CLOSE])
def test_control_frames_cannot_be_fragmented(client, opcode):
    """5.1, 5.2."""
    client.send(frame(b'', opcode, fin=False), frame(b'', CONTINUATION))
    client.fails(PROTOCOL_ERROR)


@pytest.mark.parametrize('dribbled', [False, True])
def test_fragments_are_one_message(client, dribbled):
    """5.3 to 5.5, in whole frames and byte by byte."""
    data = (frame(b'fragment1', fin=False)
            + frame(b'fragment2', CONTINUATION))
    client.dribble(data) if dribbled else client.send(data)
    assert client.echoed(18) == b'fragment1fragment2'
    assert client.is_open()


@pytest.mark.parametrize('dribbled', [False, True])
def test_a_ping_may_come_between_fragments(client, dribbled):
    """5.6 to 5.8."""
    data = (frame(b'fragment1', fin=False) + frame(b'ping', PING)
            + frame(b'fragment2', CONTINUATION))
    client.dribble(data) if dribbled else client.send(data)
    found = [client.next()]
    while sum(len(one.payload) for one in found) < 22:
        found.append(client.next())
    assert frames.Frame(PONG, b'ping') in found
    assert b''.join(one.payload for one in found
                    if one.opcode == BINARY) == b'fragment1fragment2'


@pytest.mark.parametrize('fin', [True, False], ids=['5.9', '5.12'])
def test_a_fragment_of_nothing_is_refused(client, fin):
    """5.9 to 5.14: a continuation, and no message that it continues."""
    client.send(frame(b'non-continuation payload', CONTINUATION, fin=fin),
                frame(b'good'))
    client.fails(PROTOCOL_ERROR)


def test_a_fragment_behind_the_end_of_its_message_is_refused(client):
    """5.15: two fragments, then one too many."""
    client.send(frame(b'1', fin=False), frame(b'2', CONTINUATION),
                frame(b'3', CONTINUATION, fin=False), frame(b'4'))
    client.fails(PROTOCOL_ERROR)


@pytest.mark.parametrize('fin', [False, True], ids=['5.16', '5.17'])
def test_a_message_must_begin_with_its_kind(client, fin):
    client.send(frame(b'1', CONTINUATION, fin=fin), frame(b'2', fin=False),
                frame(b'3', CONTINUATION))
    client.fails(PROTOCOL_ERROR)


def test_a_message_cannot_begin_within_another(client):
    """5.18."""
    client.send(frame(b'fragment1', fin=False), frame(b'fragment2'))
    client.fails(PROTOCOL_ERROR)


def test_many_fragments_with_pings_between_them(client):
    """5.19, 5.20."""
    client.send(frame(b'1', fin=False), frame(b'2', CONTINUATION, fin=False),
                frame(b'ping 1', PING))
    client.send(frame(b'3', CONTINUATION, fin=False),
                frame(b'4', CONTINUATION, fin=False), frame(b'ping 2', PING),
                frame(b'5', CONTINUATION))
    pongs, data = [], b''
    while len(data) < 5 or len(pongs) < 2:
        found = client.next()
        if found.opcode == PONG:
            pongs.append(found.payload)
        else:
            data += found.payload
    assert (pongs, data) == ([b'ping 1', b'ping 2'], b'12345')


# -- 6: UTF-8 -----------------------------------------------------------------

@pytest.mark.parametrize('reason', [
    'κόσμε'.encode(), 'Hello-µ@ßöäüàá-UTF-8!!'.encode(),
    b'\xf4\x8f\xbf\xbf', b'\xed\x9f\xbf', b'\xee\x80\x80', b'\xef\xbf\xbf'],
    ids=['6.2.1', '6.2.2', 'last', 'below surrogates', 'above surrogates',
         'noncharacter'])
def test_a_close_reason_may_be_any_utf_8(client, reason):
    client.send(frame(struct.pack('>H', 1000) + reason, CLOSE))
    assert client.next().code == 1000
    assert client.next() is None


@pytest.mark.parametrize('reason', [
    b'\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited',
    b'\xf4\x90\x80\x80', b'\xc0\xaf', b'\xe0\x80\xaf', b'\xff', b'\x80',
    b'\xce', b'\xed\xa0\x80', b'\xf8\x88\x80\x80\x80'],
    ids=['6.3.1', 'too high', 'overlong', 'overlong of three', 'no UTF-8',
         'continuation', 'cut', 'surrogate', 'five bytes'])
def test_a_close_reason_that_is_no_utf_8_is_refused(client, reason):
    """6.3 to 6.21 and 7.5.1."""
    client.send(frame(struct.pack('>H', 1000) + reason, CLOSE))
    client.fails(PROTOCOL_ERROR)


# -- 7: closing ---------------------------------------------------------------

def test_what_was_sent_before_the_close_frame_arrives(client, endpoint):
    """7.1.1."""
    peer = endpoint.peers[-1]
    client.send(frame(b'last words'), close_frame(1000))
    while (found := client.next()).opcode != CLOSE:
        assert found.opcode == BINARY
    assert found.code == 1000
    assert peer.wait_ended()
    assert peer.received.endswith(b'last words')


def test_a_second_close_frame_is_not_answered(client):
    """7.1.2."""
    client.send(close_frame(1000), close_frame(1000))
    assert client.next().code == 1000
    assert client.next() is None


@pytest.mark.parametrize('late', [frame(b'', PING), frame(b'late')],
                         ids=['7.1.3', '7.1.4'])
def test_nothing_counts_behind_a_close_frame(client, endpoint, late):
    peer = endpoint.peers[-1]
    client.send(close_frame(1000), late)
    assert client.next().opcode == CLOSE
    assert client.next() is None
    assert peer.wait_ended()
    assert not peer.received.endswith(b'late')


def test_a_close_frame_may_come_within_a_message(client):
    """7.1.5."""
    client.send(frame(b'fragment1', fin=False), close_frame(1000))
    found = client.next()
    while found.opcode == BINARY:
        found = client.next()
    assert (found.opcode, found.code) == (CLOSE, 1000)
    assert client.next() is None


@pytest.mark.parametrize('payload', [
    b'', struct.pack('>H', 1000), struct.pack('>H', 1000) + b'Hello World!',
    struct.pack('>H', 1000) + b'*' * 123],
    ids=['7.3.1', '7.3.3', '7.3.4', '7.3.5'])
def test_a_good_close_frame_is_answered(client, payload):
    client.send(frame(payload, CLOSE))
    found = client.next()
    assert found.opcode == CLOSE
    assert not payload or found.code == 1000
    assert client.next() is None


@pytest.mark.parametrize('payload', [
    b'\x03', struct.pack('>H', 1000) + b'*' * 124], ids=['7.3.2', '7.3.6'])
def test_a_close_frame_of_a_wrong_length_is_refused(client, payload):
    client.send(frame(payload, CLOSE))
    client.fails(PROTOCOL_ERROR)


@pytest.mark.parametrize('code', [1000, 1001, 1002, 1003, 1007, 1008, 1009,
                                  1010, 1011, 3000, 3999, 4000, 4999])
def test_every_valid_close_code_is_taken(client, code):
    """7.7.*."""
    client.send(close_frame(code))
    found = client.next()
    assert (found.opcode, found.code) == (CLOSE, code)
    assert client.next() is None


@pytest.mark.parametrize('code', [0, 999, 1004, 1005, 1006, 1015, 1016, 1100,
                                  2000, 2999, 5000, 65535])
def test_every_invalid_close_code_is_refused(client, code):
    """7.9.* and 7.13.*."""
    client.send(close_frame(code))
    client.fails(PROTOCOL_ERROR)


# -- 9: limits ----------------------------------------------------------------

@pytest.mark.parametrize('length', [LONGEST + 1, 1 << 20, 1 << 40,
                                    (1 << 63) - 1, (1 << 64) - 1])
def test_a_frame_is_not_longer_than_the_limit(client, length):
    """9.2.3 and on: told by the length, before any of it has come."""
    client.send(frame(b'', length=length))
    client.fails(TOO_BIG)


@pytest.mark.parametrize('size', [64, 256, 1024, 65536, LONGEST])
def test_a_message_of_megabytes_comes_in_fragments_of_any_size(client, size):
    """9.4.*: the message has no limit, only its parts have."""
    count = max(1, min(500, (2 << 20) // size))
    part = bytes(range(256)) * (size // 256) or bytes(range(size))
    for number in range(count):
        client.send(frame(part, BINARY if not number else CONTINUATION,
                          fin=number == count - 1))
        assert client.echoed(len(part)) == part


# -- masks, which that suite takes for granted --------------------------------

def test_a_frame_without_a_mask_is_refused(client):
    """RFC 6455 section 5.1."""
    client.send(frame(b'bare', key=None))
    client.fails(PROTOCOL_ERROR)


@pytest.mark.parametrize('key', [bytes(4), b'\xff' * 4, b'\x00\x01\x02\x03'])
def test_any_mask_is_taken_off(client, key):
    payload = bytes(range(251))
    client.send(frame(payload, key=key))
    assert client.echoed(251) == payload


# -- 12 and 13: compression ---------------------------------------------------

@pytest.mark.parametrize('offer', [
    'permessage-deflate', 'permessage-deflate; client_max_window_bits',
    'permessage-deflate; server_no_context_takeover; '
    'server_max_window_bits=9', 'permessage-bzip2, permessage-deflate',
    'x-webkit-deflate-frame'])
def test_compression_is_declined(worker, offer):
    """The browser of the tests asserts that no extension is agreed on."""
    (record,) = worker.store.records.values()
    with Browser(worker.address, path_to(record.uuid, ticket_for(record)),
                 f'Sec-WebSocket-Extensions: {offer}') as browser:
        browser.shake_hands()
        client = Client(browser)
        assert client.is_open()
        client.send(frame(b'\x4a\x04\x00', reserved=4))
        client.fails(PROTOCOL_ERROR)
