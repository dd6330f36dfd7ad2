# SPDX-License-Identifier: Apache-2.0
"""The simulated iLOs whose console is a page, byte by byte."""

import json
import re

import pytest
from websockets.exceptions import InvalidStatus

from tests.helpers.html5_client import BUSY, CONSOLE, DENIED, GOOD, Html5Client
from tests.helpers.redfish_client import PATIENCE
from tests.simulators.html5_bmc import Html5Bmc, Knobs


@pytest.mark.parametrize(('profile', 'key', 'kind'), [
    ('ilo4', 'Hp', 'iLO 4'), ('ilo5', 'Hpe', 'iLO 5'),
    ('ilo6', 'Hpe', 'iLO 6'), ('ilo7', 'Hpe', 'iLO 7')])
def test_an_ilo_says_its_generation_to_everybody(profile, key, kind):
    with Html5Bmc(profile) as bmc:
        root = Html5Client(bmc).get('/redfish/v1/').json
    assert list(root['Oem']) == [key]
    assert root['Oem'][key]['Manager'][0]['ManagerType'] == kind


def test_an_ilo_gives_a_session_and_takes_it_back(ilo):
    client = Html5Client(ilo)
    reply = client.ilo_login()
    key = reply.json['session_key']
    assert re.fullmatch('[0-9a-f]{32}', key)
    assert client.cookies['sessionKey'] == key
    assert 'HttpOnly' not in reply.headers['Set-Cookie']
    assert client.get('/json/session_info').json['remote_cons_priv'] == 1
    assert len(ilo.sessions) == 1
    client.ask('POST', '/json/login_session',
               {'method': 'logout', 'session_key': key})
    assert not ilo.sessions
    assert client.get('/json/session_info').status == 403


def test_an_ilo_refuses_a_wrong_password_and_locks_after_three(ilo):
    client = Html5Client(ilo)
    for _ in range(3):
        reply = client.ilo_login('wrong')
        assert reply.status == 403
        assert reply.json['details'] == ilo.profile.texts.wrong
    locked = client.ilo_login()
    assert locked.status == 403
    assert locked.json['details'] == ilo.profile.texts.locked
    assert not ilo.sessions


def test_a_good_login_between_bad_ones_is_forgiven(ilo):
    client = Html5Client(ilo)
    for password in ('wrong', 'wrong', '', 'wrong'):
        client.ilo_login(password)
    assert client.ilo_login().status == 200


def test_the_lock_of_an_ilo_opens_again():
    with Html5Bmc('ilo5', Knobs(lockout=0.0)) as bmc:
        client = Html5Client(bmc)
        for _ in range(3):
            client.ilo_login('wrong')
        assert client.ilo_login().status == 200


def test_an_ilo_has_few_sessions(ilo):
    client = Html5Client(ilo)
    for _ in range(ilo.profile.sessions):
        assert client.ilo_login().status == 200
    full = client.ilo_login()
    assert full.status == 403
    assert full.json['details'] == ilo.profile.texts.limit
    assert ilo.sessions_peak == ilo.profile.sessions


def test_a_login_that_fails_once_succeeds_then(ilo):
    ilo.knobs.login_fails_once = True
    client = Html5Client(ilo)
    assert client.ilo_login().status == 503
    assert client.ilo_login().status == 200


def test_pages_of_an_ilo_need_its_cookie():
    with Html5Bmc('ilo5') as bmc:
        client = Html5Client(bmc)
        assert client.get('/html/admin.html').status == 302
        assert b'data-session=""' in client.get('/irc.html').body
        client.ilo_login()
        assert client.get('/html/admin.html').status == 200
        assert b'data-session="1"' in client.get('/irc.html').body


def test_an_ilo_6_shows_its_form_also_to_who_has_the_cookie():
    with Html5Bmc('ilo6') as bmc:
        client = Html5Client(bmc)
        client.ilo_login()
        assert b'data-session=""' in client.get('/irc.html').body


def test_the_console_of_an_ilo_needs_a_session(ilo):
    client = Html5Client(ilo)
    with pytest.raises(InvalidStatus), client.websocket('/wss/ircport'):
        pass
    client.cookies['sessionKey'] = 'f' * 32
    with client.ilo_console() as (_, verdict):
        assert verdict == DENIED


def test_the_greeting_of_an_ilo_must_have_the_session_of_the_cookie(ilo):
    client = Html5Client(ilo)
    client.ilo_login()
    with client.websocket('/wss/ircport') as socket:
        socket.recv(PATIENCE)
        socket.send(CONSOLE + b'f' * 32)
        assert socket.recv(PATIENCE) == DENIED


def test_the_console_of_an_ilo_draws_and_listens(ilo):
    client = Html5Client(ilo)
    client.ilo_login()
    ilo.paint(0x123456)
    with client.ilo_console() as (socket, verdict):
        assert verdict == GOOD
        picture = json.loads(socket.recv(PATIENCE))
        assert picture['colour'] == '#123456'
        assert ilo.consoles == 1
        for down in (True, True, False):
            socket.send(json.dumps({'down': down, 'code': 'KeyQ', 'key': 'q',
                                    'repeat': False}))
        socket.send(json.dumps({'down': True, 'code': 'KeyQ', 'key': 'q',
                                'repeat': True}))
        socket.send(json.dumps({'x': 3, 'y': 4}))
        ilo.wait_for(lambda: ilo.clicks, 'a click')
    assert ilo.keys == [(True, 'KeyQ'), (True, 'KeyQ'), (False, 'KeyQ')]
    assert ilo.typed == 'qq'
    assert ilo.clicks == [(3, 4)]
    ilo.wait_for(lambda: not ilo.consoles, 'the console to be closed')


def test_logging_out_closes_the_console_of_an_ilo(ilo):
    client = Html5Client(ilo)
    key = client.ilo_login().json['session_key']
    with client.ilo_console() as (socket, _):
        client.ask('POST', '/json/login_session',
                   {'method': 'logout', 'session_key': key})
        # Pictures until then; this ends with its close.
        for _ in socket:
            pass
    assert not ilo.sessions


@pytest.mark.parametrize(('denies', 'verdict'), [(False, GOOD),
                                                 (True, DENIED)])
def test_a_busy_console_of_an_ilo_is_given_up_or_not(ilo, denies, verdict):
    ilo.knobs.in_use, ilo.knobs.denies = True, denies
    client = Html5Client(ilo)
    client.ilo_login()
    with client.ilo_console() as (socket, first):
        assert first == BUSY
        socket.send(b'\x55\x00')
        assert socket.recv(PATIENCE) == verdict
    assert ilo.knobs.in_use is denies


def test_kicking_ends_sessions_and_consoles(ilo):
    client = Html5Client(ilo)
    client.ilo_login()
    with client.ilo_console() as (socket, _):
        socket.recv(PATIENCE)
        ilo.kick()
        assert not ilo.sessions
        assert not ilo.consoles


def test_waiting_for_what_never_comes_says_what_came(ilo):
    client = Html5Client(ilo)
    client.get('/irc.html')
    with pytest.raises(AssertionError, match=r'a miracle.*irc\.html'):
        ilo.wait_for(lambda: False, 'a miracle', 0.0)
