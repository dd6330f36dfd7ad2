# SPDX-License-Identifier: Apache-2.0
"""Where the public key is in a certificate (RFC 5280 §4.1, X.690 §8.1).

Whether the certificate is any good is not known here.
"""

import base64
import hashlib

_SEQUENCE, _INTEGER, _VERSION = 0x30, 0x02, 0xA0


class NoCertificate(Exception):
    """These bytes are none."""


def pin_of(certificate: bytes) -> str:
    """Name a key as Chromium's ``--ignore-certificate-errors-spki-list``
    does.

    :param certificate: DER.
    :returns: SHA-256 of its SubjectPublicKeyInfo, in base64.
    :raises NoCertificate: there is none to be found.
    """
    outer, rest = _content(certificate, _SEQUENCE)
    if rest:
        raise NoCertificate('something follows the certificate')
    fields, _ = _content(outer, _SEQUENCE)
    if fields[:1] == bytes([_VERSION]):
        _, fields = _content(fields, _VERSION)
    _, fields = _content(fields, _INTEGER)
    for _name in ('signature', 'issuer', 'validity', 'subject'):
        _, fields = _content(fields, _SEQUENCE)
    _, after = _content(fields, _SEQUENCE)
    key = fields[:len(fields) - len(after)]
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def _content(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """Open the first element.

    :returns: what is in it, and what follows it.
    :raises NoCertificate: it is another one, or not whole.
    """
    if len(data) < 2 or data[0] != tag:
        raise NoCertificate(f'no element with the tag {tag:#04x}')
    length, start = data[1], 2
    if length & 0x80:
        # Four octets are 4 GB; none at all is BER, which DER forbids.
        octets = length & 0x7F
        start += octets
        if not 1 <= octets <= 4 or len(data) < start:
            raise NoCertificate('the length of an element is wrong')
        length = int.from_bytes(data[2:start], 'big')
    if len(data) < start + length:
        raise NoCertificate('an element is cut off')
    return data[start:start + length], data[start + length:]
