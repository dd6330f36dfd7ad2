# SPDX-License-Identifier: Apache-2.0
"""What others chose, in sentences of ours."""

import pytest

from ironic_console.common.quotation import one_line, quoted, shortened


@pytest.mark.parametrize('value', [
    'vnc', '', 7, None, True, ['x', 1], {'a': 1}, 'a\nb', float('inf')])
def test_what_is_short_is_quoted_as_it_is(value: object) -> None:
    assert quoted(value) == repr(value)


@pytest.mark.parametrize('value', [
    'x' * 100_000, '\x00' * 100_000, b'x' * 100_000, 10 ** 4000,
    ['x' * 1000] * 1000, {str(n): 'x' * 1000 for n in range(1000)},
    [[[['x' * 1000] * 1000] * 1000]]])
def test_nothing_is_quoted_at_length(value: object) -> None:
    assert len(quoted(value)) < 2000


def test_words_of_others_are_cut_when_they_go_on() -> None:
    assert shortened('no such file') == 'no such file'
    assert shortened('x' * 1000 + 'y' * 5, 10) == 'xxxxx...yyyyy'


def test_words_of_an_exception_fit_into_one_line() -> None:
    assert one_line(ValueError('no\n  such\tfile ')) == 'no such file'
