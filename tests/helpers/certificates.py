# SPDX-License-Identifier: Apache-2.0
"""Certificates that are made when a test needs them.

In a test::

    authority = Authority()
    good = authority.issue('bmc.example', '192.0.2.1')
    old = authority.issue('bmc.example', expired=True)
    ours = authority.issue('proxy.example', client=True)
    self_signed = Authority('bmc.example', names=['bmc.example']).itself
    good.save(tmp_path)                 # PEM files: .cert_file .key_file
    server_side = good.server_context()
    client_side = authority.client_context()
"""

import base64
import dataclasses
import datetime
import hashlib
import ipaddress
import pathlib
import ssl
import tempfile
from collections.abc import Sequence
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)
_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclasses.dataclass(frozen=True)
class Files:
    """Where a certificate was saved."""

    cert_file: str
    key_file: str
    both_file: str


@dataclasses.dataclass(frozen=True)
class Certificate:
    """A certificate with its key, both PEM.

    :ivar cert: the certificate alone.
    :ivar key: its private key, not encrypted.
    """

    cert: bytes
    key: bytes

    def save(self, folder: pathlib.Path, name: str = 'server') -> Files:
        """Write ``name.crt``, ``name.key``, and ``name.pem`` with both."""
        files = Files(*(str(folder / f'{name}.{suffix}')
                        for suffix in ('crt', 'key', 'pem')))
        for path, content in ((files.cert_file, self.cert),
                              (files.key_file, self.key),
                              (files.both_file, self.key + self.cert)):
            pathlib.Path(path).write_bytes(content)
        return files

    @property
    def fingerprint(self) -> str:
        """SHA-256 of it, 64 hex digits."""
        der = ssl.PEM_cert_to_DER_cert(self.cert.decode())
        return hashlib.sha256(der).hexdigest()

    @property
    def pin(self) -> str:
        """SHA-256 of its public key in base64, as Chromium's
        ``--ignore-certificate-errors-spki-list`` wants it."""
        key = x509.load_pem_x509_certificate(self.cert).public_key()
        der = key.public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(der).digest()).decode()

    def encrypted_key(self, password: str) -> bytes:
        """:returns: the key as PEM under a password."""
        key = serialization.load_pem_private_key(self.key, None)
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode()))

    def server_context(self) -> ssl.SSLContext:
        """:returns: a plain context that presents it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            context.load_cert_chain(
                self.save(pathlib.Path(folder)).both_file)
        return context


@dataclasses.dataclass(frozen=True)
class OneKindOfTls(Certificate):
    """A certificate of a server that speaks nothing else.

    :ivar version: of TLS, ``1.2`` or ``1.3``.
    :ivar ciphers: OpenSSL cipher list for TLS 1.2; '' for the usual.
    """

    version: str = '1.2'
    ciphers: str = ''

    @classmethod
    def of(cls, certificate: Certificate, version: str, ciphers: str = '',
           ) -> Self:
        return cls(certificate.cert, certificate.key, version, ciphers)

    def server_context(self) -> ssl.SSLContext:
        context = super().server_context()
        context.minimum_version = context.maximum_version = (
            ssl.TLSVersion.TLSv1_3 if self.version == '1.3'
            else ssl.TLSVersion.TLSv1_2)
        if self.ciphers:
            context.set_ciphers(self.ciphers)
        return context


class Authority:
    """Signs certificates.

    :param names: host names and addresses that its own certificate is for,
        which is then one that a server may present.
    :ivar pem: its own certificate.
    """

    def __init__(self, name: str = 'Test authority',
                 names: Sequence[str] = ()) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME,
                                                   name)])
        alternatives = [x509.SubjectAlternativeName(
            [_general_name(name) for name in names])] if names else []
        self._certificate = self._sign(
            self._name, self._key.public_key(), _now() - _DAY,
            _now() + 10 * _DAY, x509.BasicConstraints(True, None),
            x509.KeyUsage(bool(names), False, False, False, False, True, True,
                          False, False), *alternatives)
        self.pem = self._certificate.public_bytes(
            serialization.Encoding.PEM)

    @property
    def itself(self) -> Certificate:
        """Its own, self-signed."""
        return Certificate(self.pem, _key_pem(self._key))

    def issue(self, *names: str, expired: bool = False,
              not_yet: bool = False, client: bool = False,
              rsa_key: bool = False) -> Certificate:
        """Make a certificate for host names and addresses.

        :param names: ``localhost`` and both loopback addresses if none.
        :param expired: its time was yesterday.
        :param not_yet: its time is tomorrow.
        :param client: it is for a client and not for a server.
        :param rsa_key: for servers that know no other keys.
        """
        names = names or ('localhost', '127.0.0.1', '::1')
        begin = _now() + _DAY * (-3 if expired else 1 if not_yet else -1)
        key: _Key = (rsa.generate_private_key(65537, 2048) if rsa_key
                     else ec.generate_private_key(ec.SECP256R1()))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME,
                                                names[0])])
        certificate = self._sign(
            subject, key.public_key(), begin, begin + 2 * _DAY,
            x509.BasicConstraints(False, None),
            x509.SubjectAlternativeName([_general_name(name)
                                         for name in names]),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH if client
                                   else ExtendedKeyUsageOID.SERVER_AUTH]))
        return Certificate(
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(serialization.Encoding.PEM,
                              serialization.PrivateFormat.PKCS8,
                              serialization.NoEncryption()))

    def client_context(self) -> ssl.SSLContext:
        """:returns: a context that trusts this authority only and checks
            host names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.pem.decode())
        return context

    def _sign(self, subject: x509.Name,
              key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
              begin: datetime.datetime, end: datetime.datetime,
              *extensions: x509.ExtensionType) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            issuer_name=self._name, subject_name=subject, public_key=key,
            serial_number=x509.random_serial_number(),
            not_valid_before=begin, not_valid_after=end)
        for extension in (*extensions,
                          x509.SubjectKeyIdentifier.from_public_key(key)):
            builder = builder.add_extension(
                extension, critical=isinstance(
                    extension, (x509.BasicConstraints, x509.KeyUsage)))
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(
            self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _key_pem(key: _Key) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM,
                             serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
