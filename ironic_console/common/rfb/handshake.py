# SPDX-License-Identifier: Apache-2.0
"""What our two handshakes share: a generator fed with bytes.

A handshake is written straight down the page as a generator that asks for
its next field with ``yield from self.read(12, 'ProtocolVersion')``. Fed
whole, byte by byte or anyhow else, it takes the same course.
"""

import contextlib
import dataclasses
import struct
from collections.abc import Generator
from typing import Protocol

from ironic_console.common.errors import (
    ConsoleError,
    LimitExceeded,
    LocalProtocolError,
    PeerClosed,
    RemoteProtocolError,
    Side,
)
from ironic_console.common.rfb.wire import ByteReader

# What a step may leave unread while it waits. Every length has its own limit
# far below this one; it holds for the step that forgets to have one.
MAX_BUFFERED_BYTES = 64 * 1024


@dataclasses.dataclass(frozen=True)
class StartTLS:
    """Event: from here on both sides speak inside TLS.

    :ivar anonymous: without certificates (the TLS* sub-types of VeNCrypt).
    """

    anonymous: bool

    def __str__(self) -> str:
        return 'anonymous TLS' if self.anonymous else 'TLS'


class Cipher(Protocol):
    """What encrypts all that follows, in the types that bring their own.

    Both directions keep a state; each byte passes once and in order.
    """

    def encrypt(self, data: bytes) -> bytes:
        ...

    def decrypt(self, data: bytes) -> bytes:
        """Take bytes, any split; give those that are complete.

        :raises ValueError: they are not from the peer. Not before all that
            came before them has been given: the next call raises.
        """


class Handshake:
    """Runs the steps of one handshake.

    :ivar side: the peer that it is held with, for errors.
    :ivar step: the field that is being read; '' before and after.
    :ivar done: it has ended well.
    :ivar heard: the peer has sent anything at all.
    :ivar wants_tls: the caller shall wrap the connection in TLS now and call
        :meth:`tls_started`; nothing may be fed before.
    :ivar wants_verdict: the peer has said what it can; the caller shall
        decide about it, see :class:`server.ServerHandshake`.
    :ivar cipher: encrypts the connection from now on, also after the
        handshake; data passes it inside this machine until then.
    :ivar eof_means: error of a peer that closes now; set by the steps where
        servers are known to hang up instead of finishing a sentence.

    After an error has been raised the machine takes no more data, but
    :meth:`data_to_send` still gives what the peer should be told.
    """

    def __init__(self, side: Side) -> None:
        self.side = side
        self.step = ''
        self.done = False
        self.heard = False
        self.wants_tls: StartTLS | None = None
        self.wants_verdict = False
        self.cipher: Cipher | None = None
        self.eof_means: ConsoleError | None = None
        self._wanted = 0
        self._failed = False
        self._reader = ByteReader()
        self._output = bytearray()
        self._events: list[object] = []
        self._steps = self.steps()
        self._advance()

    def steps(self) -> Generator[None, None, None]:
        """The course of the handshake; implemented by the subclasses."""
        raise NotImplementedError

    # -- for the driver ----------------------------------------------------

    def receive_data(self, data: bytes) -> None:
        """Take bytes of the peer, any split.

        :raises ConsoleError: the handshake cannot go on; nothing more may
            be fed.
        """
        if self.done or self._failed:
            raise LocalProtocolError(self.side, self.step,
                                     'data after the end of the handshake')
        self.heard = self.heard or bool(data)
        if self.wants_tls and data:
            self._failed = True
            raise self._plain_text()
        self._feed(data)
        self._advance()
        if self.cipher and not self.done:
            # It tells what is wrong after all that is good.
            self._feed(b'')
        # Judged after the steps have taken theirs, so that the outcome does
        # not depend on how the bytes were split.
        if not self.done and len(self._reader) > MAX_BUFFERED_BYTES:
            self._failed = True
            raise LimitExceeded(self.side, self.step, len(self._reader),
                                MAX_BUFFERED_BYTES)

    def tls_started(self) -> None:
        """Go on inside TLS.

        :raises LocalProtocolError: nobody asked for TLS.
        :raises ConsoleError: the handshake cannot go on.
        """
        if not self.wants_tls or self._failed:
            raise LocalProtocolError(self.side, self.step,
                                     'TLS was not asked for')
        self.wants_tls = None
        self._advance()

    def receive_eof(self) -> None:
        """Take notice that the peer has closed.

        :raises ConsoleError: always, unless the handshake is over:
            PeerClosed, or what is known to be behind it.
        """
        if not self.done:
            self._failed = True
            if self.eof_means:
                raise self.eof_means
            raise PeerClosed(self.side, self.step, len(self._reader),
                             self._wanted)

    def data_to_send(self) -> bytes:
        """:returns: bytes for the peer; each is given once."""
        data = bytes(self._output)
        self._output.clear()
        return data

    def events(self) -> list[object]:
        """:returns: what has happened since the last call, oldest first;
            each has a ``str`` for the log."""
        events, self._events = self._events, []
        return events

    def trailing_data(self) -> bytes:
        """:returns: bytes that came after the handshake; they belong to the
            other peer."""
        return self._reader.take_all()

    # -- for the steps -----------------------------------------------------

    def read(self, size: int, what: str) -> Generator[None, None, bytes]:
        """Wait for exactly ``size`` bytes.

        :param what: the field, as the specification names it.
        """
        self.step = what
        self._wanted = size
        while (data := self._reader.take(size)) is None:
            yield
        return data

    def read_u8(self, what: str) -> Generator[None, None, int]:
        return (yield from self.read(1, what))[0]

    def read_u16(self, what: str) -> Generator[None, None, int]:
        return int.from_bytes((yield from self.read(2, what)))

    def read_u32(self, what: str) -> Generator[None, None, int]:
        data = yield from self.read(4, what)
        number: int = struct.unpack('>I', data)[0]
        return number

    def read_counted(self, what: str, limit: int,
                     ) -> Generator[None, None, bytes]:
        """Wait for a u32 length and as many bytes.

        :param limit: the longest that we take, bytes.
        :raises LimitExceeded: before a byte of a longer one is read.
        """
        length = yield from self.read_u32(f'length of {what}')
        if length > limit:
            raise LimitExceeded(self.side, what, length, limit)
        return (yield from self.read(length, what))

    def send(self, data: bytes) -> None:
        self._output += self.cipher.encrypt(data) if self.cipher else data

    def start_tls(self, anonymous: bool) -> Generator[None, None, None]:
        """Wait until the caller has wrapped the connection in TLS.

        :raises RemoteProtocolError: the peer has sent more in plain text,
            which would be taken for something said inside TLS (plaintext
            injection, as in CVE-2011-0411).
        """
        self.step = 'StartTLS'
        self._wanted = 0
        tls = StartTLS(anonymous)
        self.emit(tls)
        if len(self._reader):
            raise self._plain_text()
        self.wants_tls = tls
        while self.wants_tls:
            yield

    def start_cipher(self, cipher: Cipher) -> None:
        """Let all that follows pass a cipher."""
        self.cipher = cipher
        # What is wrong with it is raised again, when a field is waited for.
        with contextlib.suppress(ValueError):
            self._reader.feed(cipher.decrypt(self._reader.take_all()))

    def emit(self, event: object) -> None:
        self._events.append(event)

    # ----------------------------------------------------------------------

    def _plain_text(self) -> RemoteProtocolError:
        # How much of it has come depends on how the bytes were split.
        return RemoteProtocolError(self.side, 'StartTLS',
                                   'plain text where TLS begins')

    def _feed(self, data: bytes) -> None:
        if self.cipher:
            try:
                data = self.cipher.decrypt(data)
            except ValueError as exc:
                self._failed = True
                raise RemoteProtocolError(self.side, self.step,
                                          f'not decipherable: {exc}') from exc
        self._reader.feed(data)

    def _advance(self) -> None:
        # Failed until the step is over, whatever it raises: a generator that
        # was left by an exception would look like a finished one next time.
        self._failed = True
        try:
            next(self._steps)
        except StopIteration:
            self.done = True
            self.step = ''
        self._failed = False


class Said:
    """Event: something of the peer was understood.

    :param text: what, for the log; nothing secret.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text
