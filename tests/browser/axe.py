# SPDX-License-Identifier: Apache-2.0
"""Looks for what keeps people from using a page, by axe-core's rules.

It knows nothing of our page. axe-core comes from npm for the tests alone; a
debugger puts it into the page, past the content security policy.
"""

import json
from pathlib import Path
from typing import Any

from tests.browser.chromium import Chromium

_AXE = (Path(__file__).resolve().parents[2] / 'node_modules' / 'axe-core'
        / 'axe.min.js')
#: WCAG 2.1, levels A and AA, and what is good practice beyond.
_TAGS = ('wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice')
_RUN = """axe.run(document, {
    runOnly: {type: 'tag', values: %s}, resultTypes: ['violations'],
}).then(({violations, passes}) => JSON.stringify({
    passes: passes.length,
    violations: violations.flatMap(({id, help, nodes}) => nodes.map((node) =>
        `${id} (${help}): ${node.html} ${node.failureSummary}`)),
}))"""


def violations(browser: Chromium) -> list[str]:
    """Check the page as it is now.

    :returns: one text for each rule that an element breaks.
    :raises AssertionError: axe-core is missing or did not run.
    """
    assert _AXE.is_file(), f'{_AXE} is missing: npm ci'
    # Colours that are still on their way are nobody's fault.
    browser.wait('animations to end', lambda: browser.run(
        'document.getAnimations().every(one => one.playState !== "running")'))
    if not browser.run("typeof axe === 'object'"):
        _evaluate(browser, _AXE.read_text())
    found = json.loads(_evaluate(browser, _RUN % json.dumps(_TAGS)))
    assert found['passes'], 'no rule was checked'
    return list(found['violations'])


def _evaluate(browser: Chromium, script: str) -> Any:
    answer = browser.devtools('Runtime.evaluate', expression=script,
                              awaitPromise=True, returnByValue=True)
    assert 'exceptionDetails' not in answer, answer['exceptionDetails']
    return answer['result'].get('value')
