# SPDX-License-Identifier: Apache-2.0
"""Our handshake as a server, by transcripts and with our own client."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironic_console.common import errors
from ironic_console.common.errors import (
    AuthenticationFailed,
    ConsoleError,
    HandshakeRefused,
    LocalProtocolError,
    NoCommonSecurityType,
    PeerClosed,
    Side,
)
from ironic_console.common.rfb.client import ClientHandshake
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.security import REGISTRY
from ironic_console.common.rfb.server import (
    RefusalHandshake,
    ServerHandshake,
    pack_security_types,
)
from ironic_console.common.rfb.server_policy import ServerPolicy, Verdict
from tests.helpers.pair import HandshakePair
from tests.helpers.play import Player, play, splits, spoken, whole
from tests.helpers.properties import (
    CUTS,
    FEW,
    OUR_TYPES,
    SERVER_CHANGES,
    SPEECHES,
    changed,
    client_for,
    recorded,
    refusal_takes_anything,
    server_for,
    server_takes_anything,
    server_takes_changes,
    server_waits_for_its_verdict,
)
from tests.helpers.security import OneByte, credential
from tests.helpers.transcript import SERVER_INIT, Transcript, load, run

BANNER = b'RFB 003.008\n'
GOOD = BANNER + b'\x01\x01'
BANNERS = [b'RFB 003.003\n', b'RFB 003.004\n', b'RFB 003.005\n',
           b'RFB 003.006\n', b'RFB 003.007\n', b'RFB 003.008\n',
           b'RFB 003.889\n', b'RFB 004.000\n', b'RFB 004.001\n',
           b'RFB 005.000\n', b'RFB 055.008\n']


def serving(*numbers: int) -> ServerHandshake:
    return ServerHandshake(SERVER_INIT, ServerPolicy(numbers, credential()))


@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize('transcript', load('server') + load('refusal'),
                         ids=str)
def test_keeps_to_transcript(transcript: Transcript, split) -> None:
    run(transcript, split)


@pytest.mark.parametrize('cut', range(len(GOOD)))
def test_client_that_closes_after_any_byte_is_a_typed_error(cut):
    outcome = play(ServerHandshake(SERVER_INIT), [GOOD[:cut]], close=True)
    assert outcome.end == 'PeerClosed'
    assert outcome.step


@pytest.mark.parametrize(('byte', 'shared'),
                         [(b'\0', False), (b'\x01', True), (b'\xff', True)])
def test_tells_whether_the_client_shares(byte, shared):
    machine = ServerHandshake(SERVER_INIT)
    assert play(machine, [GOOD[:-1] + byte]).end == 'done'
    assert machine.shared is shared


def test_tells_what_was_said_for_the_log():
    assert play(ServerHandshake(SERVER_INIT), [GOOD]).events == (
        'ProtocolVersion 3.8', 'security type NONE (1)', 'ClientInit')


def test_names_what_was_chosen_and_what_was_offered():
    player = Player(serving(1, 200))
    player.feed(BANNER + b'\x13')
    assert isinstance(player.error, NoCommonSecurityType)
    assert player.error.offered == (0x13,)
    assert player.error.allowed == (1, 200)
    assert player.error.side is Side.BROWSER


@pytest.mark.parametrize('number', [n for n in range(256) if n != 1])
def test_no_choice_but_the_offered_one_gets_in(number):
    outcome = play(ServerHandshake(SERVER_INIT),
                   [BANNER, bytes([number]), b'\x01'])
    assert outcome.end == 'NoCommonSecurityType'
    assert SERVER_INIT.pack() not in outcome.sent


def test_speaks_first():
    assert Player(ServerHandshake(SERVER_INIT)).sent == BANNER


def test_offers_the_types_in_our_order():
    player = Player(serving(200, 1))
    player.feed(BANNER)
    assert player.sent == BANNER + b'\x02\xc8\x01'


def test_lists_the_ways_to_sub_types_once_and_in_our_order():
    player = Player(serving(262, 2, 261, 1))
    player.feed(BANNER)
    assert player.sent == BANNER + b'\x03\x13\x02\x01'


@pytest.mark.parametrize(('numbers', 'told'), [
    ((261, 1, 2), 1), ((2, 1), 2), ((129, 260, 2), 2), ((262,), 19),
    ((129, 262), 129)])
def test_a_version_3_3_client_is_told_what_it_knows_best_first(numbers, told):
    player = Player(serving(*numbers))
    player.feed(b'RFB 003.003\n')
    assert player.sent[len(BANNER):][:4] == told.to_bytes(4)


@pytest.mark.parametrize('numbers', [(19,), (16,), (1, 113), (263,), (0,),
                                     (-1,), (2**32,)])
def test_offering_what_nobody_wrote_is_refused_at_once(numbers):
    with pytest.raises(ValueError, match='is not implemented'):
        serving(*numbers)


def test_offering_nothing_is_refused_at_once():
    with pytest.raises(ValueError, match='no security type'):
        serving()


def test_packs_security_types_with_their_count():
    assert pack_security_types([1]) == b'\x01\x01'
    assert pack_security_types((19, 2, 1)) == b'\x03\x13\x02\x01'
    assert pack_security_types([7] * 255) == b'\xff' + b'\x07' * 255


def test_packs_no_empty_list_because_that_would_be_a_refusal():
    with pytest.raises(ValueError, match='1 to 255'):
        pack_security_types([])


# -- when the caller decides --------------------------------------------------

def waiting(*numbers: int, verdict: Verdict = Verdict.BEFORE_RESULT,
            ) -> ServerHandshake:
    return ServerHandshake(None, ServerPolicy(numbers, verdict=verdict))


def said_by_plain(split) -> Player:
    """A server that waits for a verdict about a client with a ticket."""
    player = Player(waiting(SecurityNumber.PLAIN))
    for piece in split(BANNER + b'\x13\0\x02\0\0\x01\0'
                       b'\0\0\0\x06\0\0\0\x06node-7t1cket\x01'):
        player.feed(piece)
    assert player.error is None
    assert player.machine.wants_verdict
    return player


@pytest.mark.parametrize('split', splits())
def test_a_verdict_may_come_when_all_is_said(split):
    player = said_by_plain(split)
    before = player.sent
    player.machine.admit(SERVER_INIT)
    player._collect()
    assert player.machine.done
    assert player.sent == before + bytes(4) + SERVER_INIT.pack()


@pytest.mark.parametrize('split', splits())
def test_takes_down_what_a_client_says_of_itself_and_never_shows_it(split):
    player = said_by_plain(split)
    claim = player.machine.claim
    assert claim.username == 'node-7'
    assert claim.password.reveal() == 't1cket'
    shown = [repr(claim), str(claim), *player.outcome().events]
    assert 't1cket' not in ' '.join(shown)


def test_a_claim_that_is_no_text_is_still_one():
    player = Player(waiting(SecurityNumber.PLAIN))
    player.feed(BANNER + b'\x13\0\x02\0\0\x01\0'
                b'\0\0\0\x02\0\0\0\x01\xff\0\xfe')
    assert player.machine.claim.username == '\ufffd\0'


def test_judges_no_claim_by_a_credential_where_the_caller_decides():
    player = Player(ServerHandshake(None, ServerPolicy(
        (256,), credential(), verdict=Verdict.BEFORE_RESULT)))
    player.feed(BANNER + b'\x13\0\x02\0\0\x01\0' + bytes(8))
    assert player.machine.wants_verdict
    assert player.machine.claim.username == ''


def test_there_is_no_claim_where_nobody_asks():
    player = Player(waiting(SecurityNumber.NONE))
    player.feed(BANNER + b'\x01')
    assert player.machine.wants_verdict
    assert player.machine.claim is None


@pytest.mark.parametrize('said', [b'', BANNER[:5], BANNER])
@pytest.mark.parametrize('decide', [
    lambda machine: machine.admit(SERVER_INIT),
    lambda machine: machine.refuse('no')])
def test_a_verdict_before_it_is_asked_for_is_a_bug(said, decide):
    machine = waiting(SecurityNumber.NONE)
    machine.receive_data(said)
    with pytest.raises(LocalProtocolError, match='nobody waits'):
        decide(machine)
    # And changes nothing.
    machine.receive_data(BANNER[len(said):] + b'\x01')
    machine.admit(SERVER_INIT)
    machine.receive_data(b'\x01')
    assert machine.done
    assert machine.data_to_send().endswith(SERVER_INIT.pack())


@pytest.mark.parametrize('verdict', list(Verdict))
def test_a_second_verdict_is_a_bug(verdict):
    machine = ServerHandshake(SERVER_INIT, ServerPolicy(verdict=verdict))
    machine.receive_data(BANNER)
    if verdict is Verdict.BEFORE_TYPES:
        machine.admit(SERVER_INIT)
    machine.receive_data(b'\x01')
    if verdict is Verdict.BEFORE_RESULT:
        machine.refuse('no')
    with pytest.raises(LocalProtocolError):
        machine.admit(SERVER_INIT)
    assert SERVER_INIT.pack() not in machine.data_to_send()


def test_a_verdict_about_who_has_gone_is_a_bug():
    machine = waiting(SecurityNumber.NONE)
    machine.receive_data(BANNER + b'\x01')
    with pytest.raises(PeerClosed):
        machine.receive_eof()
    with pytest.raises(LocalProtocolError):
        machine.admit(SERVER_INIT)


@pytest.mark.parametrize('split', splits(range(3)))
@pytest.mark.parametrize('banner', BANNERS)
@pytest.mark.parametrize('verdict', [Verdict.BEFORE_TYPES,
                                     Verdict.BEFORE_RESULT])
@pytest.mark.parametrize('reason', ['', 'not now'])
@pytest.mark.parametrize('number', [1, 262])
def test_our_client_is_admitted_or_refused_in_every_version(
        banner, number, verdict, split, reason):
    def decide(machine: ServerHandshake) -> None:
        if reason:
            machine.refuse(reason)
        else:
            machine.admit(SERVER_INIT)

    client = client_for(number)
    pair = HandshakePair(client, waiting(number, verdict=verdict), split,
                         banner, decide)
    pair.run()
    pair.client.close()
    assert pair.server.machine.done
    assert client.done is not bool(reason)
    assert (SERVER_INIT.pack() in pair.server.sent) is not bool(reason)
    if reason and verdict is Verdict.BEFORE_TYPES:
        assert pair.client.error.reason == reason


@FEW
@given(SPEECHES, CUTS, st.booleans(), st.sampled_from(list(Verdict)[1:]))
def test_takes_anything_and_never_opens_without_a_verdict(
        data, cuts, close, verdict):
    server_waits_for_its_verdict(data, cuts, close, verdict)


# -- with our own client ------------------------------------------------------

@pytest.mark.parametrize('split', splits(range(3)))
@pytest.mark.parametrize('banner', BANNERS)
@pytest.mark.parametrize('number', [*OUR_TYPES, 200])
def test_our_client_gets_in_with_every_version(banner, number, split):
    client = client_for(number)
    pair = HandshakePair(client, server_for(number), split, banner)
    pair.run()
    assert pair.client.error is None
    assert pair.server.error is None
    assert client.done
    assert client.server_init == SERVER_INIT
    assert pair.server.machine.done
    assert pair.client.outcome().trailing == b''
    assert pair.server.outcome().trailing == b''
    assert len(pair.client_heard) == (2 if number > 256 else 1)


@pytest.mark.parametrize('number', [5, 129])
@pytest.mark.parametrize('split', splits(range(3)))
def test_what_follows_ra2_goes_on_in_the_same_cipher(number, split):
    pair = HandshakePair(client_for(number), server_for(number), split)
    pair.run()
    client, server = pair.client.machine, pair.server.machine
    for data in (b'x', bytes(range(256)) * 100, b''):
        sent = server.cipher.encrypt(data)
        assert data not in sent or not data
        assert b''.join(map(client.cipher.decrypt, split(sent))) == data
        sent = client.cipher.encrypt(data)
        assert b''.join(map(server.cipher.decrypt, split(sent))) == data


@pytest.mark.parametrize('number', [1, 2, 6, 130, 257, 261])
def test_what_follows_other_types_has_no_cipher(number):
    pair = HandshakePair(client_for(number), server_for(number))
    pair.run()
    assert pair.client.machine.cipher is None
    assert pair.server.machine.cipher is None


@pytest.mark.parametrize('split', splits(range(1)))
@pytest.mark.parametrize('banner', BANNERS)
@pytest.mark.parametrize('number', [number for number in OUR_TYPES
                                    if 'NONE' not in number.name])
@pytest.mark.parametrize('wrong', [credential('passwort'),
                                   credential(username='other')], ids=str)
def test_a_wrong_credential_gets_nobody_in(banner, number, wrong, split):
    if wrong.username == 'other' and 'VNC' in number.name:
        return
    client = client_for(number, wrong)
    pair = HandshakePair(client, server_for(number), split, banner)
    pair.run()
    assert isinstance(pair.server.error, AuthenticationFailed)
    assert isinstance(pair.client.error, AuthenticationFailed)
    assert not client.done
    assert SERVER_INIT.pack() not in pair.server.sent


@pytest.mark.parametrize('split', splits(range(3)))
@pytest.mark.parametrize('banner', BANNERS)
def test_our_client_reads_a_refusal_in_every_version(banner, split):
    pair = HandshakePair(ClientHandshake(), RefusalHandshake('no, \xfc'),
                         split, banner)
    pair.run()
    assert isinstance(pair.client.error, HandshakeRefused)
    assert pair.client.error.reason == 'no, \xfc'
    assert pair.server.machine.done


@pytest.mark.parametrize('split', splits(range(3)))
@pytest.mark.parametrize('banner', BANNERS)
def test_our_client_reads_a_failure_in_every_version(
        monkeypatch, banner, split):
    monkeypatch.setitem(REGISTRY, 200, OneByte(b'\0'))
    pair = HandshakePair(ClientHandshake((200,)), serving(200), split, banner)
    pair.run()
    assert isinstance(pair.server.error, AuthenticationFailed)
    assert isinstance(pair.client.error, AuthenticationFailed)
    assert 'not 0x2a' not in pair.client.error.reason
    assert SERVER_INIT.pack() not in pair.server.sent


@pytest.mark.parametrize('banner', [b'RFB 003.003\n', b'RFB 003.008\n'])
def test_our_client_and_server_part_when_they_have_no_type_in_common(banner):
    pair = HandshakePair(ClientHandshake((1,)), serving(200), banner=banner)
    pair.run()
    assert isinstance(pair.client.error, NoCommonSecurityType)
    assert isinstance(pair.server.error, PeerClosed)
    assert pair.client.sent == banner


@pytest.mark.parametrize('number', OUR_TYPES)
def test_any_byte_of_a_good_client_may_be_changed(number):
    _, heard = recorded(number)
    size = sum(map(len, heard))
    for place in range(size):
        outcome = play(server_for(number), spoken(
            changed(heard, place, 1 << place % 8), whole), True)
        assert outcome.end != 'waiting'
        assert outcome.end == 'done' or issubclass(
            getattr(errors, outcome.end), ConsoleError)
        # Another version or a ClientInit may be as good.
        assert outcome.end != 'done' or place < 12 or place == size - 1


@FEW
@given(*SERVER_CHANGES)
def test_takes_changes_and_ends_the_same_in_any_split(number, place, mask,
                                                      cuts, junk):
    server_takes_changes(number, place, mask, cuts, junk)


@FEW
@given(SPEECHES, CUTS, st.booleans())
def test_takes_anything_and_ends_the_same_in_any_split(data, cuts, close):
    server_takes_anything(data, cuts, close)


@FEW
@given(SPEECHES, CUTS, st.booleans())
def test_refusal_takes_anything_and_never_gives_a_console(data, cuts, close):
    refusal_takes_anything(data, cuts, close)
