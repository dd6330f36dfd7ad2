# SPDX-License-Identifier: Apache-2.0
"""What is to be done for one node, as a table."""

import pytest

from ironic_console.drivers.displays.manager.plan import (
    Container,
    Situation,
    Step,
    plan,
)
from ironic_console.drivers.displays.spool import Endpoint, Failure, Request
from tests.helpers.conductor import UUID

NEW, OLD = 'b' * 32, 'a' * 32
REQUEST = Request(UUID, NEW, 'ilo', 'rack7', 'host')
HOST, PORT = '192.0.2.1', 40001
HERE = Endpoint(NEW, HOST, PORT)


def container(generation: str = NEW, runs: bool = True,
              has_begun: bool = True) -> Container:
    return Container(generation, UUID, generation, runs, has_begun, HOST,
                     PORT)


@pytest.mark.parametrize(
    ('request_', 'answer', 'has_settings', 'containers', 'steps'), [
        (None, None, False, [], []),
        (REQUEST, None, True, [], ['START']),
        (REQUEST, Endpoint(OLD, HOST, PORT), True, [], ['START']),
        (REQUEST, None, True, [container()], ['LOOK']),
        # It was killed between its answer and its next breath.
        (REQUEST, HERE, True, [container()], ['LOOK']),
        (REQUEST, HERE, False, [container()], []),
        # Its port is another one: somebody restarted it by hand.
        (REQUEST, Endpoint(NEW, HOST, 1), False, [container()], ['LOOK']),
        (REQUEST, Endpoint(OLD, HOST, PORT), False, [container()], ['LOOK']),
        (REQUEST, None, False, [container(runs=False)], ['BURY']),
        (REQUEST, HERE, False, [container(runs=False)], ['BURY']),
        (REQUEST, None, True, [container(runs=False, has_begun=False)],
         ['REMOVE', 'START']),
        (REQUEST, None, False, [container(runs=False, has_begun=False)],
         ['BURY']),
        # A reboot.
        (REQUEST, HERE, False, [], ['LOST']),
        (REQUEST, None, False, [], ['LOST']),
        (REQUEST, Failure(OLD, 'gone'), False, [], ['LOST']),
        (REQUEST, Failure(NEW, 'gone', lost=True), False, [], []),
        # What failed is not tried again unless it is asked for anew.
        (REQUEST, Failure(NEW, 'no image'), True, [], []),
        (None, HERE, False, [], ['UNSAY']),
        (None, None, False, [container()], ['REMOVE']),
        (None, HERE, False, [container(runs=False)], ['UNSAY', 'REMOVE']),
        (REQUEST, None, True, [container(OLD)], ['START', 'REMOVE']),
        (REQUEST, None, True, [container(OLD), container()],
         ['LOOK', 'REMOVE']),
        (REQUEST, HERE, False, [container(OLD), container()], ['REMOVE']),
    ])
def test_does_what_is_missing(
        request_: Request | None, answer: Endpoint | Failure | None,
        has_settings: bool, containers: list[Container], steps: list[str],
        ) -> None:
    found = plan(Situation(request_, answer, has_settings,
                           tuple(containers)))
    assert [step.name for step, _ in found] == steps


def test_removes_the_old_one_and_never_that_which_is_wanted() -> None:
    old, new = container(OLD), container()
    found = plan(Situation(REQUEST, HERE, False, (old, new)))
    assert found == [(Step.REMOVE, old)]
