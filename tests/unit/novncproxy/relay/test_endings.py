# SPDX-License-Identifier: Apache-2.0
"""How sessions end, and that one that does ends no other."""

import contextlib
import struct

import pytest

from ironic_console.novncproxy import close_reasons, relay
from ironic_console.novncproxy.relay import CLOSE_TIMEOUT
from tests.helpers.proxy import BINARY, CLOSE, Holdings, masked, wait_until
from tests.helpers.wires import (
    WITHOUT_RATE,
    Exchange,
    Wire,
    counting,
    in_background,
)


def test_the_browser_closes(exchange, security):
    wire = exchange.open(Wire(**security))
    wire.browser.close_politely()
    assert wire.browser.closed[0] == 1000
    assert wire.wait_ended() == close_reasons.BROWSER_CLOSED
    assert wire.endpoint_sees_end()


def test_the_last_keys_before_the_close_frame_arrive(exchange, security):
    wire = exchange.open(Wire(**security))
    wire.browser.sock.sendall(masked(BINARY, b'key up')
                              + masked(CLOSE, struct.pack('>H', 1001)))
    assert wire.receive(6) == b'key up'
    assert wire.endpoint_sees_end()


def test_the_browser_goes_without_a_word(exchange, security):
    wire = exchange.open(Wire(**security))
    wire.browser.sock.close()
    assert wire.endpoint_sees_end()
    assert wire.wait_ended().name in ('browser closed', 'browser lost')


def test_the_browser_is_reset(exchange):
    wire = exchange.open()
    wire.reset(wire.browser.sock)
    assert wire.wait_ended() == close_reasons.BROWSER_LOST
    assert wire.endpoint_sees_end()


def test_the_browser_is_reset_while_it_is_busy(exchange):
    wire = exchange.open(Wire(buffer_bytes=65536))
    wire.fill()
    wire.reset(wire.browser.sock)
    assert wire.wait_ended() == close_reasons.BROWSER_LOST


def test_the_endpoint_closes(exchange, security):
    wire = exchange.open(Wire(**security))
    wire.endpoint.sendall(b'last words')
    wire.endpoint.close()
    assert wire.browser.read(10) == b'last words'
    assert wire.browser.wait_closed() == (
        4502, "The server's console closed the connection.")
    assert wire.wait_ended() == close_reasons.ENDPOINT_CLOSED


def test_all_that_an_endpoint_sent_arrives_before_the_close_frame(exchange,
                                                                  security):
    wire = exchange.open(Wire(**security))
    size = 3_000_001
    sender = in_background(lambda: (
        wire.endpoint.sendall(counting(0, size)), wire.endpoint.close()))
    data = wire.browser.read_to_end()
    sender.join()
    assert data == counting(0, size)
    assert wire.browser.closed[0] == 4502
    assert wire.wait_ended() == close_reasons.ENDPOINT_CLOSED


def test_the_endpoint_is_reset(exchange):
    wire = exchange.open()
    wire.endpoint.sendall(b'x')
    wire.browser.read(1)
    wire.reset(wire.endpoint)
    assert wire.browser.wait_closed()[0] == 4502
    assert wire.wait_ended() == close_reasons.ENDPOINT_LOST


def test_a_session_can_be_closed_from_outside(exchange, security):
    wire = exchange.open(Wire(**security))
    exchange.relay.close(wire.link, close_reasons.REVOKED)
    exchange.relay.close(wire.link, close_reasons.SHUTDOWN)
    assert wire.browser.wait_closed() == (
        1008, 'The console of this node was switched off.')
    assert wire.wait_ended() == close_reasons.REVOKED
    assert wire.endpoint_sees_end()
    exchange.relay.close(wire.link, close_reasons.SHUTDOWN)


def test_the_reason_reaches_a_browser_that_talks_all_the_time(exchange,
                                                              security):
    wire = exchange.open(Wire(**security))
    exchange.relay.close(wire.link, close_reasons.REVOKED)
    for _ in range(500):
        wire.browser.send(b'move the pointer')
    assert wire.browser.wait_closed()[0] == 1008
    assert wire.wait_ended() == close_reasons.REVOKED


def test_a_browser_has_only_a_moment_to_take_its_leave(exchange):
    wire = exchange.open(Wire(buffer_bytes=65536))
    wire.fill()
    exchange.relay.close(wire.link, close_reasons.REVOKED)
    assert wire.endpoint_sees_end()
    exchange.settle()
    assert wire.alive
    exchange.advance(relay._LONGEST_CLOSE)
    assert wire.wait_ended() == close_reasons.REVOKED


def test_the_reason_reaches_a_browser_on_a_slow_line(exchange):
    """It stands behind all that the kernel has for it."""
    wire = exchange.open(Wire(buffer_bytes=65536))
    wire.fill()
    exchange.relay.close(wire.link, close_reasons.REVOKED)
    exchange.advance(CLOSE_TIMEOUT)
    assert wire.alive
    assert wire.browser.wait_closed()[0] == 1008
    assert wire.wait_ended() == close_reasons.REVOKED


def test_a_viewer_that_has_it_all_and_stays_gets_no_more_time(exchange):
    wire = exchange.open(Wire(framed=False))
    exchange.relay.close(wire.link, close_reasons.REVOKED)
    assert wire.browser.sock.recv(1) == b''
    wait_until(lambda: not wire.link.browser.below.still_delivers(
        CLOSE_TIMEOUT), 'the kernel knows it too')
    exchange.advance(CLOSE_TIMEOUT)
    assert wire.wait_ended() == close_reasons.REVOKED


@pytest.mark.parametrize('how', ['reset', 'closed'])
def test_a_native_viewer_that_vanishes_harms_nobody_else(exchange, security,
                                                         how):
    other = exchange.open()
    wire = exchange.open(Wire(**security, buffer_bytes=4096, framed=False))
    # Little at a time, so that what it does not take is queued by us.
    wire.endpoint.settimeout(0.2)
    with contextlib.suppress(TimeoutError):
        while not wire.link.browser_busy():
            wire.endpoint.sendall(bytes(4000))
            exchange.settle()
    if how == 'reset':
        wire.reset(wire.browser.sock)
    else:
        # With bytes that it has not read, which resets too.
        wire.browser.sock.close()
    assert wire.wait_ended() in (close_reasons.BROWSER_LOST,
                                 close_reasons.BROWSER_CLOSED)
    other.endpoint.sendall(b'x')
    assert other.browser.read(1) == b'x'


def test_stopping_closes_all_with_a_reason_and_ends_the_thread(exchange):
    wires = [exchange.open() for _ in range(20)]
    stopper = in_background(exchange.relay.stop, close_reasons.SHUTDOWN, 10)
    for wire in wires:
        assert wire.browser.wait_closed()[0] == 1001
        assert wire.wait_ended() == close_reasons.SHUTDOWN
    stopper.join()
    assert not exchange.relay._thread.is_alive()


def test_a_session_that_comes_at_the_very_end_is_told_so(exchange):
    late = Wire()

    def end():
        exchange.relay._stop(close_reasons.SHUTDOWN)
        exchange.relay.add(late.link)

    exchange.relay._call(end)
    assert late.browser.wait_closed()[0] == 1001
    assert late.wait_ended() == close_reasons.SHUTDOWN
    late.close()


def test_a_session_that_comes_while_stopping_is_told_so(exchange):
    first = exchange.open()
    stopper = in_background(exchange.relay.stop, close_reasons.SHUTDOWN, 10)
    wait_until(lambda: exchange.relay._stopping, 'stopping')
    late = exchange.open()
    assert late.browser.wait_closed()[0] == 1001
    assert first.browser.wait_closed()[0] == 1001
    stopper.join()


def test_gives_everything_back():
    with Exchange(WITHOUT_RATE) as warm:
        warm.open().browser.close_politely()
    before = Holdings.now()
    with Exchange(WITHOUT_RATE) as exchange:
        for round_ in range(9):
            wire = exchange.open(Wire(buffer_bytes=65536))
            if round_ % 3 == 0:
                wire.fill()
                wire.reset(wire.browser.sock)
            elif round_ % 3 == 1:
                wire.browser.close_politely()
            else:
                wire.endpoint.sendall(bytes(100_000))
                wire.browser.read(100_000)
                wire.endpoint.close()
                wire.browser.wait_closed()
            wire.wait_ended()
            wire.browser.sock.close()
            wire.endpoint.close()
        assert len(exchange.relay._buffers.pipes._idle) <= 16
    before.wait_for_return()


def test_a_bug_ends_its_own_session_only(exchange, monkeypatch, caplog):
    good, bad = exchange.open(), exchange.open()
    real = type(bad.link).pull_from_endpoint

    def fail(link, now):
        if link is bad.link:
            raise KeyError('bug')
        return real(link, now)

    monkeypatch.setattr(type(bad.link), 'pull_from_endpoint', fail)
    bad.endpoint.sendall(b'x')
    assert bad.wait_ended() == close_reasons.BUG
    good.endpoint.sendall(b'x')
    assert good.browser.read(1) == b'x'
    assert 'Traceback' in caplog.text


@pytest.mark.parametrize('step', [
    'begin_close', 'browser_busy', 'interest', 'on_end', 'close'])
def test_a_bug_at_the_end_of_a_session_ends_no_other(exchange, monkeypatch,
                                                     caplog, step):
    good, bad = exchange.open(), exchange.open()
    real = getattr(type(bad.link), step)

    def fail(link, *args):
        if link is bad.link:
            raise KeyError('bug')
        return real(link, *args)

    if step == 'on_end':
        bad.link.on_end = lambda *_: fail(bad.link)
    else:
        monkeypatch.setattr(type(bad.link), step, fail)
    exchange.relay.close(bad.link, close_reasons.REVOKED)
    exchange.advance(relay._LONGEST_CLOSE)
    good.endpoint.sendall(b'x')
    assert good.browser.read(1) == b'x'
    assert 'KeyError' in caplog.text
    assert bad.link not in exchange.relay._links


def test_a_selector_that_takes_no_more_ends_one_session_only(exchange,
                                                             monkeypatch):
    good = exchange.open()
    wire = Wire()
    real = exchange.relay._register

    def fail(fileno, *args):
        if fileno == wire.link.browser.fileno():
            raise OSError('no space left on device')
        real(fileno, *args)

    monkeypatch.setattr(exchange.relay, '_register', fail)
    exchange.open(wire)
    assert wire.wait_ended() == close_reasons.BUG
    good.endpoint.sendall(b'x')
    assert good.browser.read(1) == b'x'
