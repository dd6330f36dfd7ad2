# SPDX-License-Identifier: Apache-2.0
"""The judge of the soak: sees a slow leak, and no more than that."""

import random

import pytest

from tests.soak.trend import growth


def test_a_slope_is_what_it_adds_up_to() -> None:
    assert growth([10 + 2 * number for number in range(101)]) == (
        pytest.approx(200))


def test_ups_and_downs_are_no_growth() -> None:
    dice = random.Random(1)
    assert abs(growth([100 + dice.uniform(-20, 20)
                       for _ in range(200)])) < 5


def test_a_slow_leak_shows_below_ups_and_downs() -> None:
    dice = random.Random(2)
    assert growth([100 + number / 10 + dice.uniform(-10, 10)
                   for number in range(200)]) == pytest.approx(20, abs=5)


def test_some_odd_samples_change_nothing() -> None:
    samples = [100.0] * 200
    samples[150:180] = [1000.0] * 30
    assert growth(samples) == 0


def test_a_single_step_is_no_leak() -> None:
    assert growth([100.0] * 140 + [130.0] * 60) == 0
