# SPDX-License-Identifier: Apache-2.0
"""Who is made to wait for more bytes, and who never is."""

from ironic_console.novncproxy.pace import GATHER_SECONDS, Pace

ENOUGH = 16 * 1024
MOMENT = GATHER_SECONDS / 20


def trickles(*pieces):
    """:param pieces: size of each, and seconds before it.
    :returns: after which of them one waits for more.
    """
    pace, now = Pace(ENOUGH), 1000.0
    found = []
    for number, (size, pause) in enumerate(pieces):
        now += pause
        if pace.is_trickle(size, now):
            found.append(number)
    return found


def test_many_small_pieces_in_a_row_may_gather():
    found = trickles(*[(1024, MOMENT)] * 30)
    assert found
    # What is small is counted anew after each wait.
    assert min(after - before for before, after in
               zip([-1, *found], found, strict=False)) > 4


def test_an_echo_waits_for_nothing():
    assert not trickles(*[(10, 2 * GATHER_SECONDS)] * 1000)


def test_a_picture_in_a_few_pieces_waits_for_nothing():
    assert not trickles(*[(1400, MOMENT)] * 6)


def test_large_pieces_need_not_gather():
    assert not trickles(*[(ENOUGH, MOMENT)] * 1000)


def test_a_large_piece_or_a_pause_begins_anew():
    small = [(1024, MOMENT)] * 6
    assert not trickles(*small, (ENOUGH, MOMENT), *small, (10, 1.0), *small)
