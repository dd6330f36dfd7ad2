# SPDX-License-Identifier: Apache-2.0
"""What a page says, told by its words; also by those in its dialogs.

Only which of our signs it was is found out; nothing that the BMC wrote goes
anywhere. What a sign means is for each vendor.
"""

import dataclasses
import re
from collections.abc import Sequence

from ironic_console.drivers.displays.apps.base import Page
from ironic_console.drivers.displays.failures import VisitFailed

# Regular expressions of JavaScript and of Python, for text with single spaces,
# in any case. They are whole phrases: a console has words such as "License" in
# its menus.
LICENCE = (r'licen[sc]e (key )?(is |was )?(required|missing|not )|'
           r'\b(needs?|requires?|without) an? .{0,40}licen[sc]e|'
           r'not (been )?licen[sc]ed|licen[sc]ed feature|'
           r'product key .{0,60}activated')
IN_USE = (r'\b(in use|used|occupied|held) by|another .{0,30}console session|'
          r'already (in use|in progress|exists)|'
          r'\b(acquire|seize|take over) (it|the|this)\b|'
          r'confirm session sharing|session sharing request')
PRIVILEGE = (r'(insufficient|not have|lacks?) .{0,40}'
             r'\b(privilege|permission)s?\b|not authori[sz]ed|access denied')
DENIED = (r'denied (you )?access|'
          r'request .{0,40}\b(denied|rejected)|(denied|rejected) the request|'
          r'(seized|taken over|acquired) by')
LIMIT = (r'maximum number of .{0,40}\bsessions?\b|'
         r'maximum .{0,40}\bsessions? .{0,20}(reached|exceeded|in use)|'
         r'no (more|free) sessions?|too many sessions')
LOST = (r'\bsession (has |is |was )?(been )?'
        r'(expired|timed out|timeout|ended|terminated|closed|invalid|lost)|'
        r'connection .{0,40}\b(lost|closed|terminated|dropped)|'
        r'log ?in again')

_FIND = r'''(signs) => {
    const documents = [document];
    for (const frame of document.querySelectorAll('iframe, frame')) {
        // Of another site it is null.
        if (frame.contentDocument) documents.push(frame.contentDocument);
    }
    return signs.findIndex(([selector, pattern]) => {
        const words = new RegExp(pattern, 'i');
        return documents.some((one) =>
            Array.from(one.querySelectorAll(selector)).some((element) =>
                element.checkVisibility({ visibilityProperty: true })
                && words.test((element.innerText ?? '')
                              .slice(0, 20000).replace(/\s+/g, ' '))));
    });
}'''


@dataclasses.dataclass(frozen=True)
class Sign:
    """One thing to look for, and what to make of it.

    :ivar pattern: of words; '' for any.
    :ivar failure: it means that.
    :ivar text: for the screen.
    :ivar selector: of elements in which the words are looked for, if they
        can be seen.
    """

    pattern: str
    failure: type[VisitFailed]
    text: str
    selector: str = 'body'


def find_sign(page: Page, signs: Sequence[Sign]) -> VisitFailed | None:
    """:returns: what the first of them that the page shows, or has said in a
        dialog, means."""
    found = page.evaluate(_FIND,
                          [[sign.selector, sign.pattern] for sign in signs])
    # The page could have changed what our function is made of.
    is_shown = type(found) is int and 0 <= found < len(signs)
    shown = found if is_shown else len(signs)
    for sign in signs[:shown]:
        if sign.pattern and _is_said(sign.pattern, page.dialogs):
            return sign.failure(sign.text)
    return signs[shown].failure(signs[shown].text) if is_shown else None


def _is_said(pattern: str, dialogs: Sequence[str]) -> bool:
    return any(re.search(pattern, text, re.IGNORECASE) for text in dialogs)
