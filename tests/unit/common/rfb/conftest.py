# SPDX-License-Identifier: Apache-2.0
"""What all tests of the RFB package share."""

import pytest

from ironic_console.common.rfb.security import REGISTRY
from tests.helpers.security import OneByte, known_keys

__all__ = ['known_keys', 'one_byte']


@pytest.fixture(autouse=True)
def one_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register security type 200, which authenticates."""
    monkeypatch.setitem(REGISTRY, OneByte.number, OneByte())
