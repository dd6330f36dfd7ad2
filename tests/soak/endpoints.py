# SPDX-License-Identifier: Apache-2.0
"""VNC servers of a soak: hundreds of sessions in one event loop.

They know no more of RFB than its handshake; what they do with a session is
named by the behaviours below.
"""

import asyncio
import contextlib
import random
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

_SERVER_INIT = (struct.pack('>HH', 800, 600)
                + bytes.fromhex('20180001 00ff00ff00ff 100800 000000')
                + struct.pack('>I', 4) + b'soak')
#: Seconds after which a server that vanishes has done so, at most.
LIFETIME = 20.0
_FLOOD = bytes(range(256)) * 64
_FLOOD_PAUSE = 0.1

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter],
                     Awaitable[None]]


async def echo(reader: asyncio.StreamReader,
               writer: asyncio.StreamWriter) -> None:
    """Send back every byte."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def flood(_reader: asyncio.StreamReader,
                writer: asyncio.StreamWriter) -> None:
    """Send without end, as fast as it is taken or a little slower."""
    while True:
        writer.write(_FLOOD)
        await writer.drain()
        await asyncio.sleep(_FLOOD_PAUSE)


async def vanish(reader: asyncio.StreamReader,
                 writer: asyncio.StreamWriter) -> None:
    """Echo for a while; then the connection is reset."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(echo(reader, writer),
                               random.uniform(0, LIFETIME))
    writer.transport.abort()


async def _shake_hands(reader: asyncio.StreamReader,
                       writer: asyncio.StreamWriter) -> None:
    """RFB 3.8 with security type None. RFC 6143 §7.1 to 7.3."""
    writer.write(b'RFB 003.008\n')
    await reader.readexactly(12)
    writer.write(b'\x01\x01')
    await reader.readexactly(1)
    writer.write(bytes(4))
    await reader.readexactly(1)
    writer.write(_SERVER_INIT)


@contextlib.asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncIterator[int]:
    """A VNC server; yields its port."""
    async def serve(reader: asyncio.StreamReader,
                    writer: asyncio.StreamWriter) -> None:
        # The proxy may go at any time; that is no news here.
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            await _shake_hands(reader, writer)
            await behaviour(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(serve, '127.0.0.1', 0, backlog=1024)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
