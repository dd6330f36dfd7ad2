# SPDX-License-Identifier: Apache-2.0
"""Client messages: a table over every type, and any split."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironic_console.common.errors import (
    LimitExceeded,
    RemoteProtocolError,
    Side,
)
from ironic_console.common.rfb.constants import ClientMessage
from ironic_console.common.rfb.messages import (
    MAX_MESSAGE_BYTES,
    ClientMessageReader,
    Message,
)
from tests.helpers.client_messages import TABLE, TYPES, WIRE
from tests.helpers.play import splits
from tests.helpers.properties import CUTS, FEW, messages_take_anything

NEXT = b'\xfa\x00\x01\x03'


def read(pieces, side=Side.BROWSER):
    """:returns: the messages, and the error that ended them or None."""
    reader = ClientMessageReader(side)
    messages = []
    try:
        for piece in pieces:
            messages.extend(reader.receive_data(piece))
    except RemoteProtocolError as exc:
        return messages, exc
    return messages, None


def test_the_table_has_every_type():
    assert set(map(int, ClientMessage)) == TYPES


@pytest.mark.parametrize('split', splits())
@pytest.mark.parametrize('name', TABLE)
def test_every_message_ends_where_it_ends(name, split):
    kind = ClientMessage(TABLE[name][0])
    messages, error = read(split(WIRE[name] + NEXT))
    assert error is None
    assert messages == [Message(kind, WIRE[name]),
                        Message(ClientMessage.XVP, NEXT)]


@pytest.mark.parametrize('name', TABLE)
def test_a_message_comes_with_its_last_byte_and_not_before(name):
    reader = ClientMessageReader()
    assert list(reader.receive_data(WIRE[name][:-1])) == []
    assert [message.data for message
            in reader.receive_data(WIRE[name][-1:])] == [WIRE[name]]


@pytest.mark.parametrize('split', splits(range(20)))
def test_all_messages_in_a_row_come_in_order(split):
    messages, error = read(split(b''.join(WIRE.values())))
    assert error is None
    assert [message.data for message in messages] == list(WIRE.values())


@pytest.mark.parametrize('side', Side)
@pytest.mark.parametrize('number', sorted(set(range(256)) - TYPES))
def test_an_unknown_type_ends_the_conversation(number, side):
    messages, error = read([NEXT + bytes([number]) + bytes(100)], side)
    assert messages == [Message(ClientMessage.XVP, NEXT)]
    assert type(error) is RemoteProtocolError
    assert error.side is side
    assert error.step == 'client message'
    assert f'unknown type {number}' in str(error)


@pytest.mark.parametrize('head', ['ff 02 0000', 'ff 01 0003', 'ff 01 0100',
                                  'ff ff ffff'])
def test_an_unknown_qemu_message_ends_the_conversation(head):
    data = bytes.fromhex(head)
    messages, error = read([data])
    assert messages == []
    assert type(error) is RemoteProtocolError
    assert error.step == 'client message'
    assert f'unknown QEMU message {data[1:].hex()}' in str(error)


@pytest.mark.parametrize('size', [65, 255])
def test_a_fence_has_at_most_64_bytes(size):
    messages, error = read([b'\xf8' + bytes(7) + bytes([size])])
    assert messages == []
    assert type(error) is RemoteProtocolError
    assert error.step == 'client message'
    assert f'ClientFence with {size} bytes' in str(error)


@pytest.mark.parametrize('length', [2**20 + 1, 2**31 - 1, -2**20 - 1, -2**31])
def test_a_clipboard_above_the_limit_is_refused_before_it_comes(length):
    head = b'\x06\0\0\0' + length.to_bytes(4, signed=True)
    messages, error = read([head])
    assert messages == []
    assert type(error) is LimitExceeded
    assert error.side is Side.BROWSER
    assert error.step == 'client message CLIENT_CUT_TEXT'
    assert error.length == abs(length) + 8
    assert error.limit == MAX_MESSAGE_BYTES


@pytest.mark.parametrize('length', [2**20, -2**20])
def test_a_clipboard_of_the_limit_is_taken(length):
    data = b'\x06\0\0\0' + length.to_bytes(4, signed=True) + bytes(2**20)
    messages, error = read([data])
    assert error is None
    assert [len(message.data) for message in messages] == [MAX_MESSAGE_BYTES]


def test_the_longest_list_of_encodings_is_below_the_limit():
    data = b'\x02\0\xff\xff' + bytes(4 * 65535)
    messages, error = read([data])
    assert error is None
    assert messages[0].data == data


def test_good_messages_before_a_bad_one_are_not_lost():
    reader = ClientMessageReader()
    messages = reader.receive_data(NEXT + b'\x07')
    assert next(messages).data == NEXT
    with pytest.raises(RemoteProtocolError):
        next(messages)


def test_a_bad_message_is_not_forgotten():
    reader = ClientMessageReader()
    for _ in range(2):
        with pytest.raises(RemoteProtocolError):
            list(reader.receive_data(b'\x07'))


def test_bytes_are_taken_even_if_nobody_looks_at_the_messages_yet():
    reader = ClientMessageReader()
    reader.receive_data(NEXT[:2])
    assert [message.data for message
            in reader.receive_data(NEXT[2:])] == [NEXT]


def test_nothing_gives_nothing():
    assert list(ClientMessageReader().receive_data(b'')) == []


@FEW
@given(st.lists(st.one_of(st.sampled_from(list(WIRE.values())),
                          st.binary(max_size=12)), max_size=6).map(b''.join),
       CUTS)
def test_takes_anything_and_cuts_it_the_same_in_any_split(data, cuts):
    messages_take_anything(data, cuts)
