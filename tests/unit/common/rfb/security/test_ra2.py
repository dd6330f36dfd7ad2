# SPDX-License-Identifier: Apache-2.0
"""Security types RA2: our client and our server against peers written for
these tests. A session of noVNC's stands in transcripts *ra2ne_novnc*."""

import concurrent.futures
import hashlib

import pytest

from ironic_console.common.errors import (
    AuthenticationFailed,
    ConfigError,
    LimitExceeded,
    RemoteProtocolError,
)
from ironic_console.common.rfb.security import REGISTRY, ra2
from tests.helpers import eax
from tests.helpers.pair import HandshakePair
from tests.helpers.play import Player, play, splits
from tests.helpers.properties import client_for, recorded, server_for
from tests.helpers.security import KEYS, credential
from tests.helpers.transcript import SERVER_INIT

own_key = ra2.own_key       # before the tests know the keys
BANNER = b'RFB 003.008\n'
#: number -> bytes of a session key, hash, is all encrypted?
FORMS = {129: (32, hashlib.sha256, True), 5: (16, hashlib.sha1, True),
         130: (32, hashlib.sha256, False), 6: (16, hashlib.sha1, False)}
NUMBERS = pytest.mark.parametrize('number', FORMS)


def public(role, bits=1024):
    key = KEYS[role]
    size = (bits + 7) // 8
    return (bits.to_bytes(4) + int(key.n).to_bytes(size)
            + int(key.e).to_bytes(size))


class Peer:
    """Speaks the other part of RA2, wrongly if it is told to.

    :param player: plays our part.
    :param role: the peer's.
    """

    def __init__(self, player, number, role):
        self.player = player
        self.size, self.digest, self.all = FORMS[number]
        self.key, self.public = KEYS[role], public(role)
        self.other = {'client': 'server', 'server': 'client'}[role]
        self.random = bytes(range(self.size))
        self._heard = 0
        self._counts = [0, 0]

    def hear(self, size):
        """:returns: the next that our part has said."""
        data = self.player.sent[self._heard:self._heard + size]
        self._heard += size
        assert len(data) == size
        return data

    def silent(self):
        return self._heard == len(self.player.sent)

    def say(self, data):
        self.player.feed(data)

    def take_key(self):
        assert self.hear(260) == public(self.other)

    def say_random(self):
        theirs = KEYS[self.other]
        self.say(b'\0\x80' + eax.rsa_encrypt(
            int(theirs.n), int(theirs.e), self.random))

    def take_random(self):
        """Now session keys are known."""
        assert self.hear(2) == b'\0\x80'
        theirs = eax.rsa_decrypt(int(self.key.n), int(self.key.d),
                                 self.hear(128))
        assert theirs == b'\x07' * self.size
        # Of the server first, in the client's key; and the other way round.
        self.my_key = self.digest(theirs + self.random).digest()[:self.size]
        self.their_key = self.digest(
            self.random + theirs).digest()[:self.size]

    def seal(self, data):
        self._counts[0] += 1
        return eax.frame(self.my_key, self._counts[0] - 1, data)

    def take_frame(self, size):
        self._counts[1] += 1
        return eax.unframe(self.their_key, self._counts[1] - 1,
                           self.hear(size + 18))

    def my_hash(self):
        return self.digest(self.public + public(self.other)).digest()

    def take_hash(self):
        data = self.digest(public(self.other) + self.public).digest()
        assert self.take_frame(len(data)) == data

    def later(self, data):
        return self.seal(data) if self.all else data


def server_for_our_client(number, known=None):
    """:returns: a peer whose client is ours, as far as the keys."""
    player = Player(client_for(number, known or credential()))
    peer = Peer(player, number, 'server')
    peer.say(BANNER + bytes([1, number]))
    assert peer.hear(13) == BANNER + bytes([number])
    return peer


def server_with_session_keys(number, known=None):
    peer = server_for_our_client(number, known)
    peer.say(peer.public)
    peer.take_key()
    peer.say_random()
    peer.take_random()
    return peer


def server_that_asks(number, subtype, known=None):
    peer = server_with_session_keys(number, known)
    assert peer.silent()
    peer.say(peer.seal(peer.my_hash()))
    peer.take_hash()
    peer.say(peer.seal(bytes([subtype])))
    return peer


def client_for_our_server(number, known=None):
    """:returns: a peer whose server is ours, as far as the keys."""
    player = Player(server_for(number, known or credential()))
    peer = Peer(player, number, 'client')
    peer.say(BANNER + bytes([number]))
    assert peer.hear(14) == BANNER + bytes([1, number])
    peer.take_key()
    return peer


def client_with_session_keys(number, known=None):
    peer = client_for_our_server(number, known)
    peer.say(peer.public)
    peer.say_random()
    # What we heard of it came before what we said.
    peer.take_random()
    return peer


def client_that_is_asked(number, known=None):
    peer = client_with_session_keys(number, known)
    peer.take_hash()
    peer.say(peer.seal(peer.my_hash()))
    return peer


def fails(peer, step, says, kind=RemoteProtocolError):
    error = peer.player.error
    assert type(error) is kind, error
    assert getattr(error, 'step', '') == step
    assert says in str(error)
    assert not peer.player.machine.done
    assert SERVER_INIT.pack() not in peer.player.sent
    return True


# -- what is said -------------------------------------------------------------

@NUMBERS
def test_our_client_gives_user_name_and_password(number):
    peer = server_that_asks(number, 1)
    assert peer.take_frame(18) == b'\x08operator\x08password'
    peer.say(peer.later(bytes(4)))
    shared = peer.take_frame(1) if peer.all else peer.hear(1)
    assert shared == b'\x01'
    peer.say(peer.later(SERVER_INIT.pack()) + peer.later(b'next'))
    outcome = peer.player.outcome()
    assert outcome.end == 'done'
    assert outcome.trailing == b'next'
    assert (f'AES-{8 * peer.size} from here on'
            in outcome.events) == peer.all
    assert peer.silent()


@NUMBERS
def test_our_client_gives_a_password_alone(number):
    peer = server_that_asks(number, 2)
    assert peer.take_frame(10) == b'\0\x08password'


@NUMBERS
def test_our_client_reads_a_failure(number):
    peer = server_that_asks(number, 1)
    peer.say(peer.later(b'\0\0\0\x01') + peer.later(b'\0\0\0\x02no'))
    assert isinstance(peer.player.error, AuthenticationFailed)
    assert peer.player.error.reason == 'no'


@NUMBERS
def test_our_server_takes_user_name_and_password(number):
    peer = client_that_is_asked(number)
    assert peer.take_frame(1) == b'\x01'
    peer.say(peer.seal(b'\x08operator\x08password'))
    assert (peer.take_frame(4) if peer.all else peer.hear(4)) == bytes(4)
    peer.say(peer.later(b'\0'))
    init = SERVER_INIT.pack()
    assert (peer.take_frame(len(init)) if peer.all
            else peer.hear(len(init))) == init
    assert peer.player.machine.done
    assert peer.player.machine.shared is False


@NUMBERS
def test_our_server_without_user_name_asks_for_a_password_alone(number):
    peer = client_that_is_asked(number, credential(username=''))
    assert peer.take_frame(1) == b'\x02'
    # The name is nobody's business then.
    peer.say(peer.seal(b'\x05guest\x08password'))
    assert (peer.take_frame(4) if peer.all else peer.hear(4)) == bytes(4)


@NUMBERS
@pytest.mark.parametrize('told', [
    b'\x08operator\x08passwort', b'\x08operatox\x08password',
    b'\0\x08password', b'\x08operator\0', b'\0\0',
    b'\xff' + b'o' * 255 + b'\xff' + b'p' * 255])
def test_our_server_refuses_wrong_credentials_in_the_cipher(number, told):
    peer = client_that_is_asked(number)
    peer.take_frame(1)
    peer.say(peer.seal(told))
    assert (peer.take_frame(4) if peer.all else peer.hear(4)) == (
        b'\0\0\0\x01')
    assert fails(peer, 'RA2 credentials', 'wrong user name or password',
                 AuthenticationFailed)


@NUMBERS
@pytest.mark.parametrize('told', [
    b'\x08operator', b'\x08operator\x09password', b'\x08operator\x07password',
    b'\xff\x08password', b'\x08operator\0' + b'p' * 256])
def test_our_server_refuses_lengths_that_do_not_add_up(number, told):
    peer = client_that_is_asked(number)
    peer.say(peer.seal(told))
    assert fails(peer, 'RA2 credentials', 'lengths do not add up')


# -- in any split -------------------------------------------------------------

@pytest.mark.parametrize('split', splits())
@NUMBERS
def test_both_take_the_same_course_in_any_split(number, split):
    for make, heard in zip((client_for, server_for), recorded(number),
                           strict=True):
        whole = play(make(number), heard)
        assert whole.end == 'done'
        assert play(make(number), split(heard[0])) == whole
        behind = heard[0] + b'\0\x01' + bytes(17) + b'more'
        assert play(make(number), split(behind)).end == 'done'


@NUMBERS
def test_a_peer_that_closes_at_any_byte_is_a_typed_error(number):
    for make, heard in zip((client_for, server_for), recorded(number),
                           strict=True):
        for cut in range(0, len(heard[0]), 7):
            outcome = play(make(number), [heard[0][:cut]], True)
            assert outcome.end == 'PeerClosed'
            assert outcome.step


# -- keys ---------------------------------------------------------------------

@pytest.mark.parametrize('peer_of', [server_for_our_client,
                                     client_for_our_server])
@pytest.mark.parametrize(('bits', 'kind', 'says'), [
    (8193, LimitExceeded, 'length 8193 is above the limit of 8192'),
    (2**32 - 1, LimitExceeded, 'above the limit'),
    (1023, RemoteProtocolError, '1023 bits protect nothing'),
    (512, RemoteProtocolError, '1024 are the least'),
    (0, RemoteProtocolError, '0 bits protect nothing')])
def test_a_key_length_is_refused_before_its_key_comes(peer_of, bits, kind,
                                                      says):
    peer = peer_of(5)
    peer.say(bits.to_bytes(4))
    assert fails(peer, 'RA2 key', says, kind)


@pytest.mark.parametrize('peer_of', [server_for_our_client,
                                     client_for_our_server])
@pytest.mark.parametrize(('n', 'e', 'says'), [
    (0, 65537, 'not an RSA key'),
    (2**1023 + 2, 65537, 'not an RSA key'),
    (KEYS['server'].n, 0, 'not an RSA key'),
    (KEYS['server'].n, 1, 'not an RSA key'),
    (KEYS['server'].n, KEYS['server'].n, 'not an RSA key'),
    (KEYS['server'].n, KEYS['server'].p, 'not an RSA key'),
    (KEYS['server'].p, 65537, '512 bits, announced were 1024'),
])
def test_a_key_that_is_none_is_refused(peer_of, n, e, says):
    peer = peer_of(5)
    peer.say(b'\0\0\x04\0' + int(n).to_bytes(128) + int(e).to_bytes(128))
    assert fails(peer, 'RA2 key', says)


def test_the_longest_key_is_taken():
    # Not a good one, but nobody can know that.
    peer = server_for_our_client(5)
    peer.say(b'\0\0\x20\0' + (2**8192 - 3).to_bytes(1024)
             + (65537).to_bytes(1024))
    assert peer.player.error is None
    peer.take_key()
    peer.say_random()
    assert peer.hear(2) == b'\x04\0'
    assert len(peer.hear(1024)) == 1024


@pytest.mark.parametrize('role', ['client', 'server'])
def test_a_key_of_our_own_is_made_once_for_all_threads(role):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(own_key, [role] * 8))
    assert all(key is keys[0] for key in keys)
    assert keys[0].size_in_bits() == 2048
    assert keys[0].has_private()


def test_the_two_roles_have_different_keys():
    assert own_key('client') != own_key('server')


# -- randoms and hashes -------------------------------------------------------

@pytest.mark.parametrize('length', [0, 127, 129, 65535])
@NUMBERS
def test_a_random_of_another_length_is_refused(number, length):
    peer = server_for_our_client(number)
    peer.say(peer.public)
    peer.say(length.to_bytes(2))
    assert fails(peer, 'RA2 random',
                 f'length {length}, expected was 128')


def test_a_random_that_our_key_cannot_have_made_is_refused():
    peer = server_for_our_client(5)
    peer.say(peer.public)
    peer.say(b'\0\x80' + b'\xff' * 128)
    assert fails(peer, 'RA2 random', 'not made with our key')


@NUMBERS
@pytest.mark.parametrize('size', [0, 1, 15, 17, 31, 33, 100])
def test_a_random_of_another_size_inside_is_found_out_by_the_macs(number,
                                                                  size):
    # Just like wrong padding: the peer learns nothing about either.
    peer = server_for_our_client(number)
    peer.random = bytes(range(size))
    peer.say(peer.public)
    peer.take_key()
    peer.say_random()
    peer.take_random()
    assert peer.player.error is None
    peer.say(peer.seal(peer.my_hash()))
    assert fails(peer, 'RA2 hash of keys', 'not decipherable')


@NUMBERS
@pytest.mark.parametrize('peer_of', [server_with_session_keys,
                                     client_with_session_keys])
def test_a_hash_of_other_keys_is_refused(peer_of, number):
    peer = peer_of(number)
    peer.say(peer.seal(bytes(len(peer.my_hash()))))
    assert fails(peer, 'RA2 hash of keys', 'somebody is in between')


@NUMBERS
def test_our_own_hash_said_back_is_refused(number):
    peer = client_with_session_keys(number)
    size = 18 + len(peer.my_hash())
    peer.say(peer.hear(size))
    assert fails(peer, 'RA2 hash of keys', 'not decipherable')


@NUMBERS
def test_a_hash_of_the_other_form_is_refused_by_its_length(number):
    peer = server_with_session_keys(number)
    other = {20: 32, 32: 20}[len(peer.my_hash())]
    peer.say(other.to_bytes(2))
    assert fails(peer, 'RA2 hash of keys', f'length {other}, expected was')


# -- credentials --------------------------------------------------------------

@pytest.mark.parametrize('subtype', [0, 3, 255])
def test_a_server_that_asks_for_something_else_gets_nothing(subtype):
    peer = server_that_asks(5, subtype)
    assert fails(peer, 'RA2 sub-type', f'server asks for {subtype}')
    assert peer.silent()


def test_a_server_that_asks_for_a_user_name_needs_one():
    peer = server_that_asks(5, 1, credential(username=''))
    assert fails(peer, '', 'none in console_endpoint_secret', ConfigError)
    assert peer.silent()


@pytest.mark.parametrize('length', [0, 2, 65535])
def test_a_sub_type_is_one_byte(length):
    peer = server_with_session_keys(5)
    peer.say(peer.seal(peer.my_hash()) + length.to_bytes(2))
    assert fails(peer, 'RA2 sub-type', f'length {length}, expected was 1')


@pytest.mark.parametrize('length', [0, 1, 513, 65535])
def test_credentials_of_impossible_length_are_refused_at_once(length):
    peer = client_that_is_asked(5)
    peer.say(length.to_bytes(2))
    assert fails(peer, 'RA2 credentials',
                 f'length {length}, expected was 2 to 512')


@NUMBERS
@pytest.mark.parametrize('known', [
    None, credential('p' * 256), credential('\xe4' * 128), credential(''),
    credential('p', 'u' * 256), credential('p\ud800')], ids=repr)
def test_a_credential_that_does_not_fit_is_told_before_anything_is(number,
                                                                   known):
    client = play(client_for(number, known),
                  [BANNER + bytes([1, number]) + public('server')])
    assert client.end == 'ConfigError'
    assert client.sent == BANNER + bytes([number])
    server = play(server_for(number, known), [BANNER + bytes([number])])
    assert server.end == 'ConfigError'
    assert server.sent == BANNER + bytes([1, number])


@NUMBERS
def test_255_bytes_of_each_fit(number):
    known = credential('p' * 255, 'u' * 255)
    pair = HandshakePair(client_for(number, known), server_for(number, known))
    pair.run()
    assert pair.client.machine.done


# -- behind it ----------------------------------------------------------------

@pytest.mark.parametrize('number', [5, 129])
def test_a_result_in_clear_text_does_not_count(number):
    peer = server_that_asks(number, 1)
    peer.take_frame(18)
    peer.say(bytes(4) + bytes(14))
    assert fails(peer, 'SecurityResult', 'not decipherable')
    assert peer.silent()


@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize('number', [5, 129])
def test_what_comes_with_the_credentials_is_in_the_cipher_too(number, split):
    peer = client_that_is_asked(number)
    told = peer.seal(b'\x08operator\x08password') + bytes(18)
    for piece in split(told):
        peer.say(piece)
    assert fails(peer, 'ClientInit', 'not decipherable')


def test_the_four_are_registered():
    assert {number for number, kind in REGISTRY.items()
            if isinstance(kind, ra2.Ra2Security)} == set(FORMS)
