# SPDX-License-Identifier: Apache-2.0
"""RFB with one viewer, in memory."""

import dataclasses
import datetime
import struct

import pytest

from ironic_console.common.errors import (
    AuthenticationFailed,
    LimitExceeded,
    RemoteProtocolError,
)
from ironic_console.common.rfb.client import ClientHandshake
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.pixel_format import PixelFormat
from ironic_console.common.rfb.server_policy import ServerPolicy
from ironic_console.common.secret import Secret
from ironic_console.drivers.testcard.palette import BARS
from ironic_console.drivers.testcard.picture import Picture
from ironic_console.drivers.testcard.scene import Scene
from ironic_console.drivers.testcard.viewer import CHUNK_BYTES, Viewer
from tests.helpers.viewer import (
    pack_format,
    pack_key,
    pack_pointer,
    pack_request,
)

SIZE = 640, 480
WHOLE = (0, 0, *SIZE)
RGB332 = PixelFormat(8, 8, red_max=7, green_max=7, blue_max=3, red_shift=5,
                     green_shift=2, blue_shift=0)


class Desk:
    """A card with one viewer, and what that viewer was sent."""

    def __init__(self, name='node-1', size=SIZE, policy=None):
        self.scene = Scene(datetime.datetime(2026, 9, 1,
                                             tzinfo=datetime.UTC))
        self.picture = Picture(name, 'uuid', *size)
        self.picture.show(self.scene)
        self.viewer = Viewer(name, self.scene, self.picture, policy)
        self.client = ClientHandshake(
            policy.security_types if policy else [1],
            policy and policy.credential)
        while not self.client.done:
            self.client.receive_data(bytes(self.viewer.data_to_send()))
            if self.client.wants_tls and self.viewer.wants_tls:
                self.client.tls_started()
                self.viewer.tls_started()
            self.viewer.receive_data(self.client.data_to_send())

    def draw(self):
        self.viewer.expose(self.picture.show(self.scene))

    def all_output(self):
        pieces = []
        while piece := self.viewer.data_to_send():
            assert len(piece) < 2 * CHUNK_BYTES
            pieces.append(bytes(piece))
        return b''.join(pieces)

    def update(self, bytes_per_pixel=4):
        """The rectangles of the one update that there is, with pixels."""
        data = self.all_output()
        kind, count = struct.unpack_from('>BxH', data)
        assert kind == 0
        rects, at = {}, 4
        for _ in range(count):
            *box, encoding = struct.unpack_from('>4Hi', data, at)
            assert encoding == 0
            size = box[2] * box[3] * bytes_per_pixel
            rects[tuple(box)] = data[at + 12:at + 12 + size]
            at += 12 + size
        assert at == len(data)
        return rects

    def ask(self, box=WHOLE, incremental=False):
        self.viewer.receive_data(pack_request(box, incremental))


@pytest.fixture
def desk():
    desk = Desk()
    assert not desk.all_output()
    return desk


def test_introduces_the_card(desk):
    init = desk.client.server_init
    assert (init.width, init.height, init.name) == (640, 480, b'node-1')
    assert init.pixel_format == PixelFormat()


def test_a_name_of_any_length_fits_into_the_handshake():
    assert len(Desk('ä' * 9999).client.server_init.name) == 4096


def test_takes_messages_that_arrive_with_the_handshake():
    scene = Scene(datetime.datetime(2026, 9, 1, tzinfo=datetime.UTC))
    viewer = Viewer('x', scene, Picture('x', 'x', 640, 480))
    viewer.data_to_send()
    viewer.receive_data(b'RFB 003.008\n\x01\x01' + pack_key(0x61))
    assert viewer.established
    assert scene.text == 'a'


def test_takes_messages_byte_by_byte(desk):
    for byte in pack_key(0x61) + pack_key(0x62) + pack_request(WHOLE):
        desk.viewer.receive_data(bytes((byte,)))
    assert desk.scene.text == 'ab'
    assert WHOLE in desk.update()


def test_says_nothing_until_it_is_asked(desk):
    desk.scene.text = 'news'
    desk.draw()
    assert not desk.all_output()


def test_sends_the_whole_screen_first(desk):
    desk.ask(incremental=True)
    pixels = desk.update()[WHOLE]
    x, y = 40, 100
    at = (y * 640 + x) * 4
    assert pixels[at:at + 4] == b'\xff\xff\xff\xff'


def test_incremental_requests_wait_for_news(desk):
    desk.ask()
    desk.update()
    desk.ask(incremental=True)
    assert not desk.all_output()
    desk.scene.text = 'x'
    desk.draw()
    cell = desk.picture.text_cell(0, 0)
    assert desk.update().keys() == {
        (cell.x, cell.y, 2 * cell.width, cell.height)}


def test_one_request_gets_one_update(desk):
    desk.ask()
    desk.update()
    desk.scene.text = 'x'
    desk.draw()
    assert not desk.all_output()


def test_the_full_screen_is_sent_again_to_whoever_asks(desk):
    for _ in range(3):
        desk.ask()
        assert desk.update().keys() == {WHOLE}


def test_sends_only_what_was_asked_for_and_keeps_the_rest(desk):
    desk.ask((10, 20, 30, 40))
    assert desk.update().keys() == {(10, 20, 30, 40)}
    desk.ask((10, 20, 30, 40), incremental=True)
    assert not desk.all_output()
    desk.ask(incremental=True)
    assert sum(box[2] * box[3] for box in desk.update()) == (
        640 * 480 - 30 * 40)


@pytest.mark.parametrize(('box', 'clipped'), [
    ((0, 0, 65535, 65535), WHOLE),
    ((639, 479, 65535, 65535), (639, 479, 1, 1)),
    ((600, 0, 100, 10), (600, 0, 40, 10))])
def test_clips_huge_rectangles(desk, box, clipped):
    desk.ask(box)
    assert desk.update().keys() == {clipped}


@pytest.mark.parametrize('box', [
    (0, 0, 0, 0), (10, 10, 0, 5), (10, 10, 5, 0), (640, 0, 5, 5),
    (65535, 65535, 65535, 65535)])
def test_has_no_answer_to_a_request_for_nothing(desk, box):
    desk.ask(box)
    assert not desk.all_output()


def test_sends_pixels_in_the_format_that_was_asked_for(desk):
    desk.viewer.receive_data(pack_format(RGB332))
    desk.ask((10, 80, 620, 1))
    pixels = desk.update(bytes_per_pixel=1)[10, 80, 620, 1]
    colours = dict.fromkeys(pixels)
    white, yellow = list(colours)[:2]
    assert white == 0xff
    assert yellow == 5 << 5 | 5 << 2
    assert len(colours) == len(BARS)


def test_an_update_keeps_the_format_that_it_began_with():
    desk = Desk(size=(1024, 768))
    desk.ask((0, 0, 1024, 768))
    first = desk.viewer.data_to_send()
    desk.viewer.receive_data(pack_format(RGB332))
    desk.ask((0, 0, 2, 2))
    rest = desk.all_output()
    assert len(first) + len(rest) == (
        4 + 12 + 1024 * 768 * 4 + 4 + 12 + 4)


@pytest.mark.parametrize('change', [
    {'bits_per_pixel': 24}, {'true_colour': False}, {'blue_max': 0},
    {'green_shift': 32}])
def test_refuses_hostile_pixel_formats(desk, change):
    hostile = dataclasses.replace(PixelFormat(), **change)
    with pytest.raises(RemoteProtocolError) as caught:
        desk.viewer.receive_data(pack_format(hostile))
    assert caught.value.step == 'SetPixelFormat'


def test_the_pointer_stays_on_the_screen(desk):
    desk.viewer.receive_data(pack_pointer(65535, 65535, 255))
    assert desk.scene.pointer == (639, 479)
    assert desk.scene.buttons == 255


def test_ignores_what_it_never_announced(desk):
    desk.viewer.receive_data(b''.join((
        struct.pack('>BxH2i', 2, 2, 7, -239),               # SetEncodings
        struct.pack('>B3xi', 6, 5), b'paste',               # ClientCutText
        struct.pack('>BB4H', 150, 1, 0, 0, 9, 9),   # continuous updates
        bytes((250, 0, 1, 2)),                              # xvp
        struct.pack('>BBHII', 255, 0, 1, 0x61, 30),         # QEMU key
        pack_key(0x62))))
    assert desk.scene.text == 'b'
    assert not desk.all_output()


def test_unknown_messages_are_an_error(desk):
    with pytest.raises(RemoteProtocolError):
        desk.viewer.receive_data(b'\x63')


def test_endless_messages_are_an_error(desk):
    with pytest.raises(LimitExceeded):
        desk.viewer.receive_data(struct.pack('>B3xi', 6, 2 ** 31 - 1))


def test_tells_a_client_that_chose_what_was_not_offered():
    viewer = Viewer('x', Desk().scene, Desk().picture)
    viewer.data_to_send()
    with pytest.raises(RemoteProtocolError):
        viewer.receive_data(b'GET / HTTP/1.1\r\n')
    assert not viewer.established
    assert not viewer.data_to_send()


def test_many_requests_cost_no_more_than_one(desk):
    for n in range(2000):
        desk.ask((n % 640, n % 480, 2, 2))
    desk.ask()
    desk.draw()
    assert sum(box[2] * box[3] for box in desk.update()) == 640 * 480
    assert not desk.all_output()


# -- security -----------------------------------------------------------------

KNOWN = Credential(Secret('pa55word'), 'operator')


@pytest.mark.parametrize('number', [1, 2, 260, 261, 262])
def test_lets_in_who_proves_what_is_demanded(number):
    desk = Desk(policy=ServerPolicy((number,), KNOWN))
    assert desk.viewer.established
    assert not desk.viewer.wants_tls
    desk.viewer.receive_data(pack_request(WHOLE))
    assert desk.update()


def test_turns_away_who_does_not_know_the_password():
    viewer = Viewer('x', Desk().scene, Desk().picture,
                    ServerPolicy((2,), KNOWN))
    with pytest.raises(AuthenticationFailed):
        viewer.receive_data(b'RFB 003.008\n\x02' + bytes(16))
    assert not viewer.established
    assert b'\0\0\0\x01' in bytes(viewer.data_to_send())


def test_begins_tls_when_all_is_said():
    viewer = Viewer('x', Desk().scene, Desk().picture, ServerPolicy((260,)))
    viewer.receive_data(b'RFB 003.008\n\x13\0\2')
    assert not viewer.wants_tls
    viewer.receive_data((260).to_bytes(4))
    assert viewer.wants_tls
    assert bytes(viewer.data_to_send()).endswith(b'\x01')
    viewer.tls_started()
    assert not viewer.wants_tls
    assert bytes(viewer.data_to_send()) == bytes(4)
