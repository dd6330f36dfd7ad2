# SPDX-License-Identifier: Apache-2.0
"""What happens when nothing does, or for too long."""



from ironic_console.novncproxy import close_reasons, relay
from ironic_console.novncproxy.relay import RelayLimits
from tests.helpers.proxy import quiet
from tests.helpers.wires import Exchange, Wire, counting


def limited(**limits):
    return Exchange(RelayLimits(**{'stall_timeout': 0, **limits}))


def test_closes_a_silent_browser():
    with limited() as exchange:
        wire = exchange.open(Wire(answers_pings=False))
        exchange.advance(20)
        exchange.settle()
        assert wire.alive
        exchange.advance(20)
        assert wire.browser.wait_closed() == (
            1001, 'Your browser stopped answering.')
        assert wire.wait_ended() == close_reasons.BROWSER_SILENT


def test_a_browser_on_a_slow_line_is_not_silent():
    """The ping stands behind what the kernel has taken for it."""
    with limited() as exchange:
        wire = exchange.open(Wire(answers_pings=False))
        sent = 2_000_000
        wire.endpoint.sendall(counting(0, sent))
        wire.wait_relayed(sent)
        for _ in range(3):
            exchange.advance(20)
            exchange.settle()
        assert wire.alive
        assert wire.browser.read(sent) == counting(0, sent)
        exchange.advance(20)
        exchange.settle()
        exchange.advance(20)
        exchange.advance(relay._LONGEST_CLOSE)
        assert wire.wait_ended() == close_reasons.BROWSER_SILENT


def test_any_byte_is_a_sign_of_life():
    with limited() as exchange:
        wire = exchange.open(Wire(answers_pings=False))
        for _ in range(3):
            exchange.advance(20)
            wire.browser.send(b'k')
            wire.receive(1)
            exchange.settle()
        assert wire.alive


KEY = bytes.fromhex('04 01 0000 00000061')
LOOK = bytes.fromhex('03 01 0000 0000 0320 0258')


def test_closes_an_idle_session():
    with limited(idle_timeout=60) as exchange:
        wire = exchange.open()
        exchange.advance(50)
        wire.browser.send(KEY)
        wire.receive(len(KEY))
        for _ in range(2):
            # Pixels, asking for them, and pongs are no use.
            exchange.advance(20)
            wire.browser.send(LOOK)
            wire.receive(len(LOOK))
            wire.endpoint.sendall(b'p')
            assert wire.browser.read(1) == b'p'
            exchange.settle()
        assert wire.alive
        exchange.advance(20)
        assert wire.browser.wait_closed() == (
            1008, 'The session was closed because it was not used.')
        assert wire.wait_ended() == close_reasons.IDLE


def test_closes_a_session_that_lasts_too_long_however_busy():
    with limited(max_session_length=100) as exchange:
        wire = exchange.open()
        for _ in range(9):
            exchange.advance(11)
            wire.browser.send(b'k')
            wire.receive(1)
            exchange.settle()
        assert wire.alive
        exchange.advance(1)
        assert wire.browser.wait_closed()[0] == 1008
        assert wire.wait_ended() == close_reasons.TOO_LONG


def test_closes_when_a_browser_takes_nothing_for_too_long():
    with limited(stall_timeout=300) as exchange:
        wire = exchange.open(Wire(buffer_bytes=65536))
        wire.fill()
        exchange.advance(299)
        assert wire.alive
        # It is looked at with every ping.
        exchange.advance(20)
        wire.browser.read_to_end()
        assert wire.browser.closed[0] == 1008
        assert wire.wait_ended() == close_reasons.STALLED


def test_closes_when_an_endpoint_takes_nothing_for_too_long():
    with limited(stall_timeout=300, ping_interval=1000,
                 max_frame_rate=0) as exchange:
        wire = exchange.open(Wire(buffer_bytes=65536))
        exchange.advance(5000)
        wire.stuff()
        exchange.settle()
        exchange.advance(299)
        exchange.settle()
        # What counts is when it began to wait, not when all was well last.
        assert wire.alive
        exchange.advance(1)
        assert wire.browser.wait_closed()[0] == 1008
        assert wire.wait_ended() == close_reasons.STALLED


def test_a_browser_that_takes_a_little_is_not_stalled():
    with limited(stall_timeout=300) as exchange:
        wire = exchange.open(Wire(buffer_bytes=65536))
        sent = wire.fill()
        for _ in range(3):
            exchange.advance(200)
            wire.browser.read(sent // 4)
            wire.wait_progress(exchange.clock)
        assert wire.alive


def test_limits_can_be_changed_while_sessions_go_on(exchange):
    wire = exchange.open()
    exchange.relay.limits = RelayLimits(max_session_length=30)
    exchange.advance(20)
    wire.endpoint.sendall(b'x')
    wire.browser.read(1)
    exchange.settle()
    exchange.advance(20)
    assert wire.browser.wait_closed()[0] == 1008


def test_an_idle_session_does_nothing(exchange):
    wire = exchange.open()
    assert exchange.sleeps()
    assert quiet(wire.endpoint)
    assert quiet(wire.browser.sock)
