# SPDX-License-Identifier: Apache-2.0
"""Listeners: accept connections and give each a thread to be set up on."""

import contextlib
import dataclasses
import errno
import logging
import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Collection
from typing import Any, Protocol

from ironic_console.common.addresses import with_port
from ironic_console.common.channels.base import ChannelError
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.channels.tls import accept_tls
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.errors import ConfigError
from ironic_console.novncproxy.connection import Connection
from ironic_console.novncproxy.opening import Services
from ironic_console.novncproxy.setups import Setups

LOG = logging.getLogger(__name__)

_BACKLOG = 1024
# Connections that are accepted before looking at anything else.
_ACCEPTS_A_TURN = 64
# Pause when there are no file descriptors or threads left, seconds.
_EXHAUSTED_PAUSE = 0.2
_COMPLAINT_INTERVAL = 60.0
_BUSY = (b'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n'
         b'Content-Length: 0\r\nConnection: close\r\n\r\n')


def listen(host: str, port: int,
           options: str = '[vnc]host_ip and [vnc]port') -> socket.socket:
    """Open a port that all workers share.

    :param host: address or name; ``::`` is for IPv4 too.
    :param port: 0 for any free one.
    :param options: where these come from.
    :raises ConfigError: it cannot be opened; the text says why.
    """
    try:
        return open_port(host, port)
    except (OSError, UnicodeError) as exc:
        raise ConfigError(f'cannot listen on {host} port {port} '
                          f'({options}): {exc}') from exc


def open_port(host: str, port: int, reuse_port: bool = False,
              ) -> socket.socket:
    """Open a port, for whoever knows better than to end when it is taken.

    :param host: as for :func:`listen`.
    :param reuse_port: other workers may open it as well; otherwise they
        have it only from the process that did.
    :raises OSError: it cannot be had.
    :raises UnicodeError: no host can have such a name.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM,
                               flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    listener = socket.create_server(
        address[:2], family=family, backlog=_BACKLOG, reuse_port=reuse_port,
        dualstack_ipv6=family == socket.AF_INET6 and host == '::')
    listener.setblocking(False)
    return listener


class Door(Protocol):
    """What happens to those who connect to one listener."""

    def serve(self, arrival: 'Arrival') -> None:
        """Serve one, on a thread of its own; the socket is the door's.

        :raises ChannelError: the connection broke.
        """

    def turn_away(self, sock: socket.socket) -> None:
        """Close it, now; if there is a way to say why, say it."""


@dataclasses.dataclass(frozen=True)
class Arrival:
    """Somebody who has connected.

    :ivar peer: address and port, for the log.
    :ivar heard: to be called when it has shown that it may have a console.
    :ivar may_stay: whether it may stay for another request now.
    """

    sock: socket.socket
    peer: str
    services: Services
    heard: Callable[[], None]
    may_stay: Callable[[], bool]


class BrowserDoor:
    """HTTP, inside TLS or not.

    :param context: TLS, or ``None``; may be replaced.
    """

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.context = context

    def serve(self, arrival: Arrival) -> None:
        services = arrival.services
        # One for both: TLS is part of how slow somebody can be.
        deadline = Deadline(services.clock, services.limits.head_timeout,
                            'head_timeout')
        channel = TcpChannel(arrival.sock, arrival.peer)
        if self.context:
            channel = accept_tls(channel, self.context, deadline)
        Connection(channel, services, arrival.heard, arrival.may_stay,
                   deadline).run()

    def turn_away(self, sock: socket.socket) -> None:
        # Reading what is there lets the answer arrive before the reset that
        # unread bytes would cause.
        with contextlib.suppress(OSError):
            sock.recv(16 * 1024)
        if self.context is None:
            with contextlib.suppress(OSError):
                sock.send(_BUSY)
        sock.close()


class _Complaint:
    """What would stand in every line of the log, said once a minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._at = float('-inf')
        self._left_out = 0

    def make(self, level: int, text: str, *args: object) -> None:
        now = self._clock.monotonic()
        with self._lock:
            if now - self._at < _COMPLAINT_INTERVAL:
                self._left_out += 1
                return
            self._at = now
            left_out, self._left_out = self._left_out, 0
        LOG.log(level, text + '%s', *args,
                f' ({left_out} times more since this was said last)'
                if left_out else '')


class Server:
    """Accepts on listeners that may be shared with other processes.

    :param services: for connections from now on; may be replaced.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self._doors: dict[socket.socket, Door] = {}
        self._setups = Setups(services.metrics)
        self._exhausted = _Complaint(services.clock)
        self._full = _Complaint(services.clock)
        self._lock = threading.Lock()
        self._changes: list[tuple[socket.socket, Door | None]] = []
        self._stopping = self._stopped = False
        self._awake, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._thread = threading.Thread(target=self._run, name='accept',
                                        daemon=True)

    def start(self) -> None:
        self._thread.start()

    def open(self, listener: socket.socket, door: Door) -> None:
        """Accept on one more listener, from any thread.

        :param listener: not blocking; ours from now on. Other processes may
            have it too.
        """
        self._change(listener, door)

    def shut(self, listener: socket.socket) -> None:
        """Accept on a listener no more, and close it; connections go on."""
        self._change(listener, None)

    def stop_accepting(self) -> None:
        """Accept nothing more; connections go on."""
        self._stopping = True
        self._wake()
        self._thread.join()
        with self._lock:
            # Whoever opens one from now on finds us stopped.
            self._stopped = True
            late = [listener for listener, door in self._changes if door]
        for listener in [*self._doors, *late]:
            listener.close()
        self._awake.close()
        self._waker.close()

    def wait_for_setups(self, timeout: float) -> None:
        """Wait for all that are being set up.

        :param timeout: in seconds.
        """
        self._setups.wait_until_empty(timeout)

    def wait_for_guests(self, timeout: float) -> None:
        """Wait for those who may have a console and are being set up.

        :param timeout: in seconds.
        """
        self._setups.wait_for_guests(timeout)

    def _change(self, listener: socket.socket, door: Door | None) -> None:
        with self._lock:
            if self._stopped:
                listener.close()
                return
            self._changes.append((listener, door))
        self._wake()

    def _wake(self) -> None:
        # It is full of calls to wake up already, or the thread has ended.
        with contextlib.suppress(OSError):
            self._waker.send(b'\x00')

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._awake, selectors.EVENT_READ)
            self._take_changes(selector)
            while not self._stopping:
                ready = [key.fileobj for key, _ in selector.select()]
                if self._awake in ready:
                    self._awake.recv(4096)
                    self._take_changes(selector)
                if not self._accept_all(ready):
                    self._rest(selector)

    def _accept_all(self, ready: Collection[Any]) -> bool:
        """:returns: ``False`` when this process has run out of something."""
        enough = True
        for listener in ready:
            # Without a door: shut a moment ago, or what wakes us.
            if door := self._doors.get(listener):
                enough &= self._accept(listener, door)
        return enough

    def _take_changes(self, selector: selectors.BaseSelector) -> None:
        with self._lock:
            changes, self._changes = self._changes, []
        for listener, door in changes:
            if door:
                self._doors[listener] = door
                selector.register(listener, selectors.EVENT_READ)
            elif self._doors.pop(listener, None):
                selector.unregister(listener)
                listener.close()

    def _rest(self, selector: selectors.BaseSelector) -> None:
        """Let connections that are being set up finish, without spinning."""
        for listener in self._doors:
            selector.unregister(listener)
        selector.select(_EXHAUSTED_PAUSE)
        for listener in self._doors:
            selector.register(listener, selectors.EVENT_READ)

    def _accept(self, listener: socket.socket, door: Door) -> bool:
        """:returns: ``False`` when this process has run out of something."""
        for _ in range(_ACCEPTS_A_TURN):
            try:
                sock, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return True
            except OSError as exc:
                if exc.errno == errno.EINVAL:
                    # Shut down by the parent process: the service ends.
                    return False
                self._complain(exc)
                return False
            if not self._begin(sock, with_port(*address[:2]), door):
                return True
        return True

    def _begin(self, sock: socket.socket, peer: str, door: Door) -> bool:
        services = self.services
        if not self._setups.begin(sock, services.limits.max_setups):
            self._full.make(
                logging.WARNING, '%s turned away: [ironic_console]max_setups '
                'connections are being set up', peer)
            services.metrics.turned_away('setups')
            self._turn_away(sock, door)
            return True
        arrival = Arrival(sock, peer, services,
                          lambda: self._setups.heard(sock), self._has_room)
        thread = threading.Thread(target=self._set_up, args=(arrival, door),
                                  name='setup', daemon=True)
        try:
            thread.start()
        except RuntimeError as exc:
            LOG.error('%s turned away: %s', peer, exc)
            self._setups.end(sock)
            self._turn_away(sock, door)
            return False
        return True

    @staticmethod
    def _turn_away(sock: socket.socket, door: Door) -> None:
        sock.setblocking(False)
        door.turn_away(sock)

    def _complain(self, error: OSError) -> None:
        self.services.metrics.turned_away('exhausted')
        self._exhausted.make(
            logging.ERROR, 'Cannot accept connections: %s; raise the limit '
            'of open files, or lower [ironic_console]max_sessions', error)

    def _set_up(self, arrival: Arrival, door: Door) -> None:
        try:
            door.serve(arrival)
        except ChannelError as exc:
            LOG.debug('Not set up: %s', exc)
        except Exception:
            LOG.exception('Bug: connection of %s failed', arrival.peer)
        finally:
            self._setups.end(arrival.sock)

    def _has_room(self) -> bool:
        """:returns: a connection may stay for a further request."""
        # Each takes a thread while it waits, and browsers keep six of them.
        # Who asks again when we are stopping had better ask another.
        return (not self._stopping and
                len(self._setups) <= self.services.limits.max_setups // 2)
