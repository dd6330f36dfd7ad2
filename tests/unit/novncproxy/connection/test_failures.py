# SPDX-License-Identifier: Apache-2.0
"""What a viewer hears when there is no picture."""

import dataclasses
import logging

import pytest

from ironic_console.common import dialer
from tests.helpers.logs import lines
from tests.helpers.proxy import (
    NODE,
    SETUP,
    RefusedInside,
    node_record,
    wait_until,
)
from tests.simulators.rfb_server import refused_port, silent


@pytest.mark.parametrize('banner', [
    b'RFB 003.003\n', b'RFB 003.007\n', b'RFB 003.008\n'])
def test_a_viewer_learns_twice_why_there_is_no_picture(run, caplog, banner):
    with refused_port() as (_host, port):
        record = node_record(port)
        worker = run(record)
        with worker.open(record) as browser:
            with pytest.raises(RefusedInside) as caught:
                browser.shake_hands(banner)
            code, text = browser.wait_closed()
    assert code == 4503
    assert str(caught.value).startswith(
        "The server's console refused the connection or cannot be reached.")
    assert str(caught.value).startswith(text)
    [line] = lines(caplog, logging.WARNING)
    assert f'node {NODE} could not be opened' in line
    assert f'127.0.0.1:{port}' in line
    # So that a user can tell the operator which line it is.
    assert str(caught.value).endswith(f'({line[:8]})')
    assert worker.sessions() == 0


def test_a_record_that_names_no_endpoint_is_told_apart_in_the_log_only(
        run, caplog):
    record = dataclasses.replace(node_record(), info={
        'console_endpoint': {'host': 'h', 'port': 1, 'colour': 'red'}})
    with run(record).open(record) as browser:
        assert 'colour' not in browser.read_refusal()
        assert browser.wait_closed()[0] == 1011
    [line] = lines(caplog, logging.WARNING)
    assert 'colour' in line


def test_an_address_that_policy_forbids_is_never_dialled(run, server):
    record = node_record(server.port)
    with run(record, networks=()).open(record) as browser:
        assert 'not allowed' in browser.read_refusal()
        assert browser.wait_closed()[0] == 4502
    assert not server.peers


def test_asks_a_silent_endpoint_what_it_is(run, server, monkeypatch):
    monkeypatch.setattr(dialer, '_PROBE_TIMEOUT', 0.1)
    server.behaviour = silent()
    record = node_record(server.port)
    worker = run(record, setup=dataclasses.replace(SETUP,
                                                   handshake_timeout=0.1))
    with worker.open(record) as browser:
        assert 'did not answer in time' in browser.read_refusal()
        assert browser.wait_closed()[0] == 4504
    assert server.peer().wait_ended()


def test_a_viewer_that_is_none_is_told_so_and_costs_no_endpoint(
        run, server, caplog):
    record = node_record(server.port)
    with run(record).open(record) as browser:
        browser.send(b'GET / HTTP/1.1\r\n')
        assert browser.wait_closed() == (
            1002, 'The viewer sent what is not valid RFB.')
    assert server.peer().wait_ended() == 'closed by peer'
    assert len(lines(caplog, logging.WARNING)) == 1


def test_a_viewer_that_says_nothing_is_given_up(run, server):
    record = node_record(server.port)
    worker = run(record, setup=dataclasses.replace(
        SETUP, browser_handshake_timeout=0.1))
    with worker.open(record) as browser:
        assert browser.wait_closed() == (
            1008, 'The viewer did not answer in time.')
    assert server.peer().wait_ended() == 'closed by peer'
    wait_until(lambda: not worker.sessions(), 'no session is left')
