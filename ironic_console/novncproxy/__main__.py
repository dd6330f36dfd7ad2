# SPDX-License-Identifier: Apache-2.0
"""``python -m ironic_console.novncproxy``."""

import sys

from ironic_console.novncproxy.cmd import main

sys.exit(main())
