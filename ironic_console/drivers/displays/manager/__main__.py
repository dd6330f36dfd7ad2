# SPDX-License-Identifier: Apache-2.0
"""``python -m ironic_console.drivers.displays.manager``"""

import sys

from ironic_console.drivers.displays.manager.cmd import main

if __name__ == '__main__':
    sys.exit(main())
