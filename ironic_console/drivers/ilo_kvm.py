# SPDX-License-Identifier: Apache-2.0
"""Console interface ``ilo-kvm``: the HTML5 console of HPE's iLO 4 and later.

The page is known in displays/apps/ilo.py.
"""

from ironic_console.drivers import display_console

_KIND = 'ilo-kvm'


class ILOKVMConsole(display_console.DisplayConsole):
    """Shows what that page shows."""

    kind = _KIND
    app = 'ilo'
    _check = display_console.checking(_KIND)
