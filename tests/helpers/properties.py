# SPDX-License-Identifier: Apache-2.0
"""What holds for any input: shared by the unit tests and the fuzz runs.

A property takes one example and asserts; strategies make the examples. The
unit tests run few and always the same ones, tests/fuzz many and others.
"""

import contextlib
import json
import re
import struct

import hypothesis
from hypothesis import strategies as st

from ironic_console.common import errors
from ironic_console.common.endpoint import Endpoint
from ironic_console.common.errors import ConfigError, ConsoleError
from ironic_console.common.nodes import NodeRecord, parse_time
from ironic_console.common.rfb.client import ClientHandshake
from ironic_console.common.rfb.constants import ClientMessage, SecurityNumber
from ironic_console.common.rfb.encodings import EncodingFilter
from ironic_console.common.rfb.messages import (
    HEAD_BYTES,
    ClientMessageReader,
    InvalidMessage,
    message_length,
)
from ironic_console.common.rfb.pixel_format import PixelFormat
from ironic_console.common.rfb.pressed_keys import MAX_KEYS, PressedKeys
from ironic_console.common.rfb.read_only import ReadOnlyFilter
from ironic_console.common.rfb.server import RefusalHandshake, ServerHandshake
from ironic_console.common.rfb.server_init import ServerInit
from ironic_console.common.rfb.server_policy import ServerPolicy
from tests.helpers.pair import HandshakePair
from tests.helpers.play import byte_by_byte, cut, play, spoken, whole
from tests.helpers.security import credential
from tests.helpers.transcript import CHALLENGE, SERVER_INIT

#: For unit tests: quick, and the same in every run.
FEW = hypothesis.settings(max_examples=150, derandomize=True, deadline=None)

#: What clients and servers have in common here.
KNOWN = credential()
#: Every type and sub-type that we can be asked for, as a server too.
OUR_TYPES = (
    SecurityNumber.NONE, SecurityNumber.VNC_AUTH, SecurityNumber.PLAIN,
    SecurityNumber.TLS_NONE, SecurityNumber.TLS_VNC, SecurityNumber.TLS_PLAIN,
    SecurityNumber.X509_NONE, SecurityNumber.X509_VNC,
    SecurityNumber.X509_PLAIN, SecurityNumber.RA2_256, SecurityNumber.RA2,
    SecurityNumber.RA2NE_256, SecurityNumber.RA2NE)

# -- strategies ---------------------------------------------------------------

BANNERS = st.one_of(
    st.sampled_from([b'RFB %03d.%03d\n' % version for version in (
        (3, 3), (3, 4), (3, 5), (3, 6), (3, 7), (3, 8), (3, 889), (4, 0),
        (4, 1), (5, 0), (55, 8), (0, 0), (2, 9), (3, 9))]),
    st.builds(lambda major, minor: b'RFB %03d.%03d\n' % (major, minor),
              st.integers(0, 999), st.integers(0, 999)))
LENGTHS = st.one_of(
    st.integers(0, 20),
    st.sampled_from([1024, 1025, 4096, 4097, 2**31 - 1, 2**31, 2**32 - 1]),
).map(lambda number: number.to_bytes(4))
#: Fields that a peer of either kind might send, and some that it might not.
FIELDS = st.one_of(
    BANNERS, LENGTHS,
    st.integers(0, 255).map(lambda number: bytes([number])),
    st.sampled_from([b'\x01\x01', b'\x01\x10', b'\x01\x05', CHALLENGE,
                     b'\x01\x13\0\x02\0', b'\x01\0\0\x01\x04\x01',
                     b'\0\0\0\0', b'\0\0\0\x01', b'HTTP/1.1 ',
                     SERVER_INIT.pack(), SERVER_INIT.pack()[:20]]),
    st.binary(max_size=30))


@st.composite
def good_servers(draw):
    """All that a good server says, and perhaps one byte of it changed."""
    version = draw(st.sampled_from([b'003.003', b'003.007', b'003.008',
                                    b'055.008']))
    security = {b'003.003': b'\0\0\0\x01', b'003.007': b'\x02\x13\x01'}.get(
        version, b'\x02\x13\x01' + bytes(4))
    init = ServerInit(draw(st.integers(0, 65535)), 768, PixelFormat(),
                      draw(st.binary(max_size=30)))
    data = (b'RFB ' + version + b'\n' + security + init.pack()
            + draw(st.binary(max_size=20)))
    if draw(st.booleans()):
        place = draw(st.integers(0, len(data) - 1))
        data = (data[:place] + bytes([draw(st.integers(0, 255))])
                + data[place + 1:])
    return data


#: What a peer might say: nonsense, fields in any order, or a good beginning.
SPEECHES = st.one_of(
    st.binary(max_size=100), good_servers(),
    st.lists(FIELDS, max_size=8).map(b''.join),
    st.tuples(BANNERS, st.lists(FIELDS, max_size=6).map(b''.join)).map(
        b''.join))
CLIENT_MESSAGES = st.one_of(
    st.binary(max_size=200),
    st.lists(st.builds(lambda kind, rest: bytes([kind]) + rest,
                       st.sampled_from(list(ClientMessage)),
                       st.one_of(st.binary(max_size=20),
                                 st.integers(0, 40).map(bytes))),
             max_size=8).map(b''.join))
BORNE = (5, 1, 0, -223)
#: Some of them about encodings, borne and others.
ENCODING_MESSAGES = st.lists(st.one_of(
    st.lists(st.one_of(st.sampled_from(BORNE),
                       st.integers(-2**31, 2**31 - 1)), max_size=10).map(
        lambda numbers: struct.pack(f'>BxH{len(numbers)}i', 2, len(numbers),
                                    *numbers)),
    CLIENT_MESSAGES), max_size=4).map(b''.join)
CUTS = st.lists(st.integers(0, 120), max_size=10).map(sorted)
#: What policy may allow, with or without a credential.
ALLOWED = st.lists(st.one_of(st.integers(0, 255), st.sampled_from(OUR_TYPES)),
                   max_size=5)
CREDENTIALS = st.sampled_from([None, KNOWN, credential(username='')])
#: One change of a good handshake; behind it there may come more.
CHANGES = (st.integers(0, 10000), st.integers(1, 255), CUTS,
           st.binary(max_size=40))
CLIENT_CHANGES = (st.sampled_from([*OUR_TYPES, SecurityNumber.TIGHT]),
                  *CHANGES)
SERVER_CHANGES = (st.sampled_from(OUR_TYPES), *CHANGES)

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(),
              st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=10)
PORTS = st.one_of(JSON, st.integers(-2, 65537),
                  st.integers(-2, 65537).map(str))
HOSTS = st.one_of(JSON, st.sampled_from(
    ['10.0.0.1', 'bmc.example', '::1', 'fe80::1%eth0', 'a..b', '.', '']),
    st.text(alphabet='a.\xe9:- \n\ud800', max_size=300))
ENDPOINTS = st.one_of(
    JSON,
    st.fixed_dictionaries(
        {'host': HOSTS, 'port': PORTS},
        optional={'scheme': st.one_of(st.just('vnc'), JSON),
                  'security_types': st.one_of(
                      st.lists(st.integers(0, 256), max_size=4), JSON),
                  'kind': JSON, 'read_only': JSON,
                  'tls': st.one_of(JSON, st.fixed_dictionaries({}, optional={
                      'verify': st.sampled_from(
                          ['ca', 'fingerprint', 'none', 'x', None]),
                      'server_name': HOSTS,
                      'fingerprint': st.one_of(
                          st.text('0aF:', max_size=70), JSON),
                      'ca': st.one_of(st.text(max_size=20), JSON)})),
                  'quirks': st.one_of(JSON, st.fixed_dictionaries(
                      {}, optional={
                          'handshake_timeout': st.one_of(
                              st.floats(-1, 301), st.integers(-1, 301), JSON),
                          'encodings': st.one_of(
                              st.lists(st.integers(-2**31, 2**31 - 1),
                                       max_size=4), JSON)}))}))
TIMES = st.one_of(
    JSON, st.datetimes(timezones=st.one_of(st.none(), st.timezones())).map(
        lambda moment: moment.isoformat()),
    st.sampled_from(['0001-01-01T00:00:00+23:59', '9999-12-31T23:59:59-23:59',
                     '2026-01-01', '20260101T000000Z']))
INFOS = st.one_of(st.none(), st.fixed_dictionaries({}, optional={
    'vnc_host': HOSTS, 'vnc_port': PORTS, 'console_endpoint': ENDPOINTS,
    'novnc_secret_token': JSON, 'novnc_secret_token_created': TIMES,
    'console_endpoint_secret': st.one_of(JSON, st.fixed_dictionaries(
        {}, optional={'password': JSON, 'username': JSON}))}))

# -- properties ---------------------------------------------------------------


def same_in_any_split(make, data, cuts, close):
    """A machine ends in the same way however its bytes come.

    :param data: bytes, or parts of them between which TLS begins.
    :returns: the way it ends.
    """
    segments = [data] if isinstance(data, bytes) else data
    outcome = play(make(), spoken(segments, whole), close)
    for split in (byte_by_byte, lambda part: cut(part, cuts)):
        assert play(make(), spoken(segments, split), close) == outcome
    if outcome.end not in ('done', 'waiting'):
        assert issubclass(getattr(errors, outcome.end), ConsoleError)
        assert len(outcome.public.encode()) <= 123
    assert outcome.end != 'waiting' or (outcome.step and not close)
    return outcome


def client_takes_anything(data, cuts, close, allowed, known=None):
    """Progress, success, or a documented error."""
    machines = []

    def make():
        machines.append(ClientHandshake(allowed, known))
        return machines[-1]

    outcome = same_in_any_split(make, data, cuts, close)
    if outcome.end == 'done':
        init = machines[0].server_init
        taken = data[:len(data) - len(outcome.trailing)]
        assert data == taken + outcome.trailing
        # Of the pixel format padding is not kept, and every flag is 0 or 1.
        assert init.pack()[:4] in taken
        # Tight has its capabilities behind it.
        assert len(init.name).to_bytes(4) + init.name in taken
        assert outcome.sent.endswith(b'\x01')
    else:
        assert not any(machine.done for machine in machines)


def client_takes_any_offer(offered):
    """It takes None if that is offered, at worst inside another type, and
    tells what was offered if not."""
    data = (b'RFB 003.008\n' + bytes([len(offered), *offered]) + bytes(4)
            + SERVER_INIT.pack())
    outcome = play(ClientHandshake(), byte_by_byte(data))
    if 1 in offered:
        assert outcome.end == 'done'
        assert outcome.sent == b'RFB 003.008\n\x01\x01'
    elif not {16, 19}.isdisjoint(offered):
        assert outcome.end in ('RemoteProtocolError', 'LimitExceeded')
        assert outcome.sent[12] in (16, 19)
    else:
        assert outcome.end == 'NoCommonSecurityType'
        assert outcome.sent == b'RFB 003.008\n'
        for number in offered:
            assert f'({number})' in outcome.text


def recorded(number, banner=b'RFB 003.008\n'):
    """Let our client meet our server.

    :returns: what the client heard and what the server heard, each in parts
        between which TLS began.
    """
    if number == SecurityNumber.TIGHT:
        # Nobody but BMCs serves it.
        return [b''.join((
            banner, b'\x01\x10', b'\0\0\0\x01', b'\0\0\0\0TGHTNOTUNNEL',
            b'\0\0\0\x01', b'\0\0\0\x02STDVVNCAUTH_', CHALLENGE, bytes(4),
            SERVER_INIT.pack(), b'\0\0\0\x01\0\0\0\0', bytes(16)))], None
    pair = HandshakePair(client_for(number), server_for(number),
                         banner=banner)
    pair.run()
    assert pair.client.error is pair.server.error is None
    assert pair.client.machine.done
    assert pair.server.machine.done
    return pair.client_heard, pair.server_heard


def client_for(number, known=KNOWN):
    """A client of ours that knows how to get in with that type only."""
    if number == SecurityNumber.TIGHT:
        number = SecurityNumber.VNC_AUTH
    return ClientHandshake((number,), known)


def server_for(number, known=KNOWN):
    """A server of ours that wants that type."""
    return ServerHandshake(SERVER_INIT, ServerPolicy(
        (number,), known, lambda: CHALLENGE))


def changed(segments, place, mask):
    """:returns: the parts with one byte changed."""
    segments = list(segments)
    for number, segment in enumerate(segments):
        if place < len(segment):
            segments[number] = (
                segment[:place] + bytes([segment[place] ^ mask])
                + segment[place + 1:])
            return segments
        place -= len(segment)
    raise IndexError


def client_takes_changes(number, place, mask, cuts, junk=b''):
    """Of a good server one byte is changed."""
    heard, _ = recorded(number)
    heard = changed(heard, place % sum(map(len, heard)), mask)
    heard[-1] += junk
    return same_in_any_split(lambda: client_for(number), heard, cuts, True)


def server_takes_changes(number, place, mask, cuts, junk=b''):
    """Of a good client one byte is changed, and it never gets in with a
    wrong credential."""
    _, heard = recorded(number)
    place %= sum(map(len, heard))
    outcome = same_in_any_split(
        lambda: server_for(number), [*changed(heard, place, mask)[:-1],
                                     changed(heard, place, mask)[-1] + junk],
        cuts, True)
    # Another version, or ClientInit.
    assert (outcome.end != 'done' or place < 12
            or place == sum(map(len, heard)) - 1)
    return outcome


def server_takes_anything(data, cuts, close):
    """It ends as a model of it says that was written for this test."""
    outcome = same_in_any_split(lambda: ServerHandshake(SERVER_INIT), data,
                                cuts, close)
    end, sent, taken = _model_of_server(data)
    if end == 'waiting' and close:
        end = 'PeerClosed'
    assert outcome.end == end
    assert outcome.sent == sent
    if end == 'done':
        assert outcome.trailing == data[taken:]


def server_waits_for_its_verdict(data, cuts, close, verdict):
    """Nobody gets in without one, in any split."""
    outcome = same_in_any_split(
        lambda: ServerHandshake(None, ServerPolicy((260, 1),
                                                   verdict=verdict)),
        data, cuts, close)
    assert outcome.end != 'done'
    assert SERVER_INIT.pack() not in outcome.sent


def _model_of_server(data):
    sent = b'RFB 003.008\n'
    if len(data) < 12:
        return 'waiting', sent, 0
    match = re.fullmatch(rb'RFB ([0-9]{3}\.[0-9]{3})\n', data[:12])
    if not match:
        return 'RemoteProtocolError', sent, 0
    like_3_8 = match[1] in (b'003.008', b'003.889', b'004.000', b'004.001',
                            b'005.000', b'055.008')
    place = 12
    if like_3_8 or match[1] == b'003.007':
        sent += b'\x01\x01'
        if len(data) == place:
            return 'waiting', sent, 0
        if data[place] != 1:
            reason = b'The viewer sent what is not valid RFB.'
            told = len(reason).to_bytes(4) + reason if like_3_8 else b''
            return 'NoCommonSecurityType', sent + b'\0\0\0\x01' + told, 0
        sent += b'\0\0\0\0' if like_3_8 else b''
        place += 1
    else:
        sent += b'\0\0\0\x01'
    if len(data) == place:
        return 'waiting', sent, 0
    return 'done', sent + SERVER_INIT.pack(), place + 1


def refusal_takes_anything(data, cuts, close):
    """It never ends with a console."""
    outcome = same_in_any_split(lambda: RefusalHandshake('no'), data, cuts,
                                close)
    assert outcome.end in ('done', 'waiting', 'RemoteProtocolError',
                           'PeerClosed')
    assert (outcome.end == 'done') == outcome.sent.endswith(b'\0\0\0\x02no')


def messages_take_anything(data, cuts):
    """Messages are the bytes, in order; then all is read, or an error."""
    whole = _messages(data, [])
    assert _messages(data, range(1, len(data))) == whole
    assert _messages(data, cuts) == whole
    assert data.startswith(b''.join(whole[0]))


def _messages(data, cuts):
    reader = ClientMessageReader()
    messages = []
    try:
        for piece in cut(data, cuts):
            messages.extend(message.data for message
                            in reader.receive_data(piece))
    except ConsoleError as exc:
        return messages, str(exc)
    return messages, None


def read_only_takes_anything(data, cuts):
    """A server gets whole messages that cannot act, in any split.

    :returns: the error that ended it, or None.
    """
    passed, error = _read_only(data, [])
    for places in (range(1, len(data)), cuts):
        piecewise, same = _read_only(data, places)
        assert same == error
        # Of the last piece nothing is forwarded when it is in error.
        assert piecewise.startswith(passed)
        assert error or piecewise == passed
        _only_looks(piecewise)
    return error


def _read_only(data, cuts):
    machine = ReadOnlyFilter()
    passed = b''
    try:
        for piece in cut(data, cuts):
            passed += machine.receive_data(piece)
            assert len(machine._held) <= 4 + 4 * 65535
    except errors.RemoteProtocolError as exc:
        return passed, str(exc)
    return passed, None


def _only_looks(data):
    # Not with the table of the filter: with its own reading of §7.5.
    while data:
        if data[0] == 2:
            length = 4 + 4 * int.from_bytes(data[2:4])
            assert not {data[place:place + 4].hex()
                        for place in range(4, length, 4)} & {
                'fffffec4', 'fffffecf', 'fffffecb', 'fffffefd', 'fffffefe',
                'c0a1e5ce'}
        elif data[0] == 248:
            length = 9 + data[8]
            assert length <= 73
        else:
            length = {0: 20, 3: 10, 150: 10}[data[0]]
        assert len(data) >= length
        data = data[length:]


def pressed_keys_take_anything(data, cuts):
    """Releases only, the same in any split."""
    said = _releases(data, [])
    assert _releases(data, range(1, len(data))) == said
    assert _releases(data, cuts) == said
    assert not _releases(data + said, [])


def _releases(data, cuts):
    keys = PressedKeys()
    for piece in cut(data, cuts):
        assert keys.receive_data(piece) == piece
        assert len(keys._held) <= 11
        assert len(keys._down) <= MAX_KEYS
    said = keys.releases()
    left = said
    while left:
        # A key that is up, in either form, or a pointer without a button.
        head, size = {4: (b'\x04\0\0\0', 8), 5: (b'\x05\0', 6),
                      255: (b'\xff\0\0\0', 12)}[left[0]]
        assert left.startswith(head)
        assert len(left) >= size
        left = left[size:]
    return said


def encodings_take_anything(data, cuts):
    """What a server gets is what a model of it says, in any split."""
    expected = _model_of_encodings(data)
    for places in ([], range(1, len(data)), cuts):
        machine = EncodingFilter(PressedKeys(), BORNE)
        passed = b''
        for piece in cut(data, places):
            passed += machine.receive_data(piece)
            assert len(machine._held) <= 4 + 4 * 65535
        assert passed == expected


def _model_of_encodings(data):
    passed = b''
    while data:
        try:
            length = message_length(data[:HEAD_BYTES])
        except InvalidMessage:
            return passed + data
        if length is None or (data[0] == 2 and length > len(data)):
            break
        message, data = data[:length], data[length:]
        if message[0] == 2:
            numbers = [message[at:at + 4] for at in range(4, length, 4)]
            kept = b''.join(
                number for number in numbers if number.hex() in (
                    '00000005', '00000001', '00000000', 'ffffff21'))
            kept = kept or bytes(4)
            message = b'\x02\0' + (len(kept) // 4).to_bytes(2) + kept
        passed += message
    return passed


def endpoint_takes_anything(value):
    """A good endpoint that survives JSON, or a ConfigError."""
    try:
        endpoint = Endpoint.from_dict(value)
    except ConfigError:
        return
    assert 0 < endpoint.port < 65536
    assert type(endpoint.port) is int
    assert endpoint.host.encode('idna')
    text = json.dumps(endpoint.to_dict())
    assert Endpoint.from_dict(json.loads(text)) == endpoint


def node_takes_anything(info):
    """A record is always made; its endpoint may be a ConfigError."""
    record = NodeRecord.from_info('uuid', None, None, True, info)
    with contextlib.suppress(ConfigError):
        assert record.endpoint().port
    with contextlib.suppress(ConfigError):
        record.credential()
    assert record.read_only in (True, False)
    assert record.same_right(record) == (record.secret is not None)


def time_takes_anything(value):
    """An aware UTC time or nothing."""
    moment = parse_time(value)
    assert moment is None or moment.utcoffset().total_seconds() == 0
