# SPDX-License-Identifier: Apache-2.0
"""Real Ironics and proxies for the functional tests, one of each kind."""

import os
import pathlib
from collections.abc import Iterator

import pytest
from oslo_service import backend

# Whoever imports oslo.service first decides for the whole process, and gets
# eventlet if nobody says otherwise. Ironic and our proxy use native threads.
backend.init_backend(backend.BackendType.THREADING)

from tests.helpers.bmc import Bmcs  # noqa: E402
from tests.helpers.certificates import Authority  # noqa: E402
from tests.helpers.container_provider import install_provider  # noqa: E402
from tests.helpers.gateway import GatewaySite, start_site  # noqa: E402
from tests.helpers.xvnc import Xvnc  # noqa: E402
from tools.lab import novnc, ports  # noqa: E402
from tools.lab.ironic import LocalIronic  # noqa: E402
from tools.lab.proxy import LocalProxy  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        '--backend', choices=('threading', 'eventlet'), default='threading',
        help='[ironic_console]concurrency_backend of proxies that tests '
             'start as programs')


def pytest_configure(config: pytest.Config) -> None:
    LocalProxy.backend = config.getoption('backend')


TYPES = ('fake-hardware', 'redfish', 'idrac', 'ipmi')


@pytest.fixture(scope='session')
def novnc_root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return novnc.get(tmp_path_factory.mktemp('novnc') / 'npm.log')


@pytest.fixture(scope='session')
def schema(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Where the first Ironic leaves its empty database for the others."""
    return tmp_path_factory.mktemp('schema') / 'ironic.sqlite'


@pytest.fixture(scope='session')
def xvnc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xvnc]:
    with Xvnc(tmp_path_factory.mktemp('xvnc')) as server:
        yield server


@pytest.fixture(scope='session')
def container_provider(tmp_path_factory: pytest.TempPathFactory, xvnc: Xvnc,
                       ) -> Iterator[str]:
    """A provider for Ironic's in-tree consoles that shows the Xvnc.

    Ironic finds it as it finds any: by the entry point of an installed
    distribution.
    """
    folder = tmp_path_factory.mktemp('provider')
    name = install_provider(folder, '127.0.0.1', xvnc.port)
    before = os.environ.get('PYTHONPATH')
    os.environ['PYTHONPATH'] = os.pathsep.join(
        filter(None, [str(folder), before]))
    yield name
    if before is None:
        del os.environ['PYTHONPATH']
    else:
        os.environ['PYTHONPATH'] = before


@pytest.fixture(scope='session')
def proxy_port() -> int:
    return ports.free_port()


@pytest.fixture(scope='session')
def ironic(tmp_path_factory: pytest.TempPathFactory, schema: pathlib.Path,
           proxy_port: int, container_provider: str,
           novnc_root: pathlib.Path) -> Iterator[LocalIronic]:
    """Ironic as an operator of ours would have it, at DEBUG."""
    options = {
        'vnc': {'public_url': f'http://127.0.0.1:{proxy_port}/console.html',
                'novnc_web': novnc_root,
                'container_provider': container_provider},
        'ironic_console': {'endpoint_networks': '127.0.0.0/8',
                           'recheck_interval': 1, 'connect_timeout': 20,
                           'handshake_timeout': 6, 'bmc_timeout': 20,
                           'vnc_ready_timeout': 20,
                           'console_check_interval': 2},
    }
    with LocalIronic(
            tmp_path_factory.mktemp('ironic'), hardware_types=TYPES,
            console_interfaces=('fake-vnc', 'generic-vnc', 'idrac-vnc',
                                'fake-graphical', 'no-console'),
            options=options, debug=True, schema=schema) as running:
        yield running


@pytest.fixture(scope='session')
def proxy(ironic: LocalIronic, proxy_port: int,
          tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProxy]:
    """Our proxy in front of it."""
    with LocalProxy(ironic.config_file, tmp_path_factory.mktemp('proxy'),
                    port=proxy_port) as running:
        yield running


@pytest.fixture(scope='session')
def gateway_site(tmp_path_factory: pytest.TempPathFactory,
                 schema: pathlib.Path, novnc_root: pathlib.Path,
                 ) -> Iterator[GatewaySite]:
    """An Ironic whose consoles are behind our gateway."""
    with start_site(tmp_path_factory.mktemp('gateway'), schema, novnc_root,
                    ) as site:
        yield site


@pytest.fixture(scope='session')
def bmc_authority() -> Authority:
    """Whose certificates the simulated BMCs have."""
    return Authority('BMC authority')


@pytest.fixture
def bmcs(tmp_path: pathlib.Path, bmc_authority: Authority) -> Iterator[Bmcs]:
    """Simulated BMCs, as many as a test starts."""
    with Bmcs(tmp_path, bmc_authority) as started:
        yield started
