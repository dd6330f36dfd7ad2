# SPDX-License-Identifier: Apache-2.0
"""Security type VncAuth; what is said stands in transcripts *_vnc_auth*."""

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.common.rfb.client import ClientHandshake
from ironic_console.common.rfb.security.vnc_auth import (
    check_password,
    password_of,
)
from ironic_console.common.rfb.server import ServerHandshake
from ironic_console.common.rfb.server_policy import ServerPolicy
from ironic_console.common.secret import Secret
from tests.helpers.play import Player, byte_by_byte, play, splits
from tests.helpers.security import credential
from tests.helpers.transcript import SERVER_INIT

CHALLENGE = bytes(range(16))
#: password -> response to that challenge; computed by another DES.
VECTORS = {
    'password': 'b866924125c8eebb9debc1db61c538e2',
    'abc': '9c22b4f2088c3465a1562c4b9d6edb04',
    # of 'calvin12extra', and of nothing
    'calvin12': 'c3cb01200c3bd3419132aa28ce24c983',
    '': '491e890de9ace932838a49792f2213f3',
}
PASSWORDS = [password for password in VECTORS if password]
TOLD = b'RFB 003.008\n\x01\x02' + CHALLENGE
SAID = b'RFB 003.008\n\x02'


@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize('password', PASSWORDS)
def test_our_client_answers_with_the_known_response(password, split):
    player = Player(ClientHandshake((2,), credential(password)))
    for piece in split(TOLD):
        player.feed(piece)
    assert player.sent == SAID + bytes.fromhex(VECTORS[password])


@pytest.mark.parametrize('answer', VECTORS)
@pytest.mark.parametrize('password', PASSWORDS)
def test_our_server_takes_the_known_response_and_no_other(password, answer):
    machine = ServerHandshake(SERVER_INIT, ServerPolicy(
        (2,), credential(password), lambda: CHALLENGE))
    outcome = play(machine, [SAID, bytes.fromhex(VECTORS[answer]), b'\x01'])
    assert outcome.end == ('done' if answer == password
                           else 'AuthenticationFailed')
    assert (SERVER_INIT.pack() in outcome.sent) == (answer == password)


def test_each_client_gets_another_challenge():
    challenges = set()
    for _ in range(5):
        player = Player(ServerHandshake(
            SERVER_INIT, ServerPolicy((2,), credential())))
        player.feed(SAID)
        challenges.add(player.sent[-16:])
    assert len(challenges) == 5


BAD = [
    ('', 'has 0 characters; VncAuth takes 1 to 8'),
    ('calvin12extra', 'has 13 characters; VncAuth takes 1 to 8'),
    ('\xe9' * 9, 'has 9 characters'),
    ('pass\u0416', 'not in latin-1'),
    ('pass\ud800', 'not in latin-1'),
]


@pytest.mark.parametrize(('password', 'says'), BAD)
def test_a_password_that_does_not_fit_is_refused_and_not_shown(password,
                                                               says):
    with pytest.raises(ConfigError) as caught:
        check_password(Secret(password))
    assert says in str(caught.value)
    assert not password or password not in str(caught.value)
    assert caught.value.__suppress_context__ or not caught.value.__context__


@pytest.mark.parametrize(('password', 'says'), BAD)
def test_nothing_is_made_of_a_password_that_does_not_fit(password, says):
    client = play(ClientHandshake((2,), credential(password)), [TOLD])
    assert client.end == 'ConfigError'
    assert client.sent == SAID
    server = play(ServerHandshake(SERVER_INIT, ServerPolicy(
        (2,), credential(password))), byte_by_byte(SAID))
    assert server.end == 'ConfigError'
    assert server.sent == b'RFB 003.008\n\x01\x02'


def test_latin_1_is_taken():
    assert check_password(Secret('p\xe4\xdf\xff')) == b'p\xe4\xdf\xff'


def test_a_password_is_needed():
    assert password_of(credential('x')) == Secret('x')
    with pytest.raises(ConfigError, match='none in console_endpoint_secret'):
        password_of(None)
