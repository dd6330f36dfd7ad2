# SPDX-License-Identifier: Apache-2.0
"""The machine below both handshakes: feeding, ending, failing."""

import pytest

from ironic_console.common.errors import (
    LimitExceeded,
    LocalProtocolError,
    PeerClosed,
    RemoteProtocolError,
    Side,
)
from ironic_console.common.rfb.handshake import (
    MAX_BUFFERED_BYTES,
    Handshake,
    Said,
    StartTLS,
)
from tests.helpers.play import TLS, byte_by_byte, play, splits


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


class Careful(Handshake):
    """Reads a byte, begins TLS, and reads another."""

    def steps(self):
        yield from self.read_u8('first byte')
        yield from self.start_tls(anonymous=False)
        self.send(b'inside')
        byte = yield from self.read_u8('second byte')
        if byte == 0:
            raise RemoteProtocolError(self.side, 'second byte', 'is 0')


class Xor:
    """A cipher that is none: 0x20 on every byte; '!' is not from the
    peer."""

    def __init__(self):
        self._pending = b''

    def encrypt(self, data):
        return bytes(byte ^ 0x20 for byte in data)

    def decrypt(self, data):
        self._pending += data
        if self._pending.startswith(b'!'):
            raise ValueError('not mine')
        good, bad, rest = self._pending.partition(b'!')
        self._pending = bad + rest
        return self.encrypt(good)


class Secretive(Handshake):
    """Reads a byte, goes on in a cipher, and reads two more fields."""

    def steps(self):
        yield from self.read_u8('clear byte')
        self.send(b'clear')
        self.start_cipher(Xor())
        self.send(b'HIDDEN')
        yield from self.read(2, 'two bytes')
        yield from self.read_u16('two more')


class Expectant(Handshake):
    """Knows what it means when the peer hangs up."""

    def steps(self):
        self.eof_means = LimitExceeded(self.side, 'reason', 2, 1)
        yield from self.read(1, 'reason')


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


# -- TLS ----------------------------------------------------------------------

def test_tls_is_an_event_and_a_pause():
    machine = Careful(Side.ENDPOINT)
    assert machine.wants_tls is None
    machine.receive_data(b'x')
    assert machine.wants_tls == StartTLS(anonymous=False)
    assert machine.events() == [StartTLS(anonymous=False)]
    assert machine.data_to_send() == b''
    assert machine.step == 'StartTLS'
    machine.tls_started()
    assert machine.wants_tls is None
    assert machine.data_to_send() == b'inside'
    machine.receive_data(b'y')
    assert machine.done


@pytest.mark.parametrize(('anonymous', 'text'),
                         [(False, 'TLS'), (True, 'anonymous TLS')])
def test_tls_is_told_to_the_log(anonymous, text):
    assert str(StartTLS(anonymous)) == text


def test_nothing_is_no_plain_text():
    machine = Careful(Side.ENDPOINT)
    machine.receive_data(b'x')
    machine.receive_data(b'')
    machine.tls_started()
    machine.receive_data(b'y')
    assert machine.done


@pytest.mark.parametrize('split', splits())
def test_plain_text_before_tls_is_refused_in_every_split(split):
    outcome = play(Careful(Side.ENDPOINT), split(b'xy'))
    assert outcome.end == 'RemoteProtocolError'
    assert outcome.step == 'StartTLS'
    assert outcome.sent == b''
    assert outcome.events == ('TLS',)


def test_plain_text_that_arrives_after_the_pause_began_is_refused():
    machine = Careful(Side.ENDPOINT)
    machine.receive_data(b'x')
    with pytest.raises(RemoteProtocolError, match='plain text where TLS'):
        machine.receive_data(b'y')
    with pytest.raises(LocalProtocolError):
        machine.receive_data(b'y')


def test_after_plain_text_there_is_no_way_into_tls():
    machine = Careful(Side.ENDPOINT)
    machine.receive_data(b'x')
    with pytest.raises(RemoteProtocolError):
        machine.receive_data(b'y')
    with pytest.raises(LocalProtocolError, match='TLS was not asked for'):
        machine.tls_started()
    assert not machine.done
    assert machine.data_to_send() == b''


@pytest.mark.parametrize('said', [b'', b'xTLSy'])
def test_tls_that_nobody_asked_for_is_a_bug_of_ours(said):
    machine = Careful(Side.ENDPOINT)
    play(machine, [said[:1], TLS, said[4:]])
    with pytest.raises(LocalProtocolError, match='TLS was not asked for'):
        machine.tls_started()


def test_closing_before_tls_names_the_pause():
    machine = Careful(Side.ENDPOINT)
    machine.receive_data(b'x')
    with pytest.raises(PeerClosed) as caught:
        machine.receive_eof()
    assert caught.value.step == 'StartTLS'
    assert caught.value.expected == 0
    with pytest.raises(LocalProtocolError):
        machine.tls_started()


def test_an_error_inside_tls_is_an_error():
    outcome = play(Careful(Side.ENDPOINT), [b'x', TLS, b'\0'])
    assert (outcome.end, outcome.text) == (
        'RemoteProtocolError', 'endpoint side, second byte: is 0')


# -- ciphers ------------------------------------------------------------------

def hidden(data: bytes) -> bytes:
    return Xor().encrypt(data)


@pytest.mark.parametrize('split', splits())
def test_all_that_follows_passes_the_cipher(split):
    machine = Secretive(Side.ENDPOINT)
    outcome = play(machine, split(b'x' + hidden(b'abcdefg')))
    assert outcome.end == 'done'
    assert outcome.sent == b'clear' + hidden(b'HIDDEN')
    assert outcome.trailing == b'efg'
    assert machine.cipher


@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize(('good', 'step'), [
    (b'', 'two bytes'), (b'a', 'two bytes'), (b'ab', 'two more'),
    (b'abc', 'two more')])
def test_what_is_not_from_the_peer_is_refused_behind_what_is(good, step,
                                                             split):
    outcome = play(Secretive(Side.ENDPOINT),
                   split(b'x' + hidden(good) + b'!' + hidden(b'more')))
    assert outcome.end == 'RemoteProtocolError'
    assert outcome.text == (f'endpoint side, {step}: not decipherable: '
                            'not mine')


@pytest.mark.parametrize('split', splits())
def test_what_is_not_from_the_peer_after_the_end_is_for_the_caller(split):
    outcome = play(Secretive(Side.ENDPOINT),
                   split(b'x' + hidden(b'abcdef') + b'!'))
    assert outcome.end == 'done'
    assert outcome.trailing == b'ef'


def test_takes_no_data_after_what_is_not_from_the_peer():
    machine = Secretive(Side.ENDPOINT)
    with pytest.raises(RemoteProtocolError):
        machine.receive_data(b'x!')
    with pytest.raises(LocalProtocolError):
        machine.receive_data(b'x')
    assert not machine.done


# -- hanging up ---------------------------------------------------------------

def test_a_step_may_know_what_closing_means():
    machine = Expectant(Side.ENDPOINT)
    with pytest.raises(LimitExceeded, match='length 2'):
        machine.receive_eof()
    with pytest.raises(LocalProtocolError):
        machine.receive_data(b'x')
