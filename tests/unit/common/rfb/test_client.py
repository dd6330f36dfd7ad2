# SPDX-License-Identifier: Apache-2.0
"""Our handshake as a client, by transcripts; then what they cannot say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironic_console.common import errors
from ironic_console.common.errors import (
    ConsoleError,
    LocalProtocolError,
    NoCommonSecurityType,
    PeerClosed,
    RemoteProtocolError,
    Side,
)
from ironic_console.common.rfb.client import ClientHandshake
from ironic_console.common.rfb.constants import SecurityNumber
from tests.helpers.play import Player, play, splits, spoken, whole
from tests.helpers.properties import (
    ALLOWED,
    CLIENT_CHANGES,
    CREDENTIALS,
    CUTS,
    FEW,
    OUR_TYPES,
    SPEECHES,
    changed,
    client_for,
    client_takes_any_offer,
    client_takes_anything,
    client_takes_changes,
    recorded,
)
from tests.helpers.security import credential
from tests.helpers.transcript import SERVER_INIT, Transcript, load, run

BANNER = b'RFB 003.008\n'
GOOD = BANNER + b'\x01\x01' + bytes(4) + SERVER_INIT.pack()


@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize('transcript', load('client'), ids=str)
def test_keeps_to_transcript(transcript: Transcript, split) -> None:
    run(transcript, split)


def test_gives_server_init_as_the_server_sent_it():
    machine = ClientHandshake()
    assert play(machine, [GOOD]).end == 'done'
    assert machine.server_init == SERVER_INIT


def test_gives_no_server_init_before_it_is_read():
    machine = ClientHandshake()
    with pytest.raises(LocalProtocolError, match='not been read') as caught:
        _ = machine.server_init
    assert caught.value.step == 'ProtocolVersion'


def test_gives_no_server_init_after_failure():
    machine = ClientHandshake()
    play(machine, [BANNER], close=True)
    with pytest.raises(LocalProtocolError):
        _ = machine.server_init


def test_keeps_desktop_name_that_is_not_utf_8():
    data = GOOD.replace(b'node-7', b'n\xf6de-7')
    machine = ClientHandshake()
    assert play(machine, [data]).events[-1].endswith("'n\ufffdde-7'")
    assert machine.server_init.name == b'n\xf6de-7'


def test_tells_what_was_said_for_the_log():
    assert play(ClientHandshake(), [GOOD]).events == (
        'ProtocolVersion 003.008, rules of 3.8',
        'security types NONE (1)',
        'security type NONE (1)',
        "ServerInit 1024x768 32 bpp 'node-7'")


def test_tells_unknown_security_types_for_the_log():
    outcome = play(ClientHandshake(), [BANNER + b'\x04\x0d\x81\x82\x01'])
    assert ('security types unknown (13), RA2_256 (129), RA2NE_256 (130), '
            'NONE (1)') in outcome.events


@pytest.mark.parametrize('cut', range(len(GOOD)))
def test_server_that_closes_after_any_byte_is_a_typed_error(cut):
    outcome = play(ClientHandshake(), [GOOD[:cut]], close=True)
    assert outcome.end == 'PeerClosed'
    assert outcome.step


def test_takes_the_first_allowed_type_and_not_the_first_offered():
    player = Player(ClientHandshake((200, 1)))
    player.feed(BANNER + b'\x02\x01\xc8')
    assert player.sent == BANNER + b'\xc8\x2a'


@pytest.mark.parametrize('count', [1, 2, 255])
def test_takes_none_wherever_it_stands_in_the_list(count):
    types = bytes([113] * (count - 1) + [1])
    player = Player(ClientHandshake())
    player.feed(BANNER + bytes([count]) + types)
    assert player.sent == BANNER + b'\x01'


@pytest.mark.parametrize(('allowed', 'offered', 'chosen'), [
    ((261, 129, 5, 130, 6, 2), [1, 2, 5, 6, 129, 130], 129),
    ((261, 129, 5, 130, 6, 2), [1, 2, 6, 5], 5),
    ((261, 129, 5, 130, 6, 2), [2, 19], 19),
    ((261, 2), [1, 2, 113, 255], 2),
    # Straight on rather than inside, and inside rather than not at all.
    ((1, 2), [19, 16, 2], 2),
    ((129, 2), [19, 2], 2),
    ((2,), [16, 19], 16),
    ((2,), [1, 19, 16], 19),
    ((129,), [16, 19], 19),
    ((2, 262), [16, 19], 19),
])
def test_takes_the_strongest_that_is_allowed(allowed, offered, chosen):
    player = Player(ClientHandshake(allowed, credential()))
    player.feed(BANNER + bytes([len(offered), *offered]))
    assert player.sent[len(BANNER):len(BANNER) + 1] == bytes([chosen])


@pytest.mark.parametrize('others', [[129, 130], [113], [255], [0, 3, 254],
                                    [13, 22, 23, 35, 113, 129, 130]])
def test_types_that_are_not_allowed_never_harm(others):
    data = bytes([len(others) + 2, *others, 1, *others[:1]])
    player = Player(ClientHandshake())
    player.feed(BANNER + data)
    assert player.sent == BANNER + b'\x01'


def test_names_what_was_offered_and_what_is_allowed():
    player = Player(ClientHandshake((2, 19)))
    player.feed(BANNER + b'\x03\x71\x17\x01')
    assert isinstance(player.error, NoCommonSecurityType)
    assert player.error.offered == (0x71, 0x17, 1)
    assert player.error.allowed == (2, 19)
    assert player.error.side is Side.ENDPOINT
    assert player.sent == BANNER


def test_allowing_nothing_refuses_every_server():
    player = Player(ClientHandshake(()))
    player.feed(BANNER + b'\x01\x01')
    assert isinstance(player.error, NoCommonSecurityType)
    assert 'allowed is none at all' in str(player.error)
    assert player.sent == BANNER


def test_reason_of_a_refusal_is_kept_for_the_log_only():
    player = Player(ClientHandshake())
    player.feed(BANNER + b'\0' + b'\0\0\0\x0b10.0.0.1 no')
    assert player.error.reason == '10.0.0.1 no'
    assert '10.0.0.1' not in player.error.public_reason


def test_reason_of_a_failure_is_kept_for_the_log_only():
    player = Player(ClientHandshake())
    player.feed(BANNER + b'\x01\x01' + b'\0\0\0\x01' + b'\0\0\0\x03bad')
    assert player.error.reason == 'bad'
    assert 'bad' not in player.error.public_reason


def test_shows_operators_the_first_bytes_of_a_stranger():
    player = Player(ClientHandshake())
    player.feed(b'HTTP/1.1 400 Bad Request\r\n' + b'x' * 1000)
    assert "b'HTTP/1.1 400 Bad Request" in str(player.error)
    assert len(str(player.error)) < 200
    assert player.error.spoken == 'answered HTTP'
    assert 'Bad Request' not in player.error.public_reason
    assert player.sent == b''


def test_errors_name_the_side_it_was_made_for():
    player = Player(ClientHandshake(side=Side.BROWSER))
    player.feed(b'RFB 000.000\n')
    assert type(player.error) is RemoteProtocolError
    assert player.error.side is Side.BROWSER


def test_closed_within_a_field_counts_the_bytes_of_that_field():
    player = Player(ClientHandshake())
    player.feed(GOOD[:-2])
    player.close()
    assert isinstance(player.error, PeerClosed)
    assert (player.error.received, player.error.expected) == (4, 6)


@pytest.mark.parametrize('split', splits(range(20)))
def test_trailing_data_is_whole_in_any_split(split):
    rest = bytes(range(256)) * 4
    outcome = play(ClientHandshake(), split(GOOD + rest))
    assert outcome.trailing == rest


def test_trailing_data_may_be_longer_than_any_handshake():
    rest = bytes(1024 * 1024)
    assert play(ClientHandshake(), whole(GOOD + rest)).trailing == rest


@pytest.mark.parametrize('number', [*OUR_TYPES, SecurityNumber.TIGHT])
def test_any_byte_of_a_good_server_may_be_changed(number):
    heard, _ = recorded(number)
    for place in range(sum(map(len, heard))):
        mask = 1 << place % 8
        outcome = play(client_for(number),
                       spoken(changed(heard, place, mask), whole), True)
        assert outcome.end != 'waiting'
        assert outcome.end == 'done' or issubclass(
            getattr(errors, outcome.end), ConsoleError)
        if number in (SecurityNumber.RA2, SecurityNumber.RA2_256):
            # From the keys on, everything is authenticated.
            assert outcome.end != 'done' or place < 12


@FEW
@given(SPEECHES, CUTS, st.booleans(), ALLOWED, CREDENTIALS)
def test_takes_anything_and_ends_the_same_in_any_split(data, cuts, close,
                                                       allowed, known):
    client_takes_anything(data, cuts, close, allowed, known)


@FEW
@given(*CLIENT_CHANGES)
def test_takes_changes_and_ends_the_same_in_any_split(number, place, mask,
                                                      cuts, junk):
    client_takes_changes(number, place, mask, cuts, junk)


@FEW
@given(st.lists(st.integers(1, 255), min_size=1, max_size=255))
def test_takes_any_offer_of_security_types(offered):
    client_takes_any_offer(offered)
