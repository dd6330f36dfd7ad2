# SPDX-License-Identifier: Apache-2.0
"""What tools.bench measures with, on itself: browsers at the backend."""

import pytest

from tests.helpers.certificates import Authority
from tools.bench import native, report
from tools.bench.native import Backend, Entrance, Load
from tools.bench.peers import IN_TREE, NGINX, OURS
from tools.bench.rows import Row


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('bench')


@pytest.fixture(scope='module')
def backend(folder):
    with Backend(folder, Authority().issue().save(folder)) as backend:
        yield backend


@pytest.fixture(scope='module')
def program(folder):
    return native.build('load', folder)


@pytest.fixture(params=['plain', 'TLS'])
def load(request, backend, program):
    secure = request.param == 'TLS'
    port = backend.ports.tls if secure else backend.ports.plain
    with Load(program, Entrance(0, port, secure)) as load:
        yield load


def test_opens_sessions(load):
    result = load.open(20, at_once=5)
    assert result['opened'] == 20
    assert 0 < result['p50'] <= result['p99'] <= result['seconds']


def test_every_message_comes_back(load):
    load.open(10)
    result = load.echo(rate=20, seconds=0.5)
    assert result['sent'] + result['late'] == 100
    assert result['answered'] == result['sent'] > 0


def test_all_that_was_asked_for_comes(load):
    load.open(2)
    for chunk in (64, 1):
        assert load.stream(chunk, 3)['bytes'] == 2 * 3 << 20


def test_who_cannot_be_reached_is_an_error(backend, program):
    with (Load(program, Entrance(0, backend.ports.plain, target='/x')) as
            load, pytest.raises(RuntimeError, match=r"'failed': 1")):
        load.open(1)


def row(label, **values):
    return Row(label, 'KiB', {'in-tree' if name == 'in_tree' else name: value
                              for name, value in values.items()})


def test_says_whether_the_targets_hold():
    rows = [row('connect, p50', ours=6, in_tree=100, nginx=1),
            row('CPU per GB, 64 KiB', ours=3, nginx=8),
            row('memory of a dead reader', ours=1025)]
    lines = report.text(rows).split('target', 1)[1].splitlines()[1:]
    assert [line.split()[-1] for line in lines] == ['no', 'yes', 'no']


def test_the_manual_keeps_what_people_wrote(tmp_path, monkeypatch):
    manual = tmp_path / 'performance.rst'
    manual.write_text(f'before\n\n{report._BEGIN}\n\nthe last run\n\n'
                      f'{report._END}\n\nafter\n')
    monkeypatch.setattr(report, 'MANUAL', manual)
    for value in (1.0, 2.0):
        report.write_manual([Row('connect, p50', 'ms', {
            OURS: value, IN_TREE: 10.0, NGINX: 0.5})], {'cores': '2'})
    text = manual.read_text()
    assert text.startswith('before\n')
    assert text.endswith('\nafter\n')
    assert 'the last run' not in text
    assert text.count('* - connect, p50 (ms)') == 2
    assert text.count('cores: 2') == 1
