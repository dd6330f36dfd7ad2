# SPDX-License-Identifier: Apache-2.0
"""What the manual quotes is what programs and the page say."""

import ast
import pathlib
import re
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[2]
DOCUMENT = ROOT / 'doc' / 'source' / 'troubleshooting.rst'
# Symptoms are the lines that are not indented, before their remedy.
QUOTES = re.findall(r'^"(.+?)"(?= |,|$).*\n    ', DOCUMENT.read_text(),
                    re.MULTILINE)


def said() -> Iterator[str]:
    """:returns: every text of the package, as one piece."""
    for path in (ROOT / 'ironic_console').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


@pytest.fixture(scope='module')
def texts() -> str:
    return '\n'.join(said())


def test_there_are_quotes() -> None:
    assert len(QUOTES) > 5


@pytest.mark.parametrize('quote', QUOTES)
def test_somebody_says_so(quote: str, texts: str) -> None:
    parts = [part.strip() for part in quote.split('...')]
    assert not [part for part in parts if part not in texts]
