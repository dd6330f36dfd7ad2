# SPDX-License-Identifier: Apache-2.0
"""Whose certificate opens a console, against a real QEMU.

Each refusal is checked for its error, its line in the log, and what the
browser is told.
"""

import dataclasses
import pathlib
import ssl
from collections.abc import Callable, Iterator

import pytest

from ironic_console.common.errors import (
    CertificateRejected,
    ConfigError,
    ConsoleError,
    EndpointClosed,
    EndpointTlsFailed,
    RemoteProtocolError,
)
from ironic_console.common.tls import ClientTls, EndpointTls
from tests.helpers.certificates import Authority
from tests.helpers.endpoints import (
    Refusal,
    colours,
    node_at,
    refusal,
    warnings_in,
)
from tests.helpers.proxy import RunningWorker, make_settings
from tests.helpers.vnc_servers import IPV4, Identity, Qemu, Screen
from tests.simulators.rfb_server import Behaviour, Peer, RfbServer

X509_VNC = 261
NAME = 'bmc-7.example'
AUTHORITY = Authority()
STRANGER = Authority('Nobody we know')
# Presents itself; and what it has signed is not itself.
PINNED = Authority('Pinned', names=[IPV4])
GOOD = AUTHORITY.issue(IPV4)
PROXY = AUTHORITY.issue('proxy.example', client=True)

UNPROVEN = ("The server's console could not prove what it is. Tell your "
            'operator.')
NO_TLS = ("The encrypted connection to the server's console could not be set "
          'up. Tell your operator.')
BROKE_OFF = "The server's console broke off the connection."
WANTS_US = ('closed as soon as TLS was set up; if it wants a certificate of '
            'ours, name the right one in '
            '[ironic_console]vencrypt_client_cert')


def screen(identity: Identity) -> Screen:
    return Screen(password=True, tls=identity)


SCREENS = {
    **{f'good {version}': screen(Identity(GOOD, version))
       for version in ('1.1', '1.2', '1.3')},
    'named': screen(Identity(AUTHORITY.issue(NAME))),
    'expired': screen(Identity(AUTHORITY.issue(IPV4, expired=True))),
    'not yet': screen(Identity(AUTHORITY.issue(IPV4, not_yet=True))),
    'of a stranger': screen(Identity(STRANGER.issue(IPV4))),
    'self-signed': screen(Identity(PINNED.itself)),
    'signed by pinned': screen(Identity(PINNED.issue(IPV4))),
    **{f'demanding {version}': screen(
        Identity(GOOD, version, client_ca=AUTHORITY.pem))
       for version in ('1.2', '1.3')},
}


@pytest.fixture(scope='module')
def qemu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qemu]:
    with Qemu(tmp_path_factory.mktemp('qemu'), SCREENS.values()) as qemu:
        yield qemu


@pytest.fixture(scope='module')
def worker(tmp_path_factory: pytest.TempPathFactory,
           ) -> Iterator[RunningWorker]:
    folder = tmp_path_factory.mktemp('proxy')
    (folder / 'ca.pem').write_bytes(AUTHORITY.pem)
    settings = make_settings(
        folder, endpoint_tls=ClientTls(str(folder / 'ca.pem')))
    with RunningWorker(settings) as worker:
        yield worker


@pytest.fixture
def with_tls(worker: RunningWorker) -> Iterator[Callable[..., None]]:
    """Change what the proxy goes to endpoints with, as a reload does."""
    before = worker.settings

    def change(**fields: object) -> None:
        worker.settings = dataclasses.replace(
            before, endpoint_tls=dataclasses.replace(before.endpoint_tls,
                                                     **fields))
        worker.reload(worker.settings)

    yield change
    worker.settings = before
    worker.reload(before)


class Console:
    """A console at one of the screens."""

    def __init__(self, worker: RunningWorker, qemu: Qemu,
                 caplog: pytest.LogCaptureFixture) -> None:
        self._worker = worker
        self._qemu = qemu
        self._caplog = caplog

    def opens(self, name: str, **tls: str) -> bool:
        """:returns: it shows a picture."""
        self._caplog.clear()
        record = node_at(self._qemu.port(SCREENS[name]), X509_VNC, tls=tls)
        return colours(self._worker, record).total() == 640 * 480

    def refusal(self, name: str, **tls: str) -> Refusal:
        record = node_at(self._qemu.port(SCREENS[name]), X509_VNC, tls=tls)
        return refusal(self._worker, record, self._caplog)


@pytest.fixture
def console(worker: RunningWorker, qemu: Qemu,
            caplog: pytest.LogCaptureFixture) -> Console:
    return Console(worker, qemu, caplog)


def check(refused: Refusal, error: type[ConsoleError], text: str,
          told: str) -> None:
    """A refusal is what it should be, all of it."""
    assert refused.error is error
    assert text in refused.text
    assert refused.log[-1].endswith(refused.text)
    assert len(refused.log) == 1
    assert (refused.code, refused.told) == (4502, told)


# -- a CA vouches -------------------------------------------------------------

@pytest.mark.parametrize('version', ['1.2', '1.3'])
def test_the_right_ca_and_name_open(console: Console,
                                    caplog: pytest.LogCaptureFixture,
                                    version: str) -> None:
    assert console.opens(f'good {version}')
    assert not warnings_in(caplog)


def test_the_name_may_be_another_one_than_the_host(console: Console) -> None:
    assert console.opens('named', server_name=NAME)


def test_a_certificate_for_somebody_else_is_refused(console: Console,
                                                    ) -> None:
    check(console.refusal('named'), CertificateRejected,
          'its certificate is not trusted: IP address mismatch, certificate '
          f"is not valid for '{IPV4}'", UNPROVEN)


def test_a_certificate_for_the_host_does_not_do_for_another_name(
        console: Console) -> None:
    check(console.refusal('good 1.3', server_name=NAME), CertificateRejected,
          'its certificate is not trusted: Hostname mismatch, certificate is '
          f"not valid for '{NAME}'", UNPROVEN)


@pytest.mark.parametrize(('name', 'text'), [
    ('expired', 'certificate has expired'),
    ('not yet', 'certificate is not yet valid'),
    ('self-signed', 'self-signed certificate'),
    ('of a stranger', 'unable to get local issuer certificate')])
def test_a_certificate_that_nobody_vouches_for_is_refused(
        console: Console, name: str, text: str) -> None:
    check(console.refusal(name), CertificateRejected,
          f'its certificate is not trusted: {text}', UNPROVEN)


# -- a CA of the endpoint's own -----------------------------------------------

def test_a_ca_that_only_the_endpoint_knows_vouches(
        console: Console, caplog: pytest.LogCaptureFixture) -> None:
    assert console.opens('of a stranger', ca=STRANGER.pem.decode())
    assert not warnings_in(caplog)


def test_where_the_endpoint_has_a_ca_that_of_the_proxy_vouches_for_nothing(
        console: Console) -> None:
    check(console.refusal('good 1.3', ca=STRANGER.pem.decode()),
          CertificateRejected, 'its certificate is not trusted: unable to '
          'get local issuer certificate', UNPROVEN)


def test_the_ca_of_one_endpoint_vouches_for_no_other(console: Console,
                                                     ) -> None:
    assert console.opens('of a stranger', ca=STRANGER.pem.decode())
    check(console.refusal('of a stranger'), CertificateRejected,
          'unable to get local issuer certificate', UNPROVEN)


def test_a_ca_that_is_none_is_told_to_the_operator(console: Console) -> None:
    refused = console.refusal('of a stranger', ca='-----BEGIN RUBBISH')
    assert refused.error is ConfigError
    assert 'console_endpoint/tls/ca holds no certificates' in refused.log[-1]
    assert refused.told == ConfigError.public_reason


# -- a pin --------------------------------------------------------------------

def pin(fingerprint: str) -> dict[str, str]:
    return {'verify': 'fingerprint', 'fingerprint': fingerprint}


def test_the_right_pin_opens_what_no_ca_vouches_for(
        console: Console, caplog: pytest.LogCaptureFixture) -> None:
    assert console.opens('self-signed', **pin(PINNED.itself.fingerprint))
    assert not warnings_in(caplog)


def test_a_wrong_pin_is_refused_whoever_vouches(console: Console) -> None:
    wanted = PINNED.itself.fingerprint
    check(console.refusal('good 1.3', **pin(wanted)), CertificateRejected,
          f'the certificate has the fingerprint {GOOD.fingerprint}, expected '
          f'is {wanted}', UNPROVEN)


def test_what_the_pinned_certificate_has_signed_is_refused(
        console: Console) -> None:
    # TigerVNC CVE-2020-26117: it was taken for a CA.
    wanted = PINNED.itself.fingerprint
    check(console.refusal('signed by pinned', **pin(wanted)),
          CertificateRejected, f'expected is {wanted}', UNPROVEN)


# -- nobody checks ------------------------------------------------------------

@pytest.mark.parametrize('name', ['good 1.3', 'self-signed'])
def test_no_check_is_refused_unless_the_operator_allows_it(
        console: Console, name: str) -> None:
    check(console.refusal(name, verify='none'), CertificateRejected,
          '[ironic_console]allow_unverified_tls forbids that', UNPROVEN)


def test_no_check_is_a_warning_each_time(
        console: Console, with_tls: Callable[..., None],
        caplog: pytest.LogCaptureFixture) -> None:
    with_tls(allow_unverified=True)
    for _ in range(2):
        assert console.opens('self-signed', verify='none')
        assert [text.partition(' that ')[0] for text in warnings_in(caplog)
                ] == ['Nobody has checked']
        assert 'its TLS is not verified' in caplog.text


def test_that_no_check_is_allowed_changes_nothing_for_who_checks(
        console: Console, with_tls: Callable[..., None]) -> None:
    with_tls(allow_unverified=True)
    assert console.refusal('self-signed').error is CertificateRejected


# -- versions -----------------------------------------------------------------

def test_a_server_with_tls_1_1_only_is_refused(
        console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    # It hangs up, as those do that have a viewer already.
    check(console.refusal('good 1.1'), EndpointClosed, 'TLS was broken off',
          BROKE_OFF)
    # Who takes as little as that is served.
    strict = EndpointTls.context

    def lax(self: EndpointTls, *arguments: object) -> ssl.SSLContext:
        context = strict(self, *arguments)
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers('DEFAULT@SECLEVEL=0')
        return context
    monkeypatch.setattr(EndpointTls, 'context', lax)
    with pytest.warns(DeprecationWarning, match='TLSv1_1'):
        assert console.opens('good 1.1')


# -- a server that wants to know who we are -----------------------------------

@pytest.mark.parametrize('version', ['1.2', '1.3'])
def test_a_server_that_wants_our_certificate_gets_it(
        console: Console, with_tls: Callable[..., None],
        tmp_path: pathlib.Path, version: str) -> None:
    files = PROXY.save(tmp_path)
    with_tls(cert_file=files.cert_file, key_file=files.key_file)
    assert console.opens(f'demanding {version}')
    with_tls(cert_file=files.both_file)
    assert console.opens(f'demanding {version}')


@pytest.mark.parametrize('version', ['1.2', '1.3'])
def test_a_server_that_wants_our_certificate_refuses_us_without(
        console: Console, version: str) -> None:
    check(console.refusal(f'demanding {version}'), EndpointTlsFailed,
          WANTS_US, NO_TLS)


@pytest.mark.parametrize('version', ['1.2', '1.3'])
def test_a_server_that_wants_our_certificate_takes_no_foreign_one(
        console: Console, with_tls: Callable[..., None],
        tmp_path: pathlib.Path, version: str) -> None:
    files = STRANGER.issue('proxy.example', client=True).save(tmp_path)
    with_tls(cert_file=files.both_file)
    check(console.refusal(f'demanding {version}'), EndpointTlsFailed,
          WANTS_US, NO_TLS)


# -- plain text before TLS ----------------------------------------------------

def speak_before_tls(*pieces: bytes) -> Behaviour:
    """A server, or somebody on the way to it, that slips in what should be
    taken for the end of authentication."""
    def behave(peer: Peer) -> None:
        peer.send(b'RFB 003.008\n')
        peer.read(12)
        peer.send(b'\x01\x13')
        peer.read(1)
        peer.send(b'\0\2')
        peer.read(2)
        peer.send(b'\0\x01' + X509_VNC.to_bytes(4))
        peer.read(4)
        for piece in pieces:
            peer.send(piece)
            # Once TLS has begun, so that it cannot be taken together.
            peer.receive()
        peer.wait_for_end()
    return behave


INJECTED = bytes(4) + bytes.fromhex(
    '0280 01e0 20180001 00ff00ff00ff 100800 000000 00000004') + b'QEMU'


def test_plain_text_with_the_last_byte_before_tls_is_an_attack(
        worker: RunningWorker, caplog: pytest.LogCaptureFixture) -> None:
    with RfbServer(speak_before_tls(b'\x01' + INJECTED)) as server:
        refused = refusal(worker, node_at(server.port, X509_VNC), caplog)
    check(refused, RemoteProtocolError,
          'endpoint side, StartTLS: plain text where TLS begins', BROKE_OFF)


def test_plain_text_instead_of_tls_is_an_attack(
        worker: RunningWorker, caplog: pytest.LogCaptureFixture) -> None:
    with RfbServer(speak_before_tls(b'\x01', INJECTED)) as server:
        refused = refusal(worker, node_at(server.port, X509_VNC), caplog)
    check(refused, EndpointTlsFailed, 'wrong version number', NO_TLS)
