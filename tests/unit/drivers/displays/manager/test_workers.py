# SPDX-License-Identifier: Apache-2.0
"""None waits for slower ones, and what has not begun never does."""

import threading
from collections.abc import Iterator

import pytest

from ironic_console.drivers.displays.manager import workers as workers_module
from ironic_console.drivers.displays.manager.plan import Step
from ironic_console.drivers.displays.manager.workers import Workers

PATIENCE = 30


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers()
    yield workers
    workers.close()


@pytest.fixture
def slow() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize(('many', 'others'), [
    (Step.START, (Step.LOOK, Step.REMOVE)),
    (Step.REMOVE, (Step.START, Step.LOOK, Step.LOST, Step.UNSAY)),
    (Step.BURY, (Step.START, Step.LOOK)),
    (Step.LOOK, (Step.START, Step.REMOVE)),
])
def test_many_slow_ones_hold_up_no_others(
        workers: Workers, slow: threading.Event, many: Step,
        others: tuple[Step, ...]) -> None:
    for _ in range(50):
        workers.submit(many, slow.wait)
    for step in others:
        workers.submit(step, lambda: None).result(PATIENCE)
    slow.set()


def test_finishes_at_the_end_what_it_has_begun_and_nothing_else(
        workers: Workers, slow: threading.Event) -> None:
    done: list[int] = []
    begun = threading.Semaphore(0)

    def work(number: int) -> None:
        begun.release()
        slow.wait()
        done.append(number)

    for number in range(50):
        workers.submit(Step.START, work, number)
    for _ in range(workers_module.STARTS):
        assert begun.acquire(timeout=PATIENCE)
    threading.Timer(0.05, slow.set).start()
    workers.close()
    assert sorted(done) == list(range(workers_module.STARTS))
