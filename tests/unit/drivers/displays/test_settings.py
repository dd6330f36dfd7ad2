# SPDX-License-Identifier: Apache-2.0
"""What a display is told, and what it does not let itself be told."""

import contextlib
import copy
import dataclasses
import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironic_console.common.errors import ConfigError
from ironic_console.common.secret import Secret
from ironic_console.drivers.displays import settings as module
from ironic_console.drivers.displays.settings import (
    APPS,
    MAX_BYTES,
    TLS_VERSIONS,
    Bmc,
    DisplaySettings,
    Screen,
    VncServer,
)
from tests.helpers.display_settings import KEY, SECRETS, SETTINGS
from tests.helpers.properties import FEW

ROOT = pathlib.Path(__file__).parents[4]
#: One that says all there is to say.
FULL = dataclasses.replace(
    SETTINGS,
    bmc=dataclasses.replace(SETTINGS.bmc, root='/rack7/redfish/v1/',
                            verify=False, ca='-----BEGIN CERTIFICATE-----',
                            networks='127.0.0.0/8,::1/128',
                            tls_minimum_version='1.3',
                            tls_ciphers='ECDHE+AESGCM:!SHA256'),
    vnc=dataclasses.replace(SETTINGS.vnc, host='::1', port=5907),
    screen=Screen(800, 600, True, 0.5))
# Everything that can be written in UTF-8.
TEXT = st.text(st.characters(codec='utf-8'), max_size=30)
GOOD = st.builds(
    DisplaySettings,
    node=st.uuids().map(str), title=TEXT, app=st.sampled_from(APPS),
    bmc=st.builds(
        Bmc, url=st.sampled_from([
            'https://192.0.2.7', 'https://[2001:db8::7]:8443',
            'http://bmc.example', 'HTTPS://BMC.example:1']),
        username=TEXT, password=TEXT.map(Secret),
        root=TEXT.map(lambda text: f'/{text}'), verify=st.booleans(),
        ca=TEXT, tls_minimum_version=st.sampled_from(TLS_VERSIONS),
        tls_ciphers=st.text(st.characters(min_codepoint=0x20,
                                          max_codepoint=0x7e))),
    vnc=st.builds(
        VncServer, certificate=TEXT, key=TEXT.map(Secret),
        password=st.text(st.characters(min_codepoint=0x21,
                                       max_codepoint=0x7e),
                         min_size=8, max_size=8).map(Secret),
        host=TEXT, port=st.integers(0, 65535)),
    screen=st.builds(
        Screen, width=st.integers(320, 4096), height=st.integers(320, 4096),
        read_only=st.booleans(), linger=st.floats(0, 600)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8)


def paths(document: dict[str, Any], above: str = '') -> Iterator[str]:
    """Name every key, those that hold others included."""
    for key, value in document.items():
        yield f'{above}{key}'
        if isinstance(value, dict):
            yield from paths(value, f'{above}{key}/')


PATHS = sorted(set(paths(FULL.to_document())) - {'version'})
TEXTS = ('node', 'title', 'app', 'bmc/url', 'bmc/root', 'bmc/username',
         'bmc/password', 'bmc/ca', 'vnc/certificate', 'vnc/key',
         'vnc/password', 'vnc/host')
OPTIONAL = ('bmc/root', 'bmc/verify', 'bmc/ca', 'bmc/networks',
            'bmc/tls_minimum_version', 'bmc/tls_ciphers', 'vnc/host',
            'vnc/port', 'screen', 'screen/width', 'screen/height',
            'screen/read_only', 'screen/linger')


def value_at(path: str) -> object:
    found = FULL.to_document()
    for key in path.split('/'):
        found = found[key]
    return found


def changed(path: str, *value: object) -> dict[str, Any]:
    """:returns: a document with another value at a place, or with none."""
    document = copy.deepcopy(FULL.to_document())
    place = document
    *above, last = path.split('/')
    for key in above:
        place = place[key]
    place.pop(last, None)
    if value:
        place[last] = value[0]
    return document


def refusal(document: object) -> str:
    with pytest.raises(ConfigError) as caught:
        DisplaySettings.from_document(document)
    text = str(caught.value)
    assert not any(secret in text for secret in SECRETS)
    assert 'display' in text
    assert len(text) < 600
    return text


# -- what is understood -------------------------------------------------------

@FEW
@given(GOOD)
def test_what_is_told_is_heard(settings: DisplaySettings) -> None:
    document = settings.to_document()
    assert DisplaySettings.from_document(document) == settings
    data = json.dumps(document).encode()
    assert DisplaySettings.from_json(data) == settings


def test_nothing_shows_a_secret() -> None:
    for shown in (repr(FULL), f'{FULL}', str([FULL]), f'{FULL!a}'):
        assert shown.count('***') == 3
        assert not any(secret in shown for secret in SECRETS)


def test_a_document_of_version_1_stays_readable() -> None:
    """As conductors and managers of an earlier release write it."""
    assert DisplaySettings.from_document({
        'version': 1, 'node': SETTINGS.node, 'title': 'rack7', 'app': 'ilo',
        'bmc': {'url': 'https://192.0.2.7', 'username': 'admin',
                'password': 'bmc-pa55word', 'root': '/redfish/v1/',
                'verify': True, 'ca': ''},
        'vnc': {'certificate': '-----BEGIN CERTIFICATE-----', 'key': KEY,
                'password': 'vncpa55w', 'host': '', 'port': 0},
        'screen': {'width': 1280, 'height': 960, 'read_only': False,
                   'linger': 5},
    }) == SETTINGS


@pytest.mark.parametrize('path', OPTIONAL)
def test_what_has_a_default_may_be_left_out(path: str) -> None:
    found = DisplaySettings.from_document(changed(path))
    assert found != FULL
    assert found.to_document() != FULL.to_document()


@pytest.mark.parametrize(('url', 'host'), [
    ('https://192.0.2.7', '192.0.2.7'),
    ('https://[2001:db8::7]:444', '2001:db8::7'),
    ('http://BMC.example:80', 'bmc.example'),
    ('https://[fe80::1%25eth0]', 'fe80::1%25eth0')])
def test_hosts_of_bmcs(url: str, host: str) -> None:
    assert Bmc(url, '', Secret('')).host == host


# -- what is refused ----------------------------------------------------------

@pytest.mark.parametrize(('path', 'value'), [
    (path, value) for path in PATHS
    for value in (None, [], {'more': 'k3yk3y'}, True, 10 ** 400, 'k3yk3y', 1.5)
    if type(value) is not type(value_at(path))
    # Of the right type, and too large.
    and (path, type(value)) not in (('vnc/port', int), ('screen/width', int),
                                    ('screen/height', int))])
def test_values_of_another_type_are_refused_with_their_key(
        path: str, value: object) -> None:
    assert refusal(changed(path, value)).startswith(f'{path} of the display ')


@pytest.mark.parametrize(('path', 'value'), [
    ('node', 'k3yk3y'), ('node', SETTINGS.node + '\n'),
    ('node', '../' * 12), ('app', 'k3yk3y'), ('app', ''),
    *(('bmc/url', url) for url in (
        'ftp://bmc', 'https://', 'https://bmc:0', 'https://bmc:99999',
        'https://k3yk3y@bmc', 'https://bmc/k3yk3y', 'https://bmc/',
        'https://bmc?k3yk3y', 'https://bmc#k3yk3y', 'https://b mc',
        'https://b\nmc', 'https://bmc\n', ' https://bmc', 'https://[::1',
        'bmc', '//bmc', 'https:bmc', '')),
    ('bmc/networks', '127.0.0.1/8'), ('bmc/networks', 'all'),
    ('bmc/networks', '127.0.0.0/8;::1'),
    ('bmc/tls_minimum_version', ''), ('bmc/tls_minimum_version', '1.1'),
    ('bmc/tls_minimum_version', '1.3\n'), ('bmc/tls_minimum_version', '1.4'),
    ('bmc/tls_ciphers', 'HIGH\n'), ('bmc/tls_ciphers', 'HIGH\0'),
    ('bmc/tls_ciphers', 'HÖCH'), ('bmc/tls_ciphers', 'A' * 4097),
    ('bmc/root', ''), ('bmc/root', 'redfish/v1/'),
    ('vnc/password', ''), ('vnc/password', 'k3yk3y7'),
    ('vnc/password', 'k3yk3y789'), ('vnc/password', 'k3yk3y7\n'),
    ('vnc/password', 'k3yk3yäö'),
    ('vnc/port', -1), ('vnc/port', 65536),
    ('screen/width', 319), ('screen/width', 4097),
    ('screen/height', 319), ('screen/height', 4097),
    ('screen/linger', -0.1), ('screen/linger', 600.5),
    ('screen/linger', float('nan')), ('screen/linger', float('inf')),
    ('screen/linger', 601),
])
def test_values_out_of_range_are_refused_with_their_key(
        path: str, value: object) -> None:
    text = refusal(changed(path, value))
    assert text == f'{path} of the display cannot be used'


@pytest.mark.parametrize('path', TEXTS)
@pytest.mark.parametrize('value', ['k3yk3y\ud800', 'k' * (128 * 1024 + 1)])
def test_what_is_no_text_or_endless_is_refused_with_its_key(
        path: str, value: str) -> None:
    assert refusal(changed(path, value)).startswith(
        f'{path} of the display cannot be used; it must be text of ')


@pytest.mark.parametrize('path', sorted(set(PATHS) - set(OPTIONAL)))
def test_what_is_missing_is_named(path: str) -> None:
    text = refusal(changed(path))
    assert text == f'the settings of the display lack {path}'


@pytest.mark.parametrize('path', ['more', 'bmc/more', 'vnc/more',
                                  'screen/more'])
def test_what_is_not_known_is_named_and_refused(path: str) -> None:
    """It may be a restriction that a newer conductor relies on."""
    text = refusal(changed(path, 'k3yk3y'))
    assert f"not know: '{path}'" in text
    assert 'to the same version' in text


def test_names_that_are_not_known_cannot_forge_a_log() -> None:
    text = refusal({**FULL.to_document(), **{
        f'{number}\n' + 'x' * 1000: 1 for number in range(100)}})
    assert '\n' not in text


@pytest.mark.parametrize('version', [0, 2, -1, True, 1.0, '1', 'k3yk3y', None,
                                     [1], 10 ** 4000])
def test_another_version_is_refused_with_what_to_do(version: object) -> None:
    text = refusal(changed('version', version))
    assert 'version 1' in text
    assert 'bring conductor and display image to the same version' in text


def test_a_document_without_a_version_is_refused() -> None:
    assert 'version 1' in refusal({})
    assert 'version 1' in refusal(changed('version'))


@pytest.mark.parametrize('document', [None, [], 'k3yk3y', 7])
def test_what_is_no_mapping_is_refused(document: object) -> None:
    assert refusal(document) == 'the settings of the display are no mapping'


@FEW
@given(st.sampled_from(PATHS), JSON)
def test_anything_anywhere_is_usable_or_told(path: str, value: object,
                                             ) -> None:
    with contextlib.suppress(ConfigError):
        settings = DisplaySettings.from_document(changed(path, value))
        assert json.dumps(settings.to_document()).encode()


# -- as JSON ------------------------------------------------------------------

@pytest.mark.parametrize('data', [
    b'', b'\n', b'{', b'k3yk3y', b'\xff\xfe\xfd', b'[' * 200_000,
    b'{"a":' * 40_000, b'{"version": ' + b'9' * 5000 + b'}'])
def test_what_is_no_json_is_refused_and_not_quoted(data: bytes) -> None:
    with pytest.raises(ConfigError, match='are no JSON') as caught:
        DisplaySettings.from_json(data)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert 'k3yk3y' not in str(caught.value)


def test_documents_are_bounded() -> None:
    data = json.dumps(FULL.to_document()).encode()
    full = data + b' ' * (MAX_BYTES - len(data))
    assert DisplaySettings.from_json(full) == FULL
    with pytest.raises(ConfigError, match=f'more than {MAX_BYTES} bytes'):
        DisplaySettings.from_json(full + b' ')


def test_little_is_needed_to_read_them() -> None:
    """A display runs in an image without pip, and is small while it waits."""
    code = (f'import sys, {module.__name__}\n'
            'print(*{name.partition(".")[0] for name in sys.modules'
            ' if name not in sys.stdlib_module_names})\n'
            'print(*{"ssl", "asyncio", "http", "argparse"} & {*sys.modules})')
    ours, heavy = subprocess.run(
        [sys.executable, '-S', '-c', code], check=True, text=True,
        capture_output=True, cwd=ROOT).stdout.split('\n')[:2]
    assert set(ours.split()) - set(sys.stdlib_module_names) == {
        'ironic_console', '__main__'}
    assert not heavy
