# SPDX-License-Identifier: Apache-2.0
"""Lines of a child."""

import os
import tracemalloc

import pytest

from ironic_console.drivers.displays.lines import LineReader


@pytest.fixture
def pipe():
    ours, theirs = os.pipe()
    reader = LineReader(ours, 10)
    ends = [theirs]
    yield reader, ends
    reader.close()
    for end in ends:
        os.close(end)


def test_gives_lines_once_they_are_whole(pipe):
    reader, (end,) = pipe
    os.write(end, b'one\ntw')
    assert reader.read() == ['one']
    assert reader.read() == []
    os.write(end, b'o\n\n')
    assert reader.read() == ['two', '']


def test_cuts_what_is_too_long_wherever_it_was_split(pipe):
    reader, (end,) = pipe
    for _ in range(5):
        os.write(end, b'abcdefgh')
        assert reader.read() == []
    os.write(end, b'\nnext\n')
    assert reader.read() == ['abcdefghab', 'next']


def test_does_not_keep_what_it_will_cut(pipe):
    reader, (end,) = pipe
    tracemalloc.start()
    try:
        for _ in range(100):
            os.write(end, b'x' * 50_000)
            reader.read()
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


def test_gives_what_was_left_when_the_end_comes(pipe):
    reader, ends = pipe
    os.write(ends[0], b'no newline')
    os.close(ends.pop())
    reader.read()
    assert reader.read() == ['no newline']
    assert reader.ended


def test_bytes_that_are_no_text_harm_nobody(pipe):
    reader, (end,) = pipe
    os.write(end, b'\xff\n')
    assert reader.read() == ['\ufffd']


def test_last_words_are_all_there_although_somebody_could_still_speak(pipe):
    reader, (end,) = pipe
    os.write(end, b'1\n' * 20_000)
    os.set_blocking(end, False)
    assert reader.drain() == ['1'] * 20_000
    assert not reader.ended
