# SPDX-License-Identifier: Apache-2.0
"""Parts of other projects that we use and nobody has promised us.

Their packages have no upper bound in setup.cfg, so a release that changes one
of these is seen here, by name, before a BMC sees it.
"""

import inspect
import types

import pytest
import sushy.connector
import urllib3.connection

CONNECTIONS = [urllib3.connection.HTTPConnection,
               urllib3.connection.HTTPSConnection]


def told(module: types.ModuleType, what: str, user: str) -> str:
    """:returns: what to do when it is gone."""
    package = module.__name__.partition('.')[0]
    return (f'{package} {getattr(module, "__version__", "")} has no {what}, '
            f'which {user} replaces: see what took its place there, or cap '
            f'{package} in setup.cfg')


@pytest.mark.parametrize('connection', CONNECTIONS)
def test_urllib3_dials_where_we_set_a_deadline(connection: type) -> None:
    dial = getattr(connection, '_new_conn', None)
    assert callable(dial), told(urllib3, '_new_conn', 'bmc_transport.py')
    assert list(inspect.signature(dial).parameters) == ['self']


@pytest.mark.parametrize('connection', CONNECTIONS)
def test_urllib3_dials_the_address_that_we_name(
        connection: type, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def create_connection(address: object, *_: object, **__: object) -> None:
        asked.append(address)
        raise OSError('enough')

    monkeypatch.setattr('urllib3.util.connection.create_connection',
                        create_connection)
    one = connection('bmc.example.org', 443)
    assert one._dns_host == 'bmc.example.org', told(
        urllib3, '_dns_host', 'bmc_transport.py')
    one._dns_host = '192.0.2.1'
    with pytest.raises(urllib3.exceptions.NewConnectionError):
        one._new_conn()
    assert asked == [('192.0.2.1', 443)]


def test_sushy_asks_us_how_long_to_wait_between_two_tries() -> None:
    connector = sushy.connector.Connector
    reader = '_server_side_retries_delay'
    assert any(reader in inspect.getsource(method)
               for name, method in inspect.getmembers(
                   connector, inspect.isfunction) if name != '__init__'), (
        told(sushy, reader, 'redfish.py'))
