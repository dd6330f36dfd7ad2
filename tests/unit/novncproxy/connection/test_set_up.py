# SPDX-License-Identifier: Apache-2.0
"""Whose viewer leaves, or has to, while a console is being reached."""

import dataclasses
import logging
import threading

import pytest

from ironic_console.common.tls import ServerTls
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.lobby import Guest
from ironic_console.novncproxy.relay import Relay
from ironic_console.novncproxy.sessions import SessionRegistry
from tests.helpers.certificates import Authority
from tests.helpers.logs import lines
from tests.helpers.proxy import (
    CLOSE,
    NODE,
    SETUP,
    Browser,
    Holdings,
    HTTPConnection,
    Refused,
    node_record,
    path_to,
    ticket_for,
    wait_until,
)
from tests.simulators.rfb_server import (
    echo_server,
    good,
    pack_server_init,
    silent,
)


def behind(event, behaviour):
    """:returns: likewise, of an endpoint that waits for something first."""
    def behave(peer):
        event.wait(10)
        behaviour(peer)
    return behave


def test_a_browser_that_goes_during_set_up_leaves_nothing(run, server):
    record = node_record(server.port)
    worker = run(record)
    before = Holdings.now()
    for size in (0, 12, 13):
        with worker.open(record) as browser:
            ahead = (b'RFB 003.008\n' + b'\x01')[:size]
            if ahead:
                browser.send(ahead)
            browser.http.reset()
    wait_until(lambda: not worker.sessions(), 'no session is left')
    for peer in server.peers:
        assert peer.wait_ended()
    before.wait_for_return()


def test_a_right_that_ends_during_set_up_ends_the_session(run, server):
    greeted = threading.Event()
    server.behaviour = behind(greeted, good())
    record = node_record(server.port)
    worker = run(record, setup=dataclasses.replace(SETUP,
                                                   handshake_timeout=10))
    with worker.open(record) as browser:
        peer = server.peer()
        del worker.store.records[NODE]
        # Not when the endpoint has answered: at once.
        assert browser.read_refusal().startswith(
            'The console of this node was switched off.')
        assert browser.wait_closed()[0] == 1008
        assert not worker.sessions()
        greeted.set()
        assert peer.wait_ended()


PATIENT = dataclasses.replace(SETUP, handshake_timeout=300)


@pytest.fixture
def slow(run, server):
    """A worker, and a node that is for one at a time and silent."""
    server.behaviour = silent()
    record = node_record(server.port, endpoint={'sharing': 'refuse'})
    return run(record, setup=PATIENT), record


@pytest.mark.parametrize('leave', [
    lambda browser: browser.http.close(),
    lambda browser: browser.http.reset(),
    lambda browser: browser.send_frame(CLOSE, b'\x03\xe9'),
    lambda browser: (browser.send(b'RFB 003.008\n'), browser.http.close()),
], ids=['end', 'reset', 'close frame', 'end after early bytes'])
def test_who_leaves_while_a_bmc_is_slow_makes_room_at_once(
        slow, server, leave, caplog):
    caplog.set_level(logging.INFO)
    worker, record = slow
    browser = worker.open(record)
    peer = server.peer()
    with pytest.raises(Refused):
        worker.open(record)
    leave(browser)
    assert peer.wait_ended()
    wait_until(lambda: not worker.sessions(), 'there is room again')
    server.behaviour = good()
    with worker.open(record) as second:
        second.shake_hands()
    browser.http.close()
    assert not lines(caplog, logging.WARNING)
    assert 'wait for the endpoint' in caplog.text


def test_who_says_goodbye_while_a_bmc_is_slow_is_answered(run, server):
    server.behaviour = silent()
    record = node_record(server.port)
    worker = run(record, setup=dataclasses.replace(
        PATIENT, browser_handshake_timeout=300))
    with worker.open(record) as browser:
        server.peer()
        browser.send_frame(CLOSE, b'\x03\xe9')
        assert browser.wait_closed()[0] == 1001


def test_who_leaves_through_tls_makes_room_too(run, server, tmp_path):
    server.behaviour = silent()
    authority = Authority()
    files = authority.issue('localhost').save(tmp_path)
    record = node_record(server.port)
    worker = run(record, setup=PATIENT,
                 tls=ServerTls(files.cert_file, files.key_file))
    browser = worker.open(record, context=authority.client_context())
    peer = server.peer()
    browser.http.close()
    assert peer.wait_ended()
    wait_until(lambda: not worker.sessions(), 'there is room again')


def test_an_operator_ends_what_is_being_connected(slow, server):
    worker, record = slow
    with worker.open(record) as browser:
        peer = server.peer()
        assert worker.worker._sessions.close(
            NODE, close_reasons.by_operator('Maintenance.')) == 1
        assert browser.read_refusal().startswith('Maintenance. (')
        assert browser.wait_closed() == (1008, 'Maintenance.')
        assert peer.wait_ended()
        assert not worker.sessions()


def test_who_leaves_and_has_to_go_at_once_costs_no_thread(slow, server,
                                                          monkeypatch):
    worker, record = slow
    real = Guest._give_up

    def at_the_same_time(guest, error):
        worker.worker._sessions.close(NODE, close_reasons.KICKED)
        real(guest, error)

    monkeypatch.setattr(Guest, '_give_up', at_the_same_time)
    with worker.open(record) as browser:
        server.peer()
        browser.send_frame(CLOSE, b'\x03\xe9')
        assert browser.wait_closed()
        wait_until(lambda: not len(worker.worker._server._setups),
                   'its thread has ended')


@pytest.mark.parametrize('encrypted', [False, True])
def test_an_operator_ends_what_waits_for_the_browser(run, server, tmp_path,
                                                     encrypted):
    authority = Authority()
    files = authority.issue('localhost').save(tmp_path)
    record = node_record(server.port)
    worker = run(record, setup=dataclasses.replace(
        SETUP, browser_handshake_timeout=300), **({
            'tls': ServerTls(files.cert_file, files.key_file)}
            if encrypted else {}))
    before = Holdings.now()
    with worker.open(record, **({'context': authority.client_context()}
                                if encrypted else {})) as browser:
        assert browser.read(12) == b'RFB 003.008\n'
        worker.worker._sessions.close(NODE, close_reasons.KICKED)
        assert browser.wait_closed() == (
            1008, 'An operator closed this session.')
    assert server.peer().wait_ended() == 'closed by peer'
    wait_until(lambda: not worker.sessions(), 'it has ended')
    before.wait_for_return()


@pytest.mark.parametrize('step', ['add', 'established'])
def test_an_operator_ends_what_has_just_been_connected(run, server, step,
                                                       monkeypatch):
    """Whatever the moment, the browser hears why."""
    record = node_record(server.port)
    worker = run(record)
    sessions = worker.worker._sessions
    owner = {'add': Relay, 'established': SessionRegistry}[step]
    real = getattr(owner, step)

    def just_before(*args):
        sessions.close(NODE, close_reasons.KICKED)
        return real(*args)

    monkeypatch.setattr(owner, step, just_before)
    with worker.open(record) as browser:
        browser.shake_hands()
        assert browser.wait_closed() == (
            1008, 'An operator closed this session.')
    assert server.peer().wait_ended() == 'closed by peer'


def test_one_connection_at_a_time_reaches_a_bmc_that_is_taken_over(
        run, server):
    server.behaviour = silent()
    record = node_record(server.port, endpoint={'sharing': 'takeover'})
    worker = run(record, setup=PATIENT)
    with worker.open(record) as first:
        peer = server.peer()
        server.behaviour = good()
        with Browser(worker.address, path_to(NODE, ticket_for(record))
                     + '&takeover=1') as second:
            # Gone before the other is let in.
            assert peer.end
            second.shake_hands()
            assert first.read_refusal().startswith('Somebody else took over')
            assert first.wait_closed()[0] == 4409


def test_what_is_said_while_a_bmc_is_slow_is_not_lost(run, server):
    said = threading.Event()
    server.behaviour = behind(said, echo_server())
    record = node_record(server.port)
    worker = run(record, setup=PATIENT)
    with worker.open(record) as browser:
        server.peer()
        browser.send(b'RFB 003.0')
        browser.send(b'08\n\x01\x01echo')
        guests = worker.worker._sessions.lobby._guests
        wait_until(lambda: [len(guest.said) for guest in guests] == [18],
                   'it has been heard')
        said.set()
        init = pack_server_init(800, 600, b'simulator')
        browser.read(12 + 2 + 4 + len(init))
        assert browser.read(4) == b'echo'


def test_a_tunnel_that_is_left_while_a_bmc_is_slow_makes_room(slow, server):
    worker, record = slow
    target = path_to(NODE, ticket_for(record)).replace('websockify',
                                                       'console')
    with HTTPConnection(worker.address) as connection:
        connection.send(f'CONNECT {target} HTTP/1.1\r\nHost: a\r\n\r\n'
                        .encode())
        peer = server.peer()
    assert peer.wait_ended()
    wait_until(lambda: not worker.sessions(), 'there is room again')


def test_a_tunnel_that_has_to_end_while_a_bmc_is_slow_is_told_so(slow,
                                                                server):
    worker, record = slow
    target = path_to(NODE, ticket_for(record)).replace('websockify',
                                                       'console')
    with HTTPConnection(worker.address) as connection:
        connection.send(f'CONNECT {target} HTTP/1.1\r\nHost: a\r\n\r\n'
                        .encode())
        server.peer()
        worker.worker._sessions.close(NODE, close_reasons.KICKED)
        answer = connection.read_response()
        assert answer.status == 503
        assert b'An operator closed this session.' in answer.body
