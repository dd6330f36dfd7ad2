# SPDX-License-Identifier: Apache-2.0
"""Security type Tight; what is said stands in transcripts *tight*."""

import pytest

from ironic_console.common.errors import LocalProtocolError, Side
from ironic_console.common.rfb.handshake import Handshake
from ironic_console.common.rfb.security import REGISTRY
from ironic_console.common.rfb.server import ServerHandshake, ServerPolicy
from tests.helpers.play import Player, play
from tests.helpers.properties import client_for, recorded
from tests.helpers.transcript import SERVER_INIT

HEARD = recorded(16)[0][0]


def test_is_not_offered():
    with pytest.raises(ValueError, match='TIGHT'):
        ServerHandshake(SERVER_INIT, ServerPolicy((16,)))


def test_serving_it_all_the_same_is_a_bug_of_ours():
    class Serving(Handshake):
        def steps(self):
            return REGISTRY[16].server_steps(self)

    with pytest.raises(LocalProtocolError, match='do not offer Tight'):
        Serving(Side.BROWSER)


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
