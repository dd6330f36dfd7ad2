# SPDX-License-Identifier: Apache-2.0
"""Registry of security types: one file and one class each.

A new type is a module here with a subclass of
:class:`~ironic_console.common.rfb.security.base.SecurityType`, and its line
in ``_TYPES``. RFC 6143 §7.2.
"""

from ironic_console.common.rfb.security.base import SecurityType
from ironic_console.common.rfb.security.none import NoneSecurity
from ironic_console.common.rfb.security.ra2 import RA2_TYPES
from ironic_console.common.rfb.security.tight import TightSecurity
from ironic_console.common.rfb.security.vencrypt import VeNCryptSecurity
from ironic_console.common.rfb.security.vnc_auth import VncAuthSecurity

_TYPES: tuple[SecurityType, ...] = (
    NoneSecurity(), VncAuthSecurity(), VeNCryptSecurity(), TightSecurity(),
    *RA2_TYPES)

REGISTRY: dict[int, SecurityType] = {kind.number: kind for kind in _TYPES}
