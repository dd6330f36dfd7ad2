# SPDX-License-Identifier: Apache-2.0
"""How a server lets us in: names, defaults, and what contradicts itself."""

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.security import REGISTRY
from ironic_console.common.secret import Secret
from ironic_console.drivers.vnc_security import (
    SECURITY_TYPES,
    read_credential,
    read_types,
)

NUMBERS = {
    'none': 1, 'vncauth': 2, 'ra2': 5, 'ra2ne': 6, 'ra2_256': 129,
    'ra2ne_256': 130, 'plain': 256, 'tlsnone': 257, 'tlsvnc': 258,
    'tlsplain': 259, 'x509none': 260, 'x509vnc': 261, 'x509plain': 262}
OPEN = ('none', 'tlsnone', 'x509none')
VNC = ('vncauth', 'tlsvnc', 'x509vnc')
PLAIN = ('plain', 'tlsplain', 'x509plain')
WITH_TLS = [name for name in NUMBERS if name.startswith(('tls', 'x509'))]
PASSWORD = Credential(Secret('pa55word'))
LONG = Credential(Secret('a-long-pa55word'))
USER = Credential(Secret('a-long-pa55word'), 'operator')


def types(security: object = None, known: Credential | None = None,
          scheme: str = 'vnc', certificate: str = '') -> list[str]:
    """:returns: names of the types that may be used."""
    info = {} if security is None else {'vnc_security': security}
    numbers = read_types(info, known, scheme, certificate)
    names = {number: name for name, number in NUMBERS.items()}
    return [names[number] for number in numbers]


def refusal(security: object = None, known: Credential | None = None,
            scheme: str = 'vnc', certificate: str = '') -> str:
    with pytest.raises(ConfigError) as caught:
        types(security, known, scheme, certificate)
    text = str(caught.value)
    assert text.startswith('driver_info/vnc_')
    assert 'pa55word' not in text
    return text


# -- names --------------------------------------------------------------------

def test_there_is_a_name_for_every_type_that_we_speak() -> None:
    assert SECURITY_TYPES == NUMBERS
    for number in NUMBERS.values():
        assert any(kind.carries(number) for kind in REGISTRY.values())


@pytest.mark.parametrize('name', NUMBERS)
def test_takes_each_type_by_name(name: str) -> None:
    known = (None if name in OPEN else PASSWORD if name in VNC
             else USER)
    assert types(name, known) == [name]


def test_keeps_the_order_and_names_nothing_twice() -> None:
    assert types('X509Vnc, RA2ne_256,VncAuth,x509vnc', PASSWORD) == [
        'x509vnc', 'ra2ne_256', 'vncauth']
    assert types(['none', 'vncauth'], PASSWORD) == ['none', 'vncauth']


@pytest.mark.parametrize('security', ['vnc', 'none;vncauth', 'tight', '1',
                                      ['none', 'x'], 2, 'x' * 1000])
def test_unknown_names_are_refused_with_all_that_exist(security: object,
                                                       ) -> None:
    text = refusal(security, PASSWORD)
    assert 'driver_info/vnc_security has ' in text
    assert text.endswith('; allowed are none, tlsnone, x509none, vncauth, '
                         'tlsvnc, x509vnc, plain, tlsplain, x509plain, ra2, '
                         'ra2_256, ra2ne, ra2ne_256')
    assert len(text) < 300


@pytest.mark.parametrize('security', [None, [None], True, ['vncauth', None]])
def test_null_is_not_none(security: object) -> None:
    with pytest.raises(ConfigError, match='vnc_security must be text'):
        read_types({'vnc_security': security}, PASSWORD, 'vnc')


# -- defaults -----------------------------------------------------------------

def test_a_password_is_used_for_what_authenticates_with_it() -> None:
    assert types(None, PASSWORD) == ['x509vnc', 'ra2_256', 'ra2', 'ra2ne_256',
                                     'ra2ne', 'vncauth']
    assert types('', PASSWORD, 'auto') == types(None, PASSWORD)


def test_a_user_name_is_used_by_everything_that_is_tried() -> None:
    assert types(None, USER) == ['x509plain', 'ra2_256', 'ra2', 'ra2ne_256',
                                 'ra2ne']


def test_inside_of_tls_there_is_no_further_tls() -> None:
    assert types(None, PASSWORD, 'vncs') == ['ra2_256', 'ra2', 'ra2ne_256',
                                             'ra2ne', 'vncauth']
    assert types(None, USER, 'vncs') == ['ra2_256', 'ra2', 'ra2ne_256',
                                         'ra2ne']


def test_who_checks_certificates_is_content_with_no_other_type() -> None:
    assert types(None, PASSWORD, certificate='vnc_ca') == ['x509vnc']
    assert types(None, USER, certificate='vnc_fingerprint') == ['x509plain']
    assert 'vncauth' in types(None, PASSWORD, 'vncs', 'vnc_ca')
    assert 'vncauth' in types(None, PASSWORD, 'auto', 'vnc_ca')


def test_nothing_is_open_by_default() -> None:
    assert refusal() == (
        'driver_info/vnc_security and vnc_password are not set; set the '
        'password, or vnc_security to none if the VNC server asks for '
        'nothing')


# -- what contradicts itself --------------------------------------------------

@pytest.mark.parametrize('name', [name for name in NUMBERS
                                  if name not in OPEN])
def test_types_with_a_password_need_one(name: str) -> None:
    assert refusal(f'none,{name}') == (
        f'driver_info/vnc_security has {name}, which needs vnc_password')


@pytest.mark.parametrize('names', [*OPEN, 'none,x509none'])
def test_a_password_is_there_to_be_used(names: str) -> None:
    assert 'vnc_password is set, but nothing in vnc_security (' in refusal(
        names, PASSWORD)


@pytest.mark.parametrize('name', VNC)
def test_a_user_name_is_there_to_be_used(name: str) -> None:
    known = Credential(Secret('pa55word'), 'operator')
    text = refusal(name, known)
    assert 'vnc_username is set, but nothing in vnc_security' in text
    assert 'x509plain' in text
    assert types(f'{name},x509plain', known) == [name, 'x509plain']


@pytest.mark.parametrize('name', PLAIN)
def test_types_with_a_user_name_need_one(name: str) -> None:
    assert refusal(f'vncauth,{name}', PASSWORD) == (
        f'driver_info/vnc_security has {name}, which needs vnc_username')


@pytest.mark.parametrize('name', VNC)
@pytest.mark.parametrize('password', ['nine char', 'a' * 200, 'sch\u0142s'])
def test_a_password_of_which_only_a_part_counts_is_refused(
        name: str, password: str) -> None:
    text = refusal(f'ra2,{name}', Credential(Secret(password)))
    assert f'driver_info/vnc_password does not do for {name}: ' in text
    assert '1 to 8' in text or 'latin-1' in text
    assert 'servers look at no more' in text
    assert 'ra2_256' in text
    assert password not in text


def test_a_long_password_is_refused_by_default_as_well() -> None:
    assert '15 characters; VncAuth takes 1 to 8' in refusal(None, LONG)
    assert types('ra2_256,ra2', LONG) == ['ra2_256', 'ra2']
    assert 'x509plain' in types(None, USER)


@pytest.mark.parametrize('name', WITH_TLS)
def test_tls_inside_of_tls_is_refused(name: str) -> None:
    known = (None if name in OPEN else PASSWORD if name in VNC else USER)
    text = refusal(name, known, 'vncs')
    assert f'vnc_security has {name}, which begins TLS later' in text
    assert types(name, known, 'auto') == [name]


@pytest.mark.parametrize('name', ['none', 'vncauth', 'tlsnone', 'tlsvnc',
                                  'ra2'])
def test_a_certificate_that_nobody_shows_cannot_be_checked(name: str) -> None:
    known = None if name in OPEN else PASSWORD
    text = refusal(name, known, certificate='vnc_fingerprint')
    assert text == (
        'driver_info/vnc_fingerprint is set, but no certificate is shown; set '
        'vnc_tls to on, or vnc_security to x509none or x509vnc or x509plain')
    if not name.startswith('tls'):
        assert types(name, known, 'vncs', 'vnc_fingerprint') == [name]
    assert types(name, known, 'auto', 'vnc_fingerprint') == [name]


# -- the credential -----------------------------------------------------------

def test_reads_what_we_have_to_know() -> None:
    assert read_credential({}) is None
    assert read_credential({'vnc_password': ''}) is None
    assert read_credential({'vnc_password': 12345678}) == Credential(
        Secret('12345678'))
    assert read_credential({'vnc_username': 'operator',
                            'vnc_password': 'a-long-pa55word'}) == USER


def test_a_user_name_alone_is_refused() -> None:
    with pytest.raises(ConfigError, match='vnc_password is not; set both'):
        read_credential({'vnc_username': 'operator'})


@pytest.mark.parametrize('info', [
    {'vnc_password': 'pa55word' * 32}, {'vnc_password': 'pa55word\ud800'},
    {'vnc_password': ['pa55word']}, {'vnc_password': True},
    {'vnc_password': 'pa55word', 'vnc_username': 'u' * 256},
    {'vnc_password': 'pa55word', 'vnc_username': None}])
def test_what_no_server_takes_is_refused_and_not_shown(
        info: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r'^driver_info/vnc_') as caught:
        read_credential(info)
    assert 'pa55word' not in str(caught.value)
    assert 'uuuu' not in str(caught.value)
