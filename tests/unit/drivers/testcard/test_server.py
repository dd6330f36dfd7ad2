# SPDX-License-Identifier: Apache-2.0
"""Test cards over real sockets."""

import contextlib
import dataclasses
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import tracemalloc

import pytest

from ironic_console.common.errors import (
    AuthenticationFailed,
    DriverError,
    NoCommonSecurityType,
    PeerClosed,
)
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.server_policy import ServerPolicy
from ironic_console.common.secret import Secret
from ironic_console.drivers.testcard import server as testcard
from ironic_console.drivers.testcard.__main__ import main
from ironic_console.drivers.testcard.certificate import own_identity
from ironic_console.drivers.testcard.loop import (
    HANDSHAKE_TIMEOUT,
    MAX_VIEWERS,
)
from ironic_console.drivers.testcard.server import CardSettings, Fault
from ironic_console.drivers.testcard.viewer import CHUNK_BYTES
from tests.helpers.certificates import Authority
from tests.helpers.clock import FrozenClock
from tests.helpers.viewer import (
    PATIENCE,
    Viewer,
    pack_pointer,
    pack_request,
)

UUID = '1be26c0b-03f2-4d2e-ae87-c02d7f33c123'
SETTINGS = CardSettings(UUID, 'node-1')
SMALL = dataclasses.replace(SETTINGS, width=640, height=480)

# Where a letter is at 1024x768, and the colours there.
FIRST_CELL = 32, 342, 12, 20
PANEL, TYPED = (27, 33, 46), (126, 231, 158)
LAMP = 665, 497
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def server(clock):
    server = testcard.TestCardServer(clock)
    yield server
    server.stop()


def connect(port, host='127.0.0.1'):
    return socket.create_connection((host, port), PATIENCE)


def refuses(port):
    try:
        connect(port).close()
    except ConnectionRefusedError:
        return True
    return False


def descriptors():
    return len(os.listdir('/proc/self/fd'))


def eventually(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, 'it never happens'


def test_shows_its_picture(server):
    with Viewer('127.0.0.1', server.open(SETTINGS)) as viewer:
        assert viewer.server_init.name == b'node-1'
        frame = viewer.look()
        bars = [frame.pixel(20 + 123 * n + 60, 190) for n in range(8)]
        assert bars == [
            WHITE, (191, 191, 0), (0, 191, 191), (0, 191, 0),
            (191, 0, 191), (191, 0, 0), (0, 0, 191), BLACK]
        assert frame.pixel(0, 0) == frame.pixel(1023, 767) == (255, 150, 26)


def test_two_viewers_see_each_others_typing(server):
    port = server.open(SETTINGS)
    with Viewer('127.0.0.1', port) as one, Viewer('127.0.0.1', port) as two:
        before = one.look().colours(*FIRST_CELL)
        two.look()
        assert before == {PANEL, TYPED}         # the cursor
        one.type('x')
        for viewer in (one, two):
            viewer.look_until(lambda frame: frame.pixel(*LAMP) == WHITE)
        two.type(' ')
        for viewer in (one, two):
            viewer.look_until(
                lambda frame: frame.pixel(*LAMP) == (191, 191, 0))
        assert one.look().colours(*FIRST_CELL) == {PANEL, TYPED}


def test_the_pointer_of_one_is_seen_by_the_other(server):
    port = server.open(SETTINGS)
    with Viewer('127.0.0.1', port) as one, Viewer('127.0.0.1', port) as two:
        assert two.look().pixel(80, 180) == WHITE
        one.send(pack_pointer(80, 180))
        two.look_until(lambda frame: frame.pixel(80, 180) == BLACK)


def test_opening_again_is_the_same_card(server):
    port = server.open(SETTINGS)
    with Viewer('127.0.0.1', port) as viewer:
        assert server.open(SETTINGS) == port
        assert server.open(SETTINGS.at_port(port)) == port
        viewer.look()


def test_other_settings_replace_the_card(server):
    port = server.open(SETTINGS)
    with Viewer('127.0.0.1', port) as viewer:
        again = server.open(SMALL.at_port(port))
        assert again == port
        viewer.wait_for_end()
    with Viewer('127.0.0.1', port) as viewer:
        assert viewer.server_init.width == 640


def test_nodes_have_cards_of_their_own(server):
    other = dataclasses.replace(SETTINGS, uuid='u2', name='node-2')
    ports = [server.open(SETTINGS), server.open(other)]
    assert len(set(ports)) == 2
    server.close(UUID)
    assert not server.is_open(UUID)
    assert server.is_open('u2')
    with Viewer('127.0.0.1', ports[1]) as viewer:
        assert viewer.server_init.name == b'node-2'


def test_closing_ends_the_viewers_and_frees_the_port(server):
    port = server.open(SETTINGS)
    with Viewer('127.0.0.1', port) as one, connect(port) as two:
        assert two.recv(12) == b'RFB 003.008\n'
        server.close(UUID)
        assert not server.is_open(UUID)
        assert refuses(port)
        one.wait_for_end()
        assert two.recv(12) == b''
        assert server.open(SETTINGS.at_port(port)) == port


def test_closing_what_is_not_open_is_fine(server):
    server.close('unknown')
    server.open(SETTINGS)
    server.close('unknown')
    server.close(UUID)
    server.close(UUID)


def test_starts_anew_after_it_was_stopped(server):
    port = server.open(SETTINGS)
    server.stop()
    assert not server.is_open(UUID)
    assert refuses(port)
    server.stop()
    server.wake()
    with Viewer('127.0.0.1', server.open(SETTINGS)) as viewer:
        viewer.look()


def test_a_port_in_use_is_named(server):
    with socket.create_server(('127.0.0.1', 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(DriverError,
                           match=f'port {port} of 127.0.0.1 is in use'):
            server.open(SETTINGS.at_port(port))
    assert not server.is_open(UUID)
    assert server.open(SETTINGS.at_port(port)) == port


@pytest.mark.parametrize(('change', 'text'), [
    ({'host': '192.0.2.1'}, 'cannot listen at port 0 of 192.0.2.1'),
    ({'host': 'no such host'}, "'no such host' is not known"),
    ({'host': 'x' * 300}, 'is not known'),
    ({'width': 5}, 'a test card of 5x768 pixels is not possible')])
def test_settings_that_cannot_be_used_are_named(server, change, text):
    with pytest.raises(DriverError, match=text):
        server.open(dataclasses.replace(SETTINGS, **change))
    assert not server.is_open(UUID)
    server.open(SETTINGS)


@pytest.mark.parametrize('host', ['127.0.0.1', '::1', 'localhost'])
def test_listens_at_addresses_of_any_kind(server, host):
    port = server.open(dataclasses.replace(SETTINGS, host=host))
    with Viewer(host, port) as viewer:
        viewer.look()


def test_a_viewer_that_speaks_something_else_is_dropped_alone(server):
    port = server.open(SETTINGS)
    with Viewer('127.0.0.1', port) as other, connect(port) as stranger:
        stranger.sendall(b'GET / HTTP/1.1\r\n\r\n')
        assert stranger.recv(100) == b'RFB 003.008\n'
        with contextlib.suppress(ConnectionResetError):
            assert stranger.recv(100) == b''
        other.look()


def test_a_viewer_that_sends_nonsense_later_is_dropped_alone(server):
    port = server.open(SETTINGS)
    with Viewer('127.0.0.1', port) as other, Viewer('127.0.0.1', port) as bad:
        bad.send(b'\xaa' * 100)
        bad.wait_for_end()
        other.look()


def test_a_client_that_chooses_what_was_not_offered_is_told(server):
    with connect(server.open(SETTINGS)) as sock:
        sock.sendall(b'RFB 003.008\n')
        sock.recv(12)
        assert sock.recv(2) == b'\x01\x01'
        sock.sendall(b'\x02')
        told = b''
        while data := sock.recv(100):
            told += data
        assert told.startswith(b'\x00\x00\x00\x01')


def test_a_handshake_has_a_deadline(server, clock):
    port = server.open(SETTINGS)
    with Viewer('127.0.0.1', port) as established, connect(port) as slow:
        assert slow.recv(100) == b'RFB 003.008\n'
        clock.advance(HANDSHAKE_TIMEOUT - 1)
        server.wake()
        slow.sendall(b'RFB 003.008\n')
        assert slow.recv(100) == b'\x01\x01'
        clock.advance(1)
        server.wake()
        assert slow.recv(100) == b''
        established.look()


def test_drops_each_viewer_some_time_after_it_connected(server, clock):
    port = server.open(dataclasses.replace(
        SETTINGS, fault=Fault.DROPS, fault_seconds=20))
    with Viewer('127.0.0.1', port) as one:
        clock.advance(15)
        server.wake()
        one.look()
        with Viewer('127.0.0.1', port) as two:
            clock.advance(5)
            server.wake()
            one.wait_for_end()
            two.look()
            clock.advance(15)
            server.wake()
            two.wait_for_end()


def test_never_answers_a_byte(server, clock):
    port = server.open(dataclasses.replace(
        SETTINGS, fault=Fault.NEVER_ANSWERS))
    with connect(port) as sock:
        sock.sendall(b'RFB 003.008\n')
        clock.advance(3600)
        server.wake()
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(1)
        sock.settimeout(PATIENCE)
        server.close(UUID)
        # A reset, if the server had not read our bytes yet.
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b''


def test_a_card_has_room_for_so_many_viewers(server):
    port = server.open(SETTINGS)
    with contextlib.ExitStack() as stack:
        inside = [stack.enter_context(connect(port))
                  for _ in range(MAX_VIEWERS)]
        for sock in inside:
            assert sock.recv(12) == b'RFB 003.008\n'
        with connect(port) as outside:
            assert outside.recv(12) == b''
        inside.pop().close()

        def lets_in():
            with connect(port) as sock:
                return sock.recv(12) == b'RFB 003.008\n'

        eventually(lets_in)


def test_viewers_that_never_read_cost_little_and_block_nobody(server):
    port = server.open(SETTINGS)
    slow_viewers = 8
    with contextlib.ExitStack() as stack:
        fast = stack.enter_context(Viewer('127.0.0.1', port))
        fast.look()
        slow = [stack.enter_context(Viewer('127.0.0.1', port))
                for _ in range(slow_viewers)]
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        for viewer in slow:
            viewer.send(pack_request(viewer.whole) * 200)
        for viewer in slow:
            viewer.type('s')
        fast.look_until(lambda frame: frame.pixel(*LAMP) == BLACK)
        for n in range(20):
            fast.send(pack_pointer(300 + n, 200))
            fast.look()
        current, _ = tracemalloc.get_traced_memory()
        # Each holds one piece of an update that its socket did not take; a
        # frame would be 3 MiB.
        assert current < slow_viewers * 2 * CHUNK_BYTES + (1 << 20)


def test_leaves_no_descriptors_and_threads_behind():
    before, threads = descriptors(), threading.active_count()
    for _ in range(3):
        server = testcard.TestCardServer()
        ports = [server.open(CardSettings(f'u{n}', 'x')) for n in range(3)]
        for port in ports * 5:
            with Viewer('127.0.0.1', port) as viewer:
                viewer.look()
            with connect(port) as sock:
                sock.sendall(b'nonsense')
        idle = [connect(port) for port in ports]
        server.close('u1')
        server.stop()
        for sock in idle:
            sock.close()
    assert descriptors() == before
    assert threading.active_count() == threads


def test_viewers_that_have_gone_leave_no_descriptors_behind(server):
    port = server.open(SMALL)
    with Viewer('127.0.0.1', port) as viewer:
        viewer.look()
        before = descriptors()
        for _ in range(50):
            Viewer('127.0.0.1', port).close()
            connect(port).close()
        eventually(lambda: descriptors() == before)


def test_a_loop_that_hangs_is_named_and_may_recover(monkeypatch):
    class Gate(FrozenClock):
        def __init__(self):
            super().__init__()
            self.open = threading.Event()
            self.open.set()
            self.arrived = threading.Event()

        def monotonic(self):
            if not self.open.is_set():
                self.arrived.set()
                self.open.wait(PATIENCE)
            return super().monotonic()

    clock = Gate()
    server = testcard.TestCardServer(clock)
    port = server.open(SMALL)
    other = dataclasses.replace(SMALL, uuid='u2')
    clock.open.clear()
    with connect(port):
        assert clock.arrived.wait(PATIENCE)
        monkeypatch.setattr(testcard, 'ANSWER_TIMEOUT', 0.05)
        with pytest.raises(DriverError, match='does not answer'):
            server.open(other)
        clock.open.set()
        monkeypatch.undo()
        server.open(other)
        with Viewer('127.0.0.1', port) as viewer:
            viewer.look()
    server.stop()


def test_serves_many_threads(server):
    errors = []

    def work(number):
        settings = dataclasses.replace(SMALL, uuid=f'u{number % 3}')
        try:
            for _ in range(10):
                server.open(settings)
                server.is_open(settings.uuid)
                server.close(settings.uuid)
        except Exception as exc:
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE * 3)
    assert not errors
    assert not any(server.is_open(f'u{n}') for n in range(3))


def test_a_small_stack_is_enough(server):
    usual = threading.stack_size(128 * 1024)      # as Ironic sets it
    try:
        port = server.open(SETTINGS)
    finally:
        threading.stack_size(usual)
    with Viewer('127.0.0.1', port) as viewer:
        viewer.send(pack_pointer(10, 10, 1))
        viewer.type('a')
        viewer.look_until(lambda frame: frame.pixel(*LAMP) == WHITE)
        viewer.send(b'\xaa')
        viewer.wait_for_end()


def test_runs_as_a_program_until_it_is_interrupted():
    with subprocess.Popen(
            [sys.executable, '-m', 'ironic_console.drivers.testcard',
             '--size', '800x600', '--name', 'demo'],
            stdout=subprocess.PIPE, text=True,
            preexec_fn=_hears_ctrl_c) as program:
        try:
            word, port = program.stdout.readline().split()
            assert word == 'port'
            with Viewer('127.0.0.1', int(port)) as viewer:
                viewer.look()
                assert viewer.server_init.name == b'demo'
            program.send_signal(signal.SIGINT)
            assert program.wait(PATIENCE) == 0
        finally:
            program.kill()


def _hears_ctrl_c():
    # A shell starts what is to run in the background deaf to it, and all
    # that those start inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_as_a_program_it_says_what_is_wrong(capsys):
    assert main(['--host', '192.0.2.1', '--port', '5901']) == 1
    assert 'cannot listen' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(['--size', 'large'])


# -- security -----------------------------------------------------------------

KNOWN = Credential(Secret('pa55word'), 'operator')
PATIENT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
PATIENT.check_hostname = False
PATIENT.verify_mode = ssl.CERT_NONE
X509 = [SecurityNumber.X509_NONE, SecurityNumber.X509_VNC,
        SecurityNumber.X509_PLAIN]


def demanding(number, settings=SETTINGS):
    return dataclasses.replace(
        settings, policy=ServerPolicy((number,), KNOWN),
        context=own_identity().context)


@pytest.mark.parametrize('number', [SecurityNumber.VNC_AUTH, *X509])
def test_a_card_can_demand_authentication(server, number):
    port = server.open(demanding(number))
    with Viewer('127.0.0.1', port, number, KNOWN, PATIENT) as viewer:
        assert viewer.look().pixel(0, 0) != viewer.frame.pixel(*LAMP)
        viewer.type('a')
        viewer.look_until(lambda frame: TYPED in frame.colours(*FIRST_CELL))
    with pytest.raises(NoCommonSecurityType):
        Viewer('127.0.0.1', port)


def test_cards_have_their_own_demands(server):
    ports = [server.open(SETTINGS), server.open(
        demanding(SecurityNumber.VNC_AUTH, dataclasses.replace(
            SETTINGS, uuid='other')))]
    with Viewer('127.0.0.1', ports[0]) as viewer:
        viewer.look()
    with Viewer('127.0.0.1', ports[1], 2, KNOWN) as viewer:
        viewer.look()


@pytest.mark.parametrize('number', [
    SecurityNumber.VNC_AUTH, SecurityNumber.X509_VNC,
    SecurityNumber.X509_PLAIN])
def test_who_does_not_know_the_password_is_told_and_sees_nothing(server,
                                                                 number):
    port = server.open(demanding(number))
    with pytest.raises(AuthenticationFailed):
        Viewer('127.0.0.1', port, number,
               Credential(Secret('wr0ng'), 'operator'), PATIENT)
    with Viewer('127.0.0.1', port, number, KNOWN, PATIENT) as viewer:
        viewer.look()


def with_client_certificate(certificate, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate.save(tmp_path, 'ours').both_file)
    return context


@pytest.mark.parametrize('number', X509)
def test_a_card_can_demand_a_certificate_of_the_client(server, number,
                                                       tmp_path):
    ours = Authority()
    context = Authority().issue().server_context()
    context.load_verify_locations(cadata=ours.pem.decode())
    context.verify_mode = ssl.CERT_REQUIRED
    port = server.open(dataclasses.replace(demanding(number),
                                           context=context))
    known = with_client_certificate(ours.issue('proxy', client=True),
                                    tmp_path)
    with Viewer('127.0.0.1', port, number, KNOWN, known) as viewer:
        viewer.look()
    foreign = Authority().issue('proxy', client=True)
    for certificate in (None, foreign):
        refused = with_client_certificate(certificate, tmp_path)
        # In TLS 1.3 a client learns of it with the first that it reads.
        with pytest.raises((OSError, PeerClosed)):
            Viewer('127.0.0.1', port, number, KNOWN, refused)


def until_tls(sock):
    """Go as far as the readiness for TLS."""
    sock.sendall(b'RFB 003.008\n')
    assert read(sock, 12 + 2) == b'RFB 003.008\n\x01\x13'
    sock.sendall(b'\x13\x00\x02')
    assert read(sock, 2 + 2 + 4) == b'\0\2\0\1\0\0\1\4'
    sock.sendall(b'\0\0\1\4')
    assert read(sock, 1) == b'\1'


def read(sock, size):
    data = b''
    while len(data) < size:
        piece = sock.recv(size - len(data))
        assert piece
        data += piece
    return data


def ended(sock):
    """Wait for the end, perhaps after an alert."""
    try:
        while sock.recv(1000):
            pass
    except ConnectionResetError:
        pass
    return True


def test_who_is_slow_with_tls_blocks_nobody_and_has_a_deadline(server,
                                                               clock):
    port = server.open(demanding(SecurityNumber.X509_NONE))
    with connect(port) as slow:
        until_tls(slow)
        slow.sendall(b'\x16\x03\x01')           # half a ClientHello
        with Viewer('127.0.0.1', port, 260, None, PATIENT) as other:
            other.look()
            clock.advance(HANDSHAKE_TIMEOUT)
            server.wake()
            assert ended(slow)
            other.look()


def test_what_is_not_tls_ends_that_viewer_alone(server):
    port = server.open(demanding(SecurityNumber.X509_NONE))
    with (Viewer('127.0.0.1', port, 260, None, PATIENT) as other,
          connect(port) as bad):
        until_tls(bad)
        bad.sendall(b'GET / HTTP/1.1\r\n\r\n')
        assert ended(bad)
        other.look()


def test_plain_text_ahead_of_tls_ends_that_viewer(server):
    port = server.open(demanding(SecurityNumber.X509_NONE))
    with connect(port) as bad:
        bad.sendall(b'RFB 003.008\n\x13\x00\x02\0\0\1\4' + b'\x01')
        assert ended(bad)


def test_who_goes_while_tls_is_set_up_leaves_nothing(server):
    port = server.open(demanding(SecurityNumber.X509_NONE))
    with Viewer('127.0.0.1', port, 260, None, PATIENT) as other:
        other.look()
        before = descriptors()
        for said in (b'', b'\x16\x03\x01'):
            with connect(port) as sock:
                until_tls(sock)
                sock.sendall(said)
        eventually(lambda: descriptors() == before)
        other.look()


def test_who_goes_before_tls_begins_leaves_nothing(server):
    port = server.open(demanding(SecurityNumber.X509_NONE))
    before = descriptors()
    for _ in range(20):
        with connect(port) as sock:
            sock.sendall(b'RFB 003.008\n\x13\x00\x02\0\0\1\4')
    eventually(lambda: descriptors() == before)
    with Viewer('127.0.0.1', port, 260, None, PATIENT) as viewer:
        viewer.look()


def test_a_large_screen_passes_tls_to_who_reads_slowly(server):
    port = server.open(demanding(SecurityNumber.X509_NONE))
    with (Viewer('127.0.0.1', port, 260, None, PATIENT) as slow,
          Viewer('127.0.0.1', port, 260, None, PATIENT) as other):
        slow.send(pack_request(slow.whole))
        for _ in range(3):
            other.look()
        slow.read_update()
        assert slow.frame.pixel(40, 100) == other.frame.pixel(40, 100)


def test_a_card_without_a_certificate_serves_no_tls(server, caplog):
    port = server.open(dataclasses.replace(
        demanding(SecurityNumber.X509_NONE), context=None))
    with connect(port) as sock:
        sock.sendall(b'RFB 003.008\n\x13\x00\x02\0\0\1\4')
        assert ended(sock)
    assert 'needs a certificate' in caplog.text


@pytest.mark.parametrize('types', [(), (113,)])
def test_a_card_that_nobody_could_see_is_not_shown(server, types):
    with pytest.raises(DriverError, match=r'security type|implemented'):
        server.open(dataclasses.replace(SETTINGS,
                                        policy=ServerPolicy(types)))
    with Viewer('127.0.0.1', server.open(SETTINGS)) as viewer:
        viewer.look()
