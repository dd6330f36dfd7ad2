# SPDX-License-Identifier: Apache-2.0
"""Secret: what shows it and what does not."""

import traceback

import pytest

from ironic_console.common.secret import Secret

VALUE = 'correct horse'


@pytest.mark.parametrize('show', [
    str, repr, ascii, '{}'.format, '%s'.__mod__, '%r'.__mod__,
    lambda secret: f'{secret}', lambda secret: f'{secret!r}',
    lambda secret: str([secret]), lambda secret: str({'key': secret}),
    lambda secret: str(ValueError(secret))])
def test_is_never_shown(show):
    assert VALUE not in show(Secret(VALUE))
    assert '***' in show(Secret(VALUE))


def test_is_no_string():
    assert not isinstance(Secret(VALUE), str)
    with pytest.raises(TypeError):
        ''.join([Secret(VALUE)])


def test_is_not_in_a_traceback():
    try:
        Secret(VALUE) + ''
    except TypeError as exc:
        shown = ''.join(traceback.TracebackException.from_exception(
            exc, capture_locals=True).format())
        assert VALUE not in shown


def test_is_given_away_on_demand():
    assert Secret(VALUE).reveal() == VALUE


def test_equals_text_of_its_value_only():
    assert Secret(VALUE).equals(VALUE)
    assert not Secret(VALUE).equals(VALUE + ' ')
    assert not Secret(VALUE).equals('')


@pytest.mark.parametrize('text', ['h\xf6rse', '\U0001f40e', '\ud800', '\0'])
def test_compares_with_any_text(text):
    assert not Secret(VALUE).equals(text)
    assert Secret(text).equals(text)


def test_secrets_are_equal_by_value():
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret('other')
    assert len({Secret(VALUE), Secret(VALUE)}) == 1


def test_is_not_equal_to_a_string():
    assert Secret(VALUE) != VALUE
