# SPDX-License-Identifier: Apache-2.0
"""Certificates of our own VNC servers."""

import datetime
import socket
import ssl
import subprocess
import threading

import pytest
from cryptography import x509

from ironic_console.common.endpoint import TlsPolicy
from ironic_console.common.errors import CertificateRejected
from ironic_console.common.tls import EndpointTls
from ironic_console.drivers import certificates
from tests.helpers.certificates import Certificate

NAME = 'display-1be26c0b-03f2-4d2e-ae87-c02d7f33c123'


def test_is_what_openssl_takes_for_one_of_this_name() -> None:
    made = certificates.make(NAME)
    said = subprocess.run(
        ['openssl', 'x509', '-noout', '-subject', '-fingerprint', '-sha256',
         '-checkhost', NAME], input=made.certificate, check=True,
        capture_output=True, text=True).stdout
    assert f'CN = {NAME}' in said or f'CN={NAME}' in said
    assert f'Hostname {NAME} does match' in said
    assert made.fingerprint.upper() in said.replace(':', '')
    subprocess.run(['openssl', 'pkey', '-noout', '-check'], check=True,
                   input=made.key.reveal(), capture_output=True, text=True)


def test_is_good_although_clocks_differ_and_for_years() -> None:
    found = x509.load_pem_x509_certificate(
        certificates.make(NAME).certificate.encode())
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    assert found.not_valid_before_utc < now - day / 2
    assert found.not_valid_after_utc > now + 3000 * day


def test_no_two_are_alike() -> None:
    first, second = certificates.make(NAME), certificates.make(NAME)
    assert first.fingerprint != second.fingerprint
    assert first.key != second.key


def test_the_key_is_not_shown() -> None:
    made = certificates.make(NAME)
    assert 'PRIVATE KEY' in made.key.reveal()
    assert 'PRIVATE KEY' not in repr(made)


def test_who_knows_the_fingerprint_knows_the_server() -> None:
    made, another = certificates.make(NAME), certificates.make(NAME)
    shown = _shown_by(Certificate(made.certificate.encode(),
                                  made.key.reveal().encode()))
    EndpointTls.check(TlsPolicy('fingerprint', fingerprint=made.fingerprint),
                      shown)
    with pytest.raises(CertificateRejected):
        EndpointTls.check(
            TlsPolicy('fingerprint', fingerprint=another.fingerprint), shown)


def _shown_by(certificate: Certificate) -> bytes | None:
    """:returns: what a server with it presents in a real handshake."""
    near, far = socket.socketpair()
    context = certificate.server_context()

    def serve() -> None:
        with context.wrap_socket(far, server_side=True) as server:
            server.recv(1)
    server = threading.Thread(target=serve)
    server.start()
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    with anybody.wrap_socket(near) as client:
        found = client.getpeercert(binary_form=True)
    server.join()
    return found
