# SPDX-License-Identifier: Apache-2.0
"""Credentials, and what they allow."""

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.common.rfb.credential import (
    Credential,
    default_types,
    require,
    texts_of,
)
from ironic_console.common.rfb.security import REGISTRY
from ironic_console.common.secret import Secret
from tests.helpers.security import credential


def test_without_a_credential_nothing_is_allowed_by_default():
    assert default_types(None) == ()


@pytest.mark.parametrize(('known', 'types'), [
    (credential(username=''), (261, 129, 5, 130, 6, 2)),
    (credential(username='operator'), (262, 261, 129, 5, 130, 6, 2)),
])
def test_only_types_that_authenticate_are_allowed_by_default(known, types):
    assert default_types(known) == types
    for number in types:
        assert any(kind.carries(number) for kind in REGISTRY.values())


@pytest.mark.parametrize('number', [1, 256, 257, 258, 259, 260])
def test_what_does_not_authenticate_or_hide_has_to_be_asked_for(number):
    assert number not in default_types(credential())


def test_its_password_is_not_shown():
    assert 'topsecret' not in repr(credential('topsecret'))


def test_may_be_required():
    known = credential()
    assert require(known) is known
    with pytest.raises(ConfigError, match='none in console_endpoint_secret'):
        require(None)


def test_texts_are_utf_8():
    assert texts_of(Credential(Secret('p\xe4ss'), '\u0416'), 5) == (
        b'\xd0\x96', b'p\xc3\xa4ss')


def test_a_user_name_may_be_empty_and_a_text_as_long_as_it_fits():
    assert texts_of(credential('p' * 255, ''), 255) == (b'', b'p' * 255)


@pytest.mark.parametrize(('known', 'says'), [
    (None, 'there is none in console_endpoint_secret'),
    (credential(''), 'password in console_endpoint_secret is empty'),
    (credential('topsecret'), 'password of the endpoint has 9 bytes'),
    (credential('\xe4' * 5), 'password of the endpoint has 10 bytes'),
    (credential('p', 'topsecret'), 'user name of the endpoint has 9 bytes'),
    (credential('top\ud800'), 'password of the endpoint has characters'),
    (credential('p', 'top\udfff'), 'user name of the endpoint has'),
])
def test_texts_that_cannot_be_sent_are_refused_and_not_shown(known, says):
    with pytest.raises(ConfigError) as caught:
        texts_of(known, 8)
    assert says in str(caught.value)
    assert 'top' not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or not caught.value.__context__
