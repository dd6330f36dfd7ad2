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
    :ivar client_ca_file: PEM, CAs of which one must have signed the peer's
        certificate; '' to ask for none.
    :ivar options: that name the files, for errors.
    """

    cert_file: str
    key_file: str = ''
    minimum_version: str = '1.2'
    ciphers: str = ''
    client_ca_file: str = ''
    options: tuple[str, str, str] = (
        '[vnc]cert_file', '[vnc]key_file',
        '[ironic_console]gateway_client_ca_file')


def server_context(settings: ServerTls) -> ssl.SSLContext:
    """Build the context with which we accept browsers.

    :raises ConfigError: naming the file or option and what is wrong.
    """
    cert_option, key_option, ca_option = settings.options
    if not settings.cert_file:
        raise ConfigError(f'TLS is wanted but {cert_option} is not set; name '
                          'a PEM file with the certificate')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.minimum_version]
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    # Or an end without a word, which is one of a WebSocket's or of RFB's in
    # any case, would be answered with an alert, and nothing could be said
    # after it. OpenSSL 1.1 has no such option and needs none.
    context.options |= getattr(ssl, 'OP_IGNORE_UNEXPECTED_EOF', 0)
    if settings.ciphers:
        try:
            context.set_ciphers(settings.ciphers)
        except ssl.SSLError as exc:
            raise ConfigError(f'[vnc]tls_ciphers {settings.ciphers!r} names '
                              'no cipher that OpenSSL has') from exc
    _check_readable(cert_option, settings.cert_file)
    _check_readable(key_option, settings.key_file)
    _check_readable(ca_option, settings.client_ca_file)
    try:
        # Without a password OpenSSL would ask for one at the terminal, and
        # a service would wait for ever.
        context.load_cert_chain(settings.cert_file, settings.key_file or None,
                                password='')
    except (ssl.SSLError, OSError) as exc:
        raise ConfigError(
            f'{cert_option} {settings.cert_file} and {key_option} '
            f'{settings.key_file or settings.cert_file} are not a '
            f'certificate with its key, unencrypted: {exc}') from exc
    if settings.client_ca_file:
        try:
            context.load_verify_locations(settings.client_ca_file)
        except (ssl.SSLError, OSError) as exc:
            raise ConfigError(f'{ca_option} {settings.client_ca_file} holds '
                              f'no certificates of CAs in PEM: {exc}',
                              ) from exc
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@dataclasses.dataclass(frozen=True)
class BmcTls:
    """How a BMC's web server is spoken with, and who vouches for it.

    :ivar verify: whether a CA has to; otherwise it is for the caller to look
        at the certificate.
    :ivar ca: PEM, the only CAs that may; '' for those of the system.
    :ivar minimum_version: ``1.2`` or ``1.3``.
    :ivar ciphers: OpenSSL cipher list for TLS 1.2, or '' for ours.
    """

    verify: bool = True
    ca: str = ''
    minimum_version: str = '1.2'
    ciphers: str = ''


# What old BMCs want and browsers take as well: RSA instead of Diffie-Hellman
# and SHA-1 as a MAC. TLS 1.2 is the oldest that browsers speak; iLO 4,
# Supermicro X10 and iDRAC7 have it.
_BMC_CIPHERS = 'DEFAULT'
# Nobody vouches for them anyhow: so keys of 1024 bits, which old BMCs come
# with, and no secure renegotiation (RFC 5746) make nothing worse.
_UNVERIFIED_BMC_CIPHERS = 'DEFAULT:@SECLEVEL=1'
_LEGACY_SERVER_CONNECT = 0x4  # ssl.OP_LEGACY_SERVER_CONNECT of Python 3.12


def bmc_context(settings: BmcTls) -> ssl.SSLContext:
    """Build the context with which we go to the web server of a BMC.

    :raises ConfigError: its CAs are none, or its ciphers.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _VERSIONS[settings.minimum_version]
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.options |= _LEGACY_SERVER_CONNECT
    context.set_ciphers(_BMC_CIPHERS if settings.verify
                        else _UNVERIFIED_BMC_CIPHERS)
    if settings.ciphers:
        # The level stays, unless they name another.
        _set_ciphers(context, settings.ciphers)
    if not settings.verify:
        return context
    if not settings.ca:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return context
    try:
        context.load_verify_locations(cadata=settings.ca)
    except _NO_CERTIFICATES as exc:
        raise ConfigError('there are no certificates of CAs in PEM, or '
                          f'broken ones: {exc}') from exc
    return context


def suites_of(ciphers: str) -> frozenset[int]:
    """Look up what an OpenSSL cipher list allows.

    :returns: numbers of IANA; without those of TLS 1.3, which such a list
        does not govern.
    :raises ConfigError: it names none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _set_ciphers(context, ciphers)
    # OpenSSL puts the version of its API above them.
    return frozenset(int(one['id']) & 0xffff for one in context.get_ciphers()
                     if one['protocol'] != 'TLSv1.3')


def _set_ciphers(context: ssl.SSLContext, ciphers: str) -> None:
    try:
        context.set_ciphers(ciphers)
    except (ssl.SSLError, TypeError, ValueError) as exc:
        raise ConfigError('there are no ciphers that OpenSSL has in the list',
                          ) from exc


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
