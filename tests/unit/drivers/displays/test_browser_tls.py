# SPDX-License-Identifier: Apache-2.0
"""What Chromium is told of TLS. What it makes of that is in
tests/displays/test_display_browser_tls.py."""

import pytest

from ironic_console.common import tls
from ironic_console.drivers.displays import browser_tls
from ironic_console.drivers.displays.settings import MAX_CIPHERS_CHARS

AES_256 = 'ECDHE-RSA-AES256-GCM-SHA384'
#: Number of IANA, of that.
NUMBER = 0xc030


def denied(version: str, ciphers: str) -> set[int]:
    _, words = browser_tls.flags(version, ciphers)
    name, _, numbers = words.partition('=')
    assert name == '--cipher-suite-blacklist'
    return {int(number, 16) for number in numbers.split(',')}


@pytest.mark.parametrize(('version', 'ciphers'), [
    ('1.2', ''), ('1.3', ''), ('1.3', AES_256)])
def test_no_ciphers_are_denied_where_none_are_named_or_needed(
        version: str, ciphers: str) -> None:
    assert browser_tls.flags(version, ciphers) == [
        f'--ssl-version-min=tls{version}']


def test_all_but_the_named_ciphers_are_denied() -> None:
    chromium = tls.suites_of(':'.join(browser_tls.CIPHERS))
    assert len(chromium) == len(browser_tls.CIPHERS)
    found = denied('1.2', AES_256)
    assert NUMBER not in found
    assert found > chromium - {NUMBER}
    assert found > tls.suites_of('eNULL:aNULL:@SECLEVEL=0')


def test_those_of_tls_1_3_stay() -> None:
    assert not denied('1.2', AES_256) & {0x1301, 0x1302, 0x1303}


def test_lists_are_read_as_openssl_does() -> None:
    assert denied('1.2', f'{AES_256}:@SECLEVEL=2') == denied('1.2', AES_256)
    assert not denied('1.2', 'ALL') & tls.suites_of(
        ':'.join(browser_tls.CIPHERS))


@pytest.mark.parametrize(('version', 'ciphers', 'can'), [
    ('1.2', '', True), ('1.2', AES_256, True), ('1.2', 'DEFAULT', True),
    ('1.2', f'DHE-RSA-AES256-SHA:{AES_256}', True),
    ('1.2', 'DHE-RSA-AES256-SHA', False), ('1.2', 'eNULL', False),
    ('1.3', 'DHE-RSA-AES256-SHA', True),
    ('1.2', 'ROT13', False), ('1.3', 'ROT13', False),
    ('1.2', 'HIGH\0', False), ('1.2', 'H\xd6CH', False),
    ('1.2', 'A' * (MAX_CIPHERS_CHARS - 5) + ':HIGH', True),
    ('1.2', 'A' * (MAX_CIPHERS_CHARS - 4) + ':HIGH', False)])
def test_it_is_known_before_whether_chromium_can_obey(
        version: str, ciphers: str, can: bool) -> None:
    assert browser_tls.can_obey(version, ciphers) is can
