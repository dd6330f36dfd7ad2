# SPDX-License-Identifier: Apache-2.0
"""What an answer of Redfish means that is not what was asked for.

DMTF DSP0266, "Error responses". What is asked is known to each vendor.
"""

import dataclasses
import logging
import re

from ironic_console.drivers.displays.bmc_web import Answer
from ironic_console.drivers.displays.failures import (
    BmcAway,
    LoginRefused,
    NoSession,
    NotLicensed,
    PageChanged,
    VisitFailed,
)

LOG = logging.getLogger(__name__)

_MAX_MESSAGES = 8
_MESSAGE_ID = re.compile(r'[\w.]{1,80}', re.ASCII)
_LICENCE = re.compile(r'licen[sc]e|\.LIC[0-9]+$', re.IGNORECASE)
# RAC0218 is Dell's.
_LIMIT = re.compile(r'SessionLimit|MaxSession|\.RAC0218$', re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Words:
    """What a vendor's users are told.

    :ivar name: of the BMC.
    :ivar privilege: that the account needs.
    :ivar licence: whole sentences: which is missing and what to do.
    :ivar sessions: likewise, if there is none left.
    """

    name: str
    privilege: str
    licence: str
    sessions: str


def path_below(root: str, path: str) -> str:
    """:returns: path of a resource below the service root."""
    return f'{root.rstrip("/")}/{path}'


def no_privilege(words: Words) -> str:
    """:returns: text about an account that may not do it."""
    return (f'The account of the {words.name} in the driver_info of the node '
            f'may not use the console. Give it {words.privilege}.')


def failure_in(answer: Answer, words: Words) -> VisitFailed:
    """:param answer: one that cannot be used."""
    names = _message_ids(answer)
    LOG.warning('%s refused: %d %s', words.name, answer.status,
                ' '.join(names))
    if answer.status == 401:
        return LoginRefused.by(words.name)
    if any(_LICENCE.search(name) for name in names):
        return NotLicensed(words.licence)
    if any(_LIMIT.search(name) for name in names):
        return NoSession(words.sessions)
    if answer.status == 403:
        return LoginRefused(no_privilege(words))
    if answer.status >= 500 or answer.status == 429:
        return BmcAway(f'The {words.name} is too busy to open its console, '
                       'or restarting. Wait a minute, then open the console '
                       'again.')
    return PageChanged(
        f'This {words.name} answers in a way that is not known. Check the '
        'address in the driver_info of the node; if it is right, its '
        'firmware may be too old or too new.')


def _message_ids(answer: Answer) -> list[str]:
    """:returns: which errors the answer names; never its texts."""
    error = answer.member('error')
    found = (error.get('@Message.ExtendedInfo')
             if isinstance(error, dict) else None)
    names = [message.get('MessageId') for message in found[:_MAX_MESSAGES]
             if isinstance(message, dict)] if isinstance(found, list) else []
    return [name for name in names
            if isinstance(name, str) and _MESSAGE_ID.fullmatch(name)]
