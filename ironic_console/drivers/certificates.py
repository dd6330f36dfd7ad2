# SPDX-License-Identifier: Apache-2.0
"""Certificates for VNC servers of ours: self-signed, made when needed.

Nobody vouches for them, so whoever connects has to know the fingerprint.
"""

import dataclasses
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ironic_console.common.clock import Clock
from ironic_console.common.secret import Secret

_LIFETIME = datetime.timedelta(days=3650)
_CLOCKS_DIFFER = datetime.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class SelfSigned:
    """A certificate with its key.

    :ivar certificate: PEM.
    :ivar key: PEM, PKCS #8, not encrypted.
    :ivar fingerprint: SHA-256 of the certificate in DER, 64 hex digits.
    """

    certificate: str
    key: Secret
    fingerprint: str


def make(name: str) -> SelfSigned:
    """Make one, P-256, good for ten years.

    :param name: that it is for.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = Clock().now()
    certificate = x509.CertificateBuilder(
        issuer_name=subject, subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _CLOCKS_DIFFER,
        not_valid_after=now + _LIFETIME,
    ).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False,
    ).sign(key, hashes.SHA256())
    return SelfSigned(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        Secret(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()).decode()),
        certificate.fingerprint(hashes.SHA256()).hex())
