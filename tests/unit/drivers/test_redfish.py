# SPDX-License-Identifier: Apache-2.0
"""What a BMC may answer, and what becomes of it for who wants a console."""

import gc
import itertools
import json
import logging
import pathlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ironic.common import exception

from ironic_console.common import nodes
from ironic_console.drivers import idrac_server
from ironic_console.drivers.idrac_vnc import Settings
from tests.helpers.bmc import Bmcs
from tests.helpers.idrac import (
    ENABLE,
    MANAGER,
    PASSWORD,
    SSL,
    SYSTEM,
    TIMEOUT,
    Rack,
    opens,
)
from tests.simulators.redfish_bmc.envelopes import Answer
from tests.simulators.redfish_bmc.service import Request
from tools.lab import ports

PROFILES = ('idrac8', 'idrac9-old', 'idrac9', 'idrac10')
MakeRack = Callable[..., Rack]


# -- requests -----------------------------------------------------------------

@pytest.mark.parametrize(('profile', 'auth', 'system'), [
    ('idrac8', 'basic', ''), ('idrac8', 'session', SYSTEM),
    ('idrac9', 'session', ''), ('idrac9', 'auto', SYSTEM),
    ('idrac9', 'basic', SYSTEM)])
def test_few_requests_are_needed(
        make: MakeRack, profile: str, auth: str, system: str) -> None:
    rack = make(profile)
    rack.node.driver_info['redfish_auth_type'] = auth
    if system:
        rack.node.driver_info['redfish_system_id'] = system
    rack.start()
    assert rack.requests() <= 10
    started = rack.requests()
    rack.stop()
    assert rack.requests() - started <= 8
    assert rack.bmc.sessions.live() == []
    assert rack.bmc.sessions.logins == (0 if auth == 'basic' else 2)


def test_repair_takes_no_more_requests_than_are_allowed(
        running: Rack) -> None:
    asked = running.requests()
    running.bmc.set_attributes({PASSWORD: 'Oth3r#Pw'})
    running.start()
    assert running.requests() - asked <= 16


def test_nobody_asks_after_the_end(running: Rack) -> None:
    """sushy would, whenever its objects are collected."""
    asked = running.requests()
    gc.collect()
    assert running.requests() == asked
    assert running.bmc.sessions.live() == []


# -- faults -------------------------------------------------------------------

FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    'default password': ({'denied': 'default-password'},
                         'default password; change that on the BMC'),
    'licence': ({'denied': 'licence'}, 'install an Enterprise'),
    'privilege': ({'denied': 'privilege'}, 'the right to configure'),
    'no VNC in the licence': ({'licensed': False}, 'install an Enterprise'),
    'garbage': ({'body': 'garbage'}, 'not Redfish'),
    'huge': ({'body': 'huge'}, 'more than 4194304 bytes'),
    'ineffective': ({'ineffective': [TIMEOUT, SSL]},
                    'to change VNCServer.1.Timeout, '
                    'VNCServer.1.SSLEncryptionBitLength and did not'),
    'job fails': ({'asynchronous': True, 'task_fails': True}, 'job queue'),
    '302': ({'redirect': 302}, 'sends us elsewhere'),
    '307': ({'redirect': 307}, 'sends us elsewhere'),
    '308': ({'redirect': 308}, 'sends us elsewhere'),
    'redirected PATCH': ({'redirect': 308, 'only': 'PATCH'},
                         'sends us elsewhere'),
    'redirected, Basic': ({'redirect': 307, 'basic': True},
                          'sends us elsewhere'),
    'redirected login': ({'redirect': 307, 'only': 'POST'},
                         'sends us elsewhere'),
}


@pytest.mark.parametrize(('knobs', 'words'), FAULTS.values(), ids=FAULTS)
def test_what_goes_wrong_is_told_in_a_sentence(
        rack: Rack, conf: Any, knobs: dict[str, Any], words: str) -> None:
    conf.config(group='ironic_console', bmc_timeout=6)
    if 'basic' in knobs:
        rack.node.driver_info['redfish_auth_type'] = 'basic'
    rack.bmc.turn(**{key: value for key, value in knobs.items()
                     if key != 'basic'})
    assert words in rack.refusal(within=12)
    assert rack.bmc.witness.requests == []
    assert rack.bmc.sessions.live() == []


SLOW: dict[str, dict[str, Any]] = {
    'slow': {'slow': 600.0},
    'drip': {'body': 'drip', 'drip': 0.3},
    'job never ends': {'asynchronous': True, 'task_polls': 10_000},
    'unavailable': {'unavailable': 10_000},
    'unavailable to change': {'unavailable': 10_000, 'only': 'PATCH'},
    'not ready': {'not_ready': 10_000},
    'not ready to change': {'not_ready': 10_000, 'only': 'PATCH'},
    'cut': {'cut': 10_000},
    'changes are lost': {'lose': 10_000, 'only': 'PATCH'},
}


@pytest.mark.parametrize('knobs', SLOW.values(), ids=SLOW)
def test_start_and_stop_end_in_time(
        running: Rack, conf: Any, knobs: dict[str, Any]) -> None:
    conf.config(group='ironic_console', bmc_timeout=1)
    running.bmc.set_attributes({ENABLE: 'Disabled'})
    running.bmc.turn(**knobs)
    # Somebody enables it, who wants to know.
    running.node.console_enabled = False
    running.refusal(within=9)
    began = time.monotonic()
    running.stop()
    assert time.monotonic() - began < 9
    running.sentence(running.node.last_error or '')


@pytest.mark.parametrize('knobs', [
    {'slow': 0.3}, {'unavailable': 1}, {'not_ready': 1, 'only': 'PATCH'},
    {'cut': 1}, {'lose': 1, 'only': 'PATCH'},
    {'asynchronous': True, 'task_polls': 2}, {'expire_after': 1},
    {'expire_after': 3}, {'expire_after': 5}])
def test_what_passes_is_waited_for(
        make: MakeRack, knobs: dict[str, Any]) -> None:
    rack = make(**knobs)
    rack.start()
    assert opens(rack)
    assert len(rack.bmc.sessions.live()) == 0


def test_wrong_password_is_told(rack: Rack) -> None:
    rack.node.driver_info['redfish_password'] = 'wr0ng-password'
    text = rack.refusal()
    assert 'does not accept driver_info/redfish_username' in text
    assert 'wr0ng' not in text


def test_refused_connection_is_told(rack: Rack, conf: Any) -> None:
    conf.config(group='ironic_console', bmc_timeout=2)
    port = ports.free_port()
    rack.node.driver_info['redfish_address'] = f'https://127.0.0.1:{port}'
    assert 'refused' in rack.refusal(within=10)


def test_name_that_nobody_knows_is_told(rack: Rack, conf: Any) -> None:
    conf.config(group='ironic_console', bmc_timeout=2)
    rack.node.driver_info['redfish_address'] = 'https://no.bmc.invalid'
    assert 'name is not known' in rack.refusal(within=15)


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(('127.0.0.1', 0), backlog=50) as server:
        yield server.getsockname()[1]


def test_black_hole_is_told(
        rack: Rack, conf: Any, black_hole: int) -> None:
    conf.config(group='ironic_console', bmc_timeout=1)
    rack.node.driver_info['redfish_address'] = (
        f'https://127.0.0.1:{black_hole}')
    assert 'bmc_timeout of 1 s' in rack.refusal(within=9)


def test_certificate_that_nobody_trusts_is_told(rack: Rack) -> None:
    del rack.node.driver_info['redfish_verify_ca']
    assert 'redfish_verify_ca to a file' in rack.refusal()
    assert rack.requests() == 0


def test_certificate_of_another_host_is_told(rack: Rack) -> None:
    rack.node.driver_info['redfish_address'] = rack.bmc.url.replace(
        '127.0.0.1', '127.0.0.2')
    rack.bmc.set_attributes({})
    text = rack.refusal()
    assert 'cannot be reached' in text or 'not trusted' in text


def test_certificate_is_not_looked_at_if_nobody_wants_that(
        rack: Rack) -> None:
    rack.node.driver_info['redfish_verify_ca'] = False
    rack.start()
    assert opens(rack)


def test_old_idrac_without_attributes_is_told(make: MakeRack) -> None:
    text = make('idrac7').refusal()
    assert 'generic-vnc' in text
    assert '2.40.40.40' in text


def test_attribute_that_is_rejected_is_told(
        rack: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idrac_server, '_STRONG', '512-Bit')
    text = rack.refusal()
    assert 'PropertyValueNotInList' in text
    assert SSL in text


def test_login_that_is_full_is_gone_around(rack: Rack) -> None:
    while rack.bmc.sessions.begin():
        pass
    rack.start()
    assert opens(rack)


def test_refusal_costs_no_session(rack: Rack) -> None:
    """sushy would log in once more for each."""
    rack.bmc.turn(denied='privilege')
    for _ in range(8):
        rack.refusal()
    assert rack.bmc.sessions.live() == []
    assert rack.bmc.sessions.logins == 8


def test_time_is_kept_for_logging_out(rack: Rack, conf: Any) -> None:
    conf.config(group='ironic_console', bmc_timeout=3)
    rack.bmc.turn(slow=60.0, only='PATCH')
    rack.refusal()
    assert rack.bmc.sessions.logins == 1
    assert rack.bmc.sessions.live() == []


# -- BMCs that lie ------------------------------------------------------------

SHAPES: list[Any] = [
    [], {}, 'text', 7, None, [[]], {'Id': []}, {'Id': 'x', 'Links': []},
    {'Id': 'x', 'Members': 'none'}, {'Id': 'x', 'Members': [7]},
    {'Id': 'x', 'Members': [{'@odata.id': 7}]}, {'Id': 'x', 'Managers': []},
    {'Id': 'x', 'Attributes': []}, {'Id': 'x', 'Attributes': [['a', 'b']]},
    {'Id': 'x', 'Attributes': 'Enabled'}, {'Id': 'x', 'Attributes': None},
    {'Id': 'x', 'Attributes': {ENABLE: []}},
    {'Id': 'x', 'Links': {'Oem': {'Dell': {'DellAttributes': 'x'}}}},
    {'Id': 'x', 'Links': {'Oem': {'Dell': {'DellAttributes': [
        {'@odata.id': {}}]}}}},
    {'error': 'no'}, {'error': {'@Message.ExtendedInfo': 'no'}},
    {'error': {'@Message.ExtendedInfo': [7, {'MessageId': 8},
                                         {'MessageId': ['x']},
                                         {'MessageId': 'x y<script>'}]}},
    b'', b'\xff\xfe', b'{"Id": ', b'[' * 200_000, b'{"a":' * 100_000,
    b'9' * 10_000, b'"\\ud800"',
]
PLACES = {'root': 'GET /redfish/v1$', 'login': 'POST ',
          'managers': 'GET /redfish/v1/Managers$',
          'manager': f'GET {MANAGER}$',
          'attributes': f'GET {MANAGER}/Oem/Dell',
          'change': f'PATCH {MANAGER}/Oem/Dell'}


@pytest.mark.parametrize('place', PLACES)
def test_no_answer_is_more_than_a_sentence(
        make: MakeRack, conf: Any, monkeypatch: pytest.MonkeyPatch,
        place: str) -> None:
    monkeypatch.setattr(idrac_server, '_READS', 1)
    conf.config(group='ironic_console', bmc_timeout=3, vnc_ready_timeout=1)
    rack = make(ineffective=[TIMEOUT])
    body, status = b'', 200

    def change(request: Request, answer: Answer) -> Answer:
        if PLACES[place] not in f'{request.method} {request.path}$':
            return answer
        return Answer(status, body, {'X-Auth-Token': 'x'}
                      if place == 'login' else {})
    rack.tamper(change)
    errors = itertools.cycle((400, 401, 403, 404, 409))
    # Of what is never looked into a few will do.
    some = SHAPES[::7] if place in ('login', 'change') else SHAPES
    for shape in some:
        body = shape if isinstance(shape, bytes) else json.dumps(
            shape).encode()
        for status in (200, next(errors)):  # noqa: B007
            rack.refusal()


@pytest.mark.parametrize(('part', 'content'), [
    ('GET /redfish/v1/Managers$', {'Name': 'x', 'Members': [
        {'@odata.id': '{witness}/redfish/v1/Managers/1'}]}),
    ('GET /redfish/v1$', {'Id': 'x', 'Managers': {
        '@odata.id': '{witness}/redfish/v1/Managers'}, 'Links': {
            'Sessions': {'@odata.id': '/redfish/v1/SessionService/Sessions'},
        }}),
    ('GET /redfish/v1$', {'Id': 'x', 'Links': {'Sessions': {
        '@odata.id': '{witness}/redfish/v1/SessionService/Sessions'}}}),
    (f'GET {MANAGER}$', {'Id': 'x', 'Links': {'Oem': {'Dell': {
        'DellAttributes': [{'@odata.id': '{witness}/iDRAC.Embedded.1'}]}}}}),
    ('GET /redfish/v1/Managers$', {'Name': 'x', 'Members': [
        {'@odata.id': '//localhost:1/x'}]}),
    ('GET /redfish/v1/Managers$', {'Name': 'x', 'Members': [
        {'@odata.id': 'file://localhost/etc/passwd'}]}),
    ('GET /redfish/v1/Managers$', {'Name': 'x', 'Members': [
        {'@odata.id': 'https://[::1/x'}]}),
])
def test_links_to_other_hosts_are_not_followed(
        rack: Rack, part: str, content: Any) -> None:
    rack.answer_with(part, json.dumps(content).replace(
        '{witness}', rack.bmc.witness.url).encode())
    rack.refusal()
    assert rack.bmc.witness.requests == []


def test_session_and_task_elsewhere_are_asked_for_here(rack: Rack) -> None:
    rack.bmc.turn(asynchronous=True, task_polls=1)
    elsewhere = rack.bmc.witness.url

    def change(request: Request, answer: Answer) -> Answer:
        location = answer.headers.get('Location')
        if not location:
            return answer
        return Answer(answer.status, answer.body, {
            **answer.headers, 'Location': elsewhere + location})
    rack.tamper(change)
    rack.start()
    assert opens(rack)
    assert rack.bmc.witness.requests == []
    assert rack.bmc.sessions.live() == []


def test_token_that_is_none_is_not_sent(rack: Rack) -> None:
    rack.node.driver_info['redfish_auth_type'] = 'session'
    rack.answer_with('POST ', {}, 201, X_Auth_Token='t\u00e9k\x01n',
                     Location='/redfish/v1/SessionService/Sessions/1')
    rack.refusal()


@pytest.mark.parametrize('managers', [0, 2])
def test_managers_that_cannot_be_told_apart(
        rack: Rack, managers: int) -> None:
    rack.answer_with('GET /redfish/v1/Managers$', {
        'Name': 'x', 'Members': [{'@odata.id': f'{MANAGER}'}] * managers})
    assert 'redfish_system_id' in rack.refusal()
    rack.node.driver_info['redfish_system_id'] = (
        '/redfish/v1/Systems/System.Embedded.1')
    rack.start()
    assert opens(rack)


def test_system_that_is_not_there_is_told(rack: Rack) -> None:
    rack.node.driver_info['redfish_system_id'] = '/redfish/v1/Systems/9'
    assert 'correct driver_info/redfish_system_id' in rack.refusal()


# -- surroundings ------------------------------------------------------------

def test_accounts_in_netrc_are_for_others(
        rack: Rack, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch,
        ) -> None:
    netrc = tmp_path / 'netrc'
    netrc.write_text('default login somebody password els3where\n')
    netrc.chmod(0o600)
    monkeypatch.setenv('NETRC', str(netrc))
    rack.node.driver_info['redfish_auth_type'] = 'session'
    seen = []

    def look(request: Request, answer: Answer) -> Answer:
        seen.append(request.headers.get('authorization'))
        return answer
    rack.tamper(look)
    rack.start()
    assert set(seen) == {None}


def test_proxy_of_the_environment_is_used(
        rack: Rack, conf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A BMC may well be behind one."""
    conf.config(group='ironic_console', bmc_timeout=1)
    monkeypatch.setenv('HTTPS_PROXY',
                       f'http://127.0.0.1:{ports.free_port()}')
    monkeypatch.delenv('NO_PROXY', raising=False)
    monkeypatch.delenv('no_proxy', raising=False)
    assert 'cannot be reached' in rack.refusal(within=10)
    assert rack.requests() == 0
    monkeypatch.setenv('NO_PROXY', '127.0.0.1')
    conf.config(group='ironic_console', bmc_timeout=20)
    rack.start()
    assert opens(rack)


def test_bmc_may_have_an_ipv6_address(bmcs: Bmcs, quick: None, conf: Any,
                                      ) -> None:
    conf.config(group='ironic_console', endpoint_networks=['::1/128'])
    rack = Rack(bmcs, host='::1')
    rack.start()
    assert rack.info[nodes.HOST_KEY] == '::1'
    rack.stop()
    assert rack.bmc.attributes[ENABLE] == 'Disabled'


def test_service_root_may_be_written_out(rack: Rack) -> None:
    rack.node.driver_info['redfish_address'] += '/redfish/v1'
    rack.start()
    assert opens(rack)


# -- secrets ------------------------------------------------------------------

# Not the second one with basic: requests says such passwords in Latin-1.
@pytest.mark.parametrize(('auth', 'password'), [
    ('basic', 'calvin'), ('session', 'calvin'), ('auto', 'calvin'),
    ('session', 'p\u00e4ss"w\\rd'), ('auto', 'p\u00e4ss"w\\rd')])
def test_no_secret_is_in_any_log_or_error(
        bmcs: Bmcs, make: MakeRack, monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture, auth: str, password: str) -> None:
    caplog.set_level(logging.DEBUG)
    rack = make()
    if password != 'calvin':
        rack.bmc.sessions._password = password
        rack.node.driver_info['redfish_password'] = password
    rack.node.driver_info['redfish_auth_type'] = auth
    secrets = {password, password.encode().decode('latin-1')}

    def quote(request: Request, answer: Answer) -> Answer:
        """A BMC that tells everybody everything."""
        valid = [request.headers.get('x-auth-token', ''),
                 request.headers.get('authorization', '').partition(' ')[2],
                 password]
        stored = rack.info.get(nodes.CREDENTIAL_KEY)
        if stored:
            valid.append(stored['password'])
        if request.method == 'PATCH':
            valid.append(json.loads(request.body)['Attributes'].get(
                PASSWORD, ''))
        valid = [one for one in valid if one]
        secrets.update(valid)
        if answer.status < 400:
            return answer
        error = json.loads(answer.body)
        said = [str(dict(request.headers)), request.body.decode(),
                *valid]
        error['error']['message'] = ' '.join(said)
        error['error']['@Message.ExtendedInfo'] += [
            {'MessageId': one, 'Message': one, 'Severity': 'Critical',
             'MessageArgs': said} for one in said]
        return Answer(answer.status, json.dumps(error).encode(),
                      answer.headers)
    rack.tamper(quote)
    rack.start()
    rack.start()
    texts = [repr(rack.console), repr(Settings.from_node(rack.node))]
    for knobs in ({'denied': 'privilege'}, {'unavailable': 9},
                  {'expire_after': 3}, {'body': 'garbage'}, {'lose': 1}):
        rack.bmc.set_attributes({ENABLE: 'Disabled'})
        rack.bmc.turn(**{'denied': '', 'unavailable': 0, 'body': '',
                         **knobs})
        try:
            rack.start()
        except exception.ConsoleError as exc:
            error: BaseException | None = exc
            while error:
                texts += [str(error), repr(error)]
                error = error.__cause__ or error.__context__
    monkeypatch.setattr(idrac_server, '_CLASSES', ('ab', 'cd'))
    rack.bmc.turn(body='', denied='', unavailable=0)
    rack.bmc.set_attributes({ENABLE: 'Disabled'})
    texts.append(rack.refusal())
    rack.stop()
    texts.append(caplog.text)
    texts += [str(record.args) for record in caplog.records]
    assert len(secrets) >= 4
    for secret, text in itertools.product(secrets, texts):
        assert secret not in text, (secret, text[
            max(0, text.find(secret) - 300):][:600])
