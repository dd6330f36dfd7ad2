# SPDX-License-Identifier: Apache-2.0
"""Security for tests: a type that authenticates with one byte, RSA keys
that are known, and randomness that is not random."""

from collections.abc import Generator
from typing import Any

import pytest
from Crypto.PublicKey import RSA

from ironic_console.common.errors import AuthenticationFailed
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.handshake import Handshake
from ironic_console.common.rfb.security import ra2
from ironic_console.common.rfb.security.base import SecurityType
from ironic_console.common.secret import Secret

ANSWER = b'\x2a'


class OneByte(SecurityType):
    """The client proves its right with one byte.

    :param answer: what our client says.
    """

    number = 200

    def __init__(self, answer: bytes = ANSWER) -> None:
        self._answer = answer

    def client_steps(self, handshake: Handshake,
                     ) -> Generator[None, None, bool]:
        handshake.send(self._answer)
        yield from ()
        return True

    def server_steps(self, handshake: Handshake,
                     ) -> Generator[None, None, bool]:
        answer = yield from handshake.read(1, 'one byte')
        if answer != ANSWER:
            raise AuthenticationFailed(handshake.side, 'one byte',
                                       'not 0x2a')
        return True


def credential(password: str = 'password', username: str = 'operator',
               ) -> Credential:
    return Credential(Secret(password), username)


#: For RA2: 1024 bits, quick and safe for nothing but tests.
_PRIMES = {
    'client': ('d22e3c97f19d6c8094b3794106fd4f41fafb29b8cf9a9db47097d8a59b4d'
               '979d0635951d70e9e82ee3be96d4145cd2defc6b0b9dd395e859103596e3'
               '6cd2c029',
               'd6ea713a12fd04f70fe70a3a96b504c988078d73eaf5b982d5823160fa2c'
               'a7a35901d0a2356ca20dc4aafb839270fed908bfdec17e717817e8135aae'
               'b4a4586d'),
    'server': ('c6de4fb38d1d0338404126c9f806fce8b3e267d0b4fc9d8f7fddda9cfeb0'
               '0fba1277853ef9239d700ba63cd0f86c0c15fbc7601127284f3b72b67c03'
               '72cecea7',
               'e4081fc26c25039f708478695a402db13c28ccc876d79350d1cdf4a9d772'
               '6c630b249d4b46bff208212004478282b01c3b6ae86b91304db7f9720f9a'
               '4a9b4b6b'),
}


def _make_key(p: int, q: int) -> Any:
    e = 65537
    return RSA.construct((p * q, e, pow(e, -1, (p - 1) * (q - 1)), p, q))


#: What stands in for ``ra2.own_key`` in tests.
KEYS = {role: _make_key(int(p, 16), int(q, 16))
        for role, (p, q) in _PRIMES.items()}


def no_random(size: int) -> bytes:
    """What stands in for the operating system's randomness: always 07."""
    return b'\x07' * size


@pytest.fixture(autouse=True)
def known_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every run of RA2 the same, wherever this is imported."""
    monkeypatch.setattr(ra2, 'own_key', KEYS.__getitem__)
    monkeypatch.setattr(ra2, '_random', no_random)
