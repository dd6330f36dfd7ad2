# SPDX-License-Identifier: Apache-2.0
"""Node records: the keys that drivers write and the proxy reads."""

import dataclasses
import datetime

import pytest
from hypothesis import given

from ironic_console.common import nodes
from ironic_console.common.endpoint import Endpoint
from ironic_console.common.errors import ConfigError
from ironic_console.common.nodes import NodeRecord
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.secret import Secret
from tests.helpers.properties import (
    FEW,
    INFOS,
    TIMES,
    node_takes_anything,
    time_takes_anything,
)

UUID = '7f3c8f0e-0000-4000-8000-000000000001'
IN_TREE = {'vnc_host': '192.0.2.1', 'vnc_port': '5900',
           'novnc_secret_token': 's3cret',
           'novnc_secret_token_created': '2026-09-01T12:00:00.000000'}
OURS = {**IN_TREE, 'console_endpoint': {'host': '192.0.2.2', 'port': 5901},
        'console_endpoint_secret': {'password': 'pa55word',
                                    'username': 'operator'}}
NOON = datetime.datetime(2026, 9, 1, 12, tzinfo=datetime.UTC)


def record(info=IN_TREE, name='node-7', interface='idrac-vnc', enabled=True):
    return NodeRecord.from_info(UUID, name, interface, enabled, info)


def test_reads_what_an_in_tree_driver_wrote():
    node = record()
    assert node.uuid == UUID
    assert node.name == 'node-7'
    assert node.interface == 'idrac-vnc'
    assert node.enabled is True
    assert node.secret == Secret('s3cret')
    assert node.created == NOON
    assert node.ours is False


def test_reads_what_our_driver_wrote():
    assert record(OURS).ours is True


@pytest.mark.parametrize('info', [None, {}])
def test_a_node_that_never_had_a_console_is_a_record_too(info):
    node = record(info, name=None, interface=None, enabled=None)
    assert (node.name, node.interface, node.enabled) == ('', '', False)
    assert node.secret is None
    assert node.created is None
    assert node.ours is False


@pytest.mark.parametrize('secret', ['', None, 0, 5, True, ['s3cret'], {}])
def test_what_is_no_text_is_no_secret(secret):
    assert record({**IN_TREE, 'novnc_secret_token': secret}).secret is None


def test_shows_no_secrets():
    assert 's3cret' not in repr(record(OURS))
    assert 'pa55word' not in repr(record(OURS))


def test_consoles_of_in_tree_drivers_are_plain_rfb():
    assert record(interface='redfish-graphical').endpoint() == Endpoint(
        '192.0.2.1', 5900, 'vnc', (1,), 'redfish-graphical')


def test_our_endpoint_wins_over_the_keys_for_nova():
    assert record(OURS).endpoint() == Endpoint('192.0.2.2', 5901)


def test_an_endpoint_of_ours_says_itself_which_security_it_has():
    """Unlike those of in-tree drivers, None is not taken for granted."""
    assert record(OURS).endpoint().security_types == ()


# -- whose console it is ------------------------------------------------------

STARTED = {**OURS, 'console_told': ['192.0.2.1', '5900'],
           'console_endpoint': {'host': '192.0.2.2', 'port': 5901,
                                'kind': 'idrac-vnc'}}


def test_what_our_driver_started_last_is_ours():
    node = record(STARTED)
    assert node.ours is True
    assert node.endpoint().address == '192.0.2.2:5901'
    assert node.credential() is not None
    assert node.secret == Secret('s3cret')


@pytest.mark.parametrize('interface', ['fake-graphical', 'idrac-vnc'])
@pytest.mark.parametrize('place', [
    {'vnc_host': '192.0.2.9'}, {'vnc_port': 41234}])
def test_what_an_in_tree_driver_started_since_is_its_own(place, interface):
    """It leaves keys of ours where they are."""
    node = record({**STARTED, **place}, interface=interface)
    assert node.ours is False
    assert node.endpoint().security_types == (1,)
    assert node.endpoint().kind == interface
    assert node.endpoint().host == place.get('vnc_host', '192.0.2.1')
    assert node.credential() is None
    assert node.secret == Secret('s3cret')


def test_what_ran_before_an_in_tree_driver_was_chosen_is_nobodys():
    """Behind the keys of Nova may be a gateway, which would lead to itself;
    and the secret must not become a token."""
    node = record(STARTED, interface='fake-graphical')
    assert node.ours is False
    assert node.secret is None


@pytest.mark.parametrize('told', ['x', 5, [], {}, ['192.0.2.1'], [None, {}]])
def test_what_is_no_note_of_ours_is_none(told):
    assert record({**STARTED, 'console_told': told}).ours is False


def test_conductors_that_leave_no_note_are_believed():
    info = {key: value for key, value in STARTED.items()
            if key != 'console_told'}
    assert record(info).ours is True
    assert record(info, interface='fake-graphical').ours is False


# -- what it is authenticated with --------------------------------------------

def test_reads_the_credential():
    assert record(OURS).credential() == Credential(Secret('pa55word'),
                                                   'operator')


def test_a_password_may_come_without_a_user_name():
    info = {**OURS, 'console_endpoint_secret': {'password': 'pa55word'}}
    assert record(info).credential() == Credential(Secret('pa55word'))


@pytest.mark.parametrize('info', [
    {}, IN_TREE, {**OURS, 'console_endpoint_secret': None}])
def test_there_need_not_be_a_credential(info):
    assert record(info).credential() is None


@pytest.mark.parametrize('stored', [
    'pa55word', ['pa55word'], 5, {}, {'password': None}, {'username': 'u'},
    {'password': 5}, {'password': ['pa55word']},
    {'password': 'pa55word', 'username': None},
    {'password': 'pa55word', 'username': 5}])
def test_what_is_no_credential_is_told_without_showing_it(stored):
    broken = record({**OURS, 'console_endpoint_secret': stored})
    with pytest.raises(ConfigError, match='console_endpoint_sec') as caught:
        broken.credential()
    assert 'pa55word' not in str(caught.value)


# -- who may type -------------------------------------------------------------

def test_people_may_type_unless_the_endpoint_says_otherwise():
    assert not record().read_only
    assert not record(OURS).read_only
    assert not record({**OURS, 'console_endpoint': {
        **OURS['console_endpoint'], 'read_only': False}}).read_only


@pytest.mark.parametrize('endpoint', [
    {'read_only': True}, {'read_only': 'false'}, {'read_only': None},
    {'read_only': 0}, 'vnc', []])
def test_nobody_types_when_in_doubt(endpoint):
    assert record({**OURS, 'console_endpoint': endpoint}).read_only


@pytest.mark.parametrize('info', [
    {}, {'vnc_host': '192.0.2.1'}, {'vnc_port': 5900},
    {**IN_TREE, 'vnc_host': None}, {**IN_TREE, 'vnc_port': 'x'},
    {**OURS, 'console_endpoint': {}}, {**OURS, 'console_endpoint': 'vnc'},
    {**OURS, 'console_endpoint': []}])
def test_a_record_without_a_usable_endpoint_says_so(info):
    with pytest.raises(ConfigError):
        record(info).endpoint()


def test_an_endpoint_that_cannot_be_read_is_not_replaced_by_another():
    broken = {**OURS, 'console_endpoint': {'host': '192.0.2.2', 'port': 0}}
    with pytest.raises(ConfigError, match='port is 0'):
        record(broken).endpoint()


def test_a_session_goes_on_while_nothing_changes():
    after = record({**IN_TREE, 'other': 1})
    assert record().same_right(after)
    assert record().same_endpoint(after)


@pytest.mark.parametrize('changed', [
    {'enabled': False}, {'interface': 'ilo-kvm'}, {'secret': None},
    {'secret': Secret('new')}])
def test_a_right_ends_with_its_console(changed):
    after = dataclasses.replace(record(), **changed)
    assert not record().same_right(after)


@pytest.mark.parametrize('before', [IN_TREE, OURS])
@pytest.mark.parametrize('after', [
    {**IN_TREE, 'vnc_port': 5902},
    {**OURS, 'console_endpoint': {'host': '192.0.2.2', 'port': 5902}},
    {**OURS, 'console_endpoint': {**OURS['console_endpoint'],
                                  'read_only': True}},
    {**OURS, 'console_endpoint': {**OURS['console_endpoint'],
                                  'security_types': [262]}},
    {**IN_TREE, 'vnc_host': None}, {}])
def test_another_endpoint_is_told_from_the_end_of_a_right(before, after):
    before, after = record(before), record({
        **after, 'novnc_secret_token': 's3cret'})
    assert before.same_right(after)
    assert not before.same_endpoint(after)


def test_a_session_without_a_secret_never_goes_on():
    bare = record({})
    assert not bare.same_right(bare)


def test_keys_are_those_that_ironic_and_nova_know():
    assert {*OURS, nodes.TOLD_KEY} == set(nodes.CONSOLE_KEYS)
    # Ironic's API masks what has such a name.
    assert 'secret' in nodes.CREDENTIAL_KEY


@pytest.mark.parametrize(('moment', 'text'), [
    (NOON, '2026-09-01T12:00:00.000000'),
    (NOON.replace(microsecond=5), '2026-09-01T12:00:00.000005'),
    (NOON.astimezone(datetime.timezone(datetime.timedelta(hours=5))),
     '2026-09-01T12:00:00.000000')])
def test_writes_times_as_ironic_does(moment, text):
    assert nodes.format_time(moment) == text
    # What Ironic's own proxy reads it with.
    datetime.datetime.strptime(text, '%Y-%m-%dT%H:%M:%S.%f')


@pytest.mark.parametrize('text', [
    '2026-09-01T12:00:00.000000', '2026-09-01T12:00:00',
    '2026-09-01 12:00:00', '2026-09-01T12:00:00Z',
    '2026-09-01T14:00:00+02:00'])
def test_reads_times_with_and_without_zone(text):
    moment = nodes.parse_time(text)
    assert moment == NOON
    assert moment.tzinfo is datetime.UTC


@pytest.mark.parametrize('text', [
    None, '', 'noon', 5, 1e9, True, [], {}, '2026-13-01T00:00:00',
    '0001-01-01T00:00:00+23:59', '9999-12-31T23:59:59-23:59'])
def test_what_is_no_time_is_none(text):
    assert nodes.parse_time(text) is None


def test_a_store_has_nothing_to_close_unless_it_says_so():
    class Store(nodes.NodeStore):
        def get(self, uuid):
            return None

        def get_many(self, uuids):
            return {}

        def find(self, name):
            return None

        def consoles(self):
            return []

        def check(self):
            return None

    assert Store().close() is None


@FEW
@given(INFOS)
def test_takes_anything_that_a_driver_wrote(info):
    node_takes_anything(info)


@FEW
@given(TIMES)
def test_takes_any_time(value):
    time_takes_anything(value)


@pytest.mark.parametrize(('info', 'sharing'), [
    ({'console_endpoint': {'sharing': 'refuse'}}, 'refuse'),
    ({'console_endpoint': {'sharing': 'shared'}}, 'shared'),
    ({'console_endpoint': {}}, ''),
    ({'console_endpoint': {'sharing': 'x'}}, ''),
    ({'console_endpoint': {'sharing': ['refuse']}}, ''),
    ({'console_endpoint': 'x'}, ''),
    ({'vnc_host': '192.0.2.1', 'vnc_port': 5900}, ''),
])
def test_knows_whether_a_console_is_for_one_alone(info, sharing):
    record = NodeRecord.from_info('u', None, 'x', True, info)
    assert record.sharing == sharing


def test_tells_whose_console_is_recorded_and_what_belongs_to_it():
    info = {'other': 1, nodes.PORT_KEY: 5901,
            nodes.ENDPOINT_KEY: {'kind': 'some-vnc'}}
    assert nodes.has_console_of(info, 'some-vnc')
    assert not nodes.has_console_of(info, 'other-vnc')
    assert not nodes.has_console_of({}, 'some-vnc')
    assert nodes.console_of(info) == {
        nodes.PORT_KEY: 5901, nodes.ENDPOINT_KEY: {'kind': 'some-vnc'}}
