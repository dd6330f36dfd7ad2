# SPDX-License-Identifier: Apache-2.0
"""Link: the two channels of one session and the bytes between them.

It moves bytes when it is told to and says what it waits for; when that
happens and how long it may take is the relay's business.
"""

import contextlib
import os
from collections.abc import Callable
from typing import Protocol

from ironic_console.common.channels.base import (
    READ,
    RECEIVE_BYTES,
    WRITE,
    Channel,
    ChannelError,
)
from ironic_console.common.channels.framing import (
    FRAME_HEAD_BYTES,
    ViewerChannel,
)
from ironic_console.common.errors import RemoteProtocolError
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.close_reasons import CloseReason
from ironic_console.novncproxy.pace import Pace
from ironic_console.novncproxy.pipes import Pipe, PipePool

#: Most bytes that wait for the endpoint; above, the browser is not read.
HIGH_WATER_BYTES = 64 * 1024
#: Most bytes that one session moves before the next one has its turn.
#: With the head of its frame, what fits into four records of TLS.
COPY_BYTES = 64 * 1024 - 4
SPLICE_BYTES = 1024 * 1024
# From this size on, the system calls of a splice cost less than a copy.
_BULK_BYTES = 16 * 1024
# Behind one that is smaller, there is probably no other, unless it is bulk.
_LARGE_RECORD_BYTES = 4 * 1024
# What is taken of the browser in one turn: messages, and bytes of them. A
# rule may have to look at each of thousands of messages in one frame.
_MESSAGES_A_TURN = 32
_INPUT_BYTES = 16 * 1024

EndListener = Callable[['Link', CloseReason], None]


class InputRule(Protocol):
    """What happens to what a browser says before the endpoint gets it."""

    @property
    def inputs(self) -> int:
        """Number of messages so far that came of a person's hands."""

    @property
    def messages(self) -> int:
        """Number of messages so far, of any kind."""

    def receive_data(self, data: bytes) -> bytes:
        """:returns: what the endpoint gets of it.
        :raises RemoteProtocolError: the session must end.
        """

    def releases(self) -> bytes:
        """:returns: messages that release the keys that are down."""


class Ended(Exception):
    """One of the two sides is over.

    :ivar reason: what to tell the other.
    """

    def __init__(self, reason: CloseReason) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Buffers:
    """What all links of an event loop use in turn.

    :ivar pipes: for splicing.
    :ivar scratch: room for the head of a frame, then for its payload.
    """

    def __init__(self) -> None:
        self.pipes = PipePool()
        self.scratch = bytearray(FRAME_HEAD_BYTES + COPY_BYTES)
        self.payload = memoryview(self.scratch)[FRAME_HEAD_BYTES:]


class Link:
    """One session in the relay.

    :param browser: after its RFB handshake.
    :param endpoint: likewise.
    :param rule: for what the browser says.
    :param to_endpoint: bytes of the browser that came behind its handshake.
    :param to_browser: bytes of the endpoint that came behind its own.
    :param on_end: called once, when both channels are closed.
    :raises RemoteProtocolError: the rule does not take ``to_endpoint``.
    :ivar from_browser_bytes: payload that the endpoint was given.
    :ivar to_browser_bytes: payload that the browser was given.
    :ivar stalls: times that the browser could not take all of it at once.
    """

    __slots__ = (
        '_buffers',
        '_bulk',
        '_gathering',
        '_input',
        '_pace',
        '_pipe',
        '_rule',
        '_to_endpoint',
        'browser',
        'browser_events',
        'closing',
        'counted_at',
        'credit',
        'deadline',
        'ended',
        'endpoint',
        'endpoint_events',
        'from_browser_bytes',
        'heard_at',
        'held_up',
        'on_end',
        'opened_at',
        'pieces',
        'pinged_at',
        'progress_at',
        'stalls',
        'to_browser_bytes',
        'used_at',
    )

    def __init__(self, browser: ViewerChannel, endpoint: Channel,
                 rule: InputRule, on_end: EndListener,
                 to_endpoint: bytes = b'', to_browser: bytes = b'') -> None:
        self.browser = browser
        self.endpoint = endpoint
        self.on_end = on_end
        self._rule = rule
        # Of the browser, and not looked at yet; then for the endpoint.
        self._input = b''
        self._to_endpoint = bytearray(rule.receive_data(to_endpoint))
        self._pipe: Pipe | None = None
        self._bulk = False
        self._pace = Pace(_BULK_BYTES)
        self._gathering = False
        self._buffers: Buffers | None = None
        self.from_browser_bytes = 0
        self.to_browser_bytes = 0
        # Kept by the relay: what it listens for, and when things happened.
        self.browser_events = 0
        self.endpoint_events = 0
        self.opened_at = self.used_at = self.heard_at = 0.0
        self.pinged_at = self.progress_at = self.deadline = 0.0
        self.pieces = self.stalls = 0
        self.credit = self.counted_at = 0.0
        self.held_up = False
        self.closing: CloseReason | None = None
        self.ended = False
        if to_browser:
            self.to_browser_bytes += browser.send(to_browser)

    def attach(self, buffers: Buffers) -> None:
        """Begin; the buffers belong to the loop that runs this link."""
        self._buffers = buffers

    # -- what it waits for ---------------------------------------------------

    def browser_busy(self) -> bool:
        """The browser has not taken yet what is for it."""
        return self._pipe is not None or self.browser.has_output

    def endpoint_busy(self) -> bool:
        """The endpoint has not taken yet what is for it."""
        return bool(self._to_endpoint) or self.endpoint.has_output

    def is_full(self) -> bool:
        """The endpoint leaves us no room for more of the browser."""
        return len(self._to_endpoint) >= HIGH_WATER_BYTES

    def count_pieces(self) -> int:
        """:returns: frames, or messages in them if those are more, that the
            browser has sent so far; each costs more than its bytes."""
        return max(self.browser.frames, self._rule.messages)

    def is_gathering(self) -> bool:
        """What the endpoint sends is left to gather for a moment."""
        return self._gathering

    def fetch_gathered(self) -> None:
        """That moment is over; :meth:`pull_from_endpoint` gets it."""
        self._gathering = False

    def interest(self) -> tuple[int, int]:
        """:returns: selector events for the browser and the endpoint."""
        busy = self.browser_busy()
        browser = WRITE if busy else 0
        if self.closing:
            return browser or READ, 0
        if not self.is_full():
            browser |= READ
        # A side that cannot take more stops the reading of the other.
        endpoint = 0 if busy or self._gathering else READ
        if self.endpoint_busy():
            endpoint |= WRITE
        return browser, endpoint

    def pending(self) -> bool:
        """There is something to read that no selector will announce."""
        if self.closing:
            return not self.browser_busy() and self.browser.pending()
        return ((not self.is_full()
                 and (bool(self._input) or self.browser.pending()))
                or (not self.browser_busy() and not self._gathering
                    and self.endpoint.pending()))

    # -- browser to endpoint -------------------------------------------------

    def pull_from_browser(self, now: float) -> None:
        """Read the browser; give the endpoint what it takes.

        :param now: monotonic time, seconds.
        :raises Ended: a side is over.
        """
        pongs = self.browser.pongs
        try:
            self._read_browser(now)
        finally:
            # What came before the end is still for the endpoint.
            if self._to_endpoint:
                self.push_to_endpoint()
        if self.browser.pongs != pongs:
            self.heard_at = now

    def _read_browser(self, now: float) -> None:
        try:
            room = _INPUT_BYTES
            for _ in range(_MESSAGES_A_TURN):
                if not room or self.is_full():
                    return
                data = self._input or self.browser.receive()
                if data is None:
                    return
                if not data:
                    raise Ended(close_reasons.BROWSER_CLOSED)
                data, self._input = data[:room], data[room:]
                room -= len(data)
                self.heard_at = now
                if not self.closing:
                    inputs = self._rule.inputs
                    self._to_endpoint += self._rule.receive_data(data)
                    # A viewer asks for pictures as long as it is open.
                    if self._rule.inputs != inputs:
                        self.used_at = now
                # To ask in vain would cost as much as the message did.
                if not self.browser.pending():
                    return
        except ChannelError as exc:
            raise Ended(close_reasons.BROWSER_LOST) from exc
        except RemoteProtocolError as exc:
            raise Ended(close_reasons.from_error(exc)) from exc

    def push_to_endpoint(self) -> bool:
        """:returns: the endpoint took something."""
        try:
            if not self._to_endpoint:
                return self.endpoint.flush()
            sent = self.endpoint.send(self._to_endpoint)
        except ChannelError as exc:
            raise Ended(close_reasons.ENDPOINT_LOST) from exc
        del self._to_endpoint[:sent]
        self.from_browser_bytes += sent
        return sent > 0

    # -- endpoint to browser -------------------------------------------------

    def pull_from_endpoint(self, now: float) -> bool:
        """Read the endpoint, if the browser can take more.

        :param now: monotonic time, seconds.
        :returns: something was moved.
        :raises Ended: a side is over.
        """
        if self.browser_busy():
            return self.push_to_browser()
        before = self.to_browser_bytes
        moved = self._move()
        if moved and self._pace.is_trickle(
                self.to_browser_bytes - before, now):
            # What gathers is worth a splice, or a look for more records.
            self._gathering = self._bulk = True
        return moved

    def _move(self) -> bool:
        if (self._bulk and self.endpoint.is_plain
                and self.browser.below.is_plain):
            return self._splice()
        return self._copy()

    def push_to_browser(self) -> bool:
        """:returns: the browser took something.
        :raises Ended: it is gone.
        """
        try:
            before = self.browser.output_size
            if not self.browser.flush_head():
                return self.browser.output_size < before
            moved = self._push_pipe() if self._pipe else True
            self.browser.flush()
            return moved
        except ChannelError as exc:
            raise Ended(close_reasons.BROWSER_LOST) from exc

    def _copy(self) -> bool:
        assert self._buffers is not None
        try:
            size = self._fill(self._buffers.payload)
        except ChannelError as exc:
            raise Ended(close_reasons.ENDPOINT_LOST) from exc
        if size is None:
            return False
        if not size:
            raise Ended(close_reasons.ENDPOINT_CLOSED)
        self._bulk = size >= _BULK_BYTES
        try:
            self.browser.send_framed(self._buffers.scratch, size)
        except ChannelError as exc:
            raise Ended(close_reasons.BROWSER_LOST) from exc
        self.to_browser_bytes += size
        self.stalls += self.browser.has_output
        return True

    def _fill(self, room: memoryview) -> int | None:
        """Receive records of TLS, which come one by one, until there is
        room for none: a frame for each would cost a call of the kernel."""
        size = got = self.endpoint.receive_into(room)
        while (size and got and (self._bulk or got >= _LARGE_RECORD_BYTES)
               and not self.endpoint.is_plain
               and COPY_BYTES - size >= RECEIVE_BYTES):
            got = self.endpoint.receive_into(room[size:])
            # An end is found again the next time.
            size += got or 0
        return size

    def _splice(self) -> bool:
        assert self._buffers is not None
        pipe = self._buffers.pipes.borrow()
        if pipe is None:
            return self._copy()
        try:
            size = os.splice(self.endpoint.fileno(), pipe.write_end,
                             SPLICE_BYTES, flags=_SPLICE_FLAGS)
        except BlockingIOError:
            size = -1
        except OSError as exc:
            self._buffers.pipes.give_back(pipe)
            raise Ended(close_reasons.ENDPOINT_LOST) from exc
        if size <= 0:
            self._buffers.pipes.give_back(pipe)
            if size == 0:
                raise Ended(close_reasons.ENDPOINT_CLOSED)
            return False
        self._bulk = size >= _BULK_BYTES
        self._pipe = pipe
        self.browser.begin_frame(size)
        self.to_browser_bytes += size
        self.push_to_browser()
        self.stalls += self.browser_busy()
        return True

    def _push_pipe(self) -> bool:
        assert self._pipe is not None
        assert self._buffers is not None
        moved = False
        while self.browser.body_left:
            try:
                sent = os.splice(self._pipe.read_end, self.browser.fileno(),
                                 self.browser.body_left, flags=_SPLICE_FLAGS)
            except BlockingIOError:
                return moved
            except OSError as exc:
                raise Ended(close_reasons.BROWSER_LOST) from exc
            self.browser.body_sent(sent)
            moved = True
        self._buffers.pipes.give_back(self._pipe)
        self._pipe = None
        return moved

    # -- the end -------------------------------------------------------------

    def begin_close(self, reason: CloseReason) -> None:
        """Close the endpoint and queue the close frame for the browser."""
        self.closing = reason
        self._input = b''
        # A server would go on repeating a key that nobody releases.
        self._to_endpoint += self._rule.releases()
        if self._to_endpoint:
            with contextlib.suppress(Ended):
                self.push_to_endpoint()
        self.endpoint.close()
        self._to_endpoint.clear()
        # One that is gone needs no reason.
        with contextlib.suppress(ChannelError):
            self.browser.send_close(reason.code, reason.text)

    def close(self) -> None:
        """Let go of everything at once."""
        self.endpoint.close()
        self.browser.close()
        if self._pipe and self._buffers:
            self._buffers.pipes.give_back(self._pipe, empty=False)
            self._pipe = None


# SPLICE_F_MOVE | SPLICE_F_NONBLOCK, linux/splice.h; Python names them from
# 3.10 on only where the C library does.
_SPLICE_FLAGS = 0x01 | 0x02
