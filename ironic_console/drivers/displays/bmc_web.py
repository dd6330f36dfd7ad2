# SPDX-License-Identifier: Apache-2.0
"""What is asked of a BMC's web server without a browser.

It owns the TLS policy of a visit: what was found good here is what the
browser is told to believe (trust.py), and no more. Nothing of a vendor is
known here.
"""

import _ssl
import base64
import contextlib
import dataclasses
import http.client
import ipaddress
import json
import logging
import re
import socket
import ssl
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from ironic_console.common import tls
from ironic_console.common.addresses import AddressPolicy, Resolver
from ironic_console.common.clock import Deadline
from ironic_console.common.errors import (
    ConfigError,
    EndpointTimeout,
    EndpointUnreachable,
    EndpointUntrusted,
)
from ironic_console.common.timed_socket import TimedSocket
from ironic_console.drivers.displays.failures import (
    AddressRefused,
    BmcAway,
    BmcUntrusted,
)
from ironic_console.drivers.displays.public_key import NoCertificate, pin_of
from ironic_console.drivers.displays.settings import Bmc
from ironic_console.drivers.displays.trust import Trust

LOG = logging.getLogger(__name__)

#: Longest body that is read, bytes. Login pages have some 100 KB.
MAX_BODY_BYTES = 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_MAX_COOKIES, _MAX_COOKIE_CHARS = 32, 4096
#: RFC 6265 §4.1.1; a value without the quotes that it may have.
_COOKIE = re.compile(r'\s*([!#$%&\'*+.^`|~\w-]{1,256})\s*=\s*'
                     r'"?([\x21\x23-\x2B\x2D-\x3A\x3C-\x5B\x5D-\x7E]*)"?\s*',
                     re.ASCII)
_DATED = re.compile(r'(^|;)\s*(expires|max-age)\s*=', re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the BMC said.

    :ivar cookies: that it set, by name.
    """

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    cookies: Mapping[str, str]

    def json(self) -> Any:
        """:returns: what is in it; ``None`` if that is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def member(self, name: str) -> Any:
        """:returns: of the JSON object; ``None`` if there is none."""
        content = self.json()
        return content.get(name) if isinstance(content, dict) else None


class BmcWeb:
    """Asks one BMC.

    Each request has a connection of its own: there are two or three in a
    visit, and hours between the first and the last.

    :param deadline: for all that is asked, until it is replaced.
    :ivar cookies: that the BMC has set; they go along with each request.
    """

    def __init__(self, bmc: Bmc, deadline: Deadline) -> None:
        self.deadline = deadline
        self.cookies: dict[str, str] = {}
        self._bmc = bmc
        self._site = urllib.parse.urlsplit(bmc.url)
        self._is_secure = self._site.scheme == 'https'
        self._context: ssl.SSLContext | None = None
        self._policy = AddressPolicy(exceptions=[
            ipaddress.ip_network(text)
            for text in filter(None, bmc.networks.split(','))])
        self._resolver = Resolver(self._policy)
        self._pin = ''
        self._trust: Trust | None = None
        self._address = ''

    @property
    def address(self) -> str:
        """At which the BMC answered; '' before anything was asked. Its name
        may lead elsewhere the next time that somebody looks it up."""
        return self._address

    @property
    def trust(self) -> Trust | None:
        """Whom a browser may take for the BMC; ``None`` before it has proved
        itself."""
        return self._trust

    def request(self, method: str, path: str, *, body: object = None,
                form: Mapping[str, str] | None = None,
                headers: Mapping[str, str] | None = None,
                basic: bool = False) -> Answer:
        """Ask once; redirects are not followed.

        :param path: with its query, from the root of the site.
        :param body: sent as JSON.
        :param form: sent as a form, instead.
        :param basic: with user name and password (RFC 7617).
        :raises BmcAway: no whole answer in time.
        :raises BmcUntrusted: it is not whom we asked for.
        :raises AddressRefused: it is nobody whom we may ask.
        """
        what = f'{method} {path.partition("?")[0]}'
        with self._translated(what):
            content, kind = _packed(body, form)
            with contextlib.closing(self._connect()) as sock:
                answer = self._exchange(sock, method, path, content, {
                    **kind, **self._headers(basic), **(headers or {})})
        LOG.info('%s: %d', what, answer.status)
        return answer

    @contextlib.contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        """:raises BmcAway: or BmcUntrusted, instead of what Python has."""
        try:
            yield
        except (TimeoutError, EndpointTimeout) as exc:
            LOG.warning('%s: no answer within the %s', what, self.deadline)
            raise BmcAway(
                'The BMC does not answer in time. It may be busy or '
                'restarting; check that its web page opens.') from exc
        except ssl.SSLError as exc:
            LOG.warning('%s: TLS failed: %s', what, exc)
            raise _tls_failure(exc) from exc
        except (OSError, EndpointUnreachable) as exc:
            LOG.warning('%s: no connection: %s', what, exc)
            raise BmcAway(
                'The BMC cannot be reached. Check its address in the '
                'driver_info of the node, its network and that its web '
                'server is on.') from exc
        except (http.client.HTTPException, ValueError) as exc:
            # Their texts quote what the BMC said, or what it was sent.
            LOG.warning('%s: no whole answer in HTTP: %s', what,
                        type(exc).__name__)
            raise BmcAway(
                'The BMC breaks off its answers, or something that is no '
                'web server answers in its place. Check its address in the '
                'driver_info of the node.') from None

    def _headers(self, basic: bool) -> dict[str, str]:
        headers = {'Host': self._site.netloc, 'Connection': 'close',
                   'Accept': '*/*', 'User-Agent': 'ironic-console'}
        if basic:
            credentials = base64.b64encode(
                f'{self._bmc.username}:{self._bmc.password.reveal()}'.encode())
            headers['Authorization'] = f'Basic {credentials.decode()}'
        if self.cookies:
            headers['Cookie'] = '; '.join(
                f'{name}={value}' for name, value in self.cookies.items())
        return headers

    # -- below HTTP ----------------------------------------------------------

    def _connect(self) -> socket.socket:
        """:returns: a socket on which TLS is up, if there is any."""
        host = self._site.hostname or ''
        port = self._site.port or (443 if self._is_secure else 80)
        if self._is_secure and not self._context:
            self._context = _context(self._bmc)
        sock = self._dial(self._find(host), port)
        if not self._context:
            self._trust = Trust()
            return sock
        try:
            sock.settimeout(self._time_left())
            secured = self._context.wrap_socket(
                sock, server_hostname=self._bmc.host.partition('%')[0])
        except BaseException:
            sock.close()
            raise
        try:
            self._check(secured.getpeercert(binary_form=True) or b'')
            self._trust = self._trust or self._found_good(secured)
        except BaseException:
            secured.close()
            raise
        return secured

    def _find(self, host: str) -> list[str]:
        """:returns: addresses.
        :raises AddressRefused: we may ask none of them.
        """
        try:
            return self._resolver.resolve(host, self.deadline)
        except EndpointUntrusted as exc:
            raise _refusal(exc) from exc

    def _dial(self, addresses: list[str], port: int) -> socket.socket:
        """Try each in turn; one that swallows all must not take all time.

        :raises AddressRefused: it is this machine's.
        """
        failure = OSError('its name has no address')
        for index, address in enumerate(addresses):
            share = self._time_left() / (len(addresses) - index)
            try:
                sock = socket.create_connection((address, port), share)
            except OSError as exc:
                failure = exc
                continue
            # Whatever name this machine has, its services are not for a
            # browser that somebody looks at.
            if (sock.getsockname()[0] == sock.getpeername()[0]
                    and not self._policy.excepts(
                        ipaddress.ip_address(address))):
                sock.close()
                raise _refusal(address)
            self._address = address
            return sock
        raise failure

    def _time_left(self) -> float:
        left = self.deadline.remaining()
        if not left:
            raise TimeoutError
        return left

    def _check(self, certificate: bytes) -> None:
        """:raises BmcUntrusted: it has not the key that it had before."""
        try:
            pin = pin_of(certificate)
        except NoCertificate as exc:
            LOG.warning('the certificate of the BMC is broken: %s', exc)
            raise BmcUntrusted('The certificate of the BMC is broken. Have '
                               'it make a new one.') from exc
        if self._pin and pin != self._pin:
            LOG.warning('the key of the BMC was %s and is %s', self._pin, pin)
            raise BmcUntrusted(
                'The BMC has another certificate than a moment ago. If it '
                'was just replaced, open the console again; if not, somebody '
                'answers in its place.')
        self._pin = pin

    def _found_good(self, secured: ssl.SSLSocket) -> Trust:
        bmc = self._bmc
        found = Trust(minimum_version=bmc.tls_minimum_version,
                      ciphers=bmc.tls_ciphers)
        if not bmc.verify:
            return dataclasses.replace(found, pin=self._pin)
        chain = _verified_chain(secured)
        return dataclasses.replace(found, anchor=chain[-1],
                                   is_own=len(chain) == 1)

    # -- HTTP ----------------------------------------------------------------

    def _exchange(self, sock: socket.socket, method: str, path: str,
                  content: bytes | None, headers: Mapping[str, str],
                  ) -> Answer:
        # Connected already: where to does not matter here.
        connection = http.client.HTTPConnection('bmc', 80)
        timed: Any = TimedSocket(sock, self.deadline)
        connection.sock = timed
        sock.settimeout(self._time_left())
        connection.request(method, path, content, dict(headers))
        with connection.getresponse() as response:
            body = _read(response)
        cookies = _cookies(response.headers.get_all('Set-Cookie') or [])
        for name, value in cookies.items():
            if len(self.cookies) < _MAX_COOKIES or name in self.cookies:
                self.cookies[name] = value
        return Answer(response.status, response.headers, body, cookies)


def _context(bmc: Bmc) -> ssl.SSLContext:
    """:raises BmcUntrusted: the CA that shall vouch for it is none, or its
        ciphers are.
    """
    try:
        return tls.bmc_context(tls.BmcTls(
            bmc.verify, bmc.ca, bmc.tls_minimum_version, bmc.tls_ciphers))
    except ConfigError as exc:
        LOG.error('bmc/ca or bmc/tls_ciphers of the display cannot be used: '
                  '%s', exc)
        raise BmcUntrusted(
            'The CA that should vouch for the BMC is not PEM, or none of its '
            'ciphers is known here. Mend redfish_verify_ca or '
            'redfish_tls_ciphers of the node.') from exc


def _verified_chain(secured: ssl.SSLSocket) -> list[bytes]:
    """:returns: certificates in DER, from the BMC's own to the one that is
        trusted."""
    public: Any = getattr(secured, 'get_verified_chain', None)
    if public:  # from Python 3.13 on
        return list(public())
    private: Any = secured
    return [one.public_bytes(_ssl.ENCODING_DER)
            for one in private._sslobj.get_verified_chain()]


def _refusal(found: object) -> AddressRefused:
    """:param found: where the BMC would be."""
    LOG.error('the BMC would be on this machine, its link or nowhere, and '
              '[ironic_console]endpoint_networks does not have it: %s', found)
    return AddressRefused(
        'The address of the BMC in the driver_info of the node leads to a '
        'machine that may not be asked. Correct it, or name its network in '
        '[ironic_console]endpoint_networks.')


def _tls_failure(exc: ssl.SSLError) -> BmcAway | BmcUntrusted:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return BmcUntrusted(
            'The certificate of the BMC is expired, is for another name or '
            'is signed by nobody whom we trust. Give the BMC a good one, or '
            'name its CA in the redfish_verify_ca of the node.')
    return BmcAway(
        'No encrypted connection to the BMC can be set up: it speaks no '
        'TLS 1.2, not what redfish_tls_minimum_version and '
        'redfish_tls_ciphers of the node allow, or no HTTPS at all. Check '
        'its port and update its firmware.')


def _packed(body: object, form: Mapping[str, str] | None,
            ) -> tuple[bytes | None, dict[str, str]]:
    """:returns: bytes to be sent, and the header that says what they are."""
    if form is not None:
        return (urllib.parse.urlencode(form).encode(),
                {'Content-Type': 'application/x-www-form-urlencoded'})
    if body is not None:
        return (json.dumps(body).encode(),
                {'Content-Type': 'application/json'})
    return None, {}


def _read(response: http.client.HTTPResponse) -> bytes:
    """:raises http.client.HTTPException: it is cut off, or does not end."""
    body = bytearray()
    while chunk := response.read(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise http.client.HTTPException
    if response.length:
        raise http.client.IncompleteRead(b'')
    return bytes(body)


def _cookies(headers: list[str]) -> dict[str, str]:
    """Take those of a session.

    Supermicro answers a login with two cookies SID, of which the one with a
    date only ends an older session.
    """
    found = []
    for header in headers:
        pair, _, attributes = header.partition(';')
        match = _COOKIE.fullmatch(pair)
        if match and 0 < len(match[2]) <= _MAX_COOKIE_CHARS:
            is_dated = bool(_DATED.search(attributes))
            found.append((not is_dated, match[1], match[2]))
    # The later wins; those with a date come first.
    found.sort(key=lambda cookie: cookie[0])
    return {name: value for _, name, value in found}
