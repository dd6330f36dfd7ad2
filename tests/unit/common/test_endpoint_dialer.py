# SPDX-License-Identifier: Apache-2.0
"""From an Endpoint to a channel after ServerInit, against real sockets."""

import contextlib
import hashlib
import logging
import pathlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from ironic_console.common import dialer, endpoint_dialer
from ironic_console.common.addresses import (
    AddressPolicy,
    Resolver,
    parse_networks,
)
from ironic_console.common.channels.base import send_all
from ironic_console.common.channels.cipher import CipherChannel
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.channels.tls import TlsChannel
from ironic_console.common.clock import Clock
from ironic_console.common.endpoint import Endpoint, Quirks, TlsPolicy
from ironic_console.common.endpoint_dialer import (
    EndpointDialer,
    OpenEndpoint,
)
from ironic_console.common.errors import (
    AuthenticationFailed,
    CertificateRejected,
    ConfigError,
    ConsoleError,
    EndpointClosed,
    EndpointNotRfb,
    EndpointTimeout,
    EndpointTlsFailed,
    EndpointUnreachable,
    HandshakeTimeout,
    NoCommonSecurityType,
    PeerClosed,
    RemoteProtocolError,
)
from ironic_console.common.interruption import Interruption
from ironic_console.common.rfb.constants import SecurityNumber as Number
from ironic_console.common.rfb.credential import Credential, default_types
from ironic_console.common.rfb.pixel_format import PixelFormat
from ironic_console.common.rfb.server import ServerHandshake
from ironic_console.common.rfb.server_init import ServerInit
from ironic_console.common.rfb.server_policy import ServerPolicy
from ironic_console.common.secret import Secret
from ironic_console.common.tls import ClientTls, EndpointTls
from tests.helpers.certificates import Authority
from tests.helpers.channels import receive_all, soon
from tests.helpers.proxy import Holdings
from tests.simulators import rfb_server as sim

AUTHORITY = Authority()
CERTIFICATE = AUTHORITY.issue('bmc.example')
CONTEXT = CERTIFICATE.server_context()
CA = TlsPolicy()
PIN = TlsPolicy('fingerprint', '', hashlib.sha256(
    ssl.PEM_cert_to_DER_cert(CERTIFICATE.cert.decode())).hexdigest())
KNOWN = Credential(Secret('pa55word'), 'operator')
NONE = (Number.NONE,)
NO_QUIRKS = Quirks()
INIT = ServerInit(640, 480, PixelFormat(), b'bmc')


def rfb_server(policy: ServerPolicy,
               context: ssl.SSLContext | None = CONTEXT,
               after: sim.Behaviour = sim.echo) -> sim.Behaviour:
    """A server that demands authentication, in the simulator's clothes.

    :param context: for TLS inside the handshake.
    """
    def behave(peer: sim.Peer) -> None:
        machine = ServerHandshake(INIT, policy)
        while not machine.done:
            peer.send(machine.data_to_send())
            if machine.wants_tls:
                peer.socket = _accept(peer, context)
                machine.tls_started()
                continue
            try:
                machine.receive_data(peer.receive())
            except ConsoleError:
                peer.send(machine.data_to_send())
                peer.close()
        peer.send(machine.data_to_send())
        cipher = machine.cipher
        if not cipher:
            after(peer)
        while cipher:
            peer.send(cipher.encrypt(cipher.decrypt(peer.receive())))
    return behave


def _accept(peer: sim.Peer, context: ssl.SSLContext | None) -> ssl.SSLSocket:
    assert context
    try:
        return context.wrap_socket(peer.socket, server_side=True)
    except OSError as exc:
        peer.socket.close()
        raise sim.PeerGone from exc


def anonymous_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers('ADH:AECDH:@SECLEVEL=0')
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Whatever happens, nothing stays open."""
    before = Holdings.now()
    yield
    before.wait_for_return()


@pytest.fixture
def serve() -> Iterator[Callable[..., sim.RfbServer]]:
    with contextlib.ExitStack() as stack:
        yield lambda behaviour: stack.enter_context(
            sim.RfbServer(behaviour))


@pytest.fixture
def dial(tmp_path: pathlib.Path) -> Iterator[Callable[..., OpenEndpoint]]:
    """Opens endpoints; the first argument is a server or a port."""
    ca_file = tmp_path / 'ca.pem'
    ca_file.write_bytes(AUTHORITY.pem)
    resolver = Resolver(AddressPolicy(parse_networks(['127.0.0.0/8'])),
                        lookup=lambda host: ['127.0.0.1'])
    opened = []

    def dial(server: 'sim.RfbServer | int', types: tuple[int, ...] = NONE,
             credential: Credential | None = None, *, scheme: str = 'vnc',
             tls: TlsPolicy = CA, allow_unverified: bool = False,
             timeout: float = 10.0, events: list[object] | None = None,
             quirks: Quirks = NO_QUIRKS) -> OpenEndpoint:
        port = server if isinstance(server, int) else server.port
        maker = EndpointDialer(
            resolver, EndpointTls(ClientTls(
                str(ca_file), allow_unverified=allow_unverified)),
            Clock(), timeout, timeout)
        listener = events.append if events is not None else (
            lambda event: None)
        opened.append(maker.open(
            Endpoint('bmc.example', port, scheme, types, tls=tls,
                     quirks=quirks),
            credential, listener))
        return opened[-1]
    yield dial
    for one in opened:
        one.channel.close()


def assert_echoes(opened: OpenEndpoint) -> None:
    assert send_all(opened.channel, b'hello', soon())
    assert receive_all(opened.channel, 5) == b'hello'


def gone(server: sim.RfbServer, number: int = 0) -> bool:
    return server.peer(number).wait_ended() in (
        'closed by peer', 'reset by peer', 'closed')


# -- plain RFB ----------------------------------------------------------------

def test_opens_what_asks_for_nothing(dial, serve):
    events = []
    server = serve(sim.echo_server())
    opened = dial(server, events=events)
    assert opened.handshake.server_init.name == b'simulator'
    assert type(opened.channel) is TcpChannel
    assert any('NONE (1)' in str(event) for event in events)
    assert_echoes(opened)


def test_nothing_is_lost_that_came_behind_server_init(dial, serve):
    server = serve(sim.says(
        b'RFB 003.008\n', b'\x01\x01', bytes(4),
        sim.pack_server_init(800, 600, b'x') + b'pixels'))
    assert dial(server).handshake.trailing_data() == b'pixels'


def test_none_is_for_those_who_ask_for_it(dial, serve):
    server = serve(sim.echo_server())
    with pytest.raises(ConfigError, match='no security type'):
        dial(server, ())
    assert not server.peers, 'it must not even be dialled'
    with pytest.raises(NoCommonSecurityType) as caught:
        dial(server, (), KNOWN)
    assert caught.value.offered == NONE
    assert caught.value.allowed == default_types(KNOWN)
    assert 'NONE (1)' in str(caught.value)
    assert 'VNC_AUTH (2)' in str(caught.value)
    assert gone(server)


def test_a_credential_is_enough_for_what_authenticates(dial, serve):
    server = serve(rfb_server(ServerPolicy((Number.VNC_AUTH,), KNOWN)))
    assert_echoes(dial(server, (), KNOWN))


def test_the_strongest_that_is_allowed_is_taken(dial, serve):
    server = serve(rfb_server(ServerPolicy(
        (Number.NONE, Number.VNC_AUTH, Number.X509_VNC), KNOWN)))
    opened = dial(server, (Number.X509_VNC, Number.VNC_AUTH), KNOWN)
    assert isinstance(opened.channel, TlsChannel)
    assert_echoes(opened)


def test_a_wrong_password_is_told_and_not_shown(dial, serve):
    server = serve(rfb_server(ServerPolicy((Number.VNC_AUTH,), KNOWN)))
    with pytest.raises(AuthenticationFailed) as caught:
        dial(server, (), Credential(Secret('wr0ng')))
    assert 'credentials' in caught.value.public_reason
    assert 'wr0ng' not in str(caught.value)
    assert gone(server)


def test_a_credential_that_cannot_be_used_is_told_and_not_shown(dial, serve):
    server = serve(rfb_server(ServerPolicy((Number.VNC_AUTH,), KNOWN)))
    with pytest.raises(ConfigError, match='1 to 8') as caught:
        dial(server, (), Credential(Secret('pa55word-that-is-long')))
    assert 'pa55word' not in str(caught.value)
    assert gone(server)


def test_who_allows_passwords_has_to_have_one(dial, serve):
    server = serve(rfb_server(ServerPolicy((Number.VNC_AUTH,), KNOWN)))
    with pytest.raises(ConfigError, match='console_endpoint_secret'):
        dial(server, (Number.VNC_AUTH,))
    assert gone(server)


def test_a_port_where_nobody_is(dial):
    with (sim.refused_port() as (_host, port),
          pytest.raises(EndpointUnreachable)):
        dial(port)


def test_a_black_hole_is_given_up(dial):
    with sim.black_hole() as (_host, port), pytest.raises(EndpointTimeout):
        dial(port, timeout=0.05)


def test_a_server_that_closes_is_told_with_the_step(dial, serve):
    server = serve(sim.cut(sim.good(), 5))
    with pytest.raises(PeerClosed) as caught:
        dial(server)
    assert caught.value.step == 'ProtocolVersion'


def test_a_silent_peer_is_asked_what_it_is(dial, serve):
    server = serve(sim.web_server)
    with pytest.raises(EndpointNotRfb, match='HTTP'):
        dial(server, timeout=0.1)
    assert gone(server)


def test_one_that_stays_silent_was_too_late(dial, serve, monkeypatch):
    monkeypatch.setattr(dialer, '_PROBE_TIMEOUT', 0.05)
    server = serve(sim.silent())
    with pytest.raises(HandshakeTimeout, match='handshake_timeout'):
        dial(server, timeout=0.05)
    assert gone(server)


def test_one_that_has_spoken_is_asked_nothing(dial, serve):
    server = serve(sim.says(b'RFB 003.008\n', b'', b''))
    with pytest.raises(HandshakeTimeout):
        dial(server, timeout=0.1)
    assert gone(server)
    assert bytes(server.peer().received) == b'RFB 003.008\n'


# -- servers that need time ---------------------------------------------------

def test_a_late_banner_is_waited_for_where_that_is_a_quirk(dial, serve):
    server = serve(sim.late(sim.echo_server(), 0.5))
    with pytest.raises(HandshakeTimeout, match=r'timeout of 0\.1 s'):
        dial(server, timeout=0.1)
    opened = dial(server, timeout=0.1, quirks=Quirks(handshake_timeout=30))
    assert_echoes(opened)


def test_a_late_banner_inside_tls_is_waited_for_as_well(dial, serve):
    server = serve(sim.tls_server(CONTEXT, sim.late(sim.echo_server(), 0.5)))
    assert_echoes(dial(server, scheme='vncs', timeout=0.1,
                       quirks=Quirks(handshake_timeout=30)))


def test_the_patience_of_a_quirk_ends_too(dial, serve):
    server = serve(sim.says(b'RFB 003.008\n', b'', b''))
    with pytest.raises(HandshakeTimeout, match=r'timeout of 0\.2 s'):
        dial(server, timeout=0.1, quirks=Quirks(handshake_timeout=0.2))
    assert gone(server)


def test_no_quirk_takes_patience_away(dial, serve):
    server = serve(sim.late(sim.echo_server(), 0.3))
    assert_echoes(dial(server, quirks=Quirks(handshake_timeout=0.1)))


# -- TLS inside RFB -----------------------------------------------------------

@pytest.mark.parametrize('number', [
    Number.X509_NONE, Number.X509_VNC, Number.X509_PLAIN])
@pytest.mark.parametrize('tls', [CA, PIN], ids=['ca', 'pin'])
def test_opens_every_type_with_certificates(dial, serve, number, tls):
    server = serve(rfb_server(ServerPolicy((number,), KNOWN)))
    opened = dial(server, (number,), KNOWN, tls=tls)
    assert isinstance(opened.channel, TlsChannel)
    assert opened.handshake.server_init == INIT
    assert_echoes(opened)


@pytest.mark.parametrize('number', [
    Number.TLS_NONE, Number.TLS_VNC, Number.TLS_PLAIN])
def test_anonymous_tls_is_warned_about_each_time(dial, serve, caplog,
                                                 number):
    server = serve(rfb_server(ServerPolicy((number,), KNOWN),
                              anonymous_context()))
    assert_echoes(dial(server, (number,), KNOWN))
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert f'bmc.example:{server.port}' in record.getMessage()
    assert 'anonymous' in record.getMessage()


def test_anonymous_tls_is_taken_by_nobody_who_did_not_ask(dial, serve):
    server = serve(rfb_server(ServerPolicy((Number.TLS_VNC,), KNOWN),
                              anonymous_context()))
    with pytest.raises(NoCommonSecurityType, match='TLS_VNC'):
        dial(server, (), KNOWN)


@pytest.mark.parametrize('number', [
    Number.RA2_256, Number.RA2, Number.RA2NE_256, Number.RA2NE])
def test_what_a_handshake_encrypts_stays_encrypted(dial, serve, number):
    server = serve(rfb_server(ServerPolicy((number,), KNOWN)))
    opened = dial(server, (number,), KNOWN)
    assert isinstance(opened.channel, CipherChannel) == (
        number in (Number.RA2, Number.RA2_256))
    assert_echoes(opened)


def test_a_stranger_gets_no_password(dial, serve):
    stranger = Authority('Stranger').issue('bmc.example')
    server = serve(rfb_server(ServerPolicy((Number.X509_PLAIN,), KNOWN),
                              stranger.server_context()))
    with pytest.raises(CertificateRejected) as caught:
        dial(server, (Number.X509_PLAIN,), KNOWN)
    assert 'not trusted' in str(caught.value)
    assert 'could not prove what it is' in caught.value.public_reason
    assert gone(server)
    assert b'pa55word' not in server.peer().received


def test_a_wrong_pin_gets_no_password(dial, serve):
    server = serve(rfb_server(ServerPolicy((Number.X509_PLAIN,), KNOWN)))
    with pytest.raises(CertificateRejected, match='expected is 00000000'):
        dial(server, (Number.X509_PLAIN,), KNOWN,
             tls=TlsPolicy('fingerprint', '', '0' * 64))
    assert gone(server)
    assert b'pa55word' not in server.peer().received


def test_the_name_to_expect_may_be_another_one_than_the_hosts(dial, serve):
    other = AUTHORITY.issue('console.bmc.example').server_context()
    server = serve(rfb_server(ServerPolicy((Number.X509_NONE,)), other))
    with pytest.raises(CertificateRejected, match=r"not valid for 'bmc\.ex"):
        dial(server, (Number.X509_NONE,))
    assert_echoes(dial(server, (Number.X509_NONE,),
                       tls=TlsPolicy('ca', 'console.bmc.example')))


def test_no_check_takes_the_consent_of_both(dial, serve, caplog):
    stranger = Authority('Stranger').issue('whatever').server_context()
    server = serve(rfb_server(ServerPolicy((Number.X509_NONE,)), stranger))
    trusting = TlsPolicy('none')
    with pytest.raises(CertificateRejected, match='allow_unverified_tls'):
        dial(server, (Number.X509_NONE,), tls=trusting)
    with pytest.raises(CertificateRejected):
        dial(server, (Number.X509_NONE,), allow_unverified=True)
    assert not caplog.records
    assert_echoes(dial(server, (Number.X509_NONE,), tls=trusting,
                       allow_unverified=True))
    assert [record.levelname for record in caplog.records] == ['WARNING']
    assert 'not verified' in caplog.text


def test_a_server_that_breaks_tls_off(dial, serve):
    old = CERTIFICATE.server_context()
    old.set_ciphers('ECDHE-RSA-AES128-GCM-SHA256')      # it has no RSA key
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    server = serve(rfb_server(ServerPolicy((Number.X509_NONE,)), old))
    with pytest.raises(EndpointTlsFailed) as caught:
        dial(server, (Number.X509_NONE,))
    assert 'encrypted connection' in caught.value.public_reason
    assert gone(server)


@pytest.mark.parametrize('scheme', ['vnc', 'vncs'])
def test_a_server_that_closes_when_tls_is_set_up(dial, serve, scheme):
    # QEMU 7.2 does that to who has no certificate of its CA.
    def tls_and_no_more(peer):
        if scheme == 'vnc':
            peer.send(b'RFB 003.008\n')
            peer.read(12)
            for answer in (b'\x01\x13', b'\0\2',
                           b'\0\x01' + Number.X509_NONE.to_bytes(4)):
                peer.send(answer)
                peer.receive()
            peer.send(b'\x01')
        sim.tls_server(CONTEXT, sim.hang_up)(peer)
    server = serve(tls_and_no_more)
    with pytest.raises(EndpointTlsFailed, match='vencrypt_client_cert'):
        dial(server, (Number.X509_NONE,), scheme=scheme)


def test_a_server_that_closes_later_inside_tls(dial, serve):
    server = serve(sim.tls_server(CONTEXT, sim.cut(sim.echo_server(), 13)))
    with pytest.raises(PeerClosed):
        dial(server, scheme='vncs')


def test_plain_text_where_tls_begins_is_an_attack(dial, serve):
    server = serve(sim.says(
        b'RFB 003.008\n', b'\x01\x13', b'\0\2',
        b'\0\x01' + Number.X509_NONE.to_bytes(4), b'\x01RFB'))
    with pytest.raises(RemoteProtocolError, match='plain text'):
        dial(server, (Number.X509_NONE,))
    assert gone(server)


# -- TLS from the first byte --------------------------------------------------

@pytest.mark.parametrize('tls', [CA, PIN], ids=['ca', 'pin'])
@pytest.mark.parametrize('scheme', ['vncs', 'auto'])
def test_opens_tls_from_the_first_byte(dial, serve, monkeypatch, scheme,
                                       tls):
    monkeypatch.setattr(endpoint_dialer, '_PROBE_TIMEOUT', 0.1)
    server = serve(sim.tls_server(CONTEXT, sim.echo_server()))
    opened = dial(server, scheme=scheme, tls=tls)
    assert isinstance(opened.channel, TlsChannel)
    assert_echoes(opened)


def test_auto_takes_plain_rfb_where_that_is_spoken(dial, serve):
    server = serve(sim.echo_server())
    opened = dial(server, scheme='auto')
    assert type(opened.channel) is TcpChannel
    assert_echoes(opened)


def test_auto_does_not_mind_a_slow_banner(dial, serve):
    server = serve(sim.dribble(sim.good()))
    assert type(dial(server, scheme='auto').channel) is TcpChannel


def test_auto_waits_a_bounded_time(dial, serve, monkeypatch):
    monkeypatch.setattr(dialer, '_PROBE_TIMEOUT', 0.05)
    server = serve(sim.silent())
    begun = time.monotonic()
    with pytest.raises(EndpointTlsFailed, match='handshake_timeout'):
        dial(server, scheme='auto', timeout=0.2)
    assert time.monotonic() - begun < 2
    assert gone(server)


def test_auto_of_a_server_that_closes_at_once(dial, serve):
    server = serve(sim.says(b'', close=True))
    with pytest.raises(PeerClosed):
        dial(server, scheme='auto')


def test_auto_of_a_server_that_resets_at_once(dial, serve):
    server = serve(sim.says(b'', reset=True))
    with pytest.raises(ConsoleError):
        dial(server, scheme='auto')


def test_tls_is_not_done_without_because_it_fails(dial, serve):
    server = serve(sim.echo_server())
    with pytest.raises(EndpointTlsFailed):
        dial(server, scheme='vncs')
    assert gone(server)


@pytest.mark.parametrize('reset', [True, False])
def test_a_server_that_hangs_up_instead_of_tls_is_not_said_to_lack_it(
        dial, serve, reset):
    # So do those that let in one viewer at a time.
    def hang_up(peer):
        peer.receive()
        (peer.reset if reset else peer.close)()
    server = serve(hang_up)
    with pytest.raises(EndpointClosed) as caught:
        dial(server, scheme='vncs')
    assert 'broke off' in caught.value.public_reason


def test_a_stranger_hears_no_rfb(dial, serve):
    stranger = Authority('Stranger').issue('bmc.example').server_context()
    server = serve(sim.tls_server(stranger, sim.echo_server()))
    with pytest.raises(CertificateRejected):
        dial(server, scheme='vncs')
    with pytest.raises(CertificateRejected):
        dial(server, scheme='vncs', tls=PIN)
    for number in range(2):
        assert gone(server, number)
        assert not server.peers[number].received


def test_authentication_goes_inside_tls(dial, serve):
    server = serve(sim.tls_server(CONTEXT, rfb_server(
        ServerPolicy((Number.VNC_AUTH,), KNOWN))))
    assert_echoes(dial(server, (), KNOWN, scheme='vncs'))


def test_tls_inside_tls_is_refused(dial, serve):
    server = serve(sim.tls_server(CONTEXT, rfb_server(
        ServerPolicy((Number.X509_NONE,)))))
    with pytest.raises(EndpointTlsFailed):
        dial(server, (Number.X509_NONE,), scheme='vncs')
    assert gone(server)


def test_a_silent_server_behind_tls_is_asked_inside_it(dial, serve):
    server = serve(sim.tls_server(CONTEXT, sim.web_server))
    with pytest.raises(EndpointNotRfb, match='HTTP'):
        # Time enough for TLS.
        dial(server, scheme='vncs', timeout=1.0)


# -- when nobody wants it any more --------------------------------------------

@pytest.mark.parametrize('scheme', ['vnc', 'vncs', 'auto'])
def test_an_interruption_ends_it_wherever_it_waits(serve, tmp_path, scheme):
    server = serve(sim.silent())
    ca_file = tmp_path / 'ca.pem'
    ca_file.write_bytes(AUTHORITY.pem)
    dialer_ = EndpointDialer(
        Resolver(AddressPolicy(parse_networks(['127.0.0.0/8']))),
        EndpointTls(ClientTls(str(ca_file))), Clock(), 60, 300)
    interruption, failures = Interruption(), []

    def dial():
        try:
            dialer_.open(Endpoint('127.0.0.1', server.port, scheme,
                                  security_types=NONE), None,
                         lambda event: None, interruption)
        except ConsoleError as exc:
            failures.append(exc)

    thread = threading.Thread(target=dial)
    thread.start()
    peer = server.peer()
    interruption.happen()
    thread.join(20)
    assert not thread.is_alive()
    assert len(failures) == 1
    assert peer.wait_ended()
