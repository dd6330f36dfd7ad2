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
from ironic_console.novncproxy.connection import Connection, Services

LOG = logging.getLogger(__name__)

_BACKLOG = 1024
# Connections that are accepted before looking at anything else.
_ACCEPTS_A_TURN = 64
# Pause when there are no file descriptors or threads left, seconds.
_EXHAUSTED_PAUSE = 0.2
_BUSY = (b'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n'
         b'Content-Length: 0\r\nConnection: close\r\n\r\n')


def listen(host: str, port: int) -> socket.socket:
    """Open the port that all workers share.

    :param host: address or name; ``::`` is for IPv4 too.
    :param port: 0 for any free one.
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
        raise ConfigError(f'cannot listen on {host} port {port} ([vnc]host_ip'
                          f' and [vnc]port): {exc}') from exc
    listener.setblocking(False)
    return listener


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
        self._setups = 0
        self._lock = threading.Lock()
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
                LOG.error('Cannot accept connections: %s; raise the limit of '
                          'open files, or lower [ironic_console]'
                          'max_sessions', exc)
                return False
            peer = f'[{address[0]}]' if ':' in address[0] else address[0]
            if not self._begin(sock, f'{peer}:{address[1]}'):
                return True
        return True

    def _begin(self, sock: socket.socket, peer: str) -> bool:
        services = self.services
        with self._lock:
            busy = self._setups >= services.limits.max_setups
            if not busy:
                self._setups += 1
        if busy:
            LOG.warning('%s turned away: [ironic_console]max_setups '
                        'connections are being set up', peer)
            self._turn_away(sock)
            return True
        thread = threading.Thread(
            target=self._set_up, args=(sock, peer, services, self.context),
            name='setup', daemon=True)
        try:
            thread.start()
        except RuntimeError as exc:
            LOG.error('%s turned away: %s', peer, exc)
            self._done()
            self._turn_away(sock)
            return False
        return True

    def _done(self) -> None:
        with self._lock:
            self._setups -= 1

    def _set_up(self, sock: socket.socket, peer: str, services: Services,
                context: ssl.SSLContext | None) -> None:
        try:
            channel = TcpChannel(sock, peer)
            if context:
                channel = accept_tls(channel, context, Deadline(
                    services.clock, services.limits.head_timeout,
                    'head_timeout'))
            Connection(channel, services, self._has_room).run()
        except ChannelError as exc:
            LOG.debug('Not set up: %s', exc)
        finally:
            self._done()

    def _has_room(self) -> bool:
        """:returns: a connection may stay for a further request."""
        # Each takes a thread while it waits, and browsers keep six of them.
        return self._setups <= self.services.limits.max_setups // 2

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
