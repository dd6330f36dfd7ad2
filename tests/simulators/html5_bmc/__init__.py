# SPDX-License-Identifier: Apache-2.0
"""BMCs whose console is only a page: HPE iLO, Supermicro, Dell iDRAC9.

They judge the product and therefore import nothing of it. In a test::

    with Html5Bmc('ilo5', Knobs(slow=1.0)) as bmc:
        ...                         # open bmc.url in a browser and log in
        bmc.wait_for(lambda: bmc.consoles, 'a console')
        bmc.knobs.session_limit = 0

As a program, until it is interrupted::

    python -m tests.simulators.html5_bmc --profile ilo5 --port 0

===========  ===========================================================
profiles     what vendors show and say: a table
knobs        what can be made to go wrong, at any time
ledger       what has happened, and waiting for it
sessions     who is logged in, and who may
web          HTTPS
websocket    what a request may become
consoles     pictures down, keys up
pages        the folder of that name, filled in
core         what vendors are made of
ilo          request -> answer, as HPE has it
supermicro   the same, as Supermicro
idrac        the same, as Dell
bmc          all of it together
===========  ===========================================================

The URLs, methods, cookies, ids and order of things are those of real ones;
the pictures inside the WebSocket are not.
"""

from tests.simulators.html5_bmc.bmc import Html5Bmc
from tests.simulators.html5_bmc.knobs import Knobs
from tests.simulators.html5_bmc.profiles import (
    ADMIN,
    BLOCK,
    GROUND,
    PROFILES,
    Profile,
    Texts,
)

__all__ = ['ADMIN', 'BLOCK', 'GROUND', 'PROFILES', 'Html5Bmc', 'Knobs',
           'Profile', 'Texts']
