# SPDX-License-Identifier: Apache-2.0
"""What the proxy needs of the configuration, as plain values.

Built once at the start and again at SIGHUP; everything below works with
these and never sees an option.
"""

import dataclasses
import logging
import os
import pathlib
import urllib.parse
from typing import Any

from ironic_console.common.addresses import (
    AddressPolicy,
    IPNetwork,
    parse_networks,
)
from ironic_console.common.conf import console as console_conf
from ironic_console.common.errors import ConfigError
from ironic_console.common.gateway_ports import parse_ports
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.tls import ClientTls, ServerTls
from ironic_console.novncproxy.authorizer import AccessPolicy
from ironic_console.novncproxy.pages import PagePolicy
from ironic_console.novncproxy.relay import RelayLimits
from ironic_console.novncproxy.request import (
    ANY_ORIGIN,
    allowed_origins,
    normalise_origin,
)
from ironic_console.novncproxy.sessions import SessionPolicy

LOG = logging.getLogger(__name__)

# More than one per core only costs memory, and few need more than these.
_MAX_WORKERS = 4


@dataclasses.dataclass(frozen=True)
class SetupLimits:
    """Limits while a connection is set up; times in seconds.

    :ivar max_setups: at the same time.
    """

    max_setups: int = 512
    head_timeout: float = 10.0
    keepalive_timeout: float = 5.0
    connect_timeout: float = 10.0
    handshake_timeout: float = 30.0
    browser_handshake_timeout: float = 10.0


@dataclasses.dataclass(frozen=True)
class ListenAddress:
    """Where browsers connect.

    :ivar tls: ``None`` for plain HTTP.
    """

    host: str
    port: int
    tls: ServerTls | None = None


@dataclasses.dataclass(frozen=True)
class GatewayPolicy:
    """Who may use the ports of nodes.

    :ivar host: address to listen on.
    :ivar ports: that nodes may have.
    :ivar security_types: ``X509_NONE`` for those whose certificate our CA
        signed, ``NONE`` for those in ``networks``; in the order of offer.
    :ivar networks: from which None is enough.
    :ivar names: of which a certificate has to have one; empty for any.
    :ivar interval: seconds between two looks at the nodes.
    """

    host: str
    ports: range
    security_types: tuple[int, ...]
    networks: tuple[IPNetwork, ...] = ()
    names: frozenset[str] = frozenset()
    interval: float = 1.0


@dataclasses.dataclass(frozen=True)
class GatewaySettings:
    """The ports of nodes, for Nova and the in-tree proxy.

    :ivar tls: that asks for a certificate; ``None`` if nobody is offered
        TLS.
    """

    policy: GatewayPolicy
    tls: ServerTls | None


@dataclasses.dataclass(frozen=True)
class Settings:
    """All of it."""

    listen: ListenAddress
    access: AccessPolicy
    pages: PagePolicy
    sessions: SessionPolicy
    setup: SetupLimits
    relay: RelayLimits
    addresses: AddressPolicy
    endpoint_tls: ClientTls
    workers: int
    trusted_proxies: tuple[IPNetwork, ...]
    runtime_dir: str
    metrics: ListenAddress | None
    gateway: GatewaySettings | None
    viewers: ListenAddress | None
    database_timeout: float
    drain_timeout: float
    backend: str = 'threading'


def read_settings(conf: Any) -> Settings:
    """Read and check the configuration.

    :param conf: oslo.config's, with the groups vnc, cors and ironic_console.
    :raises ConfigError: naming the option and what to do.
    """
    vnc, ours = conf.vnc, conf.ironic_console
    if not vnc.public_url:
        raise ConfigError('[vnc]public_url is not set; it is the address of '
                          'the console page, for example '
                          'https://console.example.org:6090/console.html')
    return Settings(
        listen=ListenAddress(vnc.host_ip, vnc.port, _tls(vnc)),
        access=AccessPolicy(
            allowed_origins(vnc.public_url, _cors_origins(conf.cors)),
            vnc.token_timeout,
            ours.token_format == console_conf.PLAIN, vnc.read_only),
        pages=PagePolicy(pathlib.Path(vnc.novnc_web),
                         _frame_ancestors(ours.frame_ancestors),
                         _base_path(vnc.public_url)),
        sessions=SessionPolicy(
            ours.max_sessions, ours.recheck_interval, ours.database_grace,
            vnc.read_only, ours.max_sessions_per_node,
            ours.max_sessions_per_source, ours.sharing),
        setup=SetupLimits(
            ours.max_setups, ours.head_timeout, ours.keepalive_timeout,
            ours.connect_timeout, ours.handshake_timeout,
            ours.browser_handshake_timeout),
        relay=RelayLimits(ours.ping_interval, ours.idle_timeout,
                          ours.stall_timeout, ours.max_session_length,
                          ours.max_frame_rate),
        addresses=AddressPolicy(parse_networks(ours.endpoint_networks)),
        endpoint_tls=ClientTls(
            ours.vencrypt_ca_certs, ours.vencrypt_client_cert,
            ours.vencrypt_client_key, ours.allow_unverified_tls),
        workers=ours.workers or min(os.cpu_count() or 1, _MAX_WORKERS),
        trusted_proxies=parse_networks(ours.trusted_proxies,
                                       'trusted_proxies'),
        runtime_dir=ours.runtime_dir,
        metrics=(ListenAddress(ours.metrics_host, ours.metrics_port)
                 if ours.metrics_port else None),
        gateway=_gateway(vnc, ours),
        viewers=(ListenAddress(vnc.host_ip, ours.viewer_port,
                               _native_tls(vnc, ours))
                 if ours.viewer_port else None),
        database_timeout=ours.database_timeout,
        drain_timeout=ours.drain_timeout,
        backend=ours.concurrency_backend)


def needs_restart(running: Settings, wanted: Settings) -> list[str]:
    """Compare what is heeded at the start only.

    :param running: at the start; what was closed since is ``None``.
    :returns: names of the options that differ.
    """
    ours = '[ironic_console]'
    differs = {
        '[vnc]host_ip or [vnc]port':
            _place(running.listen) != _place(wanted.listen),
        f'{ours}concurrency_backend': running.backend != wanted.backend,
        f'{ours}workers': running.workers != wanted.workers,
        f'{ours}runtime_dir': running.runtime_dir != wanted.runtime_dir,
        f'{ours}database_timeout':
            running.database_timeout != wanted.database_timeout,
        f'{ours}max_sessions':
            running.sessions.max_sessions < wanted.sessions.max_sessions,
        # To be closed needs none.
        f'{ours}metrics_host or metrics_port': bool(wanted.metrics) and
            _place(running.metrics) != _place(wanted.metrics),
        f'{ours}viewer_port': bool(wanted.viewers) and
            _place(running.viewers) != _place(wanted.viewers)}
    return [option for option, different in differs.items() if different]


def _place(address: ListenAddress | None) -> tuple[str, int] | None:
    return (address.host, address.port) if address else None


def _cors_origins(cors: Any) -> list[str]:
    origins: list[str] = cors.allowed_origin or []
    if ANY_ORIGIN in origins:
        LOG.warning('[cors]allowed_origin is %s, which lets pages of any '
                    'origin use the API but none of them open consoles; '
                    'name those that shall, besides [vnc]public_url',
                    ANY_ORIGIN)
    return origins


def _tls(vnc: Any) -> ServerTls | None:
    if not vnc.enable_ssl:
        return None
    return ServerTls(vnc.cert_file or '', vnc.key_file or '',
                     vnc.tls_minimum_version, vnc.tls_ciphers or '')


def _base_path(public_url: str) -> str:
    folder, _, _ = urllib.parse.urlsplit(public_url).path.rpartition('/')
    return f'{folder}/'


_SECURITY = {'x509none': SecurityNumber.X509_NONE,
             'none': SecurityNumber.NONE}


def _gateway(vnc: Any, ours: Any) -> GatewaySettings | None:
    if not ours.gateway_host:
        return None
    types = tuple(dict.fromkeys(
        _SECURITY[name] for name in ours.gateway_security))
    if not types:
        raise ConfigError('[ironic_console]gateway_security is empty; it '
                          'must be x509none, none, or both')
    ports = parse_ports(ours.gateway_port_range)
    for option, port in (('[vnc]port', vnc.port),
                         ('[ironic_console]viewer_port', ours.viewer_port),
                         ('[ironic_console]metrics_port',
                          ours.metrics_port)):
        if port in ports:
            raise ConfigError(
                f'{option} is {port}, which is one of the ports of '
                f'[ironic_console]gateway_port_range, '
                f'{ours.gateway_port_range}; move one of them')
    if SecurityNumber.NONE in types and not ours.gateway_networks:
        raise ConfigError(
            '[ironic_console]gateway_security has none, which is for those '
            'in [ironic_console]gateway_networks, and that is empty; name '
            'the hosts of nova-novncproxy')
    with_tls = SecurityNumber.X509_NONE in types
    if with_tls and not ours.gateway_client_ca_file:
        raise ConfigError(
            '[ironic_console]gateway_security has x509none, which needs '
            '[ironic_console]gateway_client_ca_file: the CA that signed the '
            'certificate of nova-novncproxy ([vnc]vencrypt_client_cert '
            'there)')
    return GatewaySettings(
        GatewayPolicy(
            ours.gateway_host, ports, types,
            parse_networks(ours.gateway_networks, 'gateway_networks'),
            frozenset(ours.gateway_client_names), ours.gateway_interval),
        _native_tls(vnc, ours, ours.gateway_client_ca_file)
        if with_tls else None)


def _native_tls(vnc: Any, ours: Any, client_ca_file: str = '') -> ServerTls:
    """What we present to those who are no browsers."""
    if ours.gateway_key_file and not ours.gateway_cert_file:
        raise ConfigError(
            '[ironic_console]gateway_key_file is set, but gateway_cert_file '
            'is not; name the certificate of that key')
    if vnc.cert_file and not ours.gateway_cert_file:
        return ServerTls(
            vnc.cert_file, vnc.key_file or '', vnc.tls_minimum_version,
            vnc.tls_ciphers or '', client_ca_file)
    return ServerTls(
        ours.gateway_cert_file, ours.gateway_key_file,
        vnc.tls_minimum_version, vnc.tls_ciphers or '', client_ca_file,
        ('[ironic_console]gateway_cert_file',
         '[ironic_console]gateway_key_file',
         '[ironic_console]gateway_client_ca_file'))


def _frame_ancestors(origins: list[str]) -> tuple[str, ...]:
    for origin in origins:
        if origin != 'none' and normalise_origin(origin) is None:
            raise ConfigError(
                f'[ironic_console]frame_ancestors has {origin!r}; it must be '
                'an origin like https://horizon.example.org, or "none"')
    return tuple(origins)
