# SPDX-License-Identifier: Apache-2.0
"""How our console interfaces reach Ironic's own hardware types.

A node's interface must be in its hardware type's
``supported_console_interfaces``. All in-tree types get theirs through
``super()`` from ``GenericHardware``, so extending that one property makes a
console work on every node without touching its ``driver``. Where an operator
does not want that, hardware_types.py is the other way.
"""

import threading
from typing import Any

from ironic.common import exception
from ironic.drivers import generic

_PROPERTY = 'supported_console_interfaces'
_ours: list[type] = []
_lock = threading.Lock()


def support(interface: type) -> None:
    """Let every generic hardware type support a console interface.

    Ours go last, so that no node's default changes. Doing it twice is fine.

    :param interface: the class; the conductor compares exact types.
    :raises DriverLoadError: Ironic has no such property any more.
    """
    with _lock:
        if interface in _ours:
            return
        if not _ours:
            _extend(generic.GenericHardware)
        _ours.append(interface)


def _extend(hardware_type: type) -> None:
    original = getattr(hardware_type, _PROPERTY, None)
    getter = getattr(original, 'fget', None)
    if getter is None:
        raise exception.DriverLoadError(
            driver='ironic_console',
            reason=f'{hardware_type.__name__}.{_PROPERTY} is not a property '
                   'in this release of Ironic; set [ironic_console]'
                   'extend_hardware_types = false and use the hardware types '
                   'console-redfish, console-idrac or console-ipmi')

    def supported(self: Any) -> list[type]:
        found: list[type] = list(getter(self))
        return found + [ours for ours in _ours if ours not in found]

    setattr(hardware_type, _PROPERTY,
            property(supported, doc=original.__doc__))
