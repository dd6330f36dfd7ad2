# SPDX-License-Identifier: Apache-2.0
"""A viewer of the tests' own that speaks RFB as it is: over TCP, inside
VeNCrypt, or behind an HTTP CONNECT.

It reads as nova-novncproxy does: what belongs together has to come with one
recv(). It shares no code with the proxy.
"""

import socket
import ssl
import struct
import urllib.parse
from typing import Self

from tests.helpers.proxy import PATIENCE, RefusedInside

NONE, VENCRYPT, X509_NONE, X509_PLAIN = 1, 19, 260, 262
BANNER = b'RFB 003.008\n'


class PlainViewer:
    """One connection; a context manager.

    :param address: of a port that speaks RFB.
    :ivar types: security types that were offered.
    :ivar sub_types: of VeNCrypt, that were offered.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self.sock = socket.create_connection(address, PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.types: tuple[int, ...] = ()
        self.sub_types: tuple[int, ...] = ()
        self.width = self.height = 0
        self.name = b''

    # -- the handshake -------------------------------------------------------

    def greet(self, banner: bytes = BANNER) -> Self:
        """Through the list of security types.

        :raises RefusedInside: it was empty.
        """
        assert self.unit(12) == BANNER
        self.sock.sendall(banner)
        count = self.read(1)[0]
        if not count:
            raise RefusedInside(self._reason())
        self.types = tuple(self.unit(count))
        return self

    def choose_none(self) -> Self:
        self.sock.sendall(bytes([NONE]))
        return self

    def choose_vencrypt(self, sub_type: int, context: ssl.SSLContext,
                        ) -> Self:
        """:raises ssl.SSLError: TLS failed; with TLS 1.3 a certificate that
        is not liked is told with the next read only."""
        self.sock.sendall(bytes([VENCRYPT]))
        assert self.unit(2) == b'\0\2'
        self.sock.sendall(b'\0\2')
        # Nova takes the acknowledgement and the count one by one.
        assert self.read(1) == b'\0'
        count = self.read(1)[0]
        self.sub_types = struct.unpack(f'>{count}I', self.unit(4 * count))
        self.sock.sendall(struct.pack('>I', sub_type))
        assert self.unit(1) == b'\1'
        self.sock = context.wrap_socket(self.sock,
                                        server_hostname='localhost')
        return self

    def log_in(self, username: str, password: str) -> Self:
        name, ticket = username.encode(), password.encode()
        self.sock.sendall(struct.pack('>II', len(name), len(ticket))
                          + name + ticket)
        return self

    def enter(self) -> Self:
        """From SecurityResult through ServerInit.

        :raises RefusedInside: it was a failure.
        """
        if self.unit(4) != bytes(4):
            raise RefusedInside(self._reason())
        self.sock.sendall(b'\1')
        head = self.unit(24)
        self.width, self.height = struct.unpack('>HH', head[:4])
        self.name = self.read(int.from_bytes(head[20:]))
        return self

    # -- bytes ---------------------------------------------------------------

    def unit(self, size: int) -> bytes:
        """:returns: exactly so many bytes, which came in one piece."""
        data = self.sock.recv(size)
        assert len(data) == size, f'{len(data)} of {size} bytes: {data!r}'
        return data

    def read(self, size: int) -> bytes:
        data = b''
        while len(data) < size:
            piece = self.sock.recv(size - len(data))
            if not piece:
                raise EOFError(f'closed after {data!r}')
            data += piece
        return data

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def is_closed(self) -> bool:
        """Wait for the end, whatever comes before it."""
        try:
            while self.sock.recv(65536):
                pass
        except (ConnectionError, ssl.SSLEOFError):
            pass
        return True

    def close(self) -> None:
        self.sock.close()

    def _reason(self) -> str:
        return self.read(int.from_bytes(self.unit(4))).decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Tunnel(PlainViewer):
    """Such a viewer behind CONNECT, as nova-xvpvncproxy had it.

    :param address: of the proxy.
    :param target: path and query; the tunnel to a node if ``None``.
    :ivar status: of the answer.
    :ivar head: all of the answer's head.
    """

    def __init__(self, address: tuple[str, int], node: str = '',
                 token: str = '', *, target: str | None = None,
                 headers: tuple[str, ...] = (), early: bytes = b'') -> None:
        super().__init__(address)
        if target is None:
            target = '/console?' + urllib.parse.urlencode(
                {'node': node, 'token': token})
        lines = [f'CONNECT {target} HTTP/1.1', 'Host: console.example.org',
                 *headers, '', '']
        self.send('\r\n'.join(lines).encode('latin-1') + early)
        self.head = b''
        while not self.head.endswith(b'\r\n\r\n'):
            self.head += self.read(1)
        self.status = int(self.head.split()[1])


def client_context(ca: bytes, certificate: str = '') -> ssl.SSLContext:
    """:param ca: PEM.
    :param certificate: file with ours and its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ca.decode())
    if certificate:
        context.load_cert_chain(certificate)
    return context
