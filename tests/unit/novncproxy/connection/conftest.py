# SPDX-License-Identifier: Apache-2.0
"""A worker, and an endpoint, with real sockets on both sides of it."""

import pytest

from tests.helpers.proxy import RunningWorker, make_settings, node_record
from tests.simulators.rfb_server import RfbServer, echo_server


@pytest.fixture(scope='module')
def endpoint():
    with RfbServer(echo_server()) as server:
        yield server


@pytest.fixture
def server():
    """An endpoint whose behaviour the test chooses."""
    with RfbServer(echo_server()) as server:
        yield server


@pytest.fixture
def run(tmp_path):
    """Starts workers."""
    workers = []

    def run(*records, **settings):
        worker = RunningWorker(make_settings(tmp_path, **settings), *records)
        workers.append(worker)
        return worker.__enter__()

    yield run
    for worker in workers:
        worker.__exit__()


@pytest.fixture
def record(endpoint):
    return node_record(endpoint.port)


@pytest.fixture
def worker(run, record):
    return run(record)
