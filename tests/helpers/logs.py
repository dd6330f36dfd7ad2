# SPDX-License-Identifier: Apache-2.0
"""What was logged, as an operator would read it."""

import pytest


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """:returns: ours of one level, in order."""
    return [record.getMessage() for record in caplog.records
            if record.levelno == level
            and record.name.startswith('ironic_console')]
