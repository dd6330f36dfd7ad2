# SPDX-License-Identifier: Apache-2.0
"""Both pipes, with a Chromium that says what a test wants."""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ironic_console.drivers.displays import cdp
from ironic_console.drivers.displays.cdp import (
    CommandRefused,
    Connection,
    Interrupted,
)
from ironic_console.drivers.displays.failures import BrowserFailed
from tests.helpers.proxy import wait_until

PATIENCE = 30.0


class FakeChromium:
    """The other ends of the pipes.

    :ivar connection: ours, started.
    """

    def __init__(self) -> None:
        reader, self._writer = os.pipe()
        self._reader, writer = os.pipe()
        self.connection = Connection(reader, writer)
        self._buffer = b''

    def read(self) -> dict[str, Any]:
        """:returns: the next command."""
        while b'\0' not in self._buffer:
            data = os.read(self._reader, 65536)
            assert data
            self._buffer += data
        message, self._buffer = self._buffer.split(b'\0', 1)
        command: dict[str, Any] = json.loads(message)
        return command

    def write(self, data: bytes) -> None:
        os.write(self._writer, data)

    def say(self, **message: Any) -> None:
        self.write(json.dumps(message).encode() + b'\0')

    def serve(self, answer: Callable[[dict[str, Any]], None]) -> None:
        """Treat one command, meanwhile."""
        threading.Thread(target=lambda: answer(self.read()),
                         daemon=True).start()

    def end(self) -> None:
        for name in ('_reader', '_writer'):
            with contextlib.suppress(OSError):
                os.close(getattr(self, name))
            setattr(self, name, -1)


@pytest.fixture
def chromium() -> Iterator[FakeChromium]:
    chromium = FakeChromium()
    chromium.connection.start()
    yield chromium
    chromium.end()
    chromium.connection.close()


@pytest.fixture
def connection(chromium: FakeChromium) -> Connection:
    return chromium.connection


def test_a_command_gets_its_own_answer(
        chromium: FakeChromium, connection: Connection) -> None:
    def answer(command: dict[str, Any]) -> None:
        assert command['method'] == 'Page.navigate'
        assert command['params'] == {'url': 'about:blank'}
        assert command['sessionId'] == 'S1'
        chromium.say(id=command['id'] + 1000, result={'not': 'mine'})
        chromium.say(id=command['id'], result={'frameId': 'F'})

    chromium.serve(answer)
    assert connection.command('Page.navigate', {'url': 'about:blank'},
                              'S1') == {'frameId': 'F'}


def test_messages_come_in_any_pieces(
        chromium: FakeChromium, connection: Connection) -> None:
    def answer(command: dict[str, Any]) -> None:
        message = json.dumps({'id': command['id'],
                              'result': {'text': 'ä' * 100}}).encode()
        for byte in message + b'\0':
            chromium.write(bytes((byte,)))

    chromium.serve(answer)
    assert connection.command('A') == {'text': 'ä' * 100}


def test_many_threads_ask_at_the_same_time(
        chromium: FakeChromium, connection: Connection) -> None:
    answers: dict[int, Any] = {}
    threads = [threading.Thread(target=lambda n=n: answers.update(
        {n: connection.command('Echo', {'n': n})})) for n in range(20)]
    for thread in threads:
        thread.start()
    commands = [chromium.read() for _ in threads]
    for command in reversed(commands):
        chromium.say(id=command['id'], result=command['params'])
    for thread in threads:
        thread.join(PATIENCE)
    assert answers == {n: {'n': n} for n in range(20)}


def test_a_refusal_is_told_and_its_reason_logged(
        chromium: FakeChromium, connection: Connection,
        caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('INFO')
    chromium.serve(lambda command: chromium.say(
        id=command['id'], error={'code': -32000, 'message': 'No\nway'}))
    with pytest.raises(CommandRefused):
        connection.command('Target.attachToTarget')
    assert "Target.attachToTarget: 'No\\nway'" in caplog.text
    assert connection.is_open


@pytest.mark.parametrize('result', [None, [], 'text', 1])
def test_an_answer_without_members_is_an_empty_one(
        chromium: FakeChromium, connection: Connection, result: object,
        ) -> None:
    chromium.serve(lambda command: chromium.say(id=command['id'],
                                                result=result))
    assert connection.command('A') == {}


def test_events_go_to_who_listens_and_may_cause_commands(
        chromium: FakeChromium, connection: Connection) -> None:
    heard = []

    def listen(session: str, params: cdp.Params) -> None:
        heard.append((session, params))
        connection.post('Fetch.failRequest', {'requestId': 'R'}, session)

    connection.listen('Fetch.requestPaused', listen)
    chromium.say(method='Other.event', params={})
    chromium.say(method='Fetch.requestPaused', params={'a': 1},
                 sessionId='S')
    assert chromium.read()['method'] == 'Fetch.failRequest'
    assert heard == [('S', {'a': 1})]


def test_waits_see_what_an_event_has_changed(
        chromium: FakeChromium, connection: Connection) -> None:
    seen = []
    connection.listen('A', lambda _session, params: seen.append(params))
    threading.Timer(0.05, lambda: chromium.say(method='A')).start()
    assert connection.wait(lambda: seen, PATIENCE, 'A') == [{}]


def test_no_answer_in_time_is_a_failure(
        connection: Connection, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(BrowserFailed, match='does not answer'):
        connection.command('Page.enable', timeout=0.05)
    assert 'Page.enable' in caplog.text


@pytest.mark.parametrize('last_words', [
    b'', b'[]\0', b'{\0', b'\xff\0', b'null\0', b'[' * 10000 + b'\0',
    b'{"method": "A", "params": {}}\0'],
    ids=['end', 'list', 'half', 'bytes', 'null', 'deep', 'event'])
def test_all_waits_fail_at_once_when_chromium_is_lost(
        chromium: FakeChromium, connection: Connection, last_words: bytes,
        ) -> None:
    connection.listen('A', lambda _session, params: params['missing'])
    failures = []

    def wait() -> None:
        try:
            connection.command('Page.enable', timeout=PATIENCE * 10)
        except BrowserFailed as exc:
            failures.append(exc.text)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
        chromium.read()
    chromium.write(last_words)
    if not last_words:
        chromium.end()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(failures) == 3
    assert 'has stopped' in failures[0]
    assert not connection.is_open
    with pytest.raises(BrowserFailed):
        connection.command('Page.enable')
    connection.post('Page.enable')


def test_a_message_without_end_is_not_kept(
        chromium: FakeChromium, connection: Connection,
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
        ) -> None:
    caplog.set_level('INFO')
    monkeypatch.setattr(cdp, 'MAX_MESSAGE_BYTES', 100_000)
    with contextlib.suppress(BrokenPipeError):
        for _ in range(100):
            chromium.write(b'x' * 10_000)
    wait_until(lambda: not connection.is_open, 'the connection to be given '
               'up')
    assert 'more than 100000 bytes' in caplog.text


def test_a_chromium_that_does_not_read_is_lost(
        connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdp, '_WRITE_TIMEOUT', 0.05)
    with pytest.raises(BrowserFailed, match='does not answer'):
        connection.command('A', {'text': 'x' * 1_000_000})
    assert not connection.is_open


def test_commands_longer_than_a_pipe_go_in_parts(
        chromium: FakeChromium, connection: Connection) -> None:
    chromium.serve(lambda command: chromium.say(
        id=command['id'], result={'length': len(command['params']['t'])}))
    assert connection.command('A', {'t': 'x' * 500_000}) == {
        'length': 500_000}


def test_an_interrupt_ends_waits_until_it_is_taken_back(
        chromium: FakeChromium, connection: Connection) -> None:
    threading.Timer(0.05, connection.interrupt).start()
    with pytest.raises(Interrupted):
        connection.command('A', timeout=PATIENCE * 10)
    with pytest.raises(Interrupted):
        connection.wait(lambda: None, PATIENCE * 10, 'nothing')
    chromium.read()
    connection.resume()
    chromium.serve(lambda command: chromium.say(id=command['id']))
    assert connection.command('B') == {}


def test_a_closed_connection_stays_closed(
        chromium: FakeChromium, connection: Connection) -> None:
    connection.close()
    connection.close()
    connection.post('Browser.close')
    with pytest.raises(BrowserFailed):
        connection.command('A')
    with pytest.raises(AssertionError):
        chromium.read()
