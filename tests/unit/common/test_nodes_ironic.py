# SPDX-License-Identifier: Apache-2.0
"""The store of nodes, over a database that Ironic's own program made."""

import pathlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.store_process import StoreProcess

NODE = '1be26c0b-03f2-4d2e-ae87-c02d7f33c123'
OFF = '2be26c0b-03f2-4d2e-ae87-c02d7f33c123'
BARE = '3be26c0b-03f2-4d2e-ae87-c02d7f33c123'
MISSING = '9be26c0b-03f2-4d2e-ae87-c02d7f33c123'
SECRET = 'do-not-show'
INFO = {'novnc_secret_token': SECRET,
        'novnc_secret_token_created': '2026-09-01T12:00:00.000000',
        'console_endpoint': {'host': '192.0.2.1', 'port': 5900},
        'vnc_host': '192.0.2.1', 'vnc_port': 5900}


@pytest.fixture(scope='module')
def process() -> Iterator[StoreProcess]:
    with StoreProcess() as process:
        yield process


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp('ironic')


def configure(folder: pathlib.Path, url: str, name: str = 'ironic',
              more: str = '', transport: str = 'none') -> str:
    """:returns: path of a configuration file."""
    path = folder / f'{name}.conf'
    path.write_text(f'[DEFAULT]\nrpc_transport = {transport}\n'
                    f'[database]\nconnection = {url}\n{more}')
    return str(path)


@pytest.fixture(scope='module')
def config(process: StoreProcess, folder: pathlib.Path) -> str:
    """An Ironic with three nodes. Beside the schema the process starts."""
    config = configure(folder, f'sqlite:///{folder}/ironic.sqlite')
    dbsync = pathlib.Path(sys.executable).parent / 'ironic-dbsync'
    subprocess.run([dbsync, '--config-file', config, 'create_schema'],
                   check=True, capture_output=True, timeout=60)
    answers = process.ask(
        config,
        ['create', {'uuid': NODE, 'name': 'rack1-node1',
                    'driver': 'fake-hardware', 'console_enabled': True,
                    'console_interface': 'idrac-vnc',
                    'driver_internal_info': INFO}],
        ['create', {'uuid': OFF, 'driver': 'fake-hardware',
                    'console_enabled': False,
                    'console_interface': 'idrac-vnc',
                    'driver_internal_info': INFO}],
        ['create', {'uuid': BARE, 'driver': 'fake-hardware',
                    'console_enabled': True}])
    assert not any('error' in answer for answer in answers), answers
    return config


def ask(process: StoreProcess, config: str, *questions: list[Any],
        ) -> list[Any]:
    """:returns: values; what fails fails the test."""
    answers = process.ask(config, *questions)
    assert all('value' in answer for answer in answers), answers
    return [answer['value'] for answer in answers]


def test_gets_a_node(process: StoreProcess, config: str) -> None:
    [node] = ask(process, config, ['get', NODE])
    assert SECRET not in node.pop('repr')
    assert node == {
        'uuid': NODE, 'name': 'rack1-node1', 'interface': 'idrac-vnc',
        'enabled': True, 'secret': SECRET, 'ours': True,
        'created': '2026-09-01T12:00:00+00:00'}


def test_gets_a_node_that_never_had_a_console(process: StoreProcess,
                                              config: str) -> None:
    [node] = ask(process, config, ['get', BARE])
    assert node['name'] == ''
    assert node['interface'] == ''
    assert node['secret'] is None
    assert node['created'] is None
    assert not node['ours']


def test_says_whether_the_console_is_enabled(process: StoreProcess,
                                             config: str) -> None:
    [node] = ask(process, config, ['get', OFF])
    assert node['enabled'] is False
    assert node['secret'] == SECRET


def test_knows_no_other_node(process: StoreProcess, config: str) -> None:
    others = [MISSING, 'rack1-node1', '', 'x' * 100_000, "' OR 1=1 --",
              'a\0b', '%', '\ud800', NODE[:-1], '1']
    assert ask(process, config, *(['get', one] for one in others)) == (
        [None] * len(others))


def test_finds_a_node_by_its_name(process: StoreProcess, config: str,
                                  ) -> None:
    [by_name, by_uuid] = ask(process, config, ['find', 'rack1-node1'],
                             ['get', NODE])
    assert by_name == by_uuid
    others = [NODE, 'rack1', 'RACK9', '', '%', "' OR 1=1 --", 'a\0b',
              '\ud800', 'x' * 1000]
    assert ask(process, config, *(['find', one] for one in others)) == (
        [None] * len(others))


def test_lists_consoles_that_are_enabled_or_being_enabled(
        process: StoreProcess, config: str, folder: pathlib.Path) -> None:
    def consoles() -> set[str]:
        [found] = ask(process, config, ['consoles'])
        return {node['uuid'] for node in found}

    def lock(*nodes: str) -> None:
        with sqlite3.connect(folder / 'ironic.sqlite') as database:
            database.execute('UPDATE nodes SET reservation = NULL')
            database.executemany('UPDATE nodes SET reservation = "here" '
                                 'WHERE uuid = ?', [(one,) for one in nodes])

    assert consoles() == {NODE, BARE}
    # Its record is written; the conductor is about to say that it is enabled.
    lock(OFF, NODE)
    assert consoles() == {NODE, OFF, BARE}
    lock()
    assert consoles() == {NODE, BARE}


def test_gets_many(process: StoreProcess, config: str) -> None:
    """A node that is disabled is as good as gone."""
    [nodes] = ask(process, config, ['get_many', [NODE, OFF, BARE, MISSING,
                                                 'no uuid']])
    assert set(nodes) == {NODE, BARE}
    [alone] = ask(process, config, ['get', NODE])
    assert nodes[NODE] == alone


def test_gets_none_of_many(process: StoreProcess, config: str) -> None:
    assert ask(process, config, ['get_many', []],
               ['get_many', [MISSING]]) == [{}, {}]


def test_sees_what_others_change(process: StoreProcess, config: str,
                                 folder: pathlib.Path) -> None:
    """Each answer is what the database says at that time."""
    def enable(enabled: bool) -> None:
        with sqlite3.connect(folder / 'ironic.sqlite') as database:
            database.execute('UPDATE nodes SET console_enabled=? '
                             'WHERE uuid=?', (enabled, NODE))
        database.close()
    try:
        enable(False)
        [nodes] = ask(process, config, ['get_many', [NODE, BARE]])
        assert set(nodes) == {BARE}
    finally:
        enable(True)


@pytest.mark.parametrize('question', [
    ['get_many', [NODE, BARE]], ['consoles']])
def test_sees_what_conductors_change_between_two_looks(
        process: StoreProcess, config: str, tmp_path: pathlib.Path,
        folder: pathlib.Path, question: list[Any]) -> None:
    """In one process, which reads only what has changed."""
    path = tmp_path / 'own.sqlite'
    path.write_bytes((folder / 'ironic.sqlite').read_bytes())
    changes: list[list[Any]] = [
        ['save', NODE, {'driver_internal_info': INFO | {
            'novnc_secret_token': 'another'}}],
        ['save', NODE, {'console_interface': 'ilo-kvm'}],
        ['save', NODE, {'console_enabled': False}],
        ['save', NODE, {'console_enabled': True}],
        ['destroy', BARE]]
    questions = [question]
    for change in changes:
        questions += [change, question]
    answers = ask(process, configure(tmp_path, f'sqlite:///{path}'),
                  *questions)[::2]

    def found(answer: Any) -> dict[str, Any]:
        nodes = answer.values() if isinstance(answer, dict) else answer
        return {node['uuid']: (node['secret'], node['interface'])
                for node in nodes}
    bare = {BARE: (None, '')}
    assert [found(answer) for answer in answers] == [
        {NODE: (SECRET, 'idrac-vnc')} | bare,
        {NODE: ('another', 'idrac-vnc')} | bare,
        {NODE: ('another', 'ilo-kvm')} | bare, bare,
        {NODE: ('another', 'ilo-kvm')} | bare,
        {NODE: ('another', 'ilo-kvm')}]


def test_nodes_that_are_part_of_another_have_consoles_too(
        process: StoreProcess, config: str, tmp_path: pathlib.Path,
        folder: pathlib.Path) -> None:
    path = tmp_path / 'parts.sqlite'
    path.write_bytes((folder / 'ironic.sqlite').read_bytes())
    _, consoles, nodes = ask(
        process, configure(tmp_path, f'sqlite:///{path}'),
        ['save', BARE, {'parent_node': NODE}], ['consoles'],
        ['get_many', [BARE]])
    assert {node['uuid'] for node in consoles} == {NODE, BARE}
    assert set(nodes) == {BARE}


def test_gets_one_of_thousands(process: StoreProcess, config: str,
                               tmp_path: pathlib.Path,
                               folder: pathlib.Path) -> None:
    """No limit of Ironic's API cuts the list."""
    path = tmp_path / 'big.sqlite'
    path.write_bytes((folder / 'ironic.sqlite').read_bytes())
    database = sqlite3.connect(path)
    columns = [row[1] for row in database.execute(
        'PRAGMA table_info(nodes)') if row[1] not in ('id', 'uuid', 'name')]
    names = ', '.join(columns)
    uuids = [f'{number:08x}-0000-4000-8000-000000000000'
             for number in range(2500)]
    with database:
        database.executemany(
            f'INSERT INTO nodes (uuid, {names}) SELECT ?, {names} '
            f"FROM nodes WHERE uuid='{NODE}'", [(one,) for one in uuids])
    database.close()
    [nodes, every, most] = ask(
        process, configure(tmp_path, f'sqlite:///{path}'),
        ['get_many', [uuids[0], uuids[1234], uuids[-1]]],
        ['get_many', uuids],
        # More than one query names.
        ['get_many', [*uuids[1:], *(f'{number:08x}-0000-4001-8000-{0:012}'
                                    for number in range(10_000))]])
    assert set(nodes) == {uuids[0], uuids[1234], uuids[-1]}
    assert set(every) == set(uuids)
    assert set(most) == set(uuids[1:])


def test_a_node_that_cannot_be_read_is_no_harm_to_others(
        process: StoreProcess, config: str, tmp_path: pathlib.Path,
        folder: pathlib.Path) -> None:
    path = tmp_path / 'broken.sqlite'
    path.write_bytes((folder / 'ironic.sqlite').read_bytes())
    with sqlite3.connect(path) as database:
        database.execute("UPDATE nodes SET driver_internal_info='{rubbish' "
                         'WHERE uuid=?', (BARE,))
    database.close()
    [nodes] = ask(process, configure(tmp_path, f'sqlite:///{path}'),
                  ['get_many', [NODE]])
    assert set(nodes) == {NODE}


@pytest.mark.parametrize('transport', ['none', 'json-rpc', 'oslo'])
def test_asks_the_database_whatever_the_transport(
        process: StoreProcess, config: str, folder: pathlib.Path,
        transport: str) -> None:
    config = configure(folder, f'sqlite:///{folder}/ironic.sqlite',
                       transport, transport=transport)
    [check, node] = ask(process, config, ['check'], ['get', NODE])
    assert check is None
    assert node['uuid'] == NODE


# -- trouble ------------------------------------------------------------------

QUESTIONS: list[list[Any]] = [['check'], ['get', NODE], ['get_many', [NODE]]]


@pytest.mark.parametrize(('url', 'says'), [
    ('sqlite:///{folder}/no-tables.sqlite', 'DBNonExistentTable'),
    ('sqlite:///{folder}/hunter2/nowhere.sqlite', 'DBNonExistentDatabase'),
    ('sqlite:///{folder}', ''),
    ('sqlite:///{folder}/rubbish.sqlite', ''),
    ('mysql+cymysql://ironic:hunter2@127.0.0.1:1/x', 'ModuleNotFoundError'),
    ('nosuch+thing://ironic:hunter2@127.0.0.1:1/x', 'NoSuchModuleError'),
    ('hunter2', 'ArgumentError'),
])
def test_a_database_that_does_not_work_is_not_available(
        process: StoreProcess, folder: pathlib.Path, url: str, says: str,
        ) -> None:
    (folder / 'rubbish.sqlite').write_bytes(b'hunter2' * 1000)
    config = configure(folder, url.format(folder=folder), 'bad')
    for answer in process.ask(config, *QUESTIONS):
        assert answer.get('error') == 'NodeStoreUnavailable', answer
        assert answer['text'].startswith('the database failed: ')
        assert answer['text'].endswith(says)
        # The cause might tell more, with other databases.
        assert 'direct cause' not in answer['traceback']
        for secret in ('hunter2', str(folder), '127.0.0.1'):
            assert secret not in answer['traceback'].replace(__file__, '')


def test_a_database_that_hangs_is_given_up_in_time(
        process: StoreProcess, config: str, folder: pathlib.Path) -> None:
    """F10: within database_timeout, and it works again when it is back."""
    lock = sqlite3.connect(folder / 'ironic.sqlite', isolation_level=None)
    lock.execute('PRAGMA locking_mode = EXCLUSIVE')
    lock.execute('BEGIN EXCLUSIVE')
    try:
        answers = process.ask(config, *QUESTIONS, timeout=0.2)
    finally:
        lock.rollback()
        lock.close()
    for answer in answers:
        assert answer.get('error') == 'NodeStoreUnavailable', answer
        assert answer['text'] == ('the database did not answer within the '
                                  'database_timeout of 0.2 s')
        assert answer['seconds'] < 3
    assert ask(process, config, ['check']) == [None]


def test_does_not_retry_for_minutes(process: StoreProcess, config: str,
                                    ) -> None:
    assert ask(process, config, ['option', 'database', 'max_retries']) == [0]


def test_an_operator_may_want_retries(process: StoreProcess,
                                      folder: pathlib.Path) -> None:
    config = configure(folder, 'sqlite://', 'retries', 'max_retries = 3\n')
    assert ask(process, config, ['option', 'database', 'max_retries']) == [3]
