# SPDX-License-Identifier: Apache-2.0
"""From the head of an HTTP request to what is asked. Pure.

RFC 9112, RFC 6455 §4.2.1, RFC 6454 (Origin).
"""

import base64
import dataclasses
import ipaddress
import re
import urllib.parse
import uuid
from collections.abc import Iterable, Mapping, Sequence

from ironic_console.common.addresses import IPNetwork, is_within
from ironic_console.common.console_url import WEBSOCKET_PATH
from ironic_console.common.errors import (
    BadRequest,
    ConfigError,
    TokenMissing,
    TokenUnknown,
)

Headers = Sequence[tuple[bytes, bytes]]

#: What ``[cors]allowed_origin`` may have besides origins.
ANY_ORIGIN = '*'
#: What CONNECT leads to.
TUNNEL_PATH = 'console'
_DEFAULT_PORTS = {'http': 80, 'https': 443}
_HOST = re.compile(r'[a-z0-9._-]+|\[[0-9a-f:.]+\]')
_SITE = re.compile('[^:/?#]*://[^/?#]*')
_PORT = re.compile('[0-9]{1,5}')
_ETAG = re.compile('"[\x21\x23-\x7e]*"')
_QUALITY = re.compile(r'0(\.[0-9]{0,3})?|1(\.0{0,3})?')
_MAX_QUERY_FIELDS = 16


@dataclasses.dataclass(frozen=True)
class PageRequest:
    """A file of the page, or one of our own answers such as /healthz.

    :ivar path: as sent, without the query, beginning with ``/``.
    :ivar etags: of the copies that the browser holds, each with its quotes.
    :ivar gzip: the browser would rather have it packed.
    """

    path: str
    etags: frozenset[str] = frozenset()
    gzip: bool = False


@dataclasses.dataclass(frozen=True)
class ConnectRequest:
    """Somebody wants to open a console, or asks whether that would work.

    :ivar node: UUID.
    :ivar token: ticket or raw token, not checked.
    :ivar origin: as sent; ``None`` when it is no browser.
    :ivar upgrade: what the WebSocket layer needs; ``None`` when this is a
        plain request that only asks.
    :ivar tunnel: it is no browser and wants RFB as it is, after CONNECT.
    :ivar take_over: whoever uses the console now has to go.
    :ivar held: it asks about the session that it has already.
    :ivar forwarded_for: whom proxies before us say that they speak for,
        nearest last; nobody has checked it.
    """

    node: str
    token: str = dataclasses.field(repr=False)
    origin: str | None
    upgrade: dict[str, str] | None = dataclasses.field(repr=False)
    take_over: bool = False
    held: bool = dataclasses.field(default=False, kw_only=True)
    tunnel: bool = dataclasses.field(default=False, kw_only=True)
    forwarded_for: tuple[str, ...] = ()


def parse_request(method: bytes, target: bytes, http_version: bytes,
                  headers: Headers) -> PageRequest | ConnectRequest:
    """Understand the head of a request.

    :param headers: names in lower case, as h11 gives them.
    :raises BadRequest: with the HTTP status to answer.
    :raises TokenMissing: the console URL lacks the node or the ticket.
    :raises TokenUnknown: the node is not a UUID.
    """
    path, query = _split_target(target)
    if method not in (b'GET', b'HEAD', b'CONNECT'):
        raise BadRequest('only GET, HEAD and CONNECT are understood', 405)
    # A body behind an upgrade would be read as frames by one proxy and as
    # a second request by another (request smuggling).
    if (_all(headers, b'transfer-encoding')
            or any(value != b'0' for value in
                   _all(headers, b'content-length'))):
        raise BadRequest('requests with a body are not understood')
    if method == b'CONNECT':
        return _parse_tunnel(path, query, headers)
    # RFC 9110 §7.8: any other upgrade is an offer that need not be taken, as
    # curl makes for HTTP/2.
    wants_websocket = 'websocket' in _tokens(headers, b'upgrade')
    if path.rpartition('/')[2] != WEBSOCKET_PATH:
        if wants_websocket:
            raise BadRequest('no WebSocket is served under this path', 404)
        return PageRequest(path, _parse_etags(headers),
                           _prefers_gzip(headers))
    upgrade = None
    if wants_websocket:
        if method != b'GET' or http_version != b'1.1':
            raise BadRequest('a WebSocket begins with GET and HTTP/1.1')
        upgrade = _parse_upgrade(headers)
    fields = _parse_query(query)
    node, token = _parse_console(fields)
    return ConnectRequest(
        node, token, _one(headers, b'origin'), upgrade,
        fields.get('takeover') == '1', _parse_forwarded(headers),
        held=fields.get('held') == '1')


def _split_target(target: bytes) -> tuple[str, str]:
    try:
        text = target.decode('ascii')
    except UnicodeDecodeError as exc:
        raise BadRequest('the target is not ASCII') from exc
    # Absolute and authority forms are for HTTP proxies, which we are not.
    if not text.startswith('/'):
        raise BadRequest('the target must begin with /')
    path, _, query = text.partition('?')
    return path, query


def _all(headers: Headers, name: bytes) -> list[bytes]:
    return [value for key, value in headers if key == name]


def _one(headers: Headers, name: bytes) -> str | None:
    """The only value of a header; ``None`` if there is none."""
    values = _all(headers, name)
    if not values:
        return None
    if len(values) > 1:
        raise BadRequest(f'header {name.decode()} is there twice')
    return values[0].decode('latin-1')


def _joined(headers: Headers, name: bytes) -> str:
    return b','.join(_all(headers, name)).decode('latin-1')


def _tokens(headers: Headers, name: bytes) -> set[str]:
    return {token.strip()
            for token in _joined(headers, name).lower().split(',')}


def _parse_etags(headers: Headers) -> frozenset[str]:
    """RFC 9110 §13.1.2: whether they are weak does not matter here. A reverse
    proxy that packs what we sent plain makes them so."""
    return frozenset(_ETAG.findall(_joined(headers, b'if-none-match')))


def _prefers_gzip(headers: Headers) -> bool:
    """RFC 9110 §12.5.3. What is not understood is not accepted."""
    qualities = {}
    for one in _tokens(headers, b'accept-encoding'):
        coding, _, weight = one.partition(';')
        name, _, value = weight.partition('=')
        good = (name.strip() == 'q' and _QUALITY.fullmatch(value.strip()))
        qualities[coding.strip()] = (
            float(value) if good else 0.0 if weight else 1.0)
    gzip = qualities.get('gzip', qualities.get('x-gzip',
                                               qualities.get('*', 0.0)))
    # Plain is always accepted, but with no wish of its own.
    return 0 < gzip >= qualities.get('identity', 0.0)


def _parse_upgrade(headers: Headers) -> dict[str, str]:
    if 'upgrade' not in _tokens(headers, b'connection'):
        raise BadRequest('header Connection does not name Upgrade')
    if _one(headers, b'sec-websocket-version') != '13':
        raise BadRequest('only version 13 of WebSocket is understood', 426)
    key = _one(headers, b'sec-websocket-key') or ''
    try:
        length = len(base64.b64decode(key, validate=True))
    except ValueError:
        length = 0
    if length != 16:
        raise BadRequest('Sec-WebSocket-Key is not 16 bytes in base64')
    upgrade = {'upgrade': 'websocket', 'Sec-WebSocket-Version': '13',
               'Sec-WebSocket-Key': key}
    if 'binary' in _tokens(headers, b'sec-websocket-protocol'):
        upgrade['Sec-WebSocket-Protocol'] = 'binary'
    return upgrade


def _parse_tunnel(path: str, query: str, headers: Headers,
                  ) -> ConnectRequest:
    """CONNECT to a console, as nova-xvpvncproxy had it."""
    # Any other target would make us a proxy for anything (RFC 9110 §9.3.6).
    if path.rpartition('/')[2] != TUNNEL_PATH:
        raise BadRequest(f'CONNECT leads to /{TUNNEL_PATH}?node=NODE&token='
                         'TICKET and nowhere else')
    fields = _parse_query(query)
    node, token = _parse_console(fields)
    return ConnectRequest(
        node, token, _one(headers, b'origin'), None,
        fields.get('takeover') == '1', _parse_forwarded(headers),
        tunnel=True)


def _parse_query(query: str) -> dict[str, str]:
    try:
        return dict(urllib.parse.parse_qsl(
            query, max_num_fields=_MAX_QUERY_FIELDS))
    except ValueError as exc:
        raise BadRequest('the query has too many fields') from exc


def _parse_forwarded(headers: Headers) -> tuple[str, ...]:
    parts = _joined(headers, b'x-forwarded-for').split(',')
    return tuple(part.strip() for part in parts if part.strip())


def source_of(peer: str, forwarded_for: Sequence[str],
              trusted: Sequence[IPNetwork]) -> str:
    """Where a request comes from, for limits and the log.

    :param peer: address of the other end of the connection, without port.
    :param forwarded_for: of the request.
    :param trusted: proxies that are believed.
    :returns: the last address that no trusted proxy stands at.
    """
    source = peer
    for text in reversed(forwarded_for):
        if not is_within(source, trusted):
            break
        address = _address(text)
        if address is None:
            break
        source = address
    return source


def _address(text: str) -> str | None:
    """An address as proxies write it: some add the port."""
    host = text
    if text.startswith('['):
        host = text[1:].partition(']')[0]
    elif text.count(':') == 1:
        host = text.partition(':')[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _parse_console(fields: Mapping[str, str]) -> tuple[str, str]:
    node, token = fields.get('node', ''), fields.get('token', '')
    if not node or not token:
        raise TokenMissing('the URL names no node or carries no ticket')
    try:
        return str(uuid.UUID(node)), token
    except ValueError as exc:
        raise TokenUnknown('the node in the URL is not a UUID') from exc


def normalise_origin(text: str) -> str | None:
    """Bring an origin into the one form in which origins are compared.

    :param text: ``scheme://host[:port]``, as in a header or an option.
    :returns: scheme, host and port, all explicit; ``None`` when it is not
        the origin of a web page (``null`` is not).

    RFC 6454 §6. ``example.org.`` is another host than ``example.org``, and
    a user name or a path makes it no origin at all.
    """
    scheme, separator, rest = text.lower().partition('://')
    if not separator or scheme not in _DEFAULT_PORTS:
        return None
    host, port_text = rest, ''
    if not rest.endswith(']'):
        head, colon, tail = rest.rpartition(':')
        if colon:
            host, port_text = head, tail
    if not _HOST.fullmatch(host):
        return None
    if not port_text:
        port = _DEFAULT_PORTS[scheme]
        if rest.endswith(':'):
            return None
    elif _PORT.fullmatch(port_text):
        port = int(port_text)
    else:
        return None
    return f'{scheme}://{host}:{port}' if 0 < port < 65536 else None


def allowed_origins(public_url: str, others: Iterable[str],
                    ) -> frozenset[str]:
    """The origins whose pages may open consoles.

    :param public_url: of the console page.
    :param others: origins, from ``[cors]allowed_origin``. There, ``*`` is
        fit for Ironic's API, which asks for a password; a console has only
        its page's origin to tell who asks. So it adds none here.
    :raises ConfigError: one of them is not an origin.
    """
    # As far as the host goes; the rest of the URL is the page's.
    site = _SITE.match(public_url)
    origins = set()
    for option, text in (
            ('[vnc]public_url', site[0] if site else public_url),
            *(('[cors]allowed_origin', other) for other in others
              if other != ANY_ORIGIN)):
        origin = normalise_origin(text)
        if origin is None:
            raise ConfigError(
                f'{option} has {text!r}; it must begin with http:// or '
                'https:// and a host, for example https://example.org:6090')
        origins.add(origin)
    return frozenset(origins)
