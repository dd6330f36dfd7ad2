# SPDX-License-Identifier: Apache-2.0
"""How driver_info says to reach a BMC."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironic_console.common.errors import ConfigError
from ironic_console.drivers import bmc_settings
from ironic_console.drivers.bmc_settings import PROPERTIES, BmcSettings
from tests.helpers.conductor import Node
from tests.helpers.properties import FEW


def settings_of(**info: Any) -> BmcSettings:
    return BmcSettings.from_node(Node(**{
        'redfish_address': 'https://192.0.2.7', **info}))


@pytest.mark.parametrize(('written', 'address', 'host', 'root'), [
    ('192.0.2.7', 'https://192.0.2.7', '192.0.2.7', '/redfish/v1/'),
    ('http://bmc', 'http://bmc', 'bmc', '/redfish/v1/'),
    ('https://bmc/', 'https://bmc', 'bmc', '/redfish/v1/'),
    ('https://bmc:8443/sled1/redfish/v1/', 'https://bmc:8443', 'bmc',
     '/sled1/redfish/v1/'),
    ('2001:db8::7', 'https://[2001:db8::7]', '2001:db8::7', '/redfish/v1/'),
    ('https://[2001:db8::7]:444', 'https://[2001:db8::7]:444',
     '2001:db8::7', '/redfish/v1/'),
])
def test_addresses_as_people_write_them(
        written: str, address: str, host: str, root: str) -> None:
    found = settings_of(redfish_address=written)
    assert (found.address, found.host, found.root) == (address, host, root)


@pytest.mark.parametrize('written', [
    'ftp://bmc', 'https://bmc:99999', 'https://root:s3cret@bmc',
    'https://bmc:0', 7, ['https://bmc'], '', None])
def test_addresses_that_cannot_be_used(written: object) -> None:
    with pytest.raises(ConfigError, match='redfish_address') as caught:
        settings_of(redfish_address=written)
    assert 's3cret' not in str(caught.value)


@pytest.mark.parametrize(('key', 'value'), [
    ('redfish_password', ['x']), ('redfish_password', '\ud800'),
    ('redfish_password', True), ('redfish_username', {}),
    ('redfish_auth_type', 'digest'), ('redfish_verify_ca', 'no/such/file'),
    ('redfish_verify_ca', [1]), ('redfish_system_id', 7),
    ('redfish_tls_minimum_version', '1.0'),
    ('redfish_tls_ciphers', 'ROT13'), ('redfish_tls_ciphers', 7),
    ('redfish_address', 'https://\0'), ('redfish_address', '\ud800'),
    ('redfish_address', 'https://' + 'x' * 100_000),
    ('redfish_address', '/' * 5000), ('redfish_system_id', '\ud800'),
    ('redfish_verify_ca', 'x' * 100_000), ('redfish_verify_ca', 'x\0'),
    ('redfish_auth_type', 'x' * 4000), ('redfish_auth_type', ['x'] * 4000),
    ('redfish_tls_ciphers', 'x' * 4000),
])
def test_values_that_cannot_be_used_are_named(
        key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=key) as caught:
        settings_of(**{key: value})
    assert len(str(caught.value)) < 1000


def test_whatever_ironic_trips_over_is_a_wrong_setting(
        monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(node: object) -> None:
        raise ValueError('odd')
    monkeypatch.setattr(bmc_settings.redfish_utils, 'parse_driver_info',
                        parse)
    with pytest.raises(ConfigError, match='odd'):
        settings_of()


def test_numbers_of_the_command_line_are_text() -> None:
    found = settings_of(redfish_username=7, redfish_password=1234)
    assert (found.username, found.password.reveal()) == ('7', '1234')


def test_nobody_needs_an_account() -> None:
    found = settings_of(redfish_username=None)
    assert (found.username, found.password.reveal()) == ('', '')


def test_password_is_not_shown() -> None:
    assert 's3cret' not in repr(settings_of(redfish_password='s3cret'))


def test_ciphers_that_openssl_has_are_taken() -> None:
    assert settings_of(redfish_tls_ciphers='ECDHE+AESGCM',
                       redfish_tls_minimum_version='1.2',
                       ).tls_minimum_version == '1.2'


def test_only_redfish_is_described() -> None:
    assert {'redfish_address', 'redfish_password'} <= PROPERTIES.keys()
    assert all(key.startswith('redfish_') for key in PROPERTIES)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(),
    st.lists(st.integers(), max_size=2),
    st.sampled_from(['https://[::1', 'https://a]b', '//x', 'https://a:b:c',
                     'https://%zz', '[::1]:443', '::1%eth0', 'https://\n']))


@FEW
@given(st.dictionaries(st.sampled_from(sorted(PROPERTIES)), VALUES))
def test_whatever_stands_there_is_usable_or_told(info: dict[str, Any],
                                                 ) -> None:
    with contextlib.suppress(ConfigError):
        assert settings_of(**info).host
