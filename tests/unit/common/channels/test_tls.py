# SPDX-License-Identifier: Apache-2.0
"""TLS channel, and the handshake that makes one."""

import contextlib
import os
import pathlib
import socket
import ssl
from collections.abc import Iterator

import pytest

from ironic_console.common.channels.base import (
    READ,
    ChannelError,
    send_all,
    wait_for,
)
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.channels.tls import (
    TlsChannel,
    TlsUntrusted,
    accept_tls,
    connect_tls,
)
from ironic_console.common.clock import Clock, Deadline
from tests.helpers.certificates import Authority, Certificate
from tests.helpers.channels import (
    MEGABYTES,
    ChannelConformance,
    FarTls,
    Pair,
    in_thread,
    passed,
    receive_all,
    receive_end,
    soon,
    tcp_pair,
)

AUTHORITY = Authority()
CERTIFICATE = AUTHORITY.issue('proxy.example')
SERVER = CERTIFICATE.server_context()
CLIENT = AUTHORITY.client_context()


def make_client_pair() -> Pair:
    """:returns: our channel and a TLS server."""
    near, far = tcp_pair()
    made = []

    def connect() -> None:
        made.append(connect_tls(TcpChannel(near, '192.0.2.7'), CLIENT,
                                'proxy.example', soon()))
    with in_thread(connect):
        far.settimeout(10)
        secure = SERVER.wrap_socket(far, server_side=True)
    # The server's session tickets are there to be read, and give nothing.
    while wait_for(made[0], READ, passed()):
        assert made[0].receive() is None
    return Pair(made[0], FarTls(secure))


def make_pair() -> Pair:
    """:returns: our channel and a TLS client."""
    near, far = tcp_pair()
    below = TcpChannel(near, '192.0.2.7')
    made = []

    def accept() -> None:
        made.append(accept_tls(below, SERVER, soon()))
    with in_thread(accept):
        far.settimeout(10)
        secure = CLIENT.wrap_socket(far, server_hostname='proxy.example')
    return Pair(made[0], FarTls(secure))


class TestTlsChannel(ChannelConformance):
    @pytest.fixture
    def pair(self) -> Iterator[Pair]:
        pair = make_pair()
        yield pair
        pair.close()

    def test_the_kernel_must_not_move_its_bytes(self, pair: Pair) -> None:
        assert not pair.channel.is_plain

    def test_keeps_the_name_of_its_peer(self, pair: Pair) -> None:
        assert pair.channel.peer == '192.0.2.7'

    def test_says_what_a_selector_cannot_see(self, pair: Pair) -> None:
        for record in (MEGABYTES[:5000], MEGABYTES[5000:12000]):
            pair.far.send(record)
        assert wait_for(pair.channel, READ, soon())
        buffer, data = bytearray(1500), b''
        hidden = 0
        while len(data) < 12000:
            if pair.channel.pending():
                hidden += 1
            else:
                assert wait_for(pair.channel, READ, soon())
            size = pair.channel.receive_into(memoryview(buffer))
            data += buffer[:size or 0]
        assert data == MEGABYTES[:12000]
        assert hidden
        assert not pair.channel.pending()
        assert pair.channel.receive_into(memoryview(buffer)) is None

    def test_a_record_that_is_not_all_there_is_not_pending(
            self, pair: Pair) -> None:
        record = take_record(pair, b'x' * 1000)
        os.write(pair.far.socket.fileno(), record[:500])
        assert wait_for(pair.channel, READ, soon())
        assert pair.channel.receive() is None
        assert not pair.channel.pending()
        os.write(pair.far.socket.fileno(), record[500:])
        assert receive_all(pair.channel, 1000) == b'x' * 1000

    def test_receiving_into_a_buffer_ends(self, pair: Pair) -> None:
        pair.far.stop_sending()
        assert wait_for(pair.channel, READ, soon())
        assert pair.channel.receive_into(memoryview(bytearray(9))) == 0

    # OpenSSL 3.0 tells Python of a reset as if it were an end, and whether it
    # does depends on what was going on. Either will do.

    def test_tells_of_a_reset_when_receiving(self, pair: Pair) -> None:
        pair.far.reset()
        assert wait_for(pair.channel, READ, soon())
        with contextlib.suppress(ChannelError):
            assert pair.channel.receive() == b''

    def test_receiving_into_a_buffer_tells_of_a_reset(self, pair: Pair,
                                                      ) -> None:
        pair.far.reset()
        assert wait_for(pair.channel, READ, soon())
        with contextlib.suppress(ChannelError):
            assert pair.channel.receive_into(memoryview(bytearray(9))) == 0

    def test_names_its_peer_in_errors(self, pair: Pair) -> None:
        pair.channel.close()
        with pytest.raises(ChannelError, match=r'^192\.0\.2\.7: '):
            pair.channel.receive()
        with pytest.raises(ChannelError, match=r'^192\.0\.2\.7: '):
            pair.channel.receive_into(memoryview(bytearray(9)))

    def test_ends_without_a_goodbye_too(self, pair: Pair) -> None:
        pair.far.send(b'last')
        os.close(pair.far.socket.detach())
        assert receive_end(pair.channel) == b'last'

    def test_what_was_tampered_with_breaks_the_connection(
            self, pair: Pair) -> None:
        record = bytearray(take_record(pair, b'x' * 1000))
        record[-1] ^= 1
        os.write(pair.far.socket.fileno(), record)
        assert wait_for(pair.channel, READ, soon())
        with pytest.raises(ChannelError):
            pair.channel.receive()

    def test_still_reads_after_it_has_stopped_sending(self, pair: Pair,
                                                      ) -> None:
        assert send_all(pair.channel, b'bye', soon())
        pair.channel.shutdown_sending()
        pair.far.send(MEGABYTES[:30000])
        assert receive_all(pair.channel, 30000) == MEGABYTES[:30000]
        assert pair.far.receive(3) == b'bye'
        pair.far.stop_sending()
        assert receive_end(pair.channel) == b''

    def test_stops_sending_to_a_peer_that_has_gone(self, pair: Pair,
                                                   ) -> None:
        pair.channel.close()
        pair.channel.shutdown_sending()

    def test_what_was_not_taken_goes_through_later(self, pair: Pair) -> None:
        data = MEGABYTES[:99999]
        taken = 0
        while pair.channel.send(data):
            taken += 1
        with in_thread(pair.far.receive, (taken + 1) * len(data)):
            assert send_all(pair.channel, data, soon())


class TestTlsChannelToServer(TestTlsChannel):
    """The same in the role of the client."""

    @pytest.fixture
    def pair(self) -> Iterator[Pair]:
        pair = make_client_pair()
        yield pair
        pair.close()


def take_record(pair: Pair, data: bytes) -> bytes:
    """:returns: what the far end would have sent, as it is on the wire."""
    left, right = socket.socketpair()
    sock = pair.far.socket
    # The session stays, only the file below it is another one for a moment.
    saved = os.dup(sock.fileno())
    os.dup2(left.fileno(), sock.fileno())
    sock.sendall(data)
    os.dup2(saved, sock.fileno())
    os.close(saved)
    left.close()
    record = b''
    while piece := right.recv(65536):
        record += piece
    right.close()
    return record


class TestAcceptTls:
    # A caught error keeps what its frames refer to, so that nothing is closed
    # just because nobody knows it any more.

    def test_takes_the_connection_over(self) -> None:
        pair = make_pair()
        assert isinstance(pair.channel, TlsChannel)
        assert pair.channel.socket.version() == 'TLSv1.3'
        pair.close()

    def test_refuses_what_is_not_tls(self) -> None:
        near, far = tcp_pair()
        far.sendall(b'GET / HTTP/1.1\r\nHost: proxy\r\n\r\n')
        below = TcpChannel(near, '192.0.2.7')
        with pytest.raises(ChannelError) as caught:
            accept_tls(below, SERVER, soon())
        assert str(caught.value).startswith('192.0.2.7: TLS failed')
        assert below.fileno() == -1
        assert_closed(far)

    def test_a_client_that_distrusts_us_breaks_off(self) -> None:
        near, far = tcp_pair()

        def distrust() -> None:
            with pytest.raises(ssl.SSLCertVerificationError):
                CLIENT.wrap_socket(far, server_hostname='other.example')
        below = TcpChannel(near, '192.0.2.7')
        with in_thread(distrust), pytest.raises(ChannelError):
            receive_end(accept_tls(below, SERVER, soon()))

    def test_a_silent_client_gets_no_longer_than_the_deadline(self) -> None:
        near, far = tcp_pair()
        below = TcpChannel(near, '192.0.2.7')
        deadline = Deadline(Clock(), 0.02, 'head_timeout')
        with pytest.raises(ChannelError) as caught:
            accept_tls(below, SERVER, deadline)
        assert_closed(far)
        assert str(caught.value) == ('192.0.2.7: TLS was not set up within '
                                     'the head_timeout of 0.02 s')

    def test_a_dribbling_client_gets_no_longer_than_the_deadline(
            self) -> None:
        near, far = tcp_pair()
        far.sendall(b'\x16\x03\x01\x02\x00\x01')
        below = TcpChannel(near, '192.0.2.7')
        with pytest.raises(ChannelError) as caught:
            accept_tls(below, SERVER, passed())
        assert_closed(far)
        assert 'not set up within' in str(caught.value)

    def test_a_client_that_has_gone_is_an_error(self) -> None:
        near, far = tcp_pair()
        far.close()
        below = TcpChannel(near, '192.0.2.7')
        with pytest.raises(ChannelError):
            accept_tls(below, SERVER, soon())
        assert below.fileno() == -1

    def test_a_client_that_hung_up_angrily_is_an_error(self) -> None:
        near, far = tcp_pair()
        below = TcpChannel(near, '192.0.2.7')
        FarTls(far).reset()  # type: ignore[arg-type]
        assert wait_for(below, READ, soon())
        with pytest.raises(ChannelError):
            accept_tls(below, SERVER, soon())
        assert below.fileno() == -1

    def test_a_closed_connection_is_an_error(self) -> None:
        near, far = tcp_pair()
        below = TcpChannel(near, '192.0.2.7')
        below.close()
        with pytest.raises(ChannelError):
            accept_tls(below, SERVER, soon())
        far.close()


class TestConnectTls:
    def test_takes_the_connection_over(self) -> None:
        pair = make_client_pair()
        assert isinstance(pair.channel, TlsChannel)
        assert pair.channel.certificate() == ssl.PEM_cert_to_DER_cert(
            CERTIFICATE.cert.decode())
        pair.close()

    def test_knows_a_certificate_that_it_did_not_check(self) -> None:
        near, far = tcp_pair()
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        with in_thread(serve, far):
            channel = connect_tls(TcpChannel(near, '192.0.2.7'), trusting,
                                  'proxy.example', soon())
        assert channel.certificate() == ssl.PEM_cert_to_DER_cert(
            CERTIFICATE.cert.decode())
        channel.close()

    @pytest.mark.parametrize(('certificate', 'name', 'why'), [
        (CERTIFICATE, 'other.example', 'Hostname mismatch'),
        (CERTIFICATE, '192.0.2.1', 'IP address mismatch'),
        (AUTHORITY.issue('proxy.example', expired=True), 'proxy.example',
         'has expired'),
        (Authority('Stranger').issue('proxy.example'), 'proxy.example',
         'unable to get local issuer'),
    ], ids=['name', 'address', 'expired', 'stranger'])
    def test_says_why_it_does_not_trust(
            self, certificate: Certificate, name: str, why: str) -> None:
        near, far = tcp_pair()
        below = TcpChannel(near, '192.0.2.7')
        with (in_thread(serve, far, certificate),
              pytest.raises(TlsUntrusted, match=why) as caught):
            connect_tls(below, CLIENT, name, soon())
        assert str(caught.value).startswith('192.0.2.7: its certificate is')
        assert below.fileno() == -1

    def test_refuses_what_is_not_tls(self) -> None:
        near, far = tcp_pair()
        far.sendall(b'RFB 003.008\n')
        below = TcpChannel(near, '192.0.2.7')
        with pytest.raises(ChannelError, match=r'192\.0\.2\.7: TLS f') as one:
            connect_tls(below, CLIENT, 'proxy.example', soon())
        assert not isinstance(one.value, TlsUntrusted)
        assert below.fileno() == -1
        assert_closed(far)

    def test_a_name_that_cannot_be_one_is_an_error(self) -> None:
        near, far = tcp_pair()
        below = TcpChannel(near, '192.0.2.7')
        with pytest.raises(ChannelError, match=r'^192\.0\.2\.7: '):
            connect_tls(below, CLIENT, '.proxy.example', soon())
        assert below.fileno() == -1
        assert_closed(far)

    def test_a_silent_server_gets_no_longer_than_the_deadline(self) -> None:
        near, far = tcp_pair()
        deadline = Deadline(Clock(), 0.02, 'handshake_timeout')
        with pytest.raises(ChannelError, match='within the handshake_timeo'):
            connect_tls(TcpChannel(near, '192.0.2.7'), CLIENT,
                        'proxy.example', deadline)
        assert_closed(far)

    def test_a_server_that_closes_is_an_error(self) -> None:
        near, far = tcp_pair()
        far.shutdown(socket.SHUT_WR)
        with pytest.raises(ChannelError):
            connect_tls(TcpChannel(near, '192.0.2.7'), CLIENT,
                        'proxy.example', soon())
        assert_closed(far)

    def test_tls_is_not_begun_twice_on_one_connection(self) -> None:
        near, far = tcp_pair()
        below = TcpChannel(near, '192.0.2.7')
        with in_thread(serve, far):
            channel = connect_tls(below, CLIENT, 'proxy.example', soon())
        with pytest.raises(ChannelError):
            connect_tls(below, CLIENT, 'proxy.example', soon())
        channel.close()


def serve(far: socket.socket, certificate: Certificate | None = None) -> None:
    """Hold the handshake as a server, wait for the end."""
    far.settimeout(10)
    context = certificate.server_context() if certificate else SERVER
    with (contextlib.suppress(OSError),
          context.wrap_socket(far, server_side=True) as secure):
        if not certificate:
            return
        secure.recv(1)


def assert_closed(far: socket.socket) -> None:
    """The far end sees that we have let go, perhaps after an alert."""
    far.settimeout(10)
    try:
        while far.recv(1000):
            continue
    except ConnectionResetError:
        pass
    finally:
        far.close()


# -- for whom a certificate is ------------------------------------------------

def certified(tmp_path: pathlib.Path, subject: Certificate | None,
              ) -> tuple[str, ...] | None:
    """:returns: what we make of a client's certificate."""
    ca = tmp_path / 'ca.pem'
    ca.write_bytes(AUTHORITY.pem)
    server = CERTIFICATE.server_context()
    server.load_verify_locations(str(ca))
    server.verify_mode = (ssl.CERT_REQUIRED if subject else ssl.CERT_NONE)
    client = AUTHORITY.client_context()
    if subject:
        client.load_cert_chain(subject.save(tmp_path, 'ours').both_file)
    near, far = tcp_pair()
    made: list[TlsChannel] = []
    with in_thread(lambda: made.append(accept_tls(
            TcpChannel(near, 'viewer'), server, soon()))):
        secure = client.wrap_socket(far, server_hostname='proxy.example')
    names = made[0].names()
    secure.close()
    made[0].close()
    return names


def test_names_what_a_certificate_is_for(tmp_path: pathlib.Path) -> None:
    shown = AUTHORITY.issue('nova.example', '192.0.2.1', 'other.example',
                            client=True)
    assert certified(tmp_path, shown) == ('nova.example', 'other.example')


def test_without_dns_names_it_is_for_its_common_name(
        tmp_path: pathlib.Path) -> None:
    assert certified(tmp_path, AUTHORITY.issue('192.0.2.1', client=True),
                     ) == ('192.0.2.1',)


def test_names_are_few_and_printable(tmp_path: pathlib.Path) -> None:
    many = [f'host{number}.example' for number in range(100)]
    found = certified(tmp_path, AUTHORITY.issue(*many, client=True))
    assert found == tuple(many[:16])
    assert certified(tmp_path, AUTHORITY.issue(
        "a\nb'", client=True)) == ('a\\nb\'',)


def test_who_shows_none_has_no_names(tmp_path: pathlib.Path) -> None:
    assert certified(tmp_path, None) is None
