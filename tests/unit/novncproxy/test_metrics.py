# SPDX-License-Identifier: Apache-2.0
"""Numbers of several workers, of the living and of the dead."""

import os
import pathlib
import shutil
import tempfile

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ironic_console.common.errors import (
    EndpointUnreachable,
    NodeLimitReached,
    Side,
)
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.metrics import (
    Metrics,
    PrometheusMetrics,
    clear,
)
from tests.helpers.forked import Forked
from tests.helpers.proxy import NODE

IDRAC = {'interface': 'idrac-vnc'}


class FakeLink:
    from_browser_bytes = 7
    to_browser_bytes = 1000
    stalls = 2


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix='metrics-'))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def fork(folder):
    """Starts workers that count."""
    children = []

    def fork():
        children.append(Forked(lambda: PrometheusMetrics(folder)))
        return children[-1]

    yield fork
    for child in children:
        child.__exit__()


def read(worker):
    """:returns: what Prometheus would read of it: value by name and labels.
    """
    text, content_type = worker.do(PrometheusMetrics.text)
    assert content_type.startswith('text/plain')
    return {(sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text.decode())
            for sample in family.samples}


def value(worker, name, **labels):
    return read(worker).get((f'ironic_console_{name}',
                             *sorted(labels.items())), 0)


def live(metrics):
    """A session that begins and ends."""
    metrics.sessions('connecting', 'idrac-vnc', 1)
    metrics.handshake(Side.ENDPOINT, 0.3)
    metrics.sessions('connecting', 'idrac-vnc', -1)
    metrics.sessions('open', 'idrac-vnc', 1)
    metrics.closed('idrac-vnc', FakeLink(),
                   close_reasons.by_operator(f'{NODE} 192.0.2.1 s3cret'), 61)
    metrics.sessions('open', 'idrac-vnc', -1)


def refuse(metrics):
    metrics.refused(NodeLimitReached(f'{NODE} from 192.0.2.1'))
    metrics.failed(EndpointUnreachable('10.0.0.1 said s3cret'))
    metrics.turned_away('slow head')
    metrics.setups(3)


def open_one(metrics):
    metrics.sessions('open', 'idrac-vnc', 1)


def test_counts_for_all_workers(fork):
    one, other = fork(), fork()
    for worker in (one, other):
        worker.do(live)
        worker.do(refuse)
        worker.do(open_one)
    for worker in (one, other):
        assert value(worker, 'sessions', state='open', **IDRAC) == 2
        assert value(worker, 'sessions', state='connecting', **IDRAC) == 0
        assert value(worker, 'setups') == 6
        assert value(worker, 'refusals_total',
                     reason='NodeLimitReached') == 2
        assert value(worker, 'failures_total',
                     reason='EndpointUnreachable') == 2
        assert value(worker, 'turned_away_total', why='slow head') == 2
        assert value(worker, 'closed_total', reason='closed by operator',
                     **IDRAC) == 2
        assert value(worker, 'bytes_total', direction='to_browser') == 2000
        assert value(worker, 'bytes_total', direction='from_browser') == 14
        assert value(worker, 'stalls_total') == 4
        assert value(worker, 'session_seconds_sum', **IDRAC) == 122
        assert value(worker, 'handshake_seconds_bucket', side='endpoint',
                     le='0.5') == 2
        assert value(worker, 'handshake_seconds_bucket', side='endpoint',
                     le='0.1') == 0


@pytest.mark.parametrize('reap', [True, False], ids=['gone', 'zombie'])
def test_the_sessions_of_a_dead_worker_are_gone_and_what_it_counted_is_not(
        fork, reap):
    one, doomed = fork(), fork()
    for worker in (one, doomed):
        worker.do(live)
        worker.do(refuse)
        worker.do(open_one)
    doomed.kill(reap=reap)
    assert value(one, 'sessions', state='open', **IDRAC) == 1
    assert value(one, 'setups') == 3
    assert value(one, 'closed_total', reason='closed by operator',
                 **IDRAC) == 2


def test_names_no_node_no_address_and_no_secret(fork):
    worker = fork()
    worker.do(live)
    worker.do(refuse)
    text = worker.do(PrometheusMetrics.text)[0].decode()
    assert 'ironic_console_closed_total' in text
    for secret in (NODE, NODE[:8], '192.0.2', '10.0.0', 's3cret', 'pid'):
        assert secret not in text


def test_counts_nothing_unless_asked_to(folder):
    metrics = Metrics()
    live(metrics)
    refuse(metrics)
    assert list(folder.iterdir()) == []


def test_a_new_service_begins_to_count_anew(fork, folder):
    fork().do(live)
    (folder / 'worker-7.sock').touch()
    clear(folder)
    assert os.listdir(folder) == ['worker-7.sock']


def test_works_in_a_process_that_has_loaded_the_library_before(fork):
    # This one has, for the parser; its copies are the workers.
    one, other = fork(), fork()
    one.do(open_one)
    assert value(other, 'sessions', state='open', **IDRAC) == 1
