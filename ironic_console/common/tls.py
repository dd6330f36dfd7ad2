# SPDX-License-Identifier: Apache-2.0
"""The only place that builds an SSLContext."""

import dataclasses
import hashlib
import hmac
import re
import ssl

from ironic_console.common.endpoint import TlsPolicy
from ironic_console.common.errors import (
    CertificateRejected,
    ConfigError,
)

_CERTIFICATE = re.compile('-----BEGIN CERTIFICATE-----[^-]+'
                          '-----END CERTIFICATE-----\n?')
_VERSIONS = {'1.2': ssl.TLSVersion.TLSv1_2, '1.3': ssl.TLSVersion.TLSv1_3}


@dataclasses.dataclass(frozen=True)
class ServerTls:
    """What we present to browsers.

    :ivar cert_file: PEM, our certificate and its chain.
    :ivar key_file: PEM, its key; '' when it is in ``cert_file``.
    :ivar minimum_version: ``1.2`` or ``1.3``.
    :ivar ciphers: OpenSSL cipher list, or '' for its default.
    """

    cert_file: str
    key_file: str = ''
    minimum_version: str = '1.2'
    ciphers: str = ''


def server_context(settings: ServerTls) -> ssl.SSLContext:
    """Build the context with which we accept browsers.

    :raises ConfigError: naming the file or option and what is wrong.
    """
    if not settings.cert_file:
        raise ConfigError('[vnc]enable_ssl is true but [vnc]cert_file is not '
                          'set; name a PEM file with the certificate')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.minimum_version]
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if settings.ciphers:
        try:
            context.set_ciphers(settings.ciphers)
        except ssl.SSLError as exc:
            raise ConfigError(f'[vnc]tls_ciphers {settings.ciphers!r} names '
                              'no cipher that OpenSSL has') from exc
    _check_readable('[vnc]cert_file', settings.cert_file)
    _check_readable('[vnc]key_file', settings.key_file)
    try:
        # Without a password OpenSSL would ask for one at the terminal, and
        # a service would wait for ever.
        context.load_cert_chain(settings.cert_file, settings.key_file or None,
                                password='')
    except (ssl.SSLError, OSError) as exc:
        raise ConfigError(
            f'[vnc]cert_file {settings.cert_file} and [vnc]key_file '
            f'{settings.key_file or settings.cert_file} are not a '
            f'certificate with its key, unencrypted: {exc}') from exc
    return context


def _check_readable(option: str, path: str) -> None:
    if not path:
        return
    try:
        with open(path, 'rb'):
            return
    except OSError as exc:
        raise ConfigError(f'{option} cannot be read: {exc}') from exc


def cas_in(text: str) -> str:
    """Take the certificates out of a text, and nothing else.

    Whatever lies beside them, such as a key, goes no further.

    :returns: PEM, for :attr:`TlsPolicy.ca`.
    :raises ConfigError: it holds none, or one that is none; says nothing
        of the text.
    """
    found = ''.join(block.rstrip() + '\n'
                    for block in _CERTIFICATE.findall(text))
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(
            cadata=found)
    except _NO_CERTIFICATES as exc:
        raise ConfigError('there are no certificates of CAs in PEM, or '
                          f'broken ones: {exc}') from exc
    return found


# What OpenSSL and Python say of texts that hold none.
_NO_CERTIFICATES = (ssl.SSLError, TypeError, ValueError)


@dataclasses.dataclass(frozen=True)
class ClientTls:
    """With what we go to endpoints, whichever they are.

    :ivar ca_file: PEM, the CAs that we trust; '' for the system's.
    :ivar cert_file: PEM, our certificate for endpoints that ask; '' if we
        have none.
    :ivar key_file: PEM, its key; '' when it is in ``cert_file``.
    :ivar allow_unverified: endpoints may say that nobody checks them.
    """

    ca_file: str = ''
    cert_file: str = ''
    key_file: str = ''
    allow_unverified: bool = False


def _check_files(settings: ClientTls) -> None:
    if settings.key_file and not settings.cert_file:
        raise ConfigError(
            '[ironic_console]vencrypt_client_key is set, but '
            'vencrypt_client_cert is not; name the certificate of that key')
    for option, path in (('vencrypt_ca_certs', settings.ca_file),
                         ('vencrypt_client_cert', settings.cert_file),
                         ('vencrypt_client_key', settings.key_file)):
        _check_readable(f'[ironic_console]{option}', path)


class EndpointTls:
    """Makes contexts for endpoints and judges their certificates.

    :param settings: read once, here.
    :raises ConfigError: naming the file or option and what is wrong.
    """

    def __init__(self, settings: ClientTls) -> None:
        self._settings = settings
        _check_files(settings)
        # Each kind once: loading the system's CAs takes milliseconds.
        self._verifying = self._context()
        self._verifying.verify_mode = ssl.CERT_REQUIRED
        self._verifying.check_hostname = True
        try:
            if settings.ca_file:
                self._verifying.load_verify_locations(settings.ca_file)
            else:
                self._verifying.load_default_certs(ssl.Purpose.SERVER_AUTH)
        except (ssl.SSLError, OSError) as exc:
            raise ConfigError(
                '[ironic_console]vencrypt_ca_certs '
                f'{settings.ca_file} holds no certificates of CAs in PEM: '
                f'{exc}') from exc
        self._trusting = self._context()
        self._anonymous = self._context()
        # Without certificates there are only ciphers that OpenSSL counts as
        # insecure, and none of them in TLS 1.3.
        self._anonymous.set_ciphers('ADH:AECDH:@SECLEVEL=0')
        self._anonymous.maximum_version = ssl.TLSVersion.TLSv1_2

    def _context(self) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if settings.cert_file:
            try:
                context.load_cert_chain(
                    settings.cert_file, settings.key_file or None,
                    password='')
            except (ssl.SSLError, OSError) as exc:
                raise ConfigError(
                    '[ironic_console]vencrypt_client_cert '
                    f'{settings.cert_file} and vencrypt_client_key '
                    f'{settings.key_file or settings.cert_file} are not a '
                    f'certificate with its key, unencrypted: {exc}') from exc
        return context

    def context(self, policy: TlsPolicy, anonymous: bool) -> ssl.SSLContext:
        """The context for an endpoint.

        :param anonymous: the sub-type has no certificates; that it may be
            used is decided by the endpoint's list of security types.
        :raises CertificateRejected: the endpoint wants no check, and our
            operator has not allowed that.
        :raises ConfigError: the CAs that it brings along are none.
        """
        if anonymous:
            return self._anonymous
        if policy.verify == 'ca':
            return (self._trusting_only(policy.ca) if policy.ca
                    else self._verifying)
        if policy.verify == 'none' and not self._settings.allow_unverified:
            raise CertificateRejected(
                'the endpoint asks for TLS without a check of its '
                'certificate; [ironic_console]allow_unverified_tls forbids '
                'that')
        return self._trusting

    def _trusting_only(self, ca: str) -> ssl.SSLContext:
        context = self._context()
        context.verify_mode = ssl.CERT_REQUIRED
        context.check_hostname = True
        try:
            context.load_verify_locations(cadata=ca)
        except _NO_CERTIFICATES as exc:
            raise ConfigError('console_endpoint/tls/ca holds no certificates '
                              f'of CAs in PEM: {exc}') from exc
        return context

    @staticmethod
    def check(policy: TlsPolicy, certificate: bytes | None) -> None:
        """Judge what TLS itself has not.

        :param certificate: of the peer, DER; ``None`` if it sent none.
        :raises CertificateRejected: it is not the pinned one. A certificate
            that the pinned one has signed is another one.
        """
        if policy.verify != 'fingerprint':
            return
        found = hashlib.sha256(certificate or b'').hexdigest()
        if not hmac.compare_digest(found, policy.fingerprint):
            raise CertificateRejected(
                f'the certificate has the fingerprint {found}, expected is '
                f'{policy.fingerprint}')
