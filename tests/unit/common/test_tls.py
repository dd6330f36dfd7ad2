# SPDX-License-Identifier: Apache-2.0
"""Contexts that we present to browsers."""

import pathlib
import ssl
import subprocess
import sys

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.common.tls import ServerTls, server_context
from tests.helpers.certificates import Authority, Files

AUTHORITY = Authority()
CERTIFICATE = AUTHORITY.issue('proxy.example')


@pytest.fixture
def files(tmp_path: pathlib.Path) -> Files:
    return CERTIFICATE.save(tmp_path)


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext,
                ) -> ssl.SSLObject:
    """:returns: the client's end of a handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(to_client, to_server,
                            server_hostname='proxy.example'),
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
