# SPDX-License-Identifier: Apache-2.0
"""ByteReader."""

import pytest

from ironic_console.common.rfb.wire import ByteReader


@pytest.fixture
def reader() -> ByteReader:
    reader = ByteReader()
    reader.feed(b'abc')
    reader.feed(b'def')
    return reader


def test_counts_what_it_holds(reader):
    assert len(reader) == 6


def test_gives_fields_in_order_across_feeds(reader):
    assert [reader.take(1), reader.take(4), reader.take(1)] == [
        b'a', b'bcde', b'f']
    assert len(reader) == 0


def test_gives_nothing_and_keeps_all_while_a_field_is_not_whole(reader):
    assert reader.take(7) is None
    assert len(reader) == 6
    reader.feed(b'g')
    assert reader.take(7) == b'abcdefg'


def test_gives_an_empty_field_at_any_time(reader):
    assert reader.take(0) == b''
    assert ByteReader().take(0) == b''


def test_shows_bytes_that_stay(reader):
    assert reader.peek(2) == b'ab'
    assert reader.peek(100) == b'abcdef'
    assert len(reader) == 6


def test_gives_the_rest_once(reader):
    reader.take(2)
    assert reader.take_all() == b'cdef'
    assert reader.take_all() == b''


@pytest.mark.parametrize('kind', [bytes, bytearray, memoryview])
def test_takes_every_kind_of_buffer(kind):
    reader = ByteReader()
    reader.feed(kind(b'ab'))
    assert reader.take(2) == b'ab'


def test_what_it_took_does_not_change_with_the_buffer_of_the_caller():
    buffer = bytearray(b'ab')
    reader = ByteReader()
    reader.feed(buffer)
    buffer[:] = b'xy'
    assert reader.take(2) == b'ab'
