# SPDX-License-Identifier: Apache-2.0
"""Console interface ``supermicro-kvm``: the HTML5 console of Supermicro.

The page is known in displays/apps/supermicro.py.
"""

from ironic_console.drivers import display_console

_KIND = 'supermicro-kvm'


class SupermicroKVMConsole(display_console.DisplayConsole):
    """Shows what that page shows."""

    kind = _KIND
    app = 'supermicro'
    _check = display_console.checking(_KIND)
