# SPDX-License-Identifier: Apache-2.0
"""What tests of several modules of the proxy need."""

import signal

import pytest


@pytest.fixture
def own_signals():
    """Whoever heeds signals in a test does so in that test only."""
    before = {number: signal.getsignal(number)
              for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    signal.alarm(0)
    for number, handler in before.items():
        signal.signal(number, handler)
