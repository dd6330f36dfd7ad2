# SPDX-License-Identifier: Apache-2.0
"""The sample check sees a file that is not what the options say."""

import pathlib

import pytest

from tools import check_sample_config


def test_generates_our_group() -> None:
    assert '[ironic_console]' in check_sample_config.generated()


def test_shows_what_differs(tmp_path: pathlib.Path) -> None:
    (tmp_path / 'etc').mkdir()
    sample = tmp_path / check_sample_config.SAMPLE
    sample.write_text('[ironic_console]\n#old = 1\n')
    lines = check_sample_config.problems(
        tmp_path, '[ironic_console]\n#new = 2\n')
    assert '-#old = 1' in lines
    assert '+#new = 2' in lines


def test_a_missing_sample_differs(tmp_path: pathlib.Path) -> None:
    assert check_sample_config.problems(tmp_path, '[ironic_console]\n')


def test_a_failing_generator_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(check_sample_config.GeneratorError):
        check_sample_config.generated(tmp_path)
