# SPDX-License-Identifier: Apache-2.0
"""Feeds a handshake with bytes in any split and notes all that comes of it.

It knows what a driver of the machine has to know and nothing of RFB.
"""

import contextlib
import dataclasses
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest

from ironic_console.common.errors import ConsoleError, EndpointNotRfb
from ironic_console.common.rfb.handshake import Handshake


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a handshake came to; equal for every split of the same bytes.

    :ivar end: 'done', 'waiting', or the name of the error's class.
    :ivar step: the error's step, or the one that is waited for.
    :ivar text: the error, for operators.
    :ivar public: the error, for browsers.
    :ivar sent: all that the machine said.
    :ivar events: of the machine, as the log shows them.
    :ivar trailing: what came after the handshake.
    """

    end: str
    step: str
    text: str
    public: str
    sent: bytes
    events: tuple[str, ...]
    trailing: bytes


#: Calls admit() or refuse().
Decide = Callable[[Any], None]


class Player:
    """Plays the driver of one machine.

    Only a ConsoleError is an answer; anything else passes through and fails
    the test.

    :param decide: gives the verdict when the machine wants one; without, it
        waits.
    """

    def __init__(self, machine: Handshake,
                 decide: Decide | None = None) -> None:
        self.machine = machine
        self._decide = decide
        self.error: ConsoleError | None = None
        self.sent = machine.data_to_send()
        self._events: list[object] = machine.events()
        self._unread = b''

    @property
    def over(self) -> bool:
        return self.machine.done or self.error is not None

    def feed(self, data: bytes) -> None:
        """Give the machine what a channel would give; nothing once it is
        over."""
        if self.over:
            self._unread += data
            return
        try:
            self.machine.receive_data(data)
        except ConsoleError as exc:
            self.error = exc
        self._collect()

    def start_tls(self) -> None:
        """Do what a driver does that was asked for TLS, if it was."""
        if not self.over and self.machine.wants_tls:
            try:
                self.machine.tls_started()
            except ConsoleError as exc:
                self.error = exc
            self._collect()

    def close(self) -> None:
        """Close the peer's side."""
        if not self.over:
            try:
                self.machine.receive_eof()
            except ConsoleError as exc:
                self.error = exc
            self._collect()

    def outcome(self) -> Outcome:
        """To be asked once: it takes the trailing data."""
        events = tuple(map(str, self._events))
        if self.error is None:
            done = self.machine.done
            trailing = self.machine.trailing_data() if done else b''
            return Outcome('done' if done else 'waiting', self.machine.step,
                           '', '', self.sent, events,
                           trailing + self._decrypt(self._unread))
        text = str(self.error)
        if isinstance(self.error, EndpointNotRfb):
            # It shows operators as much of the stranger as is there.
            text = text.partition(': b')[0]
        return Outcome(type(self.error).__name__,
                       getattr(self.error, 'step', ''), text,
                       self.error.public_reason, self.sent, events, b'')

    def _decrypt(self, data: bytes) -> bytes:
        if self.machine.cipher:
            # Others may speak on after the end, and spoil a frame.
            with contextlib.suppress(ValueError):
                return self.machine.cipher.decrypt(data)
            return b''
        return data

    def _collect(self) -> None:
        if self.machine.wants_verdict and self._decide and not self.error:
            try:
                self._decide(self.machine)
            except ConsoleError as exc:
                self.error = exc
        self.sent += self.machine.data_to_send()
        self._events += self.machine.events()


#: In a list of pieces: here the peer begins TLS.
TLS = None
Split = Callable[[bytes], Iterable[bytes]]


def spoken(segments: Sequence[bytes], split: Split,
           ) -> Iterator[bytes | None]:
    """:returns: pieces of all segments, between which TLS begins."""
    for number, segment in enumerate(segments):
        if number:
            yield TLS
        yield from split(segment)


def play(machine: Handshake, pieces: Iterable[bytes | None],
         close: bool = False, decide: Decide | None = None) -> Outcome:
    """Feed a machine with all pieces, whatever it answers.

    :param pieces: bytes, and :data:`TLS` where that begins.
    :param close: the peer closes after the last.
    :param decide: see :class:`Player`.
    """
    player = Player(machine, decide)
    for piece in pieces:
        if piece is None:
            player.start_tls()
        else:
            player.feed(piece)
    if close:
        player.close()
    return player.outcome()


# -- splits: data -> pieces ---------------------------------------------------

def whole(data: bytes) -> Iterator[bytes]:
    yield data


def byte_by_byte(data: bytes) -> Iterator[bytes]:
    for place in range(len(data)):
        yield data[place:place + 1]


class AtRandom:
    """Splits at random.

    :param seed: in its name, so that a failure can be repeated: the same
        bytes are always split in the same places.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.__name__ = f'at_random_seed_{seed}'

    def __call__(self, data: bytes) -> Iterator[bytes]:
        dice = random.Random(self._seed)
        count = dice.randint(0, min(8, len(data)))
        yield from cut(data, sorted(dice.randint(0, len(data))
                                    for _ in range(count)))


def cut(data: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """Split at ascending places; empty pieces are pieces too."""
    begin = 0
    for end in cuts:
        yield data[begin:end]
        begin = end
    yield data[begin:]


def splits(seeds: Iterable[int] = range(5)) -> list[Any]:
    """:returns: parameters of the splits that every wire test runs with."""
    return [pytest.param(split, id=split.__name__)
            for split in (whole, byte_by_byte, *map(AtRandom, seeds))]
