# SPDX-License-Identifier: Apache-2.0
"""How we speak HTTP with a BMC: one deadline, short answers, no detours.

A BMC is a hostile peer as much as any other, and so is whoever answers in its
place. What is asked of it is not known here.
"""

import io
import json
import socket
import urllib.parse
import zlib
from collections.abc import Callable
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
)

from ironic_console.common.calls import BoundedCalls, CallTimeout
from ironic_console.common.clock import Deadline
from ironic_console.common.secret import Secret
from ironic_console.common.timed_socket import TimedSocket

#: Longest answer that is read. The attributes of an iDRAC are some 60 KiB.
MAX_ANSWER_BYTES = 4 * 1024 * 1024
#: Seconds for a connection, so that there is time for another try.
CONNECT_TIMEOUT = 10.0
_CHUNK_BYTES = 64 * 1024
_GZIP = 'gzip'
# With the header and checksum of RFC 1952.
_GZIP_BITS = 16 + zlib.MAX_WBITS
_HIDDEN = b'***'
# Shorter ones are part of ordinary words, which would be garbled.
_MIN_HIDDEN_CHARS = 4
# Of the resolver, which has no deadline of its own; for all BMCs.
_lookups = BoundedCalls(8, 'bmc-resolver')


class TransportError(requests.exceptions.RequestException):
    """There is no answer that we take; another try would not help."""


class Detour(TransportError):
    """The BMC wants us to ask somebody else."""


class AnswerTooLong(TransportError):
    """The answer does not end where ours would."""


class Unreadable(TransportError):
    """The answer is packed, and not in the one way that we unpack."""


class NotJson(TransportError):
    """The answer is nothing that a Redfish service says."""


class QuotesSecret(TransportError):
    """What went wrong cannot be told without telling a secret as well."""


class TooLate(TransportError):
    """The deadline has passed.

    Its cause is what went wrong before, when there was time for more tries.

    :ivar status: of the last answer, if that was an error.
    """

    status: int | None = None


class Veil:
    """Keeps secrets out of what libraries see, and so out of their logs.

    They handle stand-ins; only what is on the wire has the secrets.
    """

    def __init__(self) -> None:
        self._secrets: dict[str, str] = {}
        self._random: set[bytes] = set()
        self._chosen: set[bytes] = set()

    def cover(self, secret: Secret) -> str:
        """:param secret: a random one.
        :returns: what to write instead into a JSON body.
        """
        stand_in = f'<secret {len(self._secrets)}>'
        self._secrets[stand_in] = secret.reveal()
        self.hide(secret)
        return stand_in

    def hide(self, secret: Secret, chosen: bool = False) -> None:
        """Also a BMC that quotes it shall not be understood.

        :param chosen: by a person, so that it may be an ordinary word, which
            answers are full of; it is hidden where something went wrong.
        """
        text = secret.reveal()
        if len(text) >= _MIN_HIDDEN_CHARS:
            (self._chosen if chosen else self._random).update((
                text.encode(), json.dumps(text)[1:-1].encode()))

    def reveal(self, body: bytes) -> bytes:
        """:returns: a request as the BMC is to read it."""
        for stand_in, secret in self._secrets.items():
            body = body.replace(json.dumps(stand_in).encode(),
                                json.dumps(secret).encode())
        return body

    def conceal(self, body: bytes, failed: bool) -> bytes:
        """:param failed: it says what went wrong.
        :returns: an answer as libraries may read it.
        """
        hidden = self._random | self._chosen if failed else self._random
        # Longer ones first: one may be a part of another.
        for text in sorted(hidden, key=len, reverse=True):
            body = body.replace(text, _HIDDEN)
        return body


class BmcAdapter(HTTPAdapter):  # type: ignore[misc, unused-ignore]
    """Carries requests to one BMC and to nobody else.

    It is mounted in a ``requests.Session``, below any library that uses it.

    :param origin: URL of the BMC; what is asked of another host, port or
        scheme is refused, whether it comes from a redirect or from a link
        in an answer. The credentials of the session would go along.
    :param deadline: for all requests together.
    :ivar deadline: likewise; it may be replaced.
    """

    def __init__(self, origin: str, deadline: Deadline, veil: Veil,
                 **options: Any) -> None:
        self._origin = _origin_of(origin)
        self.deadline = deadline
        self._veil = veil
        self._last_failure: requests.exceptions.RequestException | None = None
        self._last_status: int | None = None
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self._time(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """As its base class does; the same rules hold on a detour of ours."""
        if proxy not in self.proxy_manager:
            context = self.poolmanager.connection_pool_kw.get('ssl_context')
            if context:
                options['ssl_context'] = context
            self._time(super().proxy_manager_for(proxy, **options))
        return self.proxy_manager[proxy]

    def _time(self, manager: Any) -> None:
        manager.pool_classes_by_scheme = {
            scheme: _timed_pool(pool, lambda: self.deadline)
            for scheme, pool in manager.pool_classes_by_scheme.items()}

    def send(self, request: requests.PreparedRequest, stream: bool = False,
             timeout: object = None, verify: bool | str = True,
             cert: Any = None, proxies: Any = None) -> requests.Response:
        """As its base class does, with the rules of this module.

        :raises TransportError: one of them is broken.
        """
        if _origin_of(request.url or '') != self._origin:
            raise Detour('a link leads to another host')
        left = self.deadline.remaining()
        if not left:
            error = TooLate(f'no answer within the {self.deadline}')
            error.status = self._last_status
            raise error from self._last_failure
        self._last_failure = self._last_status = None
        try:
            answer = super().send(
                self._revealed(request), True,
                (min(left, CONNECT_TIMEOUT), left), verify, cert, proxies)
            try:
                return self._taken(request, answer)
            finally:
                answer.close()
        except requests.exceptions.RequestException as exc:
            # They quote lines that are no HTTP.
            said = str(exc).encode(errors='replace')
            if self._veil.conceal(said, failed=True) != said:
                raise QuotesSecret('the answer is not HTTP') from None
            self._last_failure = exc
            raise

    def _revealed(self, request: requests.PreparedRequest,
                  ) -> requests.PreparedRequest:
        body = request.body
        revealed = request.copy()
        # Not "identity": an iLO 5 from 2.30 on keeps a part of what it has
        # packed only, and answers that with 406. Nor all that urllib3 knows.
        revealed.headers['Accept-Encoding'] = _GZIP
        if not isinstance(body, (str, bytes)):
            return revealed
        revealed.prepare_body(self._veil.reveal(
            body.encode() if isinstance(body, str) else body), None)
        return revealed

    def _taken(self, request: requests.PreparedRequest,
               answer: requests.Response) -> requests.Response:
        """The answer, read to its end, as libraries may have it."""
        if 300 <= answer.status_code < 400:
            raise Detour(f'the answer is a redirect ({answer.status_code})')
        body = _body_of(answer)
        failed = answer.status_code >= 400
        if failed:
            self._last_status = answer.status_code
        if not failed and body and request.method == 'GET':
            _check_json(body)
        headers = {name: value for name, value in answer.headers.items()
                   if name.lower() not in _ABOUT_THE_WIRE}
        return self.build_response(request, urllib3.HTTPResponse(
            io.BytesIO(self.sifted(
                self._veil.conceal(body, failed), failed)), headers,
            answer.status_code, reason=answer.reason, preload_content=False))

    def sifted(self, body: bytes, failed: bool) -> bytes:
        """Leave of an answer what is of use; for who knows what it means.

        :param failed: it says what went wrong.
        """
        return body


def _body_of(answer: requests.Response) -> bytes:
    """Read an answer to its end, and unpack it.

    urllib3 before 2.6 would unpack all that has come before anybody can
    count: some KiB become GiB.

    :raises AnswerTooLong: packed or not.
    :raises Unreadable: it cannot be unpacked.
    """
    packing = ', '.join(answer.raw.headers.getlist('content-encoding'))
    packing = packing.strip().lower()
    answer.raw.headers.discard('content-encoding')
    if packing not in ('', 'identity', _GZIP, 'x-gzip'):
        raise Unreadable('the answer is packed in another way than gzip')
    unpack = (zlib.decompressobj(_GZIP_BITS)
              if packing in (_GZIP, 'x-gzip') else None)
    body = bytearray()
    for chunk in answer.iter_content(_CHUNK_BYTES):
        try:
            body += (unpack.decompress(chunk, MAX_ANSWER_BYTES + 1 - len(body))
                     if unpack else chunk)
        except zlib.error:
            raise Unreadable('the answer is no gzip, as it says') from None
        if len(body) > MAX_ANSWER_BYTES:
            raise AnswerTooLong('the answer has more than '
                                f'{MAX_ANSWER_BYTES} bytes')
    if unpack and body and not unpack.eof:
        raise Unreadable('the answer is no gzip to its end')
    return bytes(body)


# Headers that are no longer true of an answer that was read.
_ABOUT_THE_WIRE = ('content-encoding', 'content-length', 'transfer-encoding')


def _origin_of(url: str) -> tuple[str, str, int | None]:
    """:raises Detour: it is no URL."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port or {'http': 80, 'https': 443}.get(parts.scheme)
    except ValueError as exc:
        raise Detour('a link is not a URL') from exc
    return parts.scheme, parts.hostname or '', port


def _check_json(body: bytes) -> None:
    """Libraries would log what is none, whatever it quotes.

    :raises NotJson: it is none, or too deep for us.
    """
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        raise NotJson('the answer is not JSON') from None


def _timed_pool(pool: Any, deadline: Callable[[], Deadline]) -> Any:
    """A kind of connection pool whose connections know the deadline."""
    connection = pool.ConnectionCls

    def connect(self: Any) -> None:
        connection.connect(self)
        self.sock = TimedSocket(self.sock, deadline())

    def new_conn(self: Any) -> socket.socket:
        return _dial(self, connection._new_conn, deadline())

    timed = type('TimedConnection', (connection,),
                 {'connect': connect, '_new_conn': new_conn})
    return type('TimedPool', (pool,), {'ConnectionCls': timed})


def _dial(connection: Any, dial: Callable[[Any], socket.socket],
          deadline: Deadline) -> socket.socket:
    """Try the addresses of a host, in turn.

    :param dial: of the connection; it would ask the resolver by itself, and
        wait for as long as that likes.
    """
    name = connection._dns_host
    try:
        addresses = _lookups.run(
            lambda: _addresses(name, connection.port), deadline)
    except CallTimeout as exc:
        raise ConnectTimeoutError(
            connection, f'name {name!r} was not resolved: {exc}') from exc
    except (OSError, UnicodeError) as exc:
        raise NameResolutionError(
            name, connection, socket.gaierror(str(exc))) from exc
    try:
        return _dial_one(connection, dial, addresses, deadline)
    finally:
        connection._dns_host = name


def _addresses(name: str, port: int) -> list[str]:
    found = socket.getaddrinfo(name.strip('[]'), port,
                               type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _dial_one(connection: Any, dial: Callable[[Any], socket.socket],
              addresses: list[str], deadline: Deadline) -> socket.socket:
    failure: Exception = NewConnectionError(connection, 'no address')
    for address in addresses:
        connection._dns_host = address
        try:
            return dial(connection)
        except (ConnectTimeoutError, NewConnectionError) as exc:
            failure = exc
        if not deadline.remaining():
            break
    raise failure
