# SPDX-License-Identifier: Apache-2.0
"""The pages: files of the folder of this name, with what varies put in.

Which page is shown when is for the vendors.
"""

import html
import json
import pathlib
import string
from collections.abc import Callable

from tests.simulators.html5_bmc import profiles
from tests.simulators.html5_bmc.consoles import HEIGHT, WIDTH, css
from tests.simulators.html5_bmc.profiles import Profile
from tests.simulators.html5_bmc.web import Answer
from tests.simulators.html5_bmc.web import html as as_html

_FOLDER = pathlib.Path(__file__).with_name('pages')
_SCRIPT = {'Content-Type': 'text/javascript; charset=utf-8'}


class Pages:
    """Those of one BMC.

    :param elsewhere: gives the URL of another host, for a link to it.
    """

    def __init__(self, profile: Profile,
                 elsewhere: Callable[[], str]) -> None:
        self._texts = profile.texts
        self._title = profile.title
        self._elsewhere = elsewhere

    def show(self, name: str, status: int = 200, **values: str) -> Answer:
        """:param values: what else the page has ``${...}`` of; is escaped."""
        always = {
            'title': self._title, 'elsewhere': self._elsewhere(),
            'admin': css(profiles.ADMIN), 'width': str(WIDTH),
            'height': str(HEIGHT), 'notice': '',
            'texts': json.dumps(vars(self._texts))}
        escaped = {key: html.escape(value, quote=key != 'texts')
                   for key, value in (always | values).items()}
        menu = _read('menu.html').substitute(escaped)
        return as_html(_read(name).substitute(escaped, menu=menu), status)

    @staticmethod
    def script(name: str) -> Answer:
        return Answer((_FOLDER / name).read_bytes(), headers=_SCRIPT)


def _read(name: str) -> string.Template:
    return string.Template((_FOLDER / name).read_text())
