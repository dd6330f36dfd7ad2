# SPDX-License-Identifier: Apache-2.0
"""One session's bytes, moved step by step without a loop around them."""

import contextlib
import os
import select
import struct

import pytest

from ironic_console.common.channels.base import READ, WRITE
from ironic_console.common.channels.cipher import CipherChannel
from ironic_console.common.errors import RemoteProtocolError
from ironic_console.common.rfb.read_only import ReadOnlyFilter
from ironic_console.novncproxy import close_reasons, link
from ironic_console.novncproxy.link import Buffers, Ended
from tests.helpers.channels import ToyCipher
from tests.helpers.proxy import CLOSE, PING, Holdings, masked, quiet
from tests.helpers.wires import Wire, counting

BULK = 200_000


@pytest.fixture
def buffers():
    buffers = Buffers()
    yield buffers
    buffers.pipes.close()


@pytest.fixture
def wire(buffers):
    wire = Wire(buffer_bytes=65536)
    wire.link.attach(buffers)
    yield wire
    wire.close()


def pull(wire, times=1, now=0.0):
    """Read the endpoint that often, when there is something."""
    for _ in range(times):
        select.select([wire.link.endpoint.fileno()], [], [], 1)
        wire.link.pull_from_endpoint(now)


def pull_from_browser(wire):
    select.select([wire.link.browser.fileno()], [], [], 1)
    wire.link.pull_from_browser(1.0)


def make_busy(wire) -> int:
    """Fill everything towards the browser.

    :returns: bytes that the link has taken.
    """
    sent = 0
    wire.endpoint.setblocking(False)
    while not wire.link.browser_busy():
        with contextlib.suppress(BlockingIOError):
            sent += wire.endpoint.send(counting(sent, 65536))
        pull(wire)
    wire.endpoint.settimeout(10)
    return wire.link.to_browser_bytes


def test_reads_both_while_nobody_is_busy(wire):
    assert wire.link.interest() == (READ, READ)


def test_a_busy_browser_stops_the_reading_of_the_endpoint(wire):
    make_busy(wire)
    assert wire.link.interest() == (READ | WRITE, 0)


def test_takes_nothing_from_the_endpoint_for_a_busy_browser(wire):
    sent = make_busy(wire)
    with contextlib.suppress(TimeoutError):
        wire.endpoint.settimeout(0.1)
        wire.endpoint.sendall(bytes(100))
    pull(wire, times=3)
    assert wire.link.to_browser_bytes == sent


def test_a_busy_endpoint_is_written_to_and_read(wire, monkeypatch):
    monkeypatch.setattr(wire.link.endpoint, 'send', lambda data: 0)
    wire.browser.send(b'key')
    pull_from_browser(wire)
    assert wire.link.interest() == (READ, READ | WRITE)


def test_too_much_for_the_endpoint_stops_the_reading_of_the_browser(
        wire, monkeypatch):
    monkeypatch.setattr(wire.link.endpoint, 'send', lambda data: 0)
    for _ in range(3):
        wire.browser.send(bytes(30_000))
    while wire.link.interest()[0] & READ:
        pull_from_browser(wire)
    assert wire.link.interest() == (0, READ | WRITE)
    assert not wire.link.pending()


def test_while_closing_only_the_browser_counts(wire):
    wire.link.begin_close(close_reasons.IDLE)
    assert wire.link.interest() == (WRITE, 0)
    wire.link.push_to_browser()
    assert wire.link.interest() == (READ, 0)


# -- splice -------------------------------------------------------------------

def test_little_is_copied_and_much_is_spliced(wire, buffers, monkeypatch):
    spliced = []
    real = os.splice

    def splice(*args, **options):
        size = real(*args, **options)
        spliced.append(size)
        return size

    monkeypatch.setattr(link.os, 'splice', splice)
    for _ in range(3):
        wire.endpoint.sendall(b'x' * 100)
        pull(wire)
        assert wire.browser.read(100) == b'x' * 100
    assert not spliced
    for begin in range(0, 10 * 30_000, 30_000):
        wire.endpoint.sendall(counting(begin, 30_000))
        pull(wire)
        wire.link.push_to_browser()
        assert wire.browser.read(30_000) == counting(begin, 30_000)
    assert sum(spliced) > 0
    assert len(buffers.pipes._idle) == 1


def test_a_pipe_is_held_only_while_bytes_are_in_flight(wire, buffers):
    sent = make_busy(wire)
    in_flight = wire.link._pipe is not None
    while wire.link.browser_busy():
        wire.browser._receive()
        wire.link.push_to_browser()
    assert wire.link._pipe is None
    assert len(buffers.pipes._idle) >= in_flight
    assert wire.browser.read(sent) == counting(0, sent)


def test_a_pipe_with_bytes_in_it_is_not_lent_again(wire, buffers):
    make_busy(wire)
    assert wire.link._pipe is not None
    wire.link.close()
    assert not buffers.pipes._idle


def test_copies_while_there_are_no_pipes(wire, buffers, monkeypatch):
    monkeypatch.setattr(buffers.pipes, 'borrow', lambda: None)
    wire.endpoint.sendall(counting(0, 50_000))
    while wire.link.to_browser_bytes < 50_000:
        pull(wire)
        wire.link.push_to_browser()
    assert wire.browser.read(50_000) == counting(0, 50_000)


def in_records(wire, monkeypatch, *sizes):
    """Let the endpoint give records of TLS, one by one, then nothing."""
    records = [counting(sum(sizes[:number]), size)
               for number, size in enumerate(sizes)]

    def receive_into(room):
        if not records:
            return None
        record = records.pop(0)
        room[:len(record)] = record
        return len(record)

    monkeypatch.setattr(wire.link.endpoint, 'is_plain', False)
    monkeypatch.setattr(wire.link.endpoint, 'receive_into', receive_into)


def test_records_that_come_together_go_in_one_frame(wire, monkeypatch):
    in_records(wire, monkeypatch, 16384, 16384, 5000)
    wire.link.pull_from_endpoint(0.0)
    total = 16384 + 16384 + 5000
    assert wire.browser.read(total) == counting(0, total)
    assert wire.browser.frames == [total]


def test_only_so_many_records_as_there_is_room_for(wire, monkeypatch):
    in_records(wire, monkeypatch, *[16384] * 6)
    wire.link.pull_from_endpoint(0.0)
    assert wire.browser.read(3 * 16384) == counting(0, 3 * 16384)
    assert wire.link.to_browser_bytes == 3 * 16384


def test_nothing_is_asked_for_behind_a_small_record(wire, monkeypatch):
    in_records(wire, monkeypatch, 100, 200)
    wire.link.pull_from_endpoint(0.0)
    assert wire.browser.read(100) == counting(0, 100)
    assert wire.link.to_browser_bytes == 100


def trickle(wire):
    """Let small pieces come without a pause until they may gather."""
    for pieces in range(1, 100):
        wire.endpoint.sendall(b'piece')
        pull(wire, now=pieces / 10_000)
        assert wire.browser.read(5) == b'piece'
        if wire.link.is_gathering():
            return pieces
    raise AssertionError('nothing gathers')


def test_what_comes_in_small_pieces_is_left_to_gather(wire):
    assert wire.link.interest() == (READ, READ)
    assert trickle(wire) > 4
    assert wire.link.interest() == (READ, 0)
    wire.endpoint.sendall(counting(0, 30_000))
    wire.link.fetch_gathered()
    assert wire.link.interest() == (READ, READ)
    pull(wire)
    assert wire.browser.read(30_000) == counting(0, 30_000)


def test_records_that_gathered_go_in_one_frame_however_small(
        wire, monkeypatch):
    trickle(wire)
    monkeypatch.setattr(wire.link.endpoint, 'pending', lambda: True)
    assert not wire.link.pending()
    wire.link.fetch_gathered()
    assert wire.link.pending()
    in_records(wire, monkeypatch, *[100] * 30)
    wire.link.pull_from_endpoint(0.0)
    assert wire.browser.read(3000) == counting(0, 3000)
    assert wire.browser.frames[-1] == 3000


def test_an_end_behind_a_record_is_found_the_next_time(wire, monkeypatch):
    sizes = [8000, 0, 0]
    monkeypatch.setattr(wire.link.endpoint, 'is_plain', False)
    monkeypatch.setattr(wire.link.endpoint, 'receive_into',
                        lambda room: sizes.pop(0))
    wire.link.pull_from_endpoint(0.0)
    assert wire.link.to_browser_bytes == 8000
    with pytest.raises(Ended) as ended:
        wire.link.pull_from_endpoint(0.0)
    assert ended.value.reason is close_reasons.ENDPOINT_CLOSED


@pytest.mark.parametrize('ending', ['close', 'reset', 'nothing'])
def test_splicing_from_an_endpoint_that_ends_gives_the_pipe_back(
        wire, buffers, ending):
    wire.endpoint.sendall(bytes(20_000))
    while wire.link.to_browser_bytes < 20_000:
        pull(wire)
        wire.link.push_to_browser()
    wire.link._bulk = True
    before = Holdings.now().descriptors
    if ending == 'nothing':
        assert not wire.link.pull_from_endpoint(0.0)
    elif ending == 'close':
        wire.endpoint.close()
        with pytest.raises(Ended, match='endpoint closed'):
            pull(wire)
    else:
        wire.reset(wire.endpoint)
        with pytest.raises(Ended, match='endpoint lost'):
            pull(wire)
    assert wire.link._pipe is None
    assert len(buffers.pipes._idle) == 1
    assert Holdings.now().descriptors <= before + 2


# -- what the browser may say -------------------------------------------------

PRESS = bytes.fromhex('04 01 0000 00000061')
RELEASE = bytes.fromhex('04 00 0000 00000061')
POINT = bytes.fromhex('05 01 0001 0002')
LOOK = bytes.fromhex('03 00 0000 0000 0320 0258')


@pytest.fixture
def make_wire(buffers):
    wires = []

    def make(**options):
        wire = Wire(**options)
        wire.link.attach(buffers)
        wires.append(wire)
        return wire
    yield make
    for wire in wires:
        wire.close()


def test_the_endpoint_gets_what_the_rule_lets_through(make_wire):
    wire = make_wire(rule=ReadOnlyFilter())
    for data in (PRESS + LOOK[:3], LOOK[3:] + POINT, LOOK):
        wire.browser.send(data)
        pull_from_browser(wire)
    assert wire.receive(20) == LOOK * 2
    assert wire.link.from_browser_bytes == 20
    assert quiet(wire.endpoint)


def test_what_comes_behind_the_handshake_has_to_pass_too(make_wire):
    wire = make_wire(rule=ReadOnlyFilter(), to_endpoint=PRESS + LOOK)
    assert wire.link.endpoint_busy()
    wire.link.push_to_endpoint()
    assert wire.receive(10) == LOOK


def test_no_link_is_made_of_what_the_rule_does_not_take():
    with pytest.raises(RemoteProtocolError):
        Wire(rule=ReadOnlyFilter(), to_endpoint=b'\x77')


def test_what_the_rule_does_not_take_ends_the_session(make_wire):
    wire = make_wire(rule=ReadOnlyFilter())
    wire.browser.sock.sendall(b''.join(
        masked(2, data) for data in (LOOK, b'\x77' + LOOK, LOOK)))
    with pytest.raises(Ended) as caught:
        pull_from_browser(wire)
    assert caught.value.reason.code == 1002
    assert caught.value.reason.name == 'RemoteProtocolError'
    # What was good before it is delivered, and nothing after.
    assert wire.receive(10) == LOOK
    assert quiet(wire.endpoint)


def test_what_only_watches_changes_nothing(wire):
    data = counting(0, 1000)
    wire.browser.send(data)
    pull_from_browser(wire)
    assert wire.receive(1000) == data


def test_keys_that_are_down_are_released_at_the_end(wire):
    wire.browser.send(PRESS)
    pull_from_browser(wire)
    wire.link.begin_close(close_reasons.REVOKED)
    assert wire.receive(16) == PRESS + RELEASE
    assert wire.endpoint_sees_end()
    assert not wire.link.endpoint_busy()


def test_keys_that_are_up_again_are_not(wire):
    wire.browser.send(PRESS + RELEASE)
    pull_from_browser(wire)
    wire.link.begin_close(close_reasons.REVOKED)
    assert wire.receive(16) == PRESS + RELEASE
    assert wire.endpoint_sees_end()


def test_no_release_is_put_into_the_middle_of_a_message(wire):
    wire.browser.send(PRESS + LOOK[:4])
    pull_from_browser(wire)
    wire.link.begin_close(close_reasons.REVOKED)
    assert wire.receive(12) == PRESS + LOOK[:4]
    assert wire.endpoint_sees_end()


def test_releases_come_behind_what_still_waits(wire, monkeypatch):
    sent = []
    monkeypatch.setattr(wire.link.endpoint, 'send', lambda data: 0)
    wire.browser.send(PRESS + LOOK)
    pull_from_browser(wire)
    monkeypatch.setattr(wire.link.endpoint, 'send',
                        lambda data: sent.append(bytes(data)) or len(data))
    wire.link.begin_close(close_reasons.REVOKED)
    assert sent == [PRESS + LOOK + RELEASE]


def test_an_endpoint_that_takes_nothing_does_not_delay_the_end(
        wire, monkeypatch):
    monkeypatch.setattr(wire.link.endpoint, 'send', lambda data: 0)
    wire.browser.send(PRESS)
    pull_from_browser(wire)
    wire.link.begin_close(close_reasons.REVOKED)
    assert wire.endpoint_sees_end()
    assert not wire.link.endpoint_busy()


def test_an_endpoint_that_is_gone_does_not_break_the_end(wire):
    wire.browser.send(PRESS)
    pull_from_browser(wire)
    wire.endpoint.recv(8)
    wire.reset(wire.endpoint)
    wire.link.begin_close(close_reasons.ENDPOINT_LOST)
    wire.link.push_to_browser()
    wire.browser._receive()
    assert wire.browser.closed[0] == 4502


def test_who_may_not_type_has_no_key_to_release(make_wire):
    wire = make_wire(rule=ReadOnlyFilter())
    wire.browser.send(PRESS)
    pull_from_browser(wire)
    wire.link.begin_close(close_reasons.REVOKED)
    assert wire.endpoint_sees_end()


# -- an endpoint behind a cipher ----------------------------------------------

def test_what_the_endpoints_channel_keeps_is_waited_for(make_wire):
    wire = make_wire(buffer_bytes=65536, wrap=lambda below: CipherChannel(
        below, ToyCipher()))
    sent = 0
    while not wire.link.endpoint.has_output:
        wire.browser.send(counting(sent, 4000))
        sent += 4000
        pull_from_browser(wire)
    # The link has handed over everything, its channel has not.
    wire.link._to_endpoint.clear()
    assert wire.link.endpoint_busy()
    assert wire.link.interest() == (READ, READ | WRITE)
    assert not wire.link.push_to_endpoint()
    taken = wire.link.from_browser_bytes
    cipher, received = ToyCipher(), b''
    while len(received) < taken:
        received += cipher.decrypt(wire.endpoint.recv(1 << 20))
        wire.link.push_to_endpoint()
    assert received == counting(0, taken)
    assert not wire.link.endpoint_busy()
    assert wire.link.interest() == (READ, READ)
    assert wire.link.push_to_endpoint()


def test_bytes_behind_a_cipher_are_copied_and_pending(make_wire):
    wire = make_wire(wrap=lambda below: CipherChannel(below, ToyCipher()))
    wire.link._bulk = True
    wire.endpoint.sendall(ToyCipher().encrypt(counting(0, 60_000)))
    select.select([wire.link.endpoint.fileno()], [], [], 1)
    while wire.link.to_browser_bytes < 60_000:
        wire.link.pull_from_endpoint(0.0)
        wire.link.push_to_browser()
    assert not wire.link.pending()
    assert wire.browser.read(60_000) == counting(0, 60_000)


# -- control frames and payload -----------------------------------------------

def test_control_frames_wait_for_the_end_of_a_frame(wire):
    sent = make_busy(wire)
    wire.browser.send_frame(PING, b'?')
    pull_from_browser(wire)
    wire.link.begin_close(close_reasons.IDLE)
    while wire.link.browser_busy():
        wire.browser._receive()
        wire.link.push_to_browser()
    while not wire.browser.closed:
        wire.browser._receive()
    # A frame in a frame would have been noticed by the decoder.
    assert wire.browser.read(sent) == counting(0, sent)


def test_what_comes_with_the_close_frame_is_delivered(wire):
    wire.browser.sock.sendall(masked(2, b'key up')
                              + masked(CLOSE, struct.pack('>H', 1000)))
    with pytest.raises(Ended, match='browser closed'):
        pull_from_browser(wire)
    assert wire.receive(6) == b'key up'


def test_takes_a_bounded_number_of_messages_in_a_turn(wire):
    wire.browser.sock.sendall(masked(2, b'k') * 100)
    pull_from_browser(wire)
    assert wire.link.from_browser_bytes == 32
    assert wire.link.pending()


def test_nothing_reaches_a_closed_endpoint(wire):
    wire.link.begin_close(close_reasons.IDLE)
    wire.link.push_to_browser()
    wire.browser.send(b'too late')
    pull_from_browser(wire)
    assert not wire.link.endpoint_busy()
    assert wire.endpoint_sees_end()


def test_an_endpoint_that_is_gone_ends_the_writing_too(wire):
    wire.reset(wire.endpoint)
    wire.browser.send(b'key')
    with pytest.raises(Ended, match='endpoint lost'):
        pull_from_browser(wire)


def test_closing_twice_is_fine(wire):
    wire.link.close()
    wire.link.close()


def test_counts_payload_only(wire):
    wire.browser.send(b'12345')
    pull_from_browser(wire)
    wire.endpoint.sendall(b'123')
    pull(wire)
    assert (wire.link.from_browser_bytes, wire.link.to_browser_bytes) == (
        5, 3)
