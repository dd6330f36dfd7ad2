# SPDX-License-Identifier: Apache-2.0
"""The machine below both handshakes: feeding, ending, failing."""

import pytest

from ironic_console.common.errors import (
    LimitExceeded,
    LocalProtocolError,
    PeerClosed,
    Side,
)
from ironic_console.common.rfb.handshake import (
    MAX_BUFFERED_BYTES,
    Handshake,
    Said,
)
from tests.helpers.play import byte_by_byte, play


class Greeting(Handshake):
    """Reads two bytes and a counted text, and says it back."""

    def steps(self):
        self.send(b'hello')
        self.emit(Said('began'))
        yield from self.read(2, 'two bytes')
        text = yield from self.read_counted('text', 5)
        self.send(text)
        self.emit(Said('ended'))


class Forgetful(Handshake):
    """Waits for more than anyone should."""

    def steps(self):
        yield from self.read(10 * MAX_BUFFERED_BYTES, 'everything')


class Broken(Handshake):
    """Has a bug in its second step."""

    def steps(self):
        yield from self.read_u8('one byte')
        raise ZeroDivisionError


GOOD = b'ab' + b'\0\0\0\x03xyz'


def test_a_handshake_without_steps_cannot_be_made():
    with pytest.raises(NotImplementedError):
        Handshake(Side.BROWSER)


def test_begins_at_once():
    machine = Greeting(Side.BROWSER)
    assert machine.data_to_send() == b'hello'
    assert machine.step == 'two bytes'
    assert not machine.done


def test_gives_data_to_send_once():
    machine = Greeting(Side.BROWSER)
    machine.data_to_send()
    assert machine.data_to_send() == b''


def test_gives_events_once_and_oldest_first():
    machine = Greeting(Side.BROWSER)
    machine.receive_data(GOOD)
    assert list(map(str, machine.events())) == ['began', 'ended']
    assert machine.events() == []


def test_nothing_at_all_is_no_end():
    machine = Greeting(Side.BROWSER)
    machine.receive_data(b'')
    assert machine.step == 'two bytes'


def test_tells_whether_the_peer_has_said_anything():
    machine = Greeting(Side.BROWSER)
    machine.receive_data(b'')
    assert machine.heard is False
    machine.receive_data(b'a')
    assert machine.heard is True
    machine.receive_data(b'')
    assert machine.heard is True


def test_what_was_said_with_the_error_was_heard():
    machine = Greeting(Side.BROWSER)
    with pytest.raises(LimitExceeded):
        machine.receive_data(b'ab\xff\xff\xff\xff')
    assert machine.heard is True


def test_ends_with_the_last_byte_and_not_before():
    machine = Greeting(Side.BROWSER)
    for byte in byte_by_byte(GOOD[:-1]):
        machine.receive_data(byte)
        assert not machine.done
    machine.receive_data(GOOD[-1:])
    assert machine.done
    assert machine.step == ''


def test_hands_over_trailing_data_once():
    machine = Greeting(Side.BROWSER)
    machine.receive_data(GOOD + b'rest')
    assert machine.trailing_data() == b'rest'
    assert machine.trailing_data() == b''


def test_takes_no_data_after_the_end():
    machine = Greeting(Side.BROWSER)
    machine.receive_data(GOOD)
    with pytest.raises(LocalProtocolError, match='after the end'):
        machine.receive_data(b'x')
    assert machine.trailing_data() == b''
    assert machine.done


def test_closing_after_the_end_is_fine():
    machine = Greeting(Side.BROWSER)
    machine.receive_data(GOOD)
    machine.receive_eof()
    assert machine.done


def test_closing_before_the_end_names_the_field():
    machine = Greeting(Side.BROWSER)
    machine.receive_data(b'ab\0\0')
    with pytest.raises(PeerClosed) as caught:
        machine.receive_eof()
    error = caught.value
    assert error.side is Side.BROWSER
    assert error.step == 'length of text'
    assert (error.received, error.expected) == (2, 4)
    assert str(error) == ('browser side, length of text: peer closed while '
                          'we read this (2 of 4 bytes)')
    assert machine.data_to_send() == b'hello'


def test_takes_no_data_after_closing():
    machine = Greeting(Side.BROWSER)
    with pytest.raises(PeerClosed):
        machine.receive_eof()
    with pytest.raises(LocalProtocolError):
        machine.receive_data(GOOD)
    assert not machine.done


def test_takes_no_data_after_an_error():
    machine = Greeting(Side.BROWSER)
    with pytest.raises(LimitExceeded):
        machine.receive_data(b'ab\0\0\0\x06')
    with pytest.raises(LocalProtocolError):
        machine.receive_data(b'sixsix')
    assert not machine.done
    assert machine.data_to_send() == b'hello'


def test_a_length_above_the_limit_is_refused_before_its_bytes_come():
    machine = Greeting(Side.ENDPOINT)
    with pytest.raises(LimitExceeded) as caught:
        machine.receive_data(b'ab\0\0\0\x06')
    error = caught.value
    assert error.side is Side.ENDPOINT
    assert error.step == 'text'
    assert (error.length, error.limit) == (6, 5)


def test_a_length_of_the_limit_is_taken():
    outcome = play(Greeting(Side.BROWSER), [b'ab\0\0\0\x05five!'])
    assert outcome.end == 'done'
    assert outcome.sent == b'hellofive!'


def test_a_length_of_zero_waits_for_nothing():
    assert play(Greeting(Side.BROWSER), [b'ab\0\0\0\0']).end == 'done'


def test_a_step_without_a_limit_is_stopped_by_that_of_the_buffer():
    machine = Forgetful(Side.BROWSER)
    machine.receive_data(bytes(MAX_BUFFERED_BYTES))
    with pytest.raises(LimitExceeded) as caught:
        machine.receive_data(b'x')
    assert caught.value.step == 'everything'
    assert caught.value.length == MAX_BUFFERED_BYTES + 1
    with pytest.raises(LocalProtocolError):
        machine.receive_data(b'x')


def test_what_comes_after_the_end_has_no_limit_here():
    rest = bytes(2 * MAX_BUFFERED_BYTES)
    machine = Greeting(Side.BROWSER)
    machine.receive_data(GOOD + rest)
    assert machine.done
    assert machine.trailing_data() == rest


def test_a_bug_in_a_step_is_never_taken_for_success():
    machine = Broken(Side.BROWSER)
    with pytest.raises(ZeroDivisionError):
        machine.receive_data(b'x')
    with pytest.raises(LocalProtocolError):
        machine.receive_data(b'x')
    assert not machine.done
