# SPDX-License-Identifier: Apache-2.0
"""What can be made to go wrong, at any time while the BMC runs.

Here is what each knob means; the code that obeys is where it happens.
"""

import dataclasses
from typing import Literal

#: What Supermicro's Redfish says of its console.
IkvmNode = Literal['html5', 'java', 'missing', 'unlicensed']


@dataclasses.dataclass
class Knobs:
    """All of it; just set one.

    :ivar session_limit: most sessions at a time, 0 for none at all; ``None``
        for the vendor's own limit.
    :ivar login_fails_once: the next good login is refused for no good
        reason; goes off by itself.
    :ivar lockout: seconds that an iLO accepts no login after three bad ones.
    :ivar expired_token: the session, or Dell's ticket, is gone when the
        console opens.
    :ivar no_licence: for the console.
    :ivar in_use: another user has the console, and is asked when somebody
        wants it; goes off when they give it up, which Dell's need not.
    :ivar denies: they do not.
    :ivar answers_after: seconds that they think.
    :ivar asks_to_share: Dell: who already has a console, also one whose
        browser is long dead, is asked like another user.
    :ivar slow: seconds before each page.
    :ivar changed_page: the firmware is new: names and ids of the login form
        are others; Dell's console is not where it was.
    :ivar changed_console: Supermicro: the page of its console has neither
        canvas nor token.
    :ivar blank: the console opens and never shows a picture.
    :ivar ikvm_node: Supermicro: ``java`` is set to the wrong viewer,
        ``missing`` is an old firmware, ``unlicensed`` has a console by way of
        its web pages only.
    :ivar token_life: seconds that tickets of one use are good.
    :ivar old_paths: Dell: the action is not where newer firmware has it.
    :ivar accepted: Dell answers GetKVMSession with 202, as some do.
    """

    session_limit: int | None = None
    login_fails_once: bool = False
    lockout: float = 10.0
    expired_token: bool = False
    no_licence: bool = False
    in_use: bool = False
    denies: bool = False
    answers_after: float = 0.5
    asks_to_share: bool = True
    slow: float = 0.0
    changed_page: bool = False
    changed_console: bool = False
    blank: bool = False
    ikvm_node: IkvmNode = 'html5'
    token_life: float = 30.0
    old_paths: bool = False
    accepted: bool = False
