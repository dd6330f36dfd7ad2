# SPDX-License-Identifier: Apache-2.0
"""Names of numbers."""

import pytest

from ironic_console.common.rfb.constants import (
    SecurityNumber,
    security_name,
    security_names,
)


@pytest.mark.parametrize('number', range(256))
def test_every_number_on_the_wire_has_a_name_for_the_log(number):
    assert security_name(number).endswith(f' ({number})')


def test_a_known_security_type_is_named():
    assert security_name(19) == 'VENCRYPT (19)'


@pytest.mark.parametrize('number', [13, 255, 2**32 - 1])
def test_an_unknown_security_type_is_no_error(number):
    assert security_name(number) == f'unknown ({number})'


def test_a_list_of_types_is_one_line():
    assert security_names(b'\x02\x0d\x01') == (
        'VNC_AUTH (2), unknown (13), NONE (1)')
    assert security_names((SecurityNumber.NONE,)) == 'NONE (1)'


def test_an_empty_list_is_said_in_words():
    assert security_names(()) == 'none at all'
