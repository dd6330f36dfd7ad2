# SPDX-License-Identifier: Apache-2.0
"""How Chromium is kept to the TLS that a BMC has to speak.

It knows what Chromium can be told of that. The login's part, which is
without a browser, is in :mod:`ironic_console.common.tls`.
"""

from ironic_console.common import tls
from ironic_console.common.errors import ConfigError
from ironic_console.drivers.displays.settings import MAX_CIPHERS_CHARS

#: What Chromium (156) offers in TLS 1.2; it can be told to leave some out.
#: Nobody can tell it about TLS 1.3, nor OpenSSL by such a list.
CIPHERS = (
    'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305',
    'ECDHE-RSA-AES128-SHA', 'ECDHE-RSA-AES256-SHA', 'AES128-GCM-SHA256',
    'AES256-GCM-SHA384', 'AES128-SHA', 'AES256-SHA')
# Also those that OpenSSL itself does not offer.
_ALL = 'ALL:COMPLEMENTOFALL:@SECLEVEL=0'


def can_obey(minimum_version: str, ciphers: str) -> bool:
    """:param ciphers: OpenSSL cipher list for TLS 1.2; '' for any.
    :returns: whether Chromium has one of them, if it needs one. With none at
        all it does not even begin.
    """
    if not ciphers:
        return True
    if len(ciphers) > MAX_CIPHERS_CHARS:
        return False
    try:
        allowed = tls.suites_of(ciphers)
    except ConfigError:
        return False
    return (minimum_version == '1.3'
            or bool(allowed & tls.suites_of(':'.join(CIPHERS))))


def flags(minimum_version: str, ciphers: str) -> list[str]:
    """:param ciphers: that it :func:`can_obey`.
    :returns: for Chromium's command line.
    """
    found = [f'--ssl-version-min=tls{minimum_version}']
    if ciphers and minimum_version != '1.3':
        # All that there are, lest a newer one offers more than is allowed.
        denied = tls.suites_of(_ALL) - tls.suites_of(ciphers)
        found.append('--cipher-suite-blacklist=' + ','.join(
            f'0x{number:04x}' for number in sorted(denied)))
    return found
