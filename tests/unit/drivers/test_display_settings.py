# SPDX-License-Identifier: Apache-2.0
"""From driver_info to what a display is told."""

import copy
import os
import pathlib
import string
from typing import Any

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.drivers import display_settings
from ironic_console.drivers.display_settings import Shown
from ironic_console.drivers.displays.settings import (
    Bmc,
    DisplaySettings,
    Screen,
)
from tests.helpers.certificates import Authority
from tests.helpers.conductor import UUID, Node

AUTHORITY, OTHER = Authority('one'), Authority('another')
PEM, OTHER_PEM = AUTHORITY.pem.decode(), OTHER.pem.decode()
INFO = {'redfish_address': 'https://192.0.2.7', 'redfish_username': 'admin',
        'redfish_password': 's3cret'}


def node(**info: object) -> Node:
    """A node; ``None`` takes a key away."""
    return Node(**{key: value for key, value in {**INFO, **info}.items()
                   if value is not None})


def bmc(**info: object) -> Bmc:
    return Shown.of(node(**info), 'ilo').bmc


def screen(**info: object) -> Screen:
    return Shown.of(node(**info), 'ilo').screen


def make(one: Node, listen: tuple[str, int] = ('', 0),
         ) -> tuple[DisplaySettings, str]:
    return display_settings.make(one, Shown.of(one, 'ilo'), listen)


def refusal(**info: object) -> str:
    with pytest.raises(ConfigError) as caught:
        bmc(**info)
    text = str(caught.value)
    assert 's3cret' not in text
    assert 'PRIVATE' not in text
    return text


# -- the BMC ------------------------------------------------------------------

@pytest.mark.parametrize('address', [
    '127.0.0.2', 'https://169.254.169.254', '[::1]', '0.0.0.0',
    '::ffff:127.0.0.2'])
def test_no_display_for_a_service_of_this_machine(
        conf: Any, address: str) -> None:
    conf.config(group='ironic_console', endpoint_networks=['127.0.0.1/32'])
    assert 'endpoint_networks' in refusal(redfish_address=address)


def test_the_display_knows_which_networks_are_allowed_all_the_same(
        conf: Any) -> None:
    conf.config(group='ironic_console',
                endpoint_networks=['127.0.0.0/8', '::1/128'])
    found = bmc(redfish_address='127.0.0.2')
    assert found.networks == '127.0.0.0/8,::1/128'
    # Endpoints are displays here; those networks need not have any BMC.
    bmc(redfish_address='192.0.2.7')


@pytest.mark.parametrize(('written', 'url', 'root'), [
    ('192.0.2.7', 'https://192.0.2.7', '/redfish/v1/'),
    ('http://bmc:8080', 'http://bmc:8080', '/redfish/v1/'),
    ('https://bmc/rack7/redfish/v1', 'https://bmc', '/rack7/redfish/v1/'),
    ('2001:db8::7', 'https://[2001:db8::7]', '/redfish/v1/'),
    ('HTTPS://BMC.example', 'HTTPS://BMC.example', '/redfish/v1/')])
def test_addresses_that_ironic_takes_are_understood_by_the_display(
        conf: Any, written: str, url: str, root: str) -> None:
    found = bmc(redfish_address=written)
    assert (found.url, found.root) == (url, root)
    made, _ = make(node(redfish_address=written))
    assert DisplaySettings.from_document(made.to_document()) == made


@pytest.mark.parametrize(('key', 'value'), [
    ('redfish_address', None), ('redfish_username', None),
    ('redfish_password', None), ('redfish_username', ''),
    ('redfish_password', ''), ('redfish_address', 'ftp://bmc'),
    ('redfish_verify_ca', '/nowhere/ca.pem'), ('redfish_verify_ca', 7)])
def test_what_is_missing_or_wrong_is_named(key: str, value: object) -> None:
    assert key in refusal(**{key: value})


@pytest.mark.parametrize(('written', 'verify'), [
    (True, True), (False, False), ('True', True), ('no', False),
    (None, True)])
def test_certificates_are_checked_as_ironic_is_told(
        written: object, verify: bool) -> None:
    found = bmc(redfish_verify_ca=written)
    assert (found.verify, found.ca) == (verify, '')


@pytest.mark.parametrize(('written', 'version'), [
    (None, '1.2'), ('1.1', '1.2'), ('1.2', '1.2'), ('1.3', '1.3')])
def test_tls_is_as_old_as_it_may_be_and_no_older_than_browsers_speak(
        conf: Any, written: object, version: str) -> None:
    assert bmc(redfish_tls_minimum_version=written).tls_minimum_version == (
        version)
    if written:
        conf.config(group='redfish', tls_minimum_version=written)
        assert bmc().tls_minimum_version == version


def test_ciphers_go_along_if_the_browser_can_be_kept_to_them(conf: Any,
                                                             ) -> None:
    assert bmc().tls_ciphers == ''
    good = 'DHE-RSA-AES256-SHA:ECDHE-RSA-AES256-GCM-SHA384'
    assert bmc(redfish_tls_ciphers=good).tls_ciphers == good
    conf.config(group='redfish', tls_ciphers=good)
    assert bmc().tls_ciphers == good
    made, _ = make(node())
    assert DisplaySettings.from_document(made.to_document()) == made
    other = 'DHE-RSA-AES256-SHA'
    text = refusal(redfish_tls_ciphers=other)
    assert 'redfish_tls_ciphers' in text
    assert 'ECDHE-RSA-AES128-GCM-SHA256' in text
    too_long = refusal(redfish_tls_ciphers='A' * 4096 + ':HIGH')
    assert 'redfish_tls_ciphers' in too_long
    assert len(too_long) < 1000
    # None is needed any more.
    assert bmc(redfish_tls_ciphers=other, redfish_tls_minimum_version='1.3',
               ).tls_minimum_version == '1.3'


def test_the_cas_of_a_file_go_along_and_no_key_does(tmp_path: pathlib.Path,
                                                    ) -> None:
    path = tmp_path / 'ca.pem'
    path.write_bytes(AUTHORITY.itself.key + 'Straße\n'.encode('latin-1')
                     + AUTHORITY.pem)
    found = bmc(redfish_verify_ca=str(path))
    assert (found.verify, found.ca) == (True, PEM)


def test_the_cas_of_all_files_of_a_folder_go_along(tmp_path: pathlib.Path,
                                                   ) -> None:
    (tmp_path / 'b.pem').write_text(OTHER_PEM)
    # No line ends here.
    (tmp_path / 'a.pem').write_text(PEM.rstrip())
    (tmp_path / 'README').write_text('Those of rack 7')
    (tmp_path / 'old').mkdir()
    os.mkfifo(tmp_path / 'pipe')
    assert bmc(redfish_verify_ca=str(tmp_path)).ca == PEM + OTHER_PEM


@pytest.mark.parametrize(('content', 'words'), [
    (b'', 'cannot be used: there are no certificates of CAs'),
    (b'-----BEGIN CERTIFICATE-----\ns3cret\n-----END CERTIFICATE-----\n',
     'cannot be used: there are no certificates of CAs in PEM, or broken'),
    (AUTHORITY.itself.key, 'cannot be used'),
    (AUTHORITY.pem * 200, 'have more than 65536 bytes; name only those')])
def test_cas_that_cannot_be_used_are_told(
        tmp_path: pathlib.Path, content: bytes, words: str) -> None:
    path = tmp_path / 'ca.pem'
    path.write_bytes(content)
    for place in (path, tmp_path):
        text = refusal(redfish_verify_ca=str(place))
        assert words in text
        assert ('driver_info/redfish_verify_ca or [redfish]verify_ca names '
                f'in {str(place)!r}') in text


def test_an_endless_file_is_not_read_to_its_end(tmp_path: pathlib.Path,
                                                ) -> None:
    path = tmp_path / 'ca.pem'
    with path.open('wb') as file:
        file.truncate(1 << 40)
    assert 'more than 65536 bytes' in refusal(redfish_verify_ca=str(path))


def test_cas_that_cannot_be_read_are_told(
        tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'ca.pem'
    path.write_text(PEM)

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, 'Permission denied')
    monkeypatch.setattr(pathlib.Path, 'open', deny)
    assert 'cannot be read: Permission denied' in refusal(
        redfish_verify_ca=str(path))


# -- the screen ---------------------------------------------------------------

def test_screens_are_as_the_configuration_says(conf: Any) -> None:
    assert screen() == Screen(1280, 960, False, 5)
    conf.config(group='ironic_console', display_resolution='4096x320',
                display_linger=0)
    assert screen() == Screen(4096, 320, False, 0)


@pytest.mark.parametrize('size', [
    '', '1280', '1280x', 'x960', '1280x960x24', '319x960', '1280x4097',
    '1280 x 960', '-1280x960', '1280X960', '99999x960',
    '\u0661\u0662\u0663x960'])
def test_sizes_that_cannot_be_are_told(conf: Any, size: str) -> None:
    conf.config(group='ironic_console', display_resolution=size)
    with pytest.raises(ConfigError) as caught:
        screen()
    assert '[ironic_console]display_resolution is ' in str(caught.value)
    assert 'WIDTHxHEIGHT, each from 320 to 4096' in str(caught.value)


@pytest.mark.parametrize(('everywhere', 'written', 'read_only'), [
    (False, None, False), (False, False, False), (False, 'no', False),
    (False, True, True), (False, 'true', True), (False, '1', True),
    (True, None, True), (True, 'false', True)])
def test_read_only_is_where_either_says_so(
        conf: Any, everywhere: bool, written: object, read_only: bool,
        ) -> None:
    conf.config(group='vnc', read_only=everywhere)
    found = screen(console_read_only=written)
    assert found.read_only is read_only


def test_whoever_says_neither_yes_nor_no_gets_no_keyboard_by_accident(
        conf: Any) -> None:
    with pytest.raises(ConfigError, match=r'console_read_only is .ture.; '
                                          'allowed is true or false'):
        screen(console_read_only='ture')


# -- all of it ----------------------------------------------------------------

def test_a_display_listens_where_it_is_told(conf: Any) -> None:
    made, fingerprint = make(node(), ('192.0.2.1', 5912))
    assert (made.node, made.title, made.app) == (UUID, 'rack7', 'ilo')
    assert (made.vnc.host, made.vnc.port) == ('192.0.2.1', 5912)
    assert len(fingerprint) == 64
    assert DisplaySettings.from_document(made.to_document()) == made


def test_a_node_without_a_name_has_its_uuid_on_the_screen(conf: Any) -> None:
    nameless = node()
    nameless.name = None  # type: ignore[assignment]
    assert make(nameless)[0].title == UUID


def test_each_display_has_a_password_and_a_certificate_of_its_own(conf: Any,
                                                                  ) -> None:
    made = [make(node()) for _ in range(20)]
    passwords = {settings.vnc.password.reveal() for settings, _ in made}
    assert len(passwords) == len({digest for _, digest in made}) == 20
    assert {len(password) for password in passwords} == {8}
    assert {*''.join(passwords)} <= {*string.ascii_letters, *string.digits}


# -- whether it is still the same ---------------------------------------------

def digest(app: str = 'ilo', password: str = 'vncpa55w', **info: object,
           ) -> str:
    return Shown.of(node(**info), app).digest(password)


def test_a_digest_stays_and_shows_nothing(conf: Any) -> None:
    assert digest() == digest(other='thing')
    assert len(digest()) == 64


@pytest.mark.parametrize('change', [
    {'app': 'idrac'}, {'password': 'vncpa55x'},
    {'redfish_address': 'https://192.0.2.8'}, {'redfish_username': 'root'},
    {'redfish_password': 's3cret2'}, {'redfish_verify_ca': False},
    {'redfish_tls_minimum_version': '1.3'},
    {'redfish_tls_ciphers': 'ECDHE-RSA-AES256-GCM-SHA384'},
    {'console_read_only': True}])
def test_a_digest_changes_with_what_the_display_is_told(
        conf: Any, change: dict[str, Any]) -> None:
    assert digest(**change) != digest()


def test_a_digest_changes_with_the_content_of_files_and_options(
        conf: Any, tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'ca.pem'
    path.write_text(PEM)
    first = digest(redfish_verify_ca=str(path))
    path.write_text(OTHER_PEM)
    second = digest(redfish_verify_ca=str(path))
    conf.config(group='ironic_console', display_resolution='800x600')
    assert len({first, second, digest(redfish_verify_ca=str(path))}) == 3


def test_nothing_of_the_node_is_changed(conf: Any) -> None:
    one = node()
    before = copy.deepcopy(vars(one))
    make(one)
    assert vars(one) == before
