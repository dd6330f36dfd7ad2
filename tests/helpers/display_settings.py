# SPDX-License-Identifier: Apache-2.0
"""What a display might be told, with secrets that are easy to find again."""

import dataclasses
from typing import Any

from ironic_console.common.secret import Secret
from ironic_console.drivers.displays.settings import (
    Bmc,
    DisplaySettings,
    VncServer,
)
from tests.helpers.conductor import UUID

BMC_PASSWORD, VNC_PASSWORD = 'bmc-pa55word', 'vncpa55w'
KEY = '-----BEGIN PRIVATE KEY-----\nk3yk3y\n-----END PRIVATE KEY-----\n'
#: What nobody may see.
SECRETS = (BMC_PASSWORD, VNC_PASSWORD, 'k3yk3y')
SETTINGS = DisplaySettings(
    UUID, 'rack7', 'ilo',
    Bmc('https://192.0.2.7', 'admin', Secret(BMC_PASSWORD)),
    VncServer('-----BEGIN CERTIFICATE-----', Secret(KEY),
              Secret(VNC_PASSWORD)))


def other(**changes: Any) -> DisplaySettings:
    """:returns: settings with other values for some fields."""
    return dataclasses.replace(SETTINGS, **changes)
