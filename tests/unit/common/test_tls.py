# SPDX-License-Identifier: Apache-2.0
"""Contexts that we present to browsers, and those for endpoints."""

import hashlib
import pathlib
import ssl
import subprocess
import sys

import pytest

from ironic_console.common.endpoint import TlsPolicy
from ironic_console.common.errors import (
    CertificateRejected,
    ConfigError,
    EndpointUntrusted,
)
from ironic_console.common.tls import (
    BmcTls,
    ClientTls,
    EndpointTls,
    ServerTls,
    bmc_context,
    cas_in,
    server_context,
    suites_of,
)
from tests.helpers.certificates import Authority, Certificate, Files

AUTHORITY = Authority()
CERTIFICATE = AUTHORITY.issue('proxy.example')


@pytest.fixture
def files(tmp_path: pathlib.Path) -> Files:
    return CERTIFICATE.save(tmp_path)


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext,
                name: str = 'proxy.example') -> ssl.SSLObject:
    """:returns: the client's end of a handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(to_client, to_server,
                            server_hostname=name),
            server.wrap_bio(to_server, to_client, server_side=True)]
    for _ in range(5):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends[0]


def test_presents_the_certificate(files: Files) -> None:
    context = server_context(ServerTls(files.cert_file, files.key_file))
    client = shake_hands(context, AUTHORITY.client_context())
    assert client.getpeercert()['subjectAltName'] == (
        ('DNS', 'proxy.example'),)


def test_takes_one_file_with_both(files: Files) -> None:
    context = server_context(ServerTls(files.both_file))
    assert shake_hands(context, AUTHORITY.client_context()).version()


@pytest.mark.parametrize(('ours', 'theirs', 'spoken'), [
    ('1.2', ssl.TLSVersion.TLSv1_2, 'TLSv1.2'),
    ('1.2', ssl.TLSVersion.TLSv1_3, 'TLSv1.3'),
    ('1.3', ssl.TLSVersion.TLSv1_3, 'TLSv1.3'),
])
def test_speaks_from_the_minimum_version_on(
        files: Files, ours: str, theirs: ssl.TLSVersion, spoken: str,
        ) -> None:
    context = server_context(ServerTls(files.both_file,
                                       minimum_version=ours))
    client = AUTHORITY.client_context()
    client.maximum_version = theirs
    assert shake_hands(context, client).version() == spoken


@pytest.mark.parametrize(('ours', 'theirs'), [
    ('1.3', ssl.TLSVersion.TLSv1_2), ('1.2', ssl.TLSVersion.TLSv1_1)])
@pytest.mark.filterwarnings('ignore::DeprecationWarning')
def test_speaks_nothing_older(files: Files, ours: str,
                              theirs: ssl.TLSVersion) -> None:
    context = server_context(ServerTls(files.both_file,
                                       minimum_version=ours))
    client = AUTHORITY.client_context()
    client.minimum_version = ssl.TLSVersion.TLSv1
    client.maximum_version = theirs
    client.set_ciphers('ALL:@SECLEVEL=0')
    with pytest.raises(ssl.SSLError):
        shake_hands(context, client)


def test_offers_the_ciphers_that_are_named(files: Files) -> None:
    context = server_context(ServerTls(
        files.both_file, ciphers='ECDHE-ECDSA-AES256-GCM-SHA384'))
    client = AUTHORITY.client_context()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    assert shake_hands(context, client).cipher()[0] == (
        'ECDHE-ECDSA-AES256-GCM-SHA384')


def test_neither_compresses_nor_renegotiates(files: Files) -> None:
    options = server_context(ServerTls(files.both_file)).options
    assert options & ssl.OP_NO_COMPRESSION
    assert options & ssl.OP_NO_RENEGOTIATION


def test_asks_browsers_for_no_certificate(files: Files) -> None:
    context = server_context(ServerTls(files.both_file))
    assert context.verify_mode is ssl.CERT_NONE


def refused(settings: ServerTls) -> str:
    with pytest.raises(ConfigError) as caught:
        server_context(settings)
    return str(caught.value)


def test_wants_a_certificate() -> None:
    assert '[vnc]cert_file is not set' in refused(ServerTls(''))


@pytest.mark.parametrize('option', ['cert_file', 'key_file'])
def test_names_the_file_that_cannot_be_read(files: Files, option: str,
                                            tmp_path: pathlib.Path) -> None:
    for wrong in (tmp_path / 'missing', tmp_path):
        settings = {'cert_file': files.cert_file, 'key_file': files.key_file,
                    option: str(wrong)}
        text = refused(ServerTls(**settings))
        assert f'[vnc]{option} cannot be read' in text
        assert str(wrong) in text


def test_names_both_when_the_key_is_another_ones(
        files: Files, tmp_path: pathlib.Path) -> None:
    other = AUTHORITY.issue('other.example').save(tmp_path, 'other')
    text = refused(ServerTls(files.cert_file, other.key_file))
    assert files.cert_file in text
    assert other.key_file in text


def test_wants_a_key(files: Files) -> None:
    assert 'not a certificate with its key' in refused(
        ServerTls(files.cert_file))


def test_wants_pem(tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'rubbish'
    path.write_bytes(bytes(range(256)))
    assert 'not a certificate with its key' in refused(ServerTls(str(path)))


def test_asks_nobody_for_the_password_of_a_key(
        files: Files, tmp_path: pathlib.Path) -> None:
    """OpenSSL would ask at the terminal, and a service would wait."""
    path = tmp_path / 'encrypted.key'
    path.write_bytes(CERTIFICATE.encrypted_key('secret'))
    program = (
        'import sys; from ironic_console.common.tls import *\n'
        'try: server_context(ServerTls(*sys.argv[1:]))\n'
        'except ConfigError as exc: print(exc)')
    done = subprocess.run(
        [sys.executable, '-c', program, files.cert_file, str(path)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=30, check=True, start_new_session=True)
    assert 'with its key, unencrypted' in done.stdout
    assert 'pass phrase' not in done.stderr


def test_names_ciphers_that_do_not_exist(files: Files) -> None:
    assert "[vnc]tls_ciphers 'RC5' names no cipher" in refused(
        ServerTls(files.both_file, ciphers='RC5'))


# -- towards endpoints --------------------------------------------------------

DER = ssl.PEM_cert_to_DER_cert(CERTIFICATE.cert.decode())
PIN = TlsPolicy('fingerprint', '', hashlib.sha256(DER).hexdigest())
CA, NOBODY = TlsPolicy('ca'), TlsPolicy('none')


@pytest.fixture
def ca_file(tmp_path: pathlib.Path) -> str:
    path = tmp_path / 'ca.pem'
    path.write_bytes(AUTHORITY.pem)
    return str(path)


@pytest.fixture
def endpoint_tls(ca_file: str) -> EndpointTls:
    return EndpointTls(ClientTls(ca_file))


def test_trusts_whom_the_ca_vouches_for(endpoint_tls: EndpointTls) -> None:
    context = endpoint_tls.context(CA, anonymous=False)
    assert shake_hands(CERTIFICATE.server_context(), context).version()


@pytest.mark.parametrize('server', [
    Authority('Stranger').issue('proxy.example'),
    AUTHORITY.issue('other.example'),
    AUTHORITY.issue('proxy.example', expired=True),
    AUTHORITY.issue('proxy.example', not_yet=True),
], ids=['stranger', 'other name', 'expired', 'not yet'])
def test_trusts_nobody_else(endpoint_tls: EndpointTls, server: Certificate,
                            ) -> None:
    context = endpoint_tls.context(CA, anonymous=False)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(server.server_context(), context)


def test_without_a_file_the_cas_of_the_system_count() -> None:
    context = EndpointTls(ClientTls()).context(CA, anonymous=False)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(CERTIFICATE.server_context(), context)


def test_speaks_nothing_older_than_1_2(endpoint_tls: EndpointTls) -> None:
    for policy in (CA, PIN):
        context = endpoint_tls.context(policy, anonymous=False)
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_COMPRESSION
        assert context.options & ssl.OP_NO_RENEGOTIATION


def test_a_pin_needs_no_ca_and_no_name(endpoint_tls: EndpointTls) -> None:
    stranger = Authority('Stranger').issue('whatever')
    context = endpoint_tls.context(PIN, anonymous=False)
    client = shake_hands(stranger.server_context(), context)
    with pytest.raises(CertificateRejected, match='expected is') as caught:
        endpoint_tls.check(PIN, client.getpeercert(binary_form=True))
    assert PIN.fingerprint in str(caught.value)
    assert PIN.fingerprint not in caught.value.public_reason
    client = shake_hands(CERTIFICATE.server_context(), context)
    endpoint_tls.check(PIN, client.getpeercert(binary_form=True))


def test_a_peer_without_certificate_has_no_pinned_one(
        endpoint_tls: EndpointTls) -> None:
    with pytest.raises(CertificateRejected):
        endpoint_tls.check(PIN, None)


@pytest.mark.parametrize('policy', [CA, NOBODY])
def test_only_a_pin_is_judged_after_the_handshake(
        endpoint_tls: EndpointTls, policy: TlsPolicy) -> None:
    endpoint_tls.check(policy, b'whatever')


def test_no_check_at_all_is_for_operators_who_allow_it(
        ca_file: str) -> None:
    with pytest.raises(EndpointUntrusted, match='allow_unverified_tls'):
        EndpointTls(ClientTls(ca_file)).context(NOBODY, anonymous=False)
    trusting = EndpointTls(ClientTls(ca_file, allow_unverified=True))
    context = trusting.context(NOBODY, anonymous=False)
    stranger = Authority('Stranger').issue('whatever')
    assert shake_hands(stranger.server_context(), context).version()


def test_to_allow_no_check_is_not_to_check_nobody(ca_file: str) -> None:
    trusting = EndpointTls(ClientTls(ca_file, allow_unverified=True))
    context = trusting.context(CA, anonymous=False)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(Authority('Stranger').issue('proxy.example')
                    .server_context(), context)


def test_anonymous_tls_has_no_certificates(endpoint_tls: EndpointTls,
                                           ) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.set_ciphers('ADH:AECDH:@SECLEVEL=0')
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    context = endpoint_tls.context(CA, anonymous=True)
    client = shake_hands(server, context)
    assert client.version() == 'TLSv1.2'
    assert client.getpeercert(binary_form=True) is None


def test_who_wants_certificates_takes_no_anonymous_server(
        endpoint_tls: EndpointTls) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.set_ciphers('ADH:AECDH:@SECLEVEL=0')
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    for policy in (CA, PIN):
        with pytest.raises(ssl.SSLError):
            shake_hands(server, endpoint_tls.context(policy, False))


@pytest.mark.parametrize('in_one_file', [True, False])
def test_presents_our_certificate_to_whoever_asks(
        ca_file: str, tmp_path: pathlib.Path, in_one_file: bool) -> None:
    ours = AUTHORITY.issue('proxy.example', client=True).save(tmp_path,
                                                              'client')
    settings = (ClientTls(ca_file, ours.both_file) if in_one_file
                else ClientTls(ca_file, ours.cert_file, ours.key_file))
    server = CERTIFICATE.server_context()
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(ca_file)
    for policy in (CA, PIN):
        context = EndpointTls(settings).context(policy, anonymous=False)
        assert shake_hands(server, context).version()
    with pytest.raises(ssl.SSLError):
        shake_hands(server, EndpointTls(ClientTls(ca_file)).context(
            CA, anonymous=False))


def endpoint_refused(settings: ClientTls) -> str:
    with pytest.raises(ConfigError) as caught:
        EndpointTls(settings)
    text = str(caught.value)
    assert '\n' not in text
    assert text.startswith('[ironic_console]vencrypt_')
    return text


@pytest.mark.parametrize(('field', 'option'), [
    ('ca_file', 'vencrypt_ca_certs'), ('cert_file', 'vencrypt_client_cert'),
    ('key_file', 'vencrypt_client_key')])
def test_names_the_endpoint_file_that_cannot_be_read(
        files: Files, tmp_path: pathlib.Path, field: str, option: str,
        ) -> None:
    for wrong in (tmp_path / 'missing', tmp_path):
        settings = {'cert_file': files.cert_file, field: str(wrong)}
        text = endpoint_refused(ClientTls(**settings))
        assert f'{option} cannot be read' in text
        assert str(wrong) in text


@pytest.mark.parametrize('content', [b'', b'rubbish', bytes(range(256))])
def test_wants_cas_in_pem(tmp_path: pathlib.Path, content: bytes) -> None:
    path = tmp_path / 'ca.pem'
    path.write_bytes(content)
    text = endpoint_refused(ClientTls(str(path)))
    assert f'vencrypt_ca_certs {path} holds no certificates' in text


def test_a_key_alone_is_forgotten_by_nobody(files: Files) -> None:
    text = endpoint_refused(ClientTls(key_file=files.key_file))
    assert 'vencrypt_client_cert is not' in text


def test_wants_our_own_key_and_unencrypted(
        files: Files, tmp_path: pathlib.Path) -> None:
    other = AUTHORITY.issue('other.example').save(tmp_path, 'other')
    encrypted = tmp_path / 'encrypted.key'
    encrypted.write_bytes(CERTIFICATE.encrypted_key('secret'))
    for key in (other.key_file, str(encrypted), ''):
        text = endpoint_refused(ClientTls(cert_file=files.cert_file,
                                          key_file=key))
        assert files.cert_file in text
        assert f'vencrypt_client_key {key or files.cert_file} are' in text
        assert 'unencrypted' in text


# -- CAs that an endpoint brings along ----------------------------------------

STRANGER = Authority('Stranger')
OWN = TlsPolicy('ca', ca=STRANGER.pem.decode())


def test_a_ca_of_the_endpoint_vouches_for_it(endpoint_tls: EndpointTls,
                                             ) -> None:
    theirs = STRANGER.issue('proxy.example').server_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(theirs, endpoint_tls.context(CA, anonymous=False))
    context = endpoint_tls.context(OWN, anonymous=False)
    assert shake_hands(theirs, context).version()


def test_where_an_endpoint_has_its_own_cas_ours_do_not_count(
        endpoint_tls: EndpointTls) -> None:
    context = endpoint_tls.context(OWN, anonymous=False)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(CERTIFICATE.server_context(), context)


def test_the_ca_of_one_endpoint_is_none_of_another(
        endpoint_tls: EndpointTls) -> None:
    endpoint_tls.context(OWN, anonymous=False)
    for policy in (CA, TlsPolicy('ca', ca=AUTHORITY.pem.decode())):
        context = endpoint_tls.context(policy, anonymous=False)
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(STRANGER.issue('proxy.example').server_context(),
                        context)


@pytest.mark.parametrize('server', [
    STRANGER.issue('other.example'),
    STRANGER.issue('proxy.example', expired=True)],
    ids=['other name', 'expired'])
def test_a_ca_of_the_endpoint_vouches_for_nothing_else(
        endpoint_tls: EndpointTls, server: Certificate) -> None:
    context = endpoint_tls.context(OWN, anonymous=False)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(server.server_context(), context)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION


def test_an_endpoint_may_bring_several_cas(endpoint_tls: EndpointTls) -> None:
    both = TlsPolicy('ca', ca=(AUTHORITY.pem + STRANGER.pem).decode())
    context = endpoint_tls.context(both, anonymous=False)
    for server in (CERTIFICATE, STRANGER.issue('proxy.example')):
        assert shake_hands(server.server_context(), context).version()


def test_our_certificate_is_presented_there_too(
        ca_file: str, tmp_path: pathlib.Path) -> None:
    ours = AUTHORITY.issue('proxy.example', client=True).save(tmp_path)
    server = STRANGER.issue('proxy.example').server_context()
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(ca_file)
    context = EndpointTls(ClientTls(ca_file, ours.both_file)).context(
        OWN, anonymous=False)
    assert shake_hands(server, context).version()


@pytest.mark.parametrize('ca', [
    'rubbish', '\xfc', '\ud800', '\0', CERTIFICATE.key.decode(),
    AUTHORITY.pem.decode()[:200]])
def test_what_are_no_cas_of_an_endpoint_is_told(endpoint_tls: EndpointTls,
                                                ca: str) -> None:
    with pytest.raises(ConfigError, match='console_endpoint/tls/ca holds no'
                       ) as caught:
        endpoint_tls.context(TlsPolicy('ca', ca=ca), anonymous=False)
    assert ca not in str(caught.value)


def test_a_pin_and_anonymous_tls_look_at_no_ca(endpoint_tls: EndpointTls,
                                               ) -> None:
    pinned = TlsPolicy('fingerprint', '', PIN.fingerprint, 'rubbish')
    context = endpoint_tls.context(pinned, anonymous=False)
    assert shake_hands(CERTIFICATE.server_context(), context).version()
    assert endpoint_tls.context(OWN, anonymous=True) is (
        endpoint_tls.context(CA, anonymous=True))


def test_takes_certificates_out_of_a_text_and_nothing_else() -> None:
    first, second = AUTHORITY.pem.decode(), STRANGER.pem.decode()
    text = f'# ours\n{first}{CERTIFICATE.key.decode()}\n\n{second.strip()}'
    assert cas_in(text) == first + second
    assert cas_in(first.replace('\n', '\r\n')).count('BEGIN') == 1


@pytest.mark.parametrize('text', [
    '', 'rubbish', '\xfc', '\ud800', CERTIFICATE.key.decode(),
    AUTHORITY.pem.decode()[:200], AUTHORITY.pem.decode().replace('M', '\xfc'),
    AUTHORITY.pem.decode() + AUTHORITY.pem.decode().replace('MII', 'AAA'),
    # OpenSSL reads it, we do not: it must not end as no CA at all.
    AUTHORITY.pem.decode().replace(' CERT', ' X509 CERT')])
def test_says_nothing_of_a_text_without_certificates(text: str) -> None:
    with pytest.raises(ConfigError, match='no certificates of CAs') as caught:
        cas_in(text)
    assert not text or text not in str(caught.value)


# -- those who have to show a certificate -------------------------------------

def asking(files: Files, folder: pathlib.Path) -> ssl.SSLContext:
    ca = folder / 'client-ca.pem'
    ca.write_bytes(AUTHORITY.pem)
    return server_context(ServerTls(files.cert_file, files.key_file,
                                    client_ca_file=str(ca)))


def showing(certificate: Certificate | None, folder: pathlib.Path,
            ) -> ssl.SSLContext:
    context = AUTHORITY.client_context()
    # The refusal comes in the handshake only there.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if certificate:
        context.load_cert_chain(certificate.save(folder, 'ours').both_file)
    return context


def test_a_client_certificate_of_the_ca_is_taken(files, tmp_path):
    ours = AUTHORITY.issue('nova', client=True)
    shake_hands(asking(files, tmp_path), showing(ours, tmp_path))


@pytest.mark.parametrize('shown', [
    None, Authority('other').issue('nova', client=True),
    AUTHORITY.issue('nova'), AUTHORITY.issue('nova', client=True,
                                             expired=True)],
    ids=['none', 'foreign', 'for a server', 'expired'])
def test_no_other_client_certificate_is(files, tmp_path, shown):
    with pytest.raises(ssl.SSLError):
        shake_hands(asking(files, tmp_path), showing(shown, tmp_path))


@pytest.mark.parametrize(('content', 'says'), [
    (None, 'gateway_client_ca_file cannot be read'),
    (b'', 'holds no certificates'), (b'nonsense', 'holds no certificates')])
def test_says_what_is_wrong_with_the_file_of_client_cas(files, tmp_path,
                                                       content, says):
    path = tmp_path / 'cas.pem'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        server_context(ServerTls(files.cert_file, files.key_file,
                                 client_ca_file=str(path)))


# -- web servers of BMCs ------------------------------------------------------

LISTS = ['', 'ECDHE-RSA-AES256-GCM-SHA384']


@pytest.mark.parametrize('ciphers', LISTS)
def test_only_where_nobody_vouches_old_keys_are_good_enough(
        ciphers: str) -> None:
    """Also with ciphers of one's own; unless they say something else."""
    usual = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    usual.set_ciphers('DEFAULT')
    assert bmc_context(BmcTls(ciphers=ciphers)).security_level == (
        usual.security_level)
    assert bmc_context(BmcTls(
        verify=False, ciphers=ciphers)).security_level == 1
    assert bmc_context(BmcTls(
        verify=False, ciphers='HIGH:@SECLEVEL=3')).security_level == 3


@pytest.mark.parametrize('settings', [
    BmcTls(ca='none'), BmcTls(ciphers='ROT13'), BmcTls(ciphers='\0'),
    BmcTls(verify=False, ciphers='H\xd6CH')])
def test_settings_of_a_bmc_that_cannot_be_used_are_told(
        settings: BmcTls) -> None:
    with pytest.raises(ConfigError):
        bmc_context(settings)


def test_a_list_of_ciphers_says_nothing_of_tls_1_3() -> None:
    assert suites_of('ECDHE-RSA-AES256-GCM-SHA384:AES128-SHA') == {
        0xc030, 0x002f}
    with pytest.raises(ConfigError):
        suites_of('ROT13')
