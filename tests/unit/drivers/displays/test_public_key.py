# SPDX-License-Identifier: Apache-2.0
import base64
import hashlib
import ssl
import subprocess

import pytest

from ironic_console.drivers.displays.public_key import NoCertificate, pin_of
from tests.helpers.certificates import Authority, Certificate


@pytest.fixture(scope='module')
def certificates() -> list[Certificate]:
    authority = Authority()
    return [authority.itself, authority.issue('bmc.example'),
            authority.issue('bmc.example', rsa_key=True)]


def der(certificate: Certificate) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.cert.decode())


def openssl_pin(certificate: Certificate) -> str:
    key = subprocess.run(['openssl', 'x509', '-noout', '-pubkey'],
                         input=certificate.cert, capture_output=True,
                         check=True).stdout
    plain = subprocess.run(['openssl', 'pkey', '-pubin', '-outform', 'DER'],
                           input=key, capture_output=True, check=True).stdout
    return base64.b64encode(hashlib.sha256(plain).digest()).decode()


def test_finds_the_key_that_openssl_finds(certificates: list[Certificate],
                                          ) -> None:
    for certificate in certificates:
        assert pin_of(der(certificate)) == openssl_pin(certificate)


def test_finds_it_in_a_certificate_of_version_1(tmp_path: object) -> None:
    # Such have no version in them; BMCs of old make them themselves.
    made = subprocess.run(
        ['openssl', 'genpkey', '-algorithm', 'RSA', '-pkeyopt',
         'rsa_keygen_bits:2048'], capture_output=True, check=True).stdout
    key_file = f'{tmp_path}/key.pem'
    with open(key_file, 'wb') as file:
        file.write(made)
    request = subprocess.run(
        ['openssl', 'req', '-new', '-key', key_file, '-subj', '/CN=bmc'],
        capture_output=True, check=True).stdout
    cert = subprocess.run(
        ['openssl', 'x509', '-req', '-signkey', key_file, '-days', '1'],
        input=request, capture_output=True, check=True).stdout
    certificate = Certificate(cert, made)
    assert b'Version: 1 ' in subprocess.run(
        ['openssl', 'x509', '-noout', '-text'], input=cert,
        capture_output=True, check=True).stdout
    assert pin_of(der(certificate)) == openssl_pin(certificate)


def test_no_part_of_a_certificate_is_one(certificates: list[Certificate],
                                         ) -> None:
    whole = der(certificates[1])
    for end in range(len(whole)):
        with pytest.raises(NoCertificate):
            pin_of(whole[:end])
    with pytest.raises(NoCertificate, match='follows'):
        pin_of(whole + b'\0')


@pytest.mark.parametrize('data', [
    b'\x30\x80\x00\x00', b'\x30\x85\x00\x00\x00\x00\x00', b'\x31\x00',
    b'\x30\x84\xff\xff\xff\xff', b'\x30\x02\x30\x00', b'-----BEGIN'])
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(NoCertificate):
        pin_of(data)


def test_any_changed_byte_is_survived(certificates: list[Certificate],
                                      ) -> None:
    whole = bytearray(der(certificates[1]))
    for index in range(len(whole)):
        for value in (0x00, 0x30, 0x80, 0xFF):
            changed = bytes(whole[:index]) + bytes([value]) + bytes(
                whole[index + 1:])
            try:
                pin_of(changed)
            except NoCertificate:
                continue
