# SPDX-License-Identifier: Apache-2.0
"""Consoles that are reached: what passes, and how they end."""

import dataclasses
import logging

import pytest

from ironic_console.novncproxy.link import Link
from ironic_console.novncproxy.relay import RelayLimits
from tests.helpers.logs import lines
from tests.helpers.proxy import (
    BINARY,
    NODE,
    Holdings,
    make_settings,
    masked,
    node_record,
    wait_until,
)
from tests.simulators.rfb_server import cut, good, pack_server_init, says


def test_the_browser_gets_the_server_init_of_the_endpoint(worker, record):
    with worker.open(record) as browser:
        assert browser.shake_hands() == pack_server_init(
            800, 600, b'simulator')


@pytest.mark.parametrize('banner', [
    b'RFB 003.003\n', b'RFB 003.007\n', b'RFB 003.008\n'])
def test_takes_viewers_of_any_version(worker, record, banner):
    with worker.open(record) as browser:
        browser.shake_hands(banner)
        browser.send(b'echo')
        assert browser.read(4) == b'echo'


def test_takes_all_that_a_viewer_says_ahead(worker, record):
    ahead = b'RFB 003.008\n' + b'\x01\x01' + b'echo'
    request = masked(BINARY, ahead[:5]) + masked(BINARY, ahead[5:])
    with worker.open(record, early=request) as browser:
        assert browser.read(12) == b'RFB 003.008\n'
        assert browser.read(2 + 4) == b'\x01\x01' + bytes(4)
        init = pack_server_init(800, 600, b'simulator')
        assert browser.read(len(init)) == init
        assert browser.read(4) == b'echo'


def test_pixels_that_come_with_server_init_are_not_lost(run, server):
    server.behaviour = says(
        b'RFB 003.008\n', b'\x01\x01', bytes(4),
        pack_server_init(800, 600, b'x') + b'pixels')
    record = node_record(server.port)
    with run(record).open(record) as browser:
        browser.shake_hands()
        assert browser.read(6) == b'pixels'


def test_the_endpoint_is_asked_before_the_browser_is(run, server):
    record = node_record(server.port)
    with run(record).open(record) as browser:
        # The browser has not said a word yet.
        assert server.peer().wait_received(14) == (
            b'RFB 003.008\n' + b'\x01\x01')
        browser.shake_hands()


def test_logs_one_line_at_the_beginning_and_one_at_the_end(worker, record,
                                                           caplog):
    caplog.set_level(logging.INFO)
    with worker.open(record) as browser:
        browser.shake_hands()
        browser.send(b'echo')
        browser.read(4)
        browser.close_politely()
    wait_until(lambda: not worker.sessions(), 'it has ended')
    opened, closed = lines(caplog, logging.INFO)
    assert f'node {NODE} opened for 127.0.0.1:' in opened
    assert f'at {record.endpoint().address}' in opened
    assert f'node {NODE} closed for 127.0.0.1:' in closed
    assert '4 bytes in, 4 bytes out: browser closed' in closed
    assert opened[:8] == closed[:8]


# -- read-only ----------------------------------------------------------------

KEY = bytes.fromhex('04 01 0000 00000061')
LOOK = bytes.fromhex('03 00 0000 0000 0320 0258')


@pytest.mark.parametrize('who', ['ticket', 'endpoint', 'operator'])
def test_who_may_only_look_does_only_that(run, endpoint, caplog, who):
    caplog.set_level(logging.INFO)
    record = node_record(endpoint.port, endpoint={
        'read_only': who == 'endpoint'})
    worker = run(record, read_only=who == 'operator')
    with worker.open(record, read_only=who == 'ticket') as browser:
        browser.shake_hands()
        browser.send(KEY + LOOK + KEY)
        browser.send(KEY + LOOK)
        assert browser.read(20) == LOOK * 2
        browser.close_politely()
    wait_until(lambda: not worker.sessions(), 'it has ended')
    opened, closed = lines(caplog, logging.INFO)
    assert opened.endswith(', read-only')
    assert '20 bytes in, 20 bytes out' in closed


def test_what_a_viewer_says_ahead_is_filtered_too(worker, record):
    ahead = b'RFB 003.008\n' + b'\x01\x01' + KEY + LOOK
    with worker.open(record, early=masked(BINARY, ahead),
                     read_only=True) as browser:
        browser.read(12 + 2 + 4 + len(pack_server_init(
            800, 600, b'simulator')))
        assert browser.read(10) == LOOK


def test_a_message_that_nobody_knows_ends_a_read_only_session(
        run, server, caplog):
    record = node_record(server.port)
    worker = run(record)
    with worker.open(record, read_only=True) as browser:
        browser.shake_hands()
        browser.send(b'\x77' + KEY)
        assert browser.wait_closed() == (
            1002, 'The viewer sent what is not valid RFB.')
    assert server.peer().wait_ended() == 'closed by peer'
    assert bytes(server.peer().received) == b'RFB 003.008\n\x01\x01'


def test_a_message_that_nobody_knows_said_ahead_costs_no_descriptor(
        run, server, caplog):
    record = node_record(server.port)
    worker = run(record)
    before = Holdings.now()
    ahead = b'RFB 003.008\n' + b'\x01\x01' + b'\x77'
    with worker.open(record, early=masked(BINARY, ahead),
                     read_only=True) as browser:
        assert browser.wait_closed()[0] == 1002
    assert server.peer().wait_ended() == 'closed by peer'
    assert worker.sessions() == 0
    assert len(lines(caplog, logging.WARNING)) == 1
    before.wait_for_return()


def test_keys_that_are_down_at_the_end_are_released(run, server):
    record = node_record(server.port)
    with run(record).open(record) as browser:
        browser.shake_hands()
        browser.send(KEY)
        server.peer().wait_received(14 + 8)
        browser.close_politely()
    server.peer().wait_ended()
    assert bytes(server.peer().received[14:]) == (
        KEY + bytes.fromhex('04 00 0000 00000061'))


def test_sessions_end_when_consoles_become_read_only(run, record, tmp_path):
    worker = run(record)
    with (worker.open(record) as typist,
          worker.open(record, read_only=True) as watcher):
        typist.shake_hands()
        watcher.shake_hands()
        worker.reload(make_settings(tmp_path, read_only=True))
        code, text = typist.wait_closed()
        assert code == 1013
        assert 'read-only from now on' in text
        watcher.send(LOOK)
        assert watcher.read(10) == LOOK


def test_a_console_that_was_set_up_anew_can_be_opened_again(
        run, server, endpoint):
    record = node_record(server.port)
    worker = run(record)
    with worker.open(record) as browser:
        browser.shake_hands()
        worker.store.records[NODE] = node_record(endpoint.port)
        code, text = browser.wait_closed()
    assert code == 1013
    assert text.endswith('Connect again.')
    with worker.open(record) as browser:
        browser.shake_hands()


# -- authentication -----------------------------------------------------------

def test_a_browser_needs_no_password_where_the_endpoint_wants_one(
        run, server, caplog):
    caplog.set_level(logging.DEBUG)
    server.behaviour = says(
        b'RFB 003.008\n', b'\x01\x02', bytes(16), bytes(4),
        pack_server_init(800, 600, b'x'))
    record = node_record(server.port, endpoint={'security_types': []},
                         credential={'password': 'pa55word'})
    with run(record).open(record) as browser:
        browser.shake_hands()
    assert 'VNC_AUTH (2)' in caplog.text
    assert 'pa55word' not in caplog.text


def test_without_a_credential_nothing_is_taken_for_granted(
        run, server, caplog):
    record = node_record(server.port, endpoint={'security_types': []})
    with run(record).open(record) as browser:
        assert 'not set up correctly' in browser.read_refusal()
        assert browser.wait_closed()[0] == 1011
    assert not server.peers
    [line] = lines(caplog, logging.WARNING)
    assert 'names no security type' in line


def test_a_credential_that_cannot_be_read_is_not_dialled_with(
        run, server, caplog):
    record = node_record(server.port, credential={'password': 5})
    with run(record).open(record) as browser:
        assert 'not set up correctly' in browser.read_refusal()
    assert not server.peers


def test_a_right_that_ends_later_ends_the_session(worker, record):
    with worker.open(record) as browser:
        browser.shake_hands()
        worker.store.records[NODE] = dataclasses.replace(record,
                                                         enabled=False)
        assert browser.wait_closed() == (
            1008, 'The console of this node was switched off.')


def test_an_endpoint_that_ends_later_ends_the_session(run, server):
    server.behaviour = cut(good(), 12 + 2 + 4 + 24 + len('simulator'))
    record = node_record(server.port)
    with run(record).open(record) as browser:
        browser.shake_hands()
        assert browser.wait_closed()[0] == 4502


def test_limits_of_the_relay_are_in_force(run, record):
    worker = run(record, relay=RelayLimits(max_session_length=0.1))
    with worker.open(record) as browser:
        browser.shake_hands()
        assert browser.wait_closed()[0] == 1008


def test_a_bug_leaves_one_traceback_and_no_descriptors(
        worker, record, endpoint, monkeypatch, caplog):
    before = Holdings.now()

    def fail(*args, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(Link, '__init__', fail)
    with worker.open(record) as browser:
        browser.shake_hands()
        assert browser.read_to_end() == b''
    assert endpoint.peers[-1].wait_ended() == 'closed by peer'
    assert caplog.text.count('Traceback') == 1
    assert worker.sessions() == 0
    before.wait_for_return()
