# SPDX-License-Identifier: Apache-2.0
"""Security types RA2: RSA for the keys, AES for what follows. rfbproto
"RSA-AES", in four forms.

RA2 and RA2_256 encrypt the whole connection, RA2ne and RA2ne_256 the
credentials only. The server's key is believed as it comes: this keeps
listeners out, not an impostor. To pin one, compare what ``_read_key`` gives.

Beside ``vnc_auth`` only this and ``aes_eax`` import pycryptodome; of the
pure modules only this imports ``threading``, for one lock.
"""

import functools
import hashlib
import hmac
import secrets
import struct
import threading
from collections.abc import Generator
from typing import Any

from Crypto.Cipher import PKCS1_v1_5
from Crypto.PublicKey import RSA

from ironic_console.common.errors import (
    AuthenticationFailed,
    ConfigError,
    LimitExceeded,
    RemoteProtocolError,
)
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import texts_of
from ironic_console.common.rfb.handshake import Handshake, Said
from ironic_console.common.rfb.security.aes_eax import MAC_BYTES, FrameCipher
from ironic_console.common.rfb.security.base import (
    ClientRole,
    SecurityType,
    ServerRole,
    Steps,
)

# Shorter ones protect nothing; longer ones cost us minutes. TigerVNC has the
# same limits.
_MIN_KEY_BITS, _MAX_KEY_BITS = 1024, 8192
_OUR_KEY_BITS = 2048
# Their lengths are u8.
_MAX_TEXT_BYTES = 255
_NAME_AND_PASSWORD, _PASSWORD = 1, 2

_random = secrets.token_bytes
_one_at_a_time = threading.Lock()


def own_key(role: str) -> Any:
    """The RSA key of this process; the first call takes up to a second.

    :param role: 'client' or 'server': what one side says can never be given
        back to the other.
    """
    # Many connections may come at once when a process has just begun.
    with _one_at_a_time:
        return _make_key(role)


@functools.cache
def _make_key(role: str) -> Any:
    return RSA.generate(_OUR_KEY_BITS)


class Ra2Security(SecurityType):
    """Keys, randoms, hashes of the keys, then the credentials.

    :param number: on the wire.
    :param key_bytes: of AES: 16 with SHA-1 or 32 with SHA-256.
    :param encrypts_all: what comes after the credentials, too.
    """

    def __init__(self, number: int, key_bytes: int, encrypts_all: bool,
                 ) -> None:
        self.number = number
        self._key_bytes = key_bytes
        self._digest = {16: hashlib.sha1, 32: hashlib.sha256}[key_bytes]
        self._encrypts_all = encrypts_all

    # -- client --------------------------------------------------------------

    def client_steps(self, handshake: ClientRole) -> Steps:
        username, password = texts_of(handshake.credential, _MAX_TEXT_BYTES)
        own = own_key('client')
        client_public = _pack_key(own)
        server_public, server_key = yield from _read_key(handshake)
        handshake.send(client_public)
        server_random = yield from self._read_random(handshake, own)
        client_random = _random(self._key_bytes)
        handshake.send(_pack_random(server_key, client_random))
        cipher = FrameCipher(self._hash(server_random + client_random),
                             self._hash(client_random + server_random))
        yield from self._check_hash(handshake, cipher,
                                    server_public + client_public)
        handshake.send(cipher.seal(self._digest(
            client_public + server_public).digest()))
        wanted = (yield from _read_frame(handshake, cipher, 'RA2 sub-type',
                                         1, 1))[0]
        if wanted == _PASSWORD:
            username = b''
        elif wanted != _NAME_AND_PASSWORD:
            raise RemoteProtocolError(
                handshake.side, 'RA2 sub-type',
                f'server asks for {wanted}, not for user name and password '
                '(1) or password (2)')
        elif not username:
            raise ConfigError('the server asks for a user name, but there is '
                              'none in console_endpoint_secret')
        handshake.send(cipher.seal(b''.join((
            bytes((len(username),)), username,
            bytes((len(password),)), password))))
        self._go_on(handshake, cipher)
        return True

    # -- server --------------------------------------------------------------

    def server_steps(self, handshake: ServerRole) -> Steps:
        known, expected = texts_of(handshake.policy.credential,
                                   _MAX_TEXT_BYTES)
        own = own_key('server')
        server_public = _pack_key(own)
        handshake.send(server_public)
        client_public, client_key = yield from _read_key(handshake)
        server_random = _random(self._key_bytes)
        handshake.send(_pack_random(client_key, server_random))
        client_random = yield from self._read_random(handshake, own)
        cipher = FrameCipher(self._hash(client_random + server_random),
                             self._hash(server_random + client_random))
        handshake.send(cipher.seal(self._digest(
            server_public + client_public).digest()))
        yield from self._check_hash(handshake, cipher,
                                    client_public + server_public)
        wanted = _NAME_AND_PASSWORD if known else _PASSWORD
        handshake.send(cipher.seal(bytes((wanted,))))
        username, password = yield from _read_credentials(handshake, cipher)
        # The SecurityResult is encrypted too, whatever it says.
        self._go_on(handshake, cipher)
        right = hmac.compare_digest(password, expected)
        right &= wanted == _PASSWORD or hmac.compare_digest(username, known)
        if not right:
            raise AuthenticationFailed(handshake.side, 'RA2 credentials',
                                       'wrong user name or password')
        return True

    # -- both ----------------------------------------------------------------

    def _hash(self, data: bytes) -> bytes:
        """A session key."""
        return self._digest(data).digest()[:self._key_bytes]

    def _read_random(self, handshake: Handshake, own: Any,
                     ) -> Generator[None, None, bytes]:
        size = own.size_in_bytes()
        data = yield from _read_sized(handshake, 'RA2 random', size, size)
        # Padding that is wrong gives a random that only we can know, so that
        # nobody can ask us about paddings (Bleichenbacher). The MACs are
        # wrong then.
        instead = hmac.digest(own.d.to_bytes(size), data, 'sha256')
        try:
            plain: bytes = PKCS1_v1_5.new(own).decrypt(
                data, instead[:self._key_bytes], self._key_bytes)
        except ValueError as exc:
            raise RemoteProtocolError(handshake.side, 'RA2 random',
                                      'not made with our key') from exc
        return plain

    def _check_hash(self, handshake: Handshake, cipher: FrameCipher,
                    keys: bytes) -> Generator[None, None, None]:
        expected = self._digest(keys).digest()
        told = yield from _read_frame(handshake, cipher, 'RA2 hash of keys',
                                      len(expected), len(expected))
        if not hmac.compare_digest(told, expected):
            raise RemoteProtocolError(
                handshake.side, 'RA2 hash of keys',
                'the peer has seen other keys: somebody is in between')

    def _go_on(self, handshake: Handshake, cipher: FrameCipher) -> None:
        if self._encrypts_all:
            handshake.start_cipher(cipher)
            handshake.emit(Said(f'AES-{8 * self._key_bytes} from here on'))


def _pack_key(key: Any) -> bytes:
    """u32 bits, modulus, exponent."""
    size = key.size_in_bytes()
    return b''.join((struct.pack('>I', key.size_in_bits()),
                     key.n.to_bytes(size), key.e.to_bytes(size)))


def _read_key(handshake: Handshake,
              ) -> Generator[None, None, tuple[bytes, Any]]:
    """:returns: the peer's key as it came, and ready for use."""
    bits = yield from handshake.read_u32('bits of RA2 key')
    if bits > _MAX_KEY_BITS:
        raise LimitExceeded(handshake.side, 'RA2 key', bits, _MAX_KEY_BITS)
    if bits < _MIN_KEY_BITS:
        raise RemoteProtocolError(
            handshake.side, 'RA2 key',
            f'{bits} bits protect nothing; {_MIN_KEY_BITS} are the least')
    size = (bits + 7) // 8
    data = yield from handshake.read(2 * size, 'RA2 key')
    try:
        key = RSA.construct((int.from_bytes(data[:size]),
                             int.from_bytes(data[size:])))
    except ValueError as exc:
        raise RemoteProtocolError(handshake.side, 'RA2 key',
                                  'not an RSA key') from exc
    if key.size_in_bytes() != size:
        raise RemoteProtocolError(
            handshake.side, 'RA2 key',
            f'{key.size_in_bits()} bits, announced were {bits}')
    return struct.pack('>I', bits) + data, key


def _pack_random(key: Any, random: bytes) -> bytes:
    data: bytes = PKCS1_v1_5.new(key, randfunc=_random).encrypt(random)
    return struct.pack('>H', len(data)) + data


def _read_sized(handshake: Handshake, what: str, least: int, most: int,
                overhead: int = 0) -> Generator[None, None, bytes]:
    """Read a u16 length that we know in advance, and what it announces."""
    size = yield from handshake.read_u16(f'length of {what}')
    if not least <= size <= most:
        raise RemoteProtocolError(
            handshake.side, what,
            f'length {size}, expected was {least}'
            + (f' to {most}' if most > least else ''))
    return (yield from handshake.read(size + overhead, what))


def _read_frame(handshake: Handshake, cipher: FrameCipher, what: str,
                least: int, most: int) -> Generator[None, None, bytes]:
    sealed = yield from _read_sized(handshake, what, least, most, MAC_BYTES)
    try:
        return cipher.open(struct.pack('>H', len(sealed) - MAC_BYTES), sealed)
    except ValueError as exc:
        raise RemoteProtocolError(handshake.side, what,
                                  f'not decipherable: {exc}') from exc


def _read_credentials(handshake: Handshake, cipher: FrameCipher,
                      ) -> Generator[None, None, tuple[bytes, bytes]]:
    what = 'RA2 credentials'
    data = yield from _read_frame(handshake, cipher, what, 2,
                                  2 + 2 * _MAX_TEXT_BYTES)
    username, rest = data[1:1 + data[0]], data[1 + data[0]:]
    if not rest or rest[0] != len(rest) - 1:
        raise RemoteProtocolError(handshake.side, what,
                                  'lengths do not add up')
    return username, rest[1:]


RA2_TYPES = (
    Ra2Security(SecurityNumber.RA2_256, 32, True),
    Ra2Security(SecurityNumber.RA2, 16, True),
    Ra2Security(SecurityNumber.RA2NE_256, 32, False),
    Ra2Security(SecurityNumber.RA2NE, 16, False),
)
