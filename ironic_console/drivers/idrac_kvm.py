# SPDX-License-Identifier: Apache-2.0
"""Console interface ``idrac-kvm``: the HTML5 console of Dell's iDRAC9.

For firmware that has no VNC server; idrac-vnc costs less where there is one.
The page is known in displays/apps/idrac.py.
"""

from ironic_console.drivers import display_console

_KIND = 'idrac-kvm'


class IDRACKVMConsole(display_console.DisplayConsole):
    """Shows what that page shows."""

    kind = _KIND
    app = 'idrac'
    _check = display_console.checking(_KIND)
