# SPDX-License-Identifier: Apache-2.0
"""Frames of a browser side, without a connection.

What is refused, and what the browser is told then, is test_websocket.py's.
"""

import random

import hypothesis
import pytest
from hypothesis import strategies as st

from ironic_console.common.channels.frames import (
    MAX_FRAME_BYTES,
    FrameReader,
    Violation,
    frame_head,
)
from tests.helpers import frames
from tests.helpers.frames import BINARY, CLOSE, PING, close_frame, frame

SIZES = st.one_of(st.integers(0, 300),
                  st.sampled_from((125, 126, 65535, 65536)))
EXAMPLES = hypothesis.settings(max_examples=200, derandomize=True,
                               deadline=None, database=None)


def take(*pieces: bytes) -> list[tuple[int, bytes]]:
    reader = FrameReader()
    return [one for piece in pieces for one in reader.receive_data(piece)]


@EXAMPLES
@hypothesis.given(SIZES, st.binary(min_size=4, max_size=4),
                  st.integers(0, 1 << 32))
def test_takes_off_any_mask(size: int, key: bytes, seed: int) -> None:
    payload = random.Random(seed).randbytes(size)
    assert take(frame(payload, key=key)) == [(BINARY, payload)]


@EXAMPLES
@hypothesis.given(st.lists(st.tuples(st.sampled_from((BINARY, PING)),
                                     st.binary(max_size=125))),
                  st.lists(st.integers(1, 40)))
def test_the_split_of_what_comes_does_not_matter(
        sent: list[tuple[int, bytes]], sizes: list[int]) -> None:
    data = b''.join(frame(payload, opcode) for opcode, payload in sent)
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    assert take(*pieces, data) == sent


@EXAMPLES
@hypothesis.given(st.binary(max_size=300), st.integers(0, 300))
def test_any_bytes_are_frames_or_a_violation(data: bytes, place: int,
                                             ) -> None:
    def outcome(*pieces: bytes) -> tuple[list[tuple[int, bytes]], str]:
        reader, found = FrameReader(), []
        try:
            for piece in pieces:
                for one in reader.receive_data(piece):
                    found.append(one)
        except Violation as exc:
            return found, f'{exc.code} {exc}'
        return found, ''
    assert outcome(data) == outcome(data[:place], data[place:])


def test_a_frame_that_is_complete_is_not_kept() -> None:
    reader = FrameReader()
    for _ in range(3):
        for _one in reader.receive_data(frame(bytes(MAX_FRAME_BYTES))):
            continue
    assert not reader._input


def test_gives_what_came_before_a_violation() -> None:
    found = FrameReader().receive_data(frame(b'good') + frame(key=None))
    assert next(found) == (BINARY, b'good')
    with pytest.raises(Violation, match='not masked') as caught:
        next(found)
    assert caught.value.code == 1002


def test_gives_the_payload_of_a_close_frame() -> None:
    assert take(close_frame(1001, 'bye')) == [(CLOSE, b'\x03\xe9bye')]


@pytest.mark.parametrize('size', [0, 125, 126, 65535, 65536])
def test_heads_are_of_the_frames_that_a_browser_reads(size: int) -> None:
    assert frames.FrameReader(upgraded=True).feed(
        frame_head(size) + bytes(size)) == [
            frames.Frame(BINARY, bytes(size))]
