# SPDX-License-Identifier: Apache-2.0
"""Talks to Chromium over the two pipes of ``--remote-debugging-pipe``.

It owns the wire: JSON messages that a zero byte ends, answers by their
number, events by their name, and deadlines. What Chromium shall do is not
known here.

Chrome DevTools Protocol, https://chromedevtools.github.io/devtools-protocol/
"""

import itertools
import json
import logging
import os
import select
import threading
import time
import types
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ironic_console.drivers.displays.failures import BrowserFailed

LOG = logging.getLogger(__name__)

#: Longest message from Chromium, bytes; ours is a few hundred.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
#: Seconds for one command, unless its caller knows better.
COMMAND_TIMEOUT = 20.0
#: Seconds for Chromium to take what we write.
_WRITE_TIMEOUT = 5.0
_CHUNK_BYTES = 64 * 1024
_LOST = ('The web browser of this display has stopped. It is started again '
         'when you reconnect.')
_STUCK = ('The web browser of this display does not answer. It is started '
          'again when you reconnect.')

T = TypeVar('T')
Params = Mapping[str, Any]
Listener = Callable[[str, Params], None]
NOTHING: Params = types.MappingProxyType({})


class Interrupted(Exception):
    """The visit is to end; nothing was wrong."""


class CommandRefused(BrowserFailed):
    """Chromium answered a command with an error, which is in the log."""


class Connection:
    """Both pipes to one Chromium; a thread of its own reads.

    :param reader: file descriptor to read from; closed by us.
    :param writer: file descriptor to write to; closed by us.
    """

    def __init__(self, reader: int, writer: int) -> None:
        self._reader, self._writer = reader, writer
        os.set_blocking(writer, False)
        self._numbers = itertools.count(1)
        # Guards everything below, and is told of each message.
        self._changed = threading.Condition()
        self._answers: dict[int, Params | None] = {}
        self._listeners: dict[str, Listener] = {}
        self._is_open = True
        self._is_interrupted = False
        # Not to be held while something is waited for but the pipe.
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._read, daemon=True,
                                        name='from Chromium')

    def start(self) -> None:
        """Read from now on; what must hear it listens already."""
        self._thread.start()

    def listen(self, event: str, listener: Listener) -> None:
        """Have something called at each event of a name.

        :param listener: called by the thread that reads, with the session
            and the event's parameters; it must not wait for Chromium, so it
            may :meth:`post` but not :meth:`command`.
        """
        self._listeners[event] = listener

    def command(self, method: str, params: Params = NOTHING,
                session: str = '', timeout: float = COMMAND_TIMEOUT,
                ) -> Params:
        """Have Chromium do something, and wait until it has.

        :returns: what it answered.
        :raises CommandRefused: it says that it cannot.
        :raises BrowserFailed: no answer in time, or it is gone.
        :raises Interrupted: see :meth:`interrupt`.
        """
        number = next(self._numbers)
        with self._changed:
            self._answers[number] = None
        try:
            self._write(number, method, params, session)
            answer = self.wait(lambda: self._answers[number], timeout, method)
        finally:
            with self._changed:
                del self._answers[number]
        if 'error' in answer:
            LOG.info('Chromium refused %s: %s', method,
                     _reason(answer['error']))
            raise CommandRefused(_STUCK)
        result = answer.get('result')
        return result if isinstance(result, dict) else {}

    def post(self, method: str, params: Params = NOTHING,
             session: str = '') -> None:
        """Have Chromium do something without waiting for its answer."""
        try:
            self._write(next(self._numbers), method, params, session)
        except BrowserFailed:
            LOG.debug('Chromium is gone, %s was not sent', method)

    def wait(self, condition: Callable[[], T | None], timeout: float,
             what: str) -> T:
        """Wait until something is so; asked after each message.

        :param condition: quick, as it keeps all others waiting.
        :param what: is waited for, for the log.
        :returns: the first true value of the condition.
        :raises BrowserFailed: not in time, or Chromium is gone.
        :raises Interrupted: see :meth:`interrupt`.
        """
        end = time.monotonic() + timeout
        with self._changed:
            while not (value := condition()):
                if self._is_interrupted:
                    raise Interrupted
                if not self._is_open:
                    raise BrowserFailed(_LOST)
                if not self._changed.wait(end - time.monotonic()):
                    LOG.warning('Chromium did not finish %s within %g s',
                                what, timeout)
                    raise BrowserFailed(_STUCK)
            return value

    def interrupt(self) -> None:
        """End all waits, also those that begin later."""
        with self._changed:
            self._is_interrupted = True
            self._changed.notify_all()

    def resume(self) -> None:
        """Allow waits again, after an :meth:`interrupt`."""
        with self._changed:
            self._is_interrupted = False

    @property
    def is_open(self) -> bool:
        """Whether Chromium can still be talked to."""
        return self._is_open

    def close(self) -> None:
        """Close our end, which Chromium takes as its own; safe twice."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()
        with self._writing:
            if self._writer < 0:
                return
            os.close(self._writer)
            self._writer = -1
        # Otherwise the thread does, at the end of what it reads.
        if not self._thread.ident:
            os.close(self._reader)

    def _write(self, number: int, method: str, params: Params,
               session: str) -> None:
        message: dict[str, Any] = {'id': number, 'method': method,
                                   'params': dict(params)}
        if session:
            message['sessionId'] = session
        rest = memoryview(json.dumps(message).encode() + b'\0')
        end = time.monotonic() + _WRITE_TIMEOUT
        with self._writing:
            while rest:
                rest = rest[self._write_some(rest, end):]

    def _write_some(self, data: memoryview, end: float) -> int:
        """:returns: how many bytes went."""
        if self._writer < 0 or not self._is_open:
            raise BrowserFailed(_LOST)
        poll = select.poll()
        poll.register(self._writer, select.POLLOUT)
        if not poll.poll(max(0.0, end - time.monotonic()) * 1000):
            # Half a message may have gone: nothing can follow it.
            self._lose('does not read what we write')
            raise BrowserFailed(_STUCK)
        try:
            return os.write(self._writer, data)
        except BlockingIOError:
            # What is longer than the room in the pipe goes in parts.
            return 0
        except OSError:
            self._lose('has closed its pipe')
            raise BrowserFailed(_LOST) from None

    def _lose(self, why: str) -> None:
        with self._changed:
            if self._is_open:
                LOG.info('Chromium %s', why)
            self._is_open = False
            self._changed.notify_all()

    # -- the thread ----------------------------------------------------------

    def _read(self) -> None:
        buffer = bytearray()
        try:
            while data := os.read(self._reader, _CHUNK_BYTES):
                # Only what is new can hold the end of a message.
                seen = len(buffer)
                buffer += data
                if b'\0' in data:
                    *messages, rest = buffer[:].split(b'\0')
                    buffer = rest
                    for message in messages:
                        self._handle(bytes(message))
                elif seen + len(data) > MAX_MESSAGE_BYTES:
                    self._lose('sent a message of more than '
                               f'{MAX_MESSAGE_BYTES} bytes')
                    return
            self._lose('has closed its pipe')
        except OSError as exc:
            self._lose(f'cannot be read: {exc.strerror}')
        except (KeyError, TypeError) as exc:
            # Nobody would hear of any event from here on.
            self._lose(f'sent an event that is not as we know it: {exc!r}')
        finally:
            os.close(self._reader)

    def _handle(self, data: bytes) -> None:
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self._lose('sent what is no message')
            return
        name, number = message.get('method'), message.get('id')
        listener = self._listeners.get(name) if name else None
        if listener:
            params = message.get('params')
            listener(str(message.get('sessionId') or ''),
                     params if isinstance(params, dict) else {})
        with self._changed:
            # Answers to what was posted, or came too late, are nobody's.
            if number in self._answers:
                self._answers[number] = message
            self._changed.notify_all()


def _reason(error: object) -> str:
    text = error.get('message') if isinstance(error, dict) else error
    return ascii(str(text)[:200])
