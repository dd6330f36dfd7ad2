# SPDX-License-Identifier: Apache-2.0
"""The certificate that test cards present: self-signed, of this process."""

import dataclasses
import functools
import pathlib
import ssl
import tempfile
import threading

from ironic_console.common import tls
from ironic_console.drivers import certificates

_NAME = 'fake-vnc'
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
    made = certificates.make(_NAME)
    # Python reads keys from files only; nobody else can read this one.
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, 'identity.pem')
        path.write_text(made.key.reveal() + made.certificate)
        context = tls.server_context(tls.ServerTls(str(path)))
    return Identity(context, made.fingerprint)
