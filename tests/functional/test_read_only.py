# SPDX-License-Identifier: Apache-2.0
"""Who may only look: a hostile client against a real X display.

An X program on the display records all input; the clipboard and the size are
looked at from inside as well. The same client on a read-write session shows
that each of these would be seen.
"""

import contextlib
import dataclasses
import itertools
import pathlib
import random
from collections.abc import Callable, Iterator

import pytest

from ironic_console.common.nodes import NodeRecord
from tests.helpers.client_messages import TYPES, WIRE
from tests.helpers.endpoints import node_at
from tests.helpers.input_recorder import InputRecorder
from tests.helpers.proxy import (
    Browser,
    RunningWorker,
    make_settings,
    path_to,
    ticket_for,
    wait_until,
)
from tests.helpers.raw_viewer import (
    ALL_ENCODINGS,
    RAW,
    RawViewer,
    set_encodings,
)
from tests.helpers.vnc_servers import X11vnc
from tests.helpers.xvnc import Xvnc

NONE, VNC_AUTH = 1, 2
ENABLE_CONTINUOUS_UPDATES, CLIENT_FENCE = 150, 248
# The pointer, with no button down.
ELSEWHERE = bytes.fromhex('05 00 0001 0001')
SHIFT_DOWN = bytes.fromhex('04 01 0000 0000ffe1')
UNTOUCHED = 'what the host has copied'
INVALID = (1002, 'The viewer sent what is not valid RFB.')
REVOKED = (1008, 'The console of this node was switched off.')
CHANGED = (1013, 'The console of this node was set up anew. Connect again.')
NOW_READ_ONLY = (1013, 'Consoles are read-only from now on. Connect again to '
                       'go on watching.')
COLOURS = itertools.count(0x102030, 0x030507)


@pytest.fixture(scope='module')
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xvnc]:
    folder = tmp_path_factory.mktemp('display')
    with Xvnc(folder, '-geometry', '320x240') as display:
        yield display


@pytest.fixture(scope='module')
def x11vnc(tmp_path_factory: pytest.TempPathFactory, display: Xvnc,
           ) -> Iterator[X11vnc]:
    with X11vnc(tmp_path_factory.mktemp('x11vnc'), display) as server:
        yield server


@pytest.fixture(scope='module')
def running_recorder(tmp_path_factory: pytest.TempPathFactory, display: Xvnc,
                     ) -> Iterator[InputRecorder]:
    with InputRecorder(tmp_path_factory.mktemp('xev'), display) as recorder:
        yield recorder


@pytest.fixture
def recorder(running_recorder: InputRecorder) -> InputRecorder:
    running_recorder.take()
    return running_recorder


@pytest.fixture(scope='module')
def worker(tmp_path_factory: pytest.TempPathFactory,
           ) -> Iterator[RunningWorker]:
    with RunningWorker(make_settings(tmp_path_factory.mktemp('proxy')),
                       ) as worker:
        yield worker


@pytest.fixture
def make_read_only(worker: RunningWorker) -> Iterator[Callable[[], None]]:
    """Set [vnc]read_only, as a reload does."""
    def change(on: bool = True) -> None:
        before = worker.settings
        worker.reload(dataclasses.replace(
            before, access=dataclasses.replace(before.access, read_only=on),
            sessions=dataclasses.replace(before.sessions, read_only=on)))
    yield change
    change(False)


@contextlib.contextmanager
def session(worker: RunningWorker, record: NodeRecord,
            read_only: bool = False) -> Iterator[RawViewer]:
    """:param read_only: by its ticket."""
    worker.store.records[record.uuid] = record
    path = path_to(record.uuid, ticket_for(record, read_only=read_only))
    with Browser(worker.address, path) as browser:
        yield RawViewer(browser)
    wait_until(lambda: not worker.sessions(), 'the session is forgotten')


# -- what a hostile client says -----------------------------------------------

# Extensions have to be claimed before their messages may be sent, and each
# SetEncodings takes back what was claimed before.
MESSAGES = [set_encodings(ALL_ENCODINGS)]
for name, message in WIRE.items():
    MESSAGES.append(message)
    if name.startswith('SetEncodings'):
        MESSAGES.append(MESSAGES[0])
MESSAGES.append(ELSEWHERE)
STREAM = b''.join(MESSAGES)


def pieces(seed: int) -> list[bytes]:
    """Cut the stream anywhere."""
    places = random.Random(seed)
    cuts = sorted({0, len(STREAM), *places.choices(range(len(STREAM)),
                                                   k=60)})
    return [STREAM[begin:end] for begin, end in itertools.pairwise(cuts)]


SPLITS = {'all at once': [STREAM], 'message by message': MESSAGES,
          'byte by byte': [bytes((byte,)) for byte in STREAM],
          **{f'random {seed}': pieces(seed) for seed in range(6)}}


@contextlib.contextmanager
def nothing_happens(display: Xvnc, recorder: InputRecorder) -> Iterator[None]:
    """Neither keyboard nor mouse, nor clipboard, nor size."""
    display.copy(UNTOUCHED)
    size = display.size()
    yield
    assert recorder.take() == []
    assert display.clipboard() == UNTOUCHED
    assert display.size() == size


def sees_pictures(viewer: RawViewer, display: Xvnc) -> None:
    """What is painted now arrives; so all that was said was taken."""
    viewer.say(set_encodings([RAW]))
    colour = next(COLOURS)
    display.paint(colour)
    viewer.wait_for_colour(colour)


@pytest.mark.parametrize('split', SPLITS)
def test_nothing_of_a_hostile_client_gets_through(
        worker: RunningWorker, display: Xvnc, recorder: InputRecorder,
        split: str) -> None:
    assert b''.join(SPLITS[split]) == STREAM
    with nothing_happens(display, recorder), session(
            worker, node_at(display.port, NONE), read_only=True) as viewer:
        for _ in range(2):
            viewer.say(*SPLITS[split])
            sees_pictures(viewer, display)


def test_nothing_gets_through_to_x11vnc_either(
        worker: RunningWorker, display: Xvnc, x11vnc: X11vnc,
        recorder: InputRecorder) -> None:
    with nothing_happens(display, recorder), session(
            worker, node_at(x11vnc.port, VNC_AUTH), read_only=True) as viewer:
        viewer.say(*(
            message for message in MESSAGES
            # It closes at an extension that it does not have.
            if message[0] not in (ENABLE_CONTINUOUS_UPDATES, CLIENT_FENCE)))
        sees_pictures(viewer, display)


# -- what would be seen -------------------------------------------------------

@pytest.mark.parametrize(('name', 'event'), [
    ('KeyEvent', 'KeyPress Return'), ('QEMU extended key', 'KeyPress Return'),
    ('PointerEvent', 'MotionNotify'), ('PointerEvent', 'ButtonPress 1')])
def test_the_same_client_may_type_on_a_session_for_that(
        worker: RunningWorker, display: Xvnc, recorder: InputRecorder,
        name: str, event: str) -> None:
    with session(worker, node_at(display.port, NONE)) as viewer:
        viewer.say(MESSAGES[0], ELSEWHERE, WIRE[name])
        recorder.wait_for(event)
        viewer.say(ELSEWHERE)


def test_the_same_client_may_write_the_clipboard_on_a_session_for_that(
        worker: RunningWorker, display: Xvnc) -> None:
    display.copy(UNTOUCHED)
    with session(worker, node_at(display.port, NONE)) as viewer:
        viewer.say(WIRE['ClientCutText'])
        wait_until(lambda: display.clipboard() == 'hello', 'the clipboard')


def test_the_same_client_may_change_the_size_on_a_session_for_that(
        worker: RunningWorker, tmp_path: pathlib.Path) -> None:
    # On a display of its own: x11vnc would not survive that.
    with (Xvnc(tmp_path, '-geometry', '320x240') as display,
          session(worker, node_at(display.port, NONE)) as viewer):
        assert display.size() == (320, 240)
        viewer.say(MESSAGES[0], WIRE['SetDesktopSize'])
        wait_until(lambda: display.size() == (1024, 768), 'the size')


# -- how a session becomes one ------------------------------------------------

@pytest.mark.parametrize('how', ['policy', 'endpoint', 'ticket'])
def test_any_of_three_makes_a_session_read_only(
        worker: RunningWorker, display: Xvnc, recorder: InputRecorder,
        make_read_only: Callable[[], None], how: str) -> None:
    record = node_at(display.port, NONE, read_only=how == 'endpoint')
    if how == 'policy':
        make_read_only()
    with (nothing_happens(display, recorder),
          session(worker, record, how == 'ticket') as viewer):
        viewer.say(*MESSAGES)
        sees_pictures(viewer, display)


# -- what nobody knows --------------------------------------------------------

UNKNOWN = {f'type {number}': bytes((number,)) for number in (
    1, 7, 8, 21, 80, 127, 128, 149, 249, 252, 254)}
UNKNOWN |= {
    'a QEMU message': b'\xff\x02\0\0',
    'QEMU audio': b'\xff\x01\0\x03',
    'a fence with 65 bytes': b'\xf8\0\0\0\0\0\0\0\x41',
    'a clipboard of 2 GiB': b'\x06\0\0\0\x7f\xff\xff\xff',
    'a clipboard of -2 GiB': b'\x06\0\0\0\x80\0\0\0'}


@pytest.mark.parametrize('name', UNKNOWN)
def test_what_has_no_known_length_ends_the_session(
        worker: RunningWorker, display: Xvnc, recorder: InputRecorder,
        name: str) -> None:
    assert UNKNOWN[name][0] not in TYPES - {6, 248, 255}
    with nothing_happens(display, recorder), session(
            worker, node_at(display.port, NONE), read_only=True) as viewer:
        # What stands behind it might be a key event to the server.
        viewer.say(WIRE['KeyEvent'], UNKNOWN[name] + 4 * WIRE['KeyEvent'])
        assert viewer.browser.wait_closed() == INVALID


# -- the end of the right to type ---------------------------------------------

@pytest.fixture(params=['Xvnc', 'x11vnc'])
def typing(request: pytest.FixtureRequest, worker: RunningWorker,
           display: Xvnc, x11vnc: X11vnc, recorder: InputRecorder,
           ) -> Iterator[RawViewer]:
    """A session in which a key is down. x11vnc would leave it so."""
    record = (node_at(display.port, NONE) if request.param == 'Xvnc'
              else node_at(x11vnc.port, VNC_AUTH))
    with session(worker, record) as viewer:
        viewer.say(SHIFT_DOWN)
        recorder.wait_for('KeyPress Shift_L')
        assert 'KeyRelease Shift_L' not in recorder.take()
        yield viewer


def only_node(worker: RunningWorker) -> NodeRecord:
    (record,) = worker.store.records.values()
    return record


def test_keys_are_released_when_read_only_is_switched_on(
        worker: RunningWorker, typing: RawViewer, recorder: InputRecorder,
        make_read_only: Callable[[], None]) -> None:
    make_read_only()
    assert typing.browser.wait_closed() == NOW_READ_ONLY
    recorder.wait_for('KeyRelease Shift_L')


def test_keys_are_released_when_the_endpoint_becomes_read_only(
        worker: RunningWorker, typing: RawViewer, recorder: InputRecorder,
        ) -> None:
    record = only_node(worker)
    endpoint = {**record.info['console_endpoint'], 'read_only': True}
    worker.store.records[record.uuid] = dataclasses.replace(
        record, info={**record.info, 'console_endpoint': endpoint})
    assert typing.browser.wait_closed() == CHANGED
    recorder.wait_for('KeyRelease Shift_L')


def test_keys_are_released_when_the_console_is_disabled(
        worker: RunningWorker, typing: RawViewer, recorder: InputRecorder,
        ) -> None:
    record = only_node(worker)
    worker.store.records[record.uuid] = dataclasses.replace(record,
                                                            enabled=False)
    assert typing.browser.wait_closed() == REVOKED
    recorder.wait_for('KeyRelease Shift_L')


def test_keys_are_released_when_the_browser_vanishes(
        typing: RawViewer, recorder: InputRecorder) -> None:
    typing.browser.http.reset()
    recorder.wait_for('KeyRelease Shift_L')


def test_keys_are_released_when_the_browser_closes(
        typing: RawViewer, recorder: InputRecorder) -> None:
    typing.browser.close_politely()
    recorder.wait_for('KeyRelease Shift_L')


def test_who_has_lost_the_right_to_type_may_come_back_to_look(
        worker: RunningWorker, display: Xvnc, recorder: InputRecorder,
        make_read_only: Callable[[], None]) -> None:
    record = node_at(display.port, NONE)
    with session(worker, record) as viewer:
        make_read_only()
        assert viewer.browser.wait_closed() == NOW_READ_ONLY
    with (nothing_happens(display, recorder),
          session(worker, record) as viewer):
        viewer.say(*MESSAGES)
        sees_pictures(viewer, display)
