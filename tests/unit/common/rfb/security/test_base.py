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
    assert isinstance(security.authenticates, bool)


def test_a_type_that_speaks_for_one_side_only_cannot_be_made():
    class Half(SecurityType):
        def client_steps(self, handshake):
            yield from ()

    with pytest.raises(TypeError, match='server_steps'):
        Half()
