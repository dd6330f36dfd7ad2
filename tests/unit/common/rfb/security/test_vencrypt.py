# SPDX-License-Identifier: Apache-2.0
"""Security type VeNCrypt; what is said stands in transcripts."""

import pytest

from ironic_console.common.errors import (
    NoCommonSecurityType,
    RemoteProtocolError,
)
from tests.helpers.play import Player, play, splits, spoken
from tests.helpers.properties import (
    OUR_TYPES,
    client_for,
    recorded,
    server_for,
)

IN_TLS = [number for number in OUR_TYPES if number > 256]
BANNER = b'RFB 003.008\n'


@pytest.mark.parametrize('number', IN_TLS)
def test_tls_is_anonymous_for_the_sub_types_that_say_so(number):
    heard, _ = recorded(number)
    player = Player(client_for(number))
    player.feed(heard[0])
    assert player.machine.wants_tls.anonymous is (
        number.name.startswith('TLS'))


@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize('number', IN_TLS)
def test_what_comes_before_tls_is_never_taken_for_inside(number, split):
    for machine, heard in zip((client_for(number), server_for(number)),
                              recorded(number), strict=True):
        outcome = play(machine, split(b''.join(heard)))
        assert outcome.end == 'RemoteProtocolError'
        assert outcome.step == 'StartTLS'


@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize('number', IN_TLS)
def test_one_byte_in_the_pause_is_enough(number, split):
    for machine, heard in zip((client_for(number), server_for(number)),
                              recorded(number), strict=True):
        player = Player(machine)
        for piece in split(heard[0]):
            player.feed(piece)
        assert player.machine.wants_tls
        player.feed(heard[1][:1])
        assert isinstance(player.error, RemoteProtocolError)
        assert player.error.step == 'StartTLS'
        sent = player.sent
        player.start_tls()
        assert player.sent == sent


@pytest.mark.parametrize('number', IN_TLS)
def test_a_peer_that_closes_at_any_byte_is_a_typed_error(number):
    for make, heard in zip((client_for, server_for), recorded(number),
                           strict=True):
        for cut in range(len(heard[0]) + 1):
            assert play(make(number), [heard[0][:cut]],
                        True).end == 'PeerClosed'
        for cut in range(len(heard[1])):
            outcome = play(make(number), spoken(
                [heard[0], heard[1][:cut]], splits()[0].values[0]), True)
            assert outcome.end == 'PeerClosed'
            assert outcome.step


@pytest.mark.parametrize('chosen', [0, 1, 2, 19, 129, 255, 256, 257, 260, 263,
                                    2**32 - 1])
def test_no_choice_but_the_offered_one_gets_in(chosen):
    player = Player(server_for(262))
    player.feed(BANNER + b'\x13\0\x02' + chosen.to_bytes(4))
    assert isinstance(player.error, NoCommonSecurityType)
    assert player.error.offered == (chosen,)
    assert player.error.allowed == (262,)
    assert player.machine.wants_tls is None
