# SPDX-License-Identifier: Apache-2.0
"""From an Endpoint to a Channel, against peers on real sockets."""

import contextlib
import errno
import os
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from ironic_console.common import dialer
from ironic_console.common.addresses import (
    AddressPolicy,
    Resolver,
    parse_networks,
)
from ironic_console.common.channels.base import READ, Channel, wait_for
from ironic_console.common.channels.memory import MemoryChannel
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.channels.websocket import WebSocketChannel
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.endpoint import Endpoint
from ironic_console.common.errors import (
    AuthenticationFailed,
    ConsoleError,
    EndpointNotRfb,
    EndpointTimeout,
    EndpointUnreachable,
    EndpointUntrusted,
    HandshakeRefused,
    HandshakeTimeout,
    Interrupted,
    LimitExceeded,
    NoCommonSecurityType,
    PeerClosed,
    RemoteProtocolError,
    Side,
)
from ironic_console.common.interruption import Interruption
from ironic_console.common.rfb.client import ClientHandshake
from ironic_console.common.rfb.constants import MAX_NAME_BYTES
from ironic_console.common.rfb.handshake import Handshake
from ironic_console.common.rfb.pixel_format import PixelFormat
from ironic_console.common.rfb.server import ServerHandshake
from ironic_console.common.rfb.server_init import ServerInit
from tests.helpers.certificates import Authority
from tests.helpers.channels import (
    MEGABYTES,
    Far,
    in_thread,
    passed,
    soon,
    tcp_pair,
)
from tests.helpers.clock import FrozenClock
from tests.helpers.frames import HEADERS, MASK, PING, FrameReader, frame
from tests.simulators import rfb_server as sim

LOOPBACK = AddressPolicy(parse_networks(['127.0.0.0/8', '::1']))
V3_3, V3_7, V3_8 = sim.BANNERS.values()
GONE = ('closed by peer', 'reset by peer')


def resolver(*addresses: str) -> Resolver:
    """:returns: one for which every name has these addresses, and which
        allows loopback."""
    return Resolver(LOOPBACK, lookup=lambda host: list(addresses))


def dial(port: int, *addresses: str, timeout: float = 10.0,
         interruption: Interruption | None = None) -> TcpChannel:
    return dialer.dial(Endpoint('bmc.example', port), resolver(*addresses),
                       Clock(), timeout, interruption or Interruption())


def open_files() -> set[str]:
    """:returns: our sockets and the like."""
    links = set()
    for name in os.listdir('/proc/self/fd'):
        with contextlib.suppress(OSError):
            links.add(f'{name} {os.readlink(f"/proc/self/fd/{name}")}')
    return {link for link in links
            if 'socket:' in link or 'anon_inode' in link}


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Whatever happens, no socket stays open."""
    before = open_files()
    yield
    assert open_files() <= before


# -- dial ---------------------------------------------------------------------

@pytest.mark.usefixtures('no_leaks')
class TestDial:
    def test_connects(self) -> None:
        with sim.RfbServer(sim.silent()) as server:
            channel = dial(server.port, '127.0.0.1')
            channel.send(b'hello')
            assert server.peer().wait_received(5) == b'hello'
            assert channel.peer == f'bmc.example:{server.port}'
            channel.close()
            assert server.peer().wait_ended() == 'closed by peer'

    def test_connects_to_an_ipv6_literal(self) -> None:
        with sim.RfbServer(sim.silent(), host='::1') as server:
            channel = dialer.dial(Endpoint('::1', server.port), resolver(),
                                  Clock(), 10, Interruption())
            assert channel.peer == f'[::1]:{server.port}'
            channel.close()

    def test_connects_to_an_ipv4_address_in_ipv6_clothes(self) -> None:
        with sim.RfbServer(sim.silent()) as server:
            dial(server.port, '::ffff:127.0.0.1').close()

    def test_a_refusal_is_told_at_once(self) -> None:
        with (sim.refused_port() as (_, port),
              pytest.raises(EndpointUnreachable) as caught):
            dial(port, '127.0.0.1')
        assert str(caught.value) == (
            f'cannot connect to bmc.example:{port} '
            '(127.0.0.1: Connection refused)')
        assert caught.value.close_code == 4503
        assert '127' not in caught.value.public_reason

    def test_every_refusal_is_told(self) -> None:
        with (sim.refused_port() as (_, port),
              pytest.raises(EndpointUnreachable) as caught):
            dial(port, '127.0.0.1', '127.0.0.2', '::1')
        text = str(caught.value)
        assert '127.0.0.1: Connection refused; ::1: ' in text
        assert '127.0.0.2: Connection refused' in text

    def test_a_black_hole_is_given_up_at_the_deadline(self) -> None:
        with sim.black_hole() as (_, port):
            begun = time.monotonic()
            with pytest.raises(EndpointTimeout) as caught:
                dial(port, '127.0.0.1', timeout=0.1)
            assert time.monotonic() - begun < 5
        assert str(caught.value) == (
            f'bmc.example:{port} did not answer within the connect_timeout '
            'of 0.1 s')
        assert caught.value.close_code == 4504

    def test_a_deadline_holds_for_all_addresses_together(self) -> None:
        begun = time.monotonic()
        with (sim.black_hole() as (_, port),
              sim.black_hole('127.0.0.2', port),
              sim.black_hole('127.0.0.3', port),
              pytest.raises(EndpointTimeout)):
            dial(port, '127.0.0.1', '127.0.0.2', '127.0.0.3', timeout=0.1)
        assert time.monotonic() - begun < 5

    def test_a_refusal_beside_a_black_hole_is_told_at_the_deadline(
            self) -> None:
        with (sim.black_hole() as (_, port),
              pytest.raises(EndpointTimeout,
                            match=r'\(127\.0\.0\.2: Connection refused\)')):
            dial(port, '127.0.0.2', '127.0.0.1', timeout=0.1)

    @pytest.mark.parametrize('dead', ['::1', '127.0.0.2'])
    def test_a_dead_address_costs_a_moment_only(self, dead: str) -> None:
        """U16: AAAA dead and A alive connects."""
        with sim.RfbServer(sim.silent()) as server:
            with sim.black_hole(dead, server.port):
                begun = time.monotonic()
                channel = dial(server.port, dead, '127.0.0.1')
                took = time.monotonic() - begun
            assert channel.socket.getpeername()[0] == '127.0.0.1'
            assert dialer.ATTEMPT_DELAY <= took < 5
            channel.close()

    @pytest.mark.parametrize('dead', ['::1', '127.0.0.2'])
    def test_a_refusal_does_not_even_cost_that(
            self, dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dialer, 'ATTEMPT_DELAY', 5.0)
        with sim.RfbServer(sim.silent()) as server:
            begun = time.monotonic()
            dial(server.port, dead, '127.0.0.1').close()
            assert time.monotonic() - begun < dialer.ATTEMPT_DELAY

    def test_goes_on_until_one_answers(self) -> None:
        with sim.RfbServer(sim.silent()) as server:
            with (sim.black_hole('127.0.0.2', server.port),
                  sim.black_hole('127.0.0.3', server.port)):
                channel = dial(server.port, '127.0.0.2', '127.0.0.3',
                               '127.0.0.1')
            assert channel.socket.getpeername()[0] == '127.0.0.1'
            channel.close()
            assert server.peer().wait_ended() == 'closed by peer'
        assert len(server.peers) == 1

    def test_an_address_without_a_route_is_told_at_once(self) -> None:
        policy = AddressPolicy(parse_networks(['255.255.255.255']))
        with pytest.raises(EndpointUnreachable,
                           match=r'\(255\.255\.255\.255: \w+'):
            dialer.dial(Endpoint('255.255.255.255', 5900), Resolver(policy),
                        Clock(), 10, Interruption())

    def test_a_kernel_without_ipv6_still_does_ipv4(
            self, monkeypatch: pytest.MonkeyPatch) -> None:
        class WithoutIpv6(socket.socket):
            def __init__(self, family: int = socket.AF_INET, *others: int,
                         **named: int) -> None:
                if family == socket.AF_INET6:
                    raise OSError(errno.EAFNOSUPPORT,
                                  'Address family not supported by protocol')
                super().__init__(family, *others, **named)
        with sim.RfbServer(sim.silent()) as server:
            with monkeypatch.context() as patch:
                patch.setattr(dialer.socket, 'socket', WithoutIpv6)
                channel = dial(server.port, '::1', '127.0.0.1')
                with pytest.raises(EndpointUnreachable,
                                   match='::1: Address family not supp'):
                    dial(server.port, '::1')
            channel.close()

    def test_running_out_of_file_descriptors_is_an_endpoint_error(
            self, monkeypatch: pytest.MonkeyPatch) -> None:
        def none_left() -> None:
            raise OSError(errno.EMFILE, 'Too many open files')
        with monkeypatch.context() as patch:
            patch.setattr(dialer.selectors, 'DefaultSelector', none_left)
            with pytest.raises(EndpointUnreachable, match='Too many open'):
                dial(5900, '127.0.0.1')

    def test_what_policy_forbids_is_not_dialled(self) -> None:
        with sim.RfbServer(sim.silent()) as server:
            for host in ('127.0.0.1', '127.1', '0x7f.1', '2130706433',
                         '::ffff:127.0.0.1', 'localhost', '0.0.0.0'):
                with pytest.raises(EndpointUntrusted):
                    dialer.dial(Endpoint(host, server.port),
                                Resolver(AddressPolicy()), Clock(), 10,
                                Interruption())
            assert server.peers == []

    def test_dials_what_was_checked(self) -> None:
        """DNS rebinding: the second answer is never asked for."""
        with sim.RfbServer(sim.silent(), host='127.0.0.2') as server:
            answers = [['127.0.0.2'], ['127.0.0.1']]
            policy = AddressPolicy(parse_networks(['127.0.0.2']))
            channel = dialer.dial(
                Endpoint('bmc.example', server.port),
                Resolver(policy, lookup=lambda host: answers.pop(0)),
                Clock(), 10, Interruption())
            assert channel.socket.getpeername()[0] == '127.0.0.2'
            channel.close()

    def test_a_name_that_is_not_resolved_is_given_up_at_the_deadline(
            self) -> None:
        hang = threading.Event()

        def lookup(host: str) -> list[str]:
            hang.wait(10)
            return []
        with pytest.raises(EndpointTimeout, match='was not resolved'):
            dialer.dial(Endpoint('bmc.example', 5900),
                        Resolver(LOOPBACK, lookup=lookup), Clock(), 0.02,
                        Interruption())
        hang.set()

    def test_what_is_interrupted_leaves_no_connection_behind(self) -> None:
        interruption = Interruption()
        with sim.black_hole() as (host, port):
            before = open_files()
            threading.Timer(0.05, interruption.happen).start()
            begin = time.monotonic()
            with pytest.raises(Interrupted):
                dial(port, host, timeout=60, interruption=interruption)
            assert time.monotonic() - begin < 30
            assert open_files() == before

    def test_who_waits_for_a_name_is_interrupted_too(self) -> None:
        hang, interruption = threading.Event(), Interruption()

        def lookup(host: str) -> list[str]:
            interruption.happen()
            hang.wait(10)
            return []
        with pytest.raises(Interrupted):
            dialer.dial(Endpoint('bmc.example', 5900),
                        Resolver(LOOPBACK, lookup=lookup), Clock(), 300,
                        interruption)
        hang.set()

    def test_what_was_interrupted_before_does_not_begin(self) -> None:
        interruption = Interruption()
        interruption.happen()
        with sim.RfbServer(sim.silent()) as server:
            with pytest.raises(Interrupted):
                dial(server.port, '127.0.0.1', interruption=interruption)
            assert server.peers == []


# -- drive --------------------------------------------------------------------

def shake(server: sim.RfbServer, timeout: float = 10.0,
          dialled: Callable[[], None] = lambda: None,
          ) -> tuple[ClientHandshake, ConsoleError | None, list[str]]:
    """Dial, shake hands and close, as the proxy does.

    :param dialled: called in between.
    :returns: the machine, how it failed, and what was heard.
    """
    channel = dial(server.port, '127.0.0.1')
    dialled()
    machine = ClientHandshake()
    heard: list[str] = []
    try:
        dialer.drive(channel, machine,
                     Deadline(Clock(), timeout, 'handshake_timeout'),
                     lambda event: heard.append(str(event)))
    except ConsoleError as exc:
        return machine, exc, heard
    finally:
        channel.close()
    return machine, None, heard


class TestGoodServers:
    @pytest.mark.parametrize('version', ['3.3', '3.7', '3.8'])
    @pytest.mark.parametrize('pace', [0, 0.001])
    def test_lets_us_in(self, version: str, pace: float) -> None:
        """U7: also when it sends byte by byte."""
        behaviour = sim.good(version, width=1024, height=768, name='node-ü')
        if pace:
            behaviour = sim.dribble(behaviour, pace)
        with sim.RfbServer(behaviour) as server:
            machine, error, heard = shake(server)
            assert error is None
            assert machine.server_init == ServerInit(
                1024, 768, PixelFormat(), 'node-ü'.encode())
            chosen = b'' if version == '3.3' else b'\x01'
            assert server.peer().wait_ended() in GONE
            assert server.peer().received == (
                sim.BANNERS[version] + chosen + b'\x01')
            assert heard[-1].startswith('ServerInit 1024x768')

    @pytest.mark.parametrize(('banner', 'answer'), [
        (b'RFB 003.889\n', V3_8), (b'RFB 004.001\n', V3_8),
        (b'RFB 055.008\n', b'RFB 055.008\n')])
    def test_odd_versions_let_us_in(self, banner: bytes, answer: bytes,
                                    ) -> None:
        behaviour = sim.dribble(sim.good(banner=banner))
        with sim.RfbServer(behaviour) as server:
            machine, error, _heard = shake(server)
            assert error is None
            assert machine.done
            assert server.peer().wait_ended() in GONE
            assert server.peer().received == answer + b'\x01\x01'

    def test_odd_security_types_do_not_matter(self) -> None:
        with sim.RfbServer(sim.odd_types()) as server:
            assert shake(server)[1] is None
            assert server.peer().wait_received(14) == V3_8 + b'\x01\x01'

    def test_what_follows_the_handshake_is_handed_on(self) -> None:
        with sim.RfbServer(sim.flood_of(100_000)) as server:
            channel = dial(server.port, '127.0.0.1')
            machine = ClientHandshake()
            dialer.drive(channel, machine, soon(), print)
            data = machine.trailing_data()
            while len(data) < 100_000:
                assert wait_for(channel, READ, soon())
                data += channel.receive() or b''
            assert data == (sim.PATTERN * 2)[:100_000]
            channel.close()
            assert server.peer().sent == 100_000 + 51


#: How a server that hangs up leaves a handshake of version 3.8: number of
#: bytes sent so far -> what was being read.
STEPS = {
    'ProtocolVersion': range(12),
    'number of security types': range(12, 13),
    'security types': range(13, 14),
    'SecurityResult': range(14, 18),
    'framebuffer size in ServerInit': range(18, 22),
    'pixel format in ServerInit': range(22, 38),
    'length of name in ServerInit': range(38, 42),
    'name in ServerInit': range(42, 51),
}


def test_what_the_peer_has_said_before_is_heard_first() -> None:
    near, far = MemoryChannel.pair()
    machine = ServerHandshake(ServerInit(
        8, 8, PixelFormat(), b'x'))
    far.send(b'\x01\x01more')
    dialer.drive(near, machine, soon(), [].append, b'RFB 003.008\n')
    assert machine.done
    assert machine.trailing_data() == b'more'
    assert far.receive().startswith(b'RFB 003.008\n')
    near.close()
    far.close()


class TestTls:
    """Where TLS begins the loop ends, and goes on over another channel."""

    def test_stops_where_tls_begins_and_goes_on_inside(self) -> None:
        near, far = MemoryChannel.pair()
        machine = ClientHandshake((260,))
        events: list[object] = []
        far.send(b'RFB 003.008\n' + b'\x01\x13' + b'\0\2'
                 + b'\0\x01' + (260).to_bytes(4) + b'\x01')
        dialer.drive(near, machine, soon(), events.append)
        assert machine.wants_tls
        assert not machine.done
        assert str(events[-1]) == 'TLS'
        inside, beyond = MemoryChannel.pair()
        machine.tls_started()
        beyond.send(bytes(4) + sim.pack_server_init(800, 600, b'x'))
        dialer.drive(inside, machine, soon(), events.append)
        assert machine.done
        assert machine.server_init.name == b'x'
        for channel in (near, far, inside, beyond):
            channel.close()

    def test_what_came_too_early_is_not_taken_for_said_inside(self) -> None:
        near, far = MemoryChannel.pair()
        machine = ClientHandshake((260,))
        far.send(b'RFB 003.008\n' + b'\x01\x13' + b'\0\2'
                 + b'\0\x01' + (260).to_bytes(4) + b'\x01' + bytes(4))
        with pytest.raises(RemoteProtocolError, match='where TLS begins'):
            dialer.drive(near, machine, soon(), [].append)
        near.close()
        far.close()


class TestBadServers:
    """Error class, step, what the peer was sent, and both sides closed."""

    def fails(self, behaviour: sim.Behaviour, kind: type[ConsoleError],
              step: str, told: bytes, timeout: float = 10.0,
              ) -> ConsoleError:
        with sim.RfbServer(behaviour) as server:
            machine, error, _heard = shake(server, timeout)
            assert type(error) is kind
            assert machine.step == step
            if not isinstance(error, EndpointNotRfb):
                assert error.side is Side.ENDPOINT
            assert server.peer().wait_ended()
            assert server.peer().received == told
            return error

    @pytest.mark.parametrize(('step', 'after'), [
        (step, count) for step, counts in STEPS.items() for count in counts])
    def test_one_that_closes(self, step: str, after: int) -> None:
        with sim.RfbServer(sim.cut(sim.good(), after)) as server:
            _machine, error, _heard = shake(server)
            assert isinstance(error, RemoteProtocolError)
            assert error.step == step
            if isinstance(error, PeerClosed):
                assert 'peer closed while we read this' in str(error)
                assert error.received == (
                    after if after < 4 else after - (
                        4 if after < 12 else STEPS[step][0]))

    @pytest.mark.parametrize(('step', 'after'), [
        (step, counts[-1]) for step, counts in STEPS.items()])
    def test_one_that_resets(self, step: str, after: int) -> None:
        """F6."""
        gate = threading.Event()

        def behave(peer: sim.Peer) -> None:
            # A reset before the handshake would be one of the connect.
            gate.wait(10)
            sim.cut(sim.good(), after, reset=True)(peer)
        with sim.RfbServer(behave) as server:
            _machine, error, _heard = shake(server, dialled=gate.set)
            assert type(error) is RemoteProtocolError
            assert error.step == step
            assert 'connection broke' in str(error)
            assert server.peer().wait_ended() == 'reset'

    @pytest.mark.parametrize(('behaviour', 'spoken'), [
        (sim.says(sim.HTTP_400, close=True), 'answered HTTP'),
        (sim.says(sim.SSH_BANNER), 'answered SSH'),
        (sim.says(sim.TLS_ALERT, close=True), 'answered TLS'),
        (sim.dribble(sim.says(sim.SSH_BANNER)), 'answered SSH')])
    def test_one_that_is_no_vnc_server(self, behaviour: sim.Behaviour,
                                       spoken: str) -> None:
        error = self.fails(behaviour, EndpointNotRfb, 'ProtocolVersion', b'')
        assert error.spoken == spoken
        assert error.public_reason == f'This is not a VNC server: it {spoken}.'

    @pytest.mark.parametrize('version', ['3.3', '3.7', '3.8'])
    def test_one_that_refuses(self, version: str) -> None:
        error = self.fails(sim.refuses(version, b'too many sessions'),
                           HandshakeRefused,
                           'reason of the refusal', sim.BANNERS[version])
        assert error.reason == 'too many sessions'
        assert 'sessions' not in error.public_reason

    @pytest.mark.parametrize(('version', 'offer'), [
        ('3.3', b''), ('3.7', b''), ('3.8', b'')])
    def test_one_that_wants_a_password(self, version: str, offer: bytes,
                                       ) -> None:
        step = 'security type' if version == '3.3' else 'security types'
        error = self.fails(sim.only_vnc_auth(version), NoCommonSecurityType,
                           step, sim.BANNERS[version] + offer)
        assert error.offered == (2,)
        assert error.allowed == (1,)

    def test_one_that_fails_the_authentication(self) -> None:
        error = self.fails(
            sim.says(V3_8, b'\x01\x01', b'\0\0\0\x01\0\0\0\x03no!'),
            AuthenticationFailed, 'reason of the failure', V3_8 + b'\x01')
        assert error.reason == 'no!'

    @pytest.mark.parametrize(('behaviour', 'step', 'told'), [
        (sim.silent(), 'ProtocolVersion', b''),
        (sim.says(V3_8[:5]), 'ProtocolVersion', b''),
        (sim.says(V3_8), 'number of security types', V3_8),
        (sim.many_types(), 'security types', V3_8),
        (sim.says(V3_8, b'\x01\x01'), 'SecurityResult', V3_8 + b'\x01')])
    def test_one_that_falls_silent(self, behaviour: sim.Behaviour, step: str,
                                   told: bytes) -> None:
        error = self.fails(behaviour, HandshakeTimeout, step, told, 0.1)
        assert error.step == step
        assert str(error) == (f'endpoint side, {step}: nothing came within '
                              'the handshake_timeout of 0.1 s')
        assert error.close_code == 4504

    def test_one_that_dribbles_gets_no_longer_than_the_deadline(self) -> None:
        """The whole handshake has one deadline, not each read."""
        error = self.fails(
            sim.dribble(sim.says(V3_8, b'\xff' + b'\x02' * 254), 0.01),
            HandshakeTimeout, 'security types', V3_8, 0.3)
        assert 'handshake_timeout of 0.3 s' in str(error)

    @pytest.mark.parametrize(('behaviour', 'step', 'told'), [
        (sim.reason_bomb('3.3'), 'reason of the refusal', V3_3),
        (sim.reason_bomb('3.7'), 'reason of the refusal', V3_7),
        (sim.reason_bomb('3.8'), 'reason of the refusal', V3_8),
        (sim.failure_bomb(), 'reason of the failure', V3_8 + b'\x01'),
        (sim.name_bomb(), 'name in ServerInit', V3_8 + b'\x01\x01')])
    def test_one_that_announces_four_gigabytes(
            self, behaviour: sim.Behaviour, step: str, told: bytes) -> None:
        """U11."""
        tracemalloc.start()
        try:
            error = self.fails(behaviour, LimitExceeded, f'length of {step}',
                               told)
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()
        assert error.step == step
        assert error.length == 0xffffffff
        assert error.limit <= MAX_NAME_BYTES

    def test_nothing_stays_open(self) -> None:
        before = open_files()
        for behaviour in (sim.good(), sim.cut(sim.good(), 20),
                          sim.cut(sim.good(), 20, reset=True),
                          sim.refuses(), sim.name_bomb()):
            with sim.RfbServer(behaviour) as server:
                for _ in range(5):
                    shake(server)
        assert open_files() <= before


class TestBrowsers:
    """The same loop with the machine of the other side."""

    INIT = ServerInit(800, 600, PixelFormat(), b'node')
    SPEECH = b'RFB 003.008\n' + b'\x01' + b'\x01'

    def test_a_browser_may_dribble(self) -> None:
        """U7, from the other side."""
        near, far = tcp_pair()
        browser = Far(far)

        def talk() -> None:
            for byte in self.SPEECH:
                browser.send(frame(bytes([byte])))
        machine = ServerHandshake(self.INIT)
        channel = WebSocketChannel(TcpChannel(near, ''), HEADERS)
        with in_thread(talk):
            dialer.drive(channel, machine, soon(), print)
        assert machine.done
        heard = b''
        reader = FrameReader()
        channel.close()
        while data := browser.receive_some():
            heard += b''.join(one.payload for one in reader.feed(data))
        assert heard == (b'RFB 003.008\n\x01\x01\0\0\0\0' + self.INIT.pack())
        browser.close()

    def test_a_browser_may_dribble_each_byte_of_a_frame(self) -> None:
        near, far = tcp_pair()
        browser = Far(far)

        def talk() -> None:
            for byte in b''.join(frame(bytes([one])) for one in self.SPEECH):
                browser.send(bytes([byte]))
        machine = ServerHandshake(self.INIT)
        channel = WebSocketChannel(TcpChannel(near, ''), HEADERS)
        with in_thread(talk):
            dialer.drive(channel, machine, soon(), print)
        assert machine.done
        channel.close()
        browser.close()

    @pytest.mark.parametrize('nonsense', [
        frame(b'', PING), frame(b''), frame(b'x' * 200)[:1]])
    def test_nonsense_without_end_ends_at_the_deadline(self, nonsense: bytes,
                                                       ) -> None:
        """Something comes all the time, and never what is waited for."""
        class Ticking(FrozenClock):
            def monotonic(self) -> float:
                self.advance(0.01)
                return super().monotonic()
        near, far = tcp_pair()
        channel = WebSocketChannel(Endless(near, nonsense), HEADERS)
        far.sendall(b'readable')
        machine = ServerHandshake(self.INIT)
        with pytest.raises(HandshakeTimeout) as caught:
            dialer.drive(channel, machine,
                         Deadline(Ticking(), 1, 'browser_handshake_timeout'),
                         print)
        assert caught.value.side is Side.BROWSER
        assert caught.value.step == 'ProtocolVersion'
        assert 'browser_handshake_timeout of 1 s' in str(caught.value)
        channel.close()
        far.close()

    def test_one_that_reads_nothing_ends_at_the_deadline(self) -> None:
        near, far = tcp_pair()
        channel = TcpChannel(near, '')
        far.sendall(self.SPEECH)
        while channel.send(MEGABYTES):
            continue
        with pytest.raises(HandshakeTimeout) as caught:
            dialer.drive(channel, ServerHandshake(self.INIT), passed(),
                         print)
        assert caught.value.step == 'ProtocolVersion'
        channel.close()
        far.close()

    def test_a_violation_of_the_websocket_is_the_error(self) -> None:
        near, far = tcp_pair()
        far.sendall(frame(b'RFB', key=None))
        channel = WebSocketChannel(TcpChannel(near, ''), HEADERS)
        with pytest.raises(RemoteProtocolError, match='not masked'):
            dialer.drive(channel, ServerHandshake(self.INIT), soon(), print)
        channel.close()
        far.close()


class Endless(TcpChannel):
    """A connection on which the same comes again and again."""

    def __init__(self, sock: socket.socket, data: bytes) -> None:
        super().__init__(sock, 'endless')
        self._once = [frame(b'', key=MASK)]
        self._data = data
        self._reads = 0

    def receive(self) -> bytes | None:
        self._reads += 1
        assert self._reads < 5000, 'it never gives up'
        # The beginning of a frame once, then nothing that completes it.
        if len(self._data) == 1:
            data, self._data = self._data, b''
            return data
        return self._data or None


class LastWords(Handshake):
    """Fails at once, and has something to say about it."""

    def steps(self) -> Iterator[None]:  # type: ignore[override]
        yield from self.read(1, 'anything')
        self.emit('an event')
        self.send(b'I do not like this')
        raise RemoteProtocolError(self.side, 'anything', 'not liked')


class TestLastWords:
    def drive(self, channel: Channel, deadline: Deadline) -> list[object]:
        events: list[object] = []
        with pytest.raises(RemoteProtocolError, match='not liked'):
            dialer.drive(channel, LastWords(Side.ENDPOINT), deadline,
                         events.append)
        return events

    def test_the_peer_is_told_what_was_wrong(self) -> None:
        near, far = MemoryChannel.pair()
        far.send(b'?')
        assert self.drive(near, soon()) == ['an event']
        assert far.receive() == b'I do not like this'
        near.close()
        far.close()

    def test_the_error_stays_when_the_peer_has_gone(self) -> None:
        near, far = MemoryChannel.pair()
        far.send(b'?')
        far.close()
        self.drive(near, soon())
        near.close()

    def test_the_error_stays_when_the_peer_does_not_read(self) -> None:
        near, far = MemoryChannel.pair()
        far.send(b'?')
        while near.send(MEGABYTES):
            continue
        self.drive(near, passed())
        near.close()
        far.close()


# -- identify_silent_peer -----------------------------------------------------

AUTHORITY = Authority()


class TestIdentifySilentPeer:
    def identify(self, behaviour: sim.Behaviour) -> EndpointNotRfb | None:
        with sim.RfbServer(behaviour) as server:
            channel = dial(server.port, '127.0.0.1')
            try:
                return dialer.identify_silent_peer(channel, Clock())
            finally:
                channel.close()

    @pytest.fixture
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dialer, '_PROBE_TIMEOUT', 0.05)

    def test_a_web_server(self) -> None:
        error = self.identify(sim.web_server)
        assert error is not None
        assert error.spoken == 'answered HTTP'
        assert error.public_reason == (
            'This is not a VNC server: it answered HTTP.')
        assert str(error).startswith(
            'this is not a VNC server: it answered HTTP: b')

    def test_a_tls_server(self) -> None:
        error = self.identify(sim.tls_server(
            AUTHORITY.issue().server_context()))
        assert error is not None
        assert error.spoken == 'answered TLS'

    @pytest.mark.parametrize(('answer', 'spoken'), [
        (b'HTTP/1.1 200 OK\r\n', 'answered HTTP'),
        (b'<!DOCTYPE html>', 'answered HTTP'),
        (b'\x15\x03\x01\x00\x02\x02\x46', 'answered TLS'),
        (b'what?', 'answered something else')])
    @pytest.mark.parametrize('wrapped', [lambda one: one, sim.dribble])
    def test_anything_that_answers(
            self, answer: bytes, spoken: str,
            wrapped: Callable[[sim.Behaviour], sim.Behaviour]) -> None:
        error = self.identify(wrapped(sim.says(b'', answer)))
        assert error is not None
        assert error.spoken == spoken

    @pytest.mark.parametrize('behaviour', [
        sim.silent(),
        sim.says(b'', b'?'),
        sim.says(b'', b'?', close=True),
        sim.says(b'', close=True),
        sim.says(b'', b'', close=True),
        sim.says(b'', b'', reset=True),
        sim.says(b'', V3_8)])
    @pytest.mark.usefixtures('impatient')
    def test_who_says_nothing_of_use_is_not_known(
            self, behaviour: sim.Behaviour) -> None:
        assert self.identify(behaviour) is None

    @pytest.mark.usefixtures('impatient')
    def test_who_takes_no_question_is_not_known(self) -> None:
        near, far = MemoryChannel.pair()
        while near.send(MEGABYTES):
            continue
        assert dialer.identify_silent_peer(near, Clock()) is None
        near.close()
        far.close()

    def test_who_has_gone_is_not_known(self) -> None:
        near, far = MemoryChannel.pair()
        far.close()
        assert dialer.identify_silent_peer(near, Clock()) is None
        near.close()

    def test_the_error_shows_little_of_the_answer(self) -> None:
        error = self.identify(sim.says(b'', b'HTTP/1.1 ' + b'x' * 10000))
        assert error is not None
        assert len(str(error)) < 200
        assert 'x' not in error.public_reason
