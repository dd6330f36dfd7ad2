# SPDX-License-Identifier: Apache-2.0
"""Servers that are easily upset, through the real proxy.

A viewer that asks as noVNC does gets a picture of them where their record
says what they have to be spared, and none where it does not.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers.proxy import (
    IMPATIENT,
    SETUP,
    Browser,
    RunningWorker,
    make_settings,
    node_record,
)
from tests.helpers.raw_viewer import RawViewer, set_encodings
from tests.simulators.rfb_server import (
    IDRAC8_ENCODINGS,
    Behaviour,
    RfbServer,
    good,
    late,
    show,
)

NOVNC = (1, 7, -260, 16, 21, 5, 2, 6, 0, -26, -254, -223, -224, -258, -261,
         -308, -309, -312, -313, -307, -1063131698, -316, 0x574d5664, -239)
COLOUR = 0x2f6fb5
#: Longer than an impatient proxy waits for a handshake, in seconds.
DELAY = 2.0
LATE = "The server's console did not answer in time."

Open = Callable[..., Browser]


@pytest.fixture(scope='module')
def worker(tmp_path_factory: pytest.TempPathFactory,
           request: pytest.FixtureRequest) -> Iterator[RunningWorker]:
    setup = getattr(request, 'param', SETUP)
    with RunningWorker(make_settings(
            tmp_path_factory.mktemp('proxy'), setup=setup)) as worker:
        yield worker


@pytest.fixture
def open_console(worker: RunningWorker) -> Iterator[Open]:
    """Opens a console of a server with some behaviour."""
    with RfbServer(good()) as server:
        def open_console(behaviour: Behaviour, read_only: bool = False,
                         **quirks: Any) -> Browser:
            server.behaviour = behaviour
            record = node_record(server.port, endpoint={'quirks': quirks})
            worker.store.records[record.uuid] = record
            return worker.open(record, read_only=read_only)
        yield open_console


def request(width: int) -> bytes:
    return struct.pack('>BB4H', 3, 0, 0, 0, width, 1)


def read_update(browser: Browser) -> tuple[int, bytes]:
    """:returns: width and pixels of its only rectangle."""
    assert browser.read(4) == b'\0\0\0\1'
    width, height = struct.unpack('>4xHH4x', browser.read(12))
    return width, browser.read(4 * width * height)


# -- encodings ----------------------------------------------------------------

@pytest.mark.parametrize('read_only', [False, True])
def test_a_server_is_asked_for_what_it_bears(open_console: Open,
                                             read_only: bool) -> None:
    with open_console(good(after=show(COLOUR, IDRAC8_ENCODINGS)), read_only,
                      encodings=list(IDRAC8_ENCODINGS)) as browser:
        viewer = RawViewer(browser)
        viewer.say(set_encodings(NOVNC))
        viewer.wait_for_colour(COLOUR)


@pytest.mark.parametrize('read_only', [False, True])
def test_without_the_quirk_there_is_no_picture(open_console: Open,
                                               read_only: bool) -> None:
    with open_console(good(after=show(COLOUR, IDRAC8_ENCODINGS)),
                      read_only) as browser:
        browser.shake_hands()
        browser.send(set_encodings(NOVNC) + request(3))
        # It would have been answered before.
        browser.send(set_encodings((0, 1)) + request(2))
        assert read_update(browser) == (2, COLOUR.to_bytes(4, 'little') * 2)


def test_a_server_that_minds_nothing_is_asked_for_everything(
        open_console: Open) -> None:
    heard = []

    def listen(peer: Any) -> None:
        heard.append(peer.read(4 + 4 * len(NOVNC)))
        peer.send(b'heard')
        peer.wait_for_end()
    with open_console(good(after=listen)) as browser:
        browser.shake_hands()
        browser.send(set_encodings(NOVNC))
        browser.read(5)
    assert heard == [set_encodings(NOVNC)]


def test_keys_arrive_between_encodings(open_console: Open) -> None:
    heard = []
    down, up = (struct.pack('>BBxxI', 4, way, 0xff0d) for way in (1, 0))

    def listen(peer: Any) -> None:
        heard.append(peer.read(8 + 8 + 8 + 4))
        peer.send(b'heard')
        peer.wait_for_end()
    with open_console(good(after=listen), encodings=[0]) as browser:
        browser.shake_hands()
        for byte in down + set_encodings(NOVNC) + up:
            browser.send(bytes((byte,)))
        browser.send(down[:4])
        browser.read(5)
    assert heard == [down + set_encodings((0,)) + up + down[:4]]


def test_who_may_only_look_does_not_type_at_such_a_server(
        open_console: Open) -> None:
    heard = []

    def listen(peer: Any) -> None:
        heard.append(peer.read(8 + len(request(1))))
        peer.send(b'heard')
        peer.wait_for_end()
    with open_console(good(after=listen), True, encodings=[0]) as browser:
        browser.shake_hands()
        browser.send(bytes.fromhex('04 01 0000 0000ff0d 05 01 0001 0001'))
        browser.send(set_encodings(NOVNC) + request(1))
        browser.read(5)
    assert heard == [set_encodings((0,)) + request(1)]


# -- patience -----------------------------------------------------------------

impatient = pytest.mark.parametrize(
    'worker', [IMPATIENT], indirect=True, ids=['impatient'], scope='module')


@impatient
def test_a_late_banner_is_waited_for(open_console: Open) -> None:
    with open_console(late(good(after=show(COLOUR)), DELAY),
                      handshake_timeout=60) as browser:
        viewer = RawViewer(browser)
        viewer.wait_for_colour(COLOUR)


@impatient
def test_without_the_quirk_a_late_banner_is_too_late(
        open_console: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('ironic_console.common.dialer._PROBE_TIMEOUT', 0.1)
    with open_console(late(good(), DELAY)) as browser:
        assert LATE in browser.read_refusal()
        assert browser.wait_closed() == (4504, LATE)
