# SPDX-License-Identifier: Apache-2.0
"""What all vendors are made of, and answers that all of them give."""

import dataclasses
from collections.abc import Mapping
from typing import Protocol

from tests.simulators.html5_bmc.consoles import Consoles
from tests.simulators.html5_bmc.knobs import Knobs
from tests.simulators.html5_bmc.pages import Pages
from tests.simulators.html5_bmc.profiles import Profile, Texts
from tests.simulators.html5_bmc.sessions import Refusal, Sessions
from tests.simulators.html5_bmc.web import Answer, Request, html

#: Other pages than the console; their files.
ADMIN = '/html/admin.html'
CAPTURE = '/html/capture.bin'


@dataclasses.dataclass(frozen=True)
class Core:
    """The parts of one BMC."""

    profile: Profile
    knobs: Knobs
    sessions: Sessions
    consoles: Consoles
    pages: Pages

    @property
    def texts(self) -> Texts:
        return self.profile.texts

    def reason(self, refusal: Refusal) -> str:
        text: str = getattr(self.texts, refusal.value)
        return text

    def other_page(self, request: Request) -> Answer | None:
        """:returns: a page that is not the console, if it is one."""
        if request.method != 'GET':
            return None
        if request.path == ADMIN:
            return self.pages.show('admin.html')
        if request.path == CAPTURE:
            return Answer(b'\0' * 4096, headers={
                'Content-Type': 'application/octet-stream',
                'Content-Disposition': 'attachment; filename=capture.bin'})
        if request.path == '/js/console.js':
            return self.pages.script('console.js')
        return None

    def no_licence(self) -> Answer:
        return self.pages.show('notice.html', notice=self.texts.licence)


class Vendor(Protocol):
    """Request -> answer."""

    def answer(self, request: Request) -> Answer: ...


def not_found() -> Answer:
    return html('<!doctype html><title>Not found</title><h1>404</h1>', 404)


def forbidden() -> Answer:
    return html('<!doctype html><title>Forbidden</title><h1>403</h1>', 403)


def with_headers(answer: Answer, headers: Mapping[str, str]) -> Answer:
    return dataclasses.replace(answer, headers={**answer.headers, **headers})


def bad_gateway() -> Answer:
    return html('<!doctype html><title>Bad gateway</title><h1>502</h1>', 502)
