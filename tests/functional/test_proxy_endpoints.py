# SPDX-License-Identifier: Apache-2.0
"""Every way in which an endpoint can fail, and what the browser is told."""

import logging
import re
import time

import pytest

from ironic_console.common import dialer
from tests.helpers.certificates import Authority
from tests.helpers.proxy import (
    IMPATIENT,
    PATIENCE,
    Holdings,
    RefusedInside,
    RunningWorker,
    make_settings,
    node_record,
    resident_bytes,
    wait_until,
)
from tests.simulators.rfb_server import (
    BANNERS,
    HTTP_400,
    PATTERN,
    SSH_BANNER,
    TLS_ALERT,
    RfbServer,
    black_hole,
    cut,
    dribble,
    echo,
    echo_server,
    failure_bomb,
    flood_of,
    good,
    many_types,
    name_bomb,
    odd_types,
    only_vnc_auth,
    reason_bomb,
    refused_port,
    refuses,
    says,
    silent,
    tls_server,
    web_server,
)

CLOSED = "The server's console broke off the connection."
LATE = "The server's console did not answer in time."
UNREACHABLE = ("The server's console refused the connection or cannot be "
               'reached.')
CREDENTIALS = ("The server's console wants a way of authentication that is "
               'not allowed here. Tell your operator.')


@pytest.fixture(scope='module')
def worker(tmp_path_factory):
    settings = make_settings(tmp_path_factory.mktemp('proxy'))
    with RunningWorker(settings) as worker:
        yield worker


@pytest.fixture(scope='module')
def impatient(tmp_path_factory):
    """For endpoints that do not come to an end by themselves."""
    settings = make_settings(tmp_path_factory.mktemp('impatient'),
                             setup=IMPATIENT)
    with RunningWorker(settings) as worker:
        yield worker


@pytest.fixture(scope='module')
def server():
    with RfbServer(echo_server()) as server:
        yield server


@pytest.fixture
def quick_probe(monkeypatch):
    """For endpoints that do not answer it."""
    monkeypatch.setattr(dialer, '_PROBE_TIMEOUT', 0.3)


@pytest.fixture
def long_probe(monkeypatch):
    """For endpoints that do."""
    monkeypatch.setattr(dialer, '_PROBE_TIMEOUT', PATIENCE)


def open_console(worker, port, host='127.0.0.1'):
    record = node_record(port, host)
    worker.store.records[record.uuid] = record
    return worker.open(record)


def fails(worker, caplog, port, host='127.0.0.1'):
    """Open a console in vain.

    :returns: close code, what the browser is told, and the line in the log.
    """
    caplog.set_level(logging.DEBUG)
    begin = time.monotonic()
    with open_console(worker, port, host) as browser:
        inside = browser.read_refusal()
        code, text = browser.wait_closed()
    # Less than any limit of a patient worker; an impatient one waits for 1 s
    # for the connection, 1 s for the handshake, and the probe.
    assert time.monotonic() - begin < PATIENCE
    said = re.fullmatch(r'(.+) \(([0-9a-f]{8})\)', inside)
    assert said
    assert said[1] == text
    warnings = [record.getMessage() for record in caplog.records
                if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert warnings[0].startswith(f'{said[2]}: node ')
    assert 'Traceback' not in caplog.text
    wait_until(lambda: not worker.sessions(), 'the session is forgotten')
    return code, text, warnings[0]


# -- no connection ------------------------------------------------------------

def test_an_endpoint_that_refuses(worker, caplog):
    with refused_port() as (_host, port):
        code, text, line = fails(worker, caplog, port)
    assert (code, text) == (4503, UNREACHABLE)
    assert 'Connection refused' in line


def test_an_endpoint_that_swallows_everything(impatient, caplog):
    with black_hole() as (_host, port):
        code, text, line = fails(impatient, caplog, port)
    assert (code, text) == (4504, LATE)
    assert 'connect_timeout of 1 s' in line


def test_a_name_that_nobody_knows(impatient, caplog):
    code, text, line = fails(impatient, caplog, 5900, 'no-such-host.invalid')
    assert code in (4503, 4504)
    assert text in (UNREACHABLE, LATE)
    assert 'no-such-host.invalid' in line


def test_an_address_that_policy_forbids(worker, caplog):
    code, text, line = fails(worker, caplog, 5900, '169.254.169.254')
    assert code == 4502
    assert 'is not allowed here' in text
    assert 'endpoint_networks' in line


# -- no VNC server ------------------------------------------------------------

@pytest.mark.parametrize(('behaviour', 'spoken'), [
    (says(HTTP_400, close=True), 'it answered HTTP'),
    (says(SSH_BANNER), 'it answered SSH'),
    (says(TLS_ALERT, close=True), 'TLS'),
    (says(b'220 mail.example ESMTP\r\n'), 'it answered'),
    (says(b'\xff\xfd\x18\xff\xfd\x20'), 'it answered'),
    (web_server, 'it answered HTTP'),
], ids=['http at once', 'ssh', 'tls alert', 'mail', 'telnet', 'web server'])
def test_an_endpoint_that_is_something_else(impatient, server, caplog,
                                            request, behaviour, spoken):
    request.getfixturevalue('long_probe' if behaviour is web_server
                            else 'quick_probe')
    server.behaviour = behaviour
    code, text, line = fails(impatient, caplog, server.port)
    assert code == 4502
    assert text.startswith('This is not a VNC server: it ')
    assert spoken in text
    assert f'this is not a VNC server: it {text[29:-1]}' in line


def test_an_endpoint_that_speaks_tls(impatient, server, caplog, long_probe):
    server.behaviour = tls_server(Authority().issue().server_context())
    code, text, _line = fails(impatient, caplog, server.port)
    assert code == 4502
    assert 'TLS' in text or text == CLOSED


# -- bad servers --------------------------------------------------------------

@pytest.mark.parametrize(('behaviour', 'code', 'text'), [
    (silent(), 4504, LATE),
    (says(b'RFB 003.008\n'), 4504, LATE),
    (says(b'RFB 002.002\n'), 4502, CLOSED),
    (says(b'RFB 003.00x\n'), 4502, CLOSED),
    (refuses(), 4502, "The server's console refused to open."),
    (refuses('3.3'), 4502, "The server's console refused to open."),
    (refuses('3.7'), 4502, "The server's console refused to open."),
    (only_vnc_auth(), 4502, CREDENTIALS),
    (only_vnc_auth('3.3'), 4502, CREDENTIALS),
    (says(BANNERS['3.8'], b'\x01\x01', b'\0\0\0\x01\0\0\0\x02no'), 4502,
     "The server's console did not accept our credentials. "
     'Tell your operator.'),
], ids=['silent', 'silent after banner', 'version 2.2', 'no version',
        'refuses', 'refuses 3.3', 'refuses 3.7', 'wants a password',
        'wants a password 3.3', 'fails the authentication'])
def test_an_endpoint_that_is_no_use(
        worker, impatient, server, caplog, quick_probe, behaviour, code,
        text):
    server.behaviour = behaviour
    seen = fails(impatient if text == LATE else worker, caplog, server.port)
    assert seen[:2] == (code, text)


def test_what_a_server_says_stays_in_the_log(worker, server, caplog):
    server.behaviour = refuses(reason=b'<b>secret</b> of 10.0.0.1')
    _code, text, line = fails(worker, caplog, server.port)
    assert 'secret' not in text
    assert '<b>secret</b> of 10.0.0.1' in line


HELLO = {version: len(BANNERS[version])
         + {'3.3': 4, '3.7': 2, '3.8': 2 + 4}[version] + 24 + 9
         for version in BANNERS}


@pytest.mark.parametrize('reset', [False, True], ids=['closes', 'resets'])
@pytest.mark.parametrize('version', BANNERS)
def test_an_endpoint_that_ends_at_any_byte(worker, server, caplog, version,
                                           reset):
    before = Holdings.now()
    for place in range(HELLO[version]):
        server.behaviour = cut(good(version), place, reset)
        caplog.clear()
        code, text, line = fails(worker, caplog, server.port)
        # A reset can come before we know that we are connected.
        assert (code, text) in ((4502, CLOSED), (4503, UNREACHABLE)), (
            f'after {place} bytes: {line}')
        assert reset or code == 4502
    before.wait_for_return()


# -- bombs --------------------------------------------------------------------

@pytest.mark.parametrize('behaviour', [
    reason_bomb(), reason_bomb('3.7'), reason_bomb('3.3'), failure_bomb(),
    name_bomb(), many_types()],
    ids=['reason', 'reason 3.7', 'reason 3.3', 'failure', 'name', 'types'])
def test_a_bomb_costs_nothing(impatient, server, caplog, behaviour):
    server.behaviour = refuses()
    fails(impatient, caplog, server.port)
    caplog.clear()
    server.behaviour = behaviour
    before = resident_bytes()
    code, _text, _line = fails(impatient, caplog, server.port)
    assert code in (4502, 4504)
    assert resident_bytes() - before < 1 << 20


# -- odd but good -------------------------------------------------------------

@pytest.mark.parametrize('banner', [
    b'RFB 003.003\n', b'RFB 003.007\n', b'RFB 003.008\n', b'RFB 003.889\n',
    b'RFB 004.001\n', b'RFB 055.008\n'], ids=lambda banner: str(banner[4:11]))
def test_dribbling_from_either_side_changes_nothing(worker, server, banner):
    rules = {b'RFB 003.003\n': '3.3', b'RFB 003.007\n': '3.7'}.get(
        banner, '3.8')
    server.behaviour = dribble(good(rules, banner, after=echo), 0.002)
    with open_console(worker, server.port) as browser:
        wire = browser.sock
        real = browser.send_frame

        def send_dribbling(opcode, payload=b'', **options):
            for place in range(len(payload)):
                real(opcode, payload[place:place + 1], **options)

        browser.send_frame = send_dribbling
        browser.shake_hands(
            b'RFB 003.003\n' if rules == '3.3' else b'RFB 003.007\n'
            if rules == '3.7' else b'RFB 003.008\n')
        browser.send(b'echo')
        assert browser.read(4) == b'echo'
        browser.send_frame = real
        assert browser.sock is wire
        browser.close_politely()


def test_unknown_security_types_before_a_known_one(worker, server):
    server.behaviour = odd_types()
    with open_console(worker, server.port) as browser:
        browser.shake_hands()


def test_a_server_that_needs_its_time(worker, server):
    server.behaviour = dribble(good(after=echo), 0.01)
    with open_console(worker, server.port) as browser:
        browser.shake_hands()


# -- after the handshake ------------------------------------------------------

def test_a_server_that_ends_in_the_middle(worker, server):
    size = 3_000_000
    server.behaviour = cut(flood_of(1 << 30), HELLO['3.8'] + size)
    with open_console(worker, server.port) as browser:
        browser.shake_hands()
        data = browser.read_to_end()
        assert browser.closed == (
            4502, "The server's console closed the connection.")
    assert data == (PATTERN * (size // len(PATTERN) + 1))[:size]


def test_a_browser_that_reads_nothing_stops_the_server(worker, server):
    server.behaviour = flood_of(200 << 20)
    record = node_record(server.port)
    worker.store.records[record.uuid] = record
    first = len(server.peers)
    with worker.open(record, receive_buffer=65536) as browser:
        browser.shake_hands()
        peer = server.peer(first)
        before = resident_bytes()
        sent = -1
        while sent != (sent := peer.sent):
            time.sleep(0.3)
        assert 0 < sent < 32 << 20
        assert resident_bytes() - before < 4 << 20
        left = 16 << 20
        for _ in range(0, left, 1 << 20):
            assert browser.read(1 << 20) == PATTERN * (1 << 4)
        assert peer.sent > sent
    assert peer.wait_ended() in ('reset by peer', 'closed by peer')


@pytest.mark.parametrize('versions', [
    (b'RFB 003.003\n', '3.8'), (b'RFB 003.008\n', '3.3'),
    (b'RFB 003.007\n', '3.8')])
def test_both_sides_may_speak_different_versions(worker, server, versions):
    browser_banner, server_version = versions
    server.behaviour = good(server_version, after=echo)
    with open_console(worker, server.port) as browser:
        browser.shake_hands(browser_banner)
        browser.send(b'echo')
        assert browser.read(4) == b'echo'


def test_a_refused_viewer_of_any_version_can_read_why(worker):
    with refused_port() as (_host, port):
        for banner in BANNERS.values():
            with (open_console(worker, port) as browser,
                  pytest.raises(RefusedInside, match='cannot be reached')):
                browser.shake_hands(banner)
