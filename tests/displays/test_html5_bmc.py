# SPDX-License-Identifier: Apache-2.0
"""The simulated BMCs whose console is a page: byte by byte, and as a
program."""

import base64
import contextlib
import http.client
import json
import pathlib
import re
import signal
import ssl
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.helpers.certificates import Authority
from tests.helpers.html5_client import (
    BUSY,
    CONSOLE,
    DENIED,
    GOOD,
    Html5Client,
)
from tests.helpers.redfish_client import PATIENCE
from tests.simulators.html5_bmc import PROFILES, Html5Bmc, Knobs
from tests.simulators.html5_bmc.idrac import (
    GET_KVM_SESSION,
    OLD_GET_KVM_SESSION,
)
from tests.simulators.html5_bmc.supermicro import IKVM
from tools.lab.process import Program

MAIN_MENU = '/cgi/url_redirect.cgi?url_name=mainmenu'
IKVM_PAGE = '/cgi/url_redirect.cgi?url_name=man_ikvm_html5_bootstrap'


@pytest.fixture(params=['ilo5', 'ilo6'])
def ilo(request: pytest.FixtureRequest) -> Iterator[Html5Bmc]:
    with Html5Bmc(request.param) as bmc:
        yield bmc


@pytest.fixture
def supermicro() -> Iterator[Html5Bmc]:
    with Html5Bmc('supermicro') as bmc:
        yield bmc


@pytest.fixture
def idrac() -> Iterator[Html5Bmc]:
    with Html5Bmc('idrac9') as bmc:
        yield bmc


def message_of(reply: Any) -> str:
    """Of an error of Redfish."""
    [message] = reply.messages
    return str(message['Message'])


# -- HPE ----------------------------------------------------------------------

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


# -- Supermicro ---------------------------------------------------------------

def test_supermicro_lets_in_by_its_form_and_out(supermicro):
    client = Html5Client(supermicro)
    login = client.get('/').body
    for part in (b'name="name"', b'id="pwd"', b'id="login_word"'):
        assert part in login
    reply = client.supermicro_login()
    assert b'url_name=mainmenu' in reply.body
    assert reply.headers['Set-Cookie'].endswith('Path=/; Secure; HttpOnly')
    assert len(client.cookies['SID']) == 32
    assert b'TOPMENU' in client.get(MAIN_MENU).body
    assert client.get('/cgi/url_redirect.cgi?url_name=Snapshot'
                      ).body.startswith(b'\x89PNG')
    client.get('/cgi/logout.cgi')
    assert not supermicro.sessions
    assert supermicro.profile.texts.expired.encode() in client.get(
        MAIN_MENU).body


@pytest.mark.parametrize(('knobs', 'password', 'reason', 'status'), [
    ({}, 'wrong', 'wrong', 200),
    ({'session_limit': 0}, '', 'limit', 200),
    ({'login_fails_once': True}, '', 'hiccup', 500)])
def test_supermicro_refuses_with_an_alert(supermicro, knobs, password, reason,
                                          status):
    for name, value in knobs.items():
        setattr(supermicro.knobs, name, value)
    client = Html5Client(supermicro)
    reply = client.supermicro_login(password)
    assert reply.status == status
    assert getattr(supermicro.profile.texts, reason).encode() in reply.body
    assert b'login_alert' in reply.body
    assert not client.cookies


def ikvm_token(page: bytes) -> bytes:
    found = re.search(rb'id="entry_value" value="([\w-]{24})"', page)
    assert found
    return found[1]


def test_the_token_of_an_ikvm_page_is_good_once(supermicro):
    client = Html5Client(supermicro)
    client.supermicro_login()
    hello = ikvm_token(client.get(IKVM_PAGE).body) + bytes(24)
    with client.websocket('/') as socket:
        socket.send(hello)
        assert json.loads(socket.recv(PATIENCE))['title'] == 'Supermicro'
    with client.websocket('/') as socket:
        socket.send(hello)
        with pytest.raises(ConnectionClosed):
            socket.recv(PATIENCE)


def test_redfish_of_supermicro_gives_a_page_of_one_use(supermicro):
    client = Html5Client(supermicro)
    node = client.ikvm().json
    assert node['Current interface'] == 'HTML 5'
    assert re.fullmatch(r'/redfish/\w+\.IKVM', node['URI'])
    hello = ikvm_token(client.get(node['URI']).body) + bytes(24)
    assert len(supermicro.sessions) == 1
    with client.websocket('/') as socket:
        socket.send(hello)
        assert json.loads(socket.recv(PATIENCE))['title'] == 'Supermicro'
    assert client.get(node['URI']).status == 404
    client.get('/cgi/logout.cgi')
    assert not supermicro.sessions
    assert node['URI'] not in str(supermicro.log)


def test_a_ticket_is_good_for_a_while_only():
    with Html5Bmc('supermicro', Knobs(token_life=0.0)) as bmc:
        client = Html5Client(bmc)
        assert client.get(client.ikvm().json['URI']).status == 404


def test_redfish_of_supermicro_may_lack_the_page(supermicro):
    client = Html5Client(supermicro)
    supermicro.knobs.ikvm_node = 'missing'
    assert client.ikvm().status == 404
    supermicro.knobs.ikvm_node = 'unlicensed'
    assert client.ikvm().status == 403
    assert message_of(client.ikvm()) == supermicro.profile.texts.licence
    supermicro.knobs.ikvm_node = 'java'
    node = client.ikvm().json
    assert node['Current interface'] == 'JAVA plug-in'
    assert 'URI' not in node
    client.as_user('PATCH', IKVM, {'Current interface': 'HTML 5'})
    assert 'URI' in client.ikvm().json


def test_redfish_sessions_count_and_open_the_pages(supermicro):
    client = Html5Client(supermicro)
    path = '/redfish/v1/SessionService/Sessions'
    assert client.ask('POST', path, {'UserName': 'ADMIN', 'Password': 'x'}
                      ).status == 401
    reply = client.ask('POST', path, {'UserName': supermicro.username,
                                      'Password': supermicro.password})
    token = {'X-Auth-Token': reply.headers['X-Auth-Token']}
    assert client.ask('GET', IKVM, headers=token).status == 200
    assert client.ask('GET', IKVM_PAGE, headers=token).status == 200
    assert [one.kind for one in supermicro.sessions] == ['redfish']
    assert client.ask('DELETE', reply.headers['Location'], headers=token
                      ).status == 204
    assert not supermicro.sessions
    assert client.ask('GET', IKVM, headers=token).status == 401


# -- Dell ---------------------------------------------------------------------

def test_dell_gives_tickets_at_both_places(idrac):
    client = Html5Client(idrac)
    for reply in (client.kvm_session(),
                  client.kvm_session(path=OLD_GET_KVM_SESSION)):
        assert reply.status == 200
        for half in ('TempUsername', 'TempPassword'):
            assert re.fullmatch(r'\d{24}', reply.json[half])
    idrac.knobs.old_paths = True
    assert client.kvm_session().status == 404
    assert client.kvm_session(path=OLD_GET_KVM_SESSION).status == 200
    idrac.knobs.old_paths, idrac.knobs.accepted = False, True
    assert client.kvm_session().status == 202


def test_dell_refuses_tickets(idrac):
    client = Html5Client(idrac)
    assert client.kvm_session('x' * 32).status == 200
    assert client.kvm_session('x' * 33).status == 400
    idrac.knobs.no_licence = True
    assert client.kvm_session().status == 403
    assert message_of(client.kvm_session()) == idrac.profile.texts.licence
    idrac.knobs.no_licence, idrac.knobs.session_limit = False, 0
    assert client.kvm_session().status == 503
    assert client.ask('POST', GET_KVM_SESSION, {'SessionTypeName': 'Dell'}
                      ).status == 401


def test_a_console_of_dell_keeps_its_slot_until_the_goodbye(idrac):
    client = Html5Client(idrac)
    with client.idrac_console() as socket:
        assert json.loads(socket.recv(PATIENCE))['title'] == 'iDRAC9'
    idrac.wait_for(lambda: not idrac.consoles, 'a WebSocket to be closed')
    assert [one.kind for one in idrac.sessions] == ['console']
    idrac.knobs.asks_to_share = False
    with client.idrac_console() as socket:
        socket.recv(PATIENCE)
        socket.send(b'\xf7\x00\xf9')
    idrac.wait_for(lambda: not idrac.consoles, 'a WebSocket to be closed')
    assert len(idrac.sessions) == 1


@pytest.mark.parametrize('denies', [False, True])
def test_a_stale_slot_of_dell_has_to_be_asked(idrac, denies):
    client = Html5Client(idrac)
    with client.idrac_console() as socket:
        socket.recv(PATIENCE)
    idrac.knobs.denies = denies
    with client.idrac_console() as socket:
        shared = socket.recv(PATIENCE)
        assert isinstance(shared, bytes)
        assert shared[:2] == b'\xf7\xa4'
        assert len(shared) == 260
        socket.send(b'\xf7\x00\xa4')
        assert socket.recv(PATIENCE) == b'\xf7\xa6' + bytes([not denies])
    assert len(idrac.sessions) == 2 - denies


def test_who_comes_without_a_ticket_is_turned_away_as_by_dell(idrac):
    client = Html5Client(idrac)
    with (pytest.raises(InvalidStatus, match='502'),
          client.websocket('/vnc/vconsole?vck=12')):
        pass
    with (client.websocket(f'/vnc/vconsole?vck={"1" * 24}') as socket,
          pytest.raises(ConnectionClosed)):
        socket.recv(PATIENCE)


def test_files_of_dell_are_for_who_takes_gzip(idrac):
    client = Html5Client(idrac)
    page = '/restgui/vconsole/index.html'
    assert client.get(page, Accept_Encoding='identity').status == 404
    assert client.get(page, Accept_Encoding='gzip, br').status == 200


# -- all of them --------------------------------------------------------------

@pytest.mark.parametrize('profile', PROFILES)
def test_the_certificate_is_self_signed_and_the_address_is_in_it(profile):
    with Html5Bmc(profile) as bmc:
        assert Html5Client(bmc).get('/redfish/v1').status == 200


def test_another_certificate_may_be_presented():
    authority = Authority()
    with Html5Bmc(certificate=authority.issue()) as bmc:
        client = Html5Client(bmc)
        with pytest.raises(OSError, match='CERTIFICATE_VERIFY_FAILED'):
            client.get('/')


def test_secrets_are_known_and_not_in_the_log(idrac):
    client = Html5Client(idrac)
    ticket = client.kvm_session().json
    client.get('/restgui/vconsole/index.html?' + urllib.parse.urlencode(
        {'VCSID': ticket['TempUsername'], 'VCSID2': ticket['TempPassword']}),
        Accept_Encoding='gzip')
    assert idrac.secrets >= {idrac.password, *ticket.values()}
    assert len(idrac.log) == 2
    assert not [secret for secret in idrac.secrets
                if secret in str((idrac.log, idrac.sessions))]


def test_slow_pages_are_slow_and_do_not_delay_the_end():
    ended = threading.Event()
    with Html5Bmc('ilo5', Knobs(slow=3600.0)) as bmc:
        client = Html5Client(bmc)
        assert client.ilo_login().status == 200

        def look() -> None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                client.get('/irc.html')
            ended.set()
        threading.Thread(target=look, daemon=True).start()
        bmc.wait_for(lambda: bmc.log[-1].path == '/irc.html', 'a request')
        assert not ended.is_set()
    assert ended.wait(PATIENCE)


@pytest.fixture
def program(tmp_path: pathlib.Path) -> Iterator[Program]:
    with Program([sys.executable, '-m', 'tests.simulators.html5_bmc',
                  '--profile', 'supermicro', '--knob', 'ikvm_node=java'],
                 tmp_path / 'bmc.log') as started:
        yield started


def test_it_runs_as_a_program_until_it_is_interrupted(program):
    program.wait_for(lambda: '\n' in program.written(), PATIENCE,
                     'a line of JSON')
    told = json.loads(program.written())
    both = base64.b64encode(f"{told['username']}:{told['password']}".encode())
    request = urllib.request.Request(told['url'] + IKVM, headers={
        'Authorization': f'Basic {both.decode()}'})
    with urllib.request.urlopen(
            request, timeout=PATIENCE,
            context=ssl.create_default_context(cafile=told['ca_file'])
            ) as answer:
        assert json.load(answer)['Current interface'] == 'JAVA plug-in'
    program.signal(signal.SIGINT)
    assert program.wait(PATIENCE) == 0


def test_a_knob_that_is_none_is_named(tmp_path):
    with Program([sys.executable, '-m', 'tests.simulators.html5_bmc',
                  '--knob', 'speed=1'], tmp_path / 'bmc.log') as started:
        assert started.wait(PATIENCE) == 1
        assert "'speed'" in started.written()
