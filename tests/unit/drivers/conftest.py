# SPDX-License-Identifier: Apache-2.0
"""Ironic's configuration for drivers, as it was again after each test."""

from collections.abc import Iterator
from typing import Any

import pytest
from ironic.conf import CONF
from oslo_config import fixture

from ironic_console.common.conf import console


@pytest.fixture
def conf() -> Iterator[Any]:
    console.register_opts(CONF)
    with fixture.Config(CONF) as config:
        config.config(group='vnc',
                      public_url='http://proxy.example/console.html')
        yield config
