# SPDX-License-Identifier: Apache-2.0
"""The simulated BMC when all is well: as sushy sees it, and byte by byte."""

import pytest
import sushy
from sushy import auth, exceptions
from sushy.taskmonitor import TaskMonitor

from tests.helpers.redfish_client import (
    DELL,
    ENABLE,
    GOOD_PASSWORD,
    LEGACY,
    MANAGER,
    PASSWORD,
    PATIENCE,
    PORT,
    ROOT,
    SESSIONS,
    TIMEOUT,
    RedfishClient,
    basic,
    dell_attributes,
    session,
)
from tests.simulators.redfish_bmc import PROFILES

# -- as sushy sees it ---------------------------------------------------------

def test_sushy_finds_system_manager_and_attributes(bmcs, bmc):
    with session(bmcs, bmc) as root:
        system = root.get_system()
        manager = system.managers[0]
        assert root.product == 'Integrated Dell Remote Access Controller'
        assert system.manufacturer == 'Dell Inc.'
        assert system.power_state == sushy.PowerState.ON
        assert manager.model == '16G Monolithic'
        assert manager.graphical_console.service_enabled
        assert manager.graphical_console.max_concurrent_sessions == 6
        extension = manager.get_oem_extension('Dell')
        assert [one.identity for one in extension.attributes] == [
            'iDRAC.Embedded.1', 'System.Embedded.1',
            'LifecycleController.Embedded.1']


def test_sushy_changes_attributes(bmcs, bmc):
    with session(bmcs, bmc) as root:
        dell_attributes(root).set_attributes({ENABLE: 'Enabled',
                                              PASSWORD: GOOD_PASSWORD})
        found = dell_attributes(root).attributes
    assert found[ENABLE] == 'Enabled'
    assert found[PASSWORD] is None
    assert bmc.attributes[PASSWORD] == GOOD_PASSWORD
    assert bmc.state()['vnc']['password'] == GOOD_PASSWORD


def test_a_session_of_sushy_begins_and_ends(bmcs, bmc):
    with session(bmcs, bmc) as root:
        root.get_system()
        assert len(bmc.sessions.live()) == 1
    assert not bmc.sessions.live()
    assert bmc.sessions.logins == 1


def test_sushy_gets_in_with_basic_authentication(bmcs, bmc):
    root = sushy.Sushy(bmc.url, verify=bmcs.ca_file,
                       auth=auth.BasicAuth('root', 'calvin'))
    assert root.get_manager().firmware_version == '7.10.30.00'
    assert bmc.sessions.logins == 0


def test_sushy_is_refused_with_a_wrong_password(bmcs, bmc):
    with pytest.raises(exceptions.AccessError):
        sushy.Sushy(bmc.url, verify=bmcs.ca_file,
                    auth=auth.SessionAuth('root', 'wrong'))
    assert bmc.sessions.refused == 1


def test_what_ironic_has_to_know_opens_it(bmcs):
    bmc = bmcs.start(host='127.0.79.1', password='another')
    info = bmcs.driver_info(bmc)
    root = sushy.Sushy(info['redfish_address'],
                       verify=info['redfish_verify_ca'],
                       auth=auth.BasicAuth(info['redfish_username'],
                                           info['redfish_password']))
    assert root.get_system().model == 'PowerEdge R760'


def test_sushy_does_not_trust_its_certificate_without_the_authority(bmc):
    with pytest.raises(exceptions.ConnectionError, match='CERTIFICATE'):
        sushy.Sushy(bmc.url, auth=auth.SessionAuth('root', 'calvin'))


def test_sushy_reads_the_registry_of_attributes(bmcs, bmc):
    with session(bmcs, bmc) as root:
        registry = root.registries['ManagerAttributeRegistry.v1_0_0']
        entries = {entry.name: entry
                   for entry in registry.registry_entries.attributes}
    assert entries[PORT].lower_bound == 1024
    assert entries[PORT].upper_bound == 65535
    assert entries['VNCServer.1.ActiveSessions'].read_only
    assert entries[ENABLE].attribute_type == 'Enumeration'


def test_sushy_waits_for_a_task(bmcs):
    bmc = bmcs.start(asynchronous=True, task_polls=2)
    with session(bmcs, bmc) as root:
        manager = root.get_manager()
        response = manager._conn.patch(
            DELL, data={'Attributes': {TIMEOUT: 600}})
        assert response.status_code == 202
        assert bmc.attributes[TIMEOUT] == 300
        monitor = TaskMonitor.from_response(manager._conn, response, DELL)
        monitor.wait(PATIENCE)
        assert not monitor.is_processing
        assert monitor.get_task().task_state == sushy.TASK_STATE_COMPLETED
    assert bmc.attributes[TIMEOUT] == 600


# -- who may ask --------------------------------------------------------------

@pytest.mark.parametrize('path', ['/redfish', '/redfish/v1',
                                  '/redfish/v1/'])
def test_the_root_needs_no_login(bmcs, bmc, path):
    assert RedfishClient(bmcs, bmc, {}).get(path).status == 200


def test_the_root_tells_who_made_it(bmcs, bmc):
    root = RedfishClient(bmcs, bmc, {}).get(ROOT).json
    assert root['Vendor'] == 'Dell'
    assert root['Oem']['Dell']['ServiceTag'] == 'SIM0001'
    assert root['Links']['Sessions'] == {'@odata.id': SESSIONS}


@pytest.mark.parametrize('headers', [
    {}, basic('root', 'wrong'), basic('toor', 'calvin'),
    {'Authorization': 'Basic !'}, {'Authorization': 'Bearer x'},
    {'X-Auth-Token': 'x'}])
@pytest.mark.parametrize('path', [MANAGER, DELL, SESSIONS, '/', '/nothing'])
def test_all_else_needs_a_login(bmcs, bmc, headers, path):
    reply = RedfishClient(bmcs, bmc, headers).get(path)
    assert reply.status == 401
    assert reply.headers['WWW-Authenticate'].startswith('Basic ')
    assert reply.message_ids == ['Base.1.12.AccessDenied']


def test_a_session_is_used_until_it_is_deleted(bmcs, bmc, client):
    reply = RedfishClient(bmcs, bmc, {}).log_in()
    assert reply.status == 201
    mine = RedfishClient(bmcs, bmc, {
        'X-Auth-Token': reply.headers['X-Auth-Token']})
    place = reply.headers['Location']
    assert mine.get(place).json['UserName'] == 'root'
    assert mine.get(SESSIONS).json['Members'] == [{'@odata.id': place}]
    assert mine.ask('DELETE', place).status == 200
    assert mine.get(SESSIONS).status == 401
    assert client.ask('DELETE', place).status == 404


def test_there_are_six_sessions_at_most(bmc, client):
    places = [client.log_in().headers['Location'] for _ in range(6)]
    reply = client.log_in()
    assert reply.status == 503
    assert reply.message_ids == ['IDRAC.2.9.RAC0218']
    client.ask('DELETE', places[2])
    assert client.log_in().status == 201
    assert bmc.sessions.peak == 6


@pytest.mark.parametrize('body', [[], 'x', {'UserName': 'root'},
                                  {'UserName': 1, 'Password': None}])
def test_a_login_needs_name_and_password(bmc, client, body):
    assert client.ask('POST', SESSIONS, body).status in (400, 401)
    assert not bmc.sessions.live()


# -- attributes ---------------------------------------------------------------

@pytest.mark.parametrize(('changes', 'message', 'arguments'), [
    ({'Enabled': 'Enabled'}, 'PropertyUnknown', ['VNCServer.1.Enabled']),
    ({'enable': 'Enabled'}, 'PropertyUnknown', ['VNCServer.1.enable']),
    ({'Enable': 'enabled'}, 'PropertyValueNotInList', ['enabled', ENABLE]),
    ({'Enable': True}, 'PropertyValueTypeError', ['true', ENABLE]),
    ({'Port': '5901'}, 'PropertyValueTypeError', ['5901', PORT]),
    ({'Port': True}, 'PropertyValueTypeError', ['true', PORT]),
    ({'Port': 1023}, 'PropertyValueOutOfRange', ['1023', PORT]),
    ({'Port': 65536}, 'PropertyValueOutOfRange', ['65536', PORT]),
    ({'Timeout': 59}, 'PropertyValueOutOfRange', ['59', TIMEOUT]),
    ({'Timeout': 10801}, 'PropertyValueOutOfRange', ['10801', TIMEOUT]),
    ({'ActiveSessions': 0}, 'PropertyNotWritable',
     ['VNCServer.1.ActiveSessions']),
    ({'SSLEncryptionBitLength': 0}, 'PropertyValueTypeError',
     ['0', 'VNCServer.1.SSLEncryptionBitLength']),
    ({'Password': 'abc12!xy'}, 'PropertyValueFormatError',
     ['abc12!xy', PASSWORD]),
    ({'Password': None}, 'PropertyValueTypeError', ['null', PASSWORD]),
])
def test_refuses_what_an_attribute_does_not_take(
        bmc, client, changes, message, arguments):
    before = bmc.attributes
    reply = client.patch(**{'LowerEncryptionBitLength': 'Enabled', **changes})
    assert reply.status == 400
    assert reply.message_ids == [f'Base.1.12.{message}']
    assert reply.messages[0]['MessageArgs'] == arguments
    assert reply.messages[0]['RelatedProperties'] == [
        f'#/Attributes/VNCServer.1.{next(iter(changes))}']
    assert bmc.attributes == before


def test_names_all_that_is_wrong(client):
    reply = client.patch(Port=1, Enable='on')
    assert len(reply.messages) == 2


@pytest.mark.parametrize('content', [
    [], {}, {'Attributes': {}}, {'Attributes': []}, {ENABLE: 'Enabled'},
    {'Attributes': {ENABLE: 'Enabled'}, 'More': 1}])
def test_refuses_a_body_that_is_no_change_of_attributes(bmc, client, content):
    assert client.ask('PATCH', DELL, content).status == 400
    assert bmc.attributes[ENABLE] == 'Disabled'


def test_takes_all_of_a_good_change(bmc, client):
    reply = client.patch(Enable='Enabled', Password=GOOD_PASSWORD,
                         Timeout=10800, SSLEncryptionBitLength='Disabled')
    assert reply.status == 200
    assert [message['MessageId'] for message
            in reply.json['@Message.ExtendedInfo']] == [
                'Base.1.12.Success', 'IDRAC.2.9.SYS413']
    found = client.get(DELL).json['Attributes']
    assert found[TIMEOUT] == 10800
    assert found[PASSWORD] is None
    assert GOOD_PASSWORD not in str(client.get(LEGACY).json)


@pytest.mark.parametrize('password', ['Abc12!x', 'ABC12!XY', 'Abcde!xy',
                                      'Abc12xyz', ''])
@pytest.mark.parametrize('profile', ['idrac9', 'idrac10'])
def test_new_ones_want_strong_passwords(bmcs, profile, password):
    client = RedfishClient(bmcs, bmcs.start(profile))
    assert client.patch(Password=password).status == 400
    assert client.patch(Password=GOOD_PASSWORD).status == 200


def test_old_ones_take_weak_passwords(bmcs):
    old = bmcs.start('idrac9-old')
    client = RedfishClient(bmcs, old)
    assert client.ask('PATCH', LEGACY, {
        'Attributes': {PASSWORD: 'weak'}}).status == 200
    assert old.attributes[PASSWORD] == 'weak'


# -- generations --------------------------------------------------------------

@pytest.mark.parametrize(('profile', 'model', 'dell', 'legacy'), [
    ('idrac7', '13G Monolithic', 404, 404),
    ('idrac8', '13G Monolithic', 404, 200),
    ('idrac9-old', '14G Monolithic', 404, 200),
    ('idrac9', '16G Monolithic', 200, 200),
    ('idrac10', '17G Monolithic', 200, 404),
])
def test_each_generation_has_its_places(bmcs, profile, model, dell, legacy):
    bmc = bmcs.start(profile)
    client = RedfishClient(bmcs, bmc)
    assert client.get(DELL).status == dell
    assert client.get(LEGACY).status == legacy
    manager = client.get(MANAGER).json
    assert manager['Model'] == model
    assert manager['FirmwareVersion'] == PROFILES[profile].firmware
    assert ('Oem' in manager['Links']) == (dell == 200)
    with session(bmcs, bmc) as root:
        assert root.get_system().managers[0].model == model
    for path, status in ((DELL, dell), (LEGACY, legacy)):
        assert client.ask('PATCH', path, {
            'Attributes': {TIMEOUT: 600}}).status == status
    assert bmc.attributes[TIMEOUT] == (600 if 200 in (dell, legacy) else 300)


def test_says_so_when_there_are_no_attributes_at_all(bmcs):
    reply = RedfishClient(bmcs, bmcs.start('idrac7')).get(LEGACY)
    assert reply.message_ids == ['IDRAC.1.6.SYS403',
                                 'Base.1.2.ResourceMissingAtURI']


def test_the_legacy_place_has_the_same_attributes(client):
    client.ask('PATCH', LEGACY, {'Attributes': {TIMEOUT: 700}})
    assert client.get(DELL).json['Attributes'][TIMEOUT] == 700
    assert (client.get(LEGACY).json['Attributes']
            == client.get(DELL).json['Attributes'])


def test_without_licence_there_are_no_vnc_attributes(bmcs):
    client = RedfishClient(bmcs, bmcs.start(licensed=False))
    found = client.get(DELL).json['Attributes']
    assert not [name for name in found if name.startswith('VNCServer')]
    assert 'VirtualConsole.1.Enable' in found
    assert client.patch(Enable='Enabled').message_ids == [
        'Base.1.12.PropertyUnknown']


@pytest.mark.parametrize('path', [
    f'{ROOT}/nothing', f'{SESSIONS}/99', f'{ROOT}/TaskService/Tasks/JID_1',
    f'{MANAGER}/Oem/Dell/DellAttributes/Nothing.1'])
def test_what_is_not_there_is_not_found(client, path):
    assert client.get(path).status == 404
    assert client.ask('PATCH', path, {}).status == 404


def test_what_is_there_can_only_be_read(client):
    for method in ('POST', 'PATCH', 'PUT', 'DELETE'):
        assert client.ask(method, MANAGER, {}).status == 405


@pytest.mark.parametrize('path', [
    f'{ROOT}/Systems', f'{ROOT}/Systems/System.Embedded.1',
    f'{ROOT}/Managers', MANAGER, DELL, LEGACY, f'{ROOT}/Registries',
    f'{ROOT}/TaskService', f'{ROOT}/SessionService', SESSIONS])
def test_resources_say_where_they_are(client, path):
    assert client.get(f'{path}/').json['@odata.id'] == path
