# SPDX-License-Identifier: Apache-2.0
import re
from collections.abc import Callable
from typing import Any

import pytest

from ironic_console.drivers.displays.apps import ilo
from ironic_console.drivers.displays.apps.ilo import IloApp
from ironic_console.drivers.displays.failures import (
    BmcAway,
    ConsoleInUse,
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
LOGIN = 'POST /json/login_session'
KEY = '0123456789abcdef0123456789abcdef'
LOGGED_IN = reply(200, {'session_key': KEY, 'user_name': 'root',
                        'remote_cons_priv': 1})


def page_that_shows(*states: str, sign: int = -1) -> ScriptedPage:
    """:param states: of the page, one after the other."""
    left = list(states)

    def say(function: str, *_arguments: object) -> object:
        if function == ilo._STATE:
            return left.pop(0) if len(left) > 1 else left[0]
        return {ilo._SUBMIT: True, ilo._READ_KEY: 'fedcba9876543210',
                ilo._FILL_IN: None}.get(function, sign)
    return ScriptedPage(say)


def test_logs_in_as_the_login_page_does(site: Site, make: Make) -> None:
    site.answers[LOGIN] = LOGGED_IN
    app = make(IloApp)
    app.log_in()
    assert site.asked[0].json == {'method': 'login', 'user_login': 'root',
                                  'password': 'p#ss wörd'}
    page = page_that_shows('', 'console')
    app.open(page)
    assert page.cookies == {'sessionKey': KEY}
    assert page.visited == [f'{site.url}/irc.html']
    # The browser was told no password.
    assert not any('p#ss' in told for told in page.told)


def test_some_firmware_has_a_shorter_name_for_the_key(
        site: Site, make: Make) -> None:
    site.answers[LOGIN] = reply(200, {'key': KEY})
    app = make(IloApp)
    app.log_in()
    app.log_out()
    assert site.asked[1].json == {'method': 'logout', 'session_key': KEY}


def test_logs_out_once_and_only_what_was_logged_in(
        site: Site, make: Make) -> None:
    site.answers[LOGIN] = [LOGGED_IN, reply(204)]
    app = make(IloApp)
    app.log_out()
    assert not site.asked
    app.log_in()
    app.log_out()
    app.log_out()
    assert [asked.json['method'] for asked in site.asked] == [
        'login', 'logout']


@pytest.mark.parametrize(('status', 'is_trouble'), [
    (200, False), (204, False), (403, False), (404, False), (500, True)])
def test_a_session_that_is_gone_is_logged_out(
        site: Site, make: Make, status: int, is_trouble: bool) -> None:
    site.answers[LOGIN] = [LOGGED_IN, reply(status)]
    app = make(IloApp)
    app.log_in()
    if not is_trouble:
        app.log_out()
        return
    with pytest.raises(BmcAway, match='end by itself'):
        app.log_out()


@pytest.mark.parametrize(('answer', 'failure', 'words'), [
    (reply(403, {'message': 'JS_ERR_NO_PRIV', 'details': 'Invalid login'}),
     LoginRefused, 'lock the account'),
    (reply(401), LoginRefused, 'lock the account'),
    (reply(200, {'message': 'JS_ERR_NO_PRIV'}), LoginRefused, 'Correct'),
    (reply(403, {'message': 'JS_ERR_LOGIN_DELAY'}), LoginRefused, 'wait'),
    (reply(403, {'message': 'JS_ERR_MAX_SESSIONS'}), NoSession, 'Log out'),
    (reply(403, {'details': 'The maximum number of sessions is reached'}),
     NoSession, 'Session List'),
    (reply(404), NotOffered, 'iLO 5'),
    (reply(405), NotOffered, 'Java'),
    (reply(503), BmcAway, 'Wait'),
    (reply(429), BmcAway, 'Wait'),
    (reply(200, {}), PageChanged, 'address'),
    (reply(200, b'<html>'), PageChanged, 'address'),
    (reply(302, b'', 'Location: /'), PageChanged, 'address'),
    (reply(200, {'session_key': 7}), PageChanged, 'address'),
    (reply(200, {'session_key': 'a;b=c\r\n'}), PageChanged, 'address')])
def test_says_why_nobody_was_logged_in(
        site: Site, make: Make, answer: bytes,
        failure: type[VisitFailed], words: str) -> None:
    site.answers[LOGIN] = answer
    app = make(IloApp)
    with pytest.raises(VisitFailed) as caught:
        app.log_in()
    assert type(caught.value) is failure
    assert words in caught.value.text
    assert len(site.asked) == 1


@pytest.mark.parametrize('value', [0, '0', False])
def test_an_account_without_the_privilege_holds_no_session(
        site: Site, make: Make, value: object) -> None:
    site.answers[LOGIN] = [
        reply(200, {'session_key': KEY, 'remote_cons_priv': value}),
        reply(200, {})]
    with pytest.raises(LoginRefused, match='"Remote Console"'):
        make(IloApp).log_in()
    assert site.asked[1].json['session_key'] == KEY


def test_a_form_is_filled_in_where_the_cookie_does_not_count(
        site: Site, make: Make) -> None:
    site.answers[LOGIN] = [LOGGED_IN, reply(200, {})]
    app = make(IloApp)
    app.log_in()
    page = page_that_shows('', 'form', '', 'console')
    app.open(page)
    assert any('"root", "p#ss w\\u00f6rd"' in told for told in page.told)
    # The session that did not count is ended, then the one that does.
    app.log_out()
    assert [asked.json.get('session_key') for asked in site.asked] == [
        None, KEY, 'fedcba9876543210']


def test_a_session_of_the_form_is_known_even_if_the_console_is_not_free(
        site: Site, make: Make) -> None:
    site.answers[LOGIN] = [LOGGED_IN, reply(200, {})]
    app = make(IloApp)
    app.log_in()
    page = page_that_shows('form', '')
    real, looks = page._say, iter([-1, 2])

    def say(function: str, *arguments: object) -> object:
        if function == ilo.signs._FIND:
            return next(looks)
        return real(function, *arguments)
    page._say = say
    with pytest.raises(ConsoleInUse):
        app.open(page)
    app.log_out()
    assert site.asked[-1].json['session_key'] == 'fedcba9876543210'


def test_another_form_is_not_filled_in(site: Site, make: Make) -> None:
    site.answers[LOGIN] = LOGGED_IN
    app = make(IloApp)
    app.log_in()
    page = page_that_shows('other')
    with pytest.raises(PageChanged, match='firmware'):
        app.open(page)
    assert not any('p#ss' in told for told in page.told)


def test_a_form_that_comes_back_is_the_end_of_the_session(
        make: Make) -> None:
    app = make(IloApp)
    page = page_that_shows('console', sign=len(ilo._SIGNS))
    assert isinstance(app.find_fault(page), ConsoleLost)
    assert app.find_fault(page_that_shows('console')) is None


@pytest.mark.parametrize(('path', 'is_let_in'), [
    ('/irc.html', True), ('/irc.html?lang=en', True),
    ('/irc.html/../index.html', False), ('/html/login.html', False),
    ('/', False), ('/html/irc.html', False), ('/irc.html?x=//evil', False)])
def test_only_the_console_is_let_in(path: str, is_let_in: bool) -> None:
    assert any(re.fullmatch(document, path)
               for document in IloApp.documents) == is_let_in
