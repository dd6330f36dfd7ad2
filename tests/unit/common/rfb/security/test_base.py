# SPDX-License-Identifier: Apache-2.0
"""What every security type has to bring, held to the registry."""

import pytest

from ironic_console.common.rfb.security import REGISTRY
from ironic_console.common.rfb.security.base import SecurityType


@pytest.mark.parametrize(('number', 'security'), REGISTRY.items())
def test_registered_types_say_what_they_are(number, security):
    assert isinstance(security, SecurityType)
    assert security.number == number
    assert 0 < number < 256


@pytest.mark.parametrize('number', [1, 2, 5, 6, 129, 130])
def test_types_that_are_no_way_to_others_carry_themselves(number):
    assert [other for other in range(300)
            if REGISTRY[number].carries(other)] == [number]


@pytest.mark.parametrize(('number', 'inside'), [
    (19, [1, 2, 5, 6, 129, 130, *range(256, 263)]), (16, [1, 2])])
def test_ways_carry_what_can_be_inside_and_not_themselves(number, inside):
    assert [other for other in range(300)
            if REGISTRY[number].carries(other)] == inside


def test_a_type_that_speaks_for_one_side_only_cannot_be_made():
    class Half(SecurityType):
        def client_steps(self, handshake):
            yield from ()

    with pytest.raises(TypeError, match='server_steps'):
        Half()
