# SPDX-License-Identifier: Apache-2.0
"""The real program while a BMC is slow: whoever leaves has left, and whoever
has to go goes."""

import pathlib
import subprocess
import sys

import pytest

from tests.helpers.program import Site
from tests.helpers.proxy import (
    Browser,
    Refused,
    node_record,
    path_to,
    ticket_for,
    wait_until,
)
from tests.simulators.rfb_server import RfbServer, echo_server, silent

SESSIONS = pathlib.Path(sys.executable).with_name('ironic-console-sessions')
# Far below this the BMC gives nobody up.
PATIENCE, HANDSHAKE_TIMEOUT = 30.0, 300


@pytest.fixture
def bmc():
    with RfbServer(silent()) as server:
        yield server


@pytest.fixture
def record(bmc):
    return node_record(bmc.port, endpoint={'sharing': 'refuse'})


@pytest.fixture
def proxy(tmp_path, schema, record):
    site = Site(tmp_path, schema)
    site.save(record)
    proxy = site.proxy({'ironic_console': {
        'workers': 2, 'drain_timeout': 0,
        'runtime_dir': str(tmp_path / 'run'),
        'handshake_timeout': HANDSHAKE_TIMEOUT}})
    proxy.start()
    yield proxy
    proxy.stop()
    assert 'Traceback' not in proxy.written()


def connect(proxy, record):
    return Browser((proxy.address, proxy.port),
                   path_to(record.uuid, ticket_for(record)))


def open_when_free(proxy, record):
    def attempt():
        try:
            return connect(proxy, record)
        except Refused:
            return None
    return wait_until(attempt, 'the console is free again', PATIENCE)


def test_a_tab_that_is_closed_and_opened_again_has_the_console(proxy, record,
                                                               bmc):
    first = connect(proxy, record)
    # Or it may be gone before anybody is asked.
    assert bmc.peer(0)
    first.http.close()
    with open_when_free(proxy, record) as second:
        assert bmc.peer(0).wait_ended(PATIENCE)
        bmc.behaviour = echo_server()
        assert bmc.peer(1)
        second.http.close()
    with open_when_free(proxy, record) as third:
        third.shake_hands()
        third.send(b'echo')
        assert third.read(4) == b'echo'


def test_an_operator_ends_what_never_came_up(proxy, record, bmc, tmp_path):
    with connect(proxy, record) as browser:
        assert bmc.peer(0)
        done = subprocess.run(
            [SESSIONS, '--runtime-dir', tmp_path / 'run', 'close',
             record.uuid, '--reason', 'Maintenance.'],
            capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert browser.read_refusal().startswith('Maintenance. (')
        assert bmc.peer(0).wait_ended(PATIENCE)
