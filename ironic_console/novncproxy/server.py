# SPDX-License-Identifier: Apache-2.0
"""Listener: accepts connections and gives each a thread to be set up on."""

import contextlib
import errno
import logging
import selectors
import socket
import ssl
import threading

from ironic_console.common.channels.base import ChannelError
from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.channels.tls import accept_tls
from ironic_console.common.clock import Deadline
from ironic_console.common.errors import ConfigError
from ironic_console.novncproxy.connection import Connection
from ironic_console.novncproxy.metrics import Metrics
from ironic_console.novncproxy.opening import Services

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
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM,
                                   flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        listener = socket.create_server(
            address[:2], family=family, backlog=_BACKLOG,
            dualstack_ipv6=family == socket.AF_INET6 and host == '::')
    except (OSError, UnicodeError) as exc:
        raise ConfigError(f'cannot listen on {host} port {port} '
                          f'({options}): {exc}') from exc
    listener.setblocking(False)
    return listener


class _Setups:
    """Connections that are being set up, and who has to make room.

    Somebody who sends half a request and waits costs a thread for
    ``head_timeout``. When there are too many of those, the oldest has to go,
    so that whoever is in a hurry still gets in.
    """

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self._lock = threading.Lock()
        self._number = 0
        # Those that have not said yet what they want, oldest first, each
        # with a handle that stays good when TLS takes the socket itself.
        self._unheard: dict[socket.socket, socket.socket] = {}

    def __len__(self) -> int:
        return self._number

    def begin(self, sock: socket.socket, most: int) -> bool:
        """:returns: it may be set up."""
        with self._lock:
            full = self._number >= most
            if full and not self._unheard:
                return False
            if full:
                handle = self._unheard.pop(next(iter(self._unheard)))
                # Its own thread sees that, and closes it.
                with contextlib.suppress(OSError):
                    handle.shutdown(socket.SHUT_RDWR)
                handle.close()
                self.metrics.turned_away('slow head')
            self._number += 1
            # Out of file descriptors, it is only not the one to go.
            with contextlib.suppress(OSError):
                self._unheard[sock] = sock.dup()
            self.metrics.setups(self._number)
        return True

    def heard(self, sock: socket.socket) -> None:
        """It has said what it wants, so it may take its time."""
        with self._lock:
            self._forget(sock)

    def end(self, sock: socket.socket) -> None:
        with self._lock:
            self._forget(sock)
            self._number -= 1
            self.metrics.setups(self._number)

    def _forget(self, sock: socket.socket) -> None:
        handle = self._unheard.pop(sock, None)
        if handle:
            handle.close()


class Server:
    """Accepts on a listener that may be shared with other processes.

    :param listener: not blocking; ours from now on. Other processes may
        have it too.
    :param services: for connections from now on; may be replaced.
    :param context: TLS towards browsers, or ``None``; may be replaced.
    """

    def __init__(self, listener: socket.socket, services: Services,
                 context: ssl.SSLContext | None) -> None:
        self.services = services
        self.context = context
        self._listener = listener
        self._setups = _Setups(services.metrics)
        self._complained_at = float('-inf')
        self._awake, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name='accept',
                                        daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop_accepting(self) -> None:
        """Accept nothing more; connections go on."""
        self._waker.send(b'\x00')
        self._thread.join()
        self._listener.close()
        self._awake.close()
        self._waker.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._awake, selectors.EVENT_READ)
            selector.register(self._listener, selectors.EVENT_READ)
            while True:
                for key, _events in selector.select():
                    if key.fileobj is self._awake:
                        return
                    if not self._accept():
                        self._rest(selector)

    def _rest(self, selector: selectors.BaseSelector) -> None:
        """Let connections that are being set up finish, without spinning."""
        selector.unregister(self._listener)
        selector.select(_EXHAUSTED_PAUSE)
        selector.register(self._listener, selectors.EVENT_READ)

    def _accept(self) -> bool:
        """:returns: ``False`` when this process has run out of something."""
        for _ in range(_ACCEPTS_A_TURN):
            try:
                sock, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return True
            except OSError as exc:
                if exc.errno == errno.EINVAL:
                    # Shut down by the parent process: the service ends.
                    return False
                self._complain(exc)
                return False
            peer = f'[{address[0]}]' if ':' in address[0] else address[0]
            if not self._begin(sock, f'{peer}:{address[1]}'):
                return True
        return True

    def _begin(self, sock: socket.socket, peer: str) -> bool:
        services = self.services
        if not self._setups.begin(sock, services.limits.max_setups):
            LOG.warning('%s turned away: [ironic_console]max_setups '
                        'connections are being set up', peer)
            services.metrics.turned_away('setups')
            self._turn_away(sock)
            return True
        thread = threading.Thread(
            target=self._set_up, args=(sock, peer, services, self.context),
            name='setup', daemon=True)
        try:
            thread.start()
        except RuntimeError as exc:
            LOG.error('%s turned away: %s', peer, exc)
            self._setups.end(sock)
            self._turn_away(sock)
            return False
        return True

    def _complain(self, error: OSError) -> None:
        """Once a minute: it is true again five times a second."""
        self.services.metrics.turned_away('exhausted')
        now = self.services.clock.monotonic()
        if now - self._complained_at >= _COMPLAINT_INTERVAL:
            self._complained_at = now
            LOG.error('Cannot accept connections: %s; raise the limit of '
                      'open files, or lower [ironic_console]max_sessions',
                      error)

    def _set_up(self, sock: socket.socket, peer: str, services: Services,
                context: ssl.SSLContext | None) -> None:
        try:
            channel = TcpChannel(sock, peer)
            if context:
                channel = accept_tls(channel, context, Deadline(
                    services.clock, services.limits.head_timeout,
                    'head_timeout'))
            Connection(channel, services,
                       lambda: self._setups.heard(sock),
                       self._has_room).run()
        except ChannelError as exc:
            LOG.debug('Not set up: %s', exc)
        finally:
            self._setups.end(sock)

    def _has_room(self) -> bool:
        """:returns: a connection may stay for a further request."""
        # Each takes a thread while it waits, and browsers keep six of them.
        return (len(self._setups)
                <= self.services.limits.max_setups // 2)

    def _turn_away(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        # Reading what is there lets the answer arrive before the reset that
        # unread bytes would cause.
        with contextlib.suppress(OSError):
            sock.recv(16 * 1024)
        if self.context is None:
            with contextlib.suppress(OSError):
                sock.send(_BUSY)
        sock.close()
