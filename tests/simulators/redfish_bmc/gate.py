# SPDX-License-Identifier: Apache-2.0
"""The VNC port of a BMC: who gets in, over TLS or not, when and for how long.

What it knows of RFB is in :mod:`ears`; all is carried to the server behind it
and back.
"""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.simulators.redfish_bmc.ears import Login, PickyEars

_T = TypeVar('_T')
#: Seconds for the server behind it to be there.
REACH_TIMEOUT = 30.0
REACH_INTERVAL = 0.05
#: For calls from other threads, seconds.
PATIENCE = 30.0
PIECE = 1 << 16


@dataclasses.dataclass(frozen=True)
class Rules:
    """What holds for who comes now.

    :ivar sessions: most viewers at a time.
    :ivar banner_delay: seconds before the first byte.
    :ivar idle_timeout: seconds without input.
    :ivar picky: unknown encodings make it silent.
    """

    sessions: int
    banner_delay: float
    idle_timeout: float
    picky: bool


@dataclasses.dataclass
class Counters:
    """What has come so far.

    :ivar connections: all of them.
    :ivar authenticated: those that gave the password; unknown in VeNCrypt.
    :ivar refused: those that were one too many.
    :ivar idled: those that were closed for their silence.
    """

    connections: int = 0
    authenticated: int = 0
    refused: int = 0
    idled: int = 0


class Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever,
                                        daemon=True, name='VNC gate')
        self._thread.start()

    def begin(self, work: Coroutine[Any, Any, _T],
              ) -> concurrent.futures.Future[_T]:
        """Run something, without waiting for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Coroutine[Any, Any, _T]) -> _T:
        """:returns: what it returns, from any other thread."""
        return self.begin(work).result(PATIENCE)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()


class Gate:
    """One port; open from :meth:`open` to :meth:`close`, again and again.

    :param rules: asked for each viewer.
    """

    def __init__(self, loop: Loop, host: str,
                 rules: Callable[[], Rules]) -> None:
        self.counters = Counters()
        self._loop = loop
        self._host = host
        self._rules = rules
        self._path = ''
        self._context: ssl.SSLContext | None = None
        self._listening: concurrent.futures.Future[None] | None = None
        self._viewers: dict[asyncio.Task[Any], Login] = {}

    def open(self, port: int, path: str,
             context: ssl.SSLContext | None) -> None:
        """Listen.

        :param path: socket of the server behind.
        :param context: for TLS from the first byte.
        :raises OSError: the port is not to be had.
        """
        self._path, self._context = path, context
        family = socket.AF_INET6 if ':' in self._host else socket.AF_INET
        listener = socket.create_server((self._host, port), family=family)
        listener.setblocking(False)
        self._listening = self._loop.begin(self._listen(listener))

    def close(self) -> None:
        """Nobody gets in, and those who are in get out."""
        listening, self._listening = self._listening, None
        if listening:
            listening.cancel()

        async def end_all() -> None:
            viewers = list(self._viewers)
            for viewer in viewers:
                viewer.cancel()
            await asyncio.gather(*viewers, return_exceptions=True)
        self._loop.call(end_all())

    def live(self) -> int:
        """:returns: number of viewers that gave the password."""
        return sum(login.done for login in list(self._viewers.values()))

    def viewers(self) -> int:
        """:returns: number of connections, in whatever state."""
        return len(self._viewers)

    async def _listen(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listener:
            while True:
                sock, _peer = await loop.sock_accept(listener)
                self._admit(sock)

    def _admit(self, sock: socket.socket) -> None:
        rules = self._rules()
        self.counters.connections += 1
        if len(self._viewers) >= rules.sessions:
            self.counters.refused += 1
            sock.close()
            return
        login = Login()
        viewer = asyncio.create_task(self._serve(sock, rules, login))
        # From now on, also if its TLS handshake takes for ever.
        self._viewers[viewer] = login

        def forget(_task: object) -> None:
            del self._viewers[viewer]
            # It may have been cancelled before it began.
            sock.close()
        viewer.add_done_callback(forget)

    async def _serve(self, sock: socket.socket, rules: Rules, login: Login,
                     ) -> None:
        # All of these are ordinary ends of a viewer.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            reader, writer = await self._streams(sock)
            try:
                await asyncio.sleep(rules.banner_delay)
                await self._carry(reader, writer, rules, login)
            finally:
                writer.transport.abort()

    async def _streams(self, sock: socket.socket,
                       ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, sock.dup(), ssl=self._context)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _carry(self, reader: asyncio.StreamReader,
                     writer: asyncio.StreamWriter, rules: Rules,
                     login: Login) -> None:
        inner_reader, inner_writer = await self._reach()
        ears = PickyEars()

        def look_down(data: bytes) -> bytes:
            if login.server(data):
                self.counters.authenticated += 1
            return data

        def look_up(data: bytes) -> bytes:
            login.client(data)
            return ears.hear(data) if rules.picky else data
        try:
            async with asyncio.TaskGroup() as both:
                down = both.create_task(_pump(inner_reader, writer, look_down,
                                              None))
                up = both.create_task(_pump(reader, inner_writer, look_up,
                                            rules.idle_timeout))
                done, pending = await asyncio.wait(
                    (down, up), return_when=asyncio.FIRST_COMPLETED)
                for one in pending:
                    one.cancel()
                if up in done and not up.exception() and up.result():
                    self.counters.idled += 1
        except* OSError:
            pass
        finally:
            inner_writer.transport.abort()
            # What the server said last is still to be delivered.
            with contextlib.suppress(OSError):
                async with asyncio.timeout(1):
                    writer.close()
                    await writer.wait_closed()

    async def _reach(self) -> tuple[asyncio.StreamReader,
                                    asyncio.StreamWriter]:
        async with asyncio.timeout(REACH_TIMEOUT):
            while True:
                try:
                    return await asyncio.open_unix_connection(self._path)
                except OSError:
                    await asyncio.sleep(REACH_INTERVAL)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
                look: Callable[[bytes], bytes],
                silence: float | None) -> bool:
    """:param look: gives what to write instead.
    :param silence: seconds that it waits for bytes.
    :returns: whether it waited for so long; else its source has ended."""
    while True:
        try:
            async with asyncio.timeout(silence):
                data = await reader.read(PIECE)
        except TimeoutError:
            return True
        if not data:
            return False
        writer.write(look(data))
        await writer.drain()
