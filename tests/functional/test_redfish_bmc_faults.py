# SPDX-License-Identifier: Apache-2.0
"""The simulated BMC when something goes wrong over Redfish."""

import contextlib
import http.client
import time

import pytest

from tests.helpers.bmc import Bmcs
from tests.helpers.redfish_client import (
    DELL,
    ENABLE,
    MANAGER,
    PATIENCE,
    ROOT,
    TIMEOUT,
    RedfishClient,
    dell_attributes,
    session,
)
from tests.simulators.redfish_bmc.knobs import UnknownKnob
from tools.lab import ports


def test_is_slow(bmc, client):
    bmc.turn(slow=0.5)
    begin = time.monotonic()
    assert client.get(MANAGER).status == 200
    assert time.monotonic() - begin >= 0.5


def test_closes_the_connection_without_an_answer(bmc, client):
    bmc.turn(cut=1)
    with pytest.raises(http.client.RemoteDisconnected):
        client.patch(Timeout=900)
    assert bmc.attributes[TIMEOUT] == 300
    assert client.patch(Timeout=900).status == 200
    assert bmc.requests['PATCH', DELL] == 2


def test_obeys_and_loses_the_answer(bmc, client):
    bmc.turn(lose=1)
    with pytest.raises(http.client.RemoteDisconnected):
        client.patch(Timeout=900)
    assert bmc.attributes[TIMEOUT] == 900


def test_is_unavailable_for_a_while(bmc, client):
    bmc.turn(unavailable=2)
    assert client.get(MANAGER).status == 503
    reply = client.get(ROOT)
    assert reply.status == 503
    assert reply.headers['Retry-After'] == '5'
    assert client.get(MANAGER).status == 200


def test_is_not_ready_as_sushy_knows_it(bmcs, bmc, client):
    bmc.turn(not_ready=1, only='PATCH')
    assert client.patch(Timeout=900).message_ids == ['IDRAC.2.9.SYS518']
    bmc.turn(not_ready=1)
    with session(bmcs, bmc) as root:
        dell_attributes(root).set_attributes({TIMEOUT: 900})
    assert bmc.requests['PATCH', DELL] == 3
    assert bmc.attributes[TIMEOUT] == 900


def test_knobs_hit_only_what_is_meant(bmc, client):
    bmc.turn(unavailable=1, only=f'GET {MANAGER}/Oem')
    assert client.get(MANAGER).status == 200
    assert client.get(DELL).status == 503


def test_sessions_die_after_some_requests(bmcs, bmc):
    bmc.turn(expire_after=2)
    token = RedfishClient(bmcs, bmc).log_in().headers['X-Auth-Token']
    client = RedfishClient(bmcs, bmc, {'X-Auth-Token': token})
    assert [client.get(MANAGER).status for _ in range(4)] == [
        200, 200, 401, 401]
    assert not bmc.sessions.live()
    assert RedfishClient(bmcs, bmc).get(MANAGER).status == 401
    token = RedfishClient(bmcs, bmc).log_in().headers['X-Auth-Token']
    client = RedfishClient(bmcs, bmc, {'X-Auth-Token': token})
    assert client.get(MANAGER).status == 200


def test_sushy_logs_in_anew_when_its_session_died(bmcs, bmc):
    with session(bmcs, bmc) as root:
        bmc.turn(expire_after=0)
        assert root.get_manager().model == '16G Monolithic'
    assert bmc.sessions.logins == 2


@pytest.mark.parametrize('status', [302, 307, 308])
def test_redirects_to_a_host_that_sees_who_follows(bmcs, bmc, status):
    with session(bmcs, bmc) as root:
        bmc.turn(redirect=status)
        token = root._conn._session.headers['X-Auth-Token']
        root._conn.get(DELL)
        bmc.turn(redirect=0)
    assert bmc.witness.url.startswith('https://localhost:')
    assert [(one['method'], one['path']) for one in bmc.witness.requests] == [
        ('GET', DELL)]
    # What a client of sushy has to know: it does.
    assert bmc.witness.credentials() == [token]


def test_answers_without_end(bmcs, bmc):
    bmc.turn(body='huge')
    connection = http.client.HTTPSConnection(
        bmc.host, bmc.port, timeout=PATIENCE,
        context=bmcs.authority.client_context())
    with contextlib.closing(connection):
        connection.request('GET', ROOT)
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.read(12) == b'{"Id": "xxxx'
        assert len(answer.read(5 << 20)) == 5 << 20


def test_answers_byte_by_byte(bmcs, bmc, client):
    bmc.turn(body='drip', drip=0.001)
    assert client.get(MANAGER).json['Model'] == '16G Monolithic'
    bmc.turn(drip=0.2)
    with pytest.raises(TimeoutError):
        client.ask('GET', MANAGER, timeout=0.1)


def test_answers_what_is_not_json(bmcs, bmc, client):
    bmc.turn(body='garbage')
    with pytest.raises(ValueError, match='Expecting value'):
        client.get(MANAGER).json  # noqa: B018


@pytest.mark.parametrize(('why', 'message'), [
    ('default-password', 'IDRAC.2.9.SWC1908'),
    ('licence', 'IDRAC.2.9.LIC501'),
    ('privilege', 'Base.1.12.InsufficientPrivilege')])
def test_denies_changes(bmc, client, why, message):
    bmc.turn(denied=why)
    reply = client.patch(Enable='Enabled')
    assert reply.status == 403
    assert reply.message_ids == [message]
    assert bmc.attributes[ENABLE] == 'Disabled'
    assert client.get(DELL).status == 200


def test_accepts_changes_that_have_no_effect(bmc, client):
    bmc.turn(ineffective=[ENABLE])
    assert client.patch(Enable='Enabled', Timeout=900).status == 200
    found = client.get(DELL).json['Attributes']
    assert (found[ENABLE], found[TIMEOUT]) == ('Disabled', 900)


def test_a_task_ends_some_requests_later(bmc, client):
    bmc.turn(asynchronous=True, task_polls=2)
    reply = client.patch(Timeout=900)
    assert reply.status == 202
    place = reply.headers['Location']
    assert place.startswith(f'{ROOT}/TaskService/Tasks/JID_')
    running = client.get(place)
    assert (running.status, running.json['TaskState']) == (202, 'Running')
    assert bmc.attributes[TIMEOUT] == 300
    done = client.get(place)
    assert (done.status, done.json['TaskState']) == (200, 'Completed')
    assert bmc.attributes[TIMEOUT] == 900


def test_who_asks_for_the_attributes_sees_the_task_done_too(bmc, client):
    bmc.turn(asynchronous=True, task_polls=2)
    client.patch(Timeout=900)
    assert client.get(DELL).json['Attributes'][TIMEOUT] == 300
    assert client.get(DELL).json['Attributes'][TIMEOUT] == 900


def test_a_task_fails(bmc, client):
    bmc.turn(asynchronous=True, task_polls=1, task_fails=True)
    place = client.patch(Timeout=900).headers['Location']
    failed = client.get(place).json
    assert (failed['TaskState'], failed['TaskStatus']) == (
        'Exception', 'Critical')
    client.get(place)
    assert bmc.attributes[TIMEOUT] == 300


@pytest.mark.parametrize('changes', [
    {'slow': 1.0, 'slwo': 1}, {'slow': 1.0, 'cut': True},
    {'slow': 1.0, 'body': 'small'}, {'slow': 1.0, 'ineffective': ENABLE},
    {'slow': '1'}])
def test_refuses_knobs_that_there_are_not(bmc, changes):
    with pytest.raises(UnknownKnob, match=next(reversed(changes))):
        bmc.turn(**changes)
    assert bmc.knobs.slow == 0.0


def test_stops_at_once_while_it_is_slow(bmcs, tmp_path):
    with Bmcs(tmp_path / 'others') as others:
        bmc = others.start(slow=600.0)
        with pytest.raises(TimeoutError):
            RedfishClient(others, bmc).ask('GET', MANAGER, timeout=0.2)
        begin = time.monotonic()
    assert time.monotonic() - begin < PATIENCE
    assert not ports.answers(bmc.host, bmc.port)
