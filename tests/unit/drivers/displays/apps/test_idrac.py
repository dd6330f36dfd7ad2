# SPDX-License-Identifier: Apache-2.0
import re
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest

from ironic_console.drivers.displays.apps import idrac
from ironic_console.drivers.displays.apps.idrac import IdracApp
from ironic_console.drivers.displays.failures import (
    BmcAway,
    LoginRefused,
    NotLicensed,
    NotOffered,
    PageChanged,
    VisitFailed,
)
from tests.helpers.scripted_page import ScriptedPage
from tests.helpers.scripted_site import Site, reply

Make = Callable[..., Any]
_ACTION = 'DelliDRACCardService/Actions/DelliDRACCardService.GetKVMSession'
NEW = f'POST /redfish/v1/Managers/iDRAC.Embedded.1/Oem/Dell/{_ACTION}'
OLD = f'POST /redfish/v1/Dell/Managers/iDRAC.Embedded.1/{_ACTION}'
TICKET = {'TempUsername': '1' * 24, 'TempPassword': '2' * 24}


def page_with(*statuses: int) -> ScriptedPage:
    left = list(statuses)
    return ScriptedPage(lambda *_: left.pop(0))


def test_a_ticket_opens_the_page(site: Site, make: Make) -> None:
    site.answers[NEW] = reply(200, TICKET)
    app = make(IdracApp)
    app.log_in()
    asked = site.asked[0]
    assert asked.headers['authorization'].startswith('Basic ')
    assert len(asked.json['SessionTypeName'].encode()) <= 32
    page = page_with(200)
    app.open(page)
    url = urllib.parse.urlsplit(page.url)
    assert page.url.startswith(f'{site.url}/restgui/vconsole/index.html?')
    assert urllib.parse.parse_qs(url.query) == {
        'ip': ['127.0.0.1'], 'kvmport': [str(site.port)],
        'title': ['console'], 'VCSID': ['1' * 24], 'VCSID2': ['2' * 24]}
    assert '1' * 24 not in repr(vars(app))
    app.log_out()
    assert len(site.asked) == 1


@pytest.mark.parametrize(('url', 'ip', 'port'), [
    ('https://bmc.example', 'bmc.example', '443'),
    ('https://[2001:db8::1]', '[2001:db8::1]', '443'),
    ('https://192.0.2.1:8443', '192.0.2.1', '8443')])
def test_the_page_is_told_where_its_console_is(
        make: Make, url: str, ip: str, port: str) -> None:
    page = page_with(200)
    make(IdracApp, url=url, verify=False).open(page)
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).query)
    assert (query['ip'], query['kvmport']) == ([ip], [port])


def test_the_page_is_looked_for_where_it_may_be(site: Site, make: Make,
                                                ) -> None:
    page = page_with(404, 200)
    make(IdracApp).open(page)
    assert [urllib.parse.urlsplit(url).path for url in page.visited] == [
        '/restgui/vconsole/index.html', '/vmc/vconsole/index.html']
    with pytest.raises(PageChanged, match='firmware'):
        make(IdracApp).open(page_with(404, 404))


@pytest.mark.parametrize('status', [404, 405])
def test_older_firmware_is_asked_as_it_wants(site: Site, make: Make,
                                             status: int) -> None:
    site.answers = {NEW: reply(status), OLD: reply(202, TICKET)}
    make(IdracApp).log_in()
    assert [asked.what for asked in site.asked] == [NEW, OLD]


@pytest.mark.parametrize(('answer', 'failure', 'words'), [
    (reply(404), NotOffered, 'idrac-vnc'),
    (reply(401), LoginRefused, 'lock the account'),
    (reply(403), LoginRefused, '"Access Virtual Console"'),
    (reply(403, {'error': {'@Message.ExtendedInfo': [
        {'MessageId': 'IDRAC.2.9.LIC501'}]}}), NotLicensed, 'Enterprise'),
    (reply(503), BmcAway, 'Wait'),
    (reply(200, {}), PageChanged, 'firmware'),
    (reply(200, {**TICKET, 'TempPassword': ''}), PageChanged, 'firmware'),
    (reply(200, {**TICKET, 'TempPassword': None}), PageChanged, 'firmware'),
    (reply(200, {**TICKET, 'TempUsername': 'a\nb'}), PageChanged,
     'firmware')])
def test_says_why_there_is_no_ticket(
        site: Site, make: Make, answer: bytes,
        failure: type[VisitFailed], words: str) -> None:
    site.answers = {NEW: answer}
    with pytest.raises(VisitFailed) as caught:
        make(IdracApp).log_in()
    assert type(caught.value) is failure
    assert words in caught.value.text


def test_a_ticket_cannot_add_to_the_address(site: Site, make: Make) -> None:
    site.answers[NEW] = reply(200, {'TempUsername': 'a&ip=evil.example#',
                                    'TempPassword': 'b'})
    app = make(IdracApp)
    app.log_in()
    page = page_with(200)
    app.open(page)
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).query)
    assert query['ip'] == ['127.0.0.1']
    assert query['VCSID'] == ['a&ip=evil.example#']


def test_the_page_has_time_to_say_goodbye(
        make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_with()
    slept = []
    monkeypatch.setattr(time, 'sleep', lambda seconds: slept.append(
        (seconds, list(page.visited))))
    make(IdracApp).leave(page)
    assert slept == [(idrac.CLOSING_TIME, ['about:blank'])]


@pytest.mark.parametrize(('path', 'is_let_in'), [
    ('/restgui/vconsole/index.html?ip=x&VCSID=1', True),
    ('/vmc/vconsole/index.html?ip=x', True),
    ('/restgui/vconsole/index.html', False), ('/restgui/index.html', False),
    ('/', False), ('/console?username=x', False)])
def test_only_the_console_is_let_in(path: str, is_let_in: bool) -> None:
    assert any(re.fullmatch(document, path)
               for document in IdracApp.documents) == is_let_in
