# SPDX-License-Identifier: Apache-2.0
"""Look at the console of a test card through a real browser, and type.

``python -m tools.lab.look URL``, with selenium in that Python. Ends with 0 if
the colour bars are there and typing changes the picture.
"""

import sys

from tests.browser.chromium import Chromium, chromium

BARS = ((255, 255, 255), (191, 191, 0), (0, 191, 191), (0, 191, 0),
        (191, 0, 191), (191, 0, 0), (0, 0, 191), (0, 0, 0))
# JPEG-like encodings and colour depths may change a value a little.
TOLERANCE = 12
_CANVAS = "document.querySelector('#screen canvas')"
_ROW = f"""(y => {{
    const canvas = {_CANVAS};
    const row = canvas.getContext('2d').getImageData(
        0, Math.floor(y * canvas.height), canvas.width, 1).data;
    const colours = [];
    for (let n = 0; n < 8; n++) {{
        const x = Math.floor((n + 0.5) / 8 * canvas.width);
        colours.push([...row.slice(4 * x, 4 * x + 3)]);
    }}
    return colours;
}})(arguments[0])"""
# The lower left, where a test card shows what was typed. The clock, which
# changes by itself, is above.
TEXT = f"""(() => {{
    const canvas = {_CANVAS};
    const [w, h] = [canvas.width, canvas.height];
    const data = canvas.getContext('2d').getImageData(
        0.05 * w, 0.4 * h, 0.5 * w, 0.55 * h).data;
    let sum = 0;
    for (const value of data) sum = (sum * 31 + value) | 0;
    return sum;
}})()"""


def look(browser: Chromium, url: str) -> None:
    """Open a console, look, and type.

    :raises AssertionError: what is seen is not a test card that hears us.
    """
    browser.open(url)
    browser.wait('the screen', lambda: min(browser.canvas_size()) > 0)
    browser.wait('eight colour bars', lambda: has_bars(browser))
    before = browser.run(TEXT)
    browser.type_text('ironic')
    browser.wait('a picture that shows what was typed',
                 lambda: browser.run(TEXT) != before)


def has_bars(browser: Chromium) -> bool:
    """:returns: the eight colour bars are on the screen."""
    return any(_are_bars(browser.run(_ROW, percent / 100))
               for percent in range(16, 40, 4))


def _are_bars(colours: list[list[int]]) -> bool:
    return all(abs(value - wanted) <= TOLERANCE
               for colour, bar in zip(colours, BARS, strict=True)
               for value, wanted in zip(colour, bar, strict=True))


def main() -> int:
    """:returns: exit status."""
    try:
        with chromium() as browser:
            look(browser, sys.argv[1])
    except AssertionError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
