# SPDX-License-Identifier: Apache-2.0
"""No attack succeeds on our proxy; and the program that tries them all."""


import urllib.parse

import pytest

from tests.attacks import __main__ as program
from tests.attacks import attacks, targets
from tests.attacks.attacks import Outcome
from tests.helpers.proxy import (
    NODE,
    RunningWorker,
    make_settings,
    node_record,
    path_to,
    ticket_for,
)
from tests.simulators.rfb_server import RfbServer, echo_server


@pytest.fixture(scope='module')
def outcomes():
    return program.attack_kind(targets.OURS)


@pytest.mark.parametrize('name', [one.name for one in attacks.ATTACKS])
def test_comes_to_nothing(outcomes, name):
    assert outcomes[name].safe, outcomes[name].text


def test_the_document_says_what_happened(outcomes):
    text = program.DOCUMENT.read_text()
    for name, outcome in outcomes.items():
        row = text.partition(f'   * - {name}\n')[2].splitlines()[:2]
        assert row[1:] == [f'     - {outcome.text}'], name


def test_any_proxy_can_be_attacked_by_url(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(attacks, 'ATTACKS', attacks.ATTACKS[:5])
    with (RfbServer(echo_server()) as server, RunningWorker(
            make_settings(tmp_path), node_record(server.port)) as worker):
        path = path_to(NODE, ticket_for(worker.store.records[NODE]))
        host, port = worker.address
        quoted = urllib.parse.quote(path[1:])
        url = f'http://{host}:{port}/vnc.html?path={quoted}'
        assert program.main(['--url', url]) == 0
    assert 'safe     A wrong token: answers 403' in capsys.readouterr().out


def test_writes_what_succeeded_in_bold(tmp_path):
    document = tmp_path / 'security.rst'
    document.write_text(f'Before\n\n{program.BEGIN}\nold\n{program.END}\n\n'
                        'After\n')
    program.write(document, {'X': Outcome(False, 'works')},
                  {'X': Outcome(True, 'fails')})
    text = document.read_text()
    assert '   * - X\n     - **works**\n     - fails\n' in text
    assert 'old' not in text
    assert text.startswith('Before\n\n')
    assert text.endswith('\n\nAfter\n')
