# SPDX-License-Identifier: Apache-2.0
"""Security type None: nothing is said."""

import pytest

from ironic_console.common.errors import Side
from ironic_console.common.rfb.handshake import Handshake
from ironic_console.common.rfb.security import REGISTRY
from ironic_console.common.rfb.security.none import NoneSecurity


class Alone(Handshake):
    """The steps of one type and nothing else."""

    def __init__(self, steps):
        self.steps = lambda: steps(self)
        super().__init__(Side.ENDPOINT)


@pytest.mark.parametrize('steps', [NoneSecurity().client_steps,
                                   NoneSecurity().server_steps])
def test_nothing_is_said_by_either_side(steps):
    machine = Alone(steps)
    assert machine.done
    assert machine.data_to_send() == b''


@pytest.mark.parametrize('steps', [NoneSecurity().client_steps,
                                   NoneSecurity().server_steps])
def test_whether_a_result_follows_depends_on_the_version(steps):
    with pytest.raises(StopIteration) as caught:
        next(steps(None))
    assert caught.value.value is False


def test_is_registered_as_1():
    assert isinstance(REGISTRY[1], NoneSecurity)
