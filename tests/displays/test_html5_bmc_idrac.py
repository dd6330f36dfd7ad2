# SPDX-License-Identifier: Apache-2.0
"""The simulated iDRAC whose console is a page, byte by byte."""

import json
import re

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.helpers.html5_client import Html5Client, message_of
from tests.helpers.redfish_client import PATIENCE
from tests.simulators.html5_bmc.idrac import (
    GET_KVM_SESSION,
    OLD_GET_KVM_SESSION,
)


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
