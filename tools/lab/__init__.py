# SPDX-License-Identifier: Apache-2.0
"""The real parts of a console on one machine, for the demo and the tests.

=============  =========================================================
ports          free and busy TCP ports
process        programs in the background: start, wait, stop for good
settings       option groups as text that oslo.config reads
ironic         a real Ironic: API, conductor, sqlite, no authentication
mariadb        a database server for it, instead of sqlite
rest           its API without the second that a CLI call costs
proxy          our proxy, and Ironic's own
novnc          the noVNC files that the page needs
installing     virtual environments, Debian packages
steps          what a command is doing, with times
parts          parts of the tests, and the summary of them
look           a test card through a real browser
=============  =========================================================
"""

from tools.lab.ironic import LocalIronic
from tools.lab.mariadb import LocalMariaDB
from tools.lab.ports import (
    PortBusy,
    PortError,
    check_free,
    free_port,
    free_ports,
)
from tools.lab.process import Program, ProgramError
from tools.lab.proxy import InTreeProxy, LocalProxy
from tools.lab.rest import RestClient, RestError

__all__ = [
    'InTreeProxy',
    'LocalIronic',
    'LocalMariaDB',
    'LocalProxy',
    'PortBusy',
    'PortError',
    'Program',
    'ProgramError',
    'RestClient',
    'RestError',
    'check_free',
    'free_port',
    'free_ports',
]
