# SPDX-License-Identifier: Apache-2.0
"""The certificate that test cards present: self-signed, of this process.

Nobody vouches for it, so whoever connects has to know its fingerprint.
"""

import dataclasses
import datetime
import functools
import hashlib
import pathlib
import ssl
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ironic_console.common import tls
from ironic_console.common.clock import Clock

_NAME = 'fake-vnc'
_LIFETIME = datetime.timedelta(days=3650)
_CLOCKS_DIFFER = datetime.timedelta(days=1)
_one_at_a_time = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Identity:
    """What cards prove who they are with.

    :ivar context: presents the certificate.
    :ivar fingerprint: SHA-256 of it, 64 hex digits.
    """

    context: ssl.SSLContext
    fingerprint: str


def own_identity() -> Identity:
    """The one of this process, made by the first call."""
    # Many nodes may be started at once when a conductor has just begun.
    with _one_at_a_time:
        return _make_identity()


@functools.cache
def _make_identity() -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _NAME)])
    now = Clock().now()
    certificate = x509.CertificateBuilder(
        issuer_name=name, subject_name=name, public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _CLOCKS_DIFFER,
        not_valid_after=now + _LIFETIME,
    ).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(_NAME)]), critical=False,
    ).sign(key, hashes.SHA256())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption())
    pem += certificate.public_bytes(serialization.Encoding.PEM)
    # Python reads keys from files only; nobody else can read this one.
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, 'identity.pem')
        path.write_bytes(pem)
        context = tls.server_context(tls.ServerTls(str(path)))
    der = certificate.public_bytes(serialization.Encoding.DER)
    return Identity(context, hashlib.sha256(der).hexdigest())
