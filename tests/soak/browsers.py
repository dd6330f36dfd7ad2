# SPDX-License-Identifier: Apache-2.0
"""Browsers of a soak: each does one thing over and over until it is told to
stop.

They check what they are shown. What should not happen is an exception, which
ends the soak.
"""

import asyncio
import contextlib
import dataclasses
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import websockets.asyncio.client
from websockets.exceptions import ConnectionClosed

from ironic_console.common.nodes import NodeRecord
from tests.helpers.proxy import path_to, ticket_for

#: For one answer of a busy machine, seconds.
PATIENCE = 60.0
_LIFETIME = 30.0
_FLOOD_FRAMES = 20_000

FLOODED, NO_ENDPOINT = 1008, 4503
_ENDPOINT_GONE = 4502


class Console:
    """A console that is open, as the stream of bytes that RFB is."""

    def __init__(self, socket: websockets.asyncio.client.ClientConnection,
                 ) -> None:
        self.socket = socket
        self._data = b''

    async def read(self, size: int) -> bytes:
        async with asyncio.timeout(PATIENCE):
            while len(self._data) < size:
                data = await self.socket.recv()
                assert isinstance(data, bytes)
                self._data += data
        data, self._data = self._data[:size], self._data[size:]
        return data

    async def shake_hands(self) -> None:
        assert await self.read(12) == b'RFB 003.008\n'
        await self.socket.send(b'RFB 003.008\n')
        count = (await self.read(1))[0]
        if not count:
            # Why comes again with the close frame.
            await self.socket.wait_closed()
            raise ConnectionClosed(self.socket.protocol.close_rcvd,
                                   None, None)
        assert await self.read(1) == b'\x01'
        await self.socket.send(b'\x01')
        assert await self.read(4) == bytes(4)
        await self.socket.send(b'\x01')
        assert (await self.read(28)).endswith(b'soak')

    async def echoes(self) -> None:
        data = os.urandom(random.choice((8, 20, 300, 20_000)))
        await self.socket.send(data)
        assert await self.read(len(data)) == data


@dataclasses.dataclass
class Desk:
    """Where browsers are, and what they share.

    :ivar address: of the proxy.
    :ivar echo, flood, vanish, dead: nodes, by what their endpoint does.
    :ivar stopping: set when it is over.
    :ivar sessions: that were opened so far.
    """

    address: tuple[str, int]
    echo: NodeRecord
    flood: NodeRecord
    vanish: NodeRecord
    dead: NodeRecord
    stopping: asyncio.Event = dataclasses.field(
        default_factory=asyncio.Event)
    sessions: int = 0

    @contextlib.asynccontextmanager
    async def open(self, node: NodeRecord) -> AsyncIterator[Console]:
        host, port = self.address
        async with websockets.asyncio.client.connect(
                f'ws://{host}:{port}'
                f'{path_to(node.uuid, ticket_for(node))}',
                compression=None, open_timeout=PATIENCE,
                ping_interval=None, max_queue=4, proxy=None) as socket:
            console = Console(socket)
            await console.shake_hands()
            self.sessions += 1
            yield console

    async def pause(self, seconds: float) -> bool:
        """:returns: go on."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)
        return not self.stopping.is_set()


Browser = Callable[[Desk], Awaitable[None]]


async def idle(desk: Desk) -> None:
    """Looks at a still picture all the time."""
    async with desk.open(desk.echo) as console:
        # Pings are answered while somebody reads.
        receiving = asyncio.ensure_future(console.socket.recv())
        await desk.stopping.wait()
        assert not receiving.done()
        receiving.cancel()


async def types(desk: Desk) -> None:
    """Comes, types for a while, and closes the tab."""
    while await desk.pause(random.uniform(0, 2)):
        async with desk.open(desk.echo) as console:
            for _ in range(random.randrange(int(_LIFETIME))):
                await console.echoes()
                if not await desk.pause(1):
                    break


async def reconnects(desk: Desk) -> None:
    """Loses its network, and comes back."""
    while await desk.pause(random.uniform(1, 5)):
        async with desk.open(desk.echo) as console:
            await console.echoes()
            await desk.pause(random.uniform(0, 10))
            console.socket.transport.abort()


async def watches(desk: Desk) -> None:
    """Looks at a moving picture, sometimes more slowly than it moves."""
    while await desk.pause(random.uniform(0, 2)):
        async with desk.open(desk.flood) as console:
            for _ in range(random.randrange(200)):
                await console.read(16 * 1024)
                if not await desk.pause(random.choice((0, 0, 0.5))):
                    break


async def floods(desk: Desk) -> None:
    """Sends more frames than anybody types, and is thrown out."""
    while await desk.pause(random.uniform(10, 20)):
        try:
            async with desk.open(desk.flood) as console:
                receiving = asyncio.ensure_future(_read_all(console))
                for _ in range(_FLOOD_FRAMES):
                    await console.socket.send(b'\x05')
                await asyncio.wait_for(receiving, PATIENCE)
        except ConnectionClosed as exc:
            _expect(exc, FLOODED)


async def suffers(desk: Desk) -> None:
    """Its BMC vanishes again and again."""
    while await desk.pause(random.uniform(0, 3)):
        try:
            async with desk.open(desk.vanish) as console:
                while await desk.pause(0.5):
                    await console.echoes()
        except ConnectionClosed as exc:
            _expect(exc, _ENDPOINT_GONE)


async def asks_in_vain(desk: Desk) -> None:
    """Its BMC is switched off."""
    while await desk.pause(random.uniform(1, 5)):
        try:
            async with desk.open(desk.dead):
                raise AssertionError('there is nobody')
        except ConnectionClosed as exc:
            _expect(exc, NO_ENDPOINT)


async def breaks_in(desk: Desk) -> None:
    """Has a ticket of another node, or no idea of HTTP."""
    host, port = desk.address
    while await desk.pause(random.uniform(0, 2)):
        reader, writer = await asyncio.open_connection(host, port)
        target = path_to(desk.echo.uuid, ticket_for(desk.dead)[:-2])
        writer.write(random.choice((
            os.urandom(200) + b'\r\n\r\n',
            f'GET {target} HTTP/1.1\r\nHost: a\r\n\r\n'.encode(),
            b'GET / HTTP/1.1\r\nHo')))
        with contextlib.suppress(OSError):
            async with asyncio.timeout(PATIENCE):
                answer = await reader.read(12)
            assert not answer or answer[:9] == b'HTTP/1.1 ', answer
        writer.transport.abort()


async def _read_all(console: Console) -> None:
    while True:
        await console.socket.recv()


def _expect(error: ConnectionClosed, code: int) -> None:
    """:raises ConnectionClosed: it was closed for another reason."""
    if error.rcvd is None or error.rcvd.code != code:
        raise error


#: How many of a hundred do what.
MIX: dict[Browser, int] = {
    idle: 40, types: 20, reconnects: 15, watches: 10, suffers: 10,
    asks_in_vain: 2, breaks_in: 2, floods: 1}
