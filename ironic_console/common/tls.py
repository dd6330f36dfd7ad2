# SPDX-License-Identifier: Apache-2.0
"""The only place that builds an SSLContext."""

import dataclasses
import ssl

from ironic_console.common.errors import ConfigError

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
    for option, path in (('cert_file', settings.cert_file),
                         ('key_file', settings.key_file)):
        _check_readable(option, path)
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
        raise ConfigError(f'[vnc]{option} cannot be read: {exc}') from exc
