# SPDX-License-Identifier: Apache-2.0
"""The VNC server of the simulated BMC, by a client that shares no code with
it: what attributes do to it, and what goes wrong on demand."""

import contextlib
import hashlib
import pathlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator

import pytest
from Crypto.Cipher import DES

from tests.helpers.bmc import Bmcs
from tests.helpers.proxy import wait_until
from tests.helpers.raw_viewer import RawViewer, set_encodings
from tests.helpers.redfish_client import (
    DELL,
    GOOD_PASSWORD,
    LEGACY,
    RedfishClient,
)
from tests.simulators.redfish_bmc import RedfishBmc
from tools.lab import ports

#: Seconds.
PATIENCE = 20.0
#: What is not to happen would have happened by then.
SHORT = 0.3
OTHER_PASSWORD = 'Zyx98?wv'
RED, BLUE = 0xff0000, 0x0000ff
SSL = {'SSLEncryptionBitLength': '256-Bit or higher'}


class VncClient:
    """One connection. RFC 6143 section 7.

    :param context: for TLS from the first byte.
    """

    def __init__(self, bmc: RedfishBmc, password: str = GOOD_PASSWORD,
                 context: ssl.SSLContext | None = None) -> None:
        self._password = password
        self._host = bmc.host
        self._socket = socket.create_connection((bmc.host, bmc.vnc_port),
                                                PATIENCE)
        if context:
            self.start_tls(context)

    def start_tls(self, context: ssl.SSLContext) -> None:
        self._socket = context.wrap_socket(self._socket,
                                           server_hostname=self._host)

    @property
    def certificate(self) -> bytes:
        """What was shown, DER."""
        assert isinstance(self._socket, ssl.SSLSocket)
        return self._socket.getpeercert(binary_form=True) or b''

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read(self, size: int) -> bytes:
        """:raises EOFError: it ends before."""
        data = b''
        while len(data) < size:
            try:
                piece = self._socket.recv(size - len(data))
            except (ConnectionResetError, ssl.SSLEOFError):
                piece = b''
            if not piece:
                raise EOFError(f'{len(data)} of {size} bytes')
            data += piece
        return data

    def ended(self) -> bool:
        """:returns: whether it ends, in time."""
        with contextlib.suppress(EOFError):
            while True:
                self.read(1)
        return True

    def choose(self) -> bytes:
        """:returns: the security types, of which it takes the first."""
        assert self.read(12) == b'RFB 003.008\n'
        self.send(b'RFB 003.008\n')
        types = self.read(self.read(1)[0])
        self.send(types[:1])
        return types

    def authenticate(self) -> bool:
        """:returns: whether the password was right."""
        key = bytes(int(f'{byte:08b}'[::-1], 2)
                    for byte in self._password.encode().ljust(8, b'\0')[:8])
        self.send(DES.new(key, DES.MODE_ECB).encrypt(self.read(16)))
        return self.read(4) == bytes(4)

    def initialise(self) -> bytes:
        """:returns: ServerInit without the name."""
        self.send(b'\x01')
        init = self.read(20)
        assert self.read(struct.unpack('>I', self.read(4))[0]) == b'OpenVNC'
        return init

    def shake_hands(self) -> None:
        """All of it, as viewers of the other helpers do."""
        assert self.choose() == b'\x02'
        assert self.authenticate(), 'the password is wrong'
        self.initialise()

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def connected(bmc: RedfishBmc, password: str = GOOD_PASSWORD,
              context: ssl.SSLContext | None = None,
              ) -> Iterator[VncClient]:
    with contextlib.closing(VncClient(bmc, password, context)) as client:
        yield client


def admits(bmc: RedfishBmc, password: str) -> bool:
    """:returns: whether that is the password."""
    wait_until_free(bmc)
    with connected(bmc, password) as client:
        assert client.choose() == b'\x02'
        found = client.authenticate()
    wait_until_free(bmc)
    return found


def wait_until_free(bmc: RedfishBmc) -> None:
    """Who has just closed may not be gone yet."""
    wait_until(lambda: not bmc.vnc.state()['viewers'], 'a free session')


def patch(bmcs: Bmcs, bmc: RedfishBmc, **changes: object) -> None:
    path = DELL if bmc.profile.dell_attributes else LEGACY
    assert RedfishClient(bmcs, bmc).ask('PATCH', path, {'Attributes': {
        f'VNCServer.1.{name}': value for name, value in changes.items()
    }}).status == 200


def enabled(bmcs: Bmcs, profile: str = 'idrac9', *, ssl_on: bool = False,
            **knobs: object) -> RedfishBmc:
    """:returns: a BMC with VNC, enabled as a driver does it."""
    bmc = bmcs.start(profile, **knobs)
    patch(bmcs, bmc, Enable='Enabled', Password=GOOD_PASSWORD,
          **(SSL if ssl_on else {}))
    return bmc


def no_checks() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def update(client: VncClient) -> bytes:
    """Ask for the first pixel.

    :returns: the head of the message that comes.
    """
    client.send(b'\x03\x00' + struct.pack('>HHHH', 0, 0, 1, 1))
    return client.read(16)


# -- attributes ---------------------------------------------------------------

def test_shows_a_picture_to_who_knows_the_password(bmcs):
    bmc = enabled(bmcs)
    bmc.paint(RED)
    with connected(bmc) as client:
        viewer = RawViewer(client)
        viewer.wait_for_colour(RED)
        bmc.paint(BLUE)
        viewer.wait_for_colour(BLUE)


def test_paints_what_is_enabled_later(bmcs):
    bmc = enabled(bmcs, colour=BLUE)
    with connected(bmc) as client:
        RawViewer(client).wait_for_colour(BLUE)


def test_does_not_admit_who_does_not_know_the_password(bmcs):
    bmc = enabled(bmcs)
    assert admits(bmc, GOOD_PASSWORD)
    assert not admits(bmc, OTHER_PASSWORD)
    assert not admits(bmc, '')
    assert admits(bmc, GOOD_PASSWORD)
    assert bmc.state()['vnc']['authenticated'] == 2
    assert bmc.state()['vnc']['connections'] == 4


def test_does_not_shut_out_who_fails_often(bmcs):
    bmc = enabled(bmcs)
    assert not any(admits(bmc, 'wrong') for _ in range(8))
    assert admits(bmc, GOOD_PASSWORD)


def test_uses_the_first_eight_characters(bmcs):
    bmc = bmcs.start()
    patch(bmcs, bmc, Enable='Enabled', Password=GOOD_PASSWORD + 'more')
    assert admits(bmc, GOOD_PASSWORD)
    assert admits(bmc, GOOD_PASSWORD + 'less')
    assert bmc.state()['vnc']['password'] == GOOD_PASSWORD


def test_without_a_password_nobody_gets_in(bmcs):
    bmc = bmcs.start()
    patch(bmcs, bmc, Enable='Enabled')
    assert not admits(bmc, '')


def test_is_closed_until_it_is_enabled(bmcs):
    bmc = bmcs.start()
    patch(bmcs, bmc, Password=GOOD_PASSWORD)
    assert not ports.answers(bmc.host, bmc.vnc_port)
    patch(bmcs, bmc, Enable='Enabled')
    assert ports.answers(bmc.host, bmc.vnc_port)
    assert bmc.vnc.display


def test_who_is_disabled_hangs_up_and_does_not_listen(bmcs):
    bmc = enabled(bmcs)
    with connected(bmc) as client:
        client.shake_hands()
        patch(bmcs, bmc, Enable='Disabled')
        assert client.ended()
    assert not ports.answers(bmc.host, bmc.vnc_port)
    assert bmc.vnc.display is None
    patch(bmcs, bmc, Enable='Enabled')
    assert admits(bmc, GOOD_PASSWORD)


def test_a_new_password_ends_who_came_with_the_old_one(bmcs):
    bmc = enabled(bmcs)
    with connected(bmc) as client:
        client.shake_hands()
        patch(bmcs, bmc, Password=OTHER_PASSWORD)
        assert client.ended()
    assert not admits(bmc, GOOD_PASSWORD)
    assert admits(bmc, OTHER_PASSWORD)


def test_a_change_of_something_else_ends_nobody(bmcs):
    bmc = enabled(bmcs)
    with connected(bmc) as client:
        client.shake_hands()
        patch(bmcs, bmc, Enable='Enabled', Password=GOOD_PASSWORD,
              Timeout=3600)
        assert update(client)[0] == 0


def test_moves_to_another_port(bmcs):
    bmc = enabled(bmcs)
    before, after = bmc.vnc_port, ports.free_port()
    patch(bmcs, bmc, Port=after)
    assert admits(bmc, GOOD_PASSWORD)
    assert bmc.vnc_port == after
    assert not ports.answers(bmc.host, before)


def test_says_when_its_port_is_not_to_be_had(bmcs):
    bmc = bmcs.start()
    with socket.create_server((bmc.host, 0)) as other:
        port = other.getsockname()[1]
        patch(bmcs, bmc, Port=port, Enable='Enabled')
        assert str(port) in bmc.state()['vnc']['trouble']
    patch(bmcs, bmc, Password=GOOD_PASSWORD)
    assert bmc.state()['vnc']['trouble'] == ''
    assert admits(bmc, GOOD_PASSWORD)


def test_counts_who_is_in(bmcs):
    bmc = enabled(bmcs)
    active = 'VNCServer.1.ActiveSessions'
    client = RedfishClient(bmcs, bmc)
    with connected(bmc) as viewer:
        viewer.choose()
        assert client.get(DELL).json['Attributes'][active] == 0
        assert viewer.authenticate()
        assert client.get(DELL).json['Attributes'][active] == 1
    wait_until(lambda: not bmc.attributes[active], 'the viewer to be gone')


def test_speaks_3_3_too(bmcs):
    bmc = enabled(bmcs)
    with connected(bmc) as client:
        assert client.read(12) == b'RFB 003.008\n'
        client.send(b'RFB 003.003\n')
        assert client.read(4) == b'\x00\x00\x00\x02'
        assert client.authenticate()
        assert bmc.vnc.live() == 1


@pytest.mark.parametrize(('profile', 'bits'), [('idrac8', 16),
                                               ('idrac9', 32)])
def test_has_the_pixels_of_its_generation(bmcs, profile, bits):
    bmc = enabled(bmcs, profile)
    with connected(bmc) as client:
        client.choose()
        assert client.authenticate()
        width, height, pixel = struct.unpack('>HHB', client.initialise()[:5])
    assert (width, height, pixel) == (1024, 768, bits)


def test_one_without_attributes_is_enabled_by_other_means(bmcs):
    bmc = bmcs.start('idrac7')
    bmc.set_attributes({'VNCServer.1.Enable': 'Enabled',
                        'VNCServer.1.Password': 'old'})
    assert admits(bmc, 'old')


@pytest.mark.parametrize('number', [2, 16, 7, -239, -308, 1464686180])
def test_an_old_one_sends_no_picture_to_who_knows_more_than_it(bmcs, number):
    bmc = enabled(bmcs, 'idrac8', banner_delay=0)
    with connected(bmc) as client:
        client.shake_hands()
        # Also when it comes in pieces, behind other messages.
        said = (b'\x04\x01\x00\x00\x00\x00\x00a' + b'\x05' + bytes(5)
                + b'\x06\x00\x00\x00\x00\x00\x00\x02hi'
                + set_encodings([0, 1, 5, number]))
        for at in range(len(said)):
            client.send(said[at:at + 1])
        client._socket.settimeout(SHORT)
        with pytest.raises(TimeoutError):
            update(client)
        client._socket.settimeout(PATIENCE)
        client.send(set_encodings([5, 0, 1, -223]))
        assert update(client)[0] == 0


def test_a_new_one_bears_all_encodings(bmcs):
    bmc = enabled(bmcs)
    with connected(bmc) as client:
        client.shake_hands()
        client.send(set_encodings([0, 1, 2, 1464686180]))
        assert update(client)[0] == 0


# -- limits -------------------------------------------------------------------

def test_drops_a_second_viewer_until_the_first_has_gone(bmcs):
    bmc = enabled(bmcs)
    with connected(bmc) as first:
        first.shake_hands()
        with connected(bmc) as second:
            assert second.ended()
        assert update(first)[0] == 0
    assert bmc.state()['vnc']['refused'] == 1
    assert admits(bmc, GOOD_PASSWORD)


def test_may_have_as_many_viewers_as_max_sessions_says(bmcs):
    bmc = enabled(bmcs, one_session=False)
    with connected(bmc) as first, connected(bmc) as second:
        first.shake_hands()
        second.shake_hands()
        with connected(bmc) as third:
            assert third.ended()


def test_closes_who_says_nothing_for_long(bmcs):
    bmc = enabled(bmcs)
    # It is up now, so that no step of a handshake takes three seconds.
    assert admits(bmc, GOOD_PASSWORD)
    bmc.turn(idle_scale=1 / 100)
    with connected(bmc) as client:
        client.shake_hands()
        assert client.ended()
    wait_until(lambda: bmc.state()['vnc']['idled'] == 1, 'it to be counted')


def test_input_keeps_a_viewer_alive(bmcs):
    bmc = enabled(bmcs)
    assert admits(bmc, GOOD_PASSWORD)
    bmc.turn(idle_scale=1 / 100)
    end = time.monotonic() + 5
    with connected(bmc) as client:
        client.shake_hands()
        while time.monotonic() < end:
            assert update(client)[0] == 0
            client.read(4)
            time.sleep(0.05)


def test_leaves_nothing_behind(tmp_path):
    before = set(threading.enumerate())
    with Bmcs(tmp_path) as bmcs:
        bmc = enabled(bmcs, colour=RED)
        folder = pathlib.Path(bmc.vnc.display.path).parent
        secret = folder / 'password'
        assert secret.stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700
        assert GOOD_PASSWORD.encode() not in secret.read_bytes()
        assert GOOD_PASSWORD not in pathlib.Path(
            f'/proc/{bmc.vnc.display.pid}/cmdline').read_text()
        client = VncClient(bmc)
        client.shake_hands()
    assert client.ended()
    client.close()
    assert not folder.exists()
    assert not set(threading.enumerate()) - before


def test_says_its_version_late(bmcs):
    bmc = enabled(bmcs, banner_delay=SHORT)
    begin = time.monotonic()
    with connected(bmc) as client:
        client.shake_hands()
    assert time.monotonic() - begin >= SHORT


def test_an_old_one_is_late_of_its_own(bmcs):
    bmc = enabled(bmcs, 'idrac8')
    assert bmc.knobs.banner_delay > 0
    assert admits(bmc, GOOD_PASSWORD)


def test_is_enabled_and_yet_dead(bmcs):
    bmc = enabled(bmcs, vnc_dead=True)
    assert bmc.attributes['VNCServer.1.Enable'] == 'Enabled'
    assert not ports.answers(bmc.host, bmc.vnc_port)
    bmc.turn(vnc_dead=False)
    assert admits(bmc, GOOD_PASSWORD)
    bmc.turn(vnc_dead=True)
    assert not ports.answers(bmc.host, bmc.vnc_port)


def test_keeps_its_old_password(bmcs):
    bmc = enabled(bmcs)
    bmc.turn(ineffective=['VNCServer.1.Password'])
    patch(bmcs, bmc, Password=OTHER_PASSWORD)
    assert admits(bmc, GOOD_PASSWORD)
    assert not admits(bmc, OTHER_PASSWORD)


# -- TLS ----------------------------------------------------------------------

def test_speaks_tls_from_the_first_byte_as_nobody_in_particular(bmcs):
    bmc = enabled(bmcs, ssl_on=True)
    with connected(bmc, context=no_checks()) as client:
        RawViewer(client)
        assert (hashlib.sha256(client.certificate).hexdigest()
                == bmc.vnc.certificates.own.fingerprint)
        assert bmc.vnc.live() == 1
    wait_until_free(bmc)
    with pytest.raises(ssl.SSLCertVerificationError):
        VncClient(bmc, context=bmcs.authority.client_context())


def test_shows_the_certificate_of_https(bmcs):
    bmc = enabled(bmcs, ssl_on=True, presents='https')
    with connected(bmc, context=bmcs.authority.client_context()) as client:
        client.shake_hands()


def test_says_nothing_to_who_waits_for_its_version_without_tls(bmcs):
    bmc = enabled(bmcs, ssl_on=True)
    with connected(bmc) as client:
        client._socket.settimeout(SHORT)
        with pytest.raises(TimeoutError):
            client.read(1)
        client._socket.settimeout(PATIENCE)
        client.send(b'RFB 003.008\n')
        assert client.ended()


def test_carries_much_over_tls(bmcs):
    bmc = enabled(bmcs, ssl_on=True)
    bmc.paint(RED)
    with connected(bmc, context=no_checks()) as client:
        client.shake_hands()
        client.send(b'\x03\x00' + struct.pack('>HHHH', 0, 0, 1024, 768))
        assert len(client.read(1024 * 768 * 4)) == 1024 * 768 * 4


def test_ignores_that_it_should_speak_tls(bmcs):
    bmc = enabled(bmcs, ssl_on=True, tls='ignored')
    assert admits(bmc, GOOD_PASSWORD)


def test_turning_tls_on_ends_who_is_in_without(bmcs):
    bmc = enabled(bmcs)
    with connected(bmc) as client:
        client.shake_hands()
        patch(bmcs, bmc, **SSL)
        assert client.ended()
    with connected(bmc, context=no_checks()) as client:
        client.shake_hands()


@pytest.mark.parametrize('presents', ['own', 'https'])
def test_speaks_tls_inside_vencrypt(bmcs, presents):
    bmc = enabled(bmcs, ssl_on=True, tls='vencrypt', presents=presents)
    context = (no_checks() if presents == 'own'
               else bmcs.authority.client_context())
    with connected(bmc) as client:
        assert client.choose() == b'\x13'
        assert client.read(2) == b'\x00\x02'
        client.send(b'\x00\x02')
        # It is fine; one sub-type; X509Vnc.
        assert client.read(2) == b'\x00\x01'
        assert client.read(4) == struct.pack('>I', 261)
        client.send(struct.pack('>I', 261))
        assert client.read(1) == b'\x01'
        client.start_tls(context)
        assert client.authenticate()
        client.initialise()


def test_who_is_disabled_hangs_up_on_who_never_began_tls(bmcs):
    bmc = enabled(bmcs, ssl_on=True)
    with connected(bmc) as client:
        wait_until(lambda: bmc.vnc.state()['viewers'] == 1, 'it to be there')
        patch(bmcs, bmc, Enable='Disabled')
        assert client.ended()
