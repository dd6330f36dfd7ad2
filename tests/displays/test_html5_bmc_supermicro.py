# SPDX-License-Identifier: Apache-2.0
"""The simulated Supermicro BMC whose console is a page, byte by byte."""

import json
import re

import pytest
from websockets.exceptions import ConnectionClosed

from tests.helpers.html5_client import Html5Client, message_of
from tests.helpers.redfish_client import PATIENCE
from tests.simulators.html5_bmc import Html5Bmc, Knobs
from tests.simulators.html5_bmc.supermicro import IKVM

MAIN_MENU = '/cgi/url_redirect.cgi?url_name=mainmenu'
IKVM_PAGE = '/cgi/url_redirect.cgi?url_name=man_ikvm_html5_bootstrap'


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
