# SPDX-License-Identifier: Apache-2.0
"""Security type Tight; what is said stands in transcripts *tight*."""

import pytest

from ironic_console.common.errors import (
    AuthenticationFailed,
    NoCommonSecurityType,
)
from ironic_console.common.rfb.client import ClientHandshake
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.server import ServerHandshake
from ironic_console.common.rfb.server_policy import ServerPolicy
from ironic_console.common.secret import Secret
from tests.helpers.pair import HandshakePair
from tests.helpers.play import Player, play, splits
from tests.helpers.properties import client_for, recorded
from tests.helpers.transcript import SERVER_INIT

HEARD = recorded(16)[0][0]


SECRET = Credential(Secret('password'))
#: what a client that knows only Tight says up to its choice inside
OPENING = b'RFB 003.008\n\x10'


def serving(*security_types: int) -> ServerHandshake:
    return ServerHandshake(SERVER_INIT, ServerPolicy(
        security_types, SECRET, lambda: bytes(range(16)), inside_tight=True))


@pytest.mark.parametrize('banner', [b'RFB 003.007\n', b'RFB 003.008\n'])
@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize(('offered', 'allowed'), [
    ((1,), (1,)), ((2,), (2,)), ((2, 1), (1,)), ((1, 2), (2, 1))])
def test_our_client_and_our_server_agree(offered, allowed, split, banner):
    pair = HandshakePair(ClientHandshake(allowed, SECRET), serving(*offered),
                         split, banner)
    pair.run()
    assert pair.client.error is None
    assert pair.server.error is None
    assert pair.client.machine.server_init == SERVER_INIT
    assert pair.client.machine.trailing_data() == b''


def test_offers_it_in_place_of_what_is_inside():
    player = Player(serving(2, 1))
    player.feed(OPENING)
    assert player.sent == (
        b'RFB 003.008\n\x01\x10' + bytes(4) + b'\0\0\0\x02'
        + b'\0\0\0\x02STDVVNCAUTH_' + b'\0\0\0\x01STDVNOAUTH__')


def test_none_alone_needs_no_list():
    player = Player(serving(1))
    player.feed(OPENING)
    assert player.sent.endswith(b'\x10' + bytes(4) + bytes(4) + bytes(4))


@pytest.mark.parametrize('chosen', [0, 1, 16, 129, 2 ** 32 - 1])
def test_what_is_not_offered_inside_is_not_to_be_had(chosen):
    player = Player(serving(2))
    player.feed(OPENING + chosen.to_bytes(4))
    assert isinstance(player.error, NoCommonSecurityType)
    assert player.error.offered == (chosen,)
    reason = player.error.public_reason.encode()
    assert player.sent.endswith(
        b'\0\0\0\x01' + len(reason).to_bytes(4) + reason)


def test_wrong_password_inside_is_refused():
    player = Player(serving(2))
    player.feed(OPENING + b'\0\0\0\x02' + bytes(16))
    assert isinstance(player.error, AuthenticationFailed)


def test_types_that_do_not_fit_inside_stand_beside_it():
    player = Player(serving(261, 2))
    assert player.sent == b'RFB 003.008\n'
    player.feed(b'RFB 003.008\n')
    assert player.sent == b'RFB 003.008\n\x02\x13\x10'


@pytest.mark.parametrize('cut', range(len(HEARD)))
def test_a_server_that_closes_at_any_byte_is_a_typed_error(cut):
    outcome = play(client_for(16), [HEARD[:cut]], close=True)
    assert outcome.end == 'PeerClosed'
    assert outcome.step


def test_codes_are_told_to_the_log_as_what_they_mean_inside():
    player = Player(client_for(16))
    player.feed(b'RFB 003.008\n\x01\x10' + bytes(4) + b'\0\0\0\x03'
                + b'\0\0\0\x81TGHTULGNAUTH' + b'\xff\xff\xff\xffXXXXXXXXXXXX'
                + b'\0\0\0\x02STDVVNCAUTH_')
    assert ('security types code 129, code -1, VNC_AUTH (2) inside Tight'
            in player.outcome().events)
