# SPDX-License-Identifier: Apache-2.0
import re
from collections.abc import Callable
from typing import Any

import pytest

from ironic_console.drivers.displays.apps import polling, supermicro
from ironic_console.drivers.displays.apps.supermicro import SupermicroApp
from ironic_console.drivers.displays.failures import (
    BmcAway,
    ConsoleLost,
    LoginRefused,
    NoSession,
    NotOffered,
    PageChanged,
    VisitFailed,
)
from tests.helpers.scripted_page import ScriptedPage
from tests.helpers.scripted_site import Site, reply

Make = Callable[..., Any]
IKVM = 'GET /redfish/v1/Managers/1/Oem/Supermicro/IKVM'
LOGIN = 'POST /cgi/login.cgi'
LOGOUT = 'GET /cgi/logout.cgi'
URI = '/redfish/s3cr3t-of-one-use.IKVM'
HTML5 = reply(200, {'Current interface': 'HTML 5', 'URI': URI})
MAIN_MENU = reply(200, b'<a href="/cgi/url_redirect.cgi?url_name=mainmenu">',
                  'Set-Cookie: SID=old; expires=Thu, 01 Jan 1970 00:00 GMT',
                  'Set-Cookie: SID=sid0815; path=/; secure')


def page_that_shows(console: bool = True, status: int = 200,
                    sign: int = -1) -> ScriptedPage:
    return ScriptedPage(lambda function, *_: {
        supermicro._IS_CONSOLE: console, polling.STATUS: status,
        supermicro._LOG_OUT: None}.get(function, sign))


def test_asks_redfish_first_and_nobody_else(site: Site, make: Make) -> None:
    site.answers[IKVM] = HTML5
    app = make(SupermicroApp)
    app.log_in()
    page = page_that_shows()
    app.open(page)
    assert page.visited == [f'{site.url}{URI}']
    assert not page.cookies
    assert [asked.what for asked in site.asked] == [IKVM]
    assert site.asked[0].headers['authorization'].startswith('Basic ')


def test_another_service_root_is_another_path(site: Site, make: Make) -> None:
    what = 'GET /api/redfish/v1/Managers/1/Oem/Supermicro/IKVM'
    site.answers[what] = HTML5
    make(SupermicroApp, root='/api/redfish/v1').log_in()
    assert site.asked[0].what == what


def test_the_page_ends_its_own_session(site: Site, make: Make) -> None:
    site.answers[IKVM] = HTML5
    app = make(SupermicroApp)
    app.log_in()
    page = page_that_shows()
    app.open(page)
    page.told.clear()
    app.leave(page)
    assert page.told == ['["/cgi/logout.cgi"]']
    assert page.visited[-1] == 'about:blank'
    app.log_out()
    assert len(site.asked) == 1


def test_a_page_that_does_not_end_its_session_is_left_all_the_same(
        site: Site, make: Make) -> None:
    site.answers[IKVM] = HTML5
    app = make(SupermicroApp)
    app.log_in()
    page = ScriptedPage(lambda *_: PageChanged('no fetch'))
    with pytest.raises(PageChanged):
        app.leave(page)
    assert page.visited == ['about:blank']


@pytest.mark.parametrize('status', [400, 403, 404, 405])
def test_logs_in_to_the_web_page_where_redfish_has_no_console(
        site: Site, make: Make, status: int) -> None:
    site.answers = {IKVM: reply(status), LOGIN: MAIN_MENU,
                    LOGOUT: reply(200)}
    app = make(SupermicroApp)
    app.log_in()
    assert site.asked[1].body == b'name=root&pwd=p%23ss+w%C3%B6rd'
    assert 'authorization' not in site.asked[1].headers
    page = page_that_shows()
    app.open(page)
    assert page.cookies == {'SID': 'sid0815'}
    assert page.visited == [
        f'{site.url}/cgi/url_redirect.cgi?url_name=man_ikvm_html5_bootstrap']
    app.leave(page)
    app.log_out()
    app.log_out()
    assert [asked.what for asked in site.asked] == [IKVM, LOGIN, LOGOUT]
    assert site.asked[2].headers['cookie'] == 'SID=sid0815'
    # Firmware looks whether it is asked by its own pages.
    menu = f'{site.url}/cgi/url_redirect.cgi?url_name=mainmenu'
    assert page.referrers[0] == menu
    assert [asked.headers.get('referer') for asked in site.asked] == [
        None, f'{site.url}/', menu]


def test_firmware_that_wants_base64_gets_it(site: Site, make: Make) -> None:
    site.answers[LOGIN] = [reply(400), MAIN_MENU]
    make(SupermicroApp).log_in()
    assert site.asked[2].body == (b'name=cm9vdA%3D%3D'
                                  b'&pwd=cCNzcyB3w7ZyZA%3D%3D&check=00')


@pytest.mark.parametrize(('answer', 'failure', 'words'), [
    (reply(200, b'<body onload="login_alert()">'), LoginRefused, 'password'),
    (reply(200), LoginRefused, 'lock the account'),
    (reply(200, b'alert("This account is locked")'), LoginRefused, 'unlock'),
    (reply(200, b'The maximum number of login sessions is reached'),
     NoSession, 'Log out'),
    (reply(404), NotOffered, 'X10'),
    (reply(401), LoginRefused, 'password'),
    (reply(500), BmcAway, 'Wait'),
    (reply(302, b'', 'Location: /'), PageChanged, 'firmware'),
    (reply(200, b'url_name=mainmenu'), PageChanged, 'firmware')])
def test_says_why_the_web_page_let_nobody_in(
        site: Site, make: Make, answer: bytes,
        failure: type[VisitFailed], words: str) -> None:
    site.answers[LOGIN] = answer
    app = make(SupermicroApp)
    with pytest.raises(VisitFailed) as caught:
        app.log_in()
    assert type(caught.value) is failure
    assert words in caught.value.text
    # Each more would count against the account.
    assert [asked.what for asked in site.asked] == [IKVM, LOGIN]


@pytest.mark.parametrize(('answer', 'failure'), [
    (reply(401), LoginRefused), (reply(503), BmcAway), (reply(500), BmcAway),
    (reply(429), BmcAway)])
def test_what_would_fail_again_is_not_tried_at_the_web_page(
        site: Site, make: Make, answer: bytes,
        failure: type[VisitFailed]) -> None:
    site.answers[IKVM] = answer
    with pytest.raises(failure):
        make(SupermicroApp).log_in()
    assert len(site.asked) == 1


@pytest.mark.parametrize(('document', 'failure'), [
    ({'Current interface': 'JAVA plug-in'}, NotOffered),
    ({'Current interface': 'HTML 5'}, PageChanged), ([], PageChanged),
    ({'URI': 7}, PageChanged),
    ({'URI': 'https://evil.example/x.IKVM'}, PageChanged),
    ({'URI': '//evil.example/redfish/x.IKVM'}, PageChanged),
    ({'URI': '/redfish/../cgi/x.IKVM'}, PageChanged),
    ({'URI': '@evil.example/redfish/x.IKVM'}, PageChanged),
    ({'URI': '/redfish/x.IKVM?y'}, PageChanged)])
def test_only_a_page_of_its_own_is_opened(
        site: Site, make: Make, document: object,
        failure: type[VisitFailed]) -> None:
    site.answers[IKVM] = reply(200, document)
    with pytest.raises(failure):
        make(SupermicroApp).log_in()


def test_a_page_that_is_gone_already_is_got_anew(site: Site, make: Make,
                                                 ) -> None:
    site.answers[IKVM] = HTML5
    app = make(SupermicroApp)
    app.log_in()
    with pytest.raises(ConsoleLost) as caught:
        app.open(page_that_shows(console=False, status=404))
    assert caught.value.retry


def test_a_page_that_leads_away_is_no_console(site: Site, make: Make) -> None:
    site.answers[IKVM] = HTML5
    app = make(SupermicroApp)
    app.log_in()
    page = page_that_shows(console=False)
    page.navigate = (  # type: ignore[method-assign]
        lambda *_: page.visited.append(f'{site.url}/'))
    with pytest.raises(ConsoleLost, match='login page'):
        app.open(page)


@pytest.mark.parametrize(('path', 'is_let_in'), [
    (URI, True),
    ('/cgi/url_redirect.cgi?url_name=man_ikvm_html5_bootstrap', True),
    ('/cgi/url_redirect.cgi?url_name=mainmenu', False), ('/', False),
    ('/redfish/v1/Managers/1', False), ('/redfish/a/b.IKVM', False)])
def test_only_the_console_is_let_in(path: str, is_let_in: bool) -> None:
    assert any(re.fullmatch(document, path)
               for document in SupermicroApp.documents) == is_let_in
