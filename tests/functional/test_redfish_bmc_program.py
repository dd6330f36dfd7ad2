# SPDX-License-Identifier: Apache-2.0
"""The simulated BMC as a program, and many at once."""

import json
import pathlib
import signal
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import sushy
from sushy import auth, exceptions

from tests.helpers.redfish_client import (
    DELL,
    ENABLE,
    GOOD_PASSWORD,
    PATIENCE,
    PORT,
    RedfishClient,
    dell_attributes,
)
from tools.lab import ports
from tools.lab.process import Program


def test_twenty_run_at_once_each_with_vnc_on_the_port_of_real_ones(bmcs):
    started = [bmcs.start(host=f'127.0.77.{number}', vnc_port=5901)
               for number in range(1, 21)]
    for one in started:
        assert RedfishClient(bmcs, one).patch(
            Enable='Enabled', Password=GOOD_PASSWORD).status == 200
        assert ports.answers(one.host, 5901)


def control(url: str, content: Any = None) -> Any:
    data = None if content is None else json.dumps(content).encode()
    with urllib.request.urlopen(url, data, timeout=PATIENCE) as answer:
        return json.load(answer)


@pytest.fixture
def program(tmp_path: pathlib.Path) -> Iterator[tuple[Program, Any]]:
    """The simulator as a program, and what it printed."""
    started = Program(
        [sys.executable, '-m', 'tests.simulators.redfish_bmc', '--profile',
         'idrac10', '--knob', 'unavailable=1', '--folder', tmp_path],
        tmp_path / 'bmc.log')
    with started:
        started.wait_for(lambda: '\n' in started.written(), PATIENCE,
                         'a line of JSON')
        yield started, json.loads(started.written())


def test_a_program_is_told_what_goes_wrong(program):
    _, told = program
    assert control(f"{told['control']}/state")['profile'] == 'idrac10'
    root = sushy.Sushy(told['url'], verify=told['ca_file'],
                       auth=auth.BasicAuth('root', 'calvin'),
                       server_side_retries_delay=0.01)
    assert root.get_manager().model == '17G Monolithic'
    control(f"{told['control']}/faults", {'denied': 'licence'})
    with pytest.raises(exceptions.AccessError):
        dell_attributes(root).set_attributes({ENABLE: 'Enabled'})
    state = control(f"{told['control']}/attributes", {ENABLE: 'Enabled'})
    assert state['vnc']['port'] == told['vnc_port']
    assert ports.answers('127.0.0.1', told['vnc_port'])
    assert state['requests'][f'PATCH {DELL}'] == 1


@pytest.mark.parametrize(('path', 'content'), [
    ('faults', {'nothing': 1}), ('faults', []), ('attributes', {'x': 1}),
    ('attributes', {PORT: '1'}), ('nothing', {})])
def test_a_program_says_what_it_was_told_wrong(program, path, content):
    with pytest.raises(urllib.error.HTTPError) as caught:
        control(f"{program[1]['control']}/{path}", content)
    with caught.value as answer:
        assert answer.status in (400, 404)
        assert json.load(answer)['error']


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_program_leaves_nothing_behind(program, number):
    started, told = program
    control(f"{told['control']}/attributes", {ENABLE: 'Enabled'})
    started.signal(number)
    assert started.wait(PATIENCE) == 0
    for url in (told['url'], told['control']):
        assert not ports.answers('127.0.0.1',
                                 urllib.parse.urlsplit(url).port or 0)
    assert not ports.answers('127.0.0.1', told['vnc_port'])


def test_a_program_says_why_it_cannot_start(bmc, tmp_path):
    started = Program(
        [sys.executable, '-m', 'tests.simulators.redfish_bmc', '--port',
         str(bmc.port)], tmp_path / 'bmc.log')
    with started:
        assert started.wait(PATIENCE) == 1
        assert 'cannot listen' in started.log_tail(1)
        assert 'Traceback' not in started.written()
