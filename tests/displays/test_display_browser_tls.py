# SPDX-License-Identifier: Apache-2.0
"""Chromium keeps to the TLS that the node says; with web servers that speak
only one kind of it."""

import pytest

from ironic_console.drivers.displays import browser_tls
from ironic_console.drivers.displays.failures import NotOffered
from ironic_console.drivers.displays.trust import Trust
from tests.helpers.certificates import Authority, OneKindOfTls
from tests.helpers.display_browser import ANSWERS, navigate_alone, targets
from tests.helpers.scripted_site import Site

pytestmark = pytest.mark.usefixtures('on_screen')
AES_128, AES_256 = 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384'
CERTIFICATE = Authority().issue(rsa_key=True)


def browse(server: OneKindOfTls, version: str, ciphers: str) -> None:
    with Site(ANSWERS, server.server_context()) as site:
        try:
            navigate_alone(site.url, Trust(
                CERTIFICATE.pin, minimum_version=version, ciphers=ciphers))
        finally:
            asked = targets(site)
        assert asked == ['/console.html']


@pytest.mark.parametrize(('version', 'ciphers', 'server'), [
    ('1.3', '', '1.3'), ('1.2', '', '1.2'), ('1.2', AES_256, '1.3'),
    ('1.3', 'DHE-RSA-AES256-SHA', '1.3')])
def test_whoever_speaks_as_the_node_says_is_shown(
        version: str, ciphers: str, server: str) -> None:
    browse(OneKindOfTls.of(CERTIFICATE, server), version, ciphers)


@pytest.mark.parametrize(('version', 'ciphers', 'cipher'), [
    ('1.3', '', ''), ('1.2', AES_256, AES_128), ('1.2', 'ECDHE', 'AES128-SHA'),
    ('1.3', AES_256, AES_256)])
def test_whoever_speaks_otherwise_is_not(
        version: str, ciphers: str, cipher: str) -> None:
    with pytest.raises(NotOffered, match='redfish_tls_ciphers'):
        browse(OneKindOfTls.of(CERTIFICATE, '1.2', cipher), version, ciphers)


def test_what_chromium_is_thought_to_have_it_has() -> None:
    """Otherwise lists are allowed with which it does not even begin."""
    issuers = {'ECDSA': Authority().issue(), 'RSA': CERTIFICATE}
    for cipher in browser_tls.CIPHERS:
        certificate = issuers['ECDSA' if 'ECDSA' in cipher else 'RSA']
        server = OneKindOfTls.of(certificate, '1.2', cipher)
        with Site(ANSWERS, server.server_context()) as site:
            navigate_alone(site.url, Trust(
                certificate.pin, ciphers=cipher))
            assert targets(site) == ['/console.html']
